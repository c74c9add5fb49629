//! `inventories/lab/hosts.yml`: generated, so that playbooks reach the lab as they reach any hosts.

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::config::Lab;

/// Writes the inventory of these hosts.
pub fn write(lab: &Lab, hosts: &[String]) -> Result<()> {
    let mut text = format!(
        "# Written by `just lab up`: the test hosts that run now. Variables belong in group_vars/ beside this file.\n\
         all:\n  \
           vars:\n    \
             ansible_user: root\n    \
             ansible_ssh_private_key_file: \"{}\"\n    \
             ansible_ssh_common_args: \"-o UserKnownHostsFile={}\"\n    \
             lab_dir: \"{}\"\n  \
           children:\n",
        lab.in_inventory(&lab.key()),
        lab.in_inventory(&lab.known_hosts()),
        lab.dir_in_inventory,
    );
    let (workers, leader): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host.starts_with("worker"));
    for (group, hosts) in [("leader", leader), ("workers", workers)] {
        let none = if hosts.is_empty() { " {}" } else { "" };
        writeln!(text, "    {group}:\n      hosts:{none}")?;
        for host in hosts {
            writeln!(text, "        {host}:\n          ansible_host: {}", lab.address(host)?)?;
        }
    }
    let path = lab.inventory();
    let context = || format!("failed to write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(context)?;
    }
    fs::write(&path, text).with_context(context)
}

/// Removes the inventory: its hosts are gone.
pub fn remove(lab: &Lab) -> Result<()> {
    let path = lab.inventory();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
