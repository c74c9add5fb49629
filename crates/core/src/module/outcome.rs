//! What became of one task on one host, as it travels back to the controller.

use crate::system::overlay::Delta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
