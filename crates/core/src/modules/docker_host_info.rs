//! What a Docker daemon says of itself. Answers to `community.docker.docker_host_info`.

use super::support::docker::types::Refused;
use super::support::docker::{Docker, docker_args};
use super::{docker_swarm, hostname};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
pub struct DockerHostInfo;

docker_args! {
    /// The daemon.
    pub struct Args {
        /// Not supported: list containers.
        #[serde(default)]
        pub containers: Refused,
        /// Not supported: containers that do not run.
        #[serde(default)]
        pub containers_all: Refused,
        /// Not supported: filters for containers.
        #[serde(default)]
        pub containers_filters: Refused,
        /// Not supported: list images.
        #[serde(default)]
        pub images: Refused,
        /// Not supported: filters for images.
        #[serde(default)]
        pub images_filters: Refused,
        /// Not supported: list networks.
        #[serde(default)]
        pub networks: Refused,
        /// Not supported: filters for networks.
        #[serde(default)]
        pub networks_filters: Refused,
        /// Not supported: list volumes.
        #[serde(default)]
        pub volumes: Refused,
        /// Not supported: filters for volumes.
        #[serde(default)]
        pub volumes_filters: Refused,
        /// Not supported: what is used of the disk.
        #[serde(default)]
        pub disk_usage: Refused,
        /// Not supported: more output.
        #[serde(default)]
        pub verbose_output: Refused,
    }
}

default_args!();

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The daemon answers.
    can_talk_to_docker: bool,
    /// What it says: `Name`, `ServerVersion`, `Swarm` …
    host_info: Value,
}

/// Nothing ever changes.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for DockerHostInfo {
    const NAME: &'static str = "community.docker.docker_host_info";
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let mut host_info = match docker.get(system, "/info")? {
            Some(info) => info,
            None => new_daemon(system)?,
        };
        let Some(planned) = system.resource(docker_swarm::KIND, "local") else {
            let unknown: &[&str] = if docker.is_planned() { &["host_info.*"] } else { &[] };
            return Ok(Checked { unknown, ..Checked::unchanged(Output { can_talk_to_docker: true, host_info }) });
        };
        host_info["Swarm"] = planned["Swarm"].clone();
        if planned["Swarm"]["LocalNodeState"] == "active" {
            host_info["Swarm"]["NodeID"] = Value::Null;
        } else {
            host_info["Swarm"]["NodeID"] = "".into();
        }
        let output = Output { can_talk_to_docker: true, host_info };
        Ok(Checked { unknown: &["host_info.*", "host_info.Swarm.NodeID"], ..Checked::unchanged(output) })
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}

/// What a daemon says that a plan is going to bring, as far as it is known.
fn new_daemon(system: &dyn System) -> Result<Value, ModuleError> {
    let uname = system.uname()?;
    Ok(json!({
        "ID": null,
        "Name": hostname::planned(system).unwrap_or(uname.nodename),
        "ServerVersion": null,
        "Driver": null,
        "Architecture": uname.machine,
        "KernelVersion": uname.release,
        "OSType": "linux",
        "OperatingSystem": null,
        "NCPU": null,
        "MemTotal": null,
        "Containers": 0,
        "ContainersRunning": 0,
        "Images": 0,
        "Swarm": {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false},
    }))
}
