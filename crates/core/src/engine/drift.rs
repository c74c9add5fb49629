//! Looking at what the hosts' ledgers say is there, without any playbook.

use super::Engine;
use super::book::Held;
use super::prune::{Looked, differences};
use crate::ledger::{Finding, FindingKind, Folded, ROOT_TOO, looks};
use std::sync::Arc;

/// How many records are looked at in one round trip.
const AT_ONCE: usize = 100;

/// A ledger that was read.
pub struct ReadLedger {
    /// Of which host.
    pub host: Arc<str>,
    /// Of which user, where another than the one who logs in.
    pub user: Option<String>,
    /// What is in it, or why it could not be read.
    pub content: Result<Folded, String>,
    held: Held,
}

impl Engine {
    /// Reads the ledgers of all hosts that this run has reached: those of the users that tasks ran as, and of who logs in.
    pub fn ledgers(&self) -> Vec<ReadLedger> {
        let Some(book) = &self.book else { return Vec::new() };
        let mut all: Vec<Held> = book.held().values().cloned().collect();
        let logins: Vec<Held> = all.iter().filter(|held| held.become_.is_some()).cloned().collect();
        all.extend(logins.into_iter().map(|held| Held { become_: None, ..held }));
        let read = self.threads.each(all.len(), |index| {
            let held = all[index].clone();
            let content = self.read_ledger(&held).map_err(|error| error.to_string());
            let (host, user) = (Arc::clone(&held.host), held.become_.as_ref().map(|become_| become_.user.clone()));
            ReadLedger { host, user, content, held }
        });
        let mut read: Vec<_> = read.into_iter().collect();
        read.sort_by(|a, b| (&a.host, &a.user).cmp(&(&b.host, &b.user)));
        read
    }

    /// Compares hosts with their ledgers; with `playbook`, only what that one manages.
    pub fn drift(&self, playbook: Option<&str>) -> Vec<Finding> {
        let ledgers = self.ledgers();
        let found = self.threads.each(ledgers.len(), |index| match &ledgers[index].content {
            Ok(folded) => self.drift_of(&ledgers[index], folded, playbook),
            Err(error) => vec![Finding::lost(&ledgers[index].host, error)],
        });
        found.into_iter().flatten().collect()
    }

    fn drift_of(&self, ledger: &ReadLedger, folded: &Folded, playbook: Option<&str>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if folded.is_not_all {
            findings.push(Finding::lost(&ledger.host, ROOT_TOO));
        }
        let mut records: Vec<_> = folded.records.values().collect();
        records.retain(|record| playbook.is_none_or(|playbook| record.playbook == playbook));
        // Two playbooks that want the same are looked at once.
        let mut seen = std::collections::HashSet::new();
        records.retain(|record| seen.insert((&record.module, &record.resources, record.args.len(), &record.secret)));
        for some in records.chunks(AT_ONCE) {
            let made = |record: &&crate::ledger::Record| record.resources.first().and_then(|one| folded.made.get(one));
            let calls: Vec<_> = some.iter().map(|record| looks(record, made(record))).collect();
            let flat: Vec<_> = calls.iter().flatten().cloned().collect();
            let looked = match self.look(&ledger.held, &flat) {
                Ok(looked) => looked,
                Err(error) => {
                    findings.push(Finding::lost(&ledger.host, &error.to_string()));
                    continue;
                }
            };
            let mut rest = looked.as_slice();
            for (record, calls) in some.iter().zip(&calls) {
                let (mine, others) = rest.split_at(calls.len().min(rest.len()));
                rest = others;
                let (kind, details) = match differences(record, mine) {
                    Looked::Same => continue,
                    Looked::Differs(details) => (FindingKind::Drifted, details),
                    Looked::Unclear(_) if !record.hidden.is_empty() => {
                        let hidden = record.hidden.join(", ");
                        (
                            FindingKind::Unclear,
                            vec![format!("its secrets ({hidden}) are in the playbook only: plan it")],
                        )
                    }
                    Looked::Unclear(why) => (FindingKind::Unclear, vec![why]),
                };
                let finding = Finding::new(&ledger.host, kind, record, &record.resources.join(", "));
                findings.push(Finding { details, ..finding });
            }
        }
        findings
    }
}
