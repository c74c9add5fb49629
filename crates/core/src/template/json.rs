//! JSON text as Python's `json.dumps` writes it.

use super::python::float_text;
use crate::value::{Key, Value};
use std::fmt::Write;

/// What Python says of `text` that is no JSON.
pub(super) fn in_python(error: &serde_json::Error, text: &str) -> String {
    const NAME: &str = "Expecting property name enclosed in double quotes";
    let said = error.to_string();
    // What is open at the end tells what would have had to come.
    let end = text.trim_end();
    let last = &end[end.rfind(['{', '[', ',']).map_or(0, |at| at + 1)..];
    let says = |words: &str| said.starts_with(words);
    let message = match () {
        () if says("EOF while parsing a string") => "Unterminated string",
        () if says("EOF while parsing an object") && last.is_empty() => NAME,
        () if says("EOF while parsing an object") && !last.contains(':') => "Expecting ':' delimiter",
        () if says("EOF while parsing a list") && last.is_empty() => "Expecting value",
        () if says("EOF while parsing an object") || says("EOF while parsing a list") => "Expecting ',' delimiter",
        () if says("key must be a string") || says("trailing comma") && text.contains('}') => NAME,
        () if says("expected `:`") => "Expecting ':' delimiter",
        () if says("expected `,`") => "Expecting ',' delimiter",
        () if says("trailing characters") => "Extra data",
        () if says("invalid escape") => "Invalid \\escape",
        () if says("control character") => "Invalid control character",
        () => "Expecting value",
    };
    let column = error.column() + usize::from(error.is_eof());
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(|line| line.chars().count()).sum();
    format!("{message}: line {} column {column} (char {})", error.line(), before + column.saturating_sub(1))
}

/// How it looks. The names are those of `json.dumps`.
pub(super) struct Layout {
    /// What a level is indented by; `None` writes one line.
    pub indent: Option<String>,
    /// Between items, and between key and value.
    pub separators: (String, String),
    pub sort_keys: bool,
    pub ensure_ascii: bool,
}

/// Writes a plain value.
pub(super) fn write(value: &Value, layout: &Layout) -> String {
    let mut out = String::new();
    write_value(&mut out, value, layout, 0);
    out
}

fn write_value(out: &mut String, value: &Value, layout: &Layout, level: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) if value.is_nan() => out.push_str("NaN"),
        Value::Float(value) if value.is_infinite() => out.push_str(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Float(value) => out.push_str(&float_text(*value)),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                begin_item(out, layout, level + 1, index);
                write_value(out, item, layout, level + 1);
            }
            end_items(out, layout, level);
            out.push(']');
        }
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            if layout.sort_keys {
                entries.sort_by_cached_key(|(key, _)| key.to_string());
            }
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                begin_item(out, layout, level + 1, index);
                write_text(out, &key_text(key), layout.ensure_ascii);
                out.push_str(&layout.separators.1);
                write_value(out, value, layout, level + 1);
            }
            end_items(out, layout, level);
            out.push('}');
        }
        other => write_text(out, &super::plain::text(other), layout.ensure_ascii),
    }
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Bool(value) => value.to_string(),
        Key::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

fn begin_item(out: &mut String, layout: &Layout, level: usize, index: usize) {
    if index > 0 {
        out.push_str(&layout.separators.0);
    }
    if let Some(indent) = &layout.indent {
        out.push('\n');
        out.push_str(&indent.repeat(level));
    }
}

fn end_items(out: &mut String, layout: &Layout, level: usize) {
    if let Some(indent) = &layout.indent {
        out.push('\n');
        out.push_str(&indent.repeat(level));
    }
}

fn write_text(out: &mut String, text: &str, ensure_ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || (ensure_ascii && !c.is_ascii()) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
