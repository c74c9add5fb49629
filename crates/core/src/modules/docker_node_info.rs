//! What a swarm's manager knows of its nodes. Answers to `community.docker.docker_node_info`.

use super::support::docker::swarm::nodes;
use super::support::docker::{Docker, docker_args};
use crate::module::types::{LooseBool, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The module.
pub struct DockerNodeInfo;

docker_args! {
    /// Nodes that are asked for.
    pub struct Args {
        /// Host names or ids; all nodes if not given.
        #[serde(default)]
        pub name: Option<StringList>,
        /// Only the node that this host is.
        #[serde(default, rename = "self")]
        pub self_: LooseBool,
    }
}

default_args!();

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What the manager knows of each node.
    nodes: Vec<Value>,
}

/// Nothing ever changes.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for DockerNodeInfo {
    const NAME: &'static str = "community.docker.docker_node_info";
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let mut found = nodes(&docker, system).map_err(|error| match error.status {
            406 | 503 => ModuleError::new("Error running docker swarm module: must run on swarm manager node"),
            _ => error.error("listing nodes"),
        })?;
        if args.self_.0 {
            let info = docker.get(system, "/info")?.unwrap_or_default();
            let name = match info["Name"].as_str() {
                Some(name) => name.to_owned(),
                None => system.uname()?.nodename,
            };
            let id = info["Swarm"]["NodeID"].as_str().filter(|id| !id.is_empty());
            found.retain(|node| match (id, node["ID"].as_str()) {
                (Some(id), Some(other)) => id == other,
                _ => node["Description"]["Hostname"] == name.as_str(),
            });
        } else if let Some(names) = &args.name {
            let is = |node: &Value, name: &str| node["ID"] == name || node["Description"]["Hostname"] == name;
            found.retain(|node| names.iter().any(|name| is(node, name.trim())));
        }
        let unknown = &["nodes.*.ID", "nodes.*.Description.Engine", "nodes.*.Spec.Role"];
        Ok(Checked { unknown, ..Checked::unchanged(Output { nodes: found }) })
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
