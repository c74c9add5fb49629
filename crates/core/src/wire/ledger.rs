//! The ledger on this machine: a file of lines that only the controller understands. Here they are appended, read, and
//! exchanged as a whole.
//!
//! A line about a change is in the file before the answer that tells of the change is sent; it is on the disk before the
//! helper waits for anything else.
// tidy-allow os: the ledger is the helper's own file, whatever machine modules see

use crate::module::{Diff, Mode, Outcome, Registry};
use crate::system::System;
use rustix::fs::FlockOperation;
use serde_json::{Map, Value, json};
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A request under this name is about the ledger.
pub const LEDGER: &str = "hostler.ledger";
/// Names the directory of the ledger, instead of the usual one.
const DIRECTORY: &str = "HOSTLER_STATE";

/// Root's directory.
const ROOTS: &str = "/var/lib/hostler";

/// This machine's ledger, as far as one helper has to do with it.
#[derive(Default)]
pub(super) struct Ledger {
    /// The controller was told how it ends.
    told: bool,
    /// Written, and perhaps not on the disk yet.
    unsynced: Option<File>,
}

impl Ledger {
    /// What was appended is on the disk from now on.
    pub(super) fn sync(&mut self) {
        if let Some(file) = self.unsynced.take() {
            // The lines are written; nobody can be told any more.
            let _late = file.sync_data();
        }
    }

    /// Takes in what a call did: `record` becomes a line if it has changed something.
    pub(super) fn keep(
        &mut self,
        mut record: Map<String, Value>,
        diff: bool,
        outcome: &mut Outcome,
        system: &dyn System,
    ) {
        let did = did(outcome);
        outcome.change = None;
        outcome.made.clear();
        if !diff {
            outcome.diff.clear();
        }
        let path = path(system);
        let mut told = Map::new();
        if !std::mem::replace(&mut self.told, true) {
            let text = read(&path).unwrap_or_default();
            told.insert("last".into(), text.lines().next_back().unwrap_or_default().into());
        }
        if outcome.changed && !outcome.failed {
            record.insert("did".into(), did.into());
            if let Err(error) = self.append(&path, &format!("{}\n", Value::Object(record))) {
                told.insert("error".into(), format!("failed to write {}: {error}", path.display()).into());
            }
        }
        outcome.ledger = (!told.is_empty()).then_some(told);
    }

    /// Does what a request for [`LEDGER`] asks: `append` lines, put `text` in the place of the first `length` bytes,
    /// `look` what modules would change, and give all lines back where `read` says so.
    pub(super) fn call(&mut self, asked: &Value, registry: &Registry, system: &mut dyn System) -> Outcome {
        let path = path(system);
        let text = |name: &str| asked.get(name).and_then(Value::as_str);
        let done = match (text("text"), asked.get("length").and_then(Value::as_u64), text("append")) {
            (Some(text), Some(length), _) => self.replace(&path, text, length),
            (_, _, Some(lines)) => self.append(&path, lines),
            _ => Ok(()),
        };
        let mut outcome = Outcome::default();
        let found = done.and_then(|()| if asked.get("read").is_some() { read(&path) } else { Ok(String::new()) });
        match found {
            Ok(text) => outcome.output.insert("text".into(), text.into()),
            Err(error) => return Outcome::failure(format!("failed to keep {}: {error}", path.display())),
        };
        let mut looked = Vec::new();
        for call in asked.get("look").and_then(Value::as_array).into_iter().flatten() {
            let module = call.get("module").and_then(Value::as_str).and_then(|name| registry.get(name));
            let args = call.get("args").cloned().unwrap_or_default();
            let found = module.map(|module| module.call(args, Mode::Check, true, system));
            looked.push(json!(found.unwrap_or_else(|| Outcome::failure("the helper has no such module"))));
        }
        outcome.output.insert("looked".into(), looked.into());
        outcome.output.insert("others".into(), (system.effective_uid() != 0 && Path::new(ROOTS).exists()).into());
        outcome
    }

    fn append(&mut self, path: &Path, lines: &str) -> io::Result<()> {
        let mut file = open(path)?;
        // What a crash cut off is no line, and must not become the beginning of one.
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last)?;
        }
        let start = if last == *b"\n" { "" } else { "\n" };
        file.write_all(format!("{start}{lines}").as_bytes())?;
        // The next line comes by another opening of the file, which waits for this lock.
        rustix::fs::flock(&file, FlockOperation::Unlock)?;
        self.unsynced = Some(file);
        Ok(())
    }

    /// What others have appended meanwhile stays.
    fn replace(&mut self, path: &Path, text: &str, length: u64) -> io::Result<()> {
        let mut file = open(path)?;
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(length))?;
        file.read_to_end(&mut rest)?;
        let temporary = path.with_extension(std::process::id().to_string());
        let mut new = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        new.write_all(text.as_bytes())?;
        new.write_all(&rest)?;
        new.sync_all()?;
        std::fs::rename(&temporary, path)
    }
}

/// The file, for this process alone until it is closed. It is made where it is missing.
fn open(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    loop {
        let file = File::options().read(true).append(true).create(true).mode(0o600).open(path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        // Another process may have put a new file in its place.
        if std::fs::metadata(path).is_ok_and(|named| file.metadata().is_ok_and(|own| own.ino() == named.ino())) {
            return Ok(file);
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn path(system: &dyn System) -> PathBuf {
    let directory = match (std::env::var_os(DIRECTORY), system.effective_uid(), system.env("XDG_STATE_HOME")) {
        (Some(directory), ..) => PathBuf::from(directory),
        (None, 0, _) => PathBuf::from(ROOTS),
        (None, _, Some(state)) if state.starts_with('/') => Path::new(&state).join("hostler"),
        _ => system.home().join(".local/state/hostler"),
    };
    directory.join("ledger")
}

/// What a change says of itself, without its contents: what came to be, and what was done to units and packages.
fn did(outcome: &Outcome) -> Map<String, Value> {
    let mut did = Map::new();
    let created = outcome.diff.iter().filter(|diff| diff.is_creation());
    let created: Vec<&str> = created.map(|diff| diff.after_header.as_str()).collect();
    if !created.is_empty() {
        did.insert("created".into(), created.into());
    }
    if outcome.diff.iter().all(Diff::is_creation) && !outcome.diff.is_empty() {
        did.insert("whole".into(), true.into());
    }
    if !outcome.made.is_empty() {
        did.insert("made".into(), json!(outcome.made));
    }
    // `service` names the way by which it reaches systemd's change.
    let change = outcome.change.as_ref();
    let change = change.map(|change| change.get("Systemd").unwrap_or(change));
    for name in ["verbs", "operations"] {
        if let Some(list @ Value::Array(_)) = change.and_then(|change| change.get(name)) {
            did.insert(name.into(), list.clone());
        }
    }
    for name in ["dest", "path", "msg"] {
        if let Some(Value::String(text)) = outcome.output.get(name)
            && text.len() < 4096
        {
            did.insert(name.into(), text.as_str().into());
        }
    }
    did
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_a_whole_is_exchanged_without_losing_any() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/ledger");
        let mut ledger = Ledger::default();
        ledger.append(&path, "one\n").unwrap();
        // Not waited for: nothing was synced yet, and another process may write too.
        ledger.append(&path, "two\n").unwrap();
        Ledger::default().append(&path, "cut off").unwrap();
        ledger.append(&path, "three\n").unwrap();
        assert_eq!(read(&path).unwrap(), "one\ntwo\ncut off\nthree\n");
        ledger.replace(&path, "both\n", 8).unwrap();
        ledger.append(&path, "four\n").unwrap();
        assert_eq!(read(&path).unwrap(), "both\ncut off\nthree\nfour\n");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("state"))), (0o600, 0o700));
        assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 1, "nothing is left over");
    }
}
