//! Host names to addresses without libc: literals, `/etc/hosts`, then `getent`.

use super::Os;
use crate::system::{Command, Result, System, SystemError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// The addresses of `host`, best first.
pub(crate) fn addresses(system: &dyn System, host: &str) -> Result<Vec<IpAddr>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    let hosts = system.read_text(Path::new("/etc/hosts")).unwrap_or_default();
    let mut found = from_hosts(&hosts, bare);
    if found.is_empty() && (bare == "localhost" || bare.ends_with(".localhost")) {
        found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    if found.is_empty() {
        found = match system.query(&Command::new(["getent", "ahosts", bare])) {
            Ok(answer) => from_getent(&answer.stdout_text()),
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
    }
    if found.is_empty() {
        let message = "Name or service not known".to_owned();
        return Err(SystemError::Network { operation: "resolve", target: bare.to_owned(), message });
    }
    Ok(found)
}

fn from_hosts(hosts: &str, name: &str) -> Vec<IpAddr> {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let matching = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
    });
    let mut found: Vec<IpAddr> = matching.collect();
    // Servers on localhost more often listen on IPv4 alone than on IPv6 alone.
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

fn from_getent(answer: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in answer.lines() {
        if let Some(address) = line.split_whitespace().next().and_then(|word| word.parse().ok())
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Connects to the first address of `host` that answers within `timeout`.
pub(super) fn connect(os: &Os, host: &str, port: u16, timeout: Duration) -> Result<TcpStream> {
    let failed =
        |message: String| SystemError::Network { operation: "connect to", target: format!("{host}:{port}"), message };
    let end = Instant::now() + timeout;
    let mut last = "no time left".to_owned();
    for address in addresses(os, host)? {
        let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else { break };
        let limit = Some(timeout).filter(|timeout| !timeout.is_zero());
        let connected = TcpStream::connect_timeout(&SocketAddr::new(address, port), left).and_then(|stream| {
            stream.set_read_timeout(limit)?;
            stream.set_write_timeout(limit)?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.to_string(),
        }
    }
    Err(failed(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hosts_and_getent() {
        let hosts = "127.0.0.1 localhost\n::1 localhost ip6-localhost # x\n10.0.0.5 db db.example\n";
        assert_eq!(from_hosts(hosts, "DB"), ["10.0.0.5".parse::<IpAddr>().unwrap()]);
        assert_eq!(from_hosts(hosts, "localhost").len(), 2);
        assert!(from_hosts(hosts, "x").is_empty());
        let answer = "10.0.0.1 STREAM a\n10.0.0.1 DGRAM\nfe80::1 STREAM\n";
        assert_eq!(from_getent(answer).len(), 2);
    }
}
