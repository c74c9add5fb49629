//! How task lines ended here, read from the files that `HOSTLER_EVENTS` names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::oracle::{Statuses, status};

/// A task that ended on a host.
pub struct Ended {
    /// `FILE:LINE` below `targets/`.
    pub at: String,
    /// Its action.
    pub action: String,
    /// How it ended.
    pub status: &'static str,
    /// What it said, if anything.
    pub message: String,
}

/// Everything a target's runs did, in order.
#[derive(Default)]
pub struct Observed(Vec<Ended>);

impl Observed {
    /// Reads a file of events; `folder` is where `targets/` was while they were written. No file means no runs.
    pub fn read(path: &Path, folder: &str) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let bytes = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        // A run that was killed leaves half a line.
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        Ok(Self(events.filter(|event| event["event"] == "host").filter_map(|event| ended(&event, folder)).collect()))
    }

    /// Adds those of another run.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// In the order in which they ended.
    pub fn all(&self) -> &[Ended] {
        &self.0
    }

    /// The ways in which each line ended.
    pub fn statuses(&self) -> BTreeMap<&str, Statuses> {
        let mut lines: BTreeMap<&str, Statuses> = BTreeMap::new();
        for ended in &self.0 {
            lines.entry(&ended.at).or_default().insert(ended.status);
        }
        lines
    }
}

fn ended(event: &Value, folder: &str) -> Option<Ended> {
    let at = event["place"].as_str()?.strip_prefix(folder)?.trim_start_matches('/');
    let action = event["action"].as_str()?;
    let result = &event["result"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    // A failed assertion's own words say little.
    let assertion = text(&result["assertion"]);
    let message = if assertion.is_empty() { text(&result["msg"]) } else { assertion };
    // Ansible tells of an unreachable host that is ignored as of any other.
    let status = if result["unreachable"] == true { Some("unreachable") } else { status(event["status"].as_str()?) };
    Some(Ended {
        at: at.to_owned(),
        action: action.trim_start_matches("ansible.builtin.").to_owned(),
        status: status?,
        message,
    })
}
