//! Makes nodes of parser events: tags, anchors, merge keys, duplicate keys.

use super::{Node, NodeKind, Scalar, explain, resolve, scalar};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::value::Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use foldhash::fast::RandomState;
use saphyr_parser::{Event, ScalarStyle, Tag};
use std::collections::HashMap;
use std::sync::Arc;

/// Deeper nesting is no honest file.
const DEEPEST: usize = 400;

pub(super) struct Builder<'a> {
    pub documents: Vec<Node>,
    open: Vec<Collection>,
    anchors: HashMap<usize, Node>,
    file: &'a Arc<SourceFile>,
    text: &'a str,
    warnings: &'a mut Vec<Diagnostic>,
}

/// A list or mapping whose end has not come yet.
struct Collection {
    span: Span,
    anchor: usize,
    unsafe_: bool,
    mapping: bool,
    /// For a mapping: key, value, key, value …
    items: Vec<Node>,
    /// Which of the items are `<<`, unquoted.
    merge_keys: Vec<usize>,
}

/// What a tag makes of a node.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// No tag: a plain scalar is resolved.
    Untagged,
    /// `!`: text, or the collection as it is.
    NonSpecific,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Binary,
    Seq,
    Map,
    Vault,
    Unsafe,
}

impl<'a> Builder<'a> {
    pub fn new(file: &'a Arc<SourceFile>, text: &'a str, warnings: &'a mut Vec<Diagnostic>) -> Self {
        Self { documents: Vec::new(), open: Vec::new(), anchors: HashMap::new(), file, text, warnings }
    }

    pub fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = self.scalar(&text, style, tag.as_deref(), &span)?;
                if text == "<<" && style == ScalarStyle::Plain && tag.is_none() {
                    self.open.iter_mut().rev().take(1).for_each(|outer| outer.merge_keys.push(outer.items.len()));
                }
                self.finish(Node { kind, span }, anchor)
            }
            Event::SequenceStart(anchor, tag) => self.begin(false, anchor, tag.as_deref(), span),
            Event::MappingStart(anchor, tag) => self.begin(true, anchor, tag.as_deref(), span),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                // A key or value that is an alias is pointed at where it is used.
                Some(node) => {
                    let node = Node { kind: node.kind.clone(), span };
                    self.finish(node, 0)
                }
                None => Err(Diagnostic::error("this alias stands inside the value it refers to").at(&span)),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, mapping: bool, anchor: usize, tag: Option<&Tag>, span: Span) -> Result<(), Diagnostic> {
        if self.open.len() >= DEEPEST {
            return Err(Diagnostic::error(format!("nested more than {DEEPEST} levels deep")).at(&span));
        }
        let tag = tag_kind(tag, &span)?;
        let fits = match tag {
            Kind::Untagged | Kind::NonSpecific | Kind::Unsafe => true,
            Kind::Seq => !mapping,
            Kind::Map => mapping,
            _ => false,
        };
        if !fits {
            let what = if mapping { "a mapping" } else { "a list" };
            return Err(Diagnostic::error(format!("{what} cannot have this tag")).at(&span));
        }
        let unsafe_ = tag == Kind::Unsafe || self.open.last().is_some_and(|outer| outer.unsafe_);
        self.open.push(Collection { span, anchor, unsafe_, mapping, items: Vec::new(), merge_keys: Vec::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Diagnostic> {
        let Some(collection) = self.open.pop() else { return Ok(()) };
        let Collection { span, anchor, items, mapping, merge_keys, .. } = collection;
        let kind = if mapping {
            NodeKind::Map(Arc::new(self.mapping(items, &merge_keys)?))
        } else {
            NodeKind::Seq(Arc::new(items))
        };
        self.finish(Node { kind, span }, anchor)
    }

    /// Puts a whole node where it belongs.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(outer) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        if outer.mapping && outer.items.len() % 2 == 0 && node.to_key().is_none() {
            return Err(explain::bad_key(self.file, self.text, &node, &outer.span));
        }
        outer.items.push(node);
        Ok(())
    }

    /// Merged pairs come first and give way to the mapping's own, as in PyYAML.
    fn mapping(&mut self, items: Vec<Node>, merge_keys: &[usize]) -> Result<Vec<(Node, Node)>, Diagnostic> {
        let mut pairs: Vec<(Node, Node)> = Vec::with_capacity(items.len() / 2);
        let mut own = Vec::with_capacity(items.len() / 2);
        let mut items = items.into_iter().enumerate();
        while let (Some((index, key)), Some((_, value))) = (items.next(), items.next()) {
            if merge_keys.contains(&index) { merge(&value, &mut pairs)? } else { own.push((key, value)) }
        }
        let merged = pairs.len();
        pairs.append(&mut own);
        let mut places: HashMap<Key, (usize, bool), RandomState> =
            HashMap::with_capacity_and_hasher(pairs.len(), RandomState::default());
        let mut unique: Vec<(Node, Node)> = Vec::with_capacity(pairs.len());
        for (index, (key, value)) in pairs.into_iter().enumerate() {
            let Some(name) = key.to_key() else { continue };
            match places.get_mut(&name) {
                Some((place, earlier_own)) => {
                    if *earlier_own {
                        self.warnings.push(
                            Diagnostic::warning(format!(
                                "Found duplicate mapping key '{name}'; using the last one only"
                            ))
                            .at(&key.span)
                            .related(&unique[*place].0.span, "first given here"),
                        );
                    }
                    *earlier_own = index >= merged;
                    unique[*place] = (key, value);
                }
                None => {
                    places.insert(name, (unique.len(), index >= merged));
                    unique.push((key, value));
                }
            }
        }
        Ok(unique)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<NodeKind, Diagnostic> {
        let in_unsafe = self.open.last().is_some_and(|outer| outer.unsafe_);
        let text_kind = || if in_unsafe { NodeKind::Unsafe(text.into()) } else { NodeKind::Str(text.into()) };
        let resolved = || match resolve(text) {
            Scalar::Null => NodeKind::Null,
            Scalar::Bool(value) => NodeKind::Bool(value),
            Scalar::Int(value) => NodeKind::Int(value),
            Scalar::Float(value) => NodeKind::Float(value),
            Scalar::Text => text_kind(),
        };
        let not_a = |what: &str| Diagnostic::error(format!("`{text}` is not {what}")).at(span);
        Ok(match tag_kind(tag, span)? {
            Kind::Untagged if style == ScalarStyle::Plain => resolved(),
            Kind::Untagged | Kind::NonSpecific | Kind::Str => text_kind(),
            Kind::Int => NodeKind::Int(scalar::int(text).flatten().ok_or_else(|| not_a("a whole number"))?),
            Kind::Float => {
                let whole = scalar::int(text).flatten().map(|value| value as f64);
                let value = scalar::float(text).or(whole).or_else(|| text.parse().ok());
                NodeKind::Float(value.ok_or_else(|| not_a("a number"))?)
            }
            Kind::Bool => match resolve(text) {
                Scalar::Bool(value) => NodeKind::Bool(value),
                _ => return Err(not_a("a boolean")),
            },
            Kind::Null => NodeKind::Null,
            Kind::Binary => {
                let digits: String = text.split_whitespace().collect();
                let bytes = STANDARD.decode(digits).map_err(|_| not_a("base64"))?;
                let plain = String::from_utf8(bytes).map_err(|_| {
                    Diagnostic::error("binary data that is no text cannot be used").at(span).help("put it in a file")
                })?;
                if in_unsafe { NodeKind::Unsafe(plain.into()) } else { NodeKind::Str(plain.into()) }
            }
            Kind::Vault => NodeKind::Vault(text.into()),
            // The text is resolved even if quoted, as Ansible does.
            Kind::Unsafe => match resolve(text) {
                Scalar::Text => NodeKind::Unsafe(text.into()),
                _ => resolved(),
            },
            Kind::Seq | Kind::Map if text.is_empty() => NodeKind::Null,
            Kind::Seq => return Err(not_a("a list")),
            Kind::Map => return Err(not_a("a mapping")),
        })
    }
}

/// The pairs that `<<: value` brings in. Of several mappings the first one wins.
fn merge(value: &Node, pairs: &mut Vec<(Node, Node)>) -> Result<(), Diagnostic> {
    let wrong = |node: &Node| {
        Diagnostic::error(format!("`<<` merges mappings, but this is {}", node.type_name())).at(&node.span)
    };
    match &value.kind {
        NodeKind::Map(own) => pairs.extend(own.iter().cloned()),
        NodeKind::Seq(items) => {
            for item in items.iter().rev() {
                pairs.extend(item.as_map().ok_or_else(|| wrong(item))?.iter().cloned());
            }
        }
        _ => return Err(wrong(value)),
    }
    Ok(())
}

fn tag_kind(tag: Option<&Tag>, span: &Span) -> Result<Kind, Diagnostic> {
    let Some(tag) = tag else { return Ok(Kind::Untagged) };
    let full = format!("{}{}", tag.handle, tag.suffix);
    let name = full.strip_prefix("tag:yaml.org,2002:").or_else(|| full.strip_prefix("!!"));
    Ok(match name.unwrap_or(&full) {
        "!" => Kind::NonSpecific,
        "str" | "python/unicode" | "timestamp" => Kind::Str,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "bool" => Kind::Bool,
        "null" => Kind::Null,
        "binary" => Kind::Binary,
        "seq" => Kind::Seq,
        "map" | "python/dict" => Kind::Map,
        "!vault" | "!vault-encrypted" => Kind::Vault,
        "!unsafe" => Kind::Unsafe,
        other => {
            let shown = if name.is_some() { format!("!!{other}") } else { other.to_owned() };
            let known = ["!vault", "!unsafe", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map"];
            let error = Diagnostic::error(format!("the tag `{shown}` is not known")).at(span);
            let suggested = error.clone().suggest(&shown, known);
            return Err(match suggested.help {
                Some(_) => suggested,
                None => error.help(format!("known tags are {}; quote the value if it is text", known.join(", "))),
            });
        }
    })
}
