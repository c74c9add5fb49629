//! What is known of a host: variables of its groups and its own, from sources and from `group_vars` and `host_vars`.
//!
//! Files are read when first needed, and once. Hosts in the same groups share what the groups give them.

use super::model::{Group, Inventory, LOCALHOST};
use super::vars_options::{GroupSource, VarsStage};
use crate::diagnostic::Diagnostic;
use crate::system::local_files;
use crate::value::{Map, Value};
use crate::vars::combine::combine;
use crate::vars::files::load_vars_file;
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A folder of variables next to an inventory or a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Folder {
    Groups,
    Hosts,
}

impl Folder {
    fn name(self) -> &'static str {
        match self {
            Self::Groups => "group_vars",
            Self::Hosts => "host_vars",
        }
    }
}

/// By directory, folder and name of the host or group.
type Files = Mutex<HashMap<(PathBuf, Folder, Arc<str>), Arc<Map>>>;
/// By what was merged, and the playbook's directories.
type Merged<K> = Mutex<HashMap<(K, Vec<PathBuf>), Arc<Map>>>;

#[derive(Default)]
pub(super) struct Caches {
    /// Names in each `group_vars` and `host_vars`; `None` where there is no such directory.
    listings: Mutex<HashMap<PathBuf, Option<Arc<HashSet<OsString>>>>>,
    files: Files,
    of_groups: Merged<Vec<Arc<str>>>,
    of_hosts: Merged<Arc<str>>,
}

impl Caches {
    /// Hosts or groups changed; files did not.
    pub fn forget_merged(&self) {
        lock(&self.of_groups).clear();
        lock(&self.of_hosts).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inventory {
    /// A host's variables from the inventory and from `group_vars` and `host_vars`, next to the inventory's sources and in
    /// `playbook_dirs`. Later ones win, if the settings do not say otherwise of groups:
    ///
    /// 1. variables of `all` in the sources, then those of the other groups, outer groups first, then by priority and name
    /// 2. `group_vars/all` next to the sources, then of the playbook
    /// 3. `group_vars/*` next to the sources, then of the playbook, groups in the same order
    /// 4. variables of the host in the sources
    /// 5. `host_vars/*` next to the sources, then of the playbook
    ///
    /// The implicit localhost gets those of `all` and its own.
    ///
    /// # Errors
    /// If a file of variables cannot be read, or the host is not known.
    pub fn host_vars(&self, host: &str, playbook_dirs: &[PathBuf]) -> Result<Arc<Map>, Diagnostic> {
        let key = (Arc::from(host), playbook_dirs.to_vec());
        if let Some(found) = lock(&self.caches.of_hosts).get(&key) {
            return Ok(Arc::clone(found));
        }
        let known = self.hosts.get(host);
        if known.is_none() && !LOCALHOST.contains(&host) {
            return Err(Diagnostic::error(format!("the host `{host}` is not in the inventory"))
                .suggest(host, self.hosts.keys().map(|name| &**name)));
        }
        let implicit = Map::from_iter([("ansible_connection".into(), Value::str("local"))]);
        let mut layers = vec![Arc::new(known.map_or(implicit, |host| host.vars.clone()))];
        for dir in self.dirs(playbook_dirs) {
            layers.push(self.folder_vars(dir, Folder::Hosts, host)?);
        }
        layers.retain(|layer| !layer.is_empty());
        let mut merged = self.groups_vars(host, playbook_dirs)?;
        if !layers.is_empty() {
            let map = Arc::make_mut(&mut merged);
            layers.iter().for_each(|layer| combine(map, layer, self.options.hash_behaviour));
        }
        lock(&self.caches.of_hosts).insert(key, Arc::clone(&merged));
        Ok(merged)
    }

    /// Variables of one group alone, from sources and `group_vars`: what `--export` shows.
    ///
    /// # Errors
    /// If a file of variables cannot be read.
    pub fn group_vars(&self, group: &str, playbook_dirs: &[PathBuf]) -> Result<Map, Diagnostic> {
        let mut merged = self.group(group).map(|group| group.vars.clone()).unwrap_or_default();
        for dir in self.dirs(playbook_dirs) {
            combine(&mut merged, &*self.folder_vars(dir, Folder::Groups, group)?, self.options.hash_behaviour);
        }
        Ok(merged)
    }

    /// Variables of one host alone, without those of its groups: what `--export` shows.
    pub(super) fn own_vars(&self, host: &str, playbook_dirs: &[PathBuf]) -> Result<Map, Diagnostic> {
        let mut merged = self.host(host).map(|host| host.vars.clone()).unwrap_or_default();
        for dir in self.dirs(playbook_dirs) {
            combine(&mut merged, &*self.folder_vars(dir, Folder::Hosts, host)?, self.options.hash_behaviour);
        }
        Ok(merged)
    }

    fn dirs<'a>(&'a self, playbook_dirs: &'a [PathBuf]) -> impl Iterator<Item = &'a PathBuf> {
        let demanded = playbook_dirs.iter().filter(|_| self.options.vars_stage == VarsStage::Demand);
        self.var_dirs.iter().chain(demanded)
    }

    /// What a host gets from its groups.
    fn groups_vars(&self, host: &str, playbook_dirs: &[PathBuf]) -> Result<Arc<Map>, Diagnostic> {
        let groups = self.groups_by_rank(host);
        let names: Vec<Arc<str>> = groups.iter().map(|group| Arc::clone(&group.name)).collect();
        let key = (names, playbook_dirs.to_vec());
        if let Some(found) = lock(&self.caches.of_groups).get(&key) {
            return Ok(Arc::clone(found));
        }
        let (all, others): (Vec<&Group>, Vec<&Group>) = groups.into_iter().partition(|group| &*group.name == "all");
        let mut merged = Map::default();
        let at_start = self.options.vars_stage == VarsStage::Start;
        for source in &self.options.precedence {
            match source {
                GroupSource::AllInventory => self.add_inventory(&mut merged, &all)?,
                GroupSource::GroupsInventory => self.add_inventory(&mut merged, &others)?,
                _ if at_start => {}
                GroupSource::AllPluginsInventory => self.add_files(&mut merged, &self.var_dirs, &all)?,
                GroupSource::AllPluginsPlay => self.add_files(&mut merged, playbook_dirs, &all)?,
                GroupSource::GroupsPluginsInventory => self.add_files(&mut merged, &self.var_dirs, &others)?,
                GroupSource::GroupsPluginsPlay => self.add_files(&mut merged, playbook_dirs, &others)?,
            }
        }
        let merged = Arc::new(merged);
        lock(&self.caches.of_groups).insert(key, Arc::clone(&merged));
        Ok(merged)
    }

    fn add_inventory(&self, merged: &mut Map, groups: &[&Group]) -> Result<(), Diagnostic> {
        for group in groups {
            combine(merged, &group.vars, self.options.hash_behaviour);
            if self.options.vars_stage == VarsStage::Start {
                self.add_files(merged, &self.var_dirs, &[group])?;
            }
        }
        Ok(())
    }

    fn add_files(&self, merged: &mut Map, dirs: &[PathBuf], groups: &[&Group]) -> Result<(), Diagnostic> {
        for dir in dirs {
            for group in groups {
                let found = self.folder_vars(dir, Folder::Groups, &group.name)?;
                combine(merged, &found, self.options.hash_behaviour);
            }
        }
        Ok(())
    }

    /// The variables of one name in one folder.
    fn folder_vars(&self, dir: &Path, folder: Folder, name: &str) -> Result<Arc<Map>, Diagnostic> {
        // A host's name may be a path (of a chroot); it has no variables then.
        if name.contains('/') || name.starts_with('.') || !self.options.vars_files {
            return Ok(Arc::default());
        }
        let key = (dir.to_owned(), folder, Arc::from(name));
        if let Some(found) = lock(&self.caches.files).get(&key) {
            return Ok(Arc::clone(found));
        }
        let mut vars = Map::default();
        for path in self.vars_files(&dir.join(folder.name()), name)? {
            let mut warnings = Vec::new();
            let found = load_vars_file(&path, &self.options.vaults, &mut warnings)?;
            self.options.duplicate_keys.judge(warnings)?.into_iter().for_each(|warning| self.warn(warning));
            combine(&mut vars, &found, self.options.hash_behaviour);
        }
        let vars = Arc::new(vars);
        lock(&self.caches.files).insert(key, Arc::clone(&vars));
        Ok(vars)
    }

    /// The files for a name: the first of `NAME` (a file, or all in a directory) and that with each ending, `NAME.yml` …
    fn vars_files(&self, folder: &Path, name: &str) -> Result<Vec<PathBuf>, Diagnostic> {
        let Some(listing) = self.listing(folder)? else { return Ok(Vec::new()) };
        let endings = std::iter::once("").chain(self.options.yaml_extensions.iter().map(String::as_str));
        let mut candidates = endings.map(|ending| format!("{name}{ending}"));
        let Some(found) = candidates.find(|file| listing.contains(file.as_ref() as &std::ffi::OsStr)) else {
            return Ok(Vec::new());
        };
        let path = folder.join(found);
        let mut files = Vec::new();
        if local_files::is_dir(&path) {
            self.collect_files(&path, &mut files)?;
        } else {
            files.push(path);
        }
        Ok(files)
    }

    fn listing(&self, folder: &Path) -> Result<Option<Arc<HashSet<OsString>>>, Diagnostic> {
        if let Some(found) = lock(&self.caches.listings).get(folder) {
            return Ok(found.clone());
        }
        let names = if local_files::is_dir(folder) {
            let entries = local_files::read_dir(folder).map_err(|error| Diagnostic::error(error.to_string()))?;
            Some(Arc::new(entries.iter().filter_map(|path| path.file_name()).map(OsString::from).collect()))
        } else {
            if local_files::exists(folder) {
                self.warn(Diagnostic::warning(format!("{} is not a directory and left out", folder.display())));
            }
            None
        };
        lock(&self.caches.listings).insert(folder.to_owned(), names.clone());
        Ok(names)
    }

    /// All files of variables in a directory and those below it, by name.
    fn collect_files(&self, dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Diagnostic> {
        for path in local_files::read_dir(dir).map_err(|error| Diagnostic::error(error.to_string()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let extension = path.extension().and_then(|extension| extension.to_str());
            if local_files::is_dir(&path) {
                if extension.is_none() {
                    self.collect_files(&path, files)?;
                }
            } else if extension.is_none_or(|extension| self.is_yaml_extension(extension)) {
                files.push(path);
            }
        }
        Ok(())
    }
}
