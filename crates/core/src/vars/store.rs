//! All variables of a run: what was learnt of each host, and which source wins.
//!
//! A task's view is a short list of shared maps, highest precedence first, so that making one for each of thousands of
//! hosts copies nothing.

use super::{FactCache, Variables};
use crate::diagnostic::Diagnostic;
use crate::inventory::Inventory;
use crate::playbook::Scope;
use crate::value::{Key, Map, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What a run learnt of one host.
#[derive(Debug, Clone, Default)]
struct Learnt {
    /// `ansible_facts`, without the `ansible_` prefix.
    facts: Arc<Map>,
    /// The same with the prefix, as variables of their own.
    injected: Arc<Map>,
    /// `set_fact` and `register`.
    set: Arc<Map>,
    /// `include_vars`.
    included: Arc<Map>,
}

/// Settings and values that are the same for every host and task.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// `-e`: wins over everything but magic variables.
    pub extra: Arc<Map>,
    /// Magic variables that do not depend on the host (`ansible_version`, `ansible_check_mode` …).
    pub magic: Arc<Map>,
    /// Whether facts are variables of their own (`ansible_os_family`) besides being in `ansible_facts`.
    pub inject_facts: bool,
    /// Whether mappings of the same name are merged instead of replaced (`hash_behaviour = merge`).
    pub merge_hashes: bool,
    /// Keeps facts between runs.
    pub fact_cache: Option<FactCache>,
    /// Directory of the first playbook, whose `group_vars` and `host_vars` count.
    pub playbook_dir: Option<PathBuf>,
    /// Which directories count instead for tasks.
    pub vars_root: VarsRoot,
}

/// Which directories' `group_vars` and `host_vars` tasks see (`playbook_vars_root`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VarsRoot {
    /// The playbook's.
    #[default]
    Top,
    /// The task's role's, or else that of the file it is in.
    Bottom,
    /// Those of the roles that the task is in, and of its file.
    All,
}

/// The variables of one batch of a play.
#[derive(Debug, Default)]
pub struct PlayVariables {
    /// The play's `vars`.
    pub vars: Arc<Map>,
    /// Answers to `vars_prompt`.
    pub prompted: Arc<Map>,
    /// `vars_files`, by host.
    pub files: HashMap<Arc<str>, Arc<Map>>,
    /// Defaults of all roles that the whole play sees, merged.
    pub role_defaults: RwLock<Arc<Map>>,
    /// Variables of all roles that the whole play sees, merged.
    pub role_vars: RwLock<Arc<Map>>,
    /// Magic variables of the play (`ansible_play_hosts` …).
    pub magic: RwLock<Arc<Map>>,
}

/// Every variable of a run.
pub struct Store {
    globals: Globals,
    /// The directory of the playbook whose play runs.
    playbook_dir: RwLock<Option<PathBuf>>,
    inventory: RwLock<Inventory>,
    learnt: RwLock<HashMap<Arc<str>, Learnt>>,
    groups: RwLock<Option<Value>>,
}

impl Store {
    /// A store over an inventory.
    pub fn new(inventory: Inventory, globals: Globals) -> Self {
        let hosts = inventory.hosts();
        let store = Self {
            playbook_dir: RwLock::new(globals.playbook_dir.clone()),
            globals,
            inventory: RwLock::new(inventory),
            learnt: RwLock::default(),
            groups: RwLock::default(),
        };
        if let Some(cache) = &store.globals.fact_cache {
            for host in hosts {
                if let Some(facts) = cache.load(&host) {
                    store.learn(&host, |learnt| store.add(learnt, facts.iter()));
                }
            }
        }
        store
    }

    /// Looks at the inventory.
    pub fn inventory<T>(&self, look: impl FnOnce(&Inventory) -> T) -> T {
        look(&self.inventory.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the inventory (`add_host`, `group_by`).
    pub fn change_inventory<T>(&self, change: impl FnOnce(&mut Inventory) -> T) -> T {
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = None;
        change(&mut self.inventory.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn learnt(&self, host: &str) -> Learnt {
        self.learnt.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned().unwrap_or_default()
    }

    fn learn(&self, host: &Arc<str>, learn: impl FnOnce(&mut Learnt)) {
        let mut all = self.learnt.write().unwrap_or_else(PoisonError::into_inner);
        learn(all.entry(Arc::clone(host)).or_default());
    }

    /// Sets variables as `set_fact` and `register` do.
    pub fn set(&self, host: &Arc<str>, variables: impl IntoIterator<Item = (Key, Value)>) {
        self.learn(host, |learnt| Arc::make_mut(&mut learnt.set).extend(variables));
    }

    /// Sets variables as `include_vars` does.
    pub fn include(&self, host: &Arc<str>, variables: impl IntoIterator<Item = (Key, Value)>) {
        self.learn(host, |learnt| Arc::make_mut(&mut learnt.included).extend(variables));
    }

    /// Adds facts, named with or without `ansible_`.
    pub fn add_facts<'a>(&self, host: &Arc<str>, facts: impl IntoIterator<Item = (&'a Key, &'a Value)>) {
        self.learn(host, |learnt| self.add(learnt, facts));
    }

    fn add<'a>(&self, learnt: &mut Learnt, facts: impl IntoIterator<Item = (&'a Key, &'a Value)>) {
        let plain = Arc::make_mut(&mut learnt.facts);
        let injected = Arc::make_mut(&mut learnt.injected);
        for (key, value) in facts {
            let Some(name) = key.as_str() else { continue };
            let short = name.strip_prefix("ansible_").unwrap_or(name);
            plain.insert(Key::from(short), value.clone());
            if self.globals.inject_facts {
                // `ansible_local` and the like keep their prefix; facts without one become variables as they are.
                injected.insert(key.clone(), value.clone());
            }
        }
    }

    /// Adds facts and keeps them for the next run, where facts are kept.
    ///
    /// # Errors
    /// They cannot be kept.
    pub fn keep_facts(&self, host: &Arc<str>, facts: &Map) -> Result<(), String> {
        self.add_facts(host, facts);
        let Some(cache) = &self.globals.fact_cache else { return Ok(()) };
        let Learnt { facts, injected, .. } = self.learnt(host);
        if self.globals.inject_facts {
            return cache.save(host, &injected);
        }
        let prefixed = facts.iter().map(|(key, value)| (Key::from(format!("ansible_{key}")), value.clone()));
        cache.save(host, &prefixed.collect())
    }

    /// Whether facts were gathered.
    pub fn has_facts(&self, host: &str) -> bool {
        !self.learnt(host).facts.is_empty()
    }

    /// Forgets the facts of a host (`meta: clear_facts`), also those kept between runs.
    pub fn clear_facts(&self, host: &Arc<str>) {
        if let Some(cache) = &self.globals.fact_cache {
            cache.remove(host);
        }
        self.learn(host, |learnt| (learnt.facts, learnt.injected) = Default::default());
    }

    /// `groups`.
    fn groups(&self) -> Value {
        if let Some(groups) = &*self.groups.read().unwrap_or_else(PoisonError::into_inner) {
            return groups.clone();
        }
        let groups: Value = self.inventory(|inventory| {
            let hosts = |name: &str| Value::list(inventory.group_hosts(name).into_iter().map(Value::str));
            let groups = inventory.groups().map(|group| (Key::Str(Arc::clone(group.name())), hosts(group.name())));
            groups.collect::<Map>().into()
        });
        *self.groups.write().unwrap_or_else(PoisonError::into_inner) = Some(groups.clone());
        groups
    }

    /// From now on plays of a playbook in this directory run.
    pub fn enter(&self, playbook_dir: &Path) {
        let mut current = self.playbook_dir.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_deref() != Some(playbook_dir) {
            *current = Some(playbook_dir.to_owned());
        }
    }

    /// The directory of the playbook whose play runs.
    pub fn playbook_dir(&self) -> Option<PathBuf> {
        self.playbook_dir.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What files and sources say of a host, to a task on these levels.
    fn inventory_vars(&self, host: &str, levels: &[&Scope]) -> Result<Arc<Map>, Diagnostic> {
        let of_task = if self.globals.vars_root == VarsRoot::Top { Vec::new() } else { self.dirs_of(levels) };
        let dir = self.playbook_dir.read().unwrap_or_else(PoisonError::into_inner);
        let dirs = if of_task.is_empty() { dir.as_slice() } else { &of_task };
        self.inventory(|inventory| inventory.host_vars(host, dirs))
    }

    /// The directories of a task's roles, the innermost first, and of its file.
    fn dirs_of(&self, levels: &[&Scope]) -> Vec<PathBuf> {
        let roles = levels.iter().filter_map(|level| level.role.as_ref()).map(|role| role.path.clone());
        let file = levels.iter().find_map(|level| level.dir.as_ref()).map(|dir| dir.to_path_buf());
        let wanted = if self.globals.vars_root == VarsRoot::Bottom { 1 } else { usize::MAX };
        roles.chain(file).take(wanted).collect()
    }

    /// Reads the files of a host's variables, so that mistakes in them are found before they are used.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn check_host(&self, host: &str) -> Result<(), Diagnostic> {
        self.inventory_vars(host, &[]).map(drop)
    }

    /// The variables that `hostvars[host]` shows: without any play's or task's.
    pub fn of_host(self: &Arc<Self>, host: &Arc<str>) -> Arc<HostView> {
        Arc::new(self.view(host, None, None))
    }

    /// The variables that a task in `scope` sees on `host`. Magic variables `task_magic` come on top.
    pub fn of_task(self: &Arc<Self>, host: &Arc<str>, play: &Arc<PlayVariables>, scope: &Arc<Scope>) -> Arc<HostView> {
        Arc::new(self.view(host, Some(play), Some(scope)))
    }

    fn view(
        self: &Arc<Self>,
        host: &Arc<str>,
        play: Option<&Arc<PlayVariables>>,
        scope: Option<&Arc<Scope>>,
    ) -> HostView {
        let Learnt { facts, injected, set, included } = self.learnt(host);
        let levels: Vec<&Scope> = scope.map(|scope| scope.levels().collect()).unwrap_or_default();
        // Files that cannot be read were refused by `check_host`, before anything was run.
        let inventory = self.inventory_vars(host, &levels).unwrap_or_default();
        let inner = || levels.iter().filter(|level| level.parent.is_some());
        let roles = || levels.iter().filter_map(|level| level.role.as_ref());

        let mut layers = vec![Arc::clone(&self.globals.extra)];
        layers.extend(inner().filter(|level| level.include_params).map(|level| Arc::clone(&level.keywords.vars)));
        layers.extend(roles().map(|role| Arc::clone(&role.params)));
        layers.extend([set, included]);
        layers.extend(inner().filter(|level| !level.include_params).map(|level| Arc::clone(&level.keywords.vars)));
        for role in roles() {
            layers.push(Arc::clone(&role.vars));
            layers.extend(role.dependencies.iter().rev().map(|dependency| Arc::clone(&dependency.vars)));
        }
        if let Some(play) = play {
            layers.push(read(&play.role_vars));
            layers.extend(play.files.get(host).cloned());
            layers.extend([Arc::clone(&play.prompted), Arc::clone(&play.vars)]);
        }
        layers.extend([injected, inventory]);
        if self.inventory(|inventory| inventory.host(host).is_none()) {
            // This machine, which no inventory has: what Ansible gives it.
            let python = self.globals.magic.get("ansible_playbook_python").cloned();
            layers.push(Arc::new(
                python.map(|python| (Key::from("ansible_python_interpreter"), python)).into_iter().collect(),
            ));
        }
        for role in roles() {
            layers.push(Arc::clone(&role.defaults));
            layers.extend(role.dependencies.iter().rev().map(|dependency| Arc::clone(&dependency.defaults)));
        }
        layers.extend(play.map(|play| read(&play.role_defaults)));
        if scope.is_some() {
            // What a task is told of its connection where nobody says it; `hostvars` has it only where it is set.
            layers.push(Arc::new(Map::from_iter([(Key::from("ansible_host"), Value::str(Arc::clone(host)))])));
        }
        layers.retain(|layer| !layer.is_empty());
        let play_magic = play.map(|play| read(&play.magic)).unwrap_or_default();
        HostView { store: Arc::clone(self), host: Arc::clone(host), facts, layers, play_magic, scope: scope.cloned() }
    }
}

fn read(map: &RwLock<Arc<Map>>) -> Arc<Map> {
    Arc::clone(&map.read().unwrap_or_else(PoisonError::into_inner))
}

/// What one task sees on one host.
pub struct HostView {
    store: Arc<Store>,
    host: Arc<str>,
    facts: Arc<Map>,
    /// Highest precedence first.
    layers: Vec<Arc<Map>>,
    play_magic: Arc<Map>,
    scope: Option<Arc<Scope>>,
}

impl HostView {
    /// Variables that Ansible sets itself; nothing overrides them.
    fn magic(&self, name: &str) -> Option<Value> {
        let inventory = |look: &dyn Fn(&Inventory) -> Value| Some(self.store.inventory(look));
        match name {
            "inventory_hostname" => Some(Value::str(Arc::clone(&self.host))),
            "inventory_hostname_short" => Some(Value::from(self.host.split('.').next().unwrap_or_default())),
            "group_names" => inventory(&|inventory| {
                Value::list(
                    inventory.groups_of(&self.host).into_iter().filter(|group| &**group != "all").map(Value::str),
                )
            }),
            "groups" => Some(self.store.groups()),
            "playbook_dir" => Some(text(self.store.playbook_dir().as_deref())),
            "ansible_facts" => Some(Value::Map(Arc::clone(&self.facts))),
            "inventory_dir" => inventory(&|inventory| {
                text(inventory.host(&self.host).and_then(|host| host.source()).and_then(|source| source.parent()))
            }),
            "inventory_file" => inventory(&|inventory| text(inventory.host(&self.host).and_then(|host| host.source()))),
            "role_name" | "ansible_role_name" => Some(Value::str(Arc::clone(&self.scope.as_ref()?.role()?.name))),
            "role_path" => Some(Value::from(self.scope.as_ref()?.role()?.path.to_string_lossy().into_owned())),
            "ansible_search_path" => {
                let dirs = self.scope.as_ref()?.search_path().into_iter().map(|dir| text(Some(dir)));
                Some(Value::list(dirs))
            }
            "ansible_parent_role_names" => {
                let parents = &self.scope.as_ref()?.role()?.parents;
                (!parents.is_empty()).then(|| Value::list(parents.iter().rev().cloned().map(Value::str)))
            }
            "ansible_parent_role_paths" => {
                let paths = &self.scope.as_ref()?.role()?.parent_paths;
                (!paths.is_empty()).then(|| Value::list(paths.iter().rev().map(|path| text(Some(path)))))
            }
            _ => self.play_magic.get(name).or_else(|| self.store.globals.magic.get(name)).cloned(),
        }
    }
}

fn text(path: Option<&Path>) -> Value {
    path.map_or(Value::Null, |path| Value::from(path.to_string_lossy().into_owned()))
}

/// Names that mean this machine where no inventory has them.
pub(crate) const LOCAL_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

const MAGIC: &[&str] = &[
    "inventory_hostname",
    "inventory_hostname_short",
    "group_names",
    "groups",
    "playbook_dir",
    "ansible_facts",
    "inventory_dir",
    "inventory_file",
    "role_name",
    "ansible_role_name",
    "role_path",
    "ansible_search_path",
    "ansible_parent_role_names",
    "ansible_parent_role_paths",
];

impl Variables for HostView {
    fn get(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.magic(name) {
            return Some(value);
        }
        if self.store.globals.merge_hashes {
            return self.layers.iter().rev().filter_map(|layer| layer.get(name)).cloned().reduce(merge);
        }
        self.layers.iter().find_map(|layer| layer.get(name)).cloned()
    }

    fn names(&self) -> Vec<Arc<str>> {
        let maps = self.layers.iter().chain([&self.play_magic, &self.store.globals.magic]);
        let mut names: Vec<Arc<str>> =
            maps.flat_map(|map| map.keys()).filter_map(|key| key.as_str().map(Arc::from)).collect();
        names.extend(MAGIC.iter().filter(|name| self.magic(name).is_some()).map(|name| Arc::from(*name)));
        names.sort();
        names.dedup();
        names
    }

    fn host(&self, host: &str) -> Option<Arc<dyn Variables>> {
        // This machine may be a play's host, or be delegated to, without being in an inventory.
        let known = *host == *self.host
            || LOCAL_NAMES.contains(&host)
            || self.store.inventory(|inventory| inventory.host(host).is_some());
        known.then(|| self.store.of_host(&Arc::from(host)) as Arc<dyn Variables>)
    }

    fn hosts(&self) -> Vec<Arc<str>> {
        self.store.inventory(|inventory| inventory.hosts())
    }
}

/// `above` over `below`, mappings merged at every depth.
pub(crate) fn merge(below: Value, above: Value) -> Value {
    let (Value::Map(below), Value::Map(above)) = (&below, &above) else { return above };
    let mut merged = Map::clone(below);
    for (key, value) in above.iter() {
        let value = match merged.get(key) {
            Some(old) => merge(old.clone(), value.clone()),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged.into()
}
