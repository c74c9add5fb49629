//! How a task ended on a host, with everything that follows from it.

use super::task::NO_TIME;
use crate::actions::Effect;
use crate::diagnostic::Span;
use crate::event::{DECIDED_AT_APPLY, Status};
use crate::module::Diff;
use crate::template::TemplateError;
use crate::value::{Key, Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// How a task ended on a host, with everything that follows from it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) status: Status,
    /// What `register` gets.
    pub(super) result: Map,
    pub(super) diff: Vec<Diff>,
    /// It does something to the host, or may: `changed_when` has no say in it.
    pub(super) acts: bool,
    /// What would change was only looked at: the task says `check_mode`.
    pub(super) only_checked: bool,
    /// The module's typed change, in plans.
    pub(super) change: Option<serde_json::Value>,
    pub(super) effects: Vec<Effect>,
    /// Why nothing of the result can be known before apply, if so.
    pub(super) unknown: Option<Arc<str>>,
    pub(super) no_log: bool,
    /// The arguments that the module got, as `-vvv` shows them.
    pub(super) invocation: Option<Value>,
    pub(super) elapsed: Duration,
    /// The user has seen it.
    pub(super) told: bool,
    pub(super) delegated_to: Option<Arc<str>>,
    pub(super) delegated_address: Option<Arc<str>>,
    /// Host whose facts these are, where another than the task's.
    pub(super) facts_for: Option<Arc<str>>,
}

impl Ended {
    pub(super) fn new(status: Status, result: Map) -> Self {
        Self {
            status,
            result,
            diff: Vec::new(),
            acts: false,
            only_checked: false,
            change: None,
            effects: Vec::new(),
            unknown: None,
            no_log: false,
            invocation: None,
            elapsed: NO_TIME,
            told: false,
            delegated_to: None,
            delegated_address: None,
            facts_for: None,
        }
    }

    pub(super) fn failure(message: impl Into<String>) -> Self {
        let fields =
            [("changed", Value::Bool(false)), ("failed", Value::Bool(true)), ("msg", Value::from(message.into()))];
        Self::new(Status::Failed, fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect())
    }

    /// A template that cannot be evaluated: `msg` is what Ansible says, `exception` has the place and the line.
    pub(super) fn from_error(error: &TemplateError, place: Option<&Span>, doing: &str) -> Self {
        let diagnostic = error.to_diagnostic();
        let diagnostic = place.map_or(diagnostic.clone(), |place| diagnostic.at(place));
        let mut ended = Self::failure(format!("Task failed: {doing}{}", error.message));
        ended.result.insert(Key::from("exception"), Value::from(crate::diagnostic::render(&diagnostic, false)));
        ended
    }

    pub(super) fn skipped(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let fixed = [("changed", Value::Bool(false)), ("skipped", Value::Bool(true))];
        let result = fixed.into_iter().chain(fields).map(|(name, value)| (Key::from(name), value)).collect();
        Self::new(Status::Skipped, result)
    }

    /// Only apply will know.
    pub(super) fn unknown(reason: &str) -> Self {
        let message = Value::from(format!("{DECIDED_AT_APPLY}{reason}"));
        let ended = Self::new(Status::Unknown, Map::from_iter([(Key::from("msg"), message)]));
        Self { unknown: Some(reason.into()), acts: true, ..ended }
    }

    /// Of a task that only looks: what it sees only apply will know, but it changes nothing.
    pub(super) fn but_only_looks(mut self, only_looks: bool) -> Self {
        if only_looks && self.unknown.is_some() {
            (self.status, self.acts) = (Status::Ok, false);
        }
        self
    }

    /// What `register` gets.
    pub(super) fn value(&self) -> Value {
        match &self.unknown {
            Some(reason) => Value::Unknown(Arc::clone(reason)),
            None => Value::Map(Arc::new(self.result.clone())),
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.result.get("changed").and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn may_have_changed(&self) -> bool {
        matches!(self.status, Status::Changed | Status::Unknown)
    }

    pub(super) fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.result.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
    }

    /// The tries are used up.
    pub(super) fn exhausted(mut self, retries: u32) -> Self {
        self.result.insert(Key::from("attempts"), Value::Int(i64::from(retries)));
        self.result.insert(Key::from("failed"), Value::Bool(true));
        // `failed_when` has the last word.
        if self.result.get("failed_when_result") != Some(&Value::Bool(false)) {
            self.status = Status::Failed;
        }
        self
    }
}

/// A task that took too long: as Ansible tells it, seconds without a fraction where there is none.
pub(super) fn tell_timeout(result: &mut Map) {
    let Some(period) = result.get("timedout").and_then(|timed| timed.get("period")).cloned() else { return };
    let message = result.get("msg").map(crate::template::Templar::text_of).unwrap_or_default();
    if message.starts_with("Timed out") {
        result.insert(Key::from("msg"), Value::from(format!("Task failed: {message}")));
    }
    if let Value::Float(seconds) = period
        && seconds.fract() == 0.0
    {
        let timed = Map::from_iter([(Key::from("period"), Value::Int(seconds as i64))]);
        result.insert(Key::from("timedout"), timed.into());
    }
}
