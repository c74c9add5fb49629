//! Sources that make hosts and groups of templates: `plugin: constructed` and `plugin: generator` in a YAML file.
//!
//! Not supported, and refused by name: `use_extra_vars`, `use_vars_plugins`, caching.

use super::model::Inventory;
use crate::diagnostic::Diagnostic;
use crate::playbook::Spanned;
use crate::template::{Condition, Templar, TemplateError, TemplateOptions, Templates};
use crate::value::{Key, Map, Value};
use crate::vars::combine::combine;
use crate::yaml::{Node, Trust};
use std::sync::Arc;

/// Reads a file that names its plug-in.
pub(super) fn read(inventory: &mut Inventory, tree: &Node, plugin: &Node) -> Result<(), Diagnostic> {
    let name = plugin.as_str().unwrap_or("of some kind");
    let vaults = Arc::clone(&inventory.options.vaults);
    let options = tree.to_map(&vaults, Trust::Trusted).unwrap_or_default();
    let known: &[&str] = match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
        "constructed" => &["plugin", "strict", "compose", "groups", "keyed_groups", "leading_separator"],
        "generator" => &["plugin", "hosts", "layers"],
        _ => {
            return Err(Diagnostic::error(format!("the inventory plugin `{name}` is not supported"))
                .at(&plugin.span)
                .help("constructed and generator are; or use an executable script that prints JSON"));
        }
    };
    for (key, _) in tree.as_map().unwrap_or_default() {
        let option = key.as_str().unwrap_or_default();
        if !known.contains(&option) {
            let message = format!("the inventory plugin `{name}` has no option `{option}` here");
            return Err(Diagnostic::error(message).at(&key.span).suggest(option, known.iter().copied()));
        }
    }
    let made = if known.contains(&"layers") { generate(inventory, &options) } else { construct(inventory, &options) };
    made.map_err(|error| error.at(&plugin.span))
}

fn templar(templates: &Arc<Templates>, variables: Map) -> Templar {
    Templar::new(Arc::clone(templates), Arc::new(variables))
}

fn templates() -> Arc<Templates> {
    Arc::new(Templates::new(TemplateOptions::default()))
}

fn flag(options: &Map, name: &str, missing: bool) -> bool {
    options.get(name).and_then(Value::as_bool).unwrap_or(missing)
}

fn entries<'o>(options: &'o Map, name: &str) -> impl Iterator<Item = (&'o Key, &'o Value)> {
    options.get(name).and_then(Value::as_map).into_iter().flatten()
}

fn construct(inventory: &mut Inventory, options: &Map) -> Result<(), Diagnostic> {
    let (strict, templates) = (flag(options, "strict", false), templates());
    let hosts: Vec<Arc<str>> = inventory.hosts.keys().cloned().collect();
    for host in &hosts {
        for (name, expression) in entries(options, "compose") {
            let value = evaluate(&templar(&templates, variables(inventory, host)), expression);
            match value {
                Ok(value) => inventory.set_host_var(host, name.clone(), value),
                Err(error) if strict => {
                    return Err(Diagnostic::error(format!("Could not set {name} for host {host}: {error}")));
                }
                Err(_) => {}
            }
        }
        let templar = templar(&templates, variables(inventory, host));
        for (group, condition) in entries(options, "groups") {
            match templar.condition(&Spanned::new(condition.clone(), None)) {
                Ok(Condition::True) => {
                    let group = inventory.ensure_group(&group.to_string())?;
                    inventory.ensure_host(host, Some(&group), None)?;
                }
                Ok(_) => {}
                Err(error) if strict => {
                    return Err(Diagnostic::error(format!("Could not add host {host} to group {group}: {error}")));
                }
                Err(_) => {}
            }
        }
        for keyed in options.get("keyed_groups").and_then(Value::as_list).unwrap_or_default() {
            keyed_group(inventory, &templar, host, keyed, options)?;
        }
    }
    Ok(())
}

/// What sources so far say of a host.
fn variables(inventory: &Inventory, host: &str) -> Map {
    let mut all = Map::default();
    for group in inventory.groups_by_rank(host) {
        combine(&mut all, &group.vars, inventory.options.hash_behaviour);
    }
    if let Some(known) = inventory.hosts.get(host) {
        combine(&mut all, &known.vars, inventory.options.hash_behaviour);
    }
    let short = host.split('.').next().unwrap_or_default();
    all.insert(Key::from("inventory_hostname"), Value::from(host));
    all.insert(Key::from("inventory_hostname_short"), Value::from(short));
    all.insert(Key::from("group_names"), Value::list(inventory.groups_of(host).into_iter().map(Value::str)));
    all
}

fn evaluate(templar: &Templar, expression: &Value) -> Result<Value, TemplateError> {
    match expression {
        Value::Str(text) => templar.expression(text, None),
        other => templar.resolve(other),
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str() == Some("")
}

fn keyed_group(
    inventory: &mut Inventory,
    templar: &Templar,
    host: &str,
    keyed: &Value,
    options: &Map,
) -> Result<(), Diagnostic> {
    let Some(keyed) = keyed.as_map() else {
        return Err(Diagnostic::error("Invalid keyed group entry, it must be a dictionary"));
    };
    let known = ["key", "prefix", "separator", "parent_group", "default_value", "trailing_separator"];
    if let Some(other) = keyed.keys().map(ToString::to_string).find(|name| !known.contains(&name.as_str())) {
        return Err(Diagnostic::error(format!("keyed groups have no option `{other}`")).suggest(&other, known));
    }
    let strict = flag(options, "strict", false);
    let default = keyed.get("default_value").map(Templar::text_of);
    if default.is_some() && keyed.contains_key("trailing_separator") {
        let message = "parameters are mutually exclusive for keyed groups: default_value|trailing_separator";
        return Err(Diagnostic::error(message));
    }
    let written = keyed.get("key").cloned().unwrap_or_default();
    let key = match evaluate(templar, &written) {
        Ok(key) => key,
        Err(error) if strict => {
            let written = Templar::text_of(&written);
            let message = format!("Could not generate group for host {host} from {written} entry: {error}");
            return Err(Diagnostic::error(message));
        }
        Err(_) => return Ok(()),
    };
    let text = |name: &str, missing: &str| keyed.get(name).map_or_else(|| missing.to_owned(), Templar::text_of);
    let (prefix, separator) = (text("prefix", ""), text("separator", "_"));
    let names = match &key {
        empty if is_empty(empty) => match &default {
            Some(default) => vec![default.clone()],
            None if strict => {
                let written = Templar::text_of(&written);
                let message = format!("No key or key resulted empty for {written} in host {host}, invalid entry");
                return Err(Diagnostic::error(message));
            }
            None => return Ok(()),
        },
        Value::Str(name) => vec![name.to_string()],
        Value::List(items) => items.iter().map(|item| or_default(item, default.as_ref())).collect(),
        Value::Map(map) => {
            let keeps = flag(keyed, "trailing_separator", true);
            map.iter()
                .map(|(name, value)| match is_empty(value) && default.is_none() && !keeps {
                    true => name.to_string(),
                    false => format!("{name}{separator}{}", or_default(value, default.as_ref())),
                })
                .collect()
        }
        other => {
            let kind = other.type_name();
            let message = "Invalid group name format, expected a string or a list of them or dictionary, got";
            return Err(Diagnostic::error(format!("{message}: <class '{kind}'>")));
        }
    };
    let parent = match keyed.get("parent_group").map(|parent| templar.resolve_text(parent)).transpose() {
        Ok(parent) => parent.filter(|parent| !parent.is_empty()),
        Err(error) if strict => {
            return Err(Diagnostic::error(format!("Could not generate parent group for host {host}: {error}")));
        }
        Err(_) => return Ok(()),
    };
    let leads = !prefix.is_empty() || flag(options, "leading_separator", true);
    for name in names {
        let group = inventory.ensure_group(&format!("{prefix}{}{name}", if leads { &separator } else { "" }))?;
        inventory.ensure_host(host, Some(&group), None)?;
        if let Some(parent) = &parent {
            let parent = inventory.ensure_group(parent)?;
            inventory.add_child(&parent, &group)?;
        }
    }
    Ok(())
}

fn or_default(value: &Value, default: Option<&String>) -> String {
    match default {
        Some(default) if is_empty(value) => default.clone(),
        _ => Templar::text_of(value),
    }
}

fn generate(inventory: &mut Inventory, options: &Map) -> Result<(), Diagnostic> {
    let templates = templates();
    let mut choices: Vec<Map> = vec![Map::default()];
    for (name, values) in entries(options, "layers") {
        let values = values.as_list().ok_or_else(|| Diagnostic::error(format!("the layer `{name}` is not a list")))?;
        let with = |choice: &Map, value: &Value| {
            let mut choice = choice.clone();
            choice.insert(name.clone(), value.clone());
            choice
        };
        choices = choices.iter().flat_map(|choice| values.iter().map(move |value| with(choice, value))).collect();
    }
    let Some(hosts) = options.get("hosts").and_then(Value::as_map) else {
        return Err(Diagnostic::error("the inventory plugin `generator` needs `hosts`"));
    };
    let name = hosts.get("name").ok_or_else(|| Diagnostic::error("`hosts` needs a `name`"))?;
    for choice in choices {
        let templar = templar(&templates, choice);
        let host = templar.resolve_text(name).map_err(|error| error.to_diagnostic())?;
        inventory.ensure_host(&host, None, None)?;
        for parent in hosts.get("parents").and_then(Value::as_list).unwrap_or_default() {
            let group = generated_group(inventory, &templar, &host, parent)?;
            inventory.ensure_host(&host, Some(&group), None)?;
        }
    }
    Ok(())
}

/// What is inside is evaluated now where it can be, else where it is used.
fn as_far_as_known(templar: &Templar, value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), as_far_as_known(templar, value)));
            Value::from(entries.collect::<Map>())
        }
        Value::List(items) => Value::list(items.iter().map(|item| as_far_as_known(templar, item))),
        single => templar.resolve(single).unwrap_or_else(|_| single.clone()),
    }
}

/// A parent of `child`, with its own parents and variables.
fn generated_group(
    inventory: &mut Inventory,
    templar: &Templar,
    child: &str,
    parent: &Value,
) -> Result<Arc<str>, Diagnostic> {
    let failed = |error: TemplateError| error.to_diagnostic();
    let name =
        parent.get("name").ok_or_else(|| Diagnostic::error(format!("Element {child} has a parent with no name.")))?;
    let group = inventory.ensure_group(&templar.resolve_text(name).map_err(failed)?)?;
    for (key, value) in parent.get("vars").and_then(Value::as_map).into_iter().flatten() {
        let value = match value {
            Value::Map(_) | Value::List(_) => as_far_as_known(templar, value),
            single => templar.resolve(single).map_err(failed)?,
        };
        inventory.set_group_var(&group, key.clone(), value)?;
    }
    for above in parent.get("parents").and_then(Value::as_list).unwrap_or_default() {
        let above = generated_group(inventory, templar, &group, above)?;
        inventory.add_child(&above, &group)?;
    }
    Ok(group)
}
