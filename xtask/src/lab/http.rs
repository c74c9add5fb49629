//! GET over plain HTTP to addresses of the lab; just enough to ask a registry or a proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// What a server answered.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as it came; HTTP/1.0 has no chunks.
    pub body: String,
}

/// Asks the server at `address` (`IP:PORT`) for `path`, waiting up to 10 s.
pub fn get(address: &str, path: &str) -> Result<Answer> {
    let context = || format!("failed to get http://{address}{path}");
    let socket: SocketAddr = address.parse().with_context(context)?;
    let mut stream = TcpStream::connect_timeout(&socket, Duration::from_secs(10)).with_context(context)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // The registry gives a manifest only to clients that accept its type.
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: application/vnd.docker.distribution.manifest.v2+json, */*\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).with_context(context)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).with_context(context)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").with_context(context)?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).with_context(context)?;
    Ok(Answer { status, body: body.to_owned() })
}
