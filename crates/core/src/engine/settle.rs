//! The end of a run for the hosts' ledgers: what drifted, what the playbook does not name any more, and the lines about both.
//! A host where nothing changed and whose ledger says so already is not asked again.

use super::book::{Book, Held, HostNotes, Seen, now};
use super::{Engine, RunError, RunMode};
use crate::connection::{Call, ConnectionError, NoBlobs};
use crate::event::{Event, Status};
use crate::ledger::{End, Finding, FindingKind, Folded, Line, Position, Record};
use crate::module::Outcome;
use crate::plan::fingerprint;
use crate::text::hex;
use crate::wire::{LEDGER, Request};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;

/// A resource that nothing names any more.
pub(super) struct Orphan {
    pub(super) record: Record,
    pub(super) resource: String,
}

impl Engine {
    /// The end of a run for the hosts' ledgers: tells what it brings to light, removes what is to be removed, writes down
    /// what is missing. To be called once.
    ///
    /// # Errors
    /// Errors that stop the whole run.
    pub fn settle(&self) -> Result<(), RunError> {
        let tell =
            |findings: Vec<Finding>| findings.into_iter().for_each(|finding| self.emit(&Event::Found { finding }));
        tell(self.compare());
        let pruned = self.prune();
        tell(pruned?);
        tell(self.write_down());
        Ok(())
    }

    /// Compares the run with what the hosts' ledgers say: in plans, what drifted; always, what is not named any more.
    fn compare(&self) -> Vec<Finding> {
        let Some(book) = &self.book else { return Vec::new() };
        let keys: Vec<String> = book.held().keys().cloned().collect();
        let found = self.threads.each(keys.len(), |index| self.compare_one(book, &keys[index]));
        found.into_iter().flatten().collect()
    }

    fn compare_one(&self, book: &Book, key: &str) -> Vec<Finding> {
        let Some(mut held) = book.held().get(key).cloned() else { return Vec::new() };
        if book.is_settled(&held) && self.options.mode == RunMode::Apply {
            return Vec::new();
        }
        let folded = match self.read_ledger(&held) {
            Ok(folded) => folded,
            Err(ConnectionError::Unreachable(_)) if self.is_out(&held.host) => return Vec::new(),
            Err(error) => return vec![Finding::lost(&held.host, &error.to_string())],
        };
        let mut findings = Vec::new();
        if self.options.mode == RunMode::Plan {
            findings.extend(drifted(&held, &folded));
        }
        let orphans = book.orphans(&held, &folded);
        findings.extend(
            orphans
                .iter()
                .map(|orphan| Finding::new(&held.host, FindingKind::Orphan, &orphan.record, &orphan.resource)),
        );
        held.folded = Some(folded);
        book.held().insert(key.to_owned(), held);
        findings
    }

    /// Writes into the hosts' ledgers what is not there yet.
    fn write_down(&self) -> Vec<Finding> {
        let Some(book) = self.book.as_ref().filter(|_| self.options.mode == RunMode::Apply) else { return Vec::new() };
        let keys: Vec<String> = book.held().keys().cloned().collect();
        let found = self.threads.each(keys.len(), |index| {
            let held = book.held().get(&keys[index]).cloned()?;
            let folded = held.folded.as_ref().filter(|_| !held.refused)?;
            let lines = book.missing(&held, folded);
            if lines.is_empty() {
                return None;
            }
            let text: String =
                lines.iter().filter_map(|line| serde_json::to_string(line).ok()).map(|line| line + "\n").collect();
            let asked = match folded.compacted() {
                Some(short) => json!({"length": folded.length, "text": short + &text}),
                None => json!({"append": text}),
            };
            self.ask_ledger(&held, asked).err().map(|error| Finding::lost(&held.host, &error.to_string()))
        });
        let strayed = book
            .notes()
            .iter()
            .filter_map(|(host, notes)| {
                let Position { task, at, .. } = notes.astray()?;
                let says = format!("`{task}` at {at}, where the last run stopped, did not come");
                self.stats.count(host, Status::Failed, false);
                self.put_out(host);
                Some(Finding::lost(host, &format!("{says}: the playbook has changed, apply it without `--resume`")))
            })
            .collect::<Vec<_>>();
        found.into_iter().flatten().chain(strayed).collect()
    }

    pub(super) fn read_ledger(&self, held: &Held) -> Result<Folded, ConnectionError> {
        let answer = self.ask_ledger(held, json!({"read": true}))?;
        let mut folded = Folded::of(answer["text"].as_str().unwrap_or_default());
        folded.is_not_all = answer["others"] == true;
        Ok(folded)
    }

    /// What earlier runs owe a host's play.
    pub(super) fn owed(&self, book: &Book, host: &Arc<str>, play: &str) -> Vec<String> {
        let held: Vec<Held> =
            book.held().values().filter(|held| held.host == *host && !held.is_settled()).cloned().collect();
        let mut owed = Vec::new();
        for held in held {
            let Ok(answer) = self.ask_ledger(&held, json!({"read": true})) else { continue };
            // What this run wrote is no debt of an earlier one.
            let own = format!("\"run\":\"{}\"", book.run);
            let lines = answer["text"].as_str().unwrap_or_default().lines().filter(|line| !line.contains(&own));
            let folded = Folded::of(&lines.collect::<Vec<_>>().join("\n"));
            owed.extend(book.owed(host, play, &folded));
        }
        owed.dedup();
        owed
    }

    /// Asks the helper that a ledger belongs to.
    pub(super) fn ask_ledger(&self, held: &Held, asked: Value) -> Result<Value, ConnectionError> {
        let request = Request::looking(LEDGER, asked);
        let cancelled = || self.cancel.is_immediate();
        let outcome: Outcome = self.pool.with(&held.target, |connection| {
            let (become_, blobs) = (held.become_.as_ref(), &NoBlobs);
            let call = Call { become_, blobs, progress: &mut |_| {}, cancelled: &cancelled, journal: None };
            connection.call(&request, call)
        })?;
        let message = outcome.output.get("msg").and_then(Value::as_str).unwrap_or_default();
        if outcome.failed { Err(ConnectionError::Failed(message.to_owned())) } else { Ok(outcome.output.into()) }
    }
}

impl Book {
    /// Nothing has to be read or written: the ledger ends with a run like this one.
    fn is_settled(&self, held: &Held) -> bool {
        let Some(Ok(Line::End(end))) = held.last.as_deref().map(serde_json::from_str) else { return false };
        let whole = self.is_whole() && self.notes().values().all(HostNotes::came_through);
        !held.wrote && whole && end.playbook == self.options.playbook && end.digest == digest(held) && held.is_settled()
    }

    /// Whether everything that a host's record may come from was looked at.
    fn saw_all(&self, notes: Option<&HostNotes>, record: &Record) -> bool {
        let Some(notes) = notes else { return false };
        let task = (record.file().to_owned(), record.task.clone(), record.module.clone());
        let is_whole = self.is_whole() && !self.options.resume && !notes.failed && !notes.left;
        let is_hidden = notes.silent.contains(&task) || notes.hidden_roles.contains(record.role().unwrap_or_default());
        is_whole && !record.rescue && !is_hidden
    }

    /// Records of this playbook that no task stands for any more.
    fn unnamed<'a>(&self, held: &Held, folded: &'a Folded) -> Vec<&'a Record> {
        let notes = self.notes();
        let mine = folded.records.values().filter(|record| record.playbook == self.options.playbook);
        mine.filter(|record| !held.seen.contains_key(&record.key()))
            .filter(|record| self.saw_all(notes.get(record.host.as_str()), record))
            .collect()
    }

    /// What this playbook made and nothing names any more, in the order it was made.
    pub(super) fn orphans(&self, held: &Held, folded: &Folded) -> Vec<Orphan> {
        let unnamed = self.unnamed(held, folded);
        let gone: HashSet<String> = unnamed.iter().map(|record| record.key()).collect();
        let others = folded.records.values().filter(|record| !gone.contains(&record.key()));
        let mut named: HashSet<&str> = others.flat_map(|record| &record.resources).map(String::as_str).collect();
        // Another user's tasks may manage it now.
        let all = self.held();
        let here = all.values().filter(|other| other.target.address == held.target.address);
        named.extend(
            here.flat_map(|held| held.seen.values()).flat_map(|seen| &seen.record.resources).map(String::as_str),
        );
        let mut orphans = Vec::new();
        for record in unnamed {
            for resource in &record.resources {
                if folded.made.contains_key(resource) && named.insert(resource) {
                    orphans.push(Orphan { record: record.clone(), resource: resource.clone() });
                }
            }
        }
        orphans
    }

    /// Lines that the ledger lacks at the end of this run.
    fn missing(&self, held: &Held, folded: &Folded) -> Vec<Line> {
        let mut lines = Vec::new();
        for seen in held.seen.values() {
            lines.extend(lacking(seen, folded).map(Line::Keep));
        }
        let orphans = self.orphans(held, folded);
        let orphaned: HashSet<String> = orphans.iter().map(|orphan| orphan.record.key()).collect();
        let unnamed = self.unnamed(held, folded).into_iter().map(Record::key);
        let dropped: Vec<String> = unnamed.filter(|key| !orphaned.contains(key)).collect();
        let before = folded.owed.get(&self.options.playbook).cloned().unwrap_or_default();
        let stopped_before = folded.stopped.get(&self.options.playbook).cloned().unwrap_or_default();
        let notes = self.notes();
        let is_fine = |host: &str| notes.get(host).is_some_and(|notes| self.is_whole() && notes.came_through());
        let mut owed = before.clone();
        owed.retain(|(host, play, name)| {
            let ran = notes.get(host.as_str()).is_some_and(|notes| notes.ran.contains(&(play.clone(), name.clone())));
            !is_fine(host) && !ran
        });
        let mut stopped = stopped_before.clone();
        let known = notes.iter().filter(|(_, notes)| notes.astray().is_none());
        for (host, notes) in known.filter(|(_, notes)| self.is_whole() || notes.stopped.is_some()) {
            match &notes.stopped {
                Some(position) => stopped.insert(host.to_string(), position.clone()),
                None => stopped.remove(&**host),
            };
        }
        let complete = self.is_whole() && !self.options.resume && orphans.is_empty();
        let complete = complete && notes.values().all(HostNotes::came_through);
        let changed = held.wrote || !dropped.is_empty() || owed != before || stopped != stopped_before;
        if changed || !lines.is_empty() {
            let elsewhere =
                folded.owed.iter().any(|(playbook, owed)| *playbook != self.options.playbook && !owed.is_empty());
            lines.push(Line::End(End {
                t: now(),
                run: self.run.clone(),
                playbook: self.options.playbook.clone(),
                name: self.options.name.clone(),
                digest: if complete { digest(held) } else { String::new() },
                owed,
                stopped,
                unsettled: elsewhere,
                dropped,
            }));
        }
        lines
    }
}

/// A record as the ledger should have it, where it has not.
fn lacking(seen: &Seen, folded: &Folded) -> Option<Record> {
    let record = Record { notify: Vec::new(), ..seen.record.clone() };
    if record.gone {
        let goes = |known: &Record| {
            known.host == record.host && known.resources.iter().all(|resource| record.resources.contains(resource))
        };
        return folded.records.values().any(goes).then_some(record);
    }
    let known = folded.records.get(&record.key());
    let secret = match (&seen.secret, known.and_then(|known| known.secret.clone())) {
        (None, _) => None,
        (Some(_), Some(hash)) if !seen.acts => Some(hash),
        (Some(text), _) => Some(secret_hash(&record, text)),
    };
    let is_there = known.is_some_and(|known| known.says(&record) && known.secret == secret);
    (!is_there).then_some(Record { secret, ..record })
}

/// The slow hash of what a record leaves out.
pub(super) fn secret_hash(record: &Record, text: &str) -> String {
    fingerprint(text, &format!("ledger {}", record.resources.join(" ")), true)
}

/// Resources that a plan would change although the playbook wants what it wanted when they were applied.
fn drifted(held: &Held, folded: &Folded) -> Vec<Finding> {
    let mut findings = Vec::new();
    for seen in held.seen.values().filter(|seen| seen.acts && !seen.record.gone) {
        let Some(known) = folded.records.get(&seen.record.key()).filter(|known| known.wants(&seen.record)) else {
            continue;
        };
        let same_secret = match (&known.secret, &seen.secret) {
            (Some(hash), Some(text)) => *hash == secret_hash(&seen.record, text),
            (None, Some(_)) => false,
            _ => true,
        };
        if same_secret {
            let resource = known.resources.join(", ");
            findings.push(Finding::new(&held.host, FindingKind::Drifted, known, &resource));
        }
    }
    findings
}

/// Hash of all that a run manages in one ledger.
fn digest(held: &Held) -> String {
    let essence = |seen: &Seen| {
        let Record { host, at, task, module, args, resources, hidden, gone, .. } = &seen.record;
        json!([host, at, task, module, args, resources, hidden, gone]).to_string()
    };
    let mut all: Vec<String> = held.seen.values().map(essence).collect();
    all.sort();
    hex(&Sha256::digest(all.join("\n")))
}
