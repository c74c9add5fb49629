//! Plug-ins in Python, users' own: filters, tests, lookups, actions and callbacks in directories beside playbooks, in roles, in
//! collections and where the configuration says.
//!
//! They run in a process of the controller's Python, which is started when the first one is used. Those that are made for Ansible's
//! library need it there; without it, and without Python, they are refused by name.

mod callback;
mod collections;
mod process;
mod routing;

pub use callback::{Callback, Said};
pub(crate) use collections::{Collections, collection_around, collection_at};
pub(crate) use process::{Answer, Asked, Refusal, Want};
pub(crate) use routing::Notice;

use crate::system::local_files;
use process::Process;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// What a plug-in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `value | name`.
    Filter,
    /// `value is name`.
    Test,
    /// `lookup('name')`.
    Lookup,
    /// A task's work on the controller.
    Action,
    /// Hears of what happens in a run.
    Callback,
}

/// Directories to look into besides those of playbooks and roles.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Folders that hold `ansible_collections/`.
    pub collections: Vec<PathBuf>,
    /// Directories of plug-ins of one kind.
    pub plugins: Vec<(Kind, PathBuf)>,
    /// Folders of what modules in Python share, over those of Ansible's library.
    pub module_utils: Vec<PathBuf>,
    /// Nothing is said of odd entries in collections' groups of actions.
    pub any_metadata: bool,
}

/// A plug-in's file, and its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugin {
    pub path: PathBuf,
    pub name: String,
    kind: Kind,
}

/// What is known of users' plug-ins.
#[derive(Default)]
pub struct Plugins {
    pub(crate) collections: Collections,
    configured: Vec<Arc<Directory>>,
    module_utils: Vec<PathBuf>,
    any_metadata: bool,
    found: RwLock<Found>,
    /// The filters or tests that a file has, or why it cannot be known.
    names: Mutex<HashMap<PathBuf, Arc<Names>>>,
    idle: Mutex<Vec<Process>>,
    /// What was found on the way to plug-ins, since it was last asked for.
    notices: Mutex<Vec<Notice>>,
}

type Names = Result<Vec<String>, String>;

#[derive(Default)]
struct Found {
    /// Of playbooks and roles.
    directories: Vec<Arc<Directory>>,
    module_utils: Vec<PathBuf>,
    resolved: HashMap<(Kind, String), Option<Arc<Plugin>>>,
}

struct Directory {
    kind: Kind,
    path: PathBuf,
    /// Files with their text, read when they are first asked for.
    files: OnceLock<Vec<(PathBuf, String)>>,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Filter, Self::Test, Self::Lookup, Self::Action, Self::Callback];

    /// Its folder in a collection's `plugins/`.
    fn folder(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Test => "test",
            Self::Lookup => "lookup",
            Self::Action => "action",
            Self::Callback => "callback",
        }
    }
}

impl Directory {
    fn new(kind: Kind, path: PathBuf) -> Arc<Self> {
        Arc::new(Self { kind, path, files: OnceLock::new() })
    }

    fn files(&self) -> &[(PathBuf, String)] {
        self.files.get_or_init(|| {
            let paths = local_files::read_dir(&self.path).unwrap_or_default().into_iter();
            let python = paths.filter(|path| path.extension().is_some_and(|extension| extension == "py"));
            let plugins = python.filter(|path| path.file_name().is_some_and(|name| name != "__init__.py"));
            plugins.filter_map(|path| Some((path.clone(), local_files::read_to_string(&path).ok()?))).collect()
        })
    }
}

impl Plugins {
    /// Those in `search`, until playbooks and roles add theirs.
    pub fn new(search: Search) -> Self {
        // Mostly there is none: nothing is to be looked for then.
        let there = search.plugins.into_iter().filter(|(_, path)| local_files::is_dir(path));
        let configured = there.map(|(kind, path)| Directory::new(kind, path)).collect();
        Self {
            collections: Collections::new(search.collections),
            configured,
            module_utils: search.module_utils,
            any_metadata: search.any_metadata,
            ..Self::default()
        }
    }

    /// From now on those count that lie in the playbook's or role's directory `dir`.
    pub(crate) fn add(&self, dir: &Path) {
        self.collections.add(dir.join("collections"));
        let utilities = dir.join("module_utils");
        if local_files::is_dir(&utilities) {
            let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
            if !found.module_utils.contains(&utilities) {
                found.module_utils.push(utilities);
            }
        }
        for kind in Kind::ALL {
            let path = dir.join(format!("{}_plugins", kind.folder()));
            if !local_files::is_dir(&path) {
                continue;
            }
            let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
            if !found.directories.iter().any(|known| known.kind == kind && known.path == path) {
                found.directories.push(Directory::new(kind, path));
                found.resolved.clear();
            }
        }
    }

    /// Folders of what modules in Python share; what is in an earlier one counts.
    pub(crate) fn module_utils(&self) -> Vec<PathBuf> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        found.module_utils.iter().chain(&self.module_utils).filter(|dir| local_files::is_dir(dir)).cloned().collect()
    }

    /// What is to be said of a group of actions that `module_defaults` name.
    pub(crate) fn faults_of_group(&self, name: &str) -> Vec<String> {
        let group = self.collections.group(name).filter(|_| !self.any_metadata);
        group.map(|group| group.faults.clone()).unwrap_or_default()
    }

    /// The plug-in that `name` means. One of Hostler's own, which `is_own` says there is, is only replaced by a file that names it.
    pub(crate) fn find(&self, kind: Kind, name: &str, is_own: bool) -> Option<Arc<Plugin>> {
        let short = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        if short.starts_with("ansible.builtin.") {
            return None;
        }
        // What is built in of collections is not looked for in them.
        if is_own && short.contains('.') {
            return None;
        }
        let key = {
            let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
            let is_elsewhere = !is_own && kind != Kind::Action || short.contains('.');
            if found.directories.is_empty() && self.configured.is_empty() && !is_elsewhere {
                return None;
            }
            let key = (kind, short.to_owned());
            if let Some(known) = found.resolved.get(&key) {
                return known.clone();
            }
            key
        };
        let plugin = self.resolve(kind, short, is_own).map(|(path, name)| Arc::new(Plugin { path, name, kind }));
        self.found.write().unwrap_or_else(PoisonError::into_inner).resolved.insert(key, plugin.clone());
        plugin
    }

    fn resolve(&self, kind: Kind, name: &str, is_own: bool) -> Option<(PathBuf, String)> {
        let in_files = matches!(kind, Kind::Filter | Kind::Test);
        if name.contains('.') {
            let name = &*self.routed(kind, name);
            return match () {
                () if kind == Kind::Action => Some((self.collections.action(name)?, name.to_owned())),
                () if !in_files => Some((self.collections.plugin(kind.folder(), name)?, name.to_owned())),
                () => {
                    let (folder, rest) = self.collections.folder(kind.folder(), name)?;
                    // Folders in between are part of the name.
                    let (between, short) = rest.rsplit_once('.').unwrap_or(("", rest));
                    let folder = folder.join(between.replace('.', "/"));
                    Some((self.having(&Directory::new(kind, folder), short, false)?, short.to_owned()))
                }
            };
        }
        for directory in self.directories(kind) {
            let file = match in_files {
                true => self.having(&directory, name, is_own),
                false => directory
                    .files()
                    .iter()
                    .map(|(path, _)| path.clone())
                    .find(|path| path.file_stem() == Some(name.as_ref())),
            };
            if let Some(path) = file {
                return Some((path, name.to_owned()));
            }
        }
        let moved = || self.collections.moved(kind.folder(), name).filter(|moved| moved != name);
        if is_own { None } else { self.resolve(kind, &moved()?, false) }
    }

    /// Where a name in full leads; what there is to tell of that is kept.
    fn routed(&self, kind: Kind, name: &str) -> String {
        if kind == Kind::Action {
            return name.to_owned();
        }
        let route = self.collections.route(kind.folder(), name);
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).extend(route.notices);
        route.name
    }

    /// The name of the connection that `name` leads to.
    pub(crate) fn connection<'n>(&self, name: &'n str) -> Cow<'n, str> {
        match name.split('.').count() > 2 && !name.starts_with("ansible.builtin.") {
            true => self.collections.route("connection", name).name.into(),
            false => name.into(),
        }
    }

    /// What is to be told of the ways to plug-ins that were found since this was last asked.
    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The file of the playbook `namespace.collection.name`.
    pub fn playbook(&self, name: &str) -> Option<PathBuf> {
        self.collections.playbook(name)
    }

    /// Why there is no callback of this name any more, if a collection says so.
    pub fn removed_callback(&self, name: &str) -> Option<String> {
        let moved = self.collections.moved(Kind::Callback.folder(), name);
        self.collections.route(Kind::Callback.folder(), moved.as_deref().unwrap_or(name)).removed
    }

    /// The file of a callback: two names may mean one.
    pub fn callback_file(&self, name: &str) -> Option<PathBuf> {
        self.find(Kind::Callback, name, false).map(|plugin| plugin.path.clone())
    }

    fn directories(&self, kind: Kind) -> Vec<Arc<Directory>> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        found.directories.iter().chain(&self.configured).filter(|directory| directory.kind == kind).cloned().collect()
    }

    /// The file that has the filter or test `name`. Python is asked first about files that mention it; about others only where
    /// Hostler has none of that name itself.
    fn having(&self, directory: &Directory, name: &str, is_own: bool) -> Option<PathBuf> {
        let (mention, others): (Vec<_>, Vec<_>) = directory.files().iter().partition(|(_, text)| text.contains(name));
        let others = if is_own { Vec::new() } else { others };
        let mut paths = mention.iter().chain(&others).map(|(path, _)| path);
        paths
            .find(|path| {
                self.names(directory.kind, path)
                    .as_ref()
                    .as_ref()
                    .is_ok_and(|names| names.iter().any(|known| known == name))
            })
            .cloned()
    }

    fn names(&self, kind: Kind, path: &Path) -> Arc<Names> {
        if let Some(known) = self.names.lock().unwrap_or_else(PoisonError::into_inner).get(path) {
            return Arc::clone(known);
        }
        let request = self.request("names", path, json!({"kind": kind.folder()}));
        let names = self.call(&request, &mut NothingAsked, &|| false).map(|answer| {
            let names = answer.value.as_array().cloned().unwrap_or_default();
            names.iter().filter_map(Json::as_str).map(str::to_owned).collect()
        });
        let names = Arc::new(names);
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&names));
        names
    }

    /// What kept files with filters or tests from being read, for who misses one.
    pub(crate) fn complaints(&self) -> Option<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failed: Vec<String> = names
            .iter()
            .filter_map(|(path, names)| {
                Some(format!("{} cannot be used: {}", path.display(), names.as_ref().as_ref().err()?))
            })
            .collect();
        failed.sort();
        (!failed.is_empty()).then(|| failed.join("; "))
    }

    /// Runs a filter or test.
    ///
    /// # Errors
    /// What it raised, or why it cannot be run.
    pub(crate) fn apply(
        &self,
        plugin: &Plugin,
        args: Vec<Json>,
        named: Json,
        asked: &mut dyn Asked,
    ) -> Result<Answer, String> {
        let details = json!({"kind": plugin.kind.folder(), "name": plugin.name, "args": args, "kwargs": named});
        self.call(&self.request("call", &plugin.path, details), asked, &|| false)
    }

    /// Runs a lookup or an action, with what else it is told.
    ///
    /// # Errors
    /// What it raised, or why it cannot be run.
    pub(crate) fn run(
        &self,
        plugin: &Plugin,
        details: Json,
        asked: &mut dyn Asked,
        stop: &dyn Fn() -> bool,
    ) -> Result<Answer, String> {
        let mut request = self.request(plugin.kind.folder(), &plugin.path, details);
        request["name"] = json!(plugin.name);
        self.call(&request, asked, stop)
    }

    /// The names of callbacks in directories: those that need not be enabled hear of every run.
    pub fn callbacks(&self) -> Vec<String> {
        let directories = self.directories(Kind::Callback);
        let paths = directories.iter().flat_map(|directory| directory.files()).map(|(path, _)| path);
        paths.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect()
    }

    /// Whether the user has a callback of this name.
    pub fn has_callback(&self, name: &str) -> bool {
        self.find(Kind::Callback, name, false).is_some()
    }

    /// Starts a callback. `basedir` is the playbook's directory; with `color` it prints colours.
    ///
    /// # Errors
    /// Why it cannot run: there is none of this name, no Python, or not Ansible's library.
    pub fn callback(&self, name: &str, basedir: &Path, verbosity: u8, color: bool) -> Result<Callback, String> {
        let plugin = self.find(Kind::Callback, name, false).ok_or("there is none of this name")?;
        let mut request = self.request("callback", &plugin.path, json!({"name": plugin.name}));
        request["options"] = json!({"basedir": basedir, "verbosity": verbosity, "color": color});
        Callback::start(&request)
    }

    fn request(&self, what: &str, path: &Path, mut details: Json) -> Json {
        details["do"] = json!(what);
        details["path"] = json!(local_files::absolute(path));
        details["roots"] = json!(self.collections.roots());
        details
    }

    /// A process that failed to answer is not used again.
    fn call(&self, request: &Json, asked: &mut dyn Asked, stop: &dyn Fn() -> bool) -> Result<Answer, String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut process = idle.map_or_else(Process::start, Ok)?;
        let answer = process.call(request, asked, stop)?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        answer
    }
}

/// Files are only read: they ask nothing.
struct NothingAsked;

impl Asked for NothingAsked {
    fn answer(&mut self, _: Want) -> Result<Json, process::Refusal> {
        Err(process::Refusal::Error("there are no variables here".to_owned()))
    }
}
