//! Counting how tasks ended, host by host.

use crate::event::{CustomStats, HostStats, RunStats, Status};
use crate::value::Map;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of a run so far.
#[derive(Default)]
pub(super) struct Stats {
    counts: Mutex<RunStats>,
    custom: Mutex<CustomStats>,
}

/// Whose statistics those of the run as a whole are.
pub(super) const RUN_STATS: &str = "_run";

impl Stats {
    fn with(&self, host: &Arc<str>, count: impl FnOnce(&mut HostStats)) {
        let mut stats = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        count(stats.entry(Arc::clone(host)).or_default());
    }

    /// Counts an ended task. A failure that a block will rescue counts as rescued.
    pub(super) fn count(&self, host: &Arc<str>, status: Status, rescuable: bool) {
        self.with(host, |stats| match status {
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Failed if rescuable => stats.rescued += 1,
            Status::Failed => stats.failed += 1,
            Status::Ignored => {
                stats.ok += 1;
                stats.ignored += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Unreachable => stats.unreachable += 1,
            Status::Unknown => {
                stats.ok += 1;
                stats.changed += 1;
            }
        });
    }

    /// An ignored failure may have changed something all the same.
    pub(super) fn count_changed(&self, host: &Arc<str>) {
        self.with(host, |stats| stats.changed += 1);
    }

    /// Makes sure that a host has a row.
    pub(super) fn touch(&self, host: &Arc<str>) {
        self.with(host, |_| {});
    }

    /// The counts.
    pub(super) fn get(&self) -> RunStats {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes in what `set_stats` says of a host or of the run: added to what is there as far as that is of the same kind.
    pub(super) fn add(&self, owner: &Arc<str>, data: &Map, aggregate: bool) {
        let mut custom = self.custom.lock().unwrap_or_else(PoisonError::into_inner);
        let known = custom.entry(Arc::clone(owner)).or_default();
        for (name, value) in data {
            let name = name.to_string();
            let value = value.to_json();
            let sum = match known.get(&name) {
                Some(old) if aggregate => sum(old, &value),
                _ => Some(value),
            };
            known.extend(sum.map(|sum| (name, sum)));
        }
    }

    /// What `set_stats` said.
    pub(super) fn custom(&self) -> CustomStats {
        self.custom.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What Python's `+` gives, mappings merged; `None` for values that cannot be added.
fn sum(old: &Value, new: &Value) -> Option<Value> {
    Some(match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let mut merged = old.clone();
            merged.extend(new.clone());
            Value::Object(merged)
        }
        (Value::Array(old), Value::Array(new)) => Value::Array(old.iter().chain(new).cloned().collect()),
        (Value::String(old), Value::String(new)) => Value::String(format!("{old}{new}")),
        (Value::Number(old), Value::Number(new)) => match (old.as_i64(), new.as_i64()) {
            (Some(old), Some(new)) => Value::from(old.checked_add(new)?),
            _ => Value::from(old.as_f64()? + new.as_f64()?),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Key, Value as Own};

    #[test]
    fn statistics_are_added_up_by_kind() {
        let stats = Stats::default();
        let data = |value: Value| Map::from_iter([(Key::from("x"), Own::from(value))]);
        let host: Arc<str> = Arc::from("web1");
        let after = |value: Value, aggregate| {
            stats.add(&host, &data(value), aggregate);
            stats.custom()["web1"]["x"].clone()
        };
        assert_eq!(after(Value::from(1), true), Value::from(1));
        assert_eq!(after(Value::from(2), true), Value::from(3));
        // Of another kind: Ansible leaves what is there.
        assert_eq!(after(Value::from("a"), true), Value::from(3));
        assert_eq!(after(Value::from("a"), false), Value::from("a"));
        assert_eq!(after(Value::from("b"), true), Value::from("ab"));
    }
}
