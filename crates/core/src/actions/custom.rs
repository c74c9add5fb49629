//! A module of one's own: its file goes to the host and runs there as Ansible runs it, with its arguments in a file.
//!
//! Both go over standard input, so that no argument is seen in a list of processes, and needs no helper there.
//! Deviation: in check mode it is skipped, as nobody can know whether it would look only.

use super::raw::{planned, quote};
use super::{ActionError, Context, Effect, Reply};
use crate::connection::RawOutput;
use crate::module::{Mode, short_name};
use crate::playbook::{JSON_MARKER, ModuleStyle};
use crate::system::local_files;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use serde_json::{Value as Json, json};
use std::path::Path;

/// Runs the module in the file `path`.
///
/// # Errors
/// If it cannot be run, or not here.
pub(crate) fn run(context: &Context<'_>, name: &str, path: &Path, args: &Map) -> Result<Reply, ActionError> {
    let name = short_name(name);
    let content = local_files::read(path).map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
    let style = ModuleStyle::of(&content);
    if let Some(refusal) = style.refusal(name, path) {
        return Err(refusal.into());
    }
    match context.mode {
        Mode::Apply => {}
        // Made for Ansible's library, it knows what a check is.
        Mode::Check if style == ModuleStyle::Python => {}
        Mode::Check => {
            let msg = format!("remote module ({name}) does not support check mode");
            return Ok(Reply { skipped: true, ..Reply::ok([("msg", Value::from(msg))]) });
        }
        Mode::Simulate | Mode::Foresee => return Ok(Reply { unknown: true, ..planned(&path.display().to_string()) }),
    }
    let arguments = all_arguments(context, name, args);
    let (content, arguments) = match style {
        ModuleStyle::KeyValues => (content, key_values(&arguments)?),
        ModuleStyle::Embedded => {
            let whole = String::from_utf8_lossy(&content).replace(JSON_MARKER, &Json::Object(arguments).to_string());
            (whole.into_bytes(), String::new())
        }
        ModuleStyle::Python => {
            let text = String::from_utf8_lossy(&content);
            let packed = super::python_module::pack(context.loader.plugins(), name, path, &text)?;
            (packed, json!({"ANSIBLE_MODULE_ARGS": arguments}).to_string())
        }
        _ => (content, Json::Object(arguments).to_string()),
    };
    let interpreter = interpreter(context, &content)?;
    let command = command(context, name, content.len(), interpreter.as_deref().unwrap_or_default())?;
    let mut stdin = content;
    stdin.extend_from_slice(arguments.as_bytes());
    let output = context.machine.raw(&command, &stdin)?;
    Ok(reply(&output, context.task.async_.is_some()))
}

/// Those of the task and what Ansible tells every module.
fn all_arguments(context: &Context<'_>, name: &str, args: &Map) -> serde_json::Map<String, Json> {
    let mut all: serde_json::Map<String, Json> =
        args.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
    all.extend([
        ("_ansible_check_mode".to_owned(), json!(context.mode == Mode::Check)),
        ("_ansible_remote_tmp".to_owned(), json!("~/.ansible/tmp")),
        ("_ansible_selinux_special_fs".to_owned(), json!([])),
        ("_ansible_no_log".to_owned(), json!(false)),
        ("_ansible_debug".to_owned(), json!(false)),
        ("_ansible_diff".to_owned(), json!(context.diff)),
        ("_ansible_verbosity".to_owned(), json!(context.verbosity)),
        ("_ansible_module_name".to_owned(), json!(name)),
        ("_ansible_keep_remote_files".to_owned(), json!(false)),
        ("_ansible_shell_executable".to_owned(), json!("/bin/sh")),
    ]);
    all
}

fn key_values(arguments: &serde_json::Map<String, Json>) -> Result<String, ActionError> {
    let mut text = String::new();
    for (name, value) in arguments {
        text.push_str(&format!("{name}={} ", quote(&Templar::text_of(&Value::from(value.clone())))?));
    }
    Ok(text)
}

/// What the first line names to run it, or what the host's variables say instead: `ansible_perl_interpreter`.
fn interpreter(context: &Context<'_>, content: &[u8]) -> Result<Option<String>, ActionError> {
    let Some(line) = content.strip_prefix(b"#!").and_then(|rest| rest.split(|byte| *byte == b'\n').next()) else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = shlex::split(line.trim()).unwrap_or_default();
    if words.len() > 1 && words[0].rsplit('/').next() == Some("env") {
        words.remove(0);
    }
    let Some(first) = words.first_mut() else { return Ok(None) };
    let base = first.rsplit('/').next().unwrap_or_default().to_owned();
    let family = if base.starts_with("python") { "python" } else { &base };
    let given =
        context.templar.variable(&format!("ansible_{family}_interpreter"))?.map(|value| Templar::text_of(&value));
    let given = given.filter(|given| !given.is_empty() && !given.starts_with("auto"));
    let is_python = family == "python" && given.is_none();
    if let Some(given) = given {
        *first = given;
    }
    let mut line = String::new();
    for (index, word) in words.iter().enumerate() {
        if index == 0 && is_python {
            // Many hosts have it under one of its names only.
            line.push_str(&format!("\"$(command -v {} || command -v python3 || echo python)\" ", quote(word)?));
        } else {
            line.push_str(&format!("{} ", quote(word)?));
        }
    }
    Ok(Some(line))
}

/// A command line that takes module and arguments from standard input into a private directory, runs it and removes it.
fn command(context: &Context<'_>, name: &str, size: usize, interpreter: &str) -> Result<String, ActionError> {
    let mut line = format!(
        "umask 077; d=$(mktemp -d \"${{TMPDIR:-/tmp}}/hostler.XXXXXX\") || exit 1; trap 'rm -rf \"$d\"' EXIT; m=\"$d/\"{}; \
         cat >\"$d/.all\" && head -c {size} \"$d/.all\" >\"$m\" && tail -c +{} \"$d/.all\" >\"$d/args\" && \
         rm \"$d/.all\" && chmod 0700 \"$m\" || exit 1; ",
        quote(name)?,
        size + 1
    );
    for (name, value) in context.machine.environment() {
        line.push_str(&format!("export {name}={}; ", quote(value)?));
    }
    line.push_str(&format!("{interpreter}\"$m\" \"$d/args\" </dev/null"));
    Ok(format!("/bin/sh -c {}", quote(&line)?))
}

/// What the module printed, as a result; in the background with what it wrote to standard error.
fn reply(output: &RawOutput, background: bool) -> Reply {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let Some((mut fields, junk)) = object(&stdout) else {
        let fields = [
            ("module_stdout", Value::from(&*stdout)),
            ("module_stderr", Value::from(&*String::from_utf8_lossy(&output.stderr))),
            ("rc", Value::Int(i64::from(output.rc))),
        ];
        let msg = "Module result deserialization failed: No start of json char found\nSee stdout/stderr for the returned output.";
        return Reply { from_host: true, ..Reply::failure(msg, fields) };
    };
    if background && !output.stderr.is_empty() && !fields.contains_key("stderr") {
        fields.insert("stderr".to_owned(), json!(String::from_utf8_lossy(&output.stderr)));
    }
    if !junk.is_empty() {
        let told = format!("Module invocation had junk after the JSON data: {junk}");
        add_warning(&mut fields, told);
    }
    Reply { from_host: true, ..result(fields) }
}

/// Adds to the warnings of a result in Ansible's form.
pub(super) fn add_warning(fields: &mut serde_json::Map<String, Json>, warning: String) {
    let told = json!(warning);
    match fields.entry("warnings").or_insert_with(|| json!([])) {
        Json::Array(warnings) => warnings.push(told),
        other => *other = json!([other.take(), told]),
    }
}

/// What a result in Ansible's form says.
pub(super) fn result(fields: serde_json::Map<String, Json>) -> Reply {
    let flag = |name: &str| fields.get(name).is_some_and(|value| Value::from(value.clone()).as_bool() == Some(true));
    let failing_rc =
        fields.get("rc").is_some_and(|rc| !matches!(rc, Json::Null) && *rc != json!(0) && *rc != json!("0"));
    let failed = if fields.contains_key("failed") { flag("failed") } else { failing_rc };
    let (changed, skipped) = (flag("changed"), flag("skipped"));
    let no_log = flag("_ansible_no_log") || fields.get("_ansible_no_log").is_some_and(Json::is_string);
    let mut reply = Reply { changed, failed, skipped, no_log, ..Reply::default() };
    let hidden = |name: &str| matches!(name, "changed" | "failed") || name.starts_with("_ansible_");
    for (name, value) in fields.into_iter().filter(|(name, _)| !hidden(name)) {
        reply.output.insert(Key::from(name), Value::from(plain(value)));
    }
    for name in ["stdout", "stderr"] {
        let lines = format!("{name}_lines");
        if let Some(Value::Str(text)) = reply.output.get(name)
            && !reply.output.contains_key(lines.as_str())
        {
            let list = Value::list(text.lines().map(Value::from));
            reply.output.insert(Key::from(lines), list);
        }
    }
    if let Some(Value::Map(facts)) = reply.output.get("ansible_facts") {
        reply.effects.push(Effect::Facts(Map::clone(facts)));
    }
    reply
}

/// What Ansible's library sends as summaries of messages, in the form that results have them.
fn plain(value: Json) -> Json {
    match value {
        Json::Array(items) => items.into_iter().map(plain).collect(),
        Json::Object(mut fields) => {
            let message = fields.get("event").and_then(|event| event.get("msg")).cloned();
            match (fields.get("__ansible_type").and_then(Json::as_str), message) {
                (Some("WarningSummary" | "ErrorSummary"), Some(message)) => message,
                (Some("DeprecationSummary"), Some(message)) => {
                    let mut told = serde_json::Map::from_iter([("msg".to_owned(), message)]);
                    for name in ["version", "date"] {
                        told.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
                    }
                    Json::Object(told)
                }
                // What is internal stays so at any depth.
                _ => Json::Object(
                    fields
                        .into_iter()
                        .filter(|(name, _)| !name.starts_with("_ansible_"))
                        .map(|(name, value)| (name, plain(value)))
                        .collect(),
                ),
            }
        }
        other => other,
    }
}

/// The JSON object in a module's output: from the first line that opens one to the last that closes it; and what comes after that.
fn object(stdout: &str) -> Option<(serde_json::Map<String, Json>, &str)> {
    let mut at = 0;
    for line in stdout.split_inclusive('\n') {
        if line.trim_start().starts_with('{') {
            let end = stdout.rfind('}')?;
            let fields = serde_json::from_str(stdout.get(at..=end)?).ok()?;
            return Some((fields, stdout[end + 1..].trim()));
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str, rc: i32) -> Reply {
        reply(&RawOutput { rc, stdout: stdout.into(), stderr: b"oops".to_vec() }, false)
    }

    #[test]
    fn results_are_what_modules_print() {
        let found = said("motd\n{\"changed\": true, \"stdout\": \"a\\nb\", \"ansible_facts\": {\"x\": 1}}\nbye\n", 0);
        assert!(found.changed && !found.failed);
        let junk = "Module invocation had junk after the JSON data: bye";
        assert_eq!(found.output.get("warnings").unwrap().to_json(), json!([junk]));
        assert_eq!(found.output.get("stdout_lines").unwrap().to_json(), json!(["a", "b"]));
        assert_eq!(found.effects.len(), 1);
        let warned = said(r#"{"warnings": [{"event": {"msg": "a"}, "__ansible_type": "WarningSummary"}, "b"]}"#, 0);
        assert_eq!(warned.output.get("warnings").unwrap().to_json(), json!(["a", "b"]));
        assert!(said("{\"rc\": 1}", 0).failed);
        assert!(said("{\"failed\": true, \"msg\": \"no\"}", 1).failed);
        let summary = r#"{"warnings": [{"__ansible_type": "WarningSummary", "event": {"msg": "odd"}}],
            "deprecations": [{"__ansible_type": "DeprecationSummary", "event": {"msg": "old"}, "version": "9", "x": 1}]}"#;
        let told = said(summary, 0).output;
        assert_eq!(told.get("warnings").unwrap().to_json(), json!(["odd"]));
        assert_eq!(told.get("deprecations").unwrap().to_json(), json!([{"msg": "old", "version": "9"}]));
        let broken = said("Segmentation fault", 139);
        assert!(broken.failed);
        assert_eq!(broken.output.get("module_stderr").unwrap().to_json(), json!("oops"));
        assert_eq!(broken.output.get("rc").unwrap().to_json(), json!(139));
    }
}
