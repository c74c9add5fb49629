//! `ansible.builtin.service_facts`: services of systemd, OpenRC, Upstart and System V, as facts.
//!
//! Deviation: those of `chkconfig`, AIX and OpenBSD are not there.

use super::support::tool;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Lists services.
pub struct ServiceFacts;

/// There are no parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {}

default_args!();

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// `services`: by name, each with `name`, `state`, `status` and `source`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    ansible_facts: Map<String, Value>,
    /// True where nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<bool>,
    /// Why nothing was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<&'static str>,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

/// What a command says; nothing if it is not there or fails.
fn said(system: &dyn System, argv: &[&str]) -> Option<String> {
    let answer = tool::ask(system, &Command::new(argv.iter().copied()).env("LC_ALL", "C")).ok()?;
    answer.success().then(|| answer.stdout_text())
}

/// States that systemd shows in place of others.
const BAD: [&str; 3] = ["not-found", "masked", "failed"];

fn units(text: &str, services: &mut Map<String, Value>) {
    for line in text.lines().filter(|line| line.contains(".service")) {
        let fields: Vec<&str> = line.split_whitespace().filter(|field| *field != "●").collect();
        let [name, _, active, sub, ..] = fields.as_slice() else { continue };
        let known = &fields[..fields.len() - 1];
        let status = BAD.iter().find(|bad| known.contains(bad)).unwrap_or(active);
        let state = if *sub == "running" { "running" } else { "stopped" };
        services
            .insert((*name).to_owned(), json!({"name": name, "state": state, "status": status, "source": "systemd"}));
    }
}

fn unit_files(system: &dyn System, text: &str, services: &mut Map<String, Value>) {
    let mut others = Vec::new();
    for line in text.lines().filter(|line| line.contains(".service")) {
        let mut fields = line.split_whitespace();
        let (Some(name), Some(status)) = (fields.next(), fields.next()) else { continue };
        match services.get_mut(name) {
            Some(service) if !BAD.contains(&service["status"].as_str().unwrap_or_default()) => {
                service["status"] = json!(status);
            }
            Some(_) => {}
            None => others.push((name, status)),
        }
    }
    // Templates have no state of their own.
    let names: Vec<&str> = others.iter().map(|(name, _)| *name).filter(|name| !name.contains("@.")).collect();
    let mut argv = vec!["systemctl", "show", "--property=Id,ActiveState"];
    argv.extend(&names);
    let shown = if names.is_empty() { None } else { said(system, &argv) }.unwrap_or_default();
    let states: Vec<(&str, &str)> = shown
        .split("\n\n")
        .filter_map(|unit| {
            let field = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            Some((field("Id")?, field("ActiveState")?))
        })
        .collect();
    // They come in the order that they were asked for, under the name that an alias stands for.
    let in_order = states.len() == names.len();
    for (name, status) in others {
        let index = names.iter().position(|other| *other == name).filter(|_| in_order);
        let state = index.map_or("unknown", |index| states[index].1);
        services.insert(name.to_owned(), json!({"name": name, "state": state, "status": status, "source": "systemd"}));
    }
}

fn openrc(system: &dyn System, services: &mut Map<String, Value>) {
    let Some(states) = said(system, &["rc-status", "-a", "-s", "-m"]) else { return };
    let levels = said(system, &["rc-update", "show", "-v"]).unwrap_or_default();
    let levels: Map<String, Value> = levels
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(name, levels)| {
            let levels: Vec<&str> = levels.split_whitespace().collect();
            (name.trim().to_owned(), if levels.is_empty() { Value::Null } else { json!(levels) })
        })
        .collect();
    for line in states.lines().filter(|line| line.starts_with(' ')) {
        let line = line.replace(['[', ']'], "");
        let mut fields = line.split_whitespace();
        let (Some(name), Some(state)) = (fields.next(), fields.next()) else { continue };
        if let Some(runlevels) = levels.get(name).filter(|_| name != "*") {
            let service = json!({"name": name, "runlevels": runlevels, "state": state, "source": "openrc"});
            services.insert(name.to_owned(), service);
        }
    }
}

fn upstart(text: &str, services: &mut Map<String, Value>) {
    for line in text.lines() {
        let line = line.split(", process").next().unwrap_or_default().trim();
        let Some((name, (goal, state))) =
            line.rsplit_once(' ').and_then(|(name, state)| Some((name, state.split_once('/')?)))
        else {
            continue;
        };
        services.insert(name.to_owned(), json!({"name": name, "state": state, "goal": goal, "source": "upstart"}));
    }
}

fn system_v(text: &str, services: &mut Map<String, Value>) {
    for line in text.lines() {
        let Some((sign, name)) = line.trim_start().strip_prefix("[ ").and_then(|rest| rest.split_once(" ]")) else {
            continue;
        };
        let state = match sign {
            "+" => "running",
            "-" => "stopped",
            _ => continue,
        };
        let name = name.trim();
        services.insert(name.to_owned(), json!({"name": name, "state": state, "source": "sysv"}));
    }
}

impl Module for ServiceFacts {
    const NAME: &'static str = "ansible.builtin.service_facts";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.service_facts"];
    const ONLY_LOOKS: bool = true;
    const BRINGS_FACTS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(_: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let mut services = Map::new();
        let has_openrc = said(system, &["rc-status", "-r"]).is_some();
        if !has_openrc && let Some(text) = said(system, &["service", "--status-all"]) {
            system_v(&text, &mut services);
        }
        match said(system, &["initctl", "list"]) {
            Some(text) => upstart(&text, &mut services),
            None if has_openrc => openrc(system, &mut services),
            None => {}
        }
        if system.exists(Path::new("/run/systemd/system"))? {
            let list =
                |what: &str| said(system, &["systemctl", what, "--no-pager", "--type", "service", "--all", "--plain"]);
            units(&list("list-units").unwrap_or_default(), &mut services);
            unit_files(system, &list("list-unit-files").unwrap_or_default(), &mut services);
        }
        if services.is_empty() {
            let msg = "Failed to find any services. This can be due to privileges or some other configuration issue.";
            return Ok(Checked::unchanged(Output { skipped: Some(true), msg: Some(msg), ..Output::default() }));
        }
        let ansible_facts = Map::from_iter([("services".to_owned(), Value::Object(services))]);
        Ok(Checked::unchanged(Output { ansible_facts, ..Output::default() }))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
