//! Python's text forms of plain values, and their truth.

use super::python::{float_text, quoted};
use crate::value::{Key, Value};

/// `str()`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Template(template) => template.source.to_string(),
        other => {
            let mut out = String::new();
            repr(&mut out, other);
            out
        }
    }
}

fn repr(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&float_text(*value)),
        Value::Str(text) => quoted(out, text),
        Value::Template(template) => quoted(out, &template.source),
        Value::Vault(_) => out.push_str("<vault>"),
        Value::Omit => out.push_str("<omit>"),
        Value::Unknown(_) => out.push_str(super::eval::KNOWN_AFTER_APPLY),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                repr(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                match key {
                    Key::Str(text) => quoted(out, text),
                    Key::Float(value) => out.push_str(&float_text(*value)),
                    other => out.push_str(&other.to_string()),
                }
                out.push_str(": ");
                repr(out, value);
            }
            out.push('}');
        }
    }
}

/// `bool()`.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Int(value) => *value != 0,
        Value::Float(value) => *value != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Template(_) | Value::Vault(_) | Value::Omit | Value::Unknown(_) => true,
    }
}
