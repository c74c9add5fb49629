//! A YAML document as a tree in which everything knows its place.

use crate::diagnostic::Span;
use crate::value::{Key, Map, Value};
use crate::vars::{Decrypt, VaultText};
use std::sync::Arc;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it begins.
    pub span: Span,
}

/// What a node is. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// Text under `!unsafe`: never a template.
    Unsafe(Arc<str>),
    /// The envelope under `!vault`.
    Vault(Arc<str>),
    /// A list.
    Seq(Arc<Vec<Node>>),
    /// A mapping in the order written, merge keys (`<<`) already merged in. Keys are scalars and occur once.
    Map(Arc<Vec<(Node, Node)>>),
}

/// Whether text with Jinja in it is a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The user wrote the file: Jinja is evaluated.
    Trusted,
    /// Anything else: text is text.
    Untrusted,
}

impl Node {
    /// Text, templates as written.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Str(text) | NodeKind::Unsafe(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_seq(&self) -> Option<&[Self]> {
        match &self.kind {
            NodeKind::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs, if it is a mapping.
    pub fn as_map(&self) -> Option<&[(Self, Self)]> {
        match &self.kind {
            NodeKind::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a mapping's key `name`.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        self.kind == NodeKind::Null
    }

    /// What it is, for messages (`a mapping`).
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            NodeKind::Null => "nothing",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::Int(_) => "a whole number",
            NodeKind::Float(_) => "a number",
            NodeKind::Str(_) | NodeKind::Unsafe(_) => "text",
            NodeKind::Vault(_) => "a vault",
            NodeKind::Seq(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        }
    }

    /// As a mapping's key, if it can be one.
    pub fn to_key(&self) -> Option<Key> {
        Some(match &self.kind {
            NodeKind::Null => Key::Null,
            NodeKind::Bool(value) => Key::Bool(*value),
            NodeKind::Int(value) => Key::Int(*value),
            NodeKind::Float(value) => Key::Float(*value),
            NodeKind::Str(text) | NodeKind::Unsafe(text) => Key::Str(Arc::clone(text)),
            NodeKind::Vault(_) | NodeKind::Seq(_) | NodeKind::Map(_) => return None,
        })
    }

    /// As plain data; vaults are opened by `vaults` when they are used.
    pub fn to_value(&self, vaults: &Arc<dyn Decrypt>, trust: Trust) -> Value {
        match &self.kind {
            NodeKind::Null => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Int(value) => Value::Int(*value),
            NodeKind::Float(value) => Value::Float(*value),
            NodeKind::Str(text) if trust == Trust::Trusted => Value::trusted(Arc::clone(text), Some(self.span.clone())),
            NodeKind::Str(text) | NodeKind::Unsafe(text) => Value::str(Arc::clone(text)),
            NodeKind::Vault(envelope) => {
                Value::Vault(Arc::new(VaultText::new(&**envelope, Some(self.span.clone()), Arc::clone(vaults))))
            }
            NodeKind::Seq(items) => Value::list(items.iter().map(|item| item.to_value(vaults, trust))),
            NodeKind::Map(_) => Value::from(self.to_map(vaults, trust).unwrap_or_default()),
        }
    }

    /// As a plain mapping, if it is one.
    pub fn to_map(&self, vaults: &Arc<dyn Decrypt>, trust: Trust) -> Option<Map> {
        let pairs = self.as_map()?;
        Some(pairs.iter().filter_map(|(key, value)| Some((key.to_key()?, value.to_value(vaults, trust)))).collect())
    }
}
