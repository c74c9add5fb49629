//! Holds a run to a plan: what the plan says does nothing only looks, and what it does not name is refused.

use super::model::{Kind, Place, Plan};
use super::rounds::Rounds;
use crate::event::TaskInfo;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// What a task may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// What it says.
    Act,
    /// Look: the plan says that there is nothing to do.
    Look,
    /// Nothing: the plan does not have it.
    Refuse,
}

/// A plan, looked up while it is applied.
pub(crate) struct Guard {
    kinds: HashMap<String, HashMap<Place, Kind>>,
    /// Hosts of which something was not known, or to be decided at apply: what follows from that is in no plan.
    open: HashSet<String>,
    rounds: Mutex<Rounds>,
}

impl Guard {
    pub(crate) fn new(plan: &Plan) -> Self {
        let kinds_of = |steps: &[super::Step]| steps.iter().map(|step| (step.place.clone(), step.kind)).collect();
        let is_open =
            |steps: &[super::Step]| steps.iter().any(|step| step.kind == Kind::Decide || step.waits_for.is_some());
        let hosts = plan.hosts.iter();
        Self {
            kinds: hosts.clone().map(|(host, plan)| (host.clone(), kinds_of(&plan.steps))).collect(),
            open: hosts.filter(|(_, plan)| is_open(&plan.steps)).map(|(host, _)| host.clone()).collect(),
            rounds: Mutex::default(),
        }
    }

    /// Whether the plan is for this host too.
    pub(crate) fn has(&self, host: &str) -> bool {
        self.kinds.contains_key(host)
    }

    /// What a task, or an item of its loop, may do on a host.
    pub(crate) fn verdict(&self, task: &TaskInfo, host: &str, item: Option<usize>) -> Verdict {
        let Some(kinds) = self.kinds.get(host) else { return Verdict::Refuse };
        let item = self.rounds.lock().unwrap_or_else(PoisonError::into_inner).place(task, host, item);
        let whole = Place { item: None, ..item.clone() };
        match kinds.get(&item).or_else(|| kinds.get(&whole)) {
            Some(Kind::Read) => Verdict::Look,
            Some(_) => Verdict::Act,
            None if self.open.contains(host) => Verdict::Act,
            None => Verdict::Refuse,
        }
    }

    /// A task has ended on a host: the next time it comes is another round.
    pub(crate) fn ended(&self, task: &TaskInfo, host: &str) {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner).ended(task, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{HostPlan, Step};

    fn step(at: &str, item: Option<usize>, kind: Kind) -> Step {
        serde_json::from_value(serde_json::json!({
            "place": {"at": at, "round": 0, "item": item}, "task": "t", "module": "m", "kind": kind,
        }))
        .unwrap()
    }

    #[test]
    fn only_what_is_planned_acts() {
        let steps = vec![step("a", None, Kind::Read), step("b", Some(0), Kind::Update), step("b", Some(1), Kind::Read)];
        let mut plan = Plan::default();
        plan.hosts.insert("h".to_owned(), HostPlan { steps, failure: None, found: Vec::new() });
        let guard = Guard::new(&plan);
        let task = |action: &str| TaskInfo { action: action.to_owned(), ..TaskInfo::default() };
        assert_eq!(guard.verdict(&task("a"), "h", None), Verdict::Look);
        assert_eq!(guard.verdict(&task("b"), "h", Some(0)), Verdict::Act);
        assert_eq!(guard.verdict(&task("b"), "h", Some(1)), Verdict::Look);
        assert_eq!(guard.verdict(&task("b"), "h", Some(2)), Verdict::Refuse);
        assert_eq!(guard.verdict(&task("a"), "other", None), Verdict::Refuse);
        guard.ended(&task("a"), "h");
        assert_eq!(guard.verdict(&task("a"), "h", None), Verdict::Refuse, "it comes a second time");
        plan.hosts.get_mut("h").unwrap().steps.push(step("c", None, Kind::Decide));
        assert_eq!(Guard::new(&plan).verdict(&task("x"), "h", None), Verdict::Act, "it may follow from the decision");
    }
}
