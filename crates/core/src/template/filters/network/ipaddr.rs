//! `ipaddr`, `ipv4`, `ipv6`, `ipwrap`: whether a value is an address or a network, and what is asked of it.

use super::super::Table;
use super::super::basic::text_of;
use super::address::Net;
use super::kinds;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, long};
use num_bigint::BigInt;

pub(super) const TABLE: Table = &[
    ("ipaddr", |context, value, args| {
        let [query, version] = args.bind(["query", "version"])?;
        let version = version.and_then(|version| version.as_int());
        ask(context, &value, &text_of(context, query.as_ref())?.unwrap_or_default(), version)
    }),
    ("ipv4", |context, value, args| of_version(context, &value, args, 4)),
    ("ipv6", |context, value, args| of_version(context, &value, args, 6)),
    ("ipwrap", wrap),
];

fn of_version(context: &Context, value: &Py, args: Args, version: i64) -> Result<Py> {
    let [query] = args.bind(["query"])?;
    ask(context, value, &text_of(context, query.as_ref())?.unwrap_or_default(), Some(version))
}

/// A value that was understood: what it is, its text, and whether it was written with a prefix.
pub(super) struct Subject {
    pub net: Net,
    pub text: String,
    pub network: bool,
}

impl Subject {
    /// Reads a value; `None` where it is no address.
    pub fn read(context: &Context, value: &Py, version: Option<i64>) -> Result<Option<Self>> {
        let text = match value {
            Py::Str(text) => text.to_string(),
            Py::Int(number) => number.to_string(),
            Py::None | Py::Bool(_) => return Ok(None),
            other => context.text(other)?,
        };
        let subject = |net: Net, network| Self { text: net.to_string(), net, network };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(text.parse().ok().map(|number| subject(Net::from_number(number, version == Some(6)), false)));
        }
        if let Some(net) = Net::parse(&text) {
            return Ok(Some(Self { net, network: text.contains('/'), text }));
        }
        // A number with a prefix.
        let parts = text.split_once('/').and_then(|(ip, prefix)| Some((ip.parse().ok()?, prefix.parse().ok()?)));
        let numeric = parts.map(|(ip, prefix): (u128, u32)| Net { prefix, ..Net::from_number(ip, false) });
        Ok(numeric.filter(|net| net.prefix <= net.bits()).map(|net| subject(net, true)))
    }

    /// `address`, or `network`.
    pub fn kind(&self) -> &'static str {
        if self.net.span() == 0 || self.net.ip != self.net.network() { "address" } else { "network" }
    }

    /// The network that other filters work on.
    pub fn block(&self) -> Net {
        if self.kind() == "network" { self.net.cidr() } else { self.net }
    }
}

/// `ipaddr`.
pub(super) fn ask(context: &Context, value: &Py, query: &str, version: Option<i64>) -> Result<Py> {
    if value.is_sequence() {
        let mut kept = Vec::new();
        for item in value.iterate()? {
            let answer = ask(context, &item, query, version)?;
            if answer.truth()? {
                kept.push(answer);
            }
        }
        return Ok(Py::list(kept));
    }
    let Some(subject) = Subject::read(context, value, version)? else { return Ok(Py::Bool(false)) };
    if version.is_some_and(|version| (version == 6) != subject.net.v6) {
        return Ok(Py::Bool(false));
    }
    let kept = |holds: bool| Ok(if holds { Py::str(subject.text.as_str()) } else { Py::None });
    match query {
        "private" => return kept(!kinds::is_global(&subject.net)),
        "public" => return kept(kinds::is_public(&subject.net)),
        "multicast" => return kept(kinds::is_multicast(&subject.net)),
        "unicast" => return kept(!kinds::is_multicast(&subject.net)),
        "loopback" | "lo" => return kept(kinds::is_loopback(&subject.net)),
        "link-local" => return kept(kinds::is_link_local(&subject.net)),
        "ipv4" | "v4" if !subject.net.v6 => return kept(true),
        "ipv6" | "v6" if subject.net.v6 => return kept(true),
        _ => {}
    }
    if let Some(answer) = of_address(&subject, query)?.or_else(|| of_range(&subject.net, query)) {
        return Ok(answer);
    }
    if let Some(answer) = of_usable(&subject, query) {
        return answer;
    }
    if let Ok(index) = query.parse::<i128>() {
        return Ok(indexed(&subject, index));
    }
    match Net::parse(query) {
        Some(network) if query.contains('/') => kept(network.cidr().contains(&subject.net)),
        Some(host) => kept(host.contains(&subject.net)),
        None => Err(Fault::error(format!("ipaddr: unknown filter type: {query}"))),
    }
}

/// What is asked of the address itself.
fn of_address(subject: &Subject, query: &str) -> Result<Option<Py>> {
    let net = &subject.net;
    let text = |text: String| Ok(Some(Py::str(text)));
    let host = net.span() == 0 || net.ip != net.network() || !net.has_broadcast();
    let number = |number: BigInt| Ok(Some(long::whole(number)));
    match query {
        "" if subject.network => text(net.to_string()),
        "" => text(net.ip_text()),
        "bool" => Ok(Some(Py::Bool(true))),
        "address" | "ip" if host || net.v6 => text(net.ip_text()),
        "address" | "ip" | "host" if !host => Ok(Some(Py::None)),
        "host" => text(net.to_string()),
        "address/prefix" | "gateway" | "gw" | "host/prefix" | "hostnet" | "router" => {
            let taken = net.span() > 1 && (net.ip == net.network() || net.ip == net.last());
            Ok(Some(if taken { Py::Bool(false) } else { Py::str(net.to_string()) }))
        }
        "ip/prefix" if net.span() == 1 || (net.span() > 0 && net.ip != net.network()) => text(net.to_string()),
        "ip_netmask" if net.span() == 1 || (net.span() > 0 && net.ip != net.network()) => {
            text(format!("{} {}", net.ip_text(), net.show(net.net_mask())))
        }
        "ip/prefix" | "ip_netmask" => Ok(Some(Py::None)),
        "cidr" => text(net.to_string()),
        "int" if subject.network => text(format!("{}/{}", net.ip, net.prefix)),
        "int" => number(net.ip.into()),
        "ipv4" | "v4" => Ok(Some(match net.ip >> 32 {
            0 | 0xffff if net.prefix >= 96 => {
                Py::str(Net { v6: false, ip: net.ip & 0xffff_ffff, prefix: net.prefix - 96 }.to_string())
            }
            _ => Py::Bool(false),
        })),
        "ipv6" | "v6" => text(Net { v6: true, ip: 0xffff << 32 | net.ip, prefix: net.prefix + 96 }.to_string()),
        "6to4" => Ok(Some(six_to_four(subject))),
        "revdns" => text(reverse_name(net)),
        "type" => text(subject.kind().to_owned()),
        "version" => Ok(Some(Py::Int(if net.v6 { 6 } else { 4 }))),
        "wrap" if !net.v6 => text(subject.text.clone()),
        "wrap" if subject.network => text(format!("[{}]/{}", net.ip_text(), net.prefix)),
        "wrap" => text(format!("[{}]", net.ip_text())),
        "size" => number(BigInt::from(net.span()) + 1),
        "size_usable" => {
            let usable: u128 = match net.span() {
                0 => 0,
                1 => 2,
                span => span - 1,
            };
            number(usable.into())
        }
        _ => Ok(None),
    }
}

/// What is asked of the network around it.
fn of_range(net: &Net, query: &str) -> Option<Py> {
    let show = |ip: u128| net.show(ip);
    let text = |text: String| Some(Py::str(text));
    match query {
        "broadcast" if net.span() > 1 => text(show(net.last())),
        "broadcast" => Some(Py::None),
        "hostmask" | "wildcard" => text(show(net.host_mask())),
        "netmask" => text(show(net.net_mask())),
        "network" | "network_id" => text(show(net.network())),
        "network_netmask" => text(format!("{} {}", show(net.network()), show(net.net_mask()))),
        "network_wildcard" => text(format!("{} {}", show(net.network()), show(net.host_mask()))),
        "network/prefix" | "subnet" => text(net.cidr().to_string()),
        "net" if net.span() > 0 && net.ip == net.network() => text(net.to_string()),
        "net" => Some(Py::None),
        "prefix" => Some(Py::Int(net.prefix.into())),
        _ => None,
    }
}

/// What is asked of the hosts in a network.
fn of_usable(subject: &Subject, query: &str) -> Option<Result<Py>> {
    const QUERIES: [&str; 6] =
        ["first_usable", "last_usable", "next_usable", "previous_usable", "range_usable", "peer"];
    if !QUERIES.contains(&query) {
        return None;
    }
    let net = &subject.net;
    if !subject.network {
        return Some(Err(Fault::error("Not a network address")));
    }
    if query == "peer" {
        return Some(peer(net));
    }
    let Some((first, last)) = net.usable() else { return Some(Ok(Py::None)) };
    let usable = |ip: Option<u128>| {
        let ip = ip.filter(|ip| (first..=last).contains(ip));
        ip.map_or(Py::None, |ip| Py::str(net.show(ip)))
    };
    Some(Ok(match query {
        "first_usable" => Py::str(net.show(first)),
        "last_usable" => Py::str(net.show(last)),
        "range_usable" => Py::str(format!("{}-{}", net.show(first), net.show(last))),
        "next_usable" => usable(net.ip.checked_add(1)),
        _ => usable(net.ip.checked_sub(1)),
    }))
}

/// The other end of a link between two.
fn peer(net: &Net) -> Result<Py> {
    match (net.span(), net.ip % 4) {
        (1, _) => Ok(Py::str(net.show(net.ip ^ 1))),
        (3, 0) => Err(Fault::error("Network address of /30 has no peer")),
        (3, 3) => Err(Fault::error("Broadcast address of /30 has no peer")),
        (3, _) => Ok(Py::str(net.show(net.ip ^ 3))),
        _ => Err(Fault::error("Not a point-to-point network")),
    }
}

fn six_to_four(subject: &Subject) -> Py {
    let net = &subject.net;
    if net.v6 {
        let host = !subject.network || net.ip != net.network();
        return match host && kinds::in_any(net, &["2002::/16"]) {
            true => Py::str(subject.text.as_str()),
            false => Py::Bool(false),
        };
    }
    if net.span() > 0 && net.ip == net.network() || kinds::is_global(net) && !kinds::is_public(net) {
        return Py::Bool(false);
    }
    let [a, b, c, d] = (net.ip as u32).to_be_bytes();
    Py::str(format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1/48"))
}

fn reverse_name(net: &Net) -> String {
    if net.v6 {
        let digits = format!("{:032x}", net.ip);
        return digits.chars().rev().map(|digit| format!("{digit}.")).collect::<String>() + "ip6.arpa.";
    }
    let [a, b, c, d] = (net.ip as u32).to_be_bytes();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
}

/// The address with this number in the network; negative numbers count from its end.
fn indexed(subject: &Subject, index: i128) -> Py {
    let net = &subject.net;
    if net.span() == 0 {
        return Py::str(if subject.network { net.to_string() } else { net.ip_text() });
    }
    match at(net, index) {
        Some(ip) => Py::str(net.with_ip(ip).to_string()),
        None => Py::Bool(false),
    }
}

/// The address with this number, if the network has as many.
pub(super) fn at(net: &Net, index: i128) -> Option<u128> {
    let distance = index.unsigned_abs();
    match index < 0 {
        true => (distance - 1 <= net.span()).then(|| net.last() - (distance - 1)),
        false => (distance <= net.span()).then(|| net.network() + distance),
    }
}

/// `ipwrap`: addresses of version 6 in brackets, everything else as it is.
fn wrap(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [query] = args.bind(["query"])?;
    let query = text_of(context, query.as_ref())?.unwrap_or_default();
    if !value.is_sequence() {
        let answer = ask(context, &value, &query, None).unwrap_or(Py::Bool(false));
        return if answer.truth()? { ask(context, &answer, "wrap", None) } else { Ok(value) };
    }
    let one = |item: &Py| {
        let known = ask(context, item, &query, None)?.truth()?;
        if known { ask(context, item, "wrap", None) } else { Ok(item.clone()) }
    };
    value.iterate()?.iter().map(one).collect::<Result<_>>().map(Py::list)
}
