//! What an action gives back.

use crate::connection::ConnectionError;
use crate::module::{Diff, Outcome};
use crate::template::TemplateError;
use crate::value::{Key, Map, Value};
use std::sync::Arc;

/// The result of an action or module for one host.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Something was changed, or would be.
    pub changed: bool,
    /// It failed; `output.msg` says why.
    pub failed: bool,
    /// It chose to do nothing.
    pub skipped: bool,
    /// Only apply will know what it does.
    pub unknown: bool,
    /// The host said this, not the controller.
    pub from_host: bool,
    /// Nothing of it is to be shown.
    pub no_log: bool,
    /// It changes nothing, whatever became of it.
    pub only_looks: bool,
    /// What `register` gets.
    pub output: Map,
    /// The module's typed change, where it was not made yet.
    pub change: Option<serde_json::Value>,
    /// The change for people.
    pub diff: Vec<Diff>,
    /// What it changes of the run.
    pub effects: Vec<Effect>,
}

impl Reply {
    /// Nothing changed.
    pub fn ok(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self { output: fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect(), ..Self::default() }
    }

    /// The same with fields that only apply will know.
    #[must_use]
    pub fn with_unknown(mut self, names: &[&'static str]) -> Self {
        self.output.extend(names.iter().map(|name| (Key::from(*name), known_after_apply(name))));
        self
    }

    /// It failed, with other fields than a message.
    pub fn failure(message: impl Into<String>, fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let mut reply = Self { failed: true, ..Self::ok(fields) };
        reply.output.insert(Key::from("msg"), Value::from(message.into()));
        reply
    }
}

fn known_after_apply(name: &str) -> Value {
    Value::Unknown(format!("`{name}` is known after apply").into())
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        let mut output: Map =
            outcome.output.into_iter().map(|(key, value)| (Key::from(key), Value::from(value))).collect();
        // A module that cannot say anything yet names everything.
        let unknown = outcome.unknown.iter().any(|name| name == "*");
        for name in outcome.unknown.into_iter().filter(|_| !unknown) {
            match name.split_once('.') {
                None => drop(output.insert(Key::from(name.as_str()), known_after_apply(&name))),
                Some((field, below)) => {
                    let reason: Arc<str> = format!("`{name}` is known after apply").into();
                    if let Some(value) = output.get_mut(field) {
                        *value = with_unknown(value, below, &reason);
                    }
                }
            }
        }
        let skipped = output.get("skipped").and_then(Value::as_bool).unwrap_or(false);
        let effects = match output.get("ansible_facts") {
            Some(Value::Map(facts)) => vec![Effect::Facts(Map::clone(facts))],
            _ => Vec::new(),
        };
        Self {
            changed: outcome.changed,
            failed: outcome.failed,
            skipped,
            unknown,
            from_host: true,
            no_log: false,
            only_looks: outcome.only_looks,
            output,
            change: outcome.change,
            diff: outcome.diff,
            effects,
        }
    }
}

/// `value` with `Unknown` where `path` leads to nothing or `null`; `*` is every item or entry.
fn with_unknown(value: &Value, path: &str, reason: &Arc<str>) -> Value {
    let (name, below) = path.split_once('.').map_or((path, None), |(name, below)| (name, Some(below)));
    let inner = |value: &Value| match below {
        Some(below) => with_unknown(value, below, reason),
        None if *value == Value::Null => Value::Unknown(Arc::clone(reason)),
        None => value.clone(),
    };
    match value {
        Value::List(items) if name == "*" => Value::list(items.iter().map(inner)),
        Value::Map(map) => {
            let entry = |(key, value): (&Key, &Value)| {
                let named = name == "*" || key.as_str() == Some(name);
                (key.clone(), if named { inner(value) } else { value.clone() })
            };
            Value::Map(Arc::new(map.iter().map(entry).collect()))
        }
        other => other.clone(),
    }
}

/// What a result changes of the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Facts of the host.
    Facts(Map),
    /// Variables of the host, as `set_fact` sets them.
    SetFacts {
        /// The variables.
        variables: Map,
        /// They are facts too.
        cacheable: bool,
    },
    /// Variables of the host, as `include_vars` sets them.
    IncludeVars(Map),
    /// Statistics for the end of the run.
    Stats {
        /// By name.
        data: Map,
        /// They are the host's own, not the run's.
        per_host: bool,
        /// They are added to what is there.
        aggregate: bool,
    },
    /// A new host, or new groups and variables of a known one.
    AddHost {
        /// Its name.
        name: Arc<str>,
        /// Groups it is in from now on.
        groups: Vec<Arc<str>>,
        /// Its variables.
        variables: Map,
    },
    /// The host is in this group from now on.
    GroupBy {
        /// The group.
        group: Arc<str>,
        /// Groups that the group is in.
        parents: Vec<Arc<str>>,
    },
}

/// Why an action did not come to a result.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// In words.
    #[error("{0}")]
    Failed(String),
    /// A template.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// The host.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
}

impl From<String> for ActionError {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

impl From<&str> for ActionError {
    fn from(message: &str) -> Self {
        Self::Failed(message.to_owned())
    }
}
