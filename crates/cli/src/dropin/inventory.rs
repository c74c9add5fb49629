//! `ansible-inventory`: hosts and groups, for people and for other programs.

use crate::args::SourceArgs;
use crate::commands::inventory::{of_host, yaml};
use crate::commands::{print, tell_config, warn_of_empty};
use crate::exit::{Exit, Failure, tell};
use crate::report;
use crate::setup::{Base, Manner};
use clap::Parser;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::inventory::{self, Show};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::path::PathBuf;

/// Shows the inventory
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
#[allow(clippy::struct_excessive_bools, reason = "one for each of Ansible's options")]
pub struct Inventory {
    /// Group to begin the tree with
    #[arg(value_name = "GROUP", default_value = "all")]
    group: String,
    /// All hosts and groups with their variables
    #[arg(long)]
    list: bool,
    /// The variables of a host
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The groups as a tree
    #[arg(long)]
    graph: bool,
    /// As YAML instead of JSON
    #[arg(short, long)]
    yaml: bool,
    /// As TOML instead of JSON
    #[arg(long)]
    toml: bool,
    /// Variables in the tree
    #[arg(long)]
    vars: bool,
    /// Leave variables with the groups that set them
    #[arg(long)]
    export: bool,
    /// File to write the list to
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Directory whose group_vars and host_vars count too
    #[arg(long, value_name = "DIR")]
    playbook_dir: Option<PathBuf>,
    /// Forget facts that are kept, which there are none of
    #[arg(long)]
    flush_cache: bool,
    /// Print the version
    #[arg(long)]
    version: bool,
    /// Where hosts and variables come from.
    #[command(flatten)]
    sources: SourceArgs,
}

/// Shows the inventory.
///
/// # Errors
/// What is wrong with it.
pub fn run(args: &Inventory) -> Result<Exit, Failure> {
    let base = Base::new(&args.sources, Manner { ansible: true, ..Manner::default() })?;
    match [args.list, args.graph, args.host.is_some()].into_iter().filter(|wanted| *wanted).count() {
        0 => {
            let message = "No action selected, at least one of --host, --graph or --list needs to be specified.";
            return Err(Failure::Usage(message.to_owned()));
        }
        1 => {}
        _ => {
            let message =
                "Conflicting options used, only one of --host, --graph or --list can be used at the same time.";
            return Err(Failure::Usage(message.to_owned()));
        }
    }
    tell_config(&base)?;
    let inventory = base.shown_inventory()?;
    warn_of_empty(&base, &inventory, "localhost");
    let export = args.export || base.config.inventory_export.or(false);
    let playbook_dir = args.playbook_dir.as_ref().or(base.config.playbook_dir.get()).cloned();
    let show = Show { playbook_dirs: playbook_dir.as_slice(), limit: args.sources.limit.as_deref(), export };
    let text = match &args.host {
        Some(host) => host_vars(&inventory, host, &show, args)?,
        None if args.graph => graph(&inventory, &show, args)?,
        None if args.yaml => yaml(&inventory.list_tree(&show)?),
        None if args.toml => toml_of(&by_group(&inventory.list_json(&show)?))?,
        None => report::pretty(&inventory.list_json(&show)?),
    };
    tell(&inventory.take_warnings(), base.voice);
    match &args.output {
        Some(file) => std::fs::write(file, text).map_err(|error| {
            Diagnostic::error(format!("Unable to write to destination file '{}': {error}", file.display()))
        })?,
        None if text.ends_with('\n') => print(&text)?,
        None => print(&format!("{text}\n"))?,
    }
    Ok(Exit::Done)
}

fn graph(inventory: &inventory::Inventory, show: &Show<'_>, args: &Inventory) -> Result<String, Failure> {
    if inventory.group(&args.group).is_none() {
        return Err(Failure::Usage("Pattern must be valid group name when using --graph".to_owned()));
    }
    // As with Ansible a tree has all hosts, whatever the limit.
    Ok(inventory.graph(&args.group, args.vars, &Show { limit: None, ..*show })?)
}

fn host_vars(
    inventory: &inventory::Inventory,
    host: &str,
    show: &Show<'_>,
    args: &Inventory,
) -> Result<String, Failure> {
    let hosts = inventory.select(host, None)?;
    let implicit = hosts.is_empty() && ["localhost", "127.0.0.1", "::1"].contains(&host);
    match hosts.as_slice() {
        [host] if inventory.host(host).is_some() && args.toml => {
            let vars = of_host(inventory, host, show, false)?;
            let vars: Value = serde_json::from_str(&vars).unwrap_or_default();
            toml_of(&vars)
        }
        [host] if inventory.host(host).is_some() => Ok(of_host(inventory, host, show, args.yaml)?),
        [_] => Ok("{}".to_owned()),
        [] if implicit => Ok("{}".to_owned()),
        _ => Err(Failure::Usage("You must pass a single valid host to --host parameter".to_owned())),
    }
}

/// A list in the shape of TOML inventories: each group with its hosts and their variables.
fn by_group(list: &Value) -> Value {
    let mut groups = Map::new();
    let mut seen = HashSet::new();
    let none = Map::new();
    for (name, group) in list.as_object().unwrap_or(&none).iter().filter(|(name, _)| *name != "_meta") {
        let mut fields = Map::new();
        if let Some(children) = group.get("children").filter(|_| name != "all") {
            fields.insert("children".to_owned(), children.clone());
        }
        let mut hosts = Map::new();
        for host in group["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let vars = list["_meta"]["hostvars"].get(host).filter(|_| seen.insert(host.to_owned()));
            hosts.insert(host.to_owned(), vars.cloned().unwrap_or_else(|| Value::Object(Map::new())));
        }
        if !hosts.is_empty() {
            fields.insert("hosts".to_owned(), Value::Object(hosts));
        }
        if let Some(vars) = group.get("vars") {
            fields.insert("vars".to_owned(), vars.clone());
        }
        if !fields.is_empty() {
            groups.insert(name.clone(), Value::Object(fields));
        }
    }
    Value::Object(groups)
}

/// TOML has no null: what is nothing is an empty text there.
fn toml_of(value: &Value) -> Result<String, Failure> {
    fn filled(value: &Value) -> Value {
        match value {
            Value::Null => Value::from(""),
            Value::Array(items) => items.iter().map(filled).collect(),
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), filled(value))).collect(),
            other => other.clone(),
        }
    }
    let text = toml::to_string(&filled(value));
    text.map_err(|error| Diagnostic::error(format!("failed to write the inventory as TOML: {error}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn toml_has_each_hosts_variables_once() {
        let list = json!({
            "_meta": {"hostvars": {"a": {"x": null, "y": 1}}},
            "all": {"children": ["ungrouped", "g", "h"]},
            "g": {"hosts": ["a"]},
            "h": {"hosts": ["a"]},
        });
        let text = toml_of(&by_group(&list)).ok().unwrap();
        assert_eq!(text, "[g.hosts.a]\nx = \"\"\ny = 1\n\n[h.hosts.a]\n");
    }
}
