//! `pause`: waits for a time or for the user.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::{LooseBool, LooseFloat, LooseString};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{Duration, Instant};

pub(super) struct Pause;

/// Waits for a time, or for the user where none is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Minutes to wait.
    minutes: Option<LooseFloat>,
    /// Seconds to wait.
    seconds: Option<LooseFloat>,
    /// What to ask.
    prompt: Option<LooseString>,
    /// Whether the answer may be seen while it is typed.
    #[serde(default = "LooseBool::yes")]
    echo: LooseBool,
}

impl Action for Pause {
    const NAME: &'static str = "ansible.builtin.pause";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        let Args { minutes, seconds, prompt, echo } = given;
        let (unit, length) = if minutes.is_some() { ("minutes", 60.0) } else { ("seconds", 1.0) };
        let seconds = match (minutes, seconds) {
            (Some(_), Some(_)) => return Err("parameters are mutually exclusive: minutes|seconds".into()),
            (Some(minutes), None) => Some(minutes.0 * 60.0),
            (None, seconds) => seconds.map(|seconds| seconds.0),
        };
        let echo = *echo;
        let started = Instant::now();
        let mut answer = String::new();
        // A plan waits for nothing and asks nothing.
        if !context.mode.is_simulated() {
            match seconds {
                Some(seconds) => {
                    context.sleep(Duration::from_secs_f64(seconds.max(0.0)));
                }
                None => answer = ask(context, prompt.as_deref(), echo)?,
            }
        }
        if !echo {
            context.redactor.add(&answer);
        }
        let elapsed = started.elapsed();
        let fields = [
            ("delta", Value::Int(elapsed.as_secs() as i64)),
            ("stdout", Value::from(format!("Paused for {:.2} {unit}", elapsed.as_secs_f64() / length))),
            ("user_input", Value::from(answer)),
            ("echo", Value::Bool(echo)),
            ("rc", Value::Int(0)),
            ("stderr", Value::from("")),
        ];
        let reply = Reply::ok(fields);
        Ok(match context.mode.is_simulated() {
            false => reply,
            true if seconds.is_some() => reply.with_unknown(&["delta", "stdout"]),
            true => reply.with_unknown(&["delta", "stdout", "user_input"]),
        })
    }
}

/// Without a terminal nobody can answer, and Ansible goes on.
fn ask(context: &Context<'_>, prompt: Option<&str>, echo: bool) -> Result<String, ActionError> {
    match context.prompter {
        Some(prompter) => {
            let prompt = prompt.unwrap_or("Press enter to continue, Ctrl+C to interrupt");
            prompter.ask(prompt, echo).map_err(ActionError::Failed)
        }
        None => {
            context.templar.warn("Not waiting for response to prompt as stdin is not interactive".to_owned());
            Ok(String::new())
        }
    }
}
