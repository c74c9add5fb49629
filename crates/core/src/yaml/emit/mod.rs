//! Values as YAML text, laid out as PyYAML's dumper does it: what `to_yaml`, `to_nice_yaml` and
//! `--list --yaml` show.
//!
//! Aliases are never written: equal values are written out each time.

mod analysis;
mod canonical;
mod text;
mod writer;

use crate::value::{Key, Map, Value};
use writer::Writer;

/// How it looks. The names are those of Python's `yaml.dump`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Columns a level is indented by (2 to 9; others mean 2).
    pub indent: usize,
    /// Lines are folded after this many columns; `None` never folds.
    pub width: Option<usize>,
    /// `Some(true)`: all in brackets. `Some(false)`: nothing but empty collections in brackets. `None`: collections
    /// of nothing but scalars in brackets.
    pub default_flow_style: Option<bool>,
    /// Sorts mappings by key.
    pub sort_keys: bool,
    /// Begins with `---`.
    pub explicit_start: bool,
    /// Ends with `...`.
    pub explicit_end: bool,
    /// Style of every scalar, keys too.
    pub default_style: Option<Style>,
    /// Every value with its tag, one a line, all else put aside.
    pub canonical: bool,
    /// Lines before the document: `%YAML`, `%TAG`.
    pub directives: Vec<String>,
    /// Texts of several lines are written line by line, where they can be.
    pub text_blocks: bool,
    /// What ends a line.
    pub line_break: &'static str,
}

/// A style that scalars can be asked to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

impl Default for Options {
    /// Those of the filter `to_yaml`.
    fn default() -> Self {
        Self {
            indent: 2,
            width: Some(80),
            default_flow_style: None,
            sort_keys: true,
            explicit_start: false,
            explicit_end: false,
            default_style: None,
            canonical: false,
            directives: Vec::new(),
            text_blocks: false,
            line_break: "\n",
        }
    }
}

impl Options {
    /// Those of the filter `to_nice_yaml`.
    pub fn nice() -> Self {
        Self { indent: 4, default_flow_style: Some(false), ..Self::default() }
    }
}

/// Writes `value`. Templates are written as their source, vaults as `!vault` with their envelope.
pub fn to_yaml(value: &Value, options: &Options) -> String {
    let mut writer = Writer::new(options);
    writer.document(value);
    writer.finish()
}

/// A mapping's pairs in the order to write them. As in Python, keys that cannot be compared stay as they are.
fn pairs<'a>(map: &'a Map, options: &Options) -> Vec<(&'a Key, &'a Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    if options.sort_keys {
        if pairs.iter().all(|(key, _)| matches!(key, Key::Str(_))) {
            pairs.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
        } else if let Some(mut numbered) =
            pairs.iter().map(|pair| Some((number(pair.0)?, *pair))).collect::<Option<Vec<_>>>()
        {
            numbered.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            pairs = numbered.into_iter().map(|(_, pair)| pair).collect();
        }
    }
    pairs
}

fn number(key: &Key) -> Option<f64> {
    match key {
        Key::Int(value) => Some(*value as f64),
        Key::Bool(value) => Some(f64::from(u8::from(*value))),
        Key::Float(value) => Some(*value),
        Key::Str(_) | Key::Null => None,
    }
}

#[cfg(test)]
mod tests;
