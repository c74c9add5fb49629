//! The plan: for every host its steps in order, also those that do nothing, so that what is not in it can be told.

use crate::event::{Status, TaskInfo, TaskResult};
use crate::module::{Diff, is_nothing};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a run would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// By host, in the order in which plays name them.
    pub hosts: IndexMap<String, HostPlan>,
}

/// What a run would do to one host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostPlan {
    /// In order.
    pub steps: Vec<Step>,
    /// Why there is no plan for this host: a task failed or the host could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What the comparison with the host's ledger brought to light: drift, orphans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
}

/// Which run of which task: tasks come again in loops, roles and includes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// `FILE:LINE:COLUMN`; the module's name for a task that was made in Rust.
    pub at: String,
    /// How many times the task came before on this host.
    pub round: u32,
    /// Number of the loop's item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
}

/// One task, or one item of its loop, on one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Where it comes from.
    pub place: Place,
    /// Name of the task.
    pub task: String,
    /// Full name of the module.
    pub module: String,
    /// What it does.
    pub kind: Kind,
    /// It counts as a change: a command whose task says that it changes nothing does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// It is a handler.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handler: bool,
    /// The loop's item, as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The module's typed change, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Value>,
    /// The change for people, without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<Diff>,
    /// Hash of the change and its diff, secrets included.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// What has to be known first, for a step that is decided at apply, or whose answer the plan does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Handlers that it notifies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifies: Vec<String>,
    /// Host that does it, where another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_to: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It only looks.
    Read,
    /// Something new comes to be.
    Create,
    /// Something changes.
    Update,
    /// Something is removed and made anew.
    Replace,
    /// Something is removed.
    Delete,
    /// A command is run, or something restarted.
    Run,
    /// Only apply will know.
    Decide,
}

impl Kind {
    /// One character, as plans are shown.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Read => "=",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
            Self::Run => ">",
            Self::Decide => "?",
        }
    }

    /// Its name.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Run => "run",
            Self::Decide => "decide",
        }
    }

    /// Whether it changes something, or may.
    pub fn acts(self) -> bool {
        self != Self::Read
    }

    /// What a plan's result means.
    pub fn of(task: &TaskInfo, result: &TaskResult) -> Self {
        let Some(work) = &result.work else { return Self::Read };
        if result.status == Status::Unknown {
            return Self::Decide;
        }
        if COMMANDS.contains(&task.action.as_str()) || result.diff.is_empty() {
            return Self::Run;
        }
        if work.change.as_ref().is_some_and(is_replacement) {
            return Self::Replace;
        }
        // Attributes of what is only made have no value before.
        let empty = |text: &str| text.lines().all(|line| line.trim_end().ends_with(':'));
        let is = |side: fn(&Diff) -> &String| result.diff.iter().map(side).all(|text| is_nothing(text) || empty(text));
        match (is(|diff| &diff.before), is(|diff| &diff.after)) {
            _ if result.diff.iter().any(|diff| !diff.prepared.is_empty()) => Self::Run,
            (true, false) => Self::Create,
            (false, true) => Self::Delete,
            _ => Self::Update,
        }
    }
}

/// Modules whose work is a command.
const COMMANDS: &[&str] = &[
    "ansible.builtin.command",
    "ansible.builtin.shell",
    "ansible.builtin.raw",
    "ansible.builtin.script",
    "ansible.builtin.expect",
    "ansible.builtin.reboot",
];

/// Docker's objects cannot be changed in most ways: they are removed and made anew.
fn is_replacement(change: &Value) -> bool {
    change.get("remove") == Some(&Value::Bool(true)) && change.get("create").is_some_and(|create| !create.is_null())
}

impl HostPlan {
    /// The steps that do something, or may.
    pub fn work(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.kind.acts())
    }

    /// How many changes of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for step in self.steps.iter().filter(|step| step.changes) {
            *counts.entry(step.kind).or_default() += 1;
        }
        counts
    }

    /// Whether there is anything to do.
    pub fn changes(&self) -> bool {
        self.steps.iter().any(|step| step.changes)
    }

    /// The first thing that `newer` says otherwise: a step that one of the two does not have, or does not do alike.
    pub fn first_difference<'a>(&'a self, newer: &'a Self) -> Option<&'a Step> {
        let (mut old, mut new) = (self.work(), newer.work());
        loop {
            return match (old.next(), new.next()) {
                (None, None) => None,
                (Some(old), Some(new)) if old.means(new) => continue,
                // One that comes later is there still: something new comes before it.
                (Some(old), Some(new)) if newer.work().any(|step| step.place == old.place) => Some(new),
                (Some(old), _) => Some(old),
                (None, Some(new)) => Some(new),
            };
        }
    }
}

impl Step {
    /// The role that the task is of.
    pub fn role(&self) -> Option<&str> {
        self.task.split_once(" : ").map(|(role, _)| role)
    }

    /// Whether both do the same.
    fn means(&self, other: &Self) -> bool {
        self.place == other.place && self.kind == other.kind && self.fingerprint == other.fingerprint
    }

    /// What it is about: the path or object that its diff names, else nothing.
    pub fn object(&self) -> Option<&str> {
        let headers = self.diff.iter().flat_map(|diff| [&diff.before_header, &diff.after_header]);
        headers.map(String::as_str).find(|header| !header.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Work;
    use serde_json::{Map, json};
    use std::time::Duration;

    fn kind(action: &str, change: Value, diff: Vec<Diff>) -> Kind {
        let task = TaskInfo { action: action.to_owned(), ..TaskInfo::default() };
        let result = TaskResult {
            status: Status::Changed,
            only_checked: false,
            result: Map::new(),
            diff,
            elapsed: Duration::ZERO,
            delegated_address: None,
            delegated_to: None,
            work: Some(Work { change: Some(change), ..Work::default() }),
        };
        Kind::of(&task, &result)
    }

    #[test]
    fn kinds_follow_from_changes() {
        let text = |before, after| vec![Diff::texts("/etc/x", before, after)];
        assert_eq!(kind("ansible.builtin.copy", json!({}), text("", "a\n")), Kind::Create);
        assert_eq!(kind("ansible.builtin.copy", json!({}), text("a\n", "b\n")), Kind::Update);
        assert_eq!(kind("ansible.builtin.file", json!({}), text("state: file\n", "state: absent\n")), Kind::Delete);
        assert_eq!(kind("ansible.builtin.shell", json!({}), text("", "x")), Kind::Run);
        let anew = json!({"remove": true, "create": {"Image": "x"}});
        assert_eq!(kind("community.docker.docker_container", anew, text("a: 1\n", "a: 2\n")), Kind::Replace);
    }

    #[test]
    fn names_what_moved() {
        let step = |at: &str, fingerprint: &str| Step {
            place: Place { at: at.to_owned(), round: 0, item: None },
            task: "t".to_owned(),
            module: "m".to_owned(),
            kind: Kind::Update,
            changes: true,
            handler: false,
            label: None,
            change: None,
            diff: vec![Diff::texts(at, "a", "b")],
            fingerprint: fingerprint.to_owned(),
            waits_for: None,
            notifies: Vec::new(),
            delegated_to: None,
        };
        let plan = |steps: Vec<Step>| HostPlan { steps, failure: None, found: Vec::new() };
        let old = plan(vec![step("/a", "1"), step("/b", "2")]);
        assert!(old.first_difference(&old).is_none());
        let moved = |newer: HostPlan| old.first_difference(&newer).and_then(Step::object).map(str::to_owned);
        assert_eq!(moved(plan(vec![step("/a", "1"), step("/b", "3")])).as_deref(), Some("/b"));
        assert_eq!(moved(plan(vec![step("/a", "1")])).as_deref(), Some("/b"));
        assert_eq!(moved(plan(vec![step("/b", "2")])).as_deref(), Some("/a"));
        assert_eq!(moved(plan(vec![step("/x", "1"), step("/a", "1"), step("/b", "2")])).as_deref(), Some("/x"));
    }
}
