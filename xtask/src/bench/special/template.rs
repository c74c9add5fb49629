//! A large inventory: read it, resolve its variables, render a template that looks at all of it.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;

use crate::bench::command::Bench;
use crate::bench::hosts::remove;
use crate::bench::measure::{Measured, Program};
use crate::bench::race::{Turn, alternate};
use crate::bench::results::Row;
use crate::bench::tool::Tool;

const GROUPS: usize = 50;

/// By Hostler and by Ansible.
pub fn template(bench: &Bench) -> Result<Vec<Row>> {
    let (hosts, variables) = if bench.smallest { (100, 10) } else { (5000, 100) };
    let directory = bench.directory.join("template");
    let inventory = directory.join(format!("inventory-{hosts}"));
    remove(&inventory)?;
    generate(&inventory, &directory, hosts, variables)?;
    let tools: Vec<_> = [Tool::Hostler, Tool::Ansible].into_iter().filter(|tool| bench.takes_part(*tool)).collect();
    let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
    let mut rows =
        alternate(bench, &names, &mut |index, turn| turn_of(bench, tools[index], &directory, &inventory, hosts, turn))?;
    for row in &mut rows {
        row.scenario = "template".to_owned();
        row.case = format!("{hosts} hosts, {variables} + {variables} variables each");
        row.hosts = hosts;
    }
    Ok(rows)
}

fn turn_of(
    bench: &Bench,
    tool: Tool,
    directory: &Path,
    inventory: &Path,
    hosts: usize,
    turn: Turn,
) -> Result<Measured> {
    let written = directory.join("inventory.txt");
    remove(&written)?;
    let playbook = bench.root.join("bench/playbooks/template.yml").display().to_string();
    let mut words = match tool {
        Tool::Hostler => vec![bench.hostler.display().to_string(), "apply".to_owned()],
        _ => vec![bench.peers()?.program("ansible-playbook")],
    };
    words.extend(["-i".to_owned(), inventory.display().to_string(), playbook]);
    let home = bench.directory.join("home");
    fs::create_dir_all(&home)?;
    let environment = vec![
        ("HOME".to_owned(), home.display().to_string()),
        ("ANSIBLE_CONFIG".to_owned(), bench.root.join("bench/ansible.cfg").display().to_string()),
    ];
    let program = Program { words, environment, directory: directory.to_owned(), input: None };
    let measured = program.measure(&bench.directory, turn == Turn::Memory)?;
    ensure!(measured.code == Some(0), "exit code {:?}: {}", measured.code, measured.output);
    let lines: Vec<_> = fs::read_to_string(&written)?.lines().map(str::to_owned).collect();
    let expected = format!(
        "h00001 host 1 variable 1 host 1 variable {} group 1 variable 1 h00001-derived",
        lines_last(directory)?
    );
    ensure!(lines.len() == hosts + GROUPS + 2, "{} has {} lines", written.display(), lines.len());
    ensure!(
        lines.first() == Some(&expected),
        "{} begins with {:?}, expected is `{expected}`",
        written.display(),
        lines.first()
    );
    Ok(measured)
}

/// The number of the last variable, as the template was written for.
fn lines_last(directory: &Path) -> Result<usize> {
    Ok(fs::read_to_string(directory.join("variables"))?.trim().parse()?)
}

/// `hosts.yml`, and files of variables for every host and group.
fn generate(inventory: &Path, directory: &Path, hosts: usize, variables: usize) -> Result<()> {
    fs::create_dir_all(inventory.join("host_vars"))?;
    fs::create_dir_all(inventory.join("group_vars"))?;
    fs::write(directory.join("variables"), variables.to_string())?;
    let mut groups = serde_json::Map::new();
    for group in 1..=GROUPS {
        let members = (1..=hosts).filter(|host| (host - 1) % GROUPS + 1 == group);
        let members: serde_json::Map<_, _> = members.map(|host| (format!("h{host:05}"), json!(null))).collect();
        groups.insert(format!("group{group:02}"), json!({"hosts": members}));
        let lines: String =
            (1..=variables).map(|number| format!("group_var_{number:03}: group {group} variable {number}\n")).collect();
        fs::write(inventory.join(format!("group_vars/group{group:02}.yml")), format!("---\n{lines}"))?;
    }
    let shared = json!({
        "bench_work": directory,
        "bench_last": format!("host_var_{variables:03}"),
        "derived": "{{ inventory_hostname }}-derived",
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    });
    fs::write(inventory.join("hosts.yml"), json!({"all": {"children": groups, "vars": shared}}).to_string())?;
    for host in 1..=hosts {
        let lines: String =
            (1..=variables).map(|number| format!("host_var_{number:03}: host {host} variable {number}\n")).collect();
        fs::write(inventory.join(format!("host_vars/h{host:05}.yml")), format!("---\n{lines}"))?;
    }
    Ok(())
}
