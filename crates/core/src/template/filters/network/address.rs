//! An address with its prefix, and the arithmetic on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `192.168.1.10/24`: an address, and how much of it names the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Net {
    pub v6: bool,
    pub ip: u128,
    pub prefix: u32,
}

impl Net {
    /// Reads `address` or `address/prefix`, where the prefix may be a mask.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let (v6, ip) = match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => (false, u32::from(ip).into()),
            Ok(IpAddr::V6(ip)) => (true, ip.into()),
            // `10/8`: what is left out is zero.
            Err(_) if prefix.is_some() => (false, short_v4(address)?),
            Err(_) => return None,
        };
        let whole = Self { v6, ip, prefix: if v6 { 128 } else { 32 } };
        let prefix = match prefix {
            None => whole.prefix,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= whole.prefix)?
            }
            Some(mask) => mask_prefix(&Self::parse(mask).filter(|mask| mask.v6 == v6)?)?,
        };
        Some(Self { prefix, ..whole })
    }

    /// A number as an address: of version 4 where it fits and `v6` does not ask otherwise.
    pub fn from_number(number: u128, v6: bool) -> Self {
        let v6 = v6 || number > u128::from(u32::MAX);
        Self { v6, ip: number, prefix: if v6 { 128 } else { 32 } }
    }

    pub fn bits(&self) -> u32 {
        if self.v6 { 128 } else { 32 }
    }

    /// Ones where hosts differ.
    pub fn host_mask(&self) -> u128 {
        let host = self.bits() - self.prefix;
        if host == 128 { u128::MAX } else { (1 << host) - 1 }
    }

    pub fn net_mask(&self) -> u128 {
        self.host_mask() ^ self.all_ones()
    }

    fn all_ones(&self) -> u128 {
        if self.v6 { u128::MAX } else { u128::from(u32::MAX) }
    }

    pub fn network(&self) -> u128 {
        self.ip & self.net_mask()
    }

    pub fn last(&self) -> u128 {
        self.network() | self.host_mask()
    }

    /// Addresses in it, less one: a whole `::/0` would not fit otherwise.
    pub fn span(&self) -> u128 {
        self.host_mask()
    }

    /// Whether it has a broadcast address.
    pub fn has_broadcast(&self) -> bool {
        self.span() > 1
    }

    /// First and last address that a host may have.
    pub fn usable(&self) -> Option<(u128, u128)> {
        match self.span() {
            0 => None,
            1 => Some((self.network(), self.last())),
            _ => Some((self.network() + 1, self.last() - 1)),
        }
    }

    pub fn with_ip(&self, ip: u128) -> Self {
        Self { ip, ..*self }
    }

    /// The same without host bits.
    pub fn cidr(&self) -> Self {
        self.with_ip(self.network())
    }

    pub fn contains(&self, other: &Self) -> bool {
        self.v6 == other.v6 && self.prefix <= other.prefix && self.network() == other.ip & self.net_mask()
    }

    /// An address of the same version as text.
    pub fn show(&self, ip: u128) -> String {
        match self.v6 {
            true => Ipv6Addr::from(ip).to_string(),
            false => Ipv4Addr::from(ip as u32).to_string(),
        }
    }

    pub fn ip_text(&self) -> String {
        self.show(self.ip)
    }
}

impl std::fmt::Display for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip_text(), self.prefix)
    }
}

fn short_v4(text: &str) -> Option<u128> {
    let parts: Vec<u8> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    if parts.len() > 4 {
        return None;
    }
    Some((0..4).fold(0, |ip, at| ip << 8 | u128::from(parts.get(at).copied().unwrap_or(0))))
}

/// The length of a net mask, or of a host mask.
fn mask_prefix(mask: &Net) -> Option<u32> {
    (0..=mask.bits()).find(|prefix| {
        let net = Net { prefix: *prefix, ..*mask };
        mask.ip == net.net_mask() || (mask.ip == net.host_mask() && *prefix > 0 && *prefix < mask.bits())
    })
}
