//! The parameters of `docker_swarm_service`.

use crate::module::default_args;
use crate::module::types::{LooseBool, LooseFloat, LooseInt, LooseString, StringList};
pub use crate::modules::support::docker::container::args::Healthcheck;
use crate::modules::support::docker::docker_args;
use crate::modules::support::docker::types::{Nanos, Size, StringMap, TextMap, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

docker_args! {
    /// A service of the swarm that this host manages.
    pub struct Args {
        /// Name of the service.
        pub name: String,
        /// What is wanted of it.
        #[serde(default)]
        pub state: State,
        /// Image of its containers.
        #[serde(default)]
        pub image: Option<LooseString>,
        /// Ask the registry for the image's digest, and update the service when it changes.
        #[serde(default)]
        pub resolve_image: LooseBool,
        /// Command instead of the image's entrypoint.
        #[serde(default)]
        pub command: Option<Words>,
        /// Arguments of the command.
        #[serde(default)]
        pub args: Option<StringList>,
        /// Environment: a mapping, or a list of `NAME=value`.
        #[serde(default)]
        pub env: Option<Value>,
        /// Files on the host with lines `NAME=value`; `env` counts more.
        #[serde(default)]
        pub env_files: Option<StringList>,
        /// How many containers it has.
        #[serde(default)]
        pub mode: Mode,
        /// How many containers a replicated service has; -1 (if not given) leaves it as it is, 1 for a new one.
        #[serde(default)]
        pub replicas: Option<LooseInt>,
        /// Ports that nodes pass on.
        #[serde(default)]
        pub publish: Option<Vec<Port>>,
        /// How its name is resolved: `vip` or `dnsrr`.
        #[serde(default)]
        pub endpoint_mode: Option<String>,
        /// Mounts.
        #[serde(default)]
        pub mounts: Option<Vec<Mount>>,
        /// Networks: names, or mappings with `name`, `aliases`, `options`.
        #[serde(default)]
        pub networks: Option<Vec<Value>>,
        /// Which nodes get containers.
        #[serde(default)]
        pub placement: Option<Placement>,
        /// Limits of a container.
        #[serde(default)]
        pub limits: Option<Resources>,
        /// What a node must have free for a container.
        #[serde(default)]
        pub reservations: Option<Resources>,
        /// When containers are started again.
        #[serde(default)]
        pub restart_config: Option<RestartConfig>,
        /// How updates proceed.
        #[serde(default)]
        pub update_config: Option<UpdateConfig>,
        /// How updates are taken back.
        #[serde(default)]
        pub rollback_config: Option<UpdateConfig>,
        /// Labels of the service.
        #[serde(default)]
        pub labels: Option<StringMap>,
        /// Labels of its containers.
        #[serde(default)]
        pub container_labels: Option<StringMap>,
        /// How health is checked.
        #[serde(default)]
        pub healthcheck: Option<Healthcheck>,
        /// User of the command.
        #[serde(default)]
        pub user: Option<LooseString>,
        /// Further groups of that user.
        #[serde(default)]
        pub groups: Option<StringList>,
        /// Directory the command starts in.
        #[serde(default)]
        pub working_dir: Option<String>,
        /// Host name of the containers.
        #[serde(default)]
        pub hostname: Option<String>,
        /// Names for `/etc/hosts`, with their addresses.
        #[serde(default)]
        pub hosts: Option<TextMap>,
        /// DNS servers.
        #[serde(default)]
        pub dns: Option<StringList>,
        /// DNS search domains.
        #[serde(default)]
        pub dns_search: Option<StringList>,
        /// DNS options.
        #[serde(default)]
        pub dns_options: Option<StringList>,
        /// Configurations of the swarm that containers get as files.
        #[serde(default)]
        pub configs: Option<Vec<Reference>>,
        /// Secrets of the swarm that containers get as files.
        #[serde(default)]
        pub secrets: Option<Vec<Reference>>,
        /// Signal that stops containers.
        #[serde(default)]
        pub stop_signal: Option<String>,
        /// Time containers have to stop before they are killed.
        #[serde(default)]
        pub stop_grace_period: Option<Nanos>,
        /// Where logs go.
        #[serde(default)]
        pub logging: Option<Logging>,
        /// Run an init process that passes on signals.
        #[serde(default)]
        pub init: Option<LooseBool>,
        /// Give containers a terminal.
        #[serde(default)]
        pub tty: Option<LooseBool>,
        /// The root file system cannot be written.
        #[serde(default)]
        pub read_only: Option<LooseBool>,
        /// Kernel parameters.
        #[serde(default)]
        pub sysctls: Option<TextMap>,
        /// Capabilities to add.
        #[serde(default)]
        pub cap_add: Option<StringList>,
        /// Capabilities to drop.
        #[serde(default)]
        pub cap_drop: Option<StringList>,
        /// Replace the containers even if nothing differs.
        #[serde(default)]
        pub force_update: LooseBool,
    }
}

default_args!(name);

/// What is wanted of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
}

/// How many containers a service has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// As many as `replicas` says.
    #[default]
    Replicated,
    /// One on every node.
    Global,
    /// As many as `replicas` says, until they have ended.
    ReplicatedJob,
}

/// A published port.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// Port of the nodes; any if not given.
    #[serde(default)]
    pub published_port: Option<LooseInt>,
    /// Port of the containers.
    pub target_port: LooseInt,
    /// `tcp` or `udp`.
    #[serde(default)]
    pub protocol: Option<String>,
    /// `ingress`: every node, to any container; `host`: the container's node.
    #[serde(default)]
    pub mode: Option<String>,
}

/// A mount.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Path in the containers.
    pub target: String,
    /// Volume's name, or path on the nodes.
    #[serde(default)]
    pub source: Option<String>,
    /// `bind` (if not given), `volume`, `tmpfs`, `npipe`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// It cannot be written.
    #[serde(default)]
    pub readonly: Option<LooseBool>,
    /// Labels of a new volume.
    #[serde(default)]
    pub labels: Option<TextMap>,
    /// How mounts below it are passed on.
    #[serde(default)]
    pub propagation: Option<String>,
    /// Do not fill a new volume from the image.
    #[serde(default)]
    pub no_copy: Option<LooseBool>,
    /// Driver of a new volume.
    #[serde(default)]
    pub driver_config: Option<Driver>,
    /// Size of a folder in memory.
    #[serde(default)]
    pub tmpfs_size: Option<Size>,
    /// Its permission bits, as a number.
    #[serde(default)]
    pub tmpfs_mode: Option<LooseInt>,
}

/// A driver of volumes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its options.
    #[serde(default)]
    pub options: Option<TextMap>,
}

/// Which nodes get containers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Conditions, such as `node.role == worker`.
    #[serde(default)]
    pub constraints: Option<StringList>,
    /// Properties to spread over: `{spread: node.labels.zone}`.
    #[serde(default)]
    pub preferences: Option<Vec<BTreeMap<String, String>>>,
    /// How many containers a node gets at most.
    #[serde(default)]
    pub replicas_max_per_node: Option<LooseInt>,
}

/// Amounts of resources.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processors.
    #[serde(default)]
    pub cpus: Option<LooseFloat>,
    /// Memory.
    #[serde(default)]
    pub memory: Option<Size>,
}

/// When containers are started again.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartConfig {
    /// `none`, `on-failure`, `any`.
    #[serde(default)]
    pub condition: Option<String>,
    /// Time to wait before.
    #[serde(default)]
    pub delay: Option<Nanos>,
    /// How often.
    #[serde(default)]
    pub max_attempts: Option<LooseInt>,
    /// Time after which a start counts as successful.
    #[serde(default)]
    pub window: Option<Nanos>,
}

/// How updates proceed.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateConfig {
    /// How many containers at once.
    #[serde(default)]
    pub parallelism: Option<LooseInt>,
    /// Time between them.
    #[serde(default)]
    pub delay: Option<Nanos>,
    /// What a failure means: `continue`, `pause`, `rollback`.
    #[serde(default)]
    pub failure_action: Option<String>,
    /// Time in which a failure counts.
    #[serde(default)]
    pub monitor: Option<Nanos>,
    /// Share of failures that is fine.
    #[serde(default)]
    pub max_failure_ratio: Option<LooseFloat>,
    /// `stop-first` or `start-first`.
    #[serde(default)]
    pub order: Option<String>,
}

/// A configuration or secret.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its id.
    #[serde(default, alias = "config_id", alias = "secret_id")]
    pub id: Option<String>,
    /// Its name.
    #[serde(alias = "config_name", alias = "secret_name")]
    pub name: String,
    /// File in the containers; its name if not given.
    #[serde(default)]
    pub filename: Option<String>,
    /// Owner.
    #[serde(default)]
    pub uid: Option<LooseString>,
    /// Group.
    #[serde(default)]
    pub gid: Option<LooseString>,
    /// Permission bits, as a number (0444).
    #[serde(default)]
    pub mode: Option<LooseInt>,
}

/// Where logs go.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// The driver.
    #[serde(default)]
    pub driver: Option<String>,
    /// Its options.
    #[serde(default)]
    pub options: Option<TextMap>,
}
