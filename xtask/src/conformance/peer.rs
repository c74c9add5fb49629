//! ansible-core itself as the command that targets run, and the oracle that comes of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::cache::{PACKAGES, VERSION, remove};
use super::events::Observed;
use super::oracle::{Oracle, STATUSES};
use super::report::join;
use super::target::Outcome;
use crate::process::{command, output, step};

/// Ansible's commands, and where their code is below `ansible.cli`.
const COMMANDS: [(&str, &str); 9] = [
    ("ansible", "adhoc"),
    ("ansible-config", "config"),
    ("ansible-console", "console"),
    ("ansible-doc", "doc"),
    ("ansible-galaxy", "galaxy"),
    ("ansible-inventory", "inventory"),
    ("ansible-playbook", "playbook"),
    ("ansible-pull", "pull"),
    ("ansible-vault", "vault"),
];
/// What a run of Ansible's writes its events with: a callback that needs no setting to be loaded, as targets change all of them.
const CALLBACK: &str = include_str!("rows.py");

/// Installs ansible-core and what it needs, for the root's Python, once.
pub fn ensure(dir: &Path) -> Result<PathBuf> {
    let installed = dir.join(format!("ansible-{VERSION}"));
    if !installed.exists() {
        step(&format!("install ansible-core {VERSION}"), || {
            let partial = dir.join("ansible.partial");
            remove(&partial)?;
            let python = ["--python-version", "3.11", "--implementation", "cp", "--only-binary", ":all:"];
            let platforms = ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64"];
            let install = ["-m", "pip", "install", "--quiet", "--no-compile"];
            let mut pip = command("python3", install.iter().chain(&python).chain(&platforms));
            output(pip.arg("--target").arg(partial.join(PACKAGES)).arg(format!("ansible-core=={VERSION}")))?;
            // Its commands are for the Python that ran pip.
            remove(&partial.join(PACKAGES).join("bin"))?;
            Ok(fs::rename(&partial, &installed)?)
        })?;
    }
    Ok(installed)
}

/// Fills a layer with what is installed, its commands and the callback.
pub fn fill(installed: &Path, layer: &Path) -> Result<()> {
    fs::create_dir_all(layer)?;
    output(command("cp", ["-al"]).arg(installed.join(".")).arg(layer))?;
    let bin = layer.join("usr/local/bin");
    fs::create_dir_all(&bin)?;
    for (name, code) in COMMANDS {
        let path = bin.join(name);
        fs::write(&path, format!("#!/usr/bin/python3\nfrom ansible.cli.{code} import main\nmain()\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    let callback = layer.join(PACKAGES).join("ansible/plugins/callback/conformance_rows.py");
    fs::write(&callback, CALLBACK).with_context(|| format!("failed to write {}", callback.display()))
}

/// Says how ansible-core did with a target, and how that differs from what is committed.
pub fn line(name: &str, outcome: &Outcome, oracle: &Oracle) -> String {
    let rows = outcome.observed.statuses();
    let end = match () {
        () if outcome.timed_out => "hung  ",
        () if outcome.passed => "passed",
        () => "failed",
    };
    let mut text = format!("{:>5} rows  {end}  {name:<32} {:>5.1} s", rows.len(), outcome.took.as_secs_f64());
    let Some(known) = oracle.get(name) else { return text };
    let before: BTreeMap<_, _> = known.iter().map(|row| (row.at.as_str(), &row.statuses)).collect();
    let mut places: Vec<_> = rows.keys().chain(before.keys()).copied().collect();
    places.sort_unstable();
    places.dedup();
    for at in places {
        let (now, then) = (rows.get(at), before.get(at).copied());
        if now != then {
            let words = |statuses: Option<&super::oracle::Statuses>| statuses.map_or("not there".to_owned(), join);
            text.push_str(&format!("\n    {at}: {}, was {}", words(now), words(then)));
        }
    }
    text
}

/// Writes the rows of those that passed in the place of what the file has of them.
pub fn write(file: &Path, outcomes: &[(&str, Outcome)]) -> Result<()> {
    let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let target = row["target"].as_str().unwrap_or_default().to_owned();
        rows.entry(target).or_default().push_str(&format!("{line}\n"));
    }
    for (name, outcome) in outcomes.iter().filter(|(_, outcome)| outcome.passed) {
        let rows_of = rows_of(name, &outcome.observed);
        if !rows_of.is_empty() {
            rows.insert((*name).to_owned(), rows_of);
        }
    }
    let text: String = rows.into_values().collect();
    fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))
}

/// A line a task line, in the order in which they ended first.
fn rows_of(target: &str, observed: &Observed) -> String {
    let mut order = Vec::new();
    let mut counts: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for ended in observed.all() {
        if !counts.contains_key(ended.at.as_str()) {
            order.push((&ended.at, &ended.action));
        }
        *counts.entry(&ended.at).or_default().entry(ended.status).or_default() += 1;
    }
    let mut text = String::new();
    for (at, action) in order {
        text.push_str(&format!("{{\"target\":{},\"at\":{},\"action\":{}", json!(target), json!(at), json!(action)));
        for status in STATUSES {
            if let Some(count) = counts[at.as_str()].get(status) {
                text.push_str(&format!(",\"{status}\":{count}"));
            }
        }
        text.push_str("}\n");
    }
    text
}
