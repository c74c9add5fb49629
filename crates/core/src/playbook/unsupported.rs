//! What Ansible's language has and this engine refuses for now: the one list to shorten as it grows.

use crate::value::Value;

/// When the debugger may begin.
const DEBUGGERS: &[&str] = &["always", "on_failed", "on_unreachable", "on_skipped", "never"];

/// Strategies that can be run.
const STRATEGIES: &[&str] = &["linear", "free", "host_pinned", "debug"];

/// Why a keyword with this value is refused, if it is.
pub(super) fn refused(keyword: &str, value: &Value) -> Option<String> {
    // What is not known before it is evaluated is checked there, by the engine.
    let Value::Str(text) = value else { return None };
    match keyword {
        "debugger" if !DEBUGGERS.contains(&&**text) => {
            let known = DEBUGGERS.join(", ");
            Some(format!("'{text}' is not a valid value for debugger. Must be one of {known}"))
        }
        "strategy" => {
            let short = text.strip_prefix("ansible.builtin.").unwrap_or(text);
            (!STRATEGIES.contains(&short))
                .then(|| format!("strategy `{text}` is not built yet; use one of {}", STRATEGIES.join(", ")))
        }
        _ => None,
    }
}
