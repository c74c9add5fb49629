//! SQL statements for a MySQL or MariaDB server, and what they answered. The client is in [`os`](super::os).

use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Statements that one connection runs, one after the other.
#[derive(Debug, Clone, Default)]
pub struct SqlRequest {
    /// Host, unless there is a socket.
    pub host: String,
    /// Port on it.
    pub port: u16,
    /// Unix socket.
    pub socket: Option<PathBuf>,
    /// User.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// Database to use.
    pub database: Option<String>,
    /// Limit for connecting.
    pub timeout: Option<Duration>,
    /// Statements, without a semicolon at their ends.
    pub statements: Vec<String>,
    /// Go on after a statement that fails.
    pub force: bool,
}

/// What a statement answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlAnswer {
    /// Rows, columns by name.
    pub rows: Vec<Map<String, Value>>,
    /// How many rows it changed; or returned, if it returns rows.
    pub count: u64,
}

/// Why statements were not all run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFailure {
    /// The statement's place in the request; `None` if there was no connection.
    pub at: Option<usize>,
    /// The server's code and words.
    pub message: String,
}

/// Answers, one for each statement.
pub type SqlResult = Result<Vec<SqlAnswer>, SqlFailure>;
