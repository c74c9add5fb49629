//! Keys of mappings: nearly always text, but YAML and Python allow other scalars.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A mapping's key. Text can be looked up by `&str`.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    /// Text.
    Str(Arc<str>),
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// A number with a fraction.
    Float(f64),
    /// `None`.
    Null,
}

// Float keys are compared as written in a file; NaN keys cannot be written there.
impl Eq for Key {}

impl Key {
    /// The text, if the key is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // Equal to `str`'s own hash, so that lookups by `&str` find it.
            Self::Str(text) => text.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Bool(value) => value.hash(state),
            Self::Float(value) => value.to_bits().hash(state),
            Self::Null => 0_u8.hash(state),
        }
    }
}

impl indexmap::Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.as_str() == Some(self)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        Self::Str(text)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Str(text) => f.write_str(text),
            Self::Int(value) => write!(f, "{value}"),
            Self::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Null => f.write_str("None"),
        }
    }
}
