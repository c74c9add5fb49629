//! Executable inventories: programs that print JSON for `--list` and `--host NAME`.

use super::model::Inventory;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::system::local_files;
use crate::value::Map;
use crate::yaml::{self, Node, NodeKind, Trust};
use indexmap::IndexSet;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;

pub(super) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Diagnostic> {
    let failed = |error: Diagnostic| {
        let message = format!("Failed to parse inventory with 'script' plugin: {}", error.message);
        Diagnostic { message, ..error }
    };
    read_script(inventory, path).map_err(failed)
}

fn read_script(inventory: &mut Inventory, path: &Path) -> Result<(), Diagnostic> {
    let output = run(path, &["--list"])?;
    let listed = decode(path, &output.text).map_err(|what| output.explain(Diagnostic::error(what)))?;
    if !output.stderr.is_empty() && inventory.options.script_stderr {
        inventory.warn(Diagnostic::warning(output.stderr.clone()));
    }
    read_groups(inventory, path, &listed).map_err(|error| {
        let said = inventory.take_warnings().iter().map(|warning| warning.message.clone()).collect::<Vec<_>>();
        let error = if said.is_empty() { error } else { error.help(said.join("\n")) };
        output.explain(error)
    })
}

fn read_groups(inventory: &mut Inventory, path: &Path, listed: &Node) -> Result<(), Diagnostic> {
    let mut hosts: IndexSet<String> = IndexSet::new();
    for (name, group) in listed.as_map().unwrap_or_default() {
        match name.as_str() {
            Some("_meta") | None => {}
            Some(name) => read_group(inventory, name, group, &mut hosts)?,
        }
    }
    let known = listed.get("_meta").and_then(|meta| meta.get("hostvars"));
    if let Some(known) = known.filter(|known| known.as_map().is_none()) {
        return Err(wrong_type("_meta.hostvars", known, "dict"));
    }
    for host in &hosts {
        let vars = match known {
            Some(all) => all.get(host).cloned(),
            None => ask(path, host)?,
        };
        let Some(vars) = vars else { continue };
        for (key, value) in variables(inventory, &vars)? {
            inventory.set_host_var(host, key, value);
        }
    }
    Ok(())
}

/// A host's own variables.
fn ask(path: &Path, host: &str) -> Result<Option<Node>, Diagnostic> {
    let output = run(path, &["--host", host])?;
    if output.text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = serde_json::from_str::<Json>(&output.text).map_err(|error| {
        let what = format!("Inventory script result for host '{host}' could not be parsed as JSON: {error}");
        output.explain(Diagnostic::error(what))
    })?;
    drop(parsed);
    yaml::load(&SourceFile::new(path, output.text), &mut Vec::new())
}

fn variables(inventory: &Inventory, vars: &Node) -> Result<Map, Diagnostic> {
    vars.to_map(&inventory.options.vaults, Trust::Trusted).ok_or_else(|| {
        let kind = python_type(vars);
        Diagnostic::error(format!("Invalid data from file, expected dictionary and got:\n\n<class '{kind}'>"))
    })
}

/// What a script printed.
struct Output {
    text: String,
    stderr: String,
}

impl Output {
    fn explain(&self, error: Diagnostic) -> Diagnostic {
        match self.stderr.as_str() {
            "" => error,
            _ if error.help.is_some() => error,
            stderr => error.help(format!("Standard error from inventory script:\n{stderr}")),
        }
    }
}

fn run(path: &Path, arguments: &[&str]) -> Result<Output, Diagnostic> {
    let output = local_files::run_script(path, arguments).map_err(|error| {
        let shown = format!("{} {}", path.display(), arguments.join(" "));
        Diagnostic::error(format!("Failed to execute inventory script command '{shown}': {error}"))
    })?;
    let mut found = Output { text: String::new(), stderr: output.stderr.trim_end().to_owned() };
    if output.status != Some(0) {
        let status = output.status.map_or_else(|| "of a signal".to_owned(), |status| status.to_string());
        let what = format!("Inventory script returned non-zero exit code {status}.");
        return Err(found.explain(Diagnostic::error(what)));
    }
    found.text = String::from_utf8(output.stdout).map_err(|error| {
        let what = "Inventory script result contained characters that cannot be interpreted as UTF-8";
        found.explain(Diagnostic::error(format!("{what}: {}", error.utf8_error())))
    })?;
    Ok(found)
}

/// The answer to `--list`, checked as Ansible does before it looks at groups.
fn decode(path: &Path, text: &str) -> Result<Node, String> {
    const NO_DECODER: &str = "Unable to get JSON decoder for inventory script result";
    let json: Json = serde_json::from_str(text)
        .map_err(|error| format!("{NO_DECODER}: Value could not be parsed as JSON: {error}"))?;
    let kind = |value: &Json| match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    };
    if !json.is_object() {
        return Err(format!("{NO_DECODER}: Value is '{}' instead of 'dict'.", kind(&json)));
    }
    if let Some(meta) = json.get("_meta").filter(|meta| !meta.is_object()) {
        return Err(format!("{NO_DECODER}: Value contains '_meta' which is '{}' instead of 'dict'.", kind(meta)));
    }
    match json.get("_meta").and_then(|meta| meta.get("profile")) {
        None => {}
        Some(Json::String(profile)) if profile == "inventory_legacy" => {}
        Some(Json::String(profile)) if profile.starts_with("inventory_") => {
            return Err(format!("{NO_DECODER}: Unknown profile name '{profile}'."));
        }
        Some(Json::String(profile)) => {
            return Err(format!("{NO_DECODER}: Non-inventory profile '{profile}' is not allowed."));
        }
        Some(other) => {
            let kind = kind(other);
            return Err(format!("{NO_DECODER}: Value contains '_meta.profile' which is '{kind}' instead of 'str'."));
        }
    }
    if let Some(vault) = json.get("__ansible_vault").filter(|vault| !vault.is_string()) {
        let kind = kind(vault);
        return Err(format!("Inventory script result could not be parsed as JSON: a vault is '{kind}', not text."));
    }
    // Places in the output would be of no use to anybody.
    let tree = yaml::load(&SourceFile::new(path, text), &mut Vec::new()).map_err(|error| error.message)?;
    tree.ok_or_else(|| "Inventory script result could not be parsed as JSON: it is empty".to_owned())
}

fn python_type(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Null => "NoneType",
        NodeKind::Bool(_) => "bool",
        NodeKind::Int(_) => "int",
        NodeKind::Float(_) => "float",
        NodeKind::Str(_) | NodeKind::Unsafe(_) | NodeKind::Vault(_) => "str",
        NodeKind::Seq(_) => "list",
        NodeKind::Map(_) => "dict",
    }
}

fn wrong_type(what: &str, node: &Node, wanted: &str) -> Diagnostic {
    let kind = python_type(node);
    Diagnostic::error(format!("Value contains '{what}' which is '{kind}' instead of '{wanted}'."))
}

fn read_group(
    inventory: &mut Inventory,
    name: &str,
    group: &Node,
    hosts: &mut IndexSet<String>,
) -> Result<(), Diagnostic> {
    let real = inventory.ensure_group(name)?;
    if group.as_map().is_none() {
        let kind = python_type(group);
        inventory.warn(Diagnostic::warning(format!("Group '{name}' was converted to 'dict' from '{kind}'.")));
        return add_hosts(inventory, &real, group, hosts);
    }
    let sections = ["hosts", "vars", "children"].map(|section| group.get(section));
    if sections.iter().all(Option::is_none) {
        inventory.warn(Diagnostic::warning(format!(
            "Treating malformed group '{name}' as the sole host of that group. Variables provided in this manner cannot be templated."
        )));
        inventory.ensure_host(name, Some(&real), None)?;
        hosts.insert(name.to_owned());
        let vaults = Arc::clone(&inventory.options.vaults);
        for (key, value) in group.to_map(&vaults, Trust::Untrusted).unwrap_or_default() {
            inventory.set_group_var(&real, key, value)?;
        }
        return Ok(());
    }
    let [listed, vars, children] = sections;
    if let Some(listed) = listed {
        add_hosts(inventory, &real, listed, hosts)?;
    }
    if let Some(vars) = vars {
        let vaults = Arc::clone(&inventory.options.vaults);
        let wrong = || wrong_type(&format!("{name}.vars"), vars, "dict");
        for (key, value) in vars.to_map(&vaults, Trust::Trusted).ok_or_else(wrong)? {
            inventory.set_group_var(&real, key, value)?;
        }
    }
    for child in children.and_then(Node::as_seq).unwrap_or_default() {
        let wrong = || Diagnostic::error(format!("the children of the group `{name}` are not a list of names"));
        let child = inventory.ensure_group(child.as_str().ok_or_else(wrong)?)?;
        inventory.add_child(&real, &child)?;
    }
    Ok(())
}

fn add_hosts(
    inventory: &mut Inventory,
    group: &str,
    list: &Node,
    hosts: &mut IndexSet<String>,
) -> Result<(), Diagnostic> {
    let what = format!("{group}.hosts");
    for host in list.as_seq().ok_or_else(|| wrong_type(&what, list, "list"))? {
        let name = host.as_str().ok_or_else(|| wrong_type(&what, host, "str"))?;
        inventory.ensure_host(name, Some(group), None)?;
        hosts.insert(name.to_owned());
    }
    Ok(())
}
