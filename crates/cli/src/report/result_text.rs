//! A task's result as text: what all formats for people share.

use super::ansible::{Look, ResultFormat, layout};
use super::{View, python_json};
use hostler_core::diagnostic::Span;
use hostler_core::event::{Status, TaskInfo, TaskResult};
use hostler_core::value::parse_bool;
use serde_json::{Map, Value};

/// Fields of a failed result that say nothing to a person.
const NOISE: &[&str] = &[
    "changed",
    "failed",
    "skipped",
    "invocation",
    "diff",
    "stdout_lines",
    "stderr_lines",
    "start",
    "end",
    "delta",
    "ansible_loop_var",
    "failed_when_result",
    "unreachable",
    "results",
];

/// `debug` exists to be seen: its results are always shown.
pub fn is_debug(task: &TaskInfo) -> bool {
    task.action == "ansible.builtin.debug"
}

/// An `assert` that is to say nothing where all holds.
pub fn is_quiet(task: &TaskInfo) -> bool {
    task.args.iter().any(|(name, value)| name == "quiet" && parse_bool(value) == Some(true))
}

/// `host`, or `host -> other` where another one does the work.
pub fn host_label(host: &str, result: &TaskResult) -> String {
    match &result.delegated_to {
        Some(other) => format!("{host} -> {other}"),
        None => host.to_owned(),
    }
}

/// The result as `-v` shows it: without what is internal, what is shown elsewhere, and the details of `-vvv`.
pub fn shown(task: &TaskInfo, result: &TaskResult, view: &View) -> Map<String, Value> {
    let mut fields = result.result.clone();
    fields.retain(|name, _| {
        let internal =
            name.starts_with("_ansible_") || matches!(name.as_str(), "exception" | "warnings" | "deprecations");
        let detail = matches!(name.as_str(), "invocation" | "diff") && view.look.verbosity < 3;
        !internal && !detail
    });
    fields.shift_remove("failed");
    if result.status == Status::Skipped {
        fields.shift_remove("skipped");
    }
    if is_debug(task) && matches!(result.status, Status::Ok | Status::Changed) {
        let message = fields.contains_key("msg");
        fields.retain(|name, _| if message { name == "msg" } else { !matches!(name.as_str(), "changed" | "skipped") });
    }
    fields
}

/// ` => {…}` where the verbosity, or the action, asks for it.
pub fn arrow(task: &TaskInfo, result: &TaskResult, view: &View) -> String {
    // An `assert` that is to be quiet has no message.
    let told = task.action == "ansible.builtin.assert" && !is_quiet(task);
    let always = (is_debug(task) || told) && result.status != Status::Skipped;
    match always || view.look.verbosity > 0 {
        true => format!(" => {}", dump(task, result, view, always)),
        false => String::new(),
    }
}

/// The result in the form that the settings ask for: JSON on one line, or indented where asked for or with `-vvv`.
pub fn dump(task: &TaskInfo, result: &TaskResult, view: &View, indented: bool) -> String {
    let fields = shown(task, result, view);
    layout(&fields, &view.look, view.look.pretty.unwrap_or(indented || view.look.verbosity > 2))
}

/// The same as lines of their own, four columns to the right.
pub fn below(task: &TaskInfo, result: &TaskResult, view: &View) -> String {
    let text = dump(task, result, view, true);
    match view.look.format {
        ResultFormat::Yaml => text.trim_start_matches('\n').to_owned(),
        _ => text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") }).collect(),
    }
}

/// The task's arguments after its name, where the settings want to see them.
pub fn args(task: &TaskInfo, look: &Look) -> String {
    let args: Vec<String> = match look.args {
        true => task.args.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        false => Vec::new(),
    };
    if args.is_empty() { String::new() } else { format!(" {}", args.join(", ")) }
}

/// What a command that failed printed, with its own line ends, unless the result itself is shown so; where the task stands.
pub fn failure_details(task: &TaskInfo, result: &TaskResult, view: &View) -> String {
    let mut text = String::new();
    let readable = view.look.format != ResultFormat::Json;
    for name in ["msg", "stdout", "stderr", "module_stdout", "module_stderr"].into_iter().filter(|_| !readable) {
        let Some(Value::String(content)) = result.result.get(name) else { continue };
        // A one-line message is readable where it stands.
        if !content.trim().is_empty() && (name != "msg" || content.trim().contains('\n')) {
            block(name, content, &mut text);
        }
    }
    if let Some(span) = &task.span {
        text.push_str(&format!("    at {span}\n"));
    }
    text
}

/// Everything a failed result says, one field a line, texts of several lines below their name.
pub fn failure_in_full(task: &TaskInfo, result: &TaskResult, view: &View) -> String {
    let mut text = String::new();
    let fields = shown(task, result, view);
    let first = ["msg", "rc", "cmd"];
    let rest = fields.keys().map(String::as_str).filter(|name| !first.contains(name));
    for name in first.iter().copied().chain(rest) {
        match fields.get(name) {
            None | Some(Value::Null) => {}
            Some(_) if NOISE.contains(&name) && view.look.verbosity == 0 => {}
            Some(Value::String(content)) if content.trim().is_empty() => {}
            Some(Value::String(content)) if content.trim().contains('\n') => block(name, content, &mut text),
            Some(Value::String(content)) => text.push_str(&format!("    {name}: {}\n", content.trim())),
            Some(other @ (Value::Array(_) | Value::Object(_))) if view.look.format == ResultFormat::Yaml => {
                let field = Map::from_iter([(name.to_owned(), other.clone())]);
                text.push_str(layout(&field, &view.look, true).trim_start_matches('\n'));
            }
            Some(other) => text.push_str(&format!("    {name}: {}\n", python_json::line(other))),
        }
    }
    if let Some(span) = &task.span {
        text.push_str(&format!("    at {span}\n"));
    }
    text
}

/// Why only apply will know.
pub fn unknown_reason(result: &TaskResult) -> &str {
    let message = result.result.get("msg").and_then(Value::as_str).unwrap_or_default();
    message.strip_prefix("decided at apply: ").unwrap_or(message)
}

/// `/FILE:LINE`: who reads it need not know where the run was started.
pub fn place(span: &Span) -> String {
    let path = span.file.path();
    format!("{}:{}", std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display(), span.line)
}

/// What the module, or the engine, warns of.
pub fn warnings(result: &TaskResult) -> impl Iterator<Item = &str> {
    let listed = |name: &str| result.result.get(name).and_then(Value::as_array).into_iter().flatten();
    listed("warnings").chain(listed("deprecations")).filter_map(|warning| {
        // Deprecations are mappings with a message.
        warning.as_str().or_else(|| warning.get("msg").and_then(Value::as_str))
    })
}

fn block(name: &str, content: &str, text: &mut String) {
    text.push_str(&format!("    {name}:\n"));
    for line in content.trim_end().lines() {
        text.push_str(&format!("      {line}\n"));
    }
}
