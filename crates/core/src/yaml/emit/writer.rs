//! Lays out collections: where lines end, how deep they are indented, what stands in brackets.

use super::analysis::{Analysis, analyze, is_break, means_something_else};
use super::{Options, Style, pairs};
use crate::value::{Key, Value};
use std::borrow::Cow;

/// Where a node stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    /// A mapping's key on one line.
    SimpleKey,
    /// A mapping's other keys, and its values.
    Mapping,
}

pub(super) struct Writer<'a> {
    pub options: &'a Options,
    pub out: String,
    pub column: usize,
    /// What was written last is white space.
    pub whitespace: bool,
    /// What was written last on this line is nothing but indentation and indicators.
    pub indention: bool,
    /// `None` outside of everything.
    pub indent: Option<usize>,
    pub best_indent: usize,
    pub best_width: usize,
    /// A block scalar that keeps its last line breaks was written: only `...` ends the document for certain.
    pub open_ended: bool,
    flow_level: usize,
}

/// A scalar, as it would be written plain.
struct Text<'v> {
    text: Cow<'v, str>,
    /// The tag it needs where it is not written plain; `None` for text. PyYAML leaves it open (`!`) for its own types.
    tag: Option<&'static str>,
    style: Option<Style>,
}

impl<'a> Writer<'a> {
    pub fn new(options: &'a Options) -> Self {
        let best_indent = if (2..10).contains(&options.indent) { options.indent } else { 2 };
        let best_width = match options.width {
            None => usize::MAX,
            Some(width) if width > best_indent * 2 => width,
            Some(_) => 80,
        };
        Self {
            options,
            out: String::new(),
            column: 0,
            whitespace: true,
            indention: true,
            indent: None,
            best_indent,
            best_width,
            open_ended: false,
            flow_level: 0,
        }
    }

    pub fn finish(self) -> String {
        match self.options.line_break {
            "\n" => self.out,
            other => self.out.replace('\n', other),
        }
    }

    pub fn document(&mut self, value: &Value) {
        for directive in &self.options.directives {
            self.indicator(directive, true, false, false);
            self.write_indent();
        }
        if self.options.explicit_start || self.options.canonical || !self.options.directives.is_empty() {
            self.indicator("---", true, false, false);
        }
        if self.options.canonical {
            self.write_indent();
            self.canonical(value);
        } else {
            self.node(value, Place::Root);
        }
        self.write_indent();
        if self.options.explicit_end || self.open_ended {
            self.indicator("...", true, false, false);
            self.write_indent();
        }
    }

    fn node(&mut self, value: &Value, place: Place) {
        match value {
            Value::List(items) => {
                if self.flow_level > 0 || items.is_empty() || self.wants_flow(items.iter()) {
                    self.flow_list(items);
                } else {
                    self.block_list(items, place);
                }
            }
            Value::Map(map) => {
                if self.flow_level > 0 || map.is_empty() || self.wants_flow(map.values()) {
                    self.flow_map(&pairs(map, self.options));
                } else {
                    self.block_map(&pairs(map, self.options));
                }
            }
            scalar => {
                let text = self.scalar_text(scalar);
                self.scalar(&text, place);
            }
        }
    }

    fn wants_flow<'v>(&self, mut items: impl Iterator<Item = &'v Value>) -> bool {
        self.options.default_flow_style.unwrap_or_else(|| {
            self.options.default_style.is_none()
                && items.all(|item| !matches!(item, Value::List(_) | Value::Map(_) | Value::Vault(_)))
        })
    }

    /// Sets the indentation of a level that begins and gives back the one around it.
    pub(super) fn deeper(&mut self, flow: bool, indentless: bool) -> Option<usize> {
        let outer = self.indent;
        self.indent = Some(match outer {
            None if flow => self.best_indent,
            None => 0,
            Some(indent) if indentless => indent,
            Some(indent) => indent + self.best_indent,
        });
        outer
    }

    fn flow_list(&mut self, items: &[Value]) {
        self.indicator("[", true, true, false);
        let outer = self.deeper(true, false);
        self.flow_level += 1;
        for (index, item) in items.iter().enumerate() {
            self.flow_separator(index);
            self.node(item, Place::Item);
        }
        self.flow_level -= 1;
        self.indent = outer;
        self.indicator("]", false, false, false);
    }

    fn flow_map(&mut self, pairs: &[(&Key, &Value)]) {
        self.indicator("{", true, true, false);
        let outer = self.deeper(true, false);
        self.flow_level += 1;
        for (index, (key, value)) in pairs.iter().enumerate() {
            self.flow_separator(index);
            let key = self.key_text(key);
            if is_simple_key(&key) {
                self.scalar(&key, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, false);
                self.scalar(&key, Place::Mapping);
                if self.column > self.best_width {
                    self.write_indent();
                }
                self.indicator(":", true, false, false);
            }
            self.node(value, Place::Mapping);
        }
        self.flow_level -= 1;
        self.indent = outer;
        self.indicator("}", false, false, false);
    }

    fn flow_separator(&mut self, index: usize) {
        if index > 0 {
            self.indicator(",", false, false, false);
        }
        if self.column > self.best_width {
            self.write_indent();
        }
    }

    fn block_list(&mut self, items: &[Value], place: Place) {
        let outer = self.deeper(false, place == Place::Mapping && !self.indention);
        for item in items {
            self.write_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place::Item);
        }
        self.indent = outer;
    }

    fn block_map(&mut self, pairs: &[(&Key, &Value)]) {
        let outer = self.deeper(false, false);
        for (key, value) in pairs {
            self.write_indent();
            let key = self.key_text(key);
            if is_simple_key(&key) {
                self.scalar(&key, Place::SimpleKey);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.scalar(&key, Place::Mapping);
                self.write_indent();
                self.indicator(":", true, false, true);
            }
            self.node(value, Place::Mapping);
        }
        self.indent = outer;
    }

    fn scalar_text<'v>(&self, value: &'v Value) -> Text<'v> {
        let style = self.options.default_style;
        let simple = |text: Cow<'static, str>| Text { text, tag: Some("!"), style };
        let text = |text: &'v str| Text { text: text.into(), tag: None, style };
        match value {
            Value::Null => simple("null".into()),
            Value::Bool(value) => simple(value.to_string().into()),
            Value::Int(value) => simple(value.to_string().into()),
            Value::Float(value) => simple(float_text(*value).into()),
            Value::Vault(vault) => {
                Text { text: vault.envelope().into(), tag: Some("!vault"), style: Some(Style::Literal) }
            }
            Value::Omit => text("<omit>"),
            Value::Unknown(reason) => Text { text: format!("<known after apply: {reason}>").into(), tag: None, style },
            other => {
                let written = other.as_str().unwrap_or_default();
                let block = self.options.text_blocks && written.contains(is_break);
                Text { style: if block { Some(Style::Literal) } else { style }, ..text(written) }
            }
        }
    }

    fn key_text<'v>(&self, key: &'v Key) -> Text<'v> {
        match key {
            Key::Str(text) => Text { text: (&**text).into(), tag: None, style: self.options.default_style },
            other => {
                let text = match other {
                    Key::Int(value) => value.to_string(),
                    Key::Bool(value) => value.to_string(),
                    Key::Float(value) => float_text(*value),
                    Key::Str(_) | Key::Null => "null".to_owned(),
                };
                Text { text: text.into(), tag: Some("!"), style: self.options.default_style }
            }
        }
    }

    fn scalar(&mut self, scalar: &Text<'_>, place: Place) {
        let chars: Vec<char> = scalar.text.chars().collect();
        let analysis = analyze(&chars);
        let style = self.choose_style(scalar, &analysis, place);
        if let Some(tag) = scalar.tag.filter(|_| style.is_some()) {
            self.indicator(tag, true, false, false);
        }
        let outer = self.deeper(true, false);
        let split = place != Place::SimpleKey;
        match style {
            None => self.plain(&chars, split, self.flow_level > 0),
            Some(Style::Single) => self.single_quoted(&chars, split),
            Some(Style::Double) => self.double_quoted(&chars, split),
            Some(Style::Literal) => self.literal(&chars),
            Some(Style::Folded) => self.folded(&chars),
        }
        self.indent = outer;
    }

    /// `None` is plain.
    fn choose_style(&self, scalar: &Text<'_>, analysis: &Analysis, place: Place) -> Option<Style> {
        let key = place == Place::SimpleKey;
        let flow = self.flow_level > 0;
        if key && analysis.multiline {
            return Some(Style::Double);
        }
        match scalar.style {
            None => {
                let allowed = if flow { analysis.flow_plain } else { analysis.block_plain };
                let lost = scalar.text.is_empty() && (flow || key);
                let is_plain = allowed && !lost && (scalar.tag.is_some() || !means_something_else(&scalar.text));
                match is_plain {
                    true => None,
                    false if analysis.single_quoted => Some(Style::Single),
                    false => Some(Style::Double),
                }
            }
            Some(Style::Single) if analysis.single_quoted => Some(Style::Single),
            Some(style @ (Style::Literal | Style::Folded)) if analysis.block && !flow && !key => Some(style),
            Some(_) => Some(Style::Double),
        }
    }
}

/// Whether a key fits on a line before its colon.
fn is_simple_key(key: &Text<'_>) -> bool {
    let tag = if key.style.is_some() { key.tag.map_or(0, |tag| tag.len() + 18) } else { 0 };
    key.text.len() + tag <= 128 && !key.text.contains(is_break)
}

/// Python's shortest form, with the point that YAML 1.1 wants before an exponent.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = crate::text::python_float(value);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}
