//! Ansible's data: what variables, arguments and results are made of.
//!
//! Strings that may hold Jinja are a kind of their own: a [`Template`] comes only from files that the user wrote
//! (or from `-e` and the library), never from a host's answer, so what a host says is never evaluated.

mod json;
mod key;
mod map;
mod words;

pub use key::Key;
pub use map::Map;
pub use words::Text;

use crate::diagnostic::Span;
use std::sync::Arc;

/// One value. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    /// `None`.
    #[default]
    Null,
    /// `True`, `False`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text, taken literally.
    Str(Text),
    /// Text with Jinja in it, evaluated where it is used.
    Template(Arc<Template>),
    /// A vault's text, decrypted where it is used.
    Vault(Arc<crate::vars::VaultText>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A mapping, in order.
    Map(Arc<Map>),
    /// `omit`: the parameter that gets it is left out.
    Omit,
    /// What cannot be known before the change is applied, and why.
    Unknown(Arc<str>),
}

/// A string from a user's file that may hold Jinja.
#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    /// The text.
    pub source: Arc<str>,
    /// Where it begins.
    pub span: Option<Span>,
}

impl Value {
    /// Literal text.
    pub fn str(text: impl Into<Text>) -> Self {
        Self::Str(text.into())
    }

    /// Text from a trusted source: a template if it has Jinja in it.
    pub fn trusted(text: impl Into<Arc<str>>, span: Option<Span>) -> Self {
        let source = text.into();
        if has_jinja(&source) {
            Self::Template(Arc::new(Template { source, span }))
        } else {
            Self::Str(Text::trusted(source))
        }
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// The text of a string or the source of a template.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            Self::Template(template) => Some(&template.source),
            _ => None,
        }
    }

    /// The mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The field `name` of a mapping.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    /// Whether something in it still has to be evaluated or decrypted.
    pub fn is_lazy(&self) -> bool {
        match self {
            Self::Template(_) | Self::Vault(_) => true,
            Self::List(items) => items.iter().any(Self::is_lazy),
            Self::Map(map) => map.values().any(Self::is_lazy),
            _ => false,
        }
    }

    /// Whether something in it is not known before apply.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::List(items) => items.iter().any(Self::has_unknown),
            Self::Map(map) => map.values().any(Self::has_unknown),
            _ => false,
        }
    }

    /// Why the first part of it that is not known before apply is not.
    pub fn first_unknown(&self) -> Option<Arc<str>> {
        match self {
            Self::Unknown(reason) => Some(Arc::clone(reason)),
            Self::List(items) => items.iter().find_map(Self::first_unknown),
            Self::Map(map) => map.values().find_map(Self::first_unknown),
            _ => None,
        }
    }

    /// Python's name for its type, as error messages say it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::Template(_) | Self::Vault(_) => "str",
            Self::List(_) => "list",
            Self::Map(_) => "dict",
            Self::Omit => "omit",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Ansible's loose booleans (`yes`, `on`, `1`, `true`, …); `None` where it is none of them.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Int(0) => Some(false),
            Self::Int(1) => Some(true),
            Self::Float(value) if *value == 0.0 => Some(false),
            Self::Float(value) if *value == 1.0 => Some(true),
            Self::Str(text) => parse_bool(text),
            _ => None,
        }
    }
}

/// Ansible's words for true and false, in any case.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Some(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Some(false),
        _ => None,
    }
}

/// Whether text holds a Jinja expression, statement or comment.
pub fn has_jinja(text: &str) -> bool {
    text.match_indices('{').any(|(at, _)| matches!(text.as_bytes().get(at + 1), Some(b'{' | b'%' | b'#')))
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Str(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Str(value.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(Arc::new(map))
    }
}
