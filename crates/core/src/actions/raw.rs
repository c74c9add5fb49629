//! `raw`: a command line for the host's shell, without the helper.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::LooseString;
use crate::module::{Diff, Mode};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct Raw;

/// Gives a command line to the login shell of the host, without the helper.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The command line: the task's text.
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    line: Option<LooseString>,
    /// Shell that runs it instead of the login shell.
    executable: Option<LooseString>,
}

impl Action for Raw {
    const NAME: &'static str = "ansible.builtin.raw";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        let Args { line: command, executable } = given;
        let command = command.ok_or("raw needs a command line")?;
        match context.mode {
            Mode::Apply => {}
            Mode::Simulate => return Ok(planned(&command)),
            Mode::Check | Mode::Foresee => return Ok(Reply { skipped: true, ..Reply::default() }),
        }
        let mut line = String::new();
        for (name, value) in context.machine.environment() {
            line.push_str(&format!("{name}={} ", quote(value)?));
        }
        match executable {
            Some(shell) => line.push_str(&format!("{} -c {}", shell.0, quote(&command)?)),
            None => line.push_str(&command),
        }
        let output = context.machine.raw(&line, b"")?;
        let diff = shown(context, &command);
        Ok(Reply { diff, ..command_reply(output.rc, &output.stdout, &output.stderr) })
    }
}

/// What is run, where differences are to be shown.
pub(super) fn shown(context: &Context<'_>, command: &str) -> Vec<Diff> {
    if context.diff { vec![Diff::prepared(format!("run: {command}\n"))] } else { Vec::new() }
}

pub(super) fn quote(text: &str) -> Result<String, ActionError> {
    shlex::try_quote(text).map(std::borrow::Cow::into_owned).map_err(|error| ActionError::Failed(error.to_string()))
}

/// A command that is to run, but not now.
pub(super) fn planned(command: &str) -> Reply {
    let reason: Arc<str> = "a command's output".into();
    let unknown = |name| (name, Value::Unknown(Arc::clone(&reason)));
    let fields = ["stdout", "stdout_lines", "stderr", "stderr_lines", "rc"].map(unknown);
    Reply { changed: true, diff: vec![Diff::prepared(format!("run: {command}\n"))], ..Reply::ok(fields) }
}

/// The result of a command that ran.
pub(super) fn command_reply(rc: i32, stdout: &[u8], stderr: &[u8]) -> Reply {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lines = |text: &str| Value::list(text.lines().map(Value::from));
    let (stdout, stderr) = (text(stdout), text(stderr));
    let fields = [
        ("rc", Value::Int(i64::from(rc))),
        ("stdout_lines", lines(&stdout)),
        ("stderr_lines", lines(&stderr)),
        ("stdout", Value::from(stdout)),
        ("stderr", Value::from(stderr)),
    ];
    let mut reply = Reply { changed: true, from_host: true, ..Reply::ok(fields) };
    if rc != 0 {
        reply.failed = true;
        reply.output.insert("msg".into(), Value::from("non-zero return code"));
    }
    reply
}
