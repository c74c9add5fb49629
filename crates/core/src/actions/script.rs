//! `script`: a local script, run on the host by its own interpreter. Needs no helper there.

use super::local_files;
use super::raw::{command_reply, planned, quote, shown};
use super::{Action, ActionError, Context, Reply};
use crate::module::Mode;
use crate::module::types::{LooseBool, LooseString};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Script;

/// Runs a script of the controller's on the host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Path of the script on the controller and its arguments: the task's text.
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    line: Option<LooseString>,
    /// Path of the script on the controller and its arguments.
    cmd: Option<LooseString>,
    /// Directory to run it in.
    chdir: Option<LooseString>,
    /// Not run if this path exists.
    creates: Option<LooseString>,
    /// Only run if this path exists.
    removes: Option<LooseString>,
    /// Program that runs the script, with its options, such as `python3 -u`.
    executable: Option<LooseString>,
    /// Whether a script that is a vault is opened.
    #[serde(default = "LooseBool::yes")]
    decrypt: LooseBool,
}

impl Action for Script {
    const NAME: &'static str = "ansible.builtin.script";
    type Args = Args;

    fn run(context: &Context<'_>, args: Args, _: Map) -> Result<Reply, ActionError> {
        let line =
            args.line.as_ref().or(args.cmd.as_ref()).ok_or("one of the following is required: _raw_params, cmd")?;
        let words =
            shlex::split(line).ok_or_else(|| ActionError::Failed(format!("unbalanced quotes in '{}'", line.0)))?;
        let (script, arguments) = words.split_first().ok_or("script needs a command line")?;
        if let Some(reason) = needless(context, &args)? {
            return Ok(Reply { skipped: true, ..Reply::ok([("msg", Value::from(reason))]) });
        }
        match context.mode {
            Mode::Apply => {}
            Mode::Simulate => return Ok(planned(line)),
            // What it would be asked for decides whether it would run; else nobody knows what it would change.
            Mode::Check | Mode::Foresee if args.creates.is_some() || args.removes.is_some() => {
                return Ok(Reply { changed: true, ..planned(line) });
            }
            Mode::Check | Mode::Foresee => {
                let message = Value::from("Check mode is not supported for this task.");
                return Ok(Reply { skipped: true, ..Reply::ok([("msg", message)]) });
            }
        }
        let path = context.find_file("files", script)?;
        let (content, _) = local_files::read(context, &path, *args.decrypt)?;
        let command = command(context, &args, arguments, content.len())?;
        let output = context.machine.raw(&command, &content)?;
        Ok(Reply { diff: shown(context, line), ..command_reply(output.rc, &output.stdout, &output.stderr) })
    }
}

/// One command line that takes the script from standard input into a private file, runs it and removes it.
fn command(context: &Context<'_>, args: &Args, arguments: &[String], size: usize) -> Result<String, ActionError> {
    let mut line = String::from(
        "umask 077; d=$(mktemp -d \"${TMPDIR:-/tmp}/hostler.XXXXXX\") || exit 1; trap 'rm -rf \"$d\"' EXIT; ",
    );
    line.push_str(&format!("head -c {size} >\"$d/script\" && chmod 0700 \"$d/script\" || exit 1; "));
    if let Some(dir) = &args.chdir {
        line.push_str(&format!("cd {} || exit 1; ", quote(dir)?));
    }
    for (name, value) in context.machine.environment() {
        line.push_str(&format!("export {name}={}; ", quote(value)?));
    }
    if let Some(executable) = &args.executable {
        line.push_str(executable);
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
fn needless(context: &Context<'_>, args: &Args) -> Result<Option<String>, ActionError> {
    for (name, path, ends_it) in [("creates", &args.creates, true), ("removes", &args.removes, false)] {
        let Some(path) = path else { continue };
        let exists = context.machine.raw(&format!("test -e {}", quote(path)?), b"")?.rc == 0;
        if exists == ends_it {
            let state = if exists { "exists" } else { "does not exist" };
            return Ok(Some(format!("{} {state}, matching {name} option", path.0)));
        }
    }
    Ok(None)
}
