//! `script`: a local script, run on the host by its own interpreter. Needs no helper there.

use super::context::{Context, text};
use super::raw::{command_reply, planned, quote};
use super::{Action, ActionError, Reply, check_parameters};
use crate::module::Mode;
use crate::system::local_files;
use crate::value::{Key, Map, Value};

pub(super) struct Script;

impl Action for Script {
    fn name(&self) -> &'static str {
        "ansible.builtin.script"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["_raw_params", "cmd", "chdir", "creates", "removes", "executable", "decrypt"])
    }

    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let line = text(&args, "_raw_params").or_else(|| text(&args, "cmd")).ok_or("script needs a command line")?;
        let words = shlex::split(&line).ok_or_else(|| ActionError::Failed(format!("unbalanced quotes in '{line}'")))?;
        let (script, arguments) = words.split_first().ok_or("script needs a command line")?;
        if let Some(reason) = needless(context, &args)? {
            return Ok(Reply { skipped: true, ..Reply::ok([("msg", Value::from(reason))]) });
        }
        if context.mode != Mode::Apply {
            return Ok(planned(&line));
        }
        let path = context.find_file("files", script)?;
        let mut content =
            local_files::read(&path).map_err(|error| ActionError::Failed(format!("failed to {error}")))?;
        if content.starts_with(b"$ANSIBLE_VAULT;") && super::context::flag(&args, "decrypt", true)? {
            let envelope = String::from_utf8_lossy(&content).into_owned();
            content = context.vault.decrypt(&envelope).map_err(|error| {
                ActionError::Failed(format!("failed to open the vault {}: {error}", path.display()))
            })?;
        }
        let command = command(context, &args, arguments, content.len())?;
        let output = context.machine.raw(&command, &content)?;
        Ok(command_reply(output.rc, &output.stdout, &output.stderr))
    }
}

/// One command line that takes the script from standard input into a private file, runs it and removes it.
fn command(context: &Context<'_>, args: &Map, arguments: &[String], size: usize) -> Result<String, ActionError> {
    let mut line = String::from(
        "umask 077; d=$(mktemp -d \"${TMPDIR:-/tmp}/hostler.XXXXXX\") || exit 1; trap 'rm -rf \"$d\"' EXIT; ",
    );
    line.push_str(&format!("head -c {size} >\"$d/script\" && chmod 0700 \"$d/script\" || exit 1; "));
    if let Some(dir) = text(args, "chdir") {
        line.push_str(&format!("cd {} || exit 1; ", quote(&dir)?));
    }
    for (name, value) in context.machine.environment() {
        line.push_str(&format!("export {name}={}; ", quote(value)?));
    }
    if let Some(executable) = text(args, "executable") {
        line.push_str(&executable);
        line.push(' ');
    }
    line.push_str("\"$d/script\"");
    for argument in arguments {
        line.push(' ');
        line.push_str(&quote(argument)?);
    }
    line.push_str(" </dev/null");
    Ok(format!("/bin/sh -c {}", quote(&line)?))
}

/// `creates` and `removes`: why it need not run.
fn needless(context: &Context<'_>, args: &Map) -> Result<Option<String>, ActionError> {
    for (name, ends_it) in [("creates", true), ("removes", false)] {
        let Some(path) = text(args, name) else { continue };
        let stat = context
            .module("ansible.builtin.stat", &Map::from_iter([(Key::from("path"), Value::from(path.as_str()))]))?;
        let exists =
            stat.output.get("stat").and_then(|stat| stat.get("exists")).and_then(Value::as_bool).unwrap_or(false);
        if exists == ends_it {
            let state = if exists { "exists" } else { "does not exist" };
            return Ok(Some(format!("{path} {state}, matching {name} option")));
        }
    }
    Ok(None)
}
