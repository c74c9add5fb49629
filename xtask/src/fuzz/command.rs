//! Options, the comparison, and the verdict.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use hostler_core::template::{Templar, TemplateOptions, Templates};
use hostler_core::value::{Map, Value};

use super::grammar::{Grammar, variables};
use super::known;
use super::oracle::{self, Answer};

/// Differences allowed among the expressions.
const ALLOWED: f64 = 0.001;
/// Expressions shown of a class of differences.
const SHOWN: usize = 4;

/// What to compare
#[derive(Args)]
pub struct Options {
    /// How many expressions
    #[arg(long, default_value_t = 100_000)]
    count: usize,
    /// Where the chance begins: the same number gives the same expressions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A Python that has ansible-core, netaddr and jmespath
    #[arg(long, default_value = "python3", value_name = "FILE")]
    python: PathBuf,
    /// Show all differences of classes whose name has this in it
    #[arg(long, value_name = "TEXT")]
    class: Option<String>,
}

/// Compares. Fails if too much differs, or something without a known reason.
pub fn run(options: &Options) -> Result<ExitCode> {
    let started = Instant::now();
    let mut grammar = Grammar::new(options.seed)?;
    let expressions: Vec<String> = (0..options.count).map(|_| grammar.expression()).collect();
    let variables = variables()?;
    let wanted = oracle::answers(&options.python, &variables, &expressions)?;
    let asked = started.elapsed().as_secs_f64();
    let templar = templar(&variables);
    let (mut classes, mut explained, mut failing) = (Classes::new(), Classes::new(), 0);
    for (expression, wanted) in expressions.iter().zip(&wanted) {
        let got = evaluate(&templar, expression);
        failing += usize::from(matches!(wanted, Answer::Error(_)));
        if agree(wanted, &got) {
            continue;
        }
        let class = match known::reason(expression, wanted, &got) {
            Some(reason) => explained.entry(reason.to_owned()),
            None => classes.entry(class(expression, wanted, &got)),
        };
        class.or_default().push(format!("{expression}\n    Ansible: {}\n    Hostler: {}", shown(wanted), shown(&got)));
    }
    report(options, &classes, &explained);
    let count = |classes: &Classes| classes.values().map(Vec::len).sum::<usize>();
    let (unexplained, different) = (count(&classes), count(&classes) + count(&explained));
    let share = different as f64 / options.count.max(1) as f64;
    println!(
        "template-fuzz: {} expressions ({failing} of them errors), {different} differ ({:.3}%), {unexplained} without explanation; {asked:.0} + {:.0} s",
        options.count,
        share * 100.0,
        started.elapsed().as_secs_f64() - asked,
    );
    Ok(if share < ALLOWED && unexplained == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Differences by what they have in common.
type Classes = BTreeMap<String, Vec<String>>;

fn report(options: &Options, classes: &Classes, explained: &Classes) {
    let asked_for = |name: &str| options.class.as_ref().is_some_and(|part| name.contains(part));
    for (reason, found) in explained {
        println!("explained: {} × {reason}", found.len());
        found.iter().filter(|_| asked_for(reason)).for_each(|one| println!("  {one}"));
    }
    let mut sorted: Vec<_> = classes.iter().collect();
    sorted.sort_by_key(|(_, found)| std::cmp::Reverse(found.len()));
    for (name, found) in sorted {
        println!("without explanation: {} × {name}", found.len());
        found.iter().take(if asked_for(name) { usize::MAX } else { SHOWN }).for_each(|one| println!("  {one}"));
    }
}

fn templar(variables: &serde_json::Value) -> Templar {
    let variables: Map = match trusted(variables) {
        Value::Map(map) => Map::clone(&map),
        _ => Map::default(),
    };
    Templar::new(Arc::new(Templates::new(TemplateOptions::default())), Arc::new(variables))
}

/// Variables as a playbook has them, templates included.
fn trusted(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::trusted(text.as_str(), None),
        serde_json::Value::Array(items) => Value::list(items.iter().map(trusted)),
        serde_json::Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.as_str().into(), trusted(value))).collect::<Map>().into()
        }
        other => Value::from(other.clone()),
    }
}

fn evaluate(templar: &Templar, expression: &str) -> Answer {
    match templar.resolve(&Value::trusted(format!("{{{{ {expression} }}}}"), None)) {
        // `repr`, which tells `1` from `'1'`.
        Ok(value) => {
            let listed = Templar::text_of(&Value::list([value]));
            Answer::Ok(listed[1..listed.len() - 1].to_owned())
        }
        Err(error) => Answer::Error(error.message),
    }
}

/// Errors need not be worded alike, but what is undefined is told by its name.
fn agree(wanted: &Answer, got: &Answer) -> bool {
    match (wanted, got) {
        (Answer::Ok(wanted), Answer::Ok(got)) => wanted == got,
        (Answer::Error(wanted), Answer::Error(got)) => !wanted.ends_with("is undefined") || got.contains(wanted),
        _ => false,
    }
}

/// What a difference is filed under: how it differs, and the last filter, test or method.
fn class(expression: &str, wanted: &Answer, got: &Answer) -> String {
    let kind = match (wanted, got) {
        (Answer::Ok(_), Answer::Ok(_)) => "value",
        (Answer::Ok(_), Answer::Error(_)) => "error here",
        (Answer::Error(_), Answer::Ok(_)) => "no error here",
        (Answer::Error(_), Answer::Error(_)) => "message",
    };
    let word = |mark: &str| {
        let (_, rest) = expression.rsplit_once(mark)?;
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| format!("{}{}", mark.trim(), &rest[..end]))
    };
    let feature = word(" | ").or_else(|| word(" is ")).or_else(|| word(".")).unwrap_or_else(|| "operators".into());
    format!("{feature}, {kind}")
}

fn shown(answer: &Answer) -> String {
    match answer {
        Answer::Ok(value) => value.clone(),
        Answer::Error(message) => format!("error: {message}"),
    }
}
