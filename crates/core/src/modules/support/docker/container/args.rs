//! The parameters of `docker_container`.

use crate::module::types::{LooseBool, LooseFloat, LooseInt, LooseString, StringList};
use crate::modules::support::docker::compare::Comparison;
use crate::modules::support::docker::docker_args;
use crate::modules::support::docker::types::{Nanos, Size, StringMap, TextMap, Words};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

docker_args! {
    /// A container.
    #[derive(Default)]
    #[serde(default)]
    pub struct Args {
        /// Name of the container, or its id.
        pub name: String,
        /// What is wanted of it.
        pub state: State,
        /// Image to make it from.
        pub image: Option<LooseString>,
        /// Command instead of the image's, or its arguments where it has an entrypoint.
        pub command: Option<Words>,
        /// Entrypoint instead of the image's.
        pub entrypoint: Option<Words>,
        /// How `command` and `entrypoint` are read.
        pub command_handling: CommandHandling,
        /// Environment, besides the image's.
        pub env: Option<StringMap>,
        /// File on the host with lines `NAME=value`; `env` counts more.
        pub env_file: Option<String>,
        /// Labels, besides the image's.
        pub labels: Option<StringMap>,
        /// Host name.
        pub hostname: Option<String>,
        /// Domain name.
        pub domainname: Option<String>,
        /// User, or its id, with `:` and a group if needed.
        pub user: Option<LooseString>,
        /// Further groups.
        pub groups: Option<StringList>,
        /// Directory that the command starts in.
        pub working_dir: Option<String>,
        /// Keep standard input open.
        pub interactive: Option<LooseBool>,
        /// Do not wait for the command to end. Without, the result has its output.
        pub detach: Option<LooseBool>,
        /// Give it a terminal.
        pub tty: Option<LooseBool>,
        /// Run an init process in it that passes on signals.
        pub init: Option<LooseBool>,
        /// The daemon removes it when its command ends.
        pub auto_remove: Option<LooseBool>,
        /// Remove it when its command has ended; for `detach: false`.
        pub cleanup: LooseBool,
        /// Accepted; the result has the output of `detach: false` anyway.
        pub output_logs: LooseBool,
        /// When the daemon starts it again.
        pub restart_policy: Option<RestartPolicy>,
        /// How often it does so for `on-failure`.
        pub restart_retries: Option<LooseInt>,
        /// Signal that stops it.
        pub stop_signal: Option<String>,
        /// Seconds it has to stop before it is killed.
        pub stop_timeout: Option<LooseInt>,
        /// Volumes and folders of the host: `SOURCE:TARGET[:MODE]`, or a target alone for a volume without a name.
        pub volumes: Option<StringList>,
        /// Mounts in full.
        pub mounts: Option<Vec<Mount>>,
        /// Containers whose volumes it gets.
        pub volumes_from: Option<StringList>,
        /// Driver of its volumes.
        pub volume_driver: Option<String>,
        /// Folders in memory: `TARGET[:OPTIONS]`.
        pub tmpfs: Option<StringList>,
        /// Ports that the host passes on: `[[ADDRESS:]PORT:]PORT[/PROTOCOL]`; ports may be ranges.
        #[serde(alias = "ports")]
        pub published_ports: Option<StringList>,
        /// Ports that others on its networks may use.
        #[serde(alias = "exposed")]
        #[serde(alias = "expose")]
        pub exposed_ports: Option<StringList>,
        /// Publish every exposed port somewhere.
        pub publish_all_ports: Option<LooseBool>,
        /// Address for published ports without one.
        pub default_host_ip: Option<String>,
        /// Networks it is connected to.
        pub networks: Option<Vec<Network>>,
        /// `bridge`, `host`, `none`, `container:NAME`, `default`, or a network.
        pub network_mode: Option<String>,
        /// The first of `networks` is the only one it gets besides the others; otherwise also the default one.
        pub networks_cli_compatible: Option<LooseBool>,
        /// Containers to link to: `NAME[:ALIAS]`.
        pub links: Option<StringList>,
        /// Its MAC address.
        pub mac_address: Option<String>,
        /// DNS servers.
        pub dns_servers: Option<StringList>,
        /// DNS options.
        pub dns_opts: Option<StringList>,
        /// DNS search domains.
        pub dns_search_domains: Option<StringList>,
        /// Names for its `/etc/hosts`, with their addresses.
        pub etc_hosts: Option<TextMap>,
        /// How its health is checked.
        pub healthcheck: Option<Healthcheck>,
        /// Seconds to wait for `state: healthy` (300); 0 is no limit.
        pub healthy_wait_timeout: Option<LooseFloat>,
        /// Limit of memory.
        pub memory: Option<Size>,
        /// Memory it should get by with.
        pub memory_reservation: Option<Size>,
        /// Limit of memory and swap; `-1` is none.
        pub memory_swap: Option<Size>,
        /// How readily its memory is swapped, 0 to 100.
        pub memory_swappiness: Option<LooseInt>,
        /// Limit of the kernel's memory for it.
        pub kernel_memory: Option<Size>,
        /// Do not kill it when memory runs out.
        pub oom_killer: Option<LooseBool>,
        /// How readily it is killed then.
        pub oom_score_adj: Option<LooseInt>,
        /// Limit of processors, such as 1.5.
        pub cpus: Option<LooseFloat>,
        /// Period of the processor's scheduler, in microseconds.
        pub cpu_period: Option<LooseInt>,
        /// Its part of that period.
        pub cpu_quota: Option<LooseInt>,
        /// Its share of the processors.
        pub cpu_shares: Option<LooseInt>,
        /// Processors it may use, such as `0-3`.
        pub cpuset_cpus: Option<LooseString>,
        /// Memory nodes it may use.
        pub cpuset_mems: Option<LooseString>,
        /// Its share of the disks.
        pub blkio_weight: Option<LooseInt>,
        /// Limit of processes; -1 is none.
        pub pids_limit: Option<LooseInt>,
        /// Size of `/dev/shm`.
        pub shm_size: Option<Size>,
        /// Limits: `NAME:SOFT[:HARD]`.
        pub ulimits: Option<StringList>,
        /// Kernel parameters.
        pub sysctls: Option<TextMap>,
        /// Options of the storage driver.
        pub storage_opts: Option<TextMap>,
        /// Give it all rights.
        pub privileged: Option<LooseBool>,
        /// Capabilities to add.
        pub capabilities: Option<StringList>,
        /// Capabilities to drop.
        pub cap_drop: Option<StringList>,
        /// Security options.
        pub security_opts: Option<StringList>,
        /// Its root file system cannot be written.
        pub read_only: Option<LooseBool>,
        /// Devices: `HOST[:CONTAINER[:RIGHTS]]`.
        pub devices: Option<StringList>,
        /// Rules for devices.
        pub device_cgroup_rules: Option<StringList>,
        /// Limits for reading, in bytes a second.
        pub device_read_bps: Option<Vec<Rate>>,
        /// Limits for writing, in bytes a second.
        pub device_write_bps: Option<Vec<Rate>>,
        /// Limits for reading, in operations a second.
        pub device_read_iops: Option<Vec<Rate>>,
        /// Limits for writing, in operations a second.
        pub device_write_iops: Option<Vec<Rate>>,
        /// Requests for devices of drivers, such as graphics cards.
        pub device_requests: Option<Vec<DeviceRequest>>,
        /// Parent of its control group.
        pub cgroup_parent: Option<String>,
        /// Namespace of its control groups: `host` or `private`.
        pub cgroupns_mode: Option<String>,
        /// Namespace for shared memory.
        pub ipc_mode: Option<String>,
        /// Namespace of processes.
        pub pid_mode: Option<String>,
        /// Namespace of users.
        pub userns_mode: Option<String>,
        /// Namespace of the host name.
        pub uts: Option<String>,
        /// Runtime.
        pub runtime: Option<String>,
        /// Driver of its log.
        pub log_driver: Option<String>,
        /// Options of that driver.
        #[serde(alias = "log_opt")]
        pub log_options: Option<TextMap>,
        /// Platform such as `linux/arm64`, for pulling, making and comparing.
        pub platform: Option<String>,
        /// Whether it is paused.
        pub paused: Option<LooseBool>,
        /// When its image is pulled.
        pub pull: Pull,
        /// A plan says what would be pulled, so that `always`, which tells of a pull whether needed or not, is refused.
        pub pull_check_mode_behavior: PullForecast,
        /// Make it anew even if nothing differs.
        pub recreate: LooseBool,
        /// Restart it if it runs.
        pub restart: LooseBool,
        /// Kill it instead of stopping it.
        #[serde(alias = "forcekill")]
        pub force_kill: LooseBool,
        /// Signal to kill it with.
        pub kill_signal: Option<String>,
        /// Keep its volumes without a name when it is removed (yes).
        pub keep_volumes: Option<LooseBool>,
        /// Seconds to wait for its removal.
        pub removal_wait_timeout: Option<LooseFloat>,
        /// When options count as equal: `strict`, `ignore`, `allow_more_present` by option; `*` for all.
        pub comparisons: BTreeMap<String, Comparison>,
        /// Whether some options that are not given count as given.
        pub container_default_behavior: DefaultBehavior,
        /// Which image's settings count as wanted besides the options.
        pub image_comparison: ImageComparison,
        /// What to do about labels of the image that `labels` does not name, with `comparisons: {labels: strict}`.
        pub image_label_mismatch: LabelMismatch,
        /// Whether another name for the same image counts.
        pub image_name_mismatch: NameMismatch,
    }
}

/// A choice among words.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($body:tt)* }) => {
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        $(#[$meta])*
        pub enum $name { $($body)* }
    };
}

choice! {
    /// When a plan tells of a pull.
    #[serde(rename_all = "snake_case")]
    PullForecast {
        /// When there would be one.
        #[default]
        ImageNotPresent,
    }
}

choice! {
    /// What is wanted of a container.
    #[serde(rename_all = "snake_case")]
    State {
        /// It is not there.
        Absent,
        /// It runs and is healthy.
        Healthy,
        /// It is there.
        Present,
        /// It runs.
        #[default]
        Started,
        /// It is there and does not run.
        Stopped,
    }
}

choice! {
    /// How commands are read.
    #[serde(rename_all = "snake_case")]
    CommandHandling {
        /// An empty one is none; a list is joined and split anew.
        Compatibility,
        /// As given.
        #[default]
        Correct,
    }
}

choice! {
    /// Whether options that are not given count as given.
    #[serde(rename_all = "snake_case")]
    DefaultBehavior {
        /// `auto_remove`, `init`, `interactive`, `paused`, `privileged`, `read_only`, `tty` are no, `detach` is yes, `memory` is 0.
        Compatibility,
        /// They do not count.
        #[default]
        NoDefaults,
    }
}

choice! {
    /// Which image's settings count.
    #[serde(rename_all = "kebab-case")]
    ImageComparison {
        /// The container's.
        CurrentImage,
        /// The one that is wanted.
        #[default]
        DesiredImage,
    }
}

choice! {
    /// What to do about labels of the image.
    #[serde(rename_all = "snake_case")]
    LabelMismatch {
        /// Fail.
        Fail,
        /// They count as wanted.
        #[default]
        Ignore,
    }
}

choice! {
    /// Whether another name for the same image counts.
    #[serde(rename_all = "snake_case")]
    NameMismatch {
        /// It does not.
        Ignore,
        /// The container is made anew.
        #[default]
        Recreate,
    }
}

choice! {
    /// When the daemon starts a container again.
    #[serde(rename_all = "kebab-case")]
    RestartPolicy {
        /// Never.
        #[default]
        No,
        /// When it failed.
        OnFailure,
        /// Always.
        Always,
        /// Unless somebody stopped it.
        UnlessStopped,
    }
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// Never; it must be there.
    Never,
    /// When it is not there.
    #[default]
    Missing,
    /// Always.
    Always,
}

impl<'de> Deserialize<'de> for Pull {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bool(true) => Ok(Self::Always),
            Value::Bool(false) => Ok(Self::Missing),
            Value::String(text) => match text.to_lowercase().as_str() {
                "never" => Ok(Self::Never),
                "missing" | "no" | "false" => Ok(Self::Missing),
                "always" | "yes" | "true" => Ok(Self::Always),
                _ => Err(serde::de::Error::custom(format!("{text:?} is none of never, missing, always, true, false"))),
            },
            other => Err(serde::de::Error::custom(format!("{other} is none of never, missing, always, true, false"))),
        }
    }
}

impl JsonSchema for Pull {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pull".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["never", "missing", "always", true, false]})
    }
}

/// A mount.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Path in the container.
    pub target: String,
    /// Volume's name, or path on the host.
    #[serde(default)]
    pub source: Option<String>,
    /// `volume` (if not given), `bind`, `tmpfs`, `npipe`, `cluster`, `image`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// It cannot be written.
    #[serde(default)]
    pub read_only: Option<LooseBool>,
    /// How much it may lag behind: `default`, `consistent`, `cached`, `delegated`.
    #[serde(default)]
    pub consistency: Option<String>,
    /// How mounts below it are passed on.
    #[serde(default)]
    pub propagation: Option<String>,
    /// Make the path on the host if it is not there.
    #[serde(default)]
    pub create_mountpoint: Option<LooseBool>,
    /// Leave out mounts below it.
    #[serde(default)]
    pub non_recursive: Option<LooseBool>,
    /// Mounts below it may be written even if it is read-only.
    #[serde(default)]
    pub read_only_non_recursive: Option<LooseBool>,
    /// Fail if mounts below it cannot be made read-only.
    #[serde(default)]
    pub read_only_force_recursive: Option<LooseBool>,
    /// Do not fill a new volume from the image.
    #[serde(default)]
    pub no_copy: Option<LooseBool>,
    /// Labels of a new volume.
    #[serde(default)]
    pub labels: Option<TextMap>,
    /// Driver of a new volume.
    #[serde(default)]
    pub volume_driver: Option<String>,
    /// Options of that driver.
    #[serde(default)]
    pub volume_options: Option<TextMap>,
    /// Path in the volume or image.
    #[serde(default)]
    pub subpath: Option<String>,
    /// Size of a folder in memory.
    #[serde(default)]
    pub tmpfs_size: Option<Size>,
    /// Its permission bits, octal.
    #[serde(default)]
    pub tmpfs_mode: Option<LooseString>,
    /// Its options: a list of mappings with one entry, null for options without value.
    #[serde(default)]
    pub tmpfs_options: Option<Vec<BTreeMap<String, Option<LooseString>>>>,
}

/// A network with the container's place in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Name of the network.
    pub name: String,
    /// The container's IPv4 address.
    #[serde(default)]
    pub ipv4_address: Option<String>,
    /// The container's IPv6 address.
    #[serde(default)]
    pub ipv6_address: Option<String>,
    /// Containers to link to: `NAME[:ALIAS]`.
    #[serde(default)]
    pub links: Option<StringList>,
    /// Further names of the container.
    #[serde(default)]
    pub aliases: Option<StringList>,
    /// The container's MAC address.
    #[serde(default)]
    pub mac_address: Option<String>,
    /// Options for the network's driver.
    #[serde(default)]
    pub driver_opts: Option<TextMap>,
    /// Highest is the default gateway.
    #[serde(default)]
    pub gw_priority: Option<LooseInt>,
}

/// How health is checked.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    /// Command: `[CMD, ...]`, `[CMD-SHELL, LINE]`, `[NONE]`, or a line for the shell.
    #[serde(default)]
    pub test: Option<Value>,
    /// Without `test`, change only the times.
    #[serde(default)]
    pub test_cli_compatible: LooseBool,
    /// Time between checks.
    #[serde(default)]
    pub interval: Option<Nanos>,
    /// Time a check may take.
    #[serde(default)]
    pub timeout: Option<Nanos>,
    /// Failures in a row until it counts as unhealthy.
    #[serde(default)]
    pub retries: Option<LooseInt>,
    /// Time to start, in which failures do not count.
    #[serde(default)]
    pub start_period: Option<Nanos>,
    /// Time between checks while it starts.
    #[serde(default)]
    pub start_interval: Option<Nanos>,
}

impl Healthcheck {
    /// As the API has it.
    pub fn wanted(&self) -> Value {
        let test = match &self.test {
            Some(Value::Array(words)) if words.is_empty() => None,
            Some(Value::Array(words)) => Some(Value::Array(words.clone())),
            None | Some(Value::Null) => None,
            Some(Value::String(line)) if line.is_empty() => None,
            Some(line) => {
                let line = line.as_str().map_or_else(|| line.to_string(), str::to_owned);
                Some(serde_json::json!(["CMD-SHELL", line]))
            }
        };
        if test.is_none() && !self.test_cli_compatible.0 {
            return serde_json::json!({"Test": ["NONE"]});
        }
        let nanos = |time: Option<Nanos>| time.map(|time| time.0);
        crate::modules::support::docker::compare::without_nulls(serde_json::json!({
            "Test": test,
            "Interval": nanos(self.interval),
            "Timeout": nanos(self.timeout),
            "StartPeriod": nanos(self.start_period),
            "StartInterval": nanos(self.start_interval),
            "Retries": self.retries,
        }))
    }
}

/// A limit for a device.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The device.
    pub path: String,
    /// Bytes (a size) or operations a second.
    pub rate: Size,
}

/// A request for devices.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceRequest {
    /// Lists of capabilities, one of which they must have.
    #[serde(default)]
    pub capabilities: Option<Vec<StringList>>,
    /// How many; -1 is all.
    #[serde(default)]
    pub count: Option<LooseInt>,
    /// Which ones.
    #[serde(default)]
    pub device_ids: Option<StringList>,
    /// Their driver.
    #[serde(default)]
    pub driver: Option<String>,
    /// Options for it.
    #[serde(default)]
    pub options: Option<TextMap>,
}
