//! Docker's networks. Answers to `community.docker.docker_network`.

use super::support::docker::compare::{Difference, has_all, show, without_nulls};
use super::support::docker::types::{StringMap, TextMap};
use super::support::docker::{Docker, docker_args, encode};
use crate::module::types::{LooseBool, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The module.
pub struct DockerNetwork;

docker_args! {
    /// A network.
    pub struct Args {
        /// Name of the network.
        #[serde(alias = "network_name")]
        pub name: String,
        /// What is wanted of it.
        #[serde(default)]
        pub state: State,
        /// Names of the containers that are connected to it; those that do not exist are left out.
        #[serde(default, alias = "containers")]
        pub connected: StringList,
        /// Leave other containers connected.
        #[serde(default, alias = "incremental")]
        pub appends: LooseBool,
        /// Its driver.
        #[serde(default = "bridge")]
        pub driver: String,
        /// Options for the driver.
        #[serde(default)]
        pub driver_options: TextMap,
        /// Remove it and make it anew, with its containers connected again, even if nothing differs.
        #[serde(default)]
        pub force: LooseBool,
        /// The network whose configuration this one has.
        #[serde(default)]
        pub config_from: Option<String>,
        /// It is only a configuration for others.
        #[serde(default)]
        pub config_only: Option<LooseBool>,
        /// Give containers IPv4 addresses.
        #[serde(default)]
        pub enable_ipv4: Option<LooseBool>,
        /// Give containers IPv6 addresses.
        #[serde(default)]
        pub enable_ipv6: Option<LooseBool>,
        /// It is the swarm's routing mesh.
        #[serde(default)]
        pub ingress: Option<LooseBool>,
        /// Driver that hands out addresses.
        #[serde(default)]
        pub ipam_driver: Option<String>,
        /// Options for that driver.
        #[serde(default)]
        pub ipam_driver_options: Option<TextMap>,
        /// Ranges of addresses.
        #[serde(default)]
        pub ipam_config: Option<Vec<Pool>>,
        /// Containers cannot reach other networks through it.
        #[serde(default)]
        pub internal: Option<LooseBool>,
        /// Labels. Others that it has do not count.
        #[serde(default)]
        pub labels: StringMap,
        /// How far it reaches.
        #[serde(default)]
        pub scope: Option<Scope>,
        /// Containers that belong to no service may connect to it.
        #[serde(default)]
        pub attachable: Option<LooseBool>,
    }
}

default_args!(name);

fn bridge() -> String {
    "bridge".to_owned()
}

/// What is wanted of a network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
}

/// How far a network reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One daemon.
    Local,
    /// All daemons of a cluster store.
    Global,
    /// The swarm.
    Swarm,
}

/// A range of addresses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The subnet, such as `10.1.0.0/24`.
    #[serde(default)]
    subnet: Option<String>,
    /// The part of it that containers get addresses from.
    #[serde(default)]
    iprange: Option<String>,
    /// Its gateway.
    #[serde(default)]
    gateway: Option<String>,
    /// Addresses that are taken, by host name.
    #[serde(default)]
    aux_addresses: Option<TextMap>,
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What Docker knows of the network, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Value>,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    name: String,
    disconnect: Vec<String>,
    remove: bool,
    /// The removal takes its time across a swarm.
    in_swarm: bool,
    create: Option<Value>,
    connect: Vec<String>,
    differences: Vec<Difference>,
}

/// The kind under which a simulation keeps networks.
pub(super) const KIND: &str = "docker_network";

impl Module for DockerNetwork {
    const NAME: &'static str = "community.docker.docker_network";
    const ALIASES: &'static [&'static str] = &["community.general.docker_network"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let existing = docker.look(system, KIND, &args.name, &path(args))?;
        let mut members = existing.as_ref().map(containers).unwrap_or_default();
        // Those that earlier tasks of a plan remove are no members any more.
        members.retain(|name| system.resource("docker_container", name).is_none_or(|planned| !planned.is_null()));
        let mut change = Change { name: args.name.clone(), ..Change::default() };
        change.in_swarm = existing.as_ref().is_some_and(|network| network["Scope"] == "swarm");
        let wanted = args.state == State::Present;
        if existing.is_some() != wanted {
            change.differences.push(Difference::new("exists", existing.is_some(), wanted));
        }
        if let (Some(existing), true) = (&existing, wanted) {
            let found = different(args, existing);
            change.remove = args.force.0 || !found.is_empty();
            change.differences.extend(found);
        } else {
            change.remove = existing.is_some();
        }
        if change.remove {
            change.disconnect.clone_from(&members);
        }
        if wanted {
            members_wanted(args, &docker, system, &members, existing.is_none(), &mut change)?;
        }
        let output = Output { network: existing.filter(|_| wanted) };
        let nothing =
            !change.remove && change.create.is_none() && change.connect.is_empty() && change.disconnect.is_empty();
        Ok(if nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        for container in &change.disconnect {
            let body = json!({"Container": container, "Force": true});
            docker
                .post(system, &format!("{}/disconnect", path(args)), &body)
                .map_err(|error| error.error(&format!("disconnecting {container}")))?;
        }
        if change.remove {
            docker.delete(system, &path(args)).map_err(|error| error.error("removing network"))?;
            for _ in 0..300 {
                if !change.in_swarm || docker.get(system, &path(args))?.is_none() {
                    break;
                }
                system.sleep(Duration::from_millis(100));
            }
        }
        if let Some(body) = &change.create {
            docker.post(system, "/networks/create", body).map_err(|error| error.error("creating network"))?;
        }
        for container in &change.connect {
            docker
                .post(system, &format!("{}/connect", path(args)), &json!({"Container": container}))
                .map_err(|error| error.error(&format!("connecting {container}")))?;
        }
        let network = if args.state == State::Present { docker.get(system, &path(args))? } else { None };
        Ok(Output { network })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if args.state == State::Absent {
            system.set_resource(KIND, &args.name, Value::Null);
            return Ok(Simulated::known(Output { network: None }));
        }
        let docker = Docker::open(args.connection(), system)?;
        let existing = docker.look(system, KIND, &args.name, &path(args))?;
        let mut members = existing.as_ref().map(containers).unwrap_or_default();
        members.retain(|name| !change.disconnect.contains(name));
        members.extend(change.connect);
        let mut network = match (change.create, existing) {
            (Some(body), _) => without_nulls(body),
            (None, existing) => existing.unwrap_or_default(),
        };
        network["Containers"] = members.iter().map(|name| (name.clone(), json!({"Name": name}))).collect();
        system.set_resource(KIND, &args.name, network);
        Ok(Simulated::with_unknown(Output { network: None }, &["network"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut differences = change.differences.clone();
        let left = change.disconnect.iter().filter(|name| !change.connect.contains(name));
        differences.extend(left.map(|name| Difference::new(format!("connected.{name}"), true, false)));
        let joined = change.connect.iter().filter(|name| !change.disconnect.contains(name));
        differences.extend(joined.map(|name| Difference::new(format!("connected.{name}"), false, true)));
        if differences.is_empty() {
            differences.push(Difference::new("force", false, true));
        }
        show(&format!("network {}", change.name), &differences)
    }
}

fn path(args: &Args) -> String {
    format!("/networks/{}", encode(&args.name))
}

fn containers(network: &Value) -> Vec<String> {
    let members = network["Containers"].as_object().into_iter().flat_map(serde_json::Map::values);
    members.filter_map(|member| member["Name"].as_str().map(str::to_owned)).collect()
}

/// Who is to be connected once the network is as wanted, and who no longer.
fn members_wanted(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    members: &[String],
    new: bool,
    change: &mut Change,
) -> Result<(), ModuleError> {
    let anew = new || change.remove;
    if anew {
        change.create = Some(body(args));
    }
    let wanted: &[String] = if args.connected.is_empty() { members } else { &args.connected };
    for name in wanted {
        let connected = !anew && members.contains(name);
        let path = format!("/containers/{}/json", encode(name));
        if !connected && docker.look(system, "docker_container", name, &path)?.is_some() {
            change.connect.push(name.clone());
        }
    }
    if anew && args.appends.0 && !new {
        change.connect.extend(members.iter().filter(|name| !wanted.contains(name)).cloned());
    }
    if !anew && !args.appends.0 {
        change.disconnect = members.iter().filter(|name| !wanted.contains(name)).cloned().collect();
    }
    Ok(())
}

fn body(args: &Args) -> Value {
    let pools: Vec<Value> = args.ipam_config.iter().flatten().map(pool).collect();
    let has_ipam = args.ipam_driver.is_some() || args.ipam_driver_options.is_some() || !pools.is_empty();
    let ipam = has_ipam.then(|| {
        json!({
            "Driver": args.ipam_driver.as_deref().unwrap_or("default"),
            "Options": args.ipam_driver_options,
            "Config": pools,
        })
    });
    let mut body = without_nulls(json!({
        "Name": args.name,
        "Driver": args.driver,
        "Options": args.driver_options,
        "Labels": args.labels,
        "CheckDuplicate": true,
        "ConfigOnly": args.config_only,
        "EnableIPv4": args.enable_ipv4,
        "EnableIPv6": args.enable_ipv6,
        "Internal": args.internal,
        "Scope": args.scope,
        "Attachable": args.attachable,
        "Ingress": args.ingress,
        "IPAM": ipam,
    }));
    if let Some(from) = &args.config_from {
        body["ConfigFrom"] = json!({"Network": from});
    }
    body
}

/// A range as the daemon has it.
fn pool(pool: &Pool) -> Value {
    without_nulls(json!({
        "Subnet": pool.subnet,
        "IPRange": pool.iprange,
        "Gateway": pool.gateway,
        "AuxiliaryAddresses": pool.aux_addresses,
    }))
}

fn different(args: &Args, existing: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |name: &str, wanted: Value, found: &Value| {
        if !wanted.is_null() && !has_all(&wanted, found) {
            differences.push(Difference::new(name, found.clone(), wanted));
        }
    };
    compare("config_only", json!(args.config_only), &existing["ConfigOnly"]);
    compare("config_from", json!(args.config_from), &existing["ConfigFrom"]["Network"]);
    compare("driver", json!(args.driver), &existing["Driver"]);
    for (name, value) in &args.driver_options.0 {
        compare(&format!("driver_options.{name}"), json!(value), &existing["Options"][name]);
    }
    compare("ipam_driver", json!(args.ipam_driver), &existing["IPAM"]["Driver"]);
    compare("ipam_driver_options", json!(args.ipam_driver_options), &existing["IPAM"]["Options"]);
    let ranges = existing["IPAM"]["Config"].as_array().cloned().unwrap_or_default();
    for (index, wanted) in args.ipam_config.iter().flatten().map(pool).enumerate() {
        if !ranges.iter().any(|range| has_all(&wanted, range)) {
            compare(&format!("ipam_config[{index}]"), wanted, ranges.get(index).unwrap_or(&Value::Null));
        }
    }
    // Older daemons do not tell, and cannot do without.
    if let Some(found) = existing.get("EnableIPv4") {
        compare("enable_ipv4", json!(args.enable_ipv4), found);
    }
    compare("enable_ipv6", json!(args.enable_ipv6), &existing["EnableIPv6"]);
    compare("internal", json!(args.internal), &existing["Internal"]);
    compare("scope", json!(args.scope), &existing["Scope"]);
    compare("attachable", json!(args.attachable), &existing["Attachable"]);
    compare("ingress", json!(args.ingress), &existing["Ingress"]);
    for (name, value) in &args.labels.0 {
        compare(&format!("labels.{name}"), json!(value), &existing["Labels"][name]);
    }
    differences
}
