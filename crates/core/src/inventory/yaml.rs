//! YAML inventories: groups with `hosts`, `children` and `vars`.

use super::model::Inventory;
use super::{names, plugins};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::yaml::{self, Node, NodeKind, Trust};
use std::sync::Arc;

pub(super) fn read(inventory: &mut Inventory, file: &Arc<SourceFile>, text: &str) -> Result<(), Diagnostic> {
    let tree = if file.text().is_empty() && !text.is_empty() {
        yaml::load_hidden(file.path(), text)?
    } else {
        let mut warnings = Vec::new();
        let tree = yaml::load(file, &mut warnings)?;
        let warnings = inventory.options.duplicate_keys.judge(warnings)?;
        warnings.into_iter().for_each(|warning| inventory.warn(warning));
        tree
    };
    let Some(tree) = tree else {
        inventory.warn(Diagnostic::warning(format!("the inventory {} is empty", file.path().display())));
        return Ok(());
    };
    let Some(groups) = tree.as_map() else {
        return Err(Diagnostic::error(format!(
            "an inventory is a mapping of groups, but this is {}",
            tree.type_name()
        ))
        .at(&tree.span)
        .help("begin with `all:` and put `hosts:` under it"));
    };
    if let Some(plugin) = tree.get("plugin") {
        return plugins::read(inventory, &tree, plugin);
    }
    groups.iter().try_for_each(|(name, group)| read_group(inventory, name, group).map(drop))
}

/// Reads a group and gives its name; `None` if it was left out.
fn read_group(inventory: &mut Inventory, name: &Node, group: &Node) -> Result<Option<Arc<str>>, Diagnostic> {
    let Some(text) = name.as_str() else {
        return Err(Diagnostic::error(format!("the name of a group is text, but this is {}", name.type_name()))
            .at(&name.span)
            .help("put it in quotes"));
    };
    let pairs = match &group.kind {
        NodeKind::Null => &[],
        NodeKind::Map(pairs) => pairs.as_slice(),
        _ => {
            let what = group.type_name();
            inventory.warn(
                Diagnostic::warning(format!("the group `{text}` is left out: it holds a mapping, but this is {what}"))
                    .at(&group.span)
                    .help("write `hosts:`, `children:` or `vars:` under it"),
            );
            return Ok(None);
        }
    };
    let real = inventory.ensure_group(text).map_err(|error| error.at(&name.span))?;
    for (key, section) in pairs {
        match key.as_str() {
            Some("vars") => read_vars(inventory, &real, section)?,
            Some("children") => {
                for (child, group) in entries(section, "children")? {
                    let Some(child_name) = read_group(inventory, &child, &group)? else { continue };
                    inventory.add_child(&real, &child_name).map_err(|error| error.at(&child.span))?;
                }
            }
            Some("hosts") => {
                for (host, vars) in entries(section, "hosts")? {
                    read_host(inventory, &real, &host, &vars)?;
                }
            }
            other => {
                let shown = other.unwrap_or(key.type_name());
                let known = ["hosts", "children", "vars"];
                let mut warning = Diagnostic::warning(format!("`{shown}` in the group `{text}` is left out"))
                    .at(&key.span)
                    .suggest(shown, known);
                if warning.help.is_none() {
                    warning =
                        warning.help("a group has `hosts`, `children` and `vars`; groups in it go under `children`");
                }
                inventory.warn(warning);
            }
        }
    }
    Ok(Some(real))
}

/// A section's names with what is under them. A single name may stand as text.
fn entries(section: &Node, what: &str) -> Result<Vec<(Node, Node)>, Diagnostic> {
    match &section.kind {
        NodeKind::Null => Ok(Vec::new()),
        NodeKind::Map(pairs) => Ok(pairs.to_vec()),
        NodeKind::Str(_) => {
            let nothing = Node { kind: NodeKind::Null, span: section.span.clone() };
            Ok(vec![(section.clone(), nothing)])
        }
        _ => Err(Diagnostic::error(format!("`{what}` holds a mapping, but this is {}", section.type_name()))
            .at(&section.span)
            .help("write each name followed by a colon, without a dash")),
    }
}

fn read_vars(inventory: &mut Inventory, group: &str, section: &Node) -> Result<(), Diagnostic> {
    let vaults = Arc::clone(&inventory.options.vaults);
    match section.to_map(&vaults, Trust::Trusted) {
        Some(vars) => vars
            .into_iter()
            .try_for_each(|(name, value)| inventory.set_group_var(group, name, value))
            .map_err(|error| error.at(&section.span)),
        None if section.is_null() => Ok(()),
        None => {
            Err(Diagnostic::error(format!("`vars` holds a mapping, but this is {}", section.type_name()))
                .at(&section.span))
        }
    }
}

fn read_host(inventory: &mut Inventory, group: &str, host: &Node, vars: &Node) -> Result<(), Diagnostic> {
    let Some(entry) = host.as_str() else {
        return Err(Diagnostic::error(format!("the name of a host is text, but this is {}", host.type_name()))
            .at(&host.span)
            .help("put it in quotes"));
    };
    let (hosts, port) = names::expand(entry).map_err(|error| Diagnostic::error(error).at(&host.span))?;
    let vaults = Arc::clone(&inventory.options.vaults);
    let values = match vars.to_map(&vaults, Trust::Trusted) {
        Some(values) => values,
        None if vars.is_null() => crate::value::Map::default(),
        None => {
            let message = format!("the host `{entry}` holds its variables, but this is {}", vars.type_name());
            return Err(Diagnostic::error(message).at(&vars.span));
        }
    };
    for name in &hosts {
        inventory.ensure_host(name, Some(group), port).map_err(|error| error.at(&host.span))?;
        for (key, value) in &values {
            inventory.set_host_var(name, key.clone(), value.clone());
        }
    }
    Ok(())
}
