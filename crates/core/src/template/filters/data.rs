//! JSON, YAML and queries.

use super::Table;
use super::basic::flag;
use crate::diagnostic::SourceFile;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::json::{self, Layout};
use crate::template::python::{Args, Py};
use crate::value::{Key, Map, Text, Value};
use crate::vars::Decrypt;
use crate::yaml::{self, Trust, emit};
use std::collections::HashMap;
use std::sync::Arc;

pub(super) const TABLE: Table = &[
    ("to_json", |context, value, args| to_json(context, value, args, false)),
    ("to_nice_json", |context, value, args| to_json(context, value, args, true)),
    ("tojson", html_json),
    ("from_json", from_json),
    ("to_yaml", |context, value, args| to_yaml(context, value, args, false)),
    ("to_nice_yaml", |context, value, args| to_yaml(context, value, args, true)),
    ("from_yaml", from_yaml),
    ("from_yaml_all", from_yaml_all),
    ("json_query", json_query),
];

/// A plain value, or the reason why it is not known yet.
fn plain(context: &Context, value: &Py) -> Result<Value> {
    let value = context.export(value)?;
    if value.has_unknown() {
        return Err(Fault::Unknown("a part of it is known after apply".into()));
    }
    Ok(value)
}

fn to_json(context: &Context, value: Py, args: Args, nice: bool) -> Result<Py> {
    let [indent, sort_keys, separators, ensure_ascii, _profile, _vault, _unsafe] = args.bind([
        "indent",
        "sort_keys",
        "separators",
        "ensure_ascii",
        "profile",
        "vault_to_text",
        "preprocess_unsafe",
    ])?;
    let indent = match indent {
        None if nice => Some("    ".to_owned()),
        None | Some(Py::None) => None,
        Some(Py::Str(text)) => Some(text.to_string()),
        Some(indent) => Some(" ".repeat(indent.as_int().and_then(|indent| usize::try_from(indent).ok()).unwrap_or(0))),
    };
    let separators = match separators.filter(|_| !nice) {
        None | Some(Py::None) => {
            let item = if indent.is_some() { "," } else { ", " };
            (item.to_owned(), ": ".to_owned())
        }
        Some(separators) => match separators.iterate()?.as_slice() {
            [item, key] => (context.text(item)?, context.text(key)?),
            _ => return Err(Fault::error("separators must be two texts")),
        },
    };
    let layout = Layout {
        indent,
        separators,
        sort_keys: flag(sort_keys.as_ref(), nice)?,
        ensure_ascii: flag(ensure_ascii.as_ref(), true)?,
    };
    Ok(Py::str(json::write(&plain(context, &value)?, &layout)))
}

/// Jinja's own: sorted, and safe inside HTML.
fn html_json(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [indent] = args.bind(["indent"])?;
    let spaces = |indent: Py| usize::try_from(indent.as_int().unwrap_or(0)).unwrap_or(0);
    let indent = indent.filter(|indent| !matches!(indent, Py::None)).map(|indent| " ".repeat(spaces(indent)));
    let item = if indent.is_some() { "," } else { ", " };
    let layout = Layout { indent, separators: (item.into(), ": ".into()), sort_keys: true, ensure_ascii: true };
    let text = json::write(&plain(context, &value)?, &layout);
    let escaped = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\'', "\\u0027")];
    Ok(Py::str(escaped.iter().fold(text, |text, (from, to)| text.replace(*from, to))))
}

fn from_json(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [profile] = args.bind(["profile"])?;
    let Py::Str(text) = &value else {
        let kind = value.type_name();
        return Err(Fault::error(format!("the JSON object must be str, bytes or bytearray, not {kind}")));
    };
    match profile.as_ref().and_then(Py::as_str) {
        None | Some("tagless") => {}
        Some("legacy" | "inventory_legacy") => return marked_json(context, text),
        Some(other) => return Err(Fault::error(format!("Unknown profile name '{other}'."))),
    }
    let parsed: serde_json::Value =
        serde_json::from_str(text).map_err(|error| Fault::error(json::in_python(&error, text)))?;
    Ok(context.import(&Value::from(parsed)).force())
}

/// JSON in which vaults and untrusted text are marked; all other text is as trusted as the JSON itself.
fn marked_json(context: &Context, text: &Text) -> Result<Py> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| Fault::error(json::in_python(&error, text)))?;
    let trust = if text.is_trusted() { Trust::Trusted } else { Trust::Untrusted };
    let vaults: Arc<dyn Decrypt> = match &context.templar().templates.options.vaults {
        Some(vaults) => Arc::clone(vaults),
        None => Arc::new(NoVaults),
    };
    let nodes = yaml::load_all(&SourceFile::new("<from_json>", &**text), &mut Vec::new())
        .map_err(|error| Fault::error(format!("this is not JSON: {}", error.message)))?;
    let value = nodes.first().map(|node| node.to_value(&vaults, trust)).unwrap_or_default();
    Ok(context.import(&value).force())
}

fn to_yaml(context: &Context, value: Py, mut args: Args, nice: bool) -> Result<Py> {
    let mut options = if nice { emit::Options::nice() } else { emit::Options::default() };
    if nice && !args.positional.is_empty() {
        args.named.push(("indent".into(), args.positional.remove(0)));
    }
    args.positional.clear();
    for (name, value) in args.named {
        let number = |value: &Py| {
            value
                .as_int()
                .and_then(|value| usize::try_from(value).ok())
                .ok_or_else(|| Fault::error(format!("'{name}' must be a number, not '{}'", value.type_name())))
        };
        match &*name {
            "indent" => options.indent = number(&value)?,
            "width" => {
                let endless = matches!(value, Py::Float(width) if width.is_infinite());
                options.width = if endless { None } else { Some(number(&value)?) };
            }
            "default_flow_style" => {
                options.default_flow_style = if matches!(value, Py::None) { None } else { Some(value.truth()?) };
            }
            "sort_keys" => options.sort_keys = value.truth()?,
            "explicit_start" => options.explicit_start = value.truth()?,
            "explicit_end" => options.explicit_end = value.truth()?,
            "default_style" => {
                options.default_style = match value.as_str() {
                    Some("'") => Some(emit::Style::Single),
                    Some("\"") => Some(emit::Style::Double),
                    Some("|") => Some(emit::Style::Literal),
                    Some(">") => Some(emit::Style::Folded),
                    _ => None,
                };
            }
            "canonical" => options.canonical = value.truth()?,
            "line_break" => {
                options.line_break = match value.as_str() {
                    Some("\r") => "\r",
                    Some("\r\n") => "\r\n",
                    _ => "\n",
                };
            }
            "version" => options.directives.splice(0..0, version_directive(context, &value)?).for_each(drop),
            "tags" => options.directives.extend(tag_directives(context, &value)?),
            // Text is never escaped here, and vaults are written opened.
            "allow_unicode" | "vault_behavior" | "dump_vault_tags" => {}
            other => return Err(Fault::error(format!("got an unexpected keyword argument '{other}'"))),
        }
    }
    Ok(Py::str(emit::to_yaml(&plain(context, &value)?, &options)))
}

/// `%YAML 1.1`, of a list of two numbers.
fn version_directive(context: &Context, version: &Py) -> Result<Option<String>> {
    if matches!(version, Py::None) {
        return Ok(None);
    }
    match version.iterate()?.as_slice() {
        [major, minor] => Ok(Some(format!("%YAML {}.{}", context.text(major)?, context.text(minor)?))),
        _ => Err(Fault::error("'version' must be a list of two numbers")),
    }
}

/// `%TAG !handle! prefix`, of a mapping of handles to prefixes.
fn tag_directives(context: &Context, tags: &Py) -> Result<Vec<String>> {
    let Some(entries) = tags.entries(context)? else {
        return if matches!(tags, Py::None) { Ok(Vec::new()) } else { Err(Fault::error("'tags' must be a mapping")) };
    };
    entries.iter().map(|(handle, prefix)| Ok(format!("%TAG {handle} {}", context.text(prefix)?))).collect()
}

/// Vaults inside text stay closed.
struct NoVaults;

impl Decrypt for NoVaults {
    fn decrypt(&self, _: &str) -> std::result::Result<Vec<u8>, String> {
        Err("vaults inside text that a filter reads are not opened".into())
    }
}

fn documents(text: &str) -> Result<Vec<Value>> {
    let file = SourceFile::new("<from_yaml>", text);
    let nodes = yaml::load_all(&file, &mut Vec::new())
        .map_err(|error| Fault::with_help(format!("this is not YAML: {}", error.message), error.help))?;
    let vaults: Arc<dyn Decrypt> = Arc::new(NoVaults);
    Ok(nodes.iter().map(|node| node.to_value(&vaults, Trust::Untrusted)).collect())
}

fn from_yaml(context: &Context, value: Py, _: Args) -> Result<Py> {
    let Py::Str(text) = &value else { return Ok(value) };
    let mut documents = documents(text)?;
    if documents.len() > 1 {
        return Err(Fault::error("expected a single document in the stream, but found another"));
    }
    Ok(documents.pop().map_or(Py::None, |document| context.import(&document).force()))
}

fn from_yaml_all(context: &Context, value: Py, _: Args) -> Result<Py> {
    match &value {
        Py::None => Ok(Py::list(Vec::new())),
        Py::Str(text) => Ok(Py::list(documents(text)?.iter().map(|document| context.import(document)).collect())),
        _ => Ok(value),
    }
}

fn json_query(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query] = args.bind(["expr"])?;
    let query = context.text(&query.ok_or_else(|| Fault::error("needs a query"))?)?;
    let failed = |error: jmespath::JmespathError| Fault::error(format!("JMESPathError in json_query filter: {error}"));
    let expression = jmespath::compile(&query).map_err(failed)?;
    let data = plain(context, &value)?;
    let text = data.to_json().to_string();
    let found = expression.search(jmespath::Variable::from_json(&text).map_err(Fault::error)?).map_err(failed)?;
    let found: serde_json::Value =
        serde_json::from_str(&found.to_string()).map_err(|error| Fault::error(error.to_string()))?;
    let mut orders = Orders::new();
    learn(&mut orders, &data);
    Ok(context.import(&ordered(Value::from(found), &orders, &query)).force())
}

/// The order in which mappings have their keys, by the sorted keys: the query sorts them.
type Orders = HashMap<Vec<String>, Vec<Key>>;

fn sorted_keys(map: &Map) -> Vec<String> {
    let mut names: Vec<String> = map.keys().map(Key::to_string).collect();
    names.sort_unstable();
    names
}

fn learn(orders: &mut Orders, data: &Value) {
    match data {
        Value::List(items) => items.iter().for_each(|item| learn(orders, item)),
        Value::Map(map) => {
            orders.entry(sorted_keys(map)).or_insert_with(|| map.keys().cloned().collect());
            map.values().for_each(|value| learn(orders, value));
        }
        _ => {}
    }
}

/// Mappings in the order of those they were taken from, or, where the query makes them, in the query's.
fn ordered(found: Value, orders: &Orders, query: &str) -> Value {
    match found {
        Value::List(items) => Value::list(items.iter().map(|item| ordered(item.clone(), orders, query))),
        Value::Map(map) => {
            let mut keys: Vec<Key> = map.keys().cloned().collect();
            match orders.get(&sorted_keys(&map)) {
                Some(known) => keys.sort_by_key(|key| known.iter().position(|other| other == key)),
                None => keys.sort_by_key(|key| query.find(&key.to_string())),
            }
            let entry = |key: Key| map.get(&key).map(|value| (key, ordered(value.clone(), orders, query)));
            keys.into_iter().filter_map(entry).collect::<Map>().into()
        }
        other => other,
    }
}
