//! Whether what a plan said is what happened: the steps of a saved plan against the events of its apply.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A task on a host: where it stands (`FILE:LINE`), and for whom.
type Task = (String, String);

/// What a plan says, and what became of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fidelity {
    /// Changes that were planned and made.
    pub right: usize,
    /// Changes that were planned and not made.
    pub missing: Vec<Task>,
    /// Changes that were made and neither planned nor left open.
    pub surplus: Vec<Task>,
    /// Tasks that were left open.
    pub open: usize,
}

impl Fidelity {
    /// Compares the text of a saved plan with the event stream of its apply.
    pub fn of(plan: &str, events: &str) -> Result<Self> {
        let planned = kinds(plan)?;
        let mut changed = BTreeSet::new();
        for line in events.lines() {
            let event: Value =
                serde_json::from_str(line).with_context(|| format!("failed to read the event {line}"))?;
            if event["event"] == "host" && event["status"] == "changed" {
                let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
                changed.insert((text("place"), text("host")));
            }
        }
        let is_open = |task: &Task| planned.get(task).is_some_and(|kinds| kinds.contains("decide"));
        let certain: BTreeSet<_> = planned.keys().filter(|task| !is_open(task)).cloned().collect();
        Ok(Self {
            right: certain.intersection(&changed).count(),
            missing: certain.difference(&changed).cloned().collect(),
            surplus: changed.iter().filter(|task| !planned.contains_key(*task)).cloned().collect(),
            open: planned.keys().filter(|task| is_open(task)).count(),
        })
    }

    /// Fails if something did not happen as planned.
    pub fn expect_exact(&self) -> Result<()> {
        ensure!(self.missing.is_empty() && self.surplus.is_empty(), "the plan was not what happened: {self:#?}");
        ensure!(self.right > 0, "the plan had no changes");
        Ok(())
    }
}

/// What a plan's tasks change, with the kinds of change.
fn kinds(plan: &str) -> Result<BTreeMap<Task, BTreeSet<String>>> {
    let saved: Value = serde_json::from_str(plan).context("failed to read the plan")?;
    let mut kinds = BTreeMap::<Task, BTreeSet<String>>::new();
    for (host, plan) in saved["plan"]["plan"]["hosts"].as_object().context("the plan has no hosts")? {
        for step in plan["steps"].as_array().into_iter().flatten().filter(|step| step["changes"] == true) {
            let at = step["place"]["at"].as_str().unwrap_or_default();
            let place = at.rsplit_once(':').map_or(at, |(place, _column)| place).to_owned();
            let kind = step["kind"].as_str().unwrap_or_default().to_owned();
            kinds.entry((place, host.clone())).or_default().insert(kind);
        }
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_went_otherwise() {
        let plan = r#"{"plan": {"plan": {"hosts": {"a": {"steps": [
            {"place": {"at": "/s.yml:3:5"}, "kind": "create", "changes": true},
            {"place": {"at": "/s.yml:6:5"}, "kind": "update", "changes": true},
            {"place": {"at": "/s.yml:9:5"}, "kind": "decide", "changes": true},
            {"place": {"at": "/s.yml:12:5"}, "kind": "read"}]}}}}}"#;
        let event = |line: u32| format!(r#"{{"event":"host","status":"changed","host":"a","place":"/s.yml:{line}"}}"#);
        let events = [event(3), event(9), event(12)].join("\n");
        let found = Fidelity::of(plan, &events).unwrap();
        let task = |line: u32| (format!("/s.yml:{line}"), "a".to_owned());
        let expected = Fidelity { right: 1, missing: vec![task(6)], surplus: vec![task(12)], open: 1 };
        assert_eq!(found, expected);
        assert!(found.expect_exact().is_err());
    }
}
