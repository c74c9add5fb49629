//! `ansible.builtin.debconf`: answers to questions that packages ask when they are configured.

use super::support::tool;
use crate::module::types::{LooseBool, LooseString};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An answer to a question.
pub struct Debconf;

/// Kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "debconf's own names")]
pub enum Kind {
    Boolean,
    Error,
    Multiselect,
    Note,
    Password,
    Seen,
    Select,
    String,
    Text,
    Title,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Package.
    #[serde(alias = "pkg")]
    pub name: LooseString,
    /// Question; without one, the package's are only listed.
    #[serde(alias = "selection", alias = "setting")]
    pub question: Option<LooseString>,
    /// Its kind.
    pub vtype: Option<Kind>,
    /// The answer, or a list of them.
    #[serde(alias = "answer")]
    pub value: Option<Value>,
    /// Do not mark the question as seen.
    #[serde(default)]
    pub unseen: LooseBool,
}

default_args!(name);

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Answers now: that of the question, or all.
    current: Map<String, Value>,
    /// Answers before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Map<String, Value>>,
    /// What debconf said.
    msg: String,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// Nothing where it is secret.
    before: Option<String>,
    previous: Map<String, Value>,
    value: String,
}

/// Under this kind a simulation keeps answers.
const RESOURCE: &str = "debconf";

fn text(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Error => "error",
            Self::Multiselect => "multiselect",
            Self::Note => "note",
            Self::Password => "password",
            Self::Seen => "seen",
            Self::Select => "select",
            Self::String => "string",
            Self::Text => "text",
            Self::Title => "title",
        }
    }
}

impl Args {
    fn selections(&self, system: &dyn System) -> Result<Map<String, Value>, ModuleError> {
        let answer = tool::look(system, &Command::new(["debconf-show", &self.name]))?;
        let entry = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim_start_matches('*').trim().to_owned(), json!(value.trim())))
        };
        // A seen question has a star in front.
        Ok(answer.stdout_text().lines().filter_map(|line| entry(line.trim())).collect())
    }

    fn password(&self, system: &dyn System, question: &str) -> Result<String, ModuleError> {
        let answer = tool::look(system, &Command::new(["debconf-get-selections"]))?;
        let text = answer.stdout_text();
        let mut lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let found = lines.find(|fields| {
            fields.len() > 3 && fields[0] == &*self.name && fields[1] == question && fields[2] == "password"
        });
        Ok(found.map(|fields| fields[3].to_owned()).unwrap_or_default())
    }

    fn key(&self, question: &str) -> String {
        format!("{} {question}", self.name.0)
    }
}

impl Module for Debconf {
    const NAME: &'static str = "ansible.builtin.debconf";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.debconf"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let given = [args.question.is_some(), args.vtype.is_some(), args.value.is_some()];
        if given.contains(&true) && given.contains(&false) {
            return Err(ModuleError::new("parameters are required together: question, vtype, value"));
        }
        let mut previous = args.selections(system)?;
        let (Some(question), Some(kind), Some(value)) = (&args.question, args.vtype, &args.value) else {
            return Ok(Checked::unchanged(Output { current: previous, ..Output::default() }));
        };
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        let (wanted, list) = match value {
            Value::Array(items) if kind == Kind::Multiselect => {
                if let Some(other) = items.iter().find(|item| !item.is_string()) {
                    let message = format!("Invalid value provided for 'multiselect': {other} is no string");
                    return Err(ModuleError::new(message));
                }
                let list = sorted(items.iter().map(text).collect());
                (list.join(", "), Some(list))
            }
            value if kind == Kind::Boolean => (text(value).to_lowercase(), None),
            value => (text(value), None),
        };
        let old = previous.get(&question.0).and_then(Value::as_str).map(str::to_owned);
        let old = match (old, kind) {
            (Some(_), Kind::Password) => Some(args.password(system, question)?),
            (Some(old), Kind::Boolean) => Some(old.to_lowercase()),
            (old, _) => old,
        };
        let planned = system.resource(RESOURCE, &args.key(question));
        let same = planned == Some(json!(wanted))
            || match (&old, &list) {
                (Some(old), Some(list)) => sorted(old.split(',').map(|item| item.trim().to_owned()).collect()) == *list,
                (old, _) => old.as_ref() == Some(&wanted),
            };
        if same {
            return Ok(Checked::unchanged(Output { current: previous, ..Output::default() }));
        }
        let before = old.filter(|_| kind != Kind::Password);
        let old = previous.shift_remove(&question.0);
        if old.is_some() {
            previous.clear();
        }
        previous.insert(question.0.clone(), old.unwrap_or_else(|| json!("")));
        let change = Change { before, previous, value: wanted };
        Ok(Checked::changed(output(args, &change, String::new()), change))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut argv = vec!["debconf-set-selections"];
        argv.extend(args.unseen.then_some("-u"));
        let words = [
            &*args.name,
            args.question.as_deref().unwrap_or_default(),
            args.vtype.map_or("", Kind::name),
            &change.value,
        ];
        // It may be a password: not on the command line.
        let answer = tool::run(system, &Command::new(argv).stdin(words.join(" ")))?;
        Ok(output(args, &change, answer.stdout_text()))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let key = args.key(args.question.as_deref().unwrap_or_default());
        system.set_resource(RESOURCE, &key, json!(change.value));
        Ok(Simulated::known(output(args, &change, String::new())))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match &change.before {
            Some(before) => vec![Diff::properties("answer", [("value", before.clone(), change.value.clone())])],
            None => vec![Diff::prepared("set the answer\n")],
        }
    }
}

fn output(args: &Args, change: &Change, msg: String) -> Output {
    let shown =
        if args.vtype == Some(Kind::Password) { args.value.clone().unwrap_or_default() } else { json!(change.value) };
    let question = args.question.as_ref().map(|question| question.0.clone()).unwrap_or_default();
    Output { current: Map::from_iter([(question, shown)]), previous: Some(change.previous.clone()), msg }
}
