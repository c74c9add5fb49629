//! A task's result as Ansible's callbacks dump it.

use super::layout::layout;
use super::look::{DIFF_ADD, DIFF_LINES, DIFF_REMOVE, Look, ResultFormat};
use super::message::place;
use crate::report::python_json;
use crate::report::result_text::is_quiet;
use hostler_core::event::{Status, TaskInfo, TaskResult};
use hostler_core::module::Diff;
use hostler_core::template::Templar;
use hostler_core::value;
use serde_json::{Map, Value};
use similar::TextDiff;

/// What `debug` shows nothing but its own value of.
const HIDDEN_IN_DEBUG: &[&str] = &[
    "changed",
    "failed",
    "skipped",
    "invocation",
    "skip_reason",
    "ansible_loop_var",
    "ansible_index_var",
    "ansible_loop",
];
/// Actions that are no modules: their failures are theirs.
const ACTIONS: &[&str] = &[
    "add_host",
    "assert",
    "async_status",
    "debug",
    "fail",
    "fetch",
    "group_by",
    "include_role",
    "include_tasks",
    "include_vars",
    "pause",
    "script",
    "set_fact",
    "set_stats",
    "template",
    "validate_argument_spec",
    "wait_for_connection",
];

/// The action's name without its collection.
pub fn short(task: &TaskInfo) -> &str {
    task.action.strip_prefix("ansible.builtin.").unwrap_or(&task.action)
}

/// `host`, or `host -> other` where another one does the work.
pub fn host_label(host: &str, result: &TaskResult) -> String {
    match &result.delegated_to {
        Some(other) if **other != *host => match &result.delegated_address {
            Some(address) => format!("{host} -> {other}({address})"),
            None => format!("{host} -> {other}"),
        },
        _ => host.to_owned(),
    }
}

/// Results that are shown whatever the verbosity.
pub fn always(task: &TaskInfo, result: &TaskResult) -> bool {
    match short(task) {
        _ if result.result.contains_key("censored") => false,
        // What fails for a condition has shown its value all the same.
        "debug" => {
            result.status != Status::Skipped && (!failed(result) || result.result.contains_key("failed_when_result"))
        }
        "assert" => !is_quiet(task) && result.status != Status::Skipped,
        _ => false,
    }
}

fn failed(result: &TaskResult) -> bool {
    matches!(result.status, Status::Failed | Status::Ignored | Status::Unreachable)
}

/// Whether it only brings facts, which are never shown.
pub fn is_facts(task: &TaskInfo) -> bool {
    matches!(short(task), "setup" | "gather_facts")
}

/// Whether the result is shown at this verbosity.
pub fn is_verbose(task: &TaskInfo, result: &TaskResult, look: &Look) -> bool {
    (look.verbosity > 0 || always(task, result)) && !is_facts(task)
}

/// Whether Ansible says beforehand what the task changes: what a command does is not known.
pub fn tells_changes(task: &TaskInfo) -> bool {
    !matches!(short(task), "command" | "shell" | "raw" | "script")
}

/// The result's fields as they are shown. `items`: those of a loop are shown one by one already.
fn shown(task: &TaskInfo, result: &TaskResult, look: &Look, items: bool) -> Map<String, Value> {
    let mut fields = result.result.clone();
    if short(task) == "debug" {
        match fields.contains_key("msg") {
            true => fields.retain(|name, _| name == "msg"),
            false => fields.retain(|name, _| !HIDDEN_IN_DEBUG.contains(&name.as_str())),
        }
    }
    tell(&mut fields, look, items);
    fields
}

/// Leaves out what is internal, told otherwise, or too much.
fn tell(fields: &mut Map<String, Value>, look: &Look, items: bool) {
    fields.retain(|name, _| {
        let internal = name.starts_with("_ansible_");
        let told = matches!(name.as_str(), "exception" | "warnings" | "deprecations" | "failed" | "skipped");
        let detail = matches!(name.as_str(), "invocation" | "diff") && look.verbosity < 3;
        !(internal || told || detail || items && name == "results")
    });
}

/// The result as text.
pub fn dump(task: &TaskInfo, result: &TaskResult, look: &Look, items: bool) -> String {
    let fields = shown(task, result, look, items);
    let pretty = look.pretty == Some(true)
        || (look.pretty.is_none() && (always(task, result) || look.format == ResultFormat::Yaml || look.verbosity > 2));
    layout(&fields, look, pretty)
}

/// The result, indented.
pub fn dump_indented(task: &TaskInfo, result: &TaskResult, look: &Look) -> String {
    layout(&shown(task, result, look, false), look, look.pretty != Some(false))
}

/// The result with all that it has to say, as `tree` keeps it.
pub fn dump_whole(task: &TaskInfo, result: &TaskResult, look: &Look) -> String {
    let mut fields = result.result.clone();
    tell(&mut fields, look, false);
    layout(&fields, look, is_spread(task, result, look))
}

/// The result as JSON without columns, as `junit` has it.
pub fn dump_flat(task: &TaskInfo, result: &TaskResult, look: &Look) -> String {
    let mut fields = result.result.clone();
    tell(&mut fields, look, false);
    let fields = Value::Object(fields);
    match is_spread(task, result, look) {
        true => python_json::pretty(&fields),
        false => python_json::flat(&fields),
    }
}

/// The whole result, indented, as `unixy` has it.
pub fn dump_spread(result: &TaskResult, look: &Look) -> String {
    let mut fields = result.result.clone();
    tell(&mut fields, look, false);
    layout(&fields, look, look.pretty != Some(false))
}

/// Whether the result as a whole is indented: of a loop, only its items would be.
fn is_spread(task: &TaskInfo, result: &TaskResult, look: &Look) -> bool {
    (always(task, result) && !task.looped) || look.verbosity > 2
}

/// The same on one line, as `oneline` has it.
pub fn dump_tight(task: &TaskInfo, result: &TaskResult, look: &Look) -> String {
    dump_flat(task, result, look).replace('\n', "")
}

/// Why it failed, as an error with its place, or with the `origin` of a task that stands in no file; `None` where
/// nothing may be said.
pub fn error(task: &TaskInfo, result: &TaskResult, origin: Option<&str>) -> Option<String> {
    let message = failure(task, result)?;
    let place = match origin {
        Some(origin) => format!("\n{origin}"),
        None => task.span.as_ref().map(place).unwrap_or_default(),
    };
    Some(format!("[ERROR]: {message}{place}\n"))
}

/// Why it failed, in words; `None` where nothing may be said.
pub fn failure(task: &TaskInfo, result: &TaskResult) -> Option<String> {
    if result.result.contains_key("censored") {
        return None;
    }
    let field = |name: &str| result.result.get(name);
    // What could not be included has a reason only.
    if field("msg").is_none() && field("reason").is_some() {
        return None;
    }
    // The module itself was content.
    let judged = field("failed_when_result") == Some(&Value::Bool(true)) && field("rc").is_none_or(|rc| *rc == 0);
    let message = match field("msg") {
        None if judged => "Unknown error.".to_owned(),
        None => String::new(),
        Some(message) => Templar::text_of(&value::Value::from(message.clone())),
    };
    let kind = if judged || ACTIONS.contains(&short(task)) { "Action failed" } else { "Module failed" };
    Some(match () {
        () if message.starts_with("Task failed:") => message,
        () if field("unreachable").is_some() => format!("Task failed: {message}"),
        () if message.is_empty() => format!("Task failed: {kind}."),
        () => format!("Task failed: {kind}: {message}"),
    })
}

/// What the module, or the engine, warns of: the label, and the message.
pub fn warnings(result: &TaskResult) -> impl Iterator<Item = (&'static str, &str)> {
    let listed = |name: &'static str, label: &'static str| {
        let texts = result.result.get(name).and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(move |text| Some((label, text.as_str().or_else(|| text.get("msg").and_then(Value::as_str))?)))
    };
    listed("warnings", "WARNING").chain(listed("deprecations", "DEPRECATION WARNING"))
}

/// All changes, as `--diff` shows them; empty if nothing differs.
pub fn diff(diffs: &[Diff], look: &Look) -> String {
    diffs.iter().map(|diff| one_diff(diff, look)).collect()
}

fn one_diff(diff: &Diff, look: &Look) -> String {
    let mut text = String::new();
    if diff.before != diff.after {
        let header = |side: &str, header: &str| match header {
            "" => side.to_owned(),
            header => format!("{side}: {header}"),
        };
        let (before, after) = (header("before", &diff.before_header), header("after", &diff.after_header));
        let changes = TextDiff::from_lines(&diff.before, &diff.after);
        let unified = changes.unified_diff().context_radius(look.diff_context).header(&before, &after).to_string();
        for line in unified.lines() {
            let colour = match line.bytes().next() {
                Some(b'+') => Some(DIFF_ADD),
                Some(b'-') => Some(DIFF_REMOVE),
                Some(b'@') => Some(DIFF_LINES),
                _ => None,
            };
            let line = format!("{line}\n");
            text.push_str(&colour.map_or_else(|| line.clone(), |colour| look.paint(colour, &line)));
        }
        text.push('\n');
    }
    text.push_str(&diff.prepared);
    text
}
