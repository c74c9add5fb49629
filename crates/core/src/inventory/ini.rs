//! INI inventories: `[group]`, `[group:children]`, `[group:vars]`, hosts with variables on their line.

use super::load::at_line;
use super::model::Inventory;
use super::{literal, names, words};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use std::sync::Arc;

/// What the lines of a section are.
#[derive(Clone, Copy, PartialEq)]
enum Section {
    Hosts,
    Children,
    Vars,
}

/// Groups that were mentioned before they were declared: where, and as a child of what.
struct Pending {
    group: Arc<str>,
    span: Span,
    /// `None` if it was a `:vars` section.
    parent: Option<Arc<str>>,
}

pub(super) fn read(inventory: &mut Inventory, file: &Arc<SourceFile>, text: &str) -> Result<(), Diagnostic> {
    let mut section = (Arc::from("ungrouped"), Section::Hosts);
    let mut pending: Vec<Pending> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let span = at_line(file, index + 1, raw.chars().take_while(|char| char.is_whitespace()).count() + 1);
        let place = |error: Diagnostic| error.at(&span);
        if let Some((group, kind)) = header(line).map_err(place)? {
            let known = inventory.group(&inventory.safe_group_name(group)).is_some();
            let group = inventory.ensure_group(group).map_err(place)?;
            if kind == Section::Vars {
                if !known {
                    pending.push(Pending { group: Arc::clone(&group), span: span.clone(), parent: None });
                }
            } else {
                declare(inventory, &group, &mut pending).map_err(place)?;
            }
            section = (group, kind);
            continue;
        }
        match section.1 {
            Section::Hosts => host_line(inventory, &section.0, line, &span)?,
            Section::Vars => var_line(inventory, &section.0, line, &span)?,
            Section::Children => {
                let child = child_name(line).map_err(place)?;
                if inventory.group(child).is_some() && !pending.iter().any(|waiting| &*waiting.group == child) {
                    inventory.add_child(&section.0, child).map_err(place)?;
                } else {
                    pending.push(Pending {
                        group: child.into(),
                        span: span.clone(),
                        parent: Some(Arc::clone(&section.0)),
                    });
                }
            }
        }
    }
    let Some(missing) = pending.first() else { return Ok(()) };
    let message = match &missing.parent {
        Some(parent) => format!("`[{parent}:children]` names the group `{}`, which is not defined", missing.group),
        None => format!("`[{0}:vars]` is for a group that is not defined: there is no `[{0}]`", missing.group),
    };
    let groups: Vec<Arc<str>> = inventory.groups().map(|group| Arc::clone(group.name())).collect();
    let others = groups.iter().map(|name| &**name).filter(|name| *name != &*missing.group);
    Err(Diagnostic::error(message).at(&missing.span).suggest(&missing.group, others))
}

/// A group is declared now: it becomes the child of those that named it before.
fn declare(inventory: &mut Inventory, group: &str, pending: &mut Vec<Pending>) -> Result<(), Diagnostic> {
    let (found, rest): (Vec<Pending>, Vec<Pending>) =
        std::mem::take(pending).into_iter().partition(|waiting| &*waiting.group == group);
    *pending = rest;
    for parent in found.into_iter().filter_map(|waiting| waiting.parent) {
        inventory.add_child(&parent, group)?;
    }
    Ok(())
}

/// `[group]` or `[group:kind]`, perhaps with a comment; `None` if the line is something else.
fn header(line: &str) -> Result<Option<(&str, Section)>, Diagnostic> {
    let Some(inner) = line.strip_prefix('[') else { return Ok(None) };
    let is_end = |after: &str| after.trim_start().is_empty() || after.trim_start().starts_with('#');
    let content = inner.split_once(']').filter(|(_, after)| is_end(after)).map(|(content, _)| content);
    let valid = content.and_then(|content| {
        let (name, kind) = content.split_once(':').map_or((content, None), |(name, kind)| (name, Some(kind)));
        let is_word = |kind: &str| !kind.is_empty() && kind.chars().all(|char| char.is_alphanumeric() || char == '_');
        let fits = !name.is_empty() && !name.contains(char::is_whitespace) && kind.is_none_or(is_word);
        fits.then_some((name, kind))
    });
    match valid {
        Some((name, None | Some("hosts"))) => Ok(Some((name, Section::Hosts))),
        Some((name, Some("children"))) => Ok(Some((name, Section::Children))),
        Some((name, Some("vars"))) => Ok(Some((name, Section::Vars))),
        Some((name, Some(kind))) => {
            Err(Diagnostic::error(format!("the section `[{name}:{kind}]` is of no known kind"))
                .suggest(kind, ["hosts", "children", "vars"]))
        }
        None if line.ends_with(']') => Err(Diagnostic::error("this is no section")
            .help("write `[group]`, `[group:children]` or `[group:vars]`, without spaces")),
        None => Ok(None),
    }
}

fn child_name(line: &str) -> Result<&str, Diagnostic> {
    let (name, rest) = line.find(char::is_whitespace).map_or((line, ""), |end| line.split_at(end));
    let rest = rest.trim_start();
    if name.contains([':', ']']) || !(rest.is_empty() || rest.starts_with('#')) {
        return Err(Diagnostic::error(format!("`{line}` is not the name of a group")));
    }
    Ok(name)
}

fn var_line(inventory: &mut Inventory, group: &str, line: &str, span: &Span) -> Result<(), Diagnostic> {
    let Some((name, value)) = line.split_once('=') else {
        return Err(Diagnostic::error("a line in a `:vars` section is `name=value`").at(span));
    };
    let value = literal::value(value.trim(), span);
    inventory.set_group_var(group, name.trim().into(), value).map_err(|error| error.at(span))
}

fn host_line(inventory: &mut Inventory, group: &str, line: &str, span: &Span) -> Result<(), Diagnostic> {
    let words = words::split(line).map_err(|error| Diagnostic::error(error).at(span))?;
    let Some((entry, vars)) = words.split_first() else { return Ok(()) };
    if entry.trim() == "---" {
        return Err(Diagnostic::error("`---` begins a YAML file, but this one is read as INI")
            .at(span)
            .help("give it the extension .yml"));
    }
    let (hosts, port) = names::expand(entry).map_err(|error| Diagnostic::error(error).at(span))?;
    let mut values = Vec::with_capacity(vars.len());
    for word in vars {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Diagnostic::error(format!("after a host come `name=value` words, but `{word}` is none"))
                .at(span)
                .help("put quotes around values with spaces; one host a line"));
        };
        values.push((name, literal::value(value, span)));
    }
    for host in &hosts {
        inventory.ensure_host(host, Some(group), port).map_err(|error| error.at(span))?;
        for (name, value) in &values {
            inventory.set_host_var(host, (*name).into(), value.clone());
        }
    }
    Ok(())
}
