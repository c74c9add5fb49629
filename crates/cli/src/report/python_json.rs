//! JSON laid out as Python's `json.dumps(…, sort_keys=True)` does it, which wrappers around Ansible parse.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// One line: `{"a": 1, "b": [1, 2]}`.
pub fn line(value: &Value) -> String {
    written(value, Spaced)
}

/// Four columns a level.
pub fn pretty(value: &Value) -> String {
    written(value, PrettyFormatter::with_indent(b"    "))
}

/// No columns a level.
pub fn flat(value: &Value) -> String {
    indented(value, 0)
}

/// As many columns a level.
pub fn indented(value: &Value, columns: usize) -> String {
    written(value, PrettyFormatter::with_indent(" ".repeat(columns).as_bytes()))
}

/// One line without spaces: `{"a":1,"b":[1,2]}`.
pub fn compact(value: &Value) -> String {
    written(value, CompactFormatter)
}

/// One column a level, without line ends.
pub fn narrow(value: &Value) -> String {
    written(value, PrettyFormatter::with_indent(b" ")).replace('\n', "")
}

fn written(value: &Value, formatter: impl Formatter) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    let mut bytes = Vec::new();
    // Writing a value to memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter));
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
