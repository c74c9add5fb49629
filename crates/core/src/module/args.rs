//! From loosely typed parameters to a module's `Args`, with errors that name the parameter and its neighbours.

use super::arguments::Argument;
use super::{ModuleError, short_name};
use crate::text::nearest;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads `args` (a JSON object) as a module's parameters.
///
/// # Errors
/// Names the parameter that is unknown, missing or of the wrong type; an unknown one comes with the nearest known name.
pub fn parse_args<A: DeserializeOwned>(module: &str, args: Value) -> Result<A, ModuleError> {
    A::deserialize(Argument(args)).map_err(|error| ModuleError::new(explain(module, error.path(), &error.to_string())))
}

fn explain(module: &str, path: &str, error: &str) -> String {
    if let Some((unknown, known)) = unknown_field(error) {
        let hint = nearest(&unknown, known.iter().map(String::as_str))
            .map(|near| format!(" Did you mean `{near}`?"))
            .unwrap_or_default();
        let mut known: Vec<_> = known.into_iter().filter(|name| !name.starts_with('_')).collect();
        known.sort_unstable();
        let (module, known) = (short_name(module), known.join(", "));
        return format!(
            "Unsupported parameters for ({module}) module: {unknown}. Supported parameters include: {known}.{hint}"
        );
    }
    if let Some(name) = error.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return format!("missing required arguments: {name}");
    }
    let place = if path.is_empty() { String::new() } else { format!("parameter `{path}`: ") };
    format!("{place}{error}")
}

/// serde's message for unknown fields, taken apart.
fn unknown_field(error: &str) -> Option<(String, Vec<String>)> {
    let mut quoted =
        error.strip_prefix("unknown field `").map(|_| error.split('`').skip(1).step_by(2).map(str::to_owned))?;
    Some((quoted.next()?, quoted.collect()))
}

/// What a module does if only `required` is given: the value of its `Args` type by `Default`.
///
/// # Panics
/// If another parameter is required, or one of these is not read from that value: a mistake in the type, which the
/// test of all modules' defaults finds.
#[allow(clippy::expect_used, reason = "see above")]
pub fn defaults<A: DeserializeOwned>(required: &[(&str, &str)]) -> A {
    let given = required.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    serde_json::from_value(Value::Object(given)).expect("the required parameters are named")
}

/// Implements `Default` for the `Args` beside it with the very values that a task gets which leaves a parameter out.
///
/// Named are those that must be given, with text to stand in for them if the empty one is not allowed:
/// `default_args!(path, state = "present")`.
macro_rules! default_args {
    ($($name:ident $(= $value:literal)?),*) => {
        impl Default for Args {
            fn default() -> Self {
                $crate::module::defaults(&[$((stringify!($name), concat!($($value)?))),*])
            }
        }
    };
}
pub(crate) use default_args;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Args {
        path: String,
        #[serde(default)]
        state: Option<String>,
    }

    #[test]
    fn names_what_is_wrong() {
        let error = |json| parse_args::<Args>("x", json).unwrap_err().msg;
        assert_eq!(
            error(serde_json::json!({"path": "/a", "stat": "x"})),
            "Unsupported parameters for (x) module: stat. Supported parameters include: path, state. Did you mean `state`?"
        );
        assert_eq!(error(serde_json::json!({})), "missing required arguments: path");
        assert!(error(serde_json::json!({"path": []})).starts_with("parameter `path`: invalid type"));
    }
}
