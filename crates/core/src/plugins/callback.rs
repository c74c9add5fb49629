//! A callback in Python: hears of a run, in a process of its own.

use super::NothingAsked;
use super::process::{Answer, Process};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::{Mutex, PoisonError};

/// A callback that runs.
pub struct Callback {
    process: Mutex<Process>,
    about: About,
    greeting: Said,
}

#[derive(Deserialize)]
struct About {
    kind: String,
    needs_enabled: bool,
    implicit: bool,
}

/// What a callback printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// As output.
    pub out: String,
    /// As errors and warnings.
    pub err: String,
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        Self { out: answer.out, err: answer.err }
    }
}

impl Callback {
    pub(super) fn start(request: &Json) -> Result<Self, String> {
        let mut process = Process::start()?;
        let mut answer = process.call(request, &mut NothingAsked, &|| false)??;
        let about = serde_json::from_value(answer.value.take()).map_err(|error| error.to_string())?;
        Ok(Self { process: Mutex::new(process), about, greeting: answer.into() })
    }

    /// What it printed when it was started.
    pub fn greeting(&self) -> &Said {
        &self.greeting
    }

    /// It is the run's output, not something besides.
    pub fn is_output(&self) -> bool {
        self.about.kind == "stdout"
    }

    /// It hears of a run only where the settings enable it.
    pub fn needs_enabled(&self) -> bool {
        self.about.needs_enabled
    }

    /// It wants to know of tasks that nobody wrote.
    pub fn wants_implicit_tasks(&self) -> bool {
        self.about.implicit
    }

    /// Tells it what happened, in the words of `program.py`.
    ///
    /// # Errors
    /// It ended, or raised what nobody expects.
    pub fn tell(&self, event: &str, about: Json) -> Result<Said, String> {
        let request = json!({"do": "event", "event": event, "about": about});
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.call(&request, &mut NothingAsked, &|| false)?.map(Said::from)
    }
}
