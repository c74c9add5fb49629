//! Ports as `published_ports` and `exposed_ports` write them.

use crate::module::ModuleError;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The API's `PortBindings`.
pub fn bindings(ports: &[String], default_ip: &str) -> Result<Map<String, Value>, ModuleError> {
    let mut bindings = Map::new();
    for port in ports {
        if port == "all" {
            return Err(ModuleError::new("published_ports: `all` is no longer allowed; set publish_all_ports: true"));
        }
        let parts = split(port)?;
        let (container, protocol) = parts[parts.len() - 1].split_once('/').unwrap_or((parts[parts.len() - 1], "tcp"));
        let container = range(container)?;
        let (ip, host) = match parts.as_slice() {
            [_] => (default_ip, ""),
            [host, _] => (default_ip, *host),
            [ip, host, _] => (address(ip)?, *host),
            _ => {
                return Err(ModuleError::new(format!(
                    "published_ports: {port:?} has too many parts; put IPv6 addresses in []"
                )));
            }
        };
        let host_ports = match (host, container.len()) {
            ("", count) => vec![String::new(); count],
            // One port of the container may get any of a range of the host.
            (host, 1) => vec![host.to_owned()],
            (host, _) => range(host)?.iter().map(u16::to_string).collect(),
        };
        if host_ports.len() != container.len() {
            return Err(ModuleError::new(format!("published_ports: the ranges of {port:?} have different lengths")));
        }
        for (container, host) in container.iter().zip(host_ports) {
            let list = bindings.entry(format!("{container}/{protocol}")).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(json!({"HostIp": ip, "HostPort": host}));
            }
        }
    }
    Ok(bindings)
}

/// `PORT/PROTOCOL` of every port in `ports`, which may be ranges.
pub fn exposed(ports: &[String]) -> Result<BTreeSet<String>, ModuleError> {
    let mut all = BTreeSet::new();
    for port in ports {
        let (numbers, protocol) = port.trim().split_once('/').unwrap_or((port.trim(), "tcp"));
        all.extend(range(numbers)?.iter().map(|number| format!("{number}/{protocol}")));
    }
    Ok(all)
}

fn range(text: &str) -> Result<Vec<u16>, ModuleError> {
    let invalid = || ModuleError::new(format!("{text:?} is no port or range of ports"));
    let number = |text: &str| text.trim().parse::<u16>().map_err(|_| invalid());
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    if first > last { Err(invalid()) } else { Ok((first..=last).collect()) }
}

/// Splits at colons, but not inside brackets.
fn split(text: &str) -> Result<Vec<&str>, ModuleError> {
    let Some(rest) = text.strip_prefix('[') else { return Ok(text.split(':').collect()) };
    let end = rest.find("]:").ok_or_else(|| ModuleError::new(format!("published_ports: {text:?} has no closing ]")))?;
    let mut parts = vec![&text[..end + 2]];
    parts.extend(rest[end + 2..].split(':'));
    Ok(parts)
}

fn address(text: &str) -> Result<&str, ModuleError> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<std::net::IpAddr>().is_ok() || (text.starts_with('[') && bare.contains('%')) {
        return Ok(bare);
    }
    Err(ModuleError::new(format!(
        "published_ports: {text:?} is no IPv4 or IPv6 address; host names are not allowed here"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(port: &str) -> String {
        let found = bindings(&[port.to_owned()], "0.0.0.0");
        found.map_or_else(|error| error.msg, |bindings| Value::Object(bindings).to_string())
    }

    #[test]
    fn reads_published_ports() {
        assert_eq!(bound("80"), r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":""}]}"#);
        assert_eq!(bound("8000-8001:80"), r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8000-8001"}]}"#);
        assert_eq!(bound("127.0.0.1::53/udp"), r#"{"53/udp":[{"HostIp":"127.0.0.1","HostPort":""}]}"#);
        assert_eq!(bound("[::1]:1:2"), r#"{"2/tcp":[{"HostIp":"::1","HostPort":"1"}]}"#);
        assert_eq!(
            bound("7000-7001:80-81"),
            r#"{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"7000"}],"81/tcp":[{"HostIp":"0.0.0.0","HostPort":"7001"}]}"#
        );
        assert!(bound("web:80:80").contains("host names are not allowed"));
        assert!(bound("7000-7002:80-81").contains("different lengths"));
        assert_eq!(
            exposed(&["80-81/udp".into(), "9".into()]).unwrap(),
            ["80/udp", "81/udp", "9/tcp"].map(String::from).into()
        );
    }
}
