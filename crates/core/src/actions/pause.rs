//! `pause`: waits for a time or for the user.

use super::{Action, ActionError, Context, Reply};
use crate::engine::{Typed, Wait};
use crate::module::types::{LooseBool, LooseFloat, LooseString};
use crate::template::Templar;
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
            answer = wait(context, prompt.as_deref(), seconds, echo)?;
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

const ENTER: &str = "Press enter to continue, Ctrl+C to interrupt";
const CHOICES: &str = "(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)";
const CHOOSE: &str = "Press 'C' to continue the play or 'A' to abort ";
const CTRL_C: &str = "\u{3}";

/// Waits for the time, or for a line; Ctrl-C asks whether to go on.
fn wait(context: &Context<'_>, prompt: Option<&str>, seconds: Option<f64>, echo: bool) -> Result<String, ActionError> {
    let limit = seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)));
    let Some(prompter) = context.prompter else {
        match limit {
            Some(limit) => drop(context.sleep(limit)),
            // Nobody can answer, and Ansible goes on.
            None => {
                context.templar.warn("Not waiting for response to prompt as stdin is not interactive".to_owned());
            }
        }
        return Ok(String::new());
    };
    let hidden = if echo { "" } else { " (output is hidden)" };
    let name = context
        .task
        .name
        .as_ref()
        .map_or_else(|| context.task.written.to_string(), |name| Templar::text_of(&name.value));
    let asked = |text: &str| format!("[{}]\n{text}{hidden}:", name.trim());
    let shown = match (limit, prompt.filter(|prompt| !prompt.is_empty())) {
        (None, prompt) => asked(prompt.unwrap_or(ENTER)),
        (Some(limit), prompt) => {
            let own = prompt.map(|prompt| format!("\n{}", asked(prompt))).unwrap_or_default();
            format!("Pausing for {} seconds{hidden}\n{CHOICES}{own}", limit.as_secs())
        }
    };
    let echo = echo && limit.is_none();
    let completes = if limit.is_some() { "" } else { "\r\n" };
    let keys = Wait { echo, limit, completes, interrupts: CTRL_C, stop: context.cancel };
    match prompter.wait(&shown, &keys).map_err(ActionError::Failed)? {
        Typed::Text(text) => return Ok(if limit.is_some() { String::new() } else { text }),
        Typed::Interrupted => {}
    }
    let keys = Wait { echo, limit: None, completes: "cC", interrupts: "aA", stop: context.cancel };
    match prompter.wait(CHOOSE, &keys).map_err(ActionError::Failed)? {
        Typed::Text(text) => Ok(text),
        Typed::Interrupted => Err("user requested abort!".into()),
    }
}
