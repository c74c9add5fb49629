//! Nodes of a swarm: role, availability, labels. Answers to `community.docker.docker_node`.

use super::support::docker::compare::{Difference, show};
use super::support::docker::swarm::{NODE, is_ready, nodes};
use super::support::docker::types::StringMap;
use super::support::docker::{Docker, docker_args, encode};
use crate::module::types::StringList;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
pub struct DockerNode;

docker_args! {
    /// A node of the swarm that this host manages.
    pub struct Args {
        /// Host name or id of the node.
        pub hostname: String,
        /// Labels.
        #[serde(default)]
        pub labels: Option<StringMap>,
        /// What becomes of labels that `labels` does not name.
        #[serde(default)]
        pub labels_state: LabelsState,
        /// Labels to remove.
        #[serde(default)]
        pub labels_to_remove: Option<StringList>,
        /// Whether it gets tasks.
        #[serde(default)]
        pub availability: Option<Availability>,
        /// Whether it manages the swarm.
        #[serde(default)]
        pub role: Option<Role>,
    }
}

default_args!(hostname);

/// What becomes of other labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LabelsState {
    /// They stay.
    #[default]
    Merge,
    /// They are removed.
    Replace,
}

/// Whether a node gets tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// Yes.
    Active,
    /// No new ones.
    Pause,
    /// None, and those that it has go elsewhere.
    Drain,
}

/// Whether a node manages the swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Yes.
    Manager,
    /// No.
    Worker,
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What Docker knows of the node.
    node: Value,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    hostname: String,
    id: Option<String>,
    spec: Value,
    differences: Vec<Difference>,
}

impl Module for DockerNode {
    const NAME: &'static str = "community.docker.docker_node";
    const ALIASES: &'static [&'static str] = &["community.general.docker_node"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let node = find(args, &docker, system)?;
        let (spec, differences) = wanted(args, &node["Spec"]);
        let id = node["ID"].as_str().map(str::to_owned);
        let output = Output { node };
        if differences.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        Ok(Checked::changed(output, Change { hostname: args.hostname.clone(), id, spec, differences }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let path = format!("/nodes/{}", encode(change.id.as_deref().unwrap_or(&args.hostname)));
        let version = docker.get(system, &path)?.unwrap_or_default()["Version"]["Index"].clone();
        docker
            .post(system, &format!("{path}/update?version={version}"), &change.spec)
            .map_err(|error| error.error("updating node"))?;
        Ok(Output { node: docker.get(system, &path)?.unwrap_or_default() })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let node = json!({"ID": change.id, "Spec": change.spec, "Description": {"Hostname": args.hostname}});
        system.set_resource(NODE, &args.hostname, node.clone());
        Ok(Simulated::with_unknown(Output { node }, &["node"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        show(&format!("node {}", change.hostname), &change.differences)
    }
}

fn find(args: &Args, docker: &Docker, system: &dyn System) -> Result<Value, ModuleError> {
    let nodes = nodes(docker, system).map_err(|error| match error.status {
        406 | 503 => ModuleError::new("Error inspecting node: This node is not a manager."),
        _ => error.error("listing nodes"),
    })?;
    let id = |node: &&Value| node["ID"] == args.hostname.as_str();
    let name = |node: &&Value| node["Description"]["Hostname"] == args.hostname.as_str();
    // A host that was set up anew leaves its old entry behind under the same name.
    let ready = |node: &&Value| name(node) && is_ready(node);
    let found = nodes.iter().find(id).or_else(|| nodes.iter().find(ready)).or_else(|| nodes.iter().find(name));
    match found {
        Some(node) => Ok(node.clone()),
        None => Err(ModuleError::new(format!(
            "Error inspecting node: the swarm has no node {}; it has {}",
            args.hostname,
            nodes.iter().filter_map(|node| node["Description"]["Hostname"].as_str()).collect::<Vec<_>>().join(", ")
        ))
        .not_known_yet()),
    }
}

/// The spec as it is to be, and what differs.
fn wanted(args: &Args, current: &Value) -> (Value, Vec<Difference>) {
    let mut spec = current.clone();
    let mut differences = Vec::new();
    for (name, field, wanted) in
        [("role", "Role", json!(args.role)), ("availability", "Availability", json!(args.availability))]
    {
        if !wanted.is_null() && current[field] != wanted {
            differences.push(Difference::new(name, current[field].clone(), wanted.clone()));
            spec[field] = wanted;
        }
    }
    let before = current["Labels"].as_object().cloned().unwrap_or_default();
    let given = args.labels.clone().unwrap_or_default();
    let mut labels = before.clone();
    if args.labels_state == LabelsState::Replace {
        labels.clear();
    }
    labels.extend(given.0.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    for name in args.labels_to_remove.iter().flat_map(|names| names.iter()) {
        if args.labels_state == LabelsState::Merge && !given.0.contains_key(name) {
            labels.remove(name);
        }
    }
    let names = before.keys().chain(labels.keys().filter(|name| !before.contains_key(*name)));
    for name in names.filter(|name| before.get(*name) != labels.get(*name)) {
        let value = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or_default();
        differences.push(Difference::new(format!("labels.{name}"), value(&before), value(&labels)));
    }
    spec["Labels"] = Value::Object(labels);
    (spec, differences)
}
