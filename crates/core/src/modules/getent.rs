//! `ansible.builtin.getent`: entries of the host's databases, by `getent`.

use super::support::tool;
use crate::module::types::{LooseBool, LooseString};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Asks the host's databases.
pub struct Getent;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The database: `passwd`, `group`, `hosts`, `services` …
    pub database: LooseString,
    /// The entry; all if not given.
    pub key: Option<LooseString>,
    /// Source to ask instead of those of `nsswitch.conf`.
    pub service: Option<LooseString>,
    /// What separates fields: `:` for `passwd`, `shadow`, `group`, `gshadow`, else blanks, if not given.
    pub split: Option<LooseString>,
    /// Whether it is an error that there is no such entry.
    #[serde(default = "LooseBool::yes")]
    pub fail_key: LooseBool,
}

default_args!(database);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `getent_DATABASE`: entries by name, each a list of its other fields.
    ansible_facts: Map<String, Value>,
    /// Why there is no entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<&'static str>,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

/// Entries by name. Where a name has several, they are a list.
fn entries(text: &str, split: Option<&str>) -> Map<String, Value> {
    let mut found: Map<String, Value> = Map::new();
    let mut counts: Map<String, Value> = Map::new();
    for line in text.lines() {
        let mut fields = match split {
            Some(split) => line.split(split).map(str::to_owned).collect::<Vec<_>>(),
            None => line.split_whitespace().map(str::to_owned).collect(),
        };
        if fields.is_empty() {
            continue;
        }
        let name = fields.remove(0);
        let entry = json!(fields);
        match (found.get_mut(&name), counts.contains_key(&name)) {
            (Some(Value::Array(list)), true) => list.push(entry),
            (Some(first), false) => {
                *first = json!([first.take(), entry]);
                counts.insert(name, Value::Null);
            }
            _ => {
                found.insert(name, entry);
            }
        }
    }
    found
}

impl Module for Getent {
    const NAME: &'static str = "ansible.builtin.getent";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.getent"];
    const ONLY_LOOKS: bool = true;
    const BRINGS_FACTS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let database = &args.database.0;
        let mut argv = vec!["getent".to_owned(), database.clone()];
        argv.extend(args.key.iter().map(|key| key.0.clone()));
        if let Some(service) = &args.service {
            argv.extend(["-s".to_owned(), service.0.clone()]);
        }
        let answer = tool::ask(system, &Command::new(argv))?;
        let colons = matches!(database.as_str(), "passwd" | "shadow" | "group" | "gshadow").then_some(":");
        let split = args.split.as_deref().or(colons);
        if split == Some("") {
            return Err(ModuleError::new("empty separator"));
        }
        let facts =
            |entries: Map<String, Value>| Map::from_iter([(format!("getent_{database}"), Value::Object(entries))]);
        let missing = "One or more supplied key could not be found in the database.";
        match (answer.rc, &args.key) {
            (0, _) => {
                let ansible_facts = facts(entries(&answer.stdout_text(), split));
                Ok(Checked::unchanged(Output { ansible_facts, msg: None }))
            }
            (2, Some(key)) if !*args.fail_key => {
                let ansible_facts = facts(Map::from_iter([(key.0.clone(), Value::Null)]));
                Ok(Checked::unchanged(Output { ansible_facts, msg: Some(missing) }))
            }
            (1, _) => Err(ModuleError::new("Missing arguments, or database unknown.")),
            (2, _) => Err(ModuleError::new(missing)),
            (3, _) => Err(ModuleError::new("Enumeration not supported on this database.")),
            _ => Err(ModuleError::new("Unexpected failure!")),
        }
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
