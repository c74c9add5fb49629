//! A MySQL server in a simulation: what statements will have made of it, and what it would answer.
//!
//! It knows databases, their tables, and whether a table has rows at all. What follows from that is answered; the rest is
//! for apply to tell.

use super::sql::{SqlAnswer, SqlFailure, SqlRequest, SqlResult};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The kind under which plans record servers; their keys are [`key`]s.
pub const SERVER: &str = "mysql_server";

/// What is known of a server.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Server {
    /// It has no other databases than these: it is new.
    pub complete: bool,
    /// What is known of databases, by name.
    pub databases: BTreeMap<String, Database>,
    /// SHA-256 of root's password, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<[u8; 32]>,
}

/// What is known of a database.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Database {
    /// It has no other tables than these.
    pub complete: bool,
    /// Whether a table has no rows for certain.
    pub tables: BTreeMap<String, bool>,
}

/// The server that a request is for, as far as one host tells them apart.
pub fn key(host: &str, port: u16) -> String {
    let local = host == "localhost" || host == "::1" || host.starts_with("127.");
    format!("{}:{port}", if local { "localhost" } else { host })
}

impl Server {
    /// A new one, with these databases.
    pub fn new(databases: impl IntoIterator<Item = String>) -> Self {
        let empty = || Database { complete: true, tables: BTreeMap::new() };
        let databases = databases.into_iter().map(|name| (name, empty())).collect();
        Self { complete: true, databases, root: None }
    }

    /// The same with this password for root.
    #[must_use]
    pub fn with_root_password(self, password: Option<&str>) -> Self {
        Self { root: password.map(hash), ..self }
    }

    /// Whether the login is refused for certain.
    fn denies(&self, request: &SqlRequest) -> bool {
        let given = || hash(request.password.as_deref().unwrap_or_default());
        request.user.as_deref() == Some("root") && self.root.is_some_and(|root| root != given())
    }

    /// The answers to all statements; `None` if a statement is for the server below.
    pub fn answer(&self, request: &SqlRequest) -> Option<SqlResult> {
        if self.denies(request) {
            let message = "(1045, \"Access denied for user 'root'\")".to_owned();
            return Some(Err(SqlFailure { at: None, message }));
        }
        let mut answers = Vec::new();
        for statement in &request.statements {
            match self.look(&words(statement), request.database.as_deref()) {
                Some(answer) => answers.push(answer),
                None if self.complete
                    || request.database.as_ref().is_some_and(|name| self.databases.contains_key(name)) =>
                {
                    let message = "its content is known after apply".to_owned();
                    return Some(Err(SqlFailure { at: None, message }));
                }
                None => return None,
            }
        }
        Some(Ok(answers))
    }

    fn look(&self, words: &[Word], database: Option<&str>) -> Option<SqlAnswer> {
        if words.first()?.is("SET") {
            return Some(SqlAnswer::default());
        }
        if !words[0].is("SELECT") {
            return None;
        }
        let from = words.iter().position(|word| word.is("FROM"))?;
        let (columns, rest) = (&words[1..from], &words[from + 1..]);
        let (schema, table, rest) = table(rest, database)?;
        let condition = match rest.first() {
            None => &[][..],
            Some(word) if word.is("WHERE") => &rest[1..],
            Some(_) => return None,
        };
        if condition.iter().any(|word| ["GROUP", "HAVING", "UNION", "SELECT"].iter().any(|other| word.is(other))) {
            return None;
        }
        if schema.eq_ignore_ascii_case("information_schema") {
            return self.catalog(&table, columns, condition);
        }
        let known = self.databases.get(&schema)?;
        known.tables.get(&table).filter(|empty| **empty)?;
        match count(columns) {
            Some(name) => Some(one(name, 0)),
            // Without functions no row gives no row.
            None if !columns.iter().any(|word| word.is("(")) => Some(SqlAnswer::default()),
            None => None,
        }
    }

    /// What `information_schema` would say.
    fn catalog(&self, table: &str, columns: &[Word], condition: &[Word]) -> Option<SqlAnswer> {
        if table.eq_ignore_ascii_case("SCHEMATA") {
            let [column, is_in, list @ ..] = condition else { return None };
            let [Word::Bare(_), Word::Bare(_), Word::Bare(name)] = columns else { return None };
            if !self.complete || !column.is("SCHEMA_NAME") || !is_in.is("IN") {
                return None;
            }
            let wanted = list.iter().filter_map(|word| if let Word::Text(text) = word { Some(text) } else { None });
            let found =
                wanted.filter(|wanted| self.databases.contains_key(*wanted) || SYSTEM.contains(&wanted.as_str()));
            let rows: Vec<_> = found.map(|found| Map::from_iter([(name.clone(), json!(found))])).collect();
            return Some(SqlAnswer { count: rows.len() as u64, rows });
        }
        if !table.eq_ignore_ascii_case("TABLES") {
            return None;
        }
        let (mut schema, mut wanted) = (None, None);
        for part in condition.split(|word| word.is("AND")) {
            match part {
                [column, equals, Word::Text(text)] if equals.is("=") && column.is("TABLE_SCHEMA") => {
                    schema = Some(text)
                }
                [column, equals, Word::Text(text)] if equals.is("=") && column.is("TABLE_NAME") => wanted = Some(text),
                _ => return None,
            }
        }
        let known = self.databases.get(schema?).filter(|known| known.complete)?;
        let found = known.tables.keys().filter(|name| wanted.is_none_or(|wanted| wanted == *name)).count();
        count(columns).map(|name| one(name, found as u64))
    }

    /// What statements will have made of it.
    pub fn play(&mut self, request: &SqlRequest) {
        let mut database = request.database.clone();
        for statement in &request.statements {
            self.change(&words(statement), &mut database);
        }
    }

    fn change(&mut self, words: &[Word], database: &mut Option<String>) {
        let Some(verb) = words.first() else { return };
        let rest: Vec<Word> =
            words[1..].iter().filter(|word| !NOISE.iter().any(|noise| word.is(noise))).cloned().collect();
        let is = |place: usize, name: &str| rest.get(place).is_some_and(|word| word.is(name));
        let current = database.as_deref();
        match () {
            () if verb.is("USE") => *database = rest.first().and_then(Word::name),
            () if QUIET.iter().any(|quiet| verb.is(quiet)) => {}
            () if is(0, "DATABASE") || is(0, "SCHEMA") => {
                let Some(name) = rest.get(1).and_then(Word::name) else { return };
                if verb.is("CREATE") {
                    let new = Database { complete: true, tables: BTreeMap::new() };
                    self.databases.entry(name).or_insert(new);
                } else if verb.is("DROP") {
                    self.databases.remove(&name);
                }
            }
            () if (verb.is("CREATE") || verb.is("DROP") || verb.is("TRUNCATE")) && is(0, "TABLE") => {
                let Some((schema, name, after)) = table(&rest[1..], current) else { return };
                let filled = after.iter().any(|word| word.is("SELECT") || word.is("LIKE"));
                let known = self.databases.entry(schema).or_default();
                if verb.is("DROP") {
                    known.tables.remove(&name);
                } else if verb.is("TRUNCATE") {
                    known.tables.insert(name, true);
                } else {
                    let new = known.complete && !filled;
                    known.tables.entry(name).or_insert(new);
                }
            }
            () if verb.is("INSERT") || verb.is("REPLACE") => {
                let Some((schema, name, _)) = table(&rest, current) else { return };
                self.databases.entry(schema).or_default().tables.insert(name, false);
            }
            () if verb.is("UPDATE") || verb.is("DELETE") => {}
            () => {
                // Whatever it does, it may do to any table.
                let named = current.map(str::to_owned);
                for (_, known) in
                    self.databases.iter_mut().filter(|(name, _)| named.as_ref().is_none_or(|named| named == *name))
                {
                    *known = Database::default();
                }
            }
        }
    }
}

/// Databases that every server has.
const SYSTEM: &[&str] = &["information_schema", "mysql", "performance_schema", "sys"];
/// Words that do not tell what a statement is about.
const NOISE: &[&str] =
    &["IF", "NOT", "EXISTS", "INTO", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "TEMPORARY", "OR"];
/// Statements that leave databases and tables as they are.
const QUIET: &[&str] = &[
    "SET", "LOCK", "UNLOCK", "COMMIT", "START", "BEGIN", "ANALYZE", "OPTIMIZE", "FLUSH", "GRANT", "REVOKE", "SELECT",
    "SHOW",
];

/// A word of a statement, or a sign.
#[derive(Debug, Clone, PartialEq)]
enum Word {
    Bare(String),
    Text(String),
}

impl Word {
    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Bare(word) if word.eq_ignore_ascii_case(name))
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Bare(word) if word.starts_with(|first: char| first.is_alphanumeric() || first == '_') => {
                Some(word.clone())
            }
            _ => None,
        }
    }
}

/// A statement's words, without comments.
fn words(statement: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = statement.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' | '`' => {
                let (text, length) = quoted(rest, first);
                words.push(if first == '`' { Word::Bare(text) } else { Word::Text(text) });
                length
            }
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '-' if rest.starts_with("-- ") || rest.starts_with("--\n") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            ';' => 1,
            _ if first.is_alphanumeric() || first == '_' || first == '$' => {
                let part = |other: char| other.is_alphanumeric() || other == '_' || other == '$';
                let length = rest.find(|other| !part(other)).unwrap_or(rest.len());
                words.push(Word::Bare(rest[..length].to_owned()));
                length
            }
            sign => {
                words.push(Word::Bare(sign.to_string()));
                sign.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    words
}

/// What stands in quotes, and how long it is with them.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut found = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\\' if quote != '`' => found.extend(letters.next().map(|(_, next)| next)),
            _ if letter == quote => match letters.peek() {
                Some((_, next)) if *next == quote => {
                    found.push(quote);
                    letters.next();
                }
                _ => return (found, place + 1),
            },
            _ => found.push(letter),
        }
    }
    (found, text.len())
}

/// A table's name with its database, and what follows.
fn table<'a>(words: &'a [Word], database: Option<&str>) -> Option<(String, String, &'a [Word])> {
    match words {
        [schema, dot, name, rest @ ..] if dot.is(".") => Some((schema.name()?, name.name()?, rest)),
        [name, rest @ ..] => Some((database?.to_owned(), name.name()?, rest)),
        [] => None,
    }
}

/// What a column that only counts rows is called.
fn count(columns: &[Word]) -> Option<&str> {
    let [function, open, star, close, name @ ..] = columns else { return None };
    if !(function.is("COUNT") && open.is("(") && star.is("*") && close.is(")")) {
        return None;
    }
    match name {
        [] => Some("COUNT(*)"),
        [r#as, Word::Bare(name)] if r#as.is("AS") => Some(name),
        [Word::Bare(name)] => Some(name),
        _ => None,
    }
}

fn hash(password: &str) -> [u8; 32] {
    Sha256::digest(password).into()
}

fn one(name: &str, number: u64) -> SqlAnswer {
    SqlAnswer { rows: vec![Map::from_iter([(name.to_owned(), Value::from(number))])], count: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(database: Option<&str>, statement: &str) -> SqlRequest {
        let statements = vec![statement.to_owned()];
        SqlRequest { database: database.map(str::to_owned), statements, ..SqlRequest::default() }
    }

    fn number(server: &Server, database: Option<&str>, query: &str) -> Option<u64> {
        let answers = server.answer(&request(database, query))?.ok()?;
        answers[0].rows.first()?.values().next()?.as_u64()
    }

    #[test]
    fn an_empty_server_is_known_until_rows_come() {
        let mut server = Server::new(["shop".to_owned()]);
        let tables = "SELECT COUNT(*) AS found FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'stock'";
        let rows = "SELECT COUNT(*) AS n FROM stock WHERE LEFT(code, 2) = '20'";
        assert_eq!(number(&server, None, tables), Some(0));
        assert!(matches!(server.answer(&request(Some("shop"), rows)), Some(Err(_))), "there is no such table");
        server.play(&request(
            Some("shop"),
            "CREATE TABLE IF NOT EXISTS stock (code VARCHAR(13) NOT NULL, PRIMARY KEY (code))",
        ));
        assert_eq!(number(&server, None, tables), Some(1));
        assert_eq!(number(&server, Some("shop"), rows), Some(0));
        server.play(&request(Some("shop"), "INSERT IGNORE INTO stock (code) VALUES ('20')"));
        assert_eq!(number(&server, Some("shop"), rows), None, "it has rows now, nobody knows how many");
        assert_eq!(number(&server, None, tables), Some(1));
    }

    #[test]
    fn a_wrong_password_is_refused_where_the_right_one_is_known() {
        let server = Server::new([]).with_root_password(Some("right"));
        let ask = |user: &str, password: &str| {
            let login = SqlRequest {
                user: Some(user.to_owned()),
                password: Some(password.to_owned()),
                ..request(None, "SET a = 1")
            };
            server.answer(&login).unwrap()
        };
        assert!(ask("root", "right").is_ok() && ask("other", "wrong").is_ok());
        assert!(ask("root", "wrong").unwrap_err().message.contains("1045"));
    }

    #[test]
    fn what_it_does_not_understand_it_does_not_know() {
        let mut server = Server::new(["shop".to_owned()]);
        server.play(&request(Some("shop"), "CREATE TABLE stock (a INT)"));
        assert_eq!(number(&server, Some("shop"), "SELECT MAX(a) FROM stock"), None);
        assert_eq!(number(&server, Some("shop"), "SELECT COUNT(*) FROM stock, other"), None);
        server.play(&request(Some("shop"), "CALL fill()"));
        assert_eq!(number(&server, Some("shop"), "SELECT COUNT(*) FROM stock"), None);
    }

    #[test]
    fn only_what_was_planned_is_known_of_a_server_that_is_there() {
        let mut server = Server::default();
        assert!(server.answer(&request(Some("old"), "SELECT COUNT(*) FROM t")).is_none());
        server.play(&request(None, "CREATE DATABASE `new`"));
        server.play(&request(Some("new"), "CREATE TABLE t (a INT)"));
        server.play(&request(Some("old"), "CREATE TABLE IF NOT EXISTS t (a INT)"));
        assert_eq!(number(&server, Some("new"), "SELECT COUNT(*) FROM t"), Some(0));
        assert_eq!(number(&server, Some("old"), "SELECT COUNT(*) FROM t"), None, "it may have been there");
    }
}
