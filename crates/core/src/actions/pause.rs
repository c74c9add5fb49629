//! `pause`: waits for a time or for the user.

use super::context::{Context, flag, text};
use super::{Action, ActionError, Reply, check_parameters};
use crate::module::Mode;
use crate::value::{Map, Value};
use std::time::{Duration, Instant};

pub(super) struct Pause;

impl Action for Pause {
    fn name(&self) -> &'static str {
        "ansible.builtin.pause"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["minutes", "seconds", "prompt", "echo"])
    }

    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let number = |name: &str, unit: f64| match text(&args, name) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<f64>() {
                Ok(number) => Ok(Some(number * unit)),
                Err(_) => Err(ActionError::Failed(format!("parameter `{name}`: '{text}' is not a number"))),
            },
        };
        let seconds = match (number("minutes", 60.0)?, number("seconds", 1.0)?) {
            (Some(_), Some(_)) => return Err("parameters are mutually exclusive: minutes|seconds".into()),
            (minutes, seconds) => minutes.or(seconds),
        };
        let echo = flag(&args, "echo", true)?;
        let prompt = text(&args, "prompt");
        let started = Instant::now();
        let mut answer = String::new();
        // A plan waits for nothing and asks nothing.
        if context.mode != Mode::Simulate {
            match seconds {
                Some(seconds) => wait(context, Duration::from_secs_f64(seconds.max(0.0))),
                None => answer = ask(context, prompt.as_deref(), echo)?,
            }
        }
        if !echo {
            context.redactor.add(&answer);
        }
        let elapsed = started.elapsed();
        let fields = [
            ("delta", Value::Int(elapsed.as_secs() as i64)),
            ("stdout", Value::from(format!("Paused for {:.2} seconds", elapsed.as_secs_f64()))),
            ("user_input", Value::from(answer)),
            ("echo", Value::Bool(echo)),
            ("rc", Value::Int(0)),
            ("stderr", Value::from("")),
        ];
        Ok(Reply::ok(fields))
    }
}

fn wait(context: &Context<'_>, duration: Duration) {
    let until = Instant::now() + duration;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if context.cancel.is_requested() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// Without a terminal nobody can answer, and Ansible goes on.
fn ask(context: &Context<'_>, prompt: Option<&str>, echo: bool) -> Result<String, ActionError> {
    match context.prompter {
        Some(prompter) => {
            let prompt = prompt.unwrap_or("Press enter to continue, Ctrl+C to interrupt");
            prompter.ask(prompt, echo).map_err(ActionError::Failed)
        }
        None => Ok(String::new()),
    }
}
