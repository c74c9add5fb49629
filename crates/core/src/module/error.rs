//! Why a module failed, with what `register` gets nevertheless.

use crate::system::SystemError;
use serde_json::{Map, Value};

/// A failed task: Ansible's `msg` and the other fields of the result (`rc`, `stderr` …).
#[derive(Debug, thiserror::Error)]
#[error("{msg}")]
pub struct ModuleError {
    /// What went wrong and what to do.
    pub msg: String,
    /// Other fields of the result.
    pub fields: Map<String, Value>,
}

/// Marks a failure that only means that a simulation cannot know what the module asked for.
pub(super) const NOT_KNOWN_YET: &str = "_not_known_yet";

impl ModuleError {
    /// A failure with a message only.
    pub fn new(msg: impl Into<String>) -> Self {
        Self { msg: msg.into(), fields: Map::new() }
    }

    /// Adds a field to the result.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Marks what a plan cannot tell yet, as another host's or task's work decides it: no failure there.
    #[must_use]
    pub fn not_known_yet(self) -> Self {
        self.field(NOT_KNOWN_YET, true)
    }

    /// A failure whose result has all fields of `output`.
    pub fn with_output(msg: impl Into<String>, output: &impl serde::Serialize) -> Self {
        let fields = match serde_json::to_value(output) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        Self { msg: msg.into(), fields }
    }
}

impl From<SystemError> for ModuleError {
    fn from(error: SystemError) -> Self {
        let failure = Self::new(format!("failed to {error}"));
        if matches!(error, SystemError::NotKnownYet(_)) { failure.field(NOT_KNOWN_YET, true) } else { failure }
    }
}
