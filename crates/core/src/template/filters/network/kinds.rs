//! What an address is for, by the registries of IANA.

use super::address::Net;

/// Networks that the internet does not carry.
const LOCAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::1/128",
    "::/128",
    "::ffff:0:0/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
];

/// Parts of them that it does carry.
const GLOBAL: &[&str] = &[
    "192.0.0.9/32",
    "192.0.0.10/32",
    "2001:1::1/128",
    "2001:1::2/128",
    "2001:3::/32",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:30::/28",
];

/// Whether the address is in one of these networks.
pub(super) fn in_any(net: &Net, networks: &[&str]) -> bool {
    let host = Net { prefix: net.bits(), ..*net };
    networks.iter().filter_map(|network| Net::parse(network)).any(|network| network.contains(&host))
}

pub(super) fn is_global(net: &Net) -> bool {
    !in_any(net, LOCAL) || in_any(net, GLOBAL)
}

pub(super) fn is_multicast(net: &Net) -> bool {
    in_any(net, &["224.0.0.0/4", "ff00::/8"])
}

pub(super) fn is_loopback(net: &Net) -> bool {
    in_any(net, &["127.0.0.0/8", "::1/128"])
}

pub(super) fn is_link_local(net: &Net) -> bool {
    in_any(net, &["169.254.0.0/16", "fe80::/10"])
}

/// Public, as `ipaddr` means it: of one host, and no mask.
pub(super) fn is_public(net: &Net) -> bool {
    let ones = if net.v6 { u128::MAX } else { u128::from(u32::MAX) };
    let host_mask = |mask: u128| mask & mask.wrapping_add(1) == 0;
    let mask = host_mask(net.ip) || host_mask(net.ip ^ ones);
    is_global(net) && !is_multicast(net) && !is_loopback(net) && !mask
}
