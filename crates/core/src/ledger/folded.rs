//! What a ledger's lines come to.

use super::{Did, End, Line, Position, Record, removal};
use indexmap::IndexMap;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A ledger that has fewer lines is not compacted.
const SMALL: usize = 600;
/// So many of the last lines are kept for `hostler history`.
const RECENT: usize = 300;

/// A ledger, read.
#[derive(Debug, Clone, Default)]
pub struct Folded {
    /// How many bytes were read.
    pub length: u64,
    /// Another user keeps a ledger there too, which this one cannot read.
    pub is_not_all: bool,
    /// The lines, each with whether it was understood; another version may have written others.
    lines: Vec<(String, Option<Line>)>,
    /// What is managed, by [`Record::key`], in the order in which it was first applied.
    pub records: IndexMap<String, Record>,
    /// What Hostler made, by resource.
    pub made: HashMap<String, Made>,
    /// Handlers that did not run, by playbook: host, play, name.
    pub owed: HashMap<String, Vec<(String, String, String)>>,
    /// Where hosts stopped, by playbook and host.
    pub stopped: HashMap<String, BTreeMap<String, Position>>,
}

/// How something came to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// When, in seconds since 1970.
    pub t: u64,
    /// What was done.
    pub did: Did,
    line: usize,
}

impl Folded {
    /// Reads a ledger. Lines that are not understood are left as they are.
    pub fn of(text: &str) -> Self {
        let mut folded = Self { length: text.len() as u64, ..Self::default() };
        for (number, text) in text.lines().enumerate() {
            let line: Option<Line> = serde_json::from_str(text).ok();
            match &line {
                Some(Line::Apply(record)) => folded.apply(record, number),
                Some(Line::Keep(record)) => folded.keep(record),
                Some(Line::End(end)) => folded.end(end),
                None => {}
            }
            folded.lines.push((text.to_owned(), line));
        }
        folded
    }

    /// The lines that are understood.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter_map(|(_, line)| line.as_ref())
    }

    fn apply(&mut self, record: &Record, number: usize) {
        let mut record = record.clone();
        let did = record.did.clone().unwrap_or_default();
        record.name_by(did.dest.as_deref().or(did.path.as_deref()));
        let owed = self.owed.entry(record.playbook.clone()).or_default();
        for name in &record.notify {
            let one = (record.host.clone(), record.play.clone(), name.clone());
            if !owed.contains(&one) {
                owed.push(one);
            }
        }
        let position = Position { at: record.at.clone(), task: record.task.clone(), round: record.round, done: true };
        self.stopped.entry(record.playbook.clone()).or_default().insert(record.host.clone(), position);
        for resource in &record.resources {
            if record.gone {
                self.made.remove(resource);
            } else if removal::is_made(&record, resource, &did) {
                // What was made first counts: a unit is started once and enabled later.
                let made = Made { t: record.t, did: did.clone(), line: number };
                let known = self.made.entry(resource.clone()).or_insert(made);
                known.did.verbs.extend(
                    did.verbs.iter().filter(|verb| !known.did.verbs.contains(verb)).cloned().collect::<Vec<_>>(),
                );
            }
        }
        self.keep(&record);
    }

    fn keep(&mut self, record: &Record) {
        if record.gone {
            let gone: HashSet<_> = record.resources.iter().collect();
            self.records
                .retain(|_, other| other.host != record.host || !other.resources.iter().all(|one| gone.contains(one)));
            self.made.retain(|resource, _| !gone.contains(resource));
        } else if !record.resources.is_empty() {
            let mut record = Record { did: None, notify: Vec::new(), ..record.clone() };
            let known = self.records.get(&record.key()).filter(|known| known.wants(&record));
            if record.secret.is_none() {
                record.secret = known.and_then(|known| known.secret.clone());
            }
            self.records.insert(record.key(), record);
        }
    }

    fn end(&mut self, end: &End) {
        self.owed.insert(end.playbook.clone(), end.owed.clone());
        self.stopped.insert(end.playbook.clone(), end.stopped.clone());
        end.dropped.iter().for_each(|key| {
            self.records.shift_remove(key);
        });
    }

    /// The same with fewer lines, if it has grown long: what still holds, and what happened last.
    pub fn compacted(&self) -> Option<String> {
        if self.lines.len() < SMALL {
            return None;
        }
        let made: HashSet<usize> = self.made.values().map(|made| made.line).collect();
        let (mut seen, mut ends) = (HashSet::new(), HashSet::new());
        let mut kept = Vec::new();
        for (number, (text, line)) in self.lines.iter().enumerate().rev() {
            let holds = match line {
                Some(Line::Apply(record) | Line::Keep(record)) => {
                    let mut record = record.clone();
                    let did = record.did.take().unwrap_or_default();
                    record.name_by(did.dest.as_deref().or(did.path.as_deref()));
                    seen.insert(record.key()) && self.records.contains_key(&record.key())
                }
                Some(Line::End(end)) => ends.insert(end.playbook.clone()),
                None => true,
            };
            if holds || made.contains(&number) || number + RECENT >= self.lines.len() {
                kept.push(text.as_str());
            }
        }
        if kept.len() * 2 > self.lines.len() {
            return None;
        }
        kept.reverse();
        Some(kept.into_iter().map(|line| format!("{line}\n")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(value: serde_json::Value) -> String {
        let record = json!({"t": 1, "run": "r", "playbook": "p", "host": "h", "play": "site", "at": "s.yml:1:1",
            "task": "t", "module": "ansible.builtin.copy"});
        let mut line = record.as_object().unwrap().clone();
        line.extend(value.as_object().unwrap().clone());
        format!("{}\n", serde_json::Value::Object(line))
    }

    fn made(path: &str) -> String {
        line(json!({"do": "apply", "resources": ["file:/x"], "args": {"dest": "/x"}, "notify": ["again"],
            "did": {"created": [path], "whole": true, "dest": path}}))
    }

    #[test]
    fn knows_what_was_made_and_what_is_owed() {
        let folded = Folded::of(&made("/x/y"));
        assert!(
            folded.made.contains_key("file:/x/y") && !folded.made.contains_key("file:/x"),
            "the host knows the name"
        );
        assert_eq!(folded.owed["p"], [("h".to_owned(), "site".to_owned(), "again".to_owned())]);
        assert!(folded.stopped["p"]["h"].done, "a run without an end stopped after its last change");

        let end = line(json!({"do": "end", "name": "site.yml"}));
        let folded = Folded::of(&format!("{}{end}garbage\n", made("/x/y")));
        assert!(folded.owed["p"].is_empty() && folded.stopped["p"].is_empty());
        assert_eq!(folded.records.len(), 1);

        let gone =
            line(json!({"do": "apply", "module": "ansible.builtin.file", "gone": true, "resources": ["file:/x/y"]}));
        let folded = Folded::of(&format!("{}{gone}", made("/x/y")));
        assert!(folded.records.is_empty() && folded.made.is_empty());
    }

    #[test]
    fn compacting_loses_nothing_that_holds() {
        let mut text = made("/first");
        for _ in 0..2000 {
            text.push_str(&line(json!({"do": "apply", "resources": ["file:/again"], "args": {"dest": "/again"}})));
        }
        let folded = Folded::of(&text);
        let short = folded.compacted().unwrap();
        assert!(short.lines().count() < 400);
        let again = Folded::of(&short);
        assert_eq!((again.records, again.made.len()), (folded.records, 1));
        assert!(Folded::of(&short).compacted().is_none());
    }
}
