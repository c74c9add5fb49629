//! A plan by tasks instead of hosts: the same change on many hosts is one entry.

use super::model::{Plan, Step};

/// A change, and the hosts that it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// The first host's step.
    pub step: &'a Step,
    /// The hosts, in order.
    pub hosts: Vec<&'a str>,
}

impl Plan {
    /// What changes, in the order of the first host that has it; handlers come where they run.
    pub fn folded(&self) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for (host, plan) in &self.hosts {
            let mut after = 0;
            for step in plan.steps.iter().filter(|step| step.changes) {
                match entries.iter().position(|entry| looks_like(entry.step, step)) {
                    Some(at) => {
                        entries[at].hosts.push(host);
                        after = at + 1;
                    }
                    None => {
                        // Behind what the same task changes on other hosts.
                        while entries.get(after).is_some_and(|entry| entry.step.place == step.place) {
                            after += 1;
                        }
                        entries.insert(after, Entry { step, hosts: vec![host] });
                        after += 1;
                    }
                }
            }
        }
        entries
    }
}

/// Whether two steps are one to a reader.
fn looks_like(one: &Step, other: &Step) -> bool {
    one.place == other.place
        && one.kind == other.kind
        && one.label == other.label
        && one.diff == other.diff
        && one.waits_for == other.waits_for
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::HostPlan;

    #[test]
    fn the_same_change_is_told_once() {
        let step = |at: &str, kind: &str| -> Step {
            serde_json::from_value(serde_json::json!({
                "place": {"at": at, "round": 0}, "task": at, "module": "m", "kind": kind, "changes": kind != "read",
            }))
            .unwrap()
        };
        let host = |steps| HostPlan { steps, failure: None, found: Vec::new() };
        let mut plan = Plan::default();
        plan.hosts.insert("a".to_owned(), host(vec![step("1", "create"), step("2", "read"), step("4", "run")]));
        plan.hosts.insert("b".to_owned(), host(vec![step("1", "update"), step("3", "update"), step("4", "run")]));
        plan.hosts.insert("c".to_owned(), host(vec![step("1", "create")]));
        let told: Vec<_> = plan.folded().iter().map(|entry| (entry.step.task.clone(), entry.hosts.join(","))).collect();
        let told: Vec<_> = told.iter().map(|(task, hosts)| (task.as_str(), hosts.as_str())).collect();
        assert_eq!(told, [("1", "a,c"), ("1", "b"), ("3", "b"), ("4", "a,b")]);
    }
}
