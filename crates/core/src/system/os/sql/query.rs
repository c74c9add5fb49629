//! Statements, and the rows or counts they answer with.

use super::SqlError;
use super::packets::{Fields, Packets, malformed, server_error};
use crate::system::sql::SqlAnswer;
use serde_json::{Map, Value};

const QUIT: u8 = 1;
const QUERY: u8 = 3;
/// A status bit: another result follows.
const MORE: u64 = 8;

/// A column's name, and how its values read.
struct Column {
    name: String,
    kind: u8,
}

/// Runs one statement; of several results (a procedure's) the first counts, but each of them may be an error.
pub(super) fn run(packets: &mut Packets, statement: &str) -> Result<SqlAnswer, SqlError> {
    let mut message = Vec::with_capacity(1 + statement.len());
    message.push(QUERY);
    message.extend_from_slice(statement.as_bytes());
    packets.begin(&message)?;
    let (answer, mut more) = result(packets)?;
    while more {
        more = result(packets)?.1;
    }
    Ok(answer)
}

/// Says good-bye, so that the server does not log a lost client.
pub(super) fn leave(packets: &mut Packets) {
    let _closed_anyway = packets.begin(&[QUIT]);
}

/// One result, and whether another follows.
fn result(packets: &mut Packets) -> Result<(SqlAnswer, bool), SqlError> {
    let message = packets.read()?;
    let mut fields = Fields(&message);
    match message.first() {
        Some(0) => {
            fields.take(1)?;
            let count = fields.length()?.unwrap_or_default();
            let _last_id = fields.length()?;
            Ok((SqlAnswer { rows: Vec::new(), count }, fields.number(2)? & MORE != 0))
        }
        Some(0xff) => Err(server_error(Fields(&message[1..]))),
        // Files of this machine are for nobody to ask for.
        Some(0xfb) => Err(malformed("a wish for a local file").into()),
        _ => {
            let count = fields.length()?.unwrap_or_default();
            let columns = columns(packets, count)?;
            rows(packets, &columns)
        }
    }
}

fn columns(packets: &mut Packets, count: u64) -> Result<Vec<Column>, SqlError> {
    let mut columns: Vec<Column> = Vec::new();
    for _ in 0..count {
        let message = packets.read()?;
        let mut fields = Fields(&message);
        // Catalogue and schema; then the table, as the statement names it, and as it is.
        fields.bytes()?;
        fields.bytes()?;
        let table = fields.text()?;
        fields.bytes()?;
        let mut name = fields.text()?;
        fields.bytes()?;
        // The length of what follows, the character set, the width.
        fields.take(1 + 2 + 4)?;
        let kind = fields.take(1)?[0];
        if columns.iter().any(|column| column.name == name) {
            name = format!("{table}.{name}");
        }
        columns.push(Column { name, kind });
    }
    end(&packets.read()?).ok_or_else(|| malformed("columns without an end"))?;
    Ok(columns)
}

fn rows(packets: &mut Packets, columns: &[Column]) -> Result<(SqlAnswer, bool), SqlError> {
    let mut rows = Vec::new();
    loop {
        let message = packets.read()?;
        if let Some(status) = end(&message) {
            let count = rows.len() as u64;
            return Ok((SqlAnswer { rows, count }, status & MORE != 0));
        }
        if message.first() == Some(&0xff) {
            return Err(server_error(Fields(&message[1..])));
        }
        let mut fields = Fields(&message);
        let mut row = Map::new();
        for column in columns {
            let value = fields.bytes()?.map_or(Value::Null, |bytes| convert(bytes, column.kind));
            row.insert(column.name.clone(), value);
        }
        rows.push(row);
    }
}

/// The status in a message that ends columns or rows. A row may begin like it, but is longer.
fn end(message: &[u8]) -> Option<u64> {
    let mut fields = Fields(message.strip_prefix(&[0xfe]).filter(|rest| rest.len() < 8)?);
    fields.take(2).and_then(|_warnings| fields.number(2)).ok()
}

/// Values as Python's client has them in JSON.
fn convert(bytes: &[u8], kind: u8) -> Value {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let value = match kind {
        // TINY, SHORT, LONG, LONGLONG, INT24, YEAR
        1 | 2 | 3 | 8 | 9 | 13 => {
            text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
        }
        // FLOAT, DOUBLE
        4 | 5 => text.parse::<f64>().map(Value::from).ok(),
        // TIMESTAMP, DATETIME
        7 | 12 => Some(text.replacen(' ', "T", 1).into()),
        _ => None,
    };
    value.unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// What a server says to a statement, as the answer to it.
    fn answer(messages: &[&[u8]]) -> Result<SqlAnswer, String> {
        let (ours, mut server) = UnixStream::pair().unwrap();
        for (at, message) in messages.iter().enumerate() {
            server.write_all(&[message.len() as u8, 0, 0, at as u8 + 1]).unwrap();
            server.write_all(message).unwrap();
        }
        let answer = run(&mut Packets::new(Box::new(ours)), "SELECT 1").map_err(|error| error.to_string());
        let sent = Packets::new(Box::new(server)).read().unwrap();
        assert_eq!(sent, b"\x03SELECT 1");
        answer
    }

    fn column(table: &str, name: &str, kind: u8) -> Vec<u8> {
        let mut message = b"\x03def\x01d".to_vec();
        for text in [table, table, name, name] {
            message.push(text.len() as u8);
            message.extend_from_slice(text.as_bytes());
        }
        message.extend_from_slice(&[12, 45, 0, 0, 1, 0, 0, kind, 0, 0, 0, 0, 0]);
        message
    }

    const END: &[u8] = b"\xfe\0\0\x02\0";

    #[test]
    fn counts() {
        assert_eq!(answer(&[b"\0\x03\x07\x02\0\0\0"]).unwrap(), SqlAnswer { rows: vec![], count: 3 });
        assert_eq!(answer(&[b"\xff\x28\x04#42000You have"]).unwrap_err(), "(1064, \"You have\")");
    }

    #[test]
    fn rows_of_all_kinds() {
        let columns = [
            column("a", "id", 3),
            column("b", "id", 8),
            column("a", "f", 5),
            column("a", "t", 12),
            column("a", "s", 253),
        ];
        let mut messages: Vec<&[u8]> = vec![b"\x05"];
        messages.extend(columns.iter().map(Vec::as_slice));
        let first: &[u8] = b"\x02-1\x1418446744073709551615\x031.5\x132024-01-02 03:04:05\x02\xc3\xa9";
        messages.extend([END, first, b"\xfb\xfb\xfb\xfb\0", END]);
        let answer = answer(&messages).unwrap();
        assert_eq!(answer.count, 2);
        assert_eq!(
            json!(answer.rows),
            json!([
                {"id": -1, "b.id": u64::MAX, "f": 1.5, "t": "2024-01-02T03:04:05", "s": "é"},
                {"id": null, "b.id": null, "f": null, "t": null, "s": ""},
            ])
        );
    }

    #[test]
    fn an_error_among_rows_or_in_a_later_result() {
        let column = column("a", "s", 253);
        let failed = b"\xff\x25\x05#70100Query execution was interrupted";
        assert!(answer(&[b"\x01", &column, END, b"\x01x", failed]).unwrap_err().contains("1317"));
        assert!(answer(&[b"\0\0\0\x0a\0\0\0", failed]).unwrap_err().contains("1317"));
        let first = answer(&[b"\x01", &column, END, b"\x01x", b"\xfe\0\0\x0a\0", b"\0\0\0\x02\0\0\0"]).unwrap();
        assert_eq!(json!(first.rows), json!([{"s": "x"}]));
    }

    #[test]
    fn a_server_gets_no_files() {
        assert!(answer(&[b"\xfb/etc/passwd"]).unwrap_err().contains("local file"));
    }
}
