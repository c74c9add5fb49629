//! A swarm's nodes: those that its manager lists, and those that a plan brings into it.

use super::{Docker, Failure, encode};
use crate::modules::{docker_network, docker_swarm, hostname};
use crate::system::System;
use serde_json::{Map, Value, json};

/// What plans record of a node that changes: the kind of its resource, by host name.
pub const NODE: &str = "docker_node";
/// What plans tell all hosts of those that join a swarm: by host name, with the managers' addresses.
pub const MEMBER: &str = "docker_swarm_member";

/// The bridge by which a swarm's containers reach the world, and the swarm's own part in it.
const GATEWAY: &str = "docker_gwbridge";
const SANDBOX: &str = "ingress-sbox";

/// The nodes of the swarm that this host manages.
///
/// # Errors
/// It manages none.
pub fn nodes(docker: &Docker, system: &dyn System) -> Result<Vec<Value>, Failure> {
    let planned = system.resource(docker_swarm::KIND, "local");
    let mut nodes = match planned.as_ref().map(|swarm| &swarm["New"]) {
        Some(Value::Bool(true)) => {
            let name = own_name(system)?;
            vec![node(
                &name,
                "manager".into(),
                &planned.as_ref().map(|swarm| swarm["Addr"].clone()).unwrap_or_default(),
            )]
        }
        _ => match docker.get(system, "/nodes")? {
            Some(Value::Array(nodes)) => nodes,
            _ => return Err(Failure { status: 503, message: "This node is not a swarm manager".to_owned() }),
        },
    };
    for (name, member) in system.resources(MEMBER) {
        let known = nodes.iter().any(|node| node["Description"]["Hostname"] == name.as_str() && is_ready(node));
        if !known && joins_here(&member, planned.as_ref(), system)? {
            nodes.push(node(&name, Value::Null, &member["Addr"]));
        }
    }
    let removed = |node: &Value| {
        node["ID"].as_str().and_then(|id| system.resource(NODE, id)).is_some_and(|state| state.is_null())
    };
    nodes.retain(|node| !removed(node));
    for node in &mut nodes {
        let name = node["Description"]["Hostname"].as_str().unwrap_or_default();
        if let Some(state) = system.resource(NODE, name).filter(|state| !state["Spec"].is_null()) {
            node["Spec"] = state["Spec"].clone();
        }
    }
    Ok(nodes)
}

/// Whether a node takes part.
pub fn is_ready(node: &Value) -> bool {
    node["Status"]["State"] == "ready"
}

/// The host's name in a swarm.
pub fn own_name(system: &dyn System) -> crate::system::Result<String> {
    Ok(match hostname::planned(system) {
        Some(name) => name,
        None => system.uname()?.nodename,
    })
}

/// A node that a plan brings, as it is after it joined.
fn node(name: &str, role: Value, address: &Value) -> Value {
    json!({
        "ID": null,
        "Spec": {"Labels": {}, "Role": role, "Availability": "active"},
        "Description": {"Hostname": name, "Engine": null},
        "Status": {"State": "ready", "Addr": address},
    })
}

/// Whether one of the managers that a host joins at is this one.
fn joins_here(member: &Value, swarm: Option<&Value>, system: &dyn System) -> crate::system::Result<bool> {
    let addresses = system.interface_addresses()?;
    let name = own_name(system)?;
    let own = swarm.and_then(|swarm| swarm["Addr"].as_str()).map(host_of);
    let managers = member["Managers"].as_array().into_iter().flatten().filter_map(Value::as_str).map(host_of);
    Ok(managers.into_iter().any(|manager| {
        Some(manager) == own || manager == name || addresses.iter().any(|own| own.address.to_string() == manager)
    }))
}

/// `10.0.0.1` of `10.0.0.1:2377`.
fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']'])
}

/// In a simulation: what leaving the swarm takes with it. Its networks go, and its part of the gateway bridge is disconnected.
///
/// # Errors
/// The daemon does not answer.
pub fn leave(docker: &Docker, system: &mut dyn System) -> Result<(), Failure> {
    let networks = docker.get(system, "/networks")?.unwrap_or_default();
    for network in networks.as_array().into_iter().flatten().filter(|network| network["Scope"] == "swarm") {
        system.set_resource(docker_network::KIND, network["Name"].as_str().unwrap_or_default(), Value::Null);
    }
    let Some(mut bridge) = docker.look(system, docker_network::KIND, GATEWAY, &format!("/networks/{GATEWAY}"))? else {
        return Ok(());
    };
    let Some(members) = bridge["Containers"].as_object().cloned() else { return Ok(()) };
    let mut staying = Map::new();
    for (id, member) in members {
        if id != SANDBOX && !is_of_service(docker, system, &id)? {
            staying.insert(id, member);
        }
    }
    bridge["Containers"] = staying.into();
    system.set_resource(docker_network::KIND, GATEWAY, bridge);
    Ok(())
}

fn is_of_service(docker: &Docker, system: &dyn System, container: &str) -> Result<bool, Failure> {
    let found = docker.get(system, &format!("/containers/{}/json", encode(container)))?;
    Ok(found.is_some_and(|found| found["Config"]["Labels"].get("com.docker.swarm.service.id").is_some()))
}
