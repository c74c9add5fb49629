//! `str()` and `repr()`.

use super::number::float_text;
use super::value::Py;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::value::Key;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;

/// Python's `str()`.
pub(crate) fn text(context: &Context, value: &Py) -> Result<String> {
    match value {
        Py::Str(text) => Ok(text.to_string()),
        other => repr(context, other),
    }
}

/// Python's `repr()`.
pub(crate) fn repr(context: &Context, value: &Py) -> Result<String> {
    let mut out = String::new();
    write_repr(context, &mut out, value, 0)?;
    Ok(out)
}

fn write_repr(context: &Context, out: &mut String, value: &Py, depth: u32) -> Result<()> {
    if depth > 100 {
        out.push_str("...");
        return Ok(());
    }
    match value {
        Py::None => out.push_str("None"),
        Py::Bool(true) => out.push_str("True"),
        Py::Bool(false) => out.push_str("False"),
        Py::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Py::Float(value) => out.push_str(&float_text(*value)),
        Py::Str(text) => quoted(out, text),
        Py::List(items) => {
            let items = items.borrow().clone();
            sequence(context, out, &items, ('[', ']'), depth)?;
        }
        Py::Tuple(items) if items.len() == 1 => {
            out.push('(');
            write_repr(context, out, &items[0], depth + 1)?;
            out.push_str(",)");
        }
        Py::Tuple(items) => sequence(context, out, items, ('(', ')'), depth)?,
        Py::Dict(map) => {
            let map = map.borrow().clone();
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_key(out, key);
                out.push_str(": ");
                write_repr(context, out, value, depth + 1)?;
            }
            out.push('}');
        }
        Py::Range(start, stop, 1) => {
            let _ = write!(out, "range({start}, {stop})");
        }
        Py::Range(start, stop, step) => {
            let _ = write!(out, "range({start}, {stop}, {step})");
        }
        Py::Object(object) => out.push_str(&object.text(context)?),
        Py::Deferred(deferred) => write_repr(context, out, &deferred.force(), depth)?,
        Py::Omit => out.push_str("<omit>"),
        Py::Marker(marker) => return Err(Fault::Error(Rc::clone(marker))),
        Py::Unknown(reason) => return Err(Fault::Unknown(Arc::clone(reason))),
    }
    Ok(())
}

fn sequence(context: &Context, out: &mut String, items: &[Py], ends: (char, char), depth: u32) -> Result<()> {
    out.push(ends.0);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_repr(context, out, item, depth + 1)?;
    }
    out.push(ends.1);
    Ok(())
}

fn write_key(out: &mut String, key: &Key) {
    match key {
        Key::Str(text) => quoted(out, text),
        Key::Float(value) => out.push_str(&float_text(*value)),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// A string in Python's quotes.
pub(crate) fn quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if (c as u32) < 0x20 || (0x7f..0xa1).contains(&(c as u32)) || c as u32 == 0xad => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{200b}'..='\u{200f}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
}
