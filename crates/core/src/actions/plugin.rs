//! A user's action plug-in: runs in the controller's Python with Ansible's library, and works on the host by way of this connection.

use super::custom::{add_warning, result};
use super::raw::planned;
use super::{ActionError, Context, Reply};
use crate::connection::ConnectionError;
use crate::module::{Mode, short_name};
use crate::plugins::{Asked, Plugin, Refusal, Want};
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as JsonMap, Value as Json, json};
use std::sync::Arc;

/// Runs the plug-in.
///
/// # Errors
/// What it raised, if it cannot be run, or if the host is lost.
pub(crate) fn run(context: &Context<'_>, plugin: &Plugin, args: &Map) -> Result<Reply, ActionError> {
    if matches!(context.mode, Mode::Simulate | Mode::Foresee) {
        let mut reply = Reply { unknown: true, ..planned(&plugin.path.display().to_string()) };
        let reason = format!("only the plug-in {} knows what it does", plugin.name);
        reply.output.insert(Key::from("msg"), Value::from(reason));
        return Ok(reply);
    }
    let text = |name: &str| -> Result<Option<String>, ActionError> {
        Ok(context.templar.variable(name)?.map(|value| Templar::text_of(&value)))
    };
    let written = &context.task.args;
    let details = json!({
        "args": args.iter().map(|(key, value)| (key.to_string(), marked(value, written.get(key)))).collect::<JsonMap<_, _>>(),
        "basedir": context.playbook_dir,
        "search": context.templar.search(),
        "options": {
            "name": context.task.name.as_ref().map(|name| Templar::text_of(&name.value)),
            "check": context.mode == Mode::Check,
            "diff": context.diff,
            "verbosity": context.verbosity,
            "environment": context.machine.environment(),
            "collections": collections(context),
            "address": text("ansible_host")?.unwrap_or_else(|| context.host.to_string()),
            "user": text("ansible_user")?,
            "transport": text("ansible_connection")?.unwrap_or_else(|| "ssh".to_owned()),
        },
    });
    let mut host = Host { context, lost: None };
    let answer = context.loader.plugins().run(plugin, details, &mut host, &|| context.cancel.is_requested());
    if let Some(lost) = host.lost {
        return Err(lost.into());
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok(Reply::failure(format!("Task failed: {error}"), [("changed", Value::Bool(false))])),
    };
    let said = answer.said();
    let Json::Object(mut fields) = answer.value else { return Err("an action gives a mapping".into()) };
    if !said.is_empty() {
        add_warning(&mut fields, said);
    }
    Ok(result(fields))
}

/// Where short names are looked for: in Ansible's own collection too.
fn collections(context: &Context<'_>) -> Vec<String> {
    let mut names: Vec<String> = context.task.scope.collections().iter().map(ToString::to_string).collect();
    if !names.is_empty() && !names.iter().any(|name| name == "ansible.builtin" || name == "ansible.legacy") {
        names.push("ansible.legacy".to_owned());
    }
    names
}

/// A parameter, in which text is marked that the playbook has as it is: what is made of that may be evaluated.
fn marked(value: &Value, written: Option<&Value>) -> Json {
    match (value, written) {
        (Value::Str(text), Some(Value::Str(own))) if **text == **own => json!({"__trusted": &**text}),
        (Value::Str(text), Some(Value::Template(own))) if **text == *own.source => json!({"__trusted": &**text}),
        (Value::List(items), Some(Value::List(written))) => {
            items.iter().enumerate().map(|(index, item)| marked(item, written.get(index))).collect()
        }
        (Value::Map(map), Some(Value::Map(written))) => {
            map.iter().map(|(key, value)| (key.to_string(), marked(value, written.get(key)))).collect()
        }
        (value, _) => value.to_json(),
    }
}

/// The host, as a plug-in asks for it.
struct Host<'a, 'b> {
    context: &'a Context<'b>,
    lost: Option<ConnectionError>,
}

impl Host<'_, '_> {
    fn refused(&mut self, error: ActionError) -> Refusal {
        match error {
            ActionError::Connection(error @ ConnectionError::Unreachable(_)) => {
                let reason = error.to_string();
                self.lost = Some(error);
                Refusal::Lost(reason)
            }
            other => Refusal::Error(other.to_string()),
        }
    }

    fn module(&self, name: &str, args: Json) -> Result<Json, ActionError> {
        let Value::Map(mut args) = Value::from(args) else { return Err("a module's arguments are a mapping".into()) };
        let name = as_shell(name, Arc::make_mut(&mut args)).unwrap_or(name);
        let reply = self.context.any_module(name, &args)?;
        let mut output = reply.output;
        output.insert(Key::from("changed"), Value::Bool(reply.changed));
        if reply.failed {
            output.insert(Key::from("failed"), Value::Bool(true));
        }
        if self.context.diff && !reply.diff.is_empty() {
            let diffs = reply.diff.iter().map(|diff| Value::from(diff.to_result()));
            output.insert(Key::from("diff"), Value::list(diffs));
        }
        Ok(Value::from(output).to_json())
    }

    fn raw(&self, command: &str, stdin: &str) -> Result<Json, ActionError> {
        let stdin = STANDARD.decode(stdin).map_err(|error| ActionError::Failed(error.to_string()))?;
        let output = self.context.machine.raw(command, &stdin)?;
        Ok(json!({
            "rc": output.rc, "stdout": STANDARD.encode(&output.stdout), "stderr": STANDARD.encode(&output.stderr),
        }))
    }
}

/// Ansible's `shell` is its `command`, told so by a parameter: plug-ins know it by that.
fn as_shell(name: &str, args: &mut Map) -> Option<&'static str> {
    if short_name(name) != "command" {
        return None;
    }
    let shell = args.shift_remove("_uses_shell")?.as_bool()?;
    shell.then_some("ansible.builtin.shell")
}

impl Asked for Host<'_, '_> {
    fn answer(&mut self, want: Want) -> Result<Json, Refusal> {
        let answer = match want {
            Want::Names => {
                let names: Vec<String> = self.context.templar.variables().keys().map(ToString::to_string).collect();
                Ok(json!(names))
            }
            Want::Variable { name } => match self.context.templar.variable(&name) {
                Ok(value) => Ok(value.map_or_else(|| json!([]), |value| json!([value.to_json()]))),
                Err(error) => Err(error.into()),
            },
            Want::Module { name, args } => self.module(&name, args),
            Want::Raw { command, stdin } => self.raw(&command, &stdin),
        };
        answer.map_err(|error| self.refused(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_that_uses_a_shell_is_shell() {
        let args = |shell: bool| Map::from_iter([(Key::from("_uses_shell"), Value::Bool(shell))]);
        let (mut with, mut without, mut others) = (args(true), args(false), args(true));
        assert_eq!(as_shell("ansible.legacy.command", &mut with), Some("ansible.builtin.shell"));
        assert_eq!(as_shell("command", &mut without), None);
        assert_eq!(as_shell("testns.col.mine", &mut others), None);
        assert!(with.is_empty() && without.is_empty() && !others.is_empty());
    }
}
