//! Executable inventories: programs that print JSON for `--list` and `--host NAME`.

use super::model::Inventory;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::system::local_files;
use crate::yaml::{self, Node, Trust};
use indexmap::IndexSet;
use std::path::Path;
use std::sync::Arc;

pub(super) fn read(inventory: &mut Inventory, path: &Path) -> Result<(), Diagnostic> {
    let fails = |what: String| Diagnostic::error(format!("read the inventory script {}: {what}", path.display()));
    let listed = run(path, &["--list"])?.ok_or_else(|| fails("it printed nothing for --list".to_owned()))?;
    let Some(groups) = listed.as_map() else {
        return Err(fails(format!("it printed {} for --list, not a mapping of groups", listed.type_name())));
    };
    let mut hosts: IndexSet<String> = IndexSet::new();
    for (name, group) in groups {
        match name.as_str() {
            Some("_meta") => {}
            Some(name) => read_group(inventory, name, group, &mut hosts).map_err(|error| fails(error.message))?,
            None => return Err(fails("the name of a group is not text".to_owned())),
        }
    }
    let known = listed.get("_meta").and_then(|meta| meta.get("hostvars"));
    let vaults = Arc::clone(&inventory.options.vaults);
    for host in &hosts {
        let asked;
        let vars = match known {
            Some(all) => all.get(host),
            None => {
                asked = run(path, &["--host", host])?;
                asked.as_ref()
            }
        };
        let Some(vars) = vars else { continue };
        let Some(values) = vars.to_map(&vaults, Trust::Trusted) else {
            return Err(fails(format!("the variables of the host `{host}` are {}, not a mapping", vars.type_name())));
        };
        for (key, value) in values {
            inventory.set_host_var(host, key, value);
        }
    }
    Ok(())
}

/// What the script prints, `None` for nothing.
fn run(path: &Path, arguments: &[&str]) -> Result<Option<Node>, Diagnostic> {
    let shown = format!("{} {}", path.display(), arguments.join(" "));
    let output = local_files::run_script(path, arguments).map_err(|error| Diagnostic::error(error.to_string()))?;
    if output.status != Some(0) {
        let status =
            output.status.map_or_else(|| "was killed".to_owned(), |status| format!("ended with status {status}"));
        return Err(Diagnostic::error(format!(
            "run the inventory script {shown}: it {status}: {}",
            output.stderr.trim()
        )));
    }
    let text = String::from_utf8(output.stdout)
        .map_err(|_| Diagnostic::error(format!("run the inventory script {shown}: its output is not UTF-8")))?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    // Places in the output would be of no use to anybody.
    serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| {
        Diagnostic::error(format!("run the inventory script {shown}: its output is not JSON: {error}"))
    })?;
    yaml::load(&SourceFile::new(path, text), &mut Vec::new())
}

fn read_group(
    inventory: &mut Inventory,
    name: &str,
    group: &Node,
    hosts: &mut IndexSet<String>,
) -> Result<(), Diagnostic> {
    let real = inventory.ensure_group(name)?;
    let mut add_hosts = |inventory: &mut Inventory, list: &Node| -> Result<(), Diagnostic> {
        let wrong = || Diagnostic::error(format!("the hosts of the group `{name}` are not a list of names"));
        for host in list.as_seq().ok_or_else(wrong)? {
            let host = host.as_str().ok_or_else(wrong)?;
            inventory.ensure_host(host, Some(&real), None)?;
            hosts.insert(host.to_owned());
        }
        Ok(())
    };
    let Some(_) = group.as_map() else { return add_hosts(inventory, group) };
    let vaults = Arc::clone(&inventory.options.vaults);
    let sections = ["hosts", "vars", "children"].map(|section| group.get(section));
    if sections.iter().all(Option::is_none) {
        // A very old form: the group is its only host, and this its variables.
        inventory.ensure_host(name, Some(&real), None)?;
        hosts.insert(name.to_owned());
        for (key, value) in group.to_map(&vaults, Trust::Trusted).unwrap_or_default() {
            inventory.set_group_var(&real, key, value)?;
        }
        return Ok(());
    }
    let [listed, vars, children] = sections;
    if let Some(listed) = listed {
        add_hosts(inventory, listed)?;
    }
    if let Some(vars) = vars {
        let wrong =
            || Diagnostic::error(format!("the vars of the group `{name}` are {}, not a mapping", vars.type_name()));
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
