//! Settings as text, in the forms of `ansible-config`.

use super::config::InitForm;
use crate::report::ansible::{CHANGED, OK, paint};
use crate::report::pretty;
use clap::ValueEnum;
use hostler_core::config::{Entry, Origin};
use hostler_core::template::Templar;
use hostler_core::value;
use hostler_core::yaml::emit::{Options, to_yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Form of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For programs.
    Json,
    /// For programs.
    Yaml,
    /// For people.
    Display,
}

fn yaml(value: Value) -> String {
    to_yaml(&value::Value::from(value), &Options { indent: 2, ..Options::nice() })
}

/// What settings are: names, defaults, where they may be set.
pub fn listed(entries: &[Entry<'_>], json: bool) -> String {
    let described = |entry: &Entry<'_>| {
        let env: Vec<Value> = entry.in_env.iter().map(|name| json!({"name": name})).collect();
        let ini = entry.in_file.iter().filter_map(|name| name.split_once('.'));
        let ini: Vec<Value> = ini.map(|(section, key)| json!({"key": key, "section": section})).collect();
        let description = [entry.description.trim()];
        json!({"default": entry.default, "description": description, "env": env, "ini": ini, "type": entry.kind})
    };
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for entry in entries {
        match entry.plugin() {
            None => {
                all.insert(entry.option().to_owned(), described(entry));
            }
            Some((_, plugin, option)) => {
                all.entry(plugin.to_owned()).or_insert_with(|| json!({}))[option] = described(entry);
            }
        }
    }
    let all = Value::Object(all.into_iter().collect());
    if json { pretty(&all) } else { yaml(all) }
}

/// What settings are set to. `file`: tell also which file counts.
pub fn dumped(entries: &[Entry<'_>], file: Option<Option<&Path>>, all: bool, form: Form, colour: bool) -> String {
    let mut base: Vec<_> = entries.iter().filter(|entry| entry.plugin().is_none()).collect();
    base.sort_by_key(|entry| entry.name);
    let mut plugins: BTreeMap<(&str, &str), Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        if let Some((kind, plugin, _)) = entry.plugin() {
            plugins.entry((kind, plugin)).or_default().push(entry);
        }
    }
    let file = file.map(|file| file.map_or(Value::Null, |file| Value::from(file.display().to_string())));
    if form != Form::Display {
        return data(&base, &plugins, file, all, form);
    }
    let mut lines: Vec<(&str, String)> = base.iter().map(|entry| (entry.option(), line(entry, colour))).collect();
    if let Some(file) = file {
        let line = format!("CONFIG_FILE() = {}", Templar::text_of(&value::Value::from(file)));
        lines.push(("CONFIG_FILE", paint(colour, CHANGED, &line)));
        lines.sort();
    }
    let mut text: String = lines.into_iter().map(|(_, line)| format!("{line}\n")).collect();
    let mut before = "";
    for ((kind, plugin), mut entries) in plugins {
        if all && kind != before {
            let title = kind.to_uppercase();
            text.push_str(&format!("\n{title}:\n{}\n", "=".repeat(title.len() + 1)));
            before = kind;
        }
        entries.sort_by_key(|entry| entry.name);
        text.push_str(&format!("\n{plugin}:\n{}\n", "_".repeat(plugin.len())));
        entries.iter().for_each(|entry| text.push_str(&format!("{}\n", line(entry, colour))));
    }
    text
}

fn line(entry: &Entry<'_>, colour: bool) -> String {
    let shown = Templar::text_of(&value::Value::from(current(entry)));
    let text = format!("{}({}) = {shown}", entry.option(), origin(entry));
    paint(colour, if entry.value.is_some() { CHANGED } else { OK }, &text)
}

fn current(entry: &Entry<'_>) -> Value {
    entry.value.clone().unwrap_or_else(|| entry.default.clone())
}

fn origin(entry: &Entry<'_>) -> String {
    match entry.origin {
        None => "default".to_owned(),
        Some(Origin::Environment(name)) => format!("env: {name}"),
        Some(Origin::File(span)) => span.file.path().display().to_string(),
    }
}

fn data(
    base: &[&Entry<'_>],
    plugins: &BTreeMap<(&str, &str), Vec<&Entry<'_>>>,
    file: Option<Value>,
    all: bool,
    form: Form,
) -> String {
    let object = |entry: &&Entry<'_>| json!({"name": entry.option(), "origin": origin(entry), "value": current(entry)});
    let mut list: Vec<Value> = base.iter().map(object).collect();
    if let Some(file) = file {
        list.push(json!({"name": "CONFIG_FILE", "origin": "", "value": file}));
        list.sort_by_key(|entry| entry["name"].as_str().unwrap_or_default().to_owned());
    }
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for ((kind, plugin), entries) in plugins {
        let of_plugin = Map::from_iter([((*plugin).to_owned(), Value::from_iter(entries.iter().map(object)))]);
        kinds.entry(format!("{}_PLUGINS", kind.to_uppercase())).or_default().push(Value::Object(of_plugin));
    }
    for (kind, entries) in kinds {
        match all {
            true => list.push(Value::Object(Map::from_iter([(kind, Value::Array(entries))]))),
            false => list.extend(entries),
        }
    }
    let list = Value::Array(list);
    if form == Form::Json { pretty(&list) } else { yaml(list) }
}

/// A file with all settings, at their defaults.
pub fn sample(entries: &[Entry<'_>], form: InitForm, disabled: bool) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for entry in entries {
        let kind = entry.kind;
        let comment = format!("# ({kind}) {}\n", entry.description.trim());
        let mark = |sign: &'static str| if disabled { sign } else { "" };
        match form {
            InitForm::Ini => {
                let Some((section, key)) = entry.in_file.last().and_then(|name| name.split_once('.')) else { continue };
                let setting = format!("{}{key}={}\n\n", mark(";"), plain(&entry.default));
                sections.entry(section).or_default().push_str(&(comment + &setting));
            }
            InitForm::Env => {
                let Some(name) = entry.in_env.last() else { continue };
                let setting = format!("{}{name}={}\n\n", mark("#"), plain(&entry.default));
                sections.entry("").or_default().push_str(&(comment + &setting));
            }
            InitForm::Vars => {}
        }
    }
    let titled = |(section, text): (&str, String)| match section {
        "" => text,
        section => format!("[{section}]\n{text}\n"),
    };
    // The section that everybody looks for comes first.
    let first = sections.remove_entry("defaults").map(titled).unwrap_or_default();
    first + &sections.into_iter().map(titled).collect::<String>()
}

/// A default as it is written in a file.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
        }
        other => Templar::text_of(&value::Value::from(other.clone())),
    }
}
