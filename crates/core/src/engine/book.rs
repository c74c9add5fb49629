//! What a run learns for the hosts' ledgers while it goes: which resources its tasks are about, and how far each host came.
//! Writing down what changed travels with the change itself; the rest is settled at the end ([`super::settle`]).

use super::host_task::HostTask;
use super::machine::Machine;
use super::prune::NAME;
use super::settings::Settings;
use crate::connection::{Become, BlobSource, Target};
use crate::event::{Status, TaskInfo};
use crate::ledger::{Folded, Line, Managed, Position, Record, managed};
use crate::module::{Mode, Outcome};
use crate::secret::Redactor;
use crate::template::Templar;
use crate::text::hex;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// What a run is told about the hosts' ledgers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerOptions {
    /// Which playbook with which inventory this is: always the same for the same.
    pub playbook: String,
    /// The same for people.
    pub name: String,
    /// Every task is looked at: no tags, no start in the middle.
    pub whole: bool,
    /// What the playbook made and does not name any more is removed.
    pub prune: bool,
    /// Also what others have changed since, or put data into.
    pub force: bool,
    /// Only what is missing since the last run is done.
    pub resume: bool,
}

/// A run, as the ledgers see it.
pub(super) struct Book {
    pub(super) options: LedgerOptions,
    /// Its name.
    pub(super) run: String,
    /// It ended before everything was looked at.
    cut: AtomicBool,
    held: Mutex<BTreeMap<String, Held>>,
    hosts: Mutex<HashMap<Arc<str>, HostNotes>>,
}

/// One ledger: that of a user on a host.
#[derive(Clone)]
pub(super) struct Held {
    /// The host, as the inventory calls it.
    pub(super) host: Arc<str>,
    pub(super) target: Target,
    pub(super) become_: Option<Become>,
    /// Its last line before this run, if it was told.
    pub(super) last: Option<String>,
    /// All of it, read at the end.
    pub(super) folded: Option<Folded>,
    /// What this run's tasks are about, by [`Record::key`].
    pub(super) seen: IndexMap<String, Seen>,
    /// This run has added lines.
    pub(super) wrote: bool,
    /// It cannot be written, which was told.
    pub(super) refused: bool,
}

/// A task that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) record: Record,
    /// The secrets that the record does not have.
    pub(super) secret: Option<String>,
    /// It changed something, or would.
    pub(super) acts: bool,
}

/// A call that the ledger will hear of.
#[derive(Clone)]
pub(super) struct Noted {
    record: Record,
    secret: Option<String>,
}

impl Noted {
    /// The line that the host writes if something changes.
    pub(super) fn line(&self) -> Map<String, Value> {
        let mut line = match serde_json::to_value(&self.record) {
            Ok(Value::Object(line)) => line,
            _ => Map::new(),
        };
        line.insert("do".to_owned(), "apply".into());
        line
    }
}

/// How far a host came.
#[derive(Debug, Clone, Default)]
pub(super) struct HostNotes {
    /// A task failed, rescued or not.
    pub(super) failed: bool,
    /// It left the run, or a play of it, before its end.
    pub(super) left: bool,
    /// Tasks (file, name, action) that did not say what they are about: skipped, failed, unknown.
    pub(super) silent: HashSet<(String, String, String)>,
    /// Roles of which tasks may not have been seen, because an include was skipped; empty for none.
    pub(super) hidden_roles: HashSet<String>,
    /// So many times each task has ended.
    rounds: HashMap<String, u32>,
    /// Where it failed.
    pub(super) stopped: Option<Position>,
    /// Handlers that were notified, and those of them that ran: play, name.
    notified: HashSet<(String, String)>,
    pub(super) ran: HashSet<(String, String)>,
    /// Where an earlier run stopped, once it was asked for.
    pub(super) resume: Option<Option<Position>>,
    /// What is missing has begun.
    pub(super) reached: bool,
}

impl Book {
    pub(super) fn new(options: LedgerOptions) -> Self {
        let run = format!("{:x}-{:x}", now(), std::process::id());
        Self { options, run, cut: AtomicBool::new(false), held: Mutex::default(), hosts: Mutex::default() }
    }

    /// Every task was looked at, as far as hosts came.
    pub(super) fn is_whole(&self) -> bool {
        self.options.whole && !self.cut.load(Ordering::Relaxed)
    }

    /// The run ends here, whatever would come.
    pub(super) fn cut_short(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    pub(super) fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn notes(&self) -> MutexGuard<'_, HashMap<Arc<str>, HostNotes>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger that a task with these settings belongs to.
    pub(super) fn with_held<T>(&self, settings: &Settings, work: impl FnOnce(&mut Held) -> T) -> T {
        let Target { name, address, port, user, .. } = &settings.target;
        let becomes = settings.become_.as_ref().map_or("", |become_| &become_.user);
        let (port, user) = (port.unwrap_or_default(), user.as_deref().unwrap_or_default());
        let key = format!("{name}\n{address}\n{port}\n{user}\n{becomes}");
        let mut held = self.held();
        work(held.entry(key).or_insert_with(|| Held {
            host: Arc::clone(&settings.reached),
            target: settings.target.clone(),
            become_: settings.become_.clone(),
            last: None,
            folded: None,
            seen: IndexMap::new(),
            wrote: false,
            refused: false,
        }))
    }

    /// What a call is about, for the ledger. Handlers describe no state.
    pub(super) fn record(
        &self,
        machine: &Machine<'_>,
        module: &str,
        args: &Value,
        blobs: &dyn BlobSource,
    ) -> Option<Noted> {
        let (task, settings) = (machine.task, machine.settings);
        let engine = task.batch.engine;
        let looks = settings.only_checks || settings.mode == Mode::Check && engine.guard.is_none();
        if task.info.handler || machine.job.is_some() || looks {
            return None;
        }
        let module = engine.parts.registry.get(module).map_or(module, |module| module.name());
        let redactor = &engine.parts.redactor;
        let secrets = engine.parts.registry.get(module).map_or(&[][..], |module| module.secrets());
        let described = managed(module, args)
            .and_then(|managed| described(managed, &Hiding { secrets, no_log: settings.no_log, redactor, blobs }));
        let notify = task.task.notify.iter().flat_map(|written| {
            let templar = task.batch.templar(task.host, &task.task.scope);
            match templar.resolve(&written.value) {
                Ok(crate::value::Value::List(items)) => items.iter().map(Templar::text_of).collect(),
                Ok(other) => vec![Templar::text_of(&other)],
                Err(_) => Vec::new(),
            }
        });
        let notify: Vec<_> = notify.map(|name| redactor.redact(&name).into_owned()).collect();
        if described.is_none() && notify.is_empty() {
            return None;
        }
        let at = crate::plan::at(task.info);
        let (round, rescue) = self
            .notes()
            .get(task.host)
            .map_or((0, false), |notes| (notes.rounds.get(&at).copied().unwrap_or(0), notes.failed));
        let mut record = Record {
            t: now(),
            run: self.run.clone(),
            playbook: self.options.playbook.clone(),
            host: task.host.to_string(),
            play: task.batch.told.name.clone(),
            at,
            task: task.info.name.clone(),
            round,
            module: module.to_owned(),
            no_log: settings.no_log,
            rescue,
            notify,
            ..Record::default()
        };
        let mut secret = None;
        if let Some(described) = described {
            (record.args, record.resources) = (described.managed.args, described.managed.resources);
            // A service that goes back to what it was is not managed any more either.
            record.gone = described.managed.gone || record.at.starts_with(NAME);
            (record.hidden, secret) = (described.hidden, described.secret);
        }
        Some(Noted { record, secret })
    }

    /// Takes in what came of a call.
    pub(super) fn note(&self, settings: &Settings, noted: Option<Noted>, outcome: &Outcome) -> Option<String> {
        let told = outcome.ledger.as_ref();
        let text = |name: &str| told.and_then(|told| told.get(name)).and_then(Value::as_str);
        let error = text("error").map(str::to_owned);
        self.with_held(settings, |held| {
            let error = error.filter(|_| !held.refused);
            held.refused |= error.is_some();
            if held.last.is_none() {
                held.last = text("last").map(str::to_owned);
            }
            let Some(Noted { mut record, secret }) = noted else { return error };
            if outcome.failed || outcome.unknown.iter().any(|name| name == "*") {
                return error;
            }
            held.wrote |= outcome.changed && settings.mode == Mode::Apply;
            let path = ["dest", "path"].iter().find_map(|name| outcome.output.get(*name)).and_then(Value::as_str);
            record.name_by(path);
            if !record.resources.is_empty() {
                held.seen.insert(record.key(), Seen { record, secret, acts: outcome.changed });
            }
            error
        })
    }

    /// What was to be removed is not there.
    pub(super) fn is_gone(&self, held: &Held, record: &Record, resource: &str) {
        let record = Record { resources: vec![resource.to_owned()], gone: true, t: now(), ..record.clone() };
        let seen = Seen { record, secret: None, acts: false };
        for other in self.held().values_mut() {
            if other.target == held.target && other.become_ == held.become_ {
                other.seen.insert(format!("gone {resource}"), seen.clone());
            }
        }
    }

    /// A task has ended on a host.
    pub(super) fn ended(&self, info: &TaskInfo, host: &Arc<str>, status: Status, rescuable: bool) {
        let at = crate::plan::at(info);
        let mut notes = self.notes();
        let notes = notes.entry(Arc::clone(host)).or_default();
        let round = notes.rounds.entry(at.clone()).or_default();
        if matches!(status, Status::Failed | Status::Unreachable) {
            notes.failed = true;
            if !rescuable {
                notes.stopped = Some(Position { at, task: info.name.clone(), round: *round, done: false });
            }
        }
        *round += 1;
        notes.told(info, status);
    }

    /// An item of a loop has ended on a host.
    pub(super) fn item_ended(&self, info: &TaskInfo, host: &Arc<str>, status: Status) {
        self.notes().entry(Arc::clone(host)).or_default().told(info, status);
    }

    /// Tasks of a role (`""`: of none) may be missing on a host.
    pub(super) fn hides(&self, host: &Arc<str>, role: &str) {
        self.notes().entry(Arc::clone(host)).or_default().hidden_roles.insert(role.to_owned());
    }

    /// A host leaves early, without a failure.
    pub(super) fn leaves(&self, host: &Arc<str>) {
        self.notes().entry(Arc::clone(host)).or_default().left = true;
    }

    /// A host has notified a handler.
    pub(super) fn notified(&self, host: &Arc<str>, play: &str, name: &str) {
        let one = (play.to_owned(), name.to_owned());
        self.notes().entry(Arc::clone(host)).or_default().notified.insert(one);
    }

    /// A host has been through the handlers of a play.
    pub(super) fn handled(&self, host: &Arc<str>, play: &str) {
        let mut notes = self.notes();
        let notes = notes.entry(Arc::clone(host)).or_default();
        notes.ran.extend(notes.notified.iter().filter(|(of, _)| of == play).cloned());
    }

    /// Whether a task was done before the run that is resumed stopped. Tasks whose results others need are never.
    pub(super) fn passes(&self, task: &HostTask<'_>, settings: &Settings) -> bool {
        let engine = task.batch.engine;
        let brings_facts = engine.parts.registry.get(&task.task.action).is_none_or(|module| module.brings_facts());
        if !self.options.resume || task.info.handler {
            return false;
        }
        let asked = self.notes().get(task.host).and_then(|notes| notes.resume.clone());
        let position = asked.unwrap_or_else(|| {
            let held = self.with_held(settings, |held| held.clone());
            let folded = engine.read_ledger(&held).ok();
            let stopped =
                folded.and_then(|folded| folded.stopped.get(&self.options.playbook)?.get(&**task.host).cloned());
            if stopped.is_none() {
                engine.warn(format!("{}: no run was cut off here: all of it is run", task.host));
            }
            stopped
        });
        let at = crate::plan::at(task.info);
        let mut notes = self.notes();
        let notes = notes.entry(Arc::clone(task.host)).or_default();
        notes.resume = Some(position.clone());
        let Some(position) = position.filter(|_| !notes.reached) else { return false };
        let round = notes.rounds.get(&at).copied().unwrap_or(0);
        if position.is_at(&at, &task.info.name, round) {
            notes.reached = true;
            // Of a loop some items may be missing.
            return position.done && !task.info.looped;
        }
        task.task.register.is_none() && !brings_facts
    }

    /// Handlers of a play that earlier runs owe a host.
    pub(super) fn owed(&self, host: &Arc<str>, play: &str, folded: &Folded) -> Vec<String> {
        let notes = self.notes().get(host).cloned().unwrap_or_default();
        let owed = folded.owed.get(&self.options.playbook).into_iter().flatten();
        let mine = owed.filter(|(of, owed_play, name)| {
            **of == **host && owed_play == play && !notes.notified.contains(&(owed_play.clone(), name.clone()))
        });
        mine.map(|(_, _, name)| name.clone()).collect()
    }
}

impl HostNotes {
    /// Where it was to be resumed, if it never came there.
    pub(super) fn astray(&self) -> Option<&Position> {
        self.resume.as_ref()?.as_ref().filter(|_| !self.reached && !self.failed)
    }

    /// It was everywhere.
    pub(super) fn came_through(&self) -> bool {
        !self.failed && !self.left && self.astray().is_none()
    }

    fn told(&mut self, info: &TaskInfo, status: Status) {
        if !matches!(status, Status::Ok | Status::Changed) {
            let file = info.span.as_ref().map(|span| span.file.path().display().to_string()).unwrap_or_default();
            self.silent.insert((file, info.name.clone(), info.action.clone()));
        }
    }
}

impl Held {
    /// Whether its last line says that the run before came to its end and owes nothing.
    pub(super) fn is_settled(&self) -> bool {
        let Some(last) = &self.last else { return true };
        match serde_json::from_str(last) {
            Ok(Line::End(end)) => end.owed.is_empty() && !end.unsettled,
            _ => last.is_empty(),
        }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What must not be in a ledger.
struct Hiding<'a> {
    secrets: &'a [&'a str],
    no_log: bool,
    redactor: &'a Redactor,
    blobs: &'a dyn BlobSource,
}

struct Described {
    managed: Managed,
    hidden: Vec<String>,
    secret: Option<String>,
}

/// Parameters that may be told of tasks with `no_log`.
const HARMLESS: &[&str] = &["state", "mode", "owner", "group", "enabled"];

/// Without secrets. `None` if not even the resource's name may be told.
fn described(mut managed: Managed, hiding: &Hiding<'_>) -> Option<Described> {
    let is_secret = |text: &str| hiding.redactor.redact(text) != text;
    if managed.resources.iter().any(|resource| is_secret(resource)) {
        return None;
    }
    let (mut hidden, mut secret) = (Vec::new(), Vec::new());
    if let Some(Value::String(text)) = managed.args.get("content") {
        let content_is_secret = hiding.no_log || is_secret(text);
        let name = managed.resources.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let file = json!({"path": name, "sha256": hex(&Sha256::digest(text)), "size": text.len()});
        managed.args.shift_remove("content");
        if content_is_secret {
            secret.push(file["sha256"].as_str().unwrap_or_default().to_owned());
            hidden.push("content".to_owned());
        } else {
            managed.args.insert("_files".to_owned(), json!([file]));
        }
    }
    let naming: Vec<&str> = managed.naming.iter().copied().flatten().copied().collect();
    let mut kept = Map::new();
    for (name, value) in managed.args {
        let text = value.to_string();
        let by_name = hiding.secrets.contains(&name.as_str())
            || (hiding.no_log && !naming.contains(&&*name) && !HARMLESS.contains(&&*name));
        let by_content = match name.as_str() {
            "_files" => value.as_array().into_iter().flatten().any(|file| hiding.sends_secret(file)),
            "_file" => hiding.sends_secret(&value),
            _ => false,
        };
        if by_name || by_content || is_secret(&text) {
            let files = value.as_array().filter(|_| name == "_files").into_iter().flatten();
            let hashes: Vec<_> = files.filter_map(|file| file["sha256"].as_str()).map(str::to_owned).collect();
            if hashes.is_empty() {
                secret.push(text)
            } else {
                secret.extend(hashes)
            }
            hidden.push(name);
        } else {
            kept.insert(name, without_contents(value));
        }
    }
    managed.args = kept;
    let secret = (!hidden.is_empty()).then(|| secret.join("\n"));
    Some(Described { managed, hidden, secret })
}

/// What is sent to a host is described by its hash alone.
fn without_contents(mut value: Value) -> Value {
    let files = match &mut value {
        Value::Array(files) => files.iter_mut().collect(),
        other => vec![other],
    };
    for file in files.into_iter().filter_map(Value::as_object_mut).filter(|file| file.contains_key("sha256")) {
        file.retain(|name, _| !matches!(name.as_str(), "_inline" | "sha1"));
    }
    value
}

impl Hiding<'_> {
    /// Whether a file that is sent has a secret in it. Of large ones only the beginning is looked at.
    fn sends_secret(&self, file: &Value) -> bool {
        const LOOKED_AT: u64 = 1 << 20;
        let mut bytes = Vec::new();
        let sha256 = file["sha256"].as_str().unwrap_or_default();
        match self.blobs.open(sha256) {
            Some((_, reader)) => reader.take(LOOKED_AT).read_to_end(&mut bytes).map(drop).unwrap_or_default(),
            None => bytes = file["_inline"].as_str().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default(),
        }
        let text = String::from_utf8_lossy(&bytes);
        self.redactor.redact(&text) != text
    }
}
