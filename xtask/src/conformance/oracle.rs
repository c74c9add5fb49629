//! What ansible-core did: how often each task line of each target ended in which way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// The ways a task ends. `changed` counts as `ok`.
pub const STATUSES: [&str; 5] = ["ok", "failed", "ignored", "skipped", "unreachable"];

/// A set of the above.
pub type Statuses = BTreeSet<&'static str>;

/// One task line of a target.
pub struct Row {
    /// `FILE:LINE` below `targets/`.
    pub at: String,
    /// The action as the playbook names it.
    pub action: String,
    /// How it ended, over all hosts and runs.
    pub statuses: Statuses,
}

/// The rows of each target, in the order ansible-core came to them.
pub type Oracle = BTreeMap<String, Vec<Row>>;

impl Row {
    /// It was never run: that is not counted, but it must not be run here either.
    pub fn only_skipped(&self) -> bool {
        self.statuses.iter().all(|status| *status == "skipped")
    }
}

/// Reads `tests/conformance/oracle.jsonl`.
pub fn read(path: &Path) -> Result<Oracle> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let mut oracle = Oracle::new();
    for (number, line) in text.lines().enumerate() {
        let context = || format!("failed to read line {} of {}", number + 1, path.display());
        let row: Value = serde_json::from_str(line).with_context(context)?;
        let field = |name: &str| row[name].as_str().map(str::to_owned).with_context(context);
        let statuses = STATUSES.into_iter().filter(|status| row[*status].as_u64() > Some(0)).collect();
        let (target, at, action) = (field("target")?, field("at")?, field("action")?);
        oracle.entry(target).or_default().push(Row { at, action, statuses });
    }
    Ok(oracle)
}

/// The status of this name, unless it is unknown.
pub fn status(name: &str) -> Option<&'static str> {
    match name {
        "changed" => Some("ok"),
        _ => STATUSES.into_iter().find(|status| *status == name),
    }
}
