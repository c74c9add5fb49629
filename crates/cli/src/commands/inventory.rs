//! `hostler inventory`: hosts and groups, in the shapes of `ansible-inventory`.

use crate::args::InventoryArgs;
use crate::exit::{Exit, Failure, tell};
use crate::report;
use crate::setup::{Base, Manner};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::inventory::{Inventory, Show};
use hostler_core::value::Value;
use hostler_core::yaml::emit::{Options, to_yaml};
use std::io::Write;

/// Shows the inventory.
///
/// # Errors
/// What is wrong with it.
pub fn run(args: &InventoryArgs) -> Result<Exit, Failure> {
    let base = Base::new(&args.sources, Manner::default())?;
    let inventory = base.inventory()?;
    let export = args.export || base.config.inventory_export.or(false);
    let playbook_dir = args.playbook_dir.as_ref().or(base.config.playbook_dir.get()).cloned();
    let show = Show { playbook_dirs: playbook_dir.as_slice(), limit: args.sources.limit.as_deref(), export };
    let text = match &args.host {
        Some(host) => of_host(&inventory, host, &show, args.yaml)?,
        None if args.graph => inventory.graph(&args.group, args.vars, &show)?,
        None if args.yaml => yaml(&inventory.list_tree(&show)?),
        None => report::pretty(&inventory.list_json(&show)?),
    };
    tell(&inventory.take_warnings(), base.voice);
    writeln!(std::io::stdout(), "{}", text.trim_end()).context("print the inventory")?;
    Ok(Exit::Done)
}

/// The variables of a host.
///
/// # Errors
/// If there is no such host.
pub fn of_host(inventory: &Inventory, host: &str, show: &Show<'_>, as_yaml: bool) -> Result<String, Diagnostic> {
    // Also says which host is near, where there is none of that name.
    let vars = inventory.host_vars(host, show.playbook_dirs)?;
    if as_yaml {
        return Ok(yaml(&Value::Map(vars)));
    }
    let show = Show { limit: Some(host), export: false, ..*show };
    let list = inventory.list_json(&show)?;
    let shown = list["_meta"]["hostvars"].get(host).cloned();
    Ok(report::pretty(&shown.unwrap_or_else(|| serde_json::json!({}))))
}

/// As `ansible-inventory` writes YAML.
pub fn yaml(value: &Value) -> String {
    to_yaml(value, &Options { indent: 2, sort_keys: true, ..Options::nice() })
}
