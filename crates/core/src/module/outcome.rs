//! What became of one task on one host, as it travels back to the controller.

use crate::system::overlay::Delta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The result of one module call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Something was changed, or would be.
    #[serde(default)]
    pub changed: bool,
    /// The task failed; `output.msg` says why.
    #[serde(default)]
    pub failed: bool,
    /// What `register` gets, without `changed` and `failed`.
    #[serde(default)]
    pub output: Map<String, Value>,
    /// The typed change, as JSON; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Value>,
    /// The change for people. Filled only where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<Diff>,
    /// What comes into being, where a ledger asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Made>,
    /// Names of fields of `output` that only apply will know (plans only); `*` for all of them, where the module
    /// needed something that an earlier simulated change leaves unknown. `nodes.*.ID` names the `ID` of all items of
    /// `nodes` that have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// It changes nothing, whatever became of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_looks: bool,
    /// What the call changed in the simulation that it was made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Delta>,
    /// How the machine's ledger ended before this call (`last`), and why it could not be written (`error`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Map<String, Value>>,
}

impl Outcome {
    /// A failure with a message.
    pub fn failure(msg: impl Into<String>) -> Self {
        let mut outcome = Self { failed: true, ..Self::default() };
        outcome.output.insert("msg".into(), Value::String(msg.into()));
        outcome
    }
}

/// What a change brings into being: the machine's ledger keeps it, so that it can be removed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// What the task is about was not there.
    Itself,
    /// One of several things that the task is about, by its name.
    Named(String),
    /// A file that holds what the task is about.
    File(PathBuf),
    /// A directory on the way there.
    Directory(PathBuf),
    /// What the task put there, with all that is below.
    Tree(PathBuf),
}

impl Made {
    /// Of a text that holds others' lines too: what the task is about is new if lines only came to it.
    pub fn of_text(path: &Path, before: Option<&str>, after: &str) -> Vec<Self> {
        let mut made = Vec::new();
        made.extend(only_adds(before.unwrap_or_default(), after).then_some(Self::Itself));
        made.extend(before.is_none().then(|| Self::File(path.to_owned())));
        made
    }
}

/// Whether `after` has all lines of `before`, in order, and more.
fn only_adds(before: &str, after: &str) -> bool {
    let mut after_lines = after.lines();
    before.lines().all(|line| after_lines.any(|other| other == line)) && after.lines().count() > before.lines().count()
}

/// One changed thing before and after, as Ansible's `diff` result field has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Diff {
    /// Text before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// Text after.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after: String,
    /// What `before` is, usually a path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before_header: String,
    /// What `after` is, usually a path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub after_header: String,
    /// Text that is already a diff or an explanation (a command line, a package list).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prepared: String,
}

impl Diff {
    /// Two texts of the thing called `header`.
    pub fn texts(header: impl Into<String>, before: impl Into<String>, after: impl Into<String>) -> Self {
        let header = header.into();
        Self {
            before: before.into(),
            after: after.into(),
            before_header: header.clone(),
            after_header: header,
            prepared: String::new(),
        }
    }

    /// Something is there after it that was not there before.
    pub fn is_creation(&self) -> bool {
        // What is too large to be shown has its name all the same.
        let named = self.before_header.is_empty() && !self.after_header.is_empty();
        is_nothing(&self.before) && (named || (self.prepared.is_empty() && !is_nothing(&self.after)))
    }

    /// As a result has it: both sides, also where one is empty.
    pub fn to_result(&self) -> Value {
        let mut fields = serde_json::to_value(self).unwrap_or_default();
        if let (true, Value::Object(fields)) = (self.prepared.is_empty(), &mut fields) {
            for side in ["before", "after"] {
                fields.entry(side).or_insert_with(|| Value::from(""));
            }
        }
        fields
    }

    /// Text shown as it is.
    pub fn prepared(text: impl Into<String>) -> Self {
        Self { prepared: text.into(), ..Self::default() }
    }

    /// Two sets of properties of the thing called `header`, as YAML-like lines.
    pub fn properties<'a>(
        header: impl Into<String>,
        changed: impl IntoIterator<Item = (&'a str, String, String)>,
    ) -> Self {
        let (mut before, mut after) = (String::new(), String::new());
        for (name, old, new) in changed {
            before.push_str(&format!("{name}: {old}\n"));
            after.push_str(&format!("{name}: {new}\n"));
        }
        Self::texts(header, before, after)
    }
}

/// Text before something is made, or after it was removed: none, or properties that say so.
pub(crate) fn is_nothing(text: &str) -> bool {
    const ABSENT: &[&str] = &["state: absent", "state: \"absent\"", "exists: false", "exists: False", "joined: false"];
    text.is_empty() || text.lines().any(|line| ABSENT.contains(&line.trim()))
}
