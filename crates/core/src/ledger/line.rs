//! The ledger's lines.

use crate::module::Made;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Line {
    /// A task changed something.
    Apply(Record),
    /// A task found everything as it should be, or more became known of what was applied before.
    Keep(Record),
    /// A run of a playbook came to its end.
    End(End),
}

/// A task and what it is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// When, in seconds since 1970.
    pub t: u64,
    /// In which run.
    pub run: String,
    /// Of which playbook with which inventory.
    pub playbook: String,
    /// For which host of the inventory.
    pub host: String,
    /// Name of the play.
    pub play: String,
    /// `FILE:LINE:COLUMN`.
    pub at: String,
    /// Name of the task.
    pub task: String,
    /// How many times the task came before on this host in its run.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// Full name of the module.
    pub module: String,
    /// What the module was told, as far as it describes a state and holds no secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// What it is about: `file:/etc/motd`, `package:nginx`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// They were removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Nothing of the task is to be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_log: bool,
    /// It came after a failure, so it may be part of a rescue: no later run needs to come there again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rescue: bool,
    /// Parameters that are left out because they hold secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// Slow hash of these, where it was worth computing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Handlers that are owed because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// What was done. The host adds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did: Option<Did>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a change said of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Did {
    /// What came to be, as its diffs are headed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<String>,
    /// All that was done is that something came to be.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// What else came to be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<Made>,
    /// What was done to a unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// What was done to packages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Value>,
    /// The path that was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dest: Option<String>,
    /// The path that this was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// In the module's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}

impl Did {
    /// What was put there with all that is below.
    pub fn trees(&self) -> impl Iterator<Item = &Path> {
        self.made.iter().filter_map(|thing| if let Made::Tree(path) = thing { Some(path.as_path()) } else { None })
    }

    /// Packages that were installed.
    pub fn installed(&self) -> impl Iterator<Item = &str> {
        let steps = self.operations.iter().filter_map(|operation| operation["steps"].as_array()).flatten();
        steps
            .filter(|step| step["action"] == "install" && step["old"].is_null())
            .filter_map(|step| step["name"].as_str())
    }
}

/// The end of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct End {
    /// When, in seconds since 1970.
    pub t: u64,
    /// Which run.
    pub run: String,
    /// Of which playbook with which inventory.
    pub playbook: String,
    /// That playbook, for people.
    pub name: String,
    /// Hash of all that the playbook manages here; empty if not all of it was looked at.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Handlers that did not run: host, play, name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<(String, String, String)>,
    /// Where hosts stopped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<String, Position>,
    /// Another playbook owes handlers here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unsettled: bool,
    /// Records that nothing stands for any more, by [`Record::key`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
}

/// A task in a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// `FILE:LINE:COLUMN`.
    pub at: String,
    /// Name of the task.
    pub task: String,
    /// How many times it came before on this host.
    pub round: u32,
    /// It was done: what is missing comes after it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

impl Position {
    /// Whether this is the task: lines above it may have come or gone since.
    pub fn is_at(&self, at: &str, task: &str, round: u32) -> bool {
        self.task == task && self.round == round && file(&self.at) == file(at)
    }
}

impl Record {
    /// What a later record replaces this one by.
    pub fn key(&self) -> String {
        [&self.playbook, &self.host, &self.module, &self.resources.join(" ")].map(String::as_str).join("\n")
    }

    /// Whether both describe the same state from the same place.
    pub fn says(&self, other: &Self) -> bool {
        self.wants(other) && (&self.at, &self.task, self.rescue) == (&other.at, &other.task, other.rescue)
    }

    /// Whether both describe the same state, secrets aside.
    pub fn wants(&self, other: &Self) -> bool {
        self.key() == other.key() && (&self.args, &self.hidden) == (&other.args, &other.hidden)
    }

    /// A file is called as the host calls it: `dest` may have been a directory.
    pub fn name_by(&mut self, dest: Option<&str>) {
        if let ([resource], Some(path)) = (self.resources.as_mut_slice(), dest)
            && resource.starts_with("file:")
        {
            *resource = format!("file:{path}");
        }
    }

    /// The role that the task is of.
    pub fn role(&self) -> Option<&str> {
        self.task.split_once(" : ").map(|(role, _)| role)
    }

    /// `FILE`.
    pub fn file(&self) -> &str {
        file(&self.at)
    }

    /// `FILE:LINE`.
    pub fn place(&self) -> &str {
        self.at.rsplit_once(':').map_or(&self.at, |(place, _)| place)
    }
}

/// `FILE` of `FILE:LINE:COLUMN`.
fn file(at: &str) -> &str {
    at.rsplitn(3, ':').last().unwrap_or_default()
}
