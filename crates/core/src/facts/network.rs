//! Interfaces, addresses, the way out, and name servers.

use super::{Facts, look::Look, routes};
use crate::system::InterfaceAddress;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses out in the world, to ask the way to; nothing is sent to them.
const FAR_IPV4: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
const FAR_IPV6: Ipv6Addr = Ipv6Addr::new(0x2404, 0x6800, 0x400a, 0x800, 0, 0, 0, 0x1012);

pub(super) fn network(look: Look<'_>, facts: &mut Facts) {
    let addresses = look.0.interface_addresses().unwrap_or_default();
    let mut interfaces: BTreeMap<String, Facts> = BTreeMap::new();
    for name in look.names("/sys/class/net") {
        if look.is_dir(format!("/sys/class/net/{name}")) {
            interfaces.insert(name.clone(), interface(look, &name));
        }
    }
    for (index, address) in addresses.iter().enumerate() {
        add_address(&mut interfaces, address, &addresses[..index]);
    }
    let (default_ipv4, default_ipv6) =
        (default_ipv4(look, &addresses, &interfaces), default_ipv6(look, &addresses, &interfaces));
    let all = |wanted: fn(&IpAddr) -> bool| -> Vec<String> {
        let found = addresses.iter().map(|address| address.address).filter(wanted);
        found.filter(|address| !address.is_loopback()).map(|address| address.to_string()).collect()
    };
    facts.insert("all_ipv4_addresses".into(), json!(all(IpAddr::is_ipv4)));
    facts.insert("all_ipv6_addresses".into(), json!(all(IpAddr::is_ipv6)));
    facts.insert("default_ipv4".into(), json!(default_ipv4));
    facts.insert("default_ipv6".into(), json!(default_ipv6));
    facts.insert("locally_reachable_ips".into(), locally_reachable(&addresses));
    // Colons, which aliases have, are hard to write in templates.
    let interfaces: BTreeMap<String, Facts> =
        interfaces.into_iter().map(|(name, facts)| (name.replace(':', "_"), facts)).collect();
    facts.insert("interfaces".into(), json!(interfaces.keys().collect::<Vec<_>>()));
    for (name, interface) in interfaces {
        facts.insert(name.replace('-', "_"), json!(interface));
    }
}

/// What the kernel tells about one interface, without addresses.
fn interface(look: Look<'_>, name: &str) -> Facts {
    let folder = format!("/sys/class/net/{name}");
    let text = |file: &str| look.text(format!("{folder}/{file}"));
    let mut facts = Facts::new();
    let mut set = |name: &str, value: Value| drop(facts.insert(name.to_owned(), value));
    set("device", json!(name));
    if let Some(mac) = text("address").filter(|mac| mac != "00:00:00:00:00:00") {
        set("macaddress", json!(mac));
    }
    if let Some(mtu) = text("mtu").and_then(|mtu| mtu.parse::<u32>().ok()) {
        set("mtu", json!(mtu));
    }
    if let Some(state) = text("operstate") {
        set("active", json!(state != "down"));
    }
    if let Some(module) = look.link_name(format!("{folder}/device/driver/module")) {
        set("module", json!(module));
    }
    let kind = match text("type").as_deref() {
        Some("1") => "ether",
        Some("32") => "infiniband",
        Some("512") => "ppp",
        Some("772") => "loopback",
        Some("65534") => "tunnel",
        _ => "unknown",
    };
    set("type", json!(kind));
    if look.exists(format!("{folder}/bridge")) {
        set("type", json!("bridge"));
        set("interfaces", json!(look.names(format!("{folder}/brif"))));
        set("id", json!(text("bridge/bridge_id").unwrap_or_default()));
        set("stp", json!(text("bridge/stp_state").as_deref() == Some("1")));
    }
    if look.exists(format!("{folder}/bonding")) {
        let words = |file: &str| text(&format!("bonding/{file}")).unwrap_or_default();
        let first = |file: &str| words(file).split_whitespace().next().unwrap_or_default().to_owned();
        set("type", json!("bonding"));
        set("slaves", json!(words("slaves").split_whitespace().collect::<Vec<_>>()));
        set("mode", json!(first("mode")));
        set("miimon", json!(first("miimon")));
        set("lacp_rate", json!(first("lacp_rate")));
        if let Some(primary) = text("bonding/primary") {
            set("primary", json!(primary));
            set("all_slaves_active", json!(text("bonding/all_slaves_active").as_deref() == Some("1")));
        }
    }
    if let Some(mac) = text("bonding_slave/perm_hwaddr") {
        set("perm_macaddress", json!(mac));
    }
    if let Some(id) = look.link_name(format!("{folder}/device")) {
        set("pciid", json!(id));
    }
    if let Some(speed) = text("speed").and_then(|speed| speed.parse::<i64>().ok()) {
        set("speed", json!(speed));
    }
    if let Some(flags) = text("flags").and_then(|flags| u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()) {
        set("promisc", json!(flags & 0x100 != 0));
    }
    facts
}

/// The interface that a label such as `eth0:1` belongs to.
fn device(address: &InterfaceAddress) -> &str {
    address.label.split(':').next().unwrap_or(&address.label)
}

fn add_address(interfaces: &mut BTreeMap<String, Facts>, added: &InterfaceAddress, earlier: &[InterfaceAddress]) {
    match added.address {
        IpAddr::V4(address) => {
            // The kernel's rule: a further address of the same network on the same device is a secondary one.
            let same_network = |other: &InterfaceAddress| match other.address {
                IpAddr::V4(known) => {
                    device(other) == device(added)
                        && other.prefix == added.prefix
                        && ipv4_network(known, other.prefix) == ipv4_network(address, added.prefix)
                }
                IpAddr::V6(_) => false,
            };
            let secondary = earlier.iter().any(same_network);
            let fields = ipv4_fields(address, added);
            if secondary && device(added) != added.label {
                append(interfaces, device(added), "ipv4_secondaries", fields.clone());
            }
            let own = interfaces.entry(added.label.clone()).or_default();
            if secondary || own.contains_key("ipv4") {
                append(interfaces, &added.label, "ipv4_secondaries", fields);
            } else {
                own.insert("ipv4".into(), fields);
            }
        }
        IpAddr::V6(address) => {
            let fields = json!({
                "address": address.to_string(),
                "prefix": added.prefix.to_string(),
                "scope": ipv6_scope(address),
            });
            append(interfaces, device(added), "ipv6", fields);
        }
    }
}

fn append(interfaces: &mut BTreeMap<String, Facts>, interface: &str, list: &str, fields: Value) {
    let facts = interfaces.entry(interface.to_owned()).or_default();
    if let Value::Array(items) = facts.entry(list).or_insert_with(|| json!([])) {
        items.push(fields);
    }
}

fn ipv4_mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn ipv4_network(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() & ipv4_mask(prefix))
}

fn ipv4_fields(address: Ipv4Addr, of: &InterfaceAddress) -> Value {
    json!({
        "address": address.to_string(),
        "broadcast": of.broadcast.map(|broadcast| broadcast.to_string()).unwrap_or_default(),
        "netmask": Ipv4Addr::from_bits(ipv4_mask(of.prefix)).to_string(),
        "network": ipv4_network(address, of.prefix).to_string(),
        "prefix": of.prefix.to_string(),
    })
}

fn ipv6_scope(address: Ipv6Addr) -> &'static str {
    match address.segments()[0] {
        _ if address.is_loopback() => "host",
        first if first & 0xffc0 == 0xfe80 => "link",
        first if first & 0xffc0 == 0xfec0 => "site",
        _ => "global",
    }
}

fn default_ipv4(look: Look<'_>, addresses: &[InterfaceAddress], interfaces: &BTreeMap<String, Facts>) -> Facts {
    let mut facts = Facts::new();
    let Some(route) = routes::ipv4(&look.raw("/proc/net/route"), FAR_IPV4) else { return facts };
    let own = || addresses.iter().filter(|address| device(address) == route.interface && address.address.is_ipv4());
    let reaches = |address: &&InterfaceAddress| match (address.address, route.gateway) {
        (IpAddr::V4(own), Some(gateway)) => ipv4_network(own, address.prefix) == ipv4_network(gateway, address.prefix),
        _ => false,
    };
    if let Some(gateway) = route.gateway {
        facts.insert("gateway".into(), json!(gateway.to_string()));
    }
    facts.insert("interface".into(), json!(route.interface));
    let Some(best) = own().find(reaches).or_else(|| own().next()) else { return facts };
    if let IpAddr::V4(address) = best.address
        && let Value::Object(fields) = ipv4_fields(address, best)
    {
        facts.extend(fields);
    }
    facts.insert("alias".into(), json!(best.label));
    link_facts(&mut facts, interfaces.get(&route.interface));
    facts
}

fn default_ipv6(look: Look<'_>, addresses: &[InterfaceAddress], interfaces: &BTreeMap<String, Facts>) -> Facts {
    let mut facts = Facts::new();
    let Some(route) = routes::ipv6(&look.raw("/proc/net/ipv6_route"), FAR_IPV6) else { return facts };
    if let Some(gateway) = route.gateway {
        facts.insert("gateway".into(), json!(gateway.to_string()));
    }
    facts.insert("interface".into(), json!(route.interface));
    let own = addresses.iter().filter(|address| device(address) == route.interface);
    // RFC 6724: of the widest scope; unique local addresses are not for the world.
    let rank = |address: Ipv6Addr| match (ipv6_scope(address), address.segments()[0] & 0xfe00 == 0xfc00) {
        ("global", false) => 0,
        ("global", true) => 1,
        ("site", _) => 2,
        _ => 3,
    };
    let candidates = own.filter_map(|found| match found.address {
        IpAddr::V6(address) => Some((rank(address), address, found.prefix)),
        IpAddr::V4(_) => None,
    });
    let Some((_, address, prefix)) = candidates.min_by_key(|(rank, ..)| *rank) else { return facts };
    facts.insert("address".into(), json!(address.to_string()));
    facts.insert("prefix".into(), json!(prefix.to_string()));
    facts.insert("scope".into(), json!(ipv6_scope(address)));
    link_facts(&mut facts, interfaces.get(&route.interface));
    facts
}

fn link_facts(facts: &mut Facts, interface: Option<&Facts>) {
    for name in ["macaddress", "mtu", "type"] {
        if let Some(value) = interface.and_then(|interface| interface.get(name)) {
            facts.insert(name.to_owned(), value.clone());
        }
    }
}

/// What the kernel's local routing table holds for these addresses.
fn locally_reachable(addresses: &[InterfaceAddress]) -> Value {
    let mut ipv4: Vec<String> = Vec::new();
    let mut ipv6: Vec<String> = Vec::new();
    for found in addresses {
        match found.address {
            IpAddr::V4(address) => {
                if address.is_loopback() && found.prefix < 32 {
                    ipv4.push(format!("{}/{}", ipv4_network(address, found.prefix), found.prefix));
                }
                ipv4.push(address.to_string());
            }
            IpAddr::V6(address) => ipv6.push(address.to_string()),
        }
    }
    for list in [&mut ipv4, &mut ipv6] {
        list.sort();
        list.dedup();
    }
    json!({"ipv4": ipv4, "ipv6": ipv6})
}

pub(super) fn dns(look: Look<'_>, facts: &mut Facts) {
    let mut dns = Map::new();
    for line in look.raw("/etc/resolv.conf").lines().filter(|line| !line.starts_with(['#', ';'])) {
        let mut words = line.split_whitespace();
        let Some(keyword) = words.next() else { continue };
        let values: Vec<&str> = words.collect();
        match keyword {
            "nameserver" => {
                if let Value::Array(servers) = dns.entry("nameservers").or_insert_with(|| json!([])) {
                    servers.extend(values.into_iter().map(|server| json!(server)));
                }
            }
            "domain" => dns.extend(values.first().map(|domain| ("domain".to_owned(), json!(domain)))),
            "search" | "sortlist" => drop(dns.insert(keyword.to_owned(), json!(values))),
            "options" => {
                let options = values.into_iter().map(|option| match option.split_once(':') {
                    Some((name, value)) if !value.is_empty() => (name.to_owned(), json!(value)),
                    _ => (option.trim_end_matches(':').to_owned(), json!(true)),
                });
                dns.insert("options".into(), Value::Object(options.collect()));
            }
            _ => {}
        }
    }
    facts.insert("dns".into(), Value::Object(dns));
}
