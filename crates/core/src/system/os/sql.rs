//! A client of MySQL and MariaDB: its text protocol, without TLS, and with our own name resolution.
//!
//! A full driver would be the largest part of the helper; what modules need of it is small.

mod login;
mod packets;
mod query;
mod rsa;

use super::{Os, resolve};
use crate::system::sql::{SqlAnswer, SqlFailure, SqlRequest, SqlResult};
use packets::Packets;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Where servers of Debian and its relatives listen.
const SOCKET: &str = "/run/mysqld/mysqld.sock";

/// Why there is no connection or no answer.
#[derive(Debug, thiserror::Error)]
enum SqlError {
    /// The server's code and words, as Python's client writes them.
    #[error("({code}, {message:?})")]
    Server { code: u16, message: String },
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The server wants a login that this client does not have.
    #[error("{0}")]
    Login(String),
}

/// Runs the statements of `request` over a connection of its own.
pub(super) fn run(os: &Os, request: &SqlRequest) -> SqlResult {
    let mut connection = connect(os, request).map_err(|message| SqlFailure { at: None, message })?;
    let mut answers = Vec::new();
    for (at, statement) in request.statements.iter().enumerate() {
        match query::run(&mut connection, statement) {
            Ok(answer) => answers.push(answer),
            Err(SqlError::Server { .. }) if request.force => answers.push(SqlAnswer::default()),
            Err(error) => return Err(SqlFailure { at: Some(at), message: explain(&error) }),
        }
    }
    query::leave(&mut connection);
    Ok(answers)
}

fn explain(error: &SqlError) -> String {
    match error {
        SqlError::Io(error) => format!("(2013, \"Lost connection to MySQL server during query ({error})\")"),
        other => other.to_string(),
    }
}

fn connect(os: &Os, request: &SqlRequest) -> Result<Packets, String> {
    let host = &request.host;
    let unreachable = |why: String| format!("(2003, \"Can't connect to MySQL server on '{host}' ({why})\")");
    let explain = |error: SqlError| match error {
        SqlError::Io(error) => unreachable(error.to_string()),
        other => other.to_string(),
    };
    let socket = |path: &Path| {
        through_socket(path, request).map_err(|error| match error {
            SqlError::Io(error) => unreachable(format!("{}: {error}", path.display())),
            other => other.to_string(),
        })
    };
    if let Some(path) = &request.socket {
        return socket(path);
    }
    let addresses = resolve::addresses(os, host).map_err(|error| unreachable(error.to_string()))?;
    let mut last = String::new();
    for address in addresses {
        match over_network(SocketAddr::new(address, request.port), request) {
            Err(error @ SqlError::Io(_)) => last = explain(error),
            decided => return decided.map_err(explain),
        }
    }
    // A server of this machine may listen on its socket only.
    if host == "localhost" && Path::new(SOCKET).exists() { socket(Path::new(SOCKET)) } else { Err(last) }
}

fn through_socket(path: &Path, request: &SqlRequest) -> Result<Packets, SqlError> {
    let stream = UnixStream::connect(path)?;
    let timeouts = stream.try_clone()?;
    let limit = |limit| timeouts.set_read_timeout(limit).and_then(|()| timeouts.set_write_timeout(limit));
    logged_in(Packets::new(Box::new(stream)), request, true, limit)
}

fn over_network(address: SocketAddr, request: &SqlRequest) -> Result<Packets, SqlError> {
    let stream = match request.timeout.filter(|timeout| !timeout.is_zero()) {
        Some(timeout) => TcpStream::connect_timeout(&address, timeout)?,
        None => TcpStream::connect(address)?,
    };
    stream.set_nodelay(true)?;
    let timeouts = stream.try_clone()?;
    let limit = |limit| timeouts.set_read_timeout(limit).and_then(|()| timeouts.set_write_timeout(limit));
    logged_in(Packets::new(Box::new(stream)), request, false, limit)
}

/// The time for connecting is for logging in too; statements take as long as they take.
fn logged_in(
    mut packets: Packets,
    request: &SqlRequest,
    private: bool,
    limit: impl Fn(Option<Duration>) -> std::io::Result<()>,
) -> Result<Packets, SqlError> {
    limit(request.timeout.filter(|timeout| !timeout.is_zero()))?;
    login::login(&mut packets, request, private)?;
    limit(None)?;
    Ok(packets)
}
