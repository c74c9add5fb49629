//! SQL statements. Answers to `community.mysql.mysql_query`.
//!
//! Statements that only look are run in a plan too, in a session that can only read; others are a change that is run on
//! apply, and the result says whether it changed anything.

use super::support::mysql::{mysql_args, text, unknown_in_plan};
use crate::module::types::LooseBool;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::sql::{SqlAnswer, SqlRequest};
use crate::system::{System, planned_sql};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The module.
pub struct MysqlQuery;

mysql_args! {
    /// Statements.
    pub struct Args {
        /// A statement, or a list of them.
        pub query: Value,
        /// Database to use.
        #[serde(default)]
        pub login_db: Option<String>,
        /// Values for each `%s` in the statements.
        #[serde(default)]
        pub positional_args: Option<Vec<Value>>,
        /// Values for `%(name)s` in the statements.
        #[serde(default)]
        pub named_args: Option<Map<String, Value>>,
        /// All statements take effect, or none.
        #[serde(default)]
        pub single_transaction: LooseBool,
        /// Variables to set for the session.
        #[serde(default)]
        pub session_vars: Option<Map<String, Value>>,
    }
}

default_args!(query);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The statements, with their arguments.
    executed_queries: Vec<String>,
    /// For each statement a list of its rows.
    query_result: Vec<Vec<Map<String, Value>>>,
    /// For each statement how many rows it changed or returned.
    rowcount: Vec<u64>,
    /// Whether a statement changed anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

/// Statements that may change something.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    queries: Vec<String>,
}

impl Module for MysqlQuery {
    const NAME: &'static str = "community.mysql.mysql_query";
    const ALIASES: &'static [&'static str] = &["community.general.mysql_query"];
    const SECRETS: &'static [&'static str] = &["login_password"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let queries = queries(args)?;
        if !Self::only_looks(args) {
            let output =
                Output { executed_queries: queries.clone(), query_result: vec![], rowcount: vec![], changed: None };
            return Ok(Checked::changed(output, Change { queries }));
        }
        let mut statements = session(args)?;
        statements.push("SET SESSION TRANSACTION READ ONLY".to_owned());
        let before = statements.len();
        statements.extend(queries.iter().cloned());
        let answers = args.login().look(system, args.login_db.as_deref(), statements).map_err(unknown_in_plan)?;
        Ok(Checked::unchanged(output(queries, answers.into_iter().skip(before), None)))
    }

    fn only_looks(args: &Args) -> bool {
        queries(args).is_ok_and(|queries| queries.iter().all(|query| only_looks(query)))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let login = args.login();
        let mut statements = session(args)?;
        if args.single_transaction.0 {
            statements.push("SET autocommit = 0".to_owned());
        }
        let before = statements.len();
        statements.extend(change.queries.iter().cloned());
        if args.single_transaction.0 {
            statements.push("COMMIT".to_owned());
        }
        let request = login.request(system, args.login_db.as_deref(), statements)?;
        let answers = system.sql_send(&request).map_err(|failure| login.explain(system, &request, failure))?;
        let answers: Vec<SqlAnswer> = answers.into_iter().skip(before).take(change.queries.len()).collect();
        let changed = change.queries.iter().zip(&answers).any(|(query, answer)| has_changed(query, answer.count));
        Ok(output(change.queries, answers.into_iter(), Some(changed)))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let request = args.login().request(system, args.login_db.as_deref(), change.queries.clone())?;
        let fills = |query: &String| filled(query).is_some_and(|table| is_empty(&request, table, system));
        let certain = change.queries.iter().any(|query| always_changes(query) || fills(query));
        let _answers = system.sql_send(&request);
        let possible = certain || change.queries.iter().any(|query| has_changed(query, 1));
        let output = output(change.queries, std::iter::empty(), Some(possible));
        let unsure = (possible && !certain).then(|| "whether rows change is for the server to say".to_owned());
        Ok(Simulated { unsure, ..Simulated::with_unknown(output, &["query_result", "rowcount"]) })
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(change.queries.iter().map(|query| format!("{query}\n")).collect::<String>())]
    }
}

fn output(queries: Vec<String>, answers: impl Iterator<Item = SqlAnswer>, changed: Option<bool>) -> Output {
    let (query_result, rowcount) = answers.map(|answer| (answer.rows, answer.count)).unzip();
    Output { executed_queries: queries, query_result, rowcount, changed }
}

/// The statements with their arguments.
fn queries(args: &Args) -> Result<Vec<String>, ModuleError> {
    let given: Vec<&str> = match &args.query {
        Value::String(query) => vec![query],
        Value::Array(list) => list
            .iter()
            .map(|query| {
                query.as_str().ok_or_else(|| {
                    ModuleError::new(format!("the elements in query list must be strings, passed {query}"))
                })
            })
            .collect::<Result<_, _>>()?,
        other => {
            return Err(ModuleError::new(format!("the query option value must be a string or list, passed {other}")));
        }
    };
    let fill = |query: &str| match (&args.positional_args, &args.named_args) {
        (Some(_), Some(_)) => Err(ModuleError::new("parameters are mutually exclusive: positional_args|named_args")),
        (Some(arguments), None) if !arguments.is_empty() => text::with_positions(query, arguments),
        (None, Some(arguments)) if !arguments.is_empty() => text::with_names(query, arguments),
        _ => Ok(query.to_owned()),
    };
    given
        .into_iter()
        .map(|query| {
            fill(query).map_err(|error| ModuleError::new(format!("Cannot execute SQL '{query}': {}", error.msg)))
        })
        .collect()
}

fn session(args: &Args) -> Result<Vec<String>, ModuleError> {
    let variables = args.session_vars.iter().flatten();
    variables
        .map(|(name, value)| {
            let template = format!("SET SESSION {} = %s", text::quote_name(name).replace('%', "%%"));
            text::with_positions(&template, std::slice::from_ref(value))
        })
        .collect()
}

/// The first words of a statement, in capitals, as far as Ansible looks.
fn beginning(query: &str) -> String {
    query.trim_start().chars().take(8).collect::<String>().to_uppercase()
}

fn only_looks(query: &str) -> bool {
    let word: String = query.trim_start().chars().take_while(|char| char.is_ascii_alphabetic()).collect();
    let looks =
        matches!(word.to_uppercase().as_str(), "SELECT" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "WITH" | "TABLE");
    let upper = query.to_uppercase();
    let writes = ["OUTFILE", "DUMPFILE", "UPDATE", "DELETE", "INSERT", "NEXTVAL", "GET_LOCK", ";"];
    // Rather too careful: what only seems to write is run on apply, and is no change there.
    looks && !writes.iter().any(|word| upper.trim_end().trim_end_matches(';').contains(word))
}

fn has_changed(query: &str, count: u64) -> bool {
    let beginning = beginning(query);
    let has = |words: &[&str]| words.iter().any(|word| beginning.contains(word));
    has(&["CREATE", "DROP", "ALTER", "RENAME", "TRUNCATE"])
        || (count > 0 && has(&["INSERT", "UPDATE", "DELETE", "REPLACE"]))
}

/// Whether a statement that succeeds counts as a change whatever the table has.
fn always_changes(query: &str) -> bool {
    let upper = query.to_uppercase();
    let has = |word: &str| upper.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|other| other == word);
    let adds = matches!(beginning(query).split(' ').next(), Some("INSERT" | "REPLACE"));
    has_changed(query, 0) || adds && has("VALUES") && !["IGNORE", "DUPLICATE", "SELECT"].into_iter().any(has)
}

/// The table that gets rows unless it has them already.
fn filled(query: &str) -> Option<&str> {
    let mut words = query.split_whitespace();
    let starts = ["INSERT", "IGNORE", "INTO"]
        .iter()
        .all(|word| words.next().is_some_and(|next| next.eq_ignore_ascii_case(word)));
    words.next().filter(|_| starts).and_then(|table| table.split('(').next())
}

/// Whether a table that a plan makes has no rows yet. One that is there already is not asked.
fn is_empty(request: &SqlRequest, table: &str, system: &dyn System) -> bool {
    let is_planned = system.resource(planned_sql::SERVER, &planned_sql::key(&request.host, request.port)).is_some();
    let count = SqlRequest { statements: vec![format!("SELECT COUNT(*) AS n FROM {table}")], ..request.clone() };
    let answers = is_planned.then(|| system.sql(&count)).and_then(Result::ok).unwrap_or_default();
    answers.first().and_then(|answer| answer.rows.first()).is_some_and(|row| row.get("n") == Some(&Value::from(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_changes_for_certain() {
        assert_eq!(filled("insert ignore into shop.stock(code) VALUES (1)"), Some("shop.stock"));
        assert_eq!(filled("INSERT INTO stock VALUES (1)"), None);
        assert!(always_changes("CREATE TABLE a (b INT)") && always_changes("insert into a values (1)"));
        assert!(!always_changes("INSERT IGNORE INTO a VALUES (1)") && !always_changes("UPDATE a SET b = 1"));
        assert!(
            !always_changes("INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE b = 1") && !always_changes("CALL p()")
        );
    }

    #[test]
    fn knows_what_only_looks() {
        assert!(
            only_looks(" select 1;") && only_looks("SHOW TABLES") && only_looks("WITH a AS (SELECT 1) SELECT * FROM a")
        );
        assert!(!only_looks("SELECT 1 INTO OUTFILE '/x'") && !only_looks("WITH a AS (SELECT 1) DELETE FROM b"));
        assert!(!only_looks("SELECT 1; DROP TABLE a") && !only_looks("CALL p()") && !only_looks("SET @a = 1"));
        assert!(has_changed("create table a", 0) && !has_changed("UPDATE a", 0) && has_changed("Update a", 1));
    }
}
