//! Wanted options against what is there, as Ansible's `comparisons` has it.

use crate::module::Diff;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of value an option has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Value,
    /// A list whose order counts.
    List,
    /// A list whose order does not count.
    Set,
    /// A list of mappings whose order does not count; each may have more keys than wanted.
    SetOfMaps,
    /// A mapping.
    Map,
}

/// When an option counts as equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Always.
    Ignore,
    /// If both are the same.
    Strict,
    /// If all that is wanted is there; there may be more.
    AllowMorePresent,
}

/// An option that is not as wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The parameter's name, or a name for a part of it.
    pub name: String,
    /// What is there.
    pub before: Value,
    /// What is wanted.
    pub after: Value,
}

impl Difference {
    /// `name` is to become `after`.
    pub fn new(name: impl Into<String>, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        Self { name: name.into(), before: before.into(), after: after.into() }
    }
}

/// The differences of the thing called `header` for people.
pub fn show(header: &str, differences: &[Difference]) -> Vec<Diff> {
    let lines =
        differences.iter().map(|entry| (entry.name.as_str(), entry.before.to_string(), entry.after.to_string()));
    vec![Diff::properties(header, lines)]
}

/// Whether `found` counts as `wanted`.
pub fn is_equal(wanted: &Value, found: &Value, kind: Kind, comparison: Comparison) -> bool {
    if comparison == Comparison::Ignore {
        return true;
    }
    let strict = comparison == Comparison::Strict;
    match kind {
        Kind::Value => wanted == found,
        Kind::List if strict => items(wanted) == items(found),
        Kind::List => is_subsequence(items(wanted), items(found)),
        Kind::Set => {
            contains_all(items(found), items(wanted), |a, b| a == b)
                && (!strict || contains_all(items(wanted), items(found), |a, b| a == b))
        }
        Kind::SetOfMaps => {
            contains_all(items(found), items(wanted), |found, wanted| has_all(wanted, found))
                && (!strict || contains_all(items(wanted), items(found), has_all))
        }
        Kind::Map if strict => {
            let count = |value: &Value| value.as_object().map_or(0, serde_json::Map::len);
            count(wanted) == count(found) && has_all(wanted, found)
        }
        Kind::Map => has_all(wanted, found),
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn contains_all(all: &[Value], some: &[Value], same: impl Fn(&Value, &Value) -> bool) -> bool {
    some.iter().all(|one| all.iter().any(|other| same(other, one)))
}

fn is_subsequence(wanted: &[Value], found: &[Value]) -> bool {
    let mut found = found.iter();
    wanted.iter().all(|item| found.any(|other| other == item))
}

/// Whether `found` has every entry of `wanted`. Docker leaves out what is false, 0 or empty.
pub fn has_all(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), found) => {
            wanted.iter().all(|(name, value)| has_all(value, found.get(name).unwrap_or(&Value::Null)))
        }
        (wanted, found) => wanted == found || (is_nothing(wanted) && is_nothing(found)),
    }
}

/// Whether it is what Docker leaves out.
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(true) => false,
    }
}

/// `value` without entries that are null, at any depth of mappings.
pub fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn compares_as_ansible_does() {
        let (strict, more) = (Comparison::Strict, Comparison::AllowMorePresent);
        assert!(is_equal(&json!(["a"]), &json!(["b", "a"]), Kind::Set, more));
        assert!(!is_equal(&json!(["a"]), &json!(["b", "a"]), Kind::Set, strict));
        assert!(is_equal(&json!(["b", "a"]), &json!(["a", "b"]), Kind::Set, strict));
        assert!(!is_equal(&json!(["b", "a"]), &json!(["a", "b"]), Kind::List, strict));
        assert!(is_equal(&json!(["a", "c"]), &json!(["a", "b", "c"]), Kind::List, more));
        assert!(is_equal(&json!([]), &json!(null), Kind::List, strict));
        assert!(is_equal(&json!({"a": 1}), &json!({"a": 1, "b": 2}), Kind::Map, more));
        assert!(!is_equal(&json!({"a": 1}), &json!({"a": 1, "b": 2}), Kind::Map, strict));
        assert!(is_equal(&json!([{"a": 1, "ro": false}]), &json!([{"a": 1, "b": 2}]), Kind::SetOfMaps, strict));
        assert!(is_equal(&json!(1), &json!(2), Kind::Value, Comparison::Ignore));
    }
}
