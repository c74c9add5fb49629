//! YAML's canonical form: every value with its tag, text in double quotes, collections in brackets, one entry a line.

use super::pairs;
use super::writer::{Writer, float_text};
use crate::value::{Key, Value};

impl Writer<'_> {
    pub(super) fn canonical(&mut self, value: &Value) {
        match value {
            Value::List(items) => {
                self.collection("!!seq", ["[", "]"], items.iter(), |writer, item| writer.canonical(item));
            }
            Value::Map(map) => {
                let pairs = pairs(map, self.options);
                self.collection("!!map", ["{", "}"], pairs.into_iter(), |writer, (key, value)| {
                    writer.indicator("?", true, false, false);
                    writer.canonical_key(key);
                    writer.write_indent();
                    writer.indicator(":", true, false, false);
                    writer.canonical(value);
                });
            }
            Value::Null => self.tagged("!!null", "null"),
            Value::Bool(value) => self.tagged("!!bool", &value.to_string()),
            Value::Int(value) => self.tagged("!!int", &value.to_string()),
            Value::Float(value) => self.tagged("!!float", &float_text(*value)),
            Value::Vault(vault) => self.tagged("!vault", vault.envelope()),
            Value::Omit => self.tagged("!!str", "<omit>"),
            Value::Unknown(reason) => self.tagged("!!str", &format!("<known after apply: {reason}>")),
            other => self.tagged("!!str", other.as_str().unwrap_or_default()),
        }
    }

    fn canonical_key(&mut self, key: &Key) {
        match key {
            Key::Str(text) => self.tagged("!!str", text),
            Key::Int(value) => self.tagged("!!int", &value.to_string()),
            Key::Bool(value) => self.tagged("!!bool", &value.to_string()),
            Key::Float(value) => self.tagged("!!float", &float_text(*value)),
            Key::Null => self.tagged("!!null", "null"),
        }
    }

    fn tagged(&mut self, tag: &str, text: &str) {
        self.indicator(tag, true, false, false);
        let outer = self.deeper(true, false);
        let chars: Vec<char> = text.chars().collect();
        self.double_quoted(&chars, true);
        self.indent = outer;
    }

    fn collection<T>(
        &mut self,
        tag: &str,
        [open, close]: [&str; 2],
        items: impl ExactSizeIterator<Item = T>,
        write: impl Fn(&mut Self, T),
    ) {
        self.indicator(tag, true, false, false);
        self.indicator(open, true, true, false);
        let outer = self.deeper(true, false);
        let is_empty = items.len() == 0;
        for item in items {
            self.write_indent();
            write(self, item);
            self.indicator(",", false, false, false);
        }
        self.indent = outer;
        if !is_empty {
            self.write_indent();
        }
        self.indicator(close, false, false, false);
    }
}
