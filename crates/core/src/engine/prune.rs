//! Removing what a playbook made and does not name any more: plays of ordinary tasks, in the reverse order of making, that
//! plans show and simulate like any other. What others have changed, or put data into, stays unless it is forced.

use super::book::{Book, Held};
use super::settle::{Orphan, secret_hash};
use super::{Engine, RunError, RunMode};
use crate::connection::{ConnectionError, ConnectionKind};
use crate::ledger::{Finding, FindingKind, Folded, Husk, Made, Record, Removal, came_with, looks, removal};
use crate::playbook::LiteralOnly;
use crate::value::has_jinja;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

/// Where the removals stand, as places name it.
pub(super) const NAME: &str = "<orphans>";
/// What a home directory gets when its user is made is there so many seconds later.
const SETTLED: f64 = 120.0;

/// Tasks that remove orphans.
#[derive(Default)]
struct Removals {
    tasks: Vec<Value>,
    by_others: Vec<ByOthers>,
}

/// A resource that another module removes than the one that made it: what that one tells the ledger does not name it.
struct ByOthers {
    held: Held,
    record: Record,
    resource: String,
    calls: Vec<(String, Value)>,
}

impl Engine {
    /// Removes the orphans that may be removed; says which may not.
    pub(super) fn prune(&self) -> Result<Vec<Finding>, RunError> {
        let Some(book) = self.book.as_ref().filter(|book| book.options.prune) else { return Ok(Vec::new()) };
        let all: Vec<Held> = book.held().values().cloned().collect();
        let (mut kept, mut plays, mut by_others) = (Vec::new(), Vec::new(), Vec::new());
        for held in all {
            let Some(folded) = &held.folded else { continue };
            let orphans = book.orphans(&held, folded);
            if orphans.is_empty() {
                continue;
            }
            match self.removals(book, &held, folded, orphans, &mut kept) {
                Ok(removals) if removals.tasks.is_empty() => {}
                Ok(removals) => {
                    plays.push(play(&held, removals.tasks));
                    by_others.extend(removals.by_others);
                }
                Err(error) => kept.push(Finding::lost(&held.host, &error.to_string())),
            }
        }
        if plays.is_empty() {
            return Ok(kept);
        }
        let path = Path::new(NAME);
        self.parts.loader.provide(path, &Value::from(plays).to_string())?;
        let playbook = self.parts.loader.playbook(path, &LiteralOnly).map_err(RunError::Input)?;
        let dir = self.store.playbook_dir();
        self.run_in(&playbook, Some(dir.as_deref().unwrap_or(path)))?;
        for ByOthers { held, record, resource, calls } in by_others {
            if self.options.mode == RunMode::Apply && self.look(&held, &calls).is_ok_and(|found| is_gone(&found)) {
                book.is_gone(&held, &record, &resource);
            }
        }
        Ok(kept)
    }

    /// Tasks that remove orphans, the last one made first.
    fn removals(
        &self,
        book: &Book,
        held: &Held,
        folded: &Folded,
        orphans: Vec<Orphan>,
        kept: &mut Vec<Finding>,
    ) -> Result<Removals, ConnectionError> {
        // What is in a directory was made after it, so it comes before it here.
        let mut going = Going::default();
        let mut removals = Removals::default();
        let mut packages: Vec<(String, String)> = Vec::new();
        for Orphan { record, resource } in orphans.iter().rev() {
            let made = folded.made.get(resource);
            let mut keep = |why: &str| {
                let finding = Finding::new(&held.host, FindingKind::Kept, record, resource);
                kept.push(Finding { details: vec![why.to_owned()], ..finding });
            };
            let Some(mut removal) = made.and_then(|made| removal(record, resource, made)) else {
                keep("there is no removing it: the task says nothing of how it was before");
                continue;
            };
            let would = self.look(held, &removal.calls)?;
            if let Some(failed) = would.iter().find(|found| found["failed"] != false) {
                let why = failed["output"]["msg"].as_str().unwrap_or("the host did not answer");
                keep(&format!("it cannot be removed: {why}"));
                continue;
            }
            if is_gone(&would) {
                book.is_gone(held, record, resource);
                continue;
            }
            let text = json!(removal.calls).to_string();
            if has_jinja(&text) {
                keep("its name looks like a template");
                continue;
            }
            if !book.options.force {
                if removal.has_data {
                    keep("it may hold data: `--force` removes it");
                    continue;
                }
                if let Some(why) = self.changed_since(held, record, made)? {
                    keep(&format!("it has changed since it was applied ({why}): `--force` removes it"));
                    continue;
                }
                match self.holds(held, record, resource, &removal, &going)? {
                    Holds::Nothing => {}
                    // They may have got more in them since.
                    Holds::Husks(path) => {
                        removal.calls.clear();
                        removal.husks.insert(0, Husk::Directory(path));
                    }
                    Holds::Others(path) => {
                        keep(&format!("it holds what no task made ({path}): `--force` removes it"));
                        continue;
                    }
                }
            }
            going.add(resource, &removal);
            if let Some(name) = resource.strip_prefix("package:") {
                packages.push((record.module.clone(), name.to_owned()));
                continue;
            }
            if !resource.starts_with("file:") && removal.calls.iter().any(|(module, _)| *module != record.module) {
                let (record, resource) = (record.clone(), resource.clone());
                removals.by_others.push(ByOthers {
                    held: held.clone(),
                    record,
                    resource,
                    calls: removal.calls.clone(),
                });
            }
            removals.tasks.extend(removal_tasks(record, resource, removal));
        }
        removals.tasks.extend(self.package_removal(held, folded, &packages)?);
        Ok(removals)
    }

    /// One task for all packages: those that came with them go too, if nothing else would.
    fn package_removal(
        &self,
        held: &Held,
        folded: &Folded,
        packages: &[(String, String)],
    ) -> Result<Option<Value>, ConnectionError> {
        let Some((module, _)) = packages.first() else { return Ok(None) };
        let names: Vec<&str> = packages.iter().map(|(_, name)| name.as_str()).collect();
        let mut args = json!({"name": names, "state": "absent"});
        if module.ends_with("apt") {
            let tried = json!({"name": names, "state": "absent", "autoremove": true});
            let found = self.look(held, &[(module.clone(), tried.clone())])?;
            let ours = came_with(packages.iter().filter_map(|(_, name)| folded.made.get(&format!("package:{name}"))));
            let operations = found[0]["change"]["operations"].as_array().cloned().unwrap_or_default();
            let steps = operations.iter().filter_map(|operation| operation["steps"].as_array()).flatten();
            let gone: BTreeSet<&str> = steps.filter_map(|step| step["name"].as_str()).collect();
            if found[0]["failed"] != true && gone.iter().all(|name| ours.contains(name) || names.contains(name)) {
                args = tried;
            }
        }
        let title = format!("remove packages {}", names.join(", "));
        Ok(Some(json!({"name": title, module.as_str(): args})))
    }

    /// Asks what modules would change on a host as it is.
    pub(super) fn look(&self, held: &Held, calls: &[(String, Value)]) -> Result<Vec<Value>, ConnectionError> {
        let calls: Vec<Value> = calls.iter().map(|(module, args)| json!({"module": module, "args": args})).collect();
        let count = calls.len();
        let answer = self.ask_ledger(held, json!({"look": calls}))?;
        let mut looked = answer["looked"].as_array().cloned().unwrap_or_default();
        looked.resize(count, Value::Null);
        Ok(looked)
    }

    /// How a resource differs from what was applied.
    fn changed_since(
        &self,
        held: &Held,
        record: &Record,
        made: Option<&Made>,
    ) -> Result<Option<String>, ConnectionError> {
        let looked = self.look(held, &looks(record, made))?;
        Ok(match differences(record, &looked) {
            Looked::Same => None,
            Looked::Differs(details) => Some(details.first().cloned().unwrap_or_else(|| "by others".to_owned())),
            Looked::Unclear(why) => Some(format!("that cannot be told: {why}")),
        })
    }

    /// What is in a directory, or in a user's home, that was made by something else.
    fn holds(
        &self,
        held: &Held,
        record: &Record,
        resource: &str,
        removal: &Removal,
        going: &Going,
    ) -> Result<Holds, ConnectionError> {
        let state = record.args.get("state").and_then(Value::as_str);
        let settled = record.t as f64 + SETTLED;
        let (directories, after) = match resource.split_once(':') {
            // What is behind a link stays when the link goes.
            Some(("file", _)) if matches!(state, Some("link" | "hard")) => return Ok(Holds::Nothing),
            Some(("file", path)) => (vec![path.to_owned()], f64::MIN),
            Some(("user", name)) => {
                let home = record.args.get("home").and_then(Value::as_str).map(str::to_owned);
                (vec![home.unwrap_or_else(|| format!("/home/{name}"))], settled)
            }
            _ => (removal.trees.iter().map(|path| path.to_string_lossy().into_owned()).collect(), settled),
        };
        if directories.is_empty() {
            return Ok(Holds::Nothing);
        }
        let programs_write = !resource.starts_with("file:") && !resource.starts_with("user:");
        let find = json!({"paths": directories, "recurse": true, "hidden": true, "file_type": "any"});
        let looked = self.look(held, &[("ansible.builtin.find".to_owned(), find)])?;
        let files = looked[0]["output"]["files"].as_array().cloned().unwrap_or_default();
        let mut husks = false;
        for file in &files {
            let path = file["path"].as_str().unwrap_or_default();
            let old = file["ctime"].as_f64().is_some_and(|changed| changed <= after);
            if old || going.has(path) || programs_write && is_kept_by_program(path) {
                continue;
            }
            if !going.husks.contains(Path::new(path)) {
                return Ok(Holds::Others(path.to_owned()));
            }
            husks = true;
        }
        Ok(match directories.first().filter(|_| husks) {
            Some(directory) => Holds::Husks(directory.into()),
            None => Holds::Nothing,
        })
    }
}

/// What a directory that is to go still has in it.
enum Holds {
    Nothing,
    /// Only what goes if nothing is left in it: so does the directory.
    Husks(PathBuf),
    /// What no task made.
    Others(String),
}

/// What goes before.
#[derive(Default)]
struct Going {
    resources: HashSet<String>,
    trees: Vec<PathBuf>,
    husks: HashSet<PathBuf>,
}

impl Going {
    fn add(&mut self, resource: &str, removal: &Removal) {
        self.resources.insert(resource.to_owned());
        self.trees.extend(removal.trees.iter().cloned());
        let path = |husk: &Husk| match husk {
            Husk::File(path) | Husk::Directory(path) => path.clone(),
        };
        self.husks.extend(removal.husks.iter().map(path));
    }

    fn has(&self, path: &str) -> bool {
        self.resources.contains(&format!("file:{path}"))
            || self.trees.iter().any(|tree| Path::new(path).starts_with(tree))
    }
}

/// Whether calls that remove something find nothing to do.
fn is_gone(looked: &[Value]) -> bool {
    looked.iter().all(|found| found["failed"] == false && found["changed"] == false)
}

/// What git and Python write for themselves, while what is there is only used.
fn is_kept_by_program(path: &str) -> bool {
    path.split('/').any(|name| name == ".git" || name == "__pycache__")
}

/// Tasks that remove a resource, and what it leaves empty.
fn removal_tasks(record: &Record, resource: &str, removal: Removal) -> Vec<Value> {
    let named = |name: String, task: Value| {
        let mut named = Map::from_iter([("name".to_owned(), name.into())]);
        named.extend(task.as_object().cloned().unwrap_or_default());
        if record.no_log {
            named.insert("no_log".to_owned(), true.into());
        }
        Value::from(named)
    };
    let shown = |name: String| if record.no_log { "what a task with no_log made".to_owned() } else { name };
    let what = shown(crate::ledger::shown(resource));
    let calls = removal.calls.into_iter();
    let mut tasks: Vec<Value> =
        calls.map(|(module, args)| named(format!("remove {what}"), json!({module: args}))).collect();
    for husk in removal.husks {
        let (path, module, args, empty) = match husk {
            Husk::File(path) => {
                let stat = json!({"path": path, "get_checksum": false, "get_mime": false});
                (path, "ansible.builtin.stat", stat, "left.stat.isreg | default(false) and left.stat.size == 0")
            }
            Husk::Directory(path) => {
                let find = json!({"paths": [path], "hidden": true, "file_type": "any"});
                (path, "ansible.builtin.find", find, "left.matched == 0")
            }
        };
        let text = path.to_string_lossy().into_owned();
        if has_jinja(&text) {
            continue;
        }
        let what = shown(text.clone());
        let goes = json!({"ansible.builtin.file": {"path": text, "state": "absent"}, "when": empty});
        tasks.push(named(format!("see what is left of {what}"), json!({module: args, "register": "left"})));
        tasks.push(named(format!("remove {what}, which is empty"), goes));
    }
    tasks
}

/// What looking at a resource gave.
pub(super) enum Looked {
    Same,
    /// In which ways, a line each.
    Differs(Vec<String>),
    /// Why that cannot be told.
    Unclear(String),
}

/// Compares what modules found with what was applied.
pub(super) fn differences(record: &Record, looked: &[Value]) -> Looked {
    let mut details = Vec::new();
    for outcome in looked {
        if outcome["failed"] == true || outcome.is_null() {
            let why = outcome["output"]["msg"].as_str().unwrap_or("the host did not answer").to_owned();
            // Contents are asked for only to show how a file differs from them.
            if why.contains("there is no such content") {
                return Looked::Differs(vec!["its content is another".to_owned()]);
            }
            // A file that is not there is refused by name where its attributes are asked for.
            if why.contains("is absent, cannot continue") {
                return Looked::Differs(vec!["it is gone".to_owned()]);
            }
            return Looked::Unclear(why);
        }
        if let Some(stat) = outcome["output"].get("stat") {
            if stat["exists"] == false {
                details.push("it is gone".to_owned());
                continue;
            }
            let sum = stat["checksum"].as_str().unwrap_or_default();
            if record.secret.as_ref().is_some_and(|hash| *hash != secret_hash(record, sum)) {
                details.push("its content is another".to_owned());
            }
        } else if outcome["changed"] == true {
            details.extend(told(record, outcome));
        }
    }
    if details.is_empty() { Looked::Same } else { Looked::Differs(details) }
}

/// What would be put right, line by line; contents are left out where they are not to be shown.
fn told(record: &Record, outcome: &Value) -> Vec<String> {
    let mut details = Vec::new();
    for diff in outcome["diff"].as_array().into_iter().flatten() {
        let text = |name: &str| diff[name].as_str().unwrap_or_default();
        let (before, after) = (text("before"), text("after"));
        let lines: Vec<&str> = after.lines().collect();
        let is_property = |line: &str| line.split_once(": ").is_some_and(|(name, _)| !name.contains(' '));
        let properties = !lines.is_empty() && lines.len() < 12 && lines.iter().all(|line| is_property(line));
        if !text("prepared").is_empty() {
            details.extend(text("prepared").lines().take(3).map(|line| format!("to put right: {line}")));
        } else if record.no_log || !properties || before.lines().count() != lines.len() {
            details.push("its content is another".to_owned());
        } else {
            details.extend(
                before.lines().zip(lines).filter(|(is, was)| is != was).map(|(is, was)| {
                    format!("{is} (applied: {})", was.split_once(": ").map_or(was, |(_, value)| value))
                }),
            );
        }
    }
    if details.is_empty() {
        details.push("it differs".to_owned());
    }
    details
}

/// A play for the tasks of one ledger: as its user, on its host.
fn play(held: &Held, tasks: Vec<Value>) -> Value {
    let mut play = json!({
        "name": format!("remove what {} does not need any more", held.host),
        "hosts": &*held.host,
        "gather_facts": false,
        "become": held.become_.is_some(),
        "tasks": tasks,
    });
    if let Some(become_) = &held.become_ {
        play["become_user"] = become_.user.as_str().into();
        play["become_method"] = become_.method.as_str().into();
    }
    if held.target.kind == ConnectionKind::Local {
        play["connection"] = "local".into();
    }
    if let Some(user) = &held.target.user {
        play["remote_user"] = user.as_str().into();
    }
    play
}
