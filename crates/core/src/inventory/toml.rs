//! TOML inventories: a table a group, with `hosts`, `children` and `vars`.

use super::model::Inventory;
use super::names;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::value::{Key, Map, Value};
use std::sync::Arc;
use toml::{Table, Value as Toml};

pub(super) fn read(inventory: &mut Inventory, file: &Arc<SourceFile>, text: &str) -> Result<(), Diagnostic> {
    let groups: Table = text.parse().map_err(|error: toml::de::Error| broken(file, text, &error))?;
    if groups.is_empty() {
        return Err(Diagnostic::error(format!("the inventory {} is empty", file.path().display())));
    }
    if groups.contains_key("plugin") {
        return Err(Diagnostic::error("Plugin configuration TOML file, not TOML inventory"));
    }
    for (name, group) in &groups {
        match group {
            Toml::Table(group) => read_group(inventory, name, group)?,
            _ => inventory.warn(Diagnostic::warning(format!(
                "Skipping '{name}' as this is not a valid group definition: {} is no table",
                group.type_str()
            ))),
        }
    }
    Ok(())
}

/// A vault's text is not shown: its file has none.
fn broken(file: &Arc<SourceFile>, text: &str, error: &toml::de::Error) -> Diagnostic {
    let message = if file.text().is_empty() && !text.is_empty() { "not valid TOML" } else { error.message() };
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let column = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    let line = before.matches('\n').count() + 1;
    Diagnostic::error(format!("TOML file ({}) is invalid: {message}", file.path().display()))
        .at(&super::load::at_line(file, line, column))
}

fn read_group(inventory: &mut Inventory, name: &str, group: &Table) -> Result<(), Diagnostic> {
    let real = inventory.ensure_group(name)?;
    for (section, data) in group {
        match (section.as_str(), data) {
            ("vars", Toml::Table(vars)) => {
                for (key, value) in values(vars)? {
                    inventory.set_group_var(&real, key, value)?;
                }
            }
            ("children", Toml::Array(children)) => {
                for child in children {
                    let child = child.as_str().ok_or_else(|| wrong(name, "children", "a list of names"))?;
                    let child = inventory.ensure_group(child)?;
                    inventory.add_child(&real, &child)?;
                }
            }
            ("children", Toml::Table(children)) => {
                for (child, group) in children {
                    let group = group.as_table().ok_or_else(|| wrong(name, "children", "tables"))?;
                    read_group(inventory, child, group)?;
                    let child = inventory.ensure_group(child)?;
                    inventory.add_child(&real, &child)?;
                }
            }
            ("hosts", Toml::Table(hosts)) => {
                for (host, vars) in hosts {
                    let vars = vars.as_table().ok_or_else(|| wrong(name, "hosts", "tables of variables"))?;
                    read_host(inventory, &real, host, vars)?;
                }
            }
            ("vars" | "hosts", _) => return Err(wrong(name, section, "a table")),
            ("children", _) => return Err(wrong(name, section, "a list of names")),
            _ => inventory.warn(Diagnostic::warning(format!(
                "Skipping unexpected key '{section}' in group '{name}', only 'vars', 'children' and 'hosts' are valid"
            ))),
        }
    }
    Ok(())
}

fn wrong(group: &str, section: &str, what: &str) -> Diagnostic {
    Diagnostic::error(format!("Invalid '{section}' entry for '{group}' group, it must hold {what}"))
}

fn read_host(inventory: &mut Inventory, group: &str, entry: &str, vars: &Table) -> Result<(), Diagnostic> {
    let (hosts, port) = names::expand(entry).map_err(Diagnostic::error)?;
    let vars = values(vars)?;
    for host in &hosts {
        inventory.ensure_host(host, Some(group), port)?;
        for (key, value) in &vars {
            inventory.set_host_var(host, key.clone(), value.clone());
        }
    }
    Ok(())
}

fn values(table: &Table) -> Result<Map, Diagnostic> {
    table.iter().map(|(name, value)| Ok((Key::from(name.as_str()), value_of(value)?))).collect()
}

fn value_of(value: &Toml) -> Result<Value, Diagnostic> {
    Ok(match value {
        Toml::String(text) => Value::trusted(text.as_str(), None),
        Toml::Integer(number) => Value::Int(*number),
        Toml::Float(number) => Value::Float(*number),
        Toml::Boolean(value) => Value::Bool(*value),
        // As in YAML, dates are text.
        Toml::Datetime(date) => Value::trusted(date.to_string(), None),
        Toml::Array(items) => Value::from(items.iter().map(value_of).collect::<Result<Vec<_>, _>>()?),
        Toml::Table(table) => values(table)?.into(),
    })
}
