//! A reporter that keeps what a plan found.

use super::model::{Kind, Plan, Step};
use super::rounds::{Rounds, at};
use crate::event::{DECIDED_AT_APPLY, Event, Reporter, Status, TaskInfo, TaskResult};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Makes a [`Plan`] of a run's events.
#[derive(Default)]
pub struct Recorder(Mutex<State>);

#[derive(Default)]
struct State {
    plan: Plan,
    rounds: Rounds,
    /// Tasks whose items were told, by id and host: how many.
    items: HashMap<(u64, String), usize>,
    /// The last failure of each host; it may have been rescued.
    failures: HashMap<String, String>,
}

impl Recorder {
    /// What was found so far.
    pub fn plan(&self) -> Plan {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).plan.clone()
    }
}

impl State {
    fn add(&mut self, task: &TaskInfo, host: &str, result: &TaskResult, item: Option<(usize, &str)>) {
        let work = result.work.clone().unwrap_or_default();
        let reason = || result.result.get("msg").and_then(|message| message.as_str()).map(str::to_owned);
        let kind = Kind::of(task, result);
        let step = Step {
            place: self.rounds.place(task, host, item.map(|(number, _)| number)),
            task: task.name.clone(),
            module: task.action.clone(),
            kind,
            changes: matches!(result.status, Status::Changed | Status::Unknown) && !result.only_checked,
            handler: task.handler,
            label: item.map(|(_, label)| label.to_owned()),
            change: work.change,
            diff: if kind.acts() { result.diff.clone() } else { Vec::new() },
            fingerprint: work.fingerprint,
            waits_for: reason().filter(|reason| reason.starts_with(DECIDED_AT_APPLY)),
            notifies: work.notifies,
            delegated_to: result.delegated_to.as_deref().map(str::to_owned),
        };
        self.plan.hosts.entry(host.to_owned()).or_default().steps.push(step);
    }

    fn finished(&mut self, task: &TaskInfo, host: &str, result: &TaskResult) {
        match self.items.remove(&(task.id, host.to_owned())) {
            None => self.add(task, host, result, None),
            // Its items are there already; what they notify is only known now.
            Some(count) => {
                let steps = &mut self.plan.hosts.entry(host.to_owned()).or_default().steps;
                let notifies = result.work.as_ref().map(|work| &work.notifies);
                for step in steps.iter_mut().rev().take(count).filter(|step| step.kind.acts()) {
                    step.notifies = notifies.cloned().unwrap_or_default();
                }
            }
        }
        self.rounds.ended(task, host);
        if matches!(result.status, Status::Failed | Status::Unreachable) {
            let message = result.result.get("msg").and_then(|message| message.as_str()).unwrap_or_default();
            self.failures.insert(host.to_owned(), format!("{}: {message} ({})", task.name, at(task)));
        }
    }
}

impl Reporter for Recorder {
    fn event(&self, event: &Event) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::PlayStarted { hosts, .. } => {
                for host in hosts {
                    state.plan.hosts.entry(host.to_string()).or_default();
                }
            }
            Event::ItemFinished { task, host, label, result } => {
                let number = state.items.entry((task.id, host.to_string())).or_default();
                let item = *number;
                *number += 1;
                state.add(task, host, result, Some((item, label)));
            }
            Event::HostFinished { task, host, result } => state.finished(task, host, result),
            Event::Found { finding } => {
                let says = format!("{}: {}", finding.kind.name(), finding.text().trim_end());
                state.plan.hosts.entry(finding.host.clone()).or_default().found.push(says);
            }
            Event::Finished { stats, .. } => {
                for (host, _) in stats.iter().filter(|(_, counts)| counts.failed + counts.unreachable > 0) {
                    let failure = state.failures.remove(&**host);
                    let host = state.plan.hosts.entry(host.to_string()).or_default();
                    host.failure = Some(failure.unwrap_or_default());
                }
            }
            _ => {}
        }
    }
}
