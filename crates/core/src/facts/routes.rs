//! The kernel's routing tables, for the way to the rest of the world.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Where packets to the asked address go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route<A> {
    pub interface: String,
    /// `None` for a network that is reached directly.
    pub gateway: Option<A>,
    prefix: u32,
    metric: u32,
}

/// Kernel's flag of routes that refuse.
const REJECT: u32 = 0x200;
/// Kernel's flag of routes that are in use.
const UP: u32 = 0x1;

fn better<A>(best: Option<Route<A>>, route: Route<A>) -> Option<Route<A>> {
    match best {
        Some(best)
            if (best.prefix, std::cmp::Reverse(best.metric)) >= (route.prefix, std::cmp::Reverse(route.metric)) =>
        {
            Some(best)
        }
        _ => Some(route),
    }
}

/// The route of `/proc/net/route` to `target`: longest prefix, then lowest metric, then first.
pub(super) fn ipv4(table: &str, target: Ipv4Addr) -> Option<Route<Ipv4Addr>> {
    table.lines().skip(1).filter_map(|line| ipv4_line(line, target)).fold(None, better)
}

fn ipv4_line(line: &str, target: Ipv4Addr) -> Option<Route<Ipv4Addr>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    // Addresses are the hex of their bytes in memory order.
    let address = |text: &str| u32::from_str_radix(text, 16).ok().map(|word| Ipv4Addr::from(word.to_ne_bytes()));
    let (network, gateway, mask) = (address(fields.get(1)?)?, address(fields.get(2)?)?, address(fields.get(7)?)?);
    let flags = u32::from_str_radix(fields.get(3)?, 16).ok()?;
    if flags & REJECT != 0 || flags & UP == 0 || target.to_bits() & mask.to_bits() != network.to_bits() {
        return None;
    }
    Some(Route {
        interface: (*fields.first()?).to_owned(),
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        prefix: mask.to_bits().count_ones(),
        metric: fields.get(6)?.parse().ok()?,
    })
}

/// The route of `/proc/net/ipv6_route` to `target`.
pub(super) fn ipv6(table: &str, target: Ipv6Addr) -> Option<Route<Ipv6Addr>> {
    table.lines().filter_map(|line| ipv6_line(line, target)).fold(None, better)
}

fn ipv6_line(line: &str, target: Ipv6Addr) -> Option<Route<Ipv6Addr>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let bits = |text: &str| u128::from_str_radix(text, 16).ok();
    let number = |text: &str| u32::from_str_radix(text, 16).ok();
    let (network, prefix, gateway) = (bits(fields.first()?)?, number(fields.get(1)?)?, bits(fields.get(4)?)?);
    let (metric, flags) = (number(fields.get(5)?)?, number(fields.get(8)?)?);
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    if flags & REJECT != 0 || flags & UP == 0 || target.to_bits() & mask != network & mask {
        return None;
    }
    let gateway = Ipv6Addr::from_bits(gateway);
    Some(Route {
        interface: (*fields.get(9)?).to_owned(),
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        prefix,
        metric,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_most_specific_route() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
            eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0\n\
            wlan0 00000000 0100A8C0 0003 0 0 600 00000000 0 0 0\n\
            eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        let world = ipv4(table, Ipv4Addr::new(8, 8, 8, 8)).unwrap();
        assert_eq!((world.interface.as_str(), world.gateway), ("eth0", Some(Ipv4Addr::new(192, 0, 2, 1))));
        assert_eq!(ipv4(table, Ipv4Addr::new(192, 0, 2, 9)).unwrap().gateway, None);
    }

    #[test]
    fn skips_refusing_routes() {
        let zero = "0".repeat(32);
        let gateway = "fd000000000000000000000000000001";
        let table = format!(
            "{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n\
             {zero} 00 {zero} 00 {gateway} 00000400 00000001 00000000 00000003 eth0\n"
        );
        let world = ipv6(&table, "2404:6800::1".parse().unwrap()).unwrap();
        assert_eq!((world.interface.as_str(), world.gateway), ("eth0", Some("fd00::1".parse().unwrap())));
    }
}
