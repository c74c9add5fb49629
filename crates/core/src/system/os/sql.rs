//! MySQL's protocol by the `mysql` crate, without TLS, and with our own name resolution.

use super::{Os, resolve};
use crate::system::sql::{SqlAnswer, SqlFailure, SqlRequest, SqlResult};
use mysql::consts::ColumnType;
use mysql::prelude::Queryable;
use mysql::{Column, Conn, OptsBuilder};
use serde_json::{Map, Value};
use std::path::Path;

/// Where servers of Debian and its relatives listen.
const SOCKET: &str = "/run/mysqld/mysqld.sock";

/// Runs the statements of `request` over a connection of its own.
pub(super) fn run(os: &Os, request: &SqlRequest) -> SqlResult {
    let mut connection = connect(os, request).map_err(|message| SqlFailure { at: None, message })?;
    let mut answers = Vec::new();
    for (at, statement) in request.statements.iter().enumerate() {
        match one(&mut connection, statement) {
            Ok(answer) => answers.push(answer),
            Err(_) if request.force => answers.push(SqlAnswer::default()),
            Err(error) => return Err(SqlFailure { at: Some(at), message: explain(&error) }),
        }
    }
    Ok(answers)
}

fn connect(os: &Os, request: &SqlRequest) -> Result<Conn, String> {
    let options = || {
        OptsBuilder::new()
            .user(request.user.clone())
            .pass(request.password.clone())
            .db_name(request.database.clone())
            .tcp_connect_timeout(request.timeout)
            .prefer_socket(false)
    };
    let socket = |path: &Path| {
        Conn::new(options().socket(Some(path.to_string_lossy().into_owned()))).map_err(|error| explain(&error))
    };
    if let Some(path) = &request.socket {
        return socket(path);
    }
    let host = &request.host;
    let unreachable = |why: String| format!("(2003, \"Can't connect to MySQL server on '{host}' ({why})\")");
    let addresses = resolve::addresses(os, host).map_err(|error| unreachable(error.to_string()))?;
    let mut last = String::new();
    for address in addresses {
        match Conn::new(options().ip_or_hostname(Some(address.to_string())).tcp_port(request.port)) {
            Ok(connection) => return Ok(connection),
            Err(error @ mysql::Error::MySqlError(_)) => return Err(explain(&error)),
            Err(error) => last = unreachable(explain(&error)),
        }
    }
    // A server of this machine may listen on its socket only.
    if host == "localhost" && Path::new(SOCKET).exists() { socket(Path::new(SOCKET)) } else { Err(last) }
}

fn one(connection: &mut Conn, statement: &str) -> Result<SqlAnswer, mysql::Error> {
    let mut result = connection.query_iter(statement)?;
    let mut answer: Option<SqlAnswer> = None;
    while let Some(set) = result.iter() {
        let columns = set.columns().as_ref().to_vec();
        let mut found = SqlAnswer { count: set.affected_rows(), rows: Vec::new() };
        for row in set {
            found.rows.push(fields(&columns, row?));
        }
        if !columns.is_empty() {
            found.count = found.rows.len() as u64;
        }
        // A procedure's further results do not count.
        answer.get_or_insert(found);
    }
    Ok(answer.unwrap_or_default())
}

fn fields(columns: &[Column], row: mysql::Row) -> Map<String, Value> {
    let names = columns.iter().map(|column| column.name_str().into_owned());
    names.zip(row.unwrap().into_iter().zip(columns).map(|(value, column)| convert(value, column))).collect()
}

/// Values as Python's client has them in JSON.
fn convert(value: mysql::Value, column: &Column) -> Value {
    let mysql::Value::Bytes(bytes) = value else { return Value::Null };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let number = match column.column_type() {
        ColumnType::MYSQL_TYPE_TINY
        | ColumnType::MYSQL_TYPE_SHORT
        | ColumnType::MYSQL_TYPE_LONG
        | ColumnType::MYSQL_TYPE_INT24
        | ColumnType::MYSQL_TYPE_LONGLONG
        | ColumnType::MYSQL_TYPE_YEAR => {
            text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
        }
        ColumnType::MYSQL_TYPE_FLOAT | ColumnType::MYSQL_TYPE_DOUBLE => text.parse::<f64>().map(Value::from).ok(),
        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP => Some(text.replacen(' ', "T", 1).into()),
        _ => None,
    };
    number.unwrap_or(Value::String(text))
}

/// The server's code and words, as Python's client writes them.
fn explain(error: &mysql::Error) -> String {
    match error {
        mysql::Error::MySqlError(error) => format!("({}, {:?})", error.code, error.message),
        mysql::Error::IoError(error) => error.to_string(),
        mysql::Error::DriverError(error) => error.to_string(),
        other => other.to_string(),
    }
}
