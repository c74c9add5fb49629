//! A Docker swarm and this host's part in it. Answers to `community.docker.docker_swarm`.

use super::support::docker::compare::{Difference, show};
use super::support::docker::types::StringMap;
use super::support::docker::{Docker, docker_args, encode, swarm};
use crate::module::types::{LooseBool, LooseInt, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
pub struct DockerSwarm;

docker_args! {
    /// A swarm and this host's part in it.
    pub struct Args {
        /// What is wanted.
        #[serde(default)]
        pub state: State,
        /// Address under which the other nodes reach this one: address or interface, with `:` and a port if needed.
        #[serde(default)]
        pub advertise_addr: Option<String>,
        /// Address to listen on.
        #[serde(default = "anywhere")]
        pub listen_addr: String,
        /// Address for the containers' traffic.
        #[serde(default)]
        pub data_path_addr: Option<String>,
        /// Port for the containers' traffic.
        #[serde(default)]
        pub data_path_port: Option<LooseInt>,
        /// Ranges that overlay networks get their addresses from.
        #[serde(default)]
        pub default_addr_pool: Option<StringList>,
        /// Length of the networks' prefixes in those ranges.
        #[serde(default)]
        pub subnet_size: Option<LooseInt>,
        /// `present`: make a new swarm even if the host is in one. `absent`: leave it even as a manager. `remove`: remove
        /// the node even if it is not down.
        #[serde(default)]
        pub force: LooseBool,
        /// Managers to join.
        #[serde(default)]
        pub remote_addrs: Option<StringList>,
        /// Token that allows to join.
        #[serde(default)]
        pub join_token: Option<String>,
        /// Id of the node to remove.
        #[serde(default)]
        pub node_id: Option<String>,
        /// Name of the swarm.
        #[serde(default)]
        pub name: Option<String>,
        /// Labels of the swarm.
        #[serde(default)]
        pub labels: Option<StringMap>,
        /// How many tasks of each service are remembered.
        #[serde(default)]
        pub task_history_retention_limit: Option<LooseInt>,
        /// Entries between snapshots of the managers' log.
        #[serde(default)]
        pub snapshot_interval: Option<LooseInt>,
        /// How many old snapshots are kept.
        #[serde(default)]
        pub keep_old_snapshots: Option<LooseInt>,
        /// How many entries are kept for slow followers.
        #[serde(default)]
        pub log_entries_for_slow_followers: Option<LooseInt>,
        /// Seconds between heartbeats of managers.
        #[serde(default)]
        pub heartbeat_tick: Option<LooseInt>,
        /// Seconds without a leader until an election.
        #[serde(default)]
        pub election_tick: Option<LooseInt>,
        /// Nanoseconds between heartbeats of nodes.
        #[serde(default)]
        pub dispatcher_heartbeat_period: Option<LooseInt>,
        /// Nanoseconds that nodes' certificates are valid.
        #[serde(default)]
        pub node_cert_expiry: Option<LooseInt>,
        /// Certificate of the swarm's authority.
        #[serde(default)]
        pub signing_ca_cert: Option<String>,
        /// Its key.
        #[serde(default)]
        pub signing_ca_key: Option<String>,
        /// A number that makes the swarm renew its authority whenever it changes.
        #[serde(default)]
        pub ca_force_rotate: Option<LooseInt>,
        /// Managers need a key to start again.
        #[serde(default)]
        pub autolock_managers: Option<LooseBool>,
        /// Make a new token for workers.
        #[serde(default)]
        pub rotate_worker_token: LooseBool,
        /// Make a new token for managers.
        #[serde(default)]
        pub rotate_manager_token: LooseBool,
    }
}

default_args!();

fn anywhere() -> String {
    "0.0.0.0:2377".to_owned()
}

/// What is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The host is a manager of a swarm with these settings.
    #[default]
    Present,
    /// The host is in a swarm.
    Join,
    /// The host is in no swarm.
    Absent,
    /// The swarm does not know the node `node_id`.
    Remove,
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was done.
    actions: Vec<String>,
    /// What Docker knows of the swarm: `JoinTokens`, `UnlockKey` and its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    swarm_facts: Option<Value>,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// In words.
    action: String,
    step: Step,
    differences: Vec<Difference>,
}

/// One thing to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Init(Value),
    Join,
    Leave,
    RemoveNode(String),
    /// Settings of the swarm.
    Update(Value),
}

/// What modules record about the host's part in a swarm.
pub const KIND: &str = "docker_swarm";

impl Module for DockerSwarm {
    const NAME: &'static str = "community.docker.docker_swarm";
    const ALIASES: &'static [&'static str] = &["community.general.docker_swarm"];
    const SECRETS: &'static [&'static str] = &["join_token", "signing_ca_key"];
    const UNSEEN: &'static [&'static str] = &["join_token"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let docker = Docker::open(args.connection(), system)?;
        let info = docker.look(system, KIND, "local", "/info")?.unwrap_or_default();
        let state = info["Swarm"]["LocalNodeState"].as_str().unwrap_or("inactive").to_owned();
        let manager = info["Swarm"]["ControlAvailable"] == true;
        let found = match args.state {
            State::Present => check_present(args, &docker, system, &state, manager)?,
            State::Join if state == "active" => None,
            State::Join => Some(Change {
                action: "New node is added to swarm cluster".into(),
                step: Step::Join,
                differences: vec![Difference::new("joined", false, true)],
            }),
            State::Absent if state == "inactive" => None,
            State::Absent => Some(Change {
                action: "Node has left the swarm cluster".into(),
                step: Step::Leave,
                differences: vec![Difference::new("joined", "active", "absent")],
            }),
            State::Remove => check_remove(args, &docker, system, manager)?,
        };
        let actions = match &found {
            Some(change) => vec![change.action.clone()],
            None if args.state == State::Join => vec!["This node is already part of a swarm.".to_owned()],
            None => Vec::new(),
        };
        let swarm_facts = if manager && args.state == State::Present { facts(&docker, system)? } else { None };
        let output = Output { actions, swarm_facts };
        Ok(match found {
            Some(change) => Checked::changed(output, change),
            None => Checked::unchanged(output),
        })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        match &change.step {
            Step::Init(body) => {
                if args.force.0 {
                    // A swarm that is there would stop the new one.
                    let _ = docker.command(system, "/swarm/leave?force=true");
                }
                docker
                    .post(system, "/swarm/init", body)
                    .map_err(|error| error.error("creating a new swarm cluster"))?;
            }
            Step::Join => {
                let body = json!({
                    "ListenAddr": args.listen_addr,
                    "AdvertiseAddr": args.advertise_addr.as_deref().unwrap_or_default(),
                    "DataPathAddr": args.data_path_addr.as_deref().unwrap_or_default(),
                    "RemoteAddrs": args.remote_addrs,
                    "JoinToken": args.join_token,
                });
                docker.post(system, "/swarm/join", &body).map_err(|error| error.error("joining the swarm cluster"))?;
            }
            Step::Leave => {
                docker
                    .command(system, &format!("/swarm/leave?force={}", args.force.0))
                    .map_err(|error| error.error("leaving the swarm cluster"))?;
            }
            Step::RemoveNode(id) => {
                docker
                    .delete(system, &format!("/nodes/{}?force={}", encode(id), args.force.0))
                    .map_err(|error| error.error("removing the node"))?;
            }
            Step::Update(spec) => {
                let version = docker.get(system, "/swarm")?.unwrap_or_default()["Version"]["Index"].clone();
                let path = format!(
                    "/swarm/update?version={version}&rotateWorkerToken={}&rotateManagerToken={}",
                    args.rotate_worker_token.0, args.rotate_manager_token.0
                );
                docker.post(system, &path, spec).map_err(|error| error.error("updating the swarm cluster"))?;
            }
        }
        let swarm_facts = if args.state == State::Present { facts(&docker, system)? } else { None };
        Ok(Output { actions: vec![change.action], swarm_facts })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let before = system.resource(KIND, "local").unwrap_or_default();
        let new = matches!(change.step, Step::Init(_)) || before["New"] == true;
        let (state, manager) = match change.step {
            Step::Init(_) | Step::Update(_) => ("active", true),
            Step::Join => ("active", false),
            Step::Leave => ("inactive", false),
            Step::RemoveNode(id) => {
                system.set_resource(swarm::NODE, &id, Value::Null);
                return Ok(Simulated::known(Output { actions: vec![change.action], swarm_facts: None }));
            }
        };
        let mut local = json!({"Swarm": {"LocalNodeState": state, "ControlAvailable": manager}});
        if state == "inactive" {
            swarm::leave(&Docker::open(args.connection(), system)?, system)?;
        }
        if manager {
            local["Settled"] = settings(args);
            local["New"] = new.into();
            let address = args.advertise_addr.as_deref().map(Value::from);
            local["Addr"] = address.unwrap_or_else(|| before["Addr"].clone());
        } else {
            let joined =
                (state == "active").then(|| json!({"Managers": args.remote_addrs, "Addr": args.advertise_addr}));
            let name = swarm::own_name(system)?;
            system.set_resource(swarm::MEMBER, &name, joined.unwrap_or_default());
        }
        system.set_resource(KIND, "local", local);
        let output = Output { actions: vec![change.action], swarm_facts: None };
        Ok(if manager { Simulated::with_unknown(output, &["swarm_facts"]) } else { Simulated::known(output) })
    }

    fn diff(change: &Change) -> Vec<Diff> {
        show("swarm", &change.differences)
    }
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    let missing = match args.state {
        State::Join if args.remote_addrs.is_none() || args.join_token.is_none() => "remote_addrs, join_token",
        State::Remove if args.node_id.is_none() => "node_id",
        _ => return Ok(()),
    };
    let state = if args.state == State::Join { "join" } else { "remove" };
    Err(ModuleError::new(format!("state is {state} but all of the following are missing: {missing}")))
}

fn check_present(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    state: &str,
    manager: bool,
) -> Result<Option<Change>, ModuleError> {
    if state == "inactive" || args.force.0 {
        return Ok(Some(Change {
            action: "New Swarm cluster created".to_owned(),
            step: Step::Init(init_body(args)),
            differences: vec![Difference::new(
                "state",
                if state == "inactive" { "absent" } else { "present" },
                "present",
            )],
        }));
    }
    if !manager {
        let what = if state == "active" { "a worker" } else { state };
        return Err(ModuleError::new(format!(
            "this host is {what} in a swarm, so that its settings cannot be managed here; leave it first (state: absent) or use a manager"
        )));
    }
    let planned = system.resource(KIND, "local").and_then(|swarm| swarm.get("Settled").cloned());
    let current = match planned {
        Some(settled) => json!({"Spec": settled}),
        None => docker.get(system, "/swarm")?.unwrap_or_default(),
    };
    let mut spec = current["Spec"].clone();
    let mut differences = Vec::new();
    for (name, place, wanted) in setting_list(args) {
        let found = spec.pointer(place).cloned().unwrap_or_default();
        if found != wanted {
            differences.push(Difference::new(name, found, wanted.clone()));
            super::support::docker::container::options::put(&mut spec, place, wanted);
        }
    }
    for (name, rotate) in
        [("rotate_worker_token", args.rotate_worker_token), ("rotate_manager_token", args.rotate_manager_token)]
    {
        if rotate.0 {
            differences.push(Difference::new(name, false, true));
        }
    }
    Ok((!differences.is_empty()).then(|| Change {
        action: "Swarm cluster updated".to_owned(),
        step: Step::Update(spec),
        differences,
    }))
}

fn check_remove(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    manager: bool,
) -> Result<Option<Change>, ModuleError> {
    if !manager {
        return Err(ModuleError::new("This node is not a manager."));
    }
    let id = args.node_id.clone().unwrap_or_default();
    let Some(node) = docker.look(system, "docker_node", &id, &format!("/nodes/{}", encode(&id)))? else {
        return Ok(None);
    };
    if !args.force.0 && node["Status"]["State"] != "down" {
        return Err(ModuleError::new("Can not remove the node. The status node is ready and not down."));
    }
    Ok(Some(Change {
        action: "Node is removed from swarm cluster.".to_owned(),
        differences: vec![Difference::new("joined", true, false)],
        step: Step::RemoveNode(id),
    }))
}

/// The settings that are given: parameter, place in the swarm's spec, value.
fn setting_list(args: &Args) -> Vec<(&'static str, &'static str, Value)> {
    let all = [
        ("name", "/Name", json!(args.name)),
        ("labels", "/Labels", json!(args.labels)),
        (
            "task_history_retention_limit",
            "/Orchestration/TaskHistoryRetentionLimit",
            json!(args.task_history_retention_limit),
        ),
        ("snapshot_interval", "/Raft/SnapshotInterval", json!(args.snapshot_interval)),
        ("keep_old_snapshots", "/Raft/KeepOldSnapshots", json!(args.keep_old_snapshots)),
        (
            "log_entries_for_slow_followers",
            "/Raft/LogEntriesForSlowFollowers",
            json!(args.log_entries_for_slow_followers),
        ),
        ("heartbeat_tick", "/Raft/HeartbeatTick", json!(args.heartbeat_tick)),
        ("election_tick", "/Raft/ElectionTick", json!(args.election_tick)),
        ("dispatcher_heartbeat_period", "/Dispatcher/HeartbeatPeriod", json!(args.dispatcher_heartbeat_period)),
        ("node_cert_expiry", "/CAConfig/NodeCertExpiry", json!(args.node_cert_expiry)),
        ("signing_ca_cert", "/CAConfig/SigningCACert", json!(args.signing_ca_cert)),
        ("signing_ca_key", "/CAConfig/SigningCAKey", json!(args.signing_ca_key)),
        ("ca_force_rotate", "/CAConfig/ForceRotate", json!(args.ca_force_rotate)),
        ("autolock_managers", "/EncryptionConfig/AutoLockManagers", json!(args.autolock_managers)),
    ];
    all.into_iter().filter(|(_, _, value)| !value.is_null()).collect()
}

fn settings(args: &Args) -> Value {
    let mut spec = json!({});
    for (_, place, value) in setting_list(args) {
        super::support::docker::container::options::put(&mut spec, place, value);
    }
    spec
}

fn init_body(args: &Args) -> Value {
    let mut spec = settings(args);
    // A new swarm is always called so; another name comes with an update.
    spec["Name"] = "default".into();
    super::support::docker::compare::without_nulls(json!({
        "ListenAddr": args.listen_addr,
        "AdvertiseAddr": args.advertise_addr,
        "DataPathAddr": args.data_path_addr,
        "DataPathPort": args.data_path_port,
        "DefaultAddrPool": args.default_addr_pool,
        "SubnetSize": args.subnet_size,
        "ForceNewCluster": args.force,
        "Spec": spec,
    }))
}

fn facts(docker: &Docker, system: &dyn System) -> Result<Option<Value>, ModuleError> {
    if system.resource(KIND, "local").is_some() {
        return Ok(None);
    }
    let Some(mut swarm) = docker.get(system, "/swarm")? else { return Ok(None) };
    let key = docker.get(system, "/swarm/unlockkey").ok().flatten();
    swarm["UnlockKey"] = key.map(|key| key["UnlockKey"].clone()).filter(|key| key != "").unwrap_or_default();
    Ok(Some(swarm))
}
