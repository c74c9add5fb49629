//! The inventory itself: which host is in which group, which group in which.

use super::load::LoadOptions;
use super::vars::Caches;
use crate::diagnostic::Diagnostic;
use crate::value::{Key, Map, Value};
use crate::vars::combine::combine;
use indexmap::{IndexMap, IndexSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Names that mean the controller, even where no inventory has them.
pub(super) const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A group of hosts and other groups.
#[derive(Debug, Clone)]
pub struct Group {
    pub(super) name: Arc<str>,
    pub(super) vars: Map,
    pub(super) hosts: IndexSet<Arc<str>>,
    pub(super) children: IndexSet<Arc<str>>,
    pub(super) parents: IndexSet<Arc<str>>,
    /// Longest way up to `all`.
    pub(super) depth: usize,
    /// `ansible_group_priority`.
    pub(super) priority: i64,
}

impl Group {
    fn new(name: Arc<str>) -> Self {
        Self {
            name,
            vars: Map::default(),
            hosts: IndexSet::new(),
            children: IndexSet::new(),
            parents: IndexSet::new(),
            depth: 0,
            priority: 1,
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Variables that the inventory's sources give it; not those of `group_vars`.
    pub fn vars(&self) -> &Map {
        &self.vars
    }

    /// Hosts that are directly in it.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.hosts.iter()
    }

    /// Groups that are directly in it.
    pub fn children(&self) -> impl Iterator<Item = &Arc<str>> {
        self.children.iter()
    }
}

/// One host.
#[derive(Debug, Clone)]
pub struct Host {
    pub(super) name: Arc<str>,
    pub(super) vars: Map,
    /// Groups it is directly in.
    pub(super) groups: IndexSet<Arc<str>>,
    pub(super) source: Option<Arc<Path>>,
}

impl Host {
    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Variables that the inventory's sources give it; not those of `host_vars`.
    pub fn vars(&self) -> &Map {
        &self.vars
    }

    /// The source that first named it (`inventory_file`); `None` for hosts added at run time.
    pub fn source(&self) -> Option<&Path> {
        self.source.as_deref()
    }
}

/// Hosts, groups, and where their variables come from.
pub struct Inventory {
    pub(super) groups: IndexMap<Arc<str>, Group>,
    pub(super) hosts: IndexMap<Arc<str>, Host>,
    /// Directories of the sources, whose `group_vars` and `host_vars` count; in order.
    pub(super) var_dirs: Vec<PathBuf>,
    pub(super) options: LoadOptions,
    pub(super) current_source: Option<Arc<Path>>,
    pub(super) caches: Caches,
    pub(super) generation: u64,
    /// A source was read.
    pub(super) parsed: bool,
    warnings: Mutex<Vec<Diagnostic>>,
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inventory").field("groups", &self.groups).field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Inventory {
    /// No hosts, and the groups that are always there.
    pub fn new(options: LoadOptions) -> Self {
        let mut inventory = Self {
            groups: IndexMap::new(),
            hosts: IndexMap::new(),
            var_dirs: Vec::new(),
            options,
            current_source: None,
            caches: Caches::default(),
            generation: 0,
            parsed: false,
            warnings: Mutex::default(),
        };
        for name in ["all", "ungrouped"] {
            inventory.groups.insert(name.into(), Group::new(name.into()));
        }
        inventory.link("all", "ungrouped");
        inventory
    }

    /// All hosts, in the order that `all` has them.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.group_hosts("all")
    }

    /// A host by its exact name. The implicit localhost is none of them.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Whether any source could be read.
    pub fn is_parsed(&self) -> bool {
        self.parsed
    }

    /// All groups, `all` and `ungrouped` first.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// A group by its exact name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name)
    }

    /// The hosts in a group and in all groups below it; none for a group that is not there.
    pub fn group_hosts(&self, name: &str) -> Vec<Arc<str>> {
        let mut hosts: IndexSet<Arc<str>> = IndexSet::new();
        for group in self.walk(name, |group| &group.children) {
            hosts.extend(group.hosts.iter().cloned());
        }
        hosts.into_iter().collect()
    }

    /// The groups of a host, direct or not, `all` left out, sorted (`group_names`).
    pub fn groups_of(&self, host: &str) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.groups_by_rank(host).into_iter().map(|group| Arc::clone(&group.name)).collect();
        names.retain(|name| &**name != "all");
        names.sort();
        names
    }

    /// Increases whenever hosts or groups are added: what was derived from an older one is out of date.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What was odd since the last call, while loading, selecting or merging variables.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warning: Diagnostic) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// The groups of a host, direct or not, those that win last.
    pub(super) fn groups_by_rank(&self, host: &str) -> Vec<&Group> {
        let mut found: IndexSet<&str> = IndexSet::new();
        for direct in self.hosts.get(host).iter().flat_map(|host| &host.groups) {
            found.extend(self.walk(direct, |group| &group.parents).map(|group| &*group.name));
        }
        found.insert("all");
        let mut groups: Vec<&Group> = found.into_iter().filter_map(|name| self.groups.get(name)).collect();
        groups.sort_by(|a, b| (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name)));
        groups
    }

    /// A group and what is reached from it, level by level.
    fn walk<'a>(
        &'a self,
        from: &str,
        next: impl Fn(&'a Group) -> &'a IndexSet<Arc<str>>,
    ) -> impl Iterator<Item = &'a Group> {
        let mut reached: IndexSet<&'a str> = self.groups.get(from).iter().map(|group| &*group.name).collect();
        let mut index = 0;
        while let Some(group) = reached.get_index(index).and_then(|name| self.groups.get(*name)) {
            reached.extend(next(group).iter().map(|name| &**name));
            index += 1;
        }
        reached.into_iter().filter_map(|name| self.groups.get(name))
    }

    /// Adds a group unless it is there; gives the name it really has.
    pub(super) fn ensure_group(&mut self, name: &str) -> Result<Arc<str>, Diagnostic> {
        if let Some(group) = self.groups.get(name) {
            return Ok(Arc::clone(&group.name));
        }
        if name.is_empty() {
            return Err(Diagnostic::error("a group's name is empty"));
        }
        let name = self.safe_group_name(name);
        self.groups.entry(Arc::clone(&name)).or_insert_with(|| Group::new(Arc::clone(&name)));
        self.generation += 1;
        Ok(name)
    }

    /// Adds a host unless it is there, to a group that is there.
    pub(super) fn ensure_host(&mut self, name: &str, group: Option<&str>, port: Option<u16>) -> Result<(), Diagnostic> {
        if name.is_empty() {
            return Err(Diagnostic::error("a host's name is empty"));
        }
        let source = self.current_source.clone();
        let host = self.hosts.entry(name.into()).or_insert_with(|| Host {
            name: name.into(),
            vars: Map::default(),
            groups: IndexSet::new(),
            source,
        });
        if let Some(port) = port
            && !host.vars.contains_key("ansible_port")
        {
            host.vars.insert("ansible_port".into(), Value::Int(i64::from(port)));
        }
        if let Some(group) = group.and_then(|group| self.groups.get_mut(group)) {
            group.hosts.insert(Arc::clone(&host.name));
            host.groups.insert(Arc::clone(&group.name));
        }
        self.generation += 1;
        Ok(())
    }

    /// Puts group `child` into group `parent`.
    pub(super) fn add_child(&mut self, parent: &str, child: &str) -> Result<bool, Diagnostic> {
        if self.walk(parent, |group| &group.parents).any(|above| &*above.name == child) {
            return Err(Diagnostic::error(format!("the group `{child}` would be inside itself, by way of `{parent}`")));
        }
        Ok(self.link(parent, child))
    }

    fn link(&mut self, parent: &str, child: &str) -> bool {
        let added = self.groups.get_mut(parent).is_some_and(|group| group.children.insert(child.into()));
        if let Some(group) = self.groups.get_mut(child) {
            group.parents.insert(parent.into());
        }
        self.generation += u64::from(added);
        added
    }

    pub(super) fn set_group_var(&mut self, group: &str, name: Key, value: Value) -> Result<(), Diagnostic> {
        let behaviour = self.options.hash_behaviour;
        let Some(group) = self.groups.get_mut(group) else { return Ok(()) };
        if name.as_str() != Some("ansible_group_priority") {
            combine(&mut group.vars, &Map::from_iter([(name, value)]), behaviour);
            return Ok(());
        }
        let number = match &value {
            Value::Int(number) => Some(*number),
            other => other.as_str().and_then(|text| text.trim().parse().ok()),
        };
        group.priority = number.ok_or_else(|| {
            Diagnostic::error(format!("`ansible_group_priority` of the group `{}` is not a whole number", group.name))
        })?;
        Ok(())
    }

    pub(super) fn set_host_var(&mut self, host: &str, name: Key, value: Value) {
        let behaviour = self.options.hash_behaviour;
        if let Some(host) = self.hosts.get_mut(host) {
            combine(&mut host.vars, &Map::from_iter([(name, value)]), behaviour);
        }
    }

    /// What holds after every change: all groups are below `all`, hosts without a group are in `ungrouped`.
    pub(super) fn reconcile(&mut self) {
        let names: Vec<Arc<str>> = self.groups.keys().cloned().collect();
        for name in &names {
            if &**name != "all" && self.groups[name].parents.is_empty() {
                self.link("all", name);
            }
        }
        for host in self.hosts.values_mut() {
            let grouped = host.groups.iter().any(|group| !matches!(&**group, "all" | "ungrouped"));
            if grouped {
                host.groups.shift_remove("ungrouped");
                self.groups["ungrouped"].hosts.shift_remove(&host.name);
            } else {
                host.groups.insert("ungrouped".into());
                self.groups["ungrouped"].hosts.insert(Arc::clone(&host.name));
            }
            if self.groups.contains_key(&host.name) {
                let warning = format!("`{}` is the name of a host and of a group", host.name);
                self.warnings.get_mut().unwrap_or_else(PoisonError::into_inner).push(Diagnostic::warning(warning));
            }
        }
        self.measure_depths();
        self.caches.forget_merged();
        self.generation += 1;
    }

    /// Longest ways down from `all`. There are no loops: [`Self::add_child`] refuses them.
    fn measure_depths(&mut self) {
        self.groups.values_mut().for_each(|group| group.depth = 0);
        let mut unsettled: Vec<Arc<str>> = vec!["all".into()];
        while let Some(name) = unsettled.pop() {
            let Some(group) = self.groups.get(&name) else { continue };
            let below = group.depth + 1;
            for child in group.children.clone() {
                if let Some(child) = self.groups.get_mut(&child)
                    && child.depth < below
                {
                    child.depth = below;
                    unsettled.push(Arc::clone(&child.name));
                }
            }
        }
    }

    /// `add_host`: a host with variables, in groups that are made if need be. Says whether anything is new.
    ///
    /// # Errors
    /// If a name is empty.
    pub fn add_host(&mut self, name: &str, groups: &[&str], vars: &Map) -> Result<bool, Diagnostic> {
        let mut changed = !self.hosts.contains_key(name);
        self.ensure_host(name, None, None)?;
        for group in groups {
            changed |= !self.groups.contains_key(*group);
            let group = self.ensure_group(group)?;
            changed |= !self.groups[&group].hosts.contains(name);
            self.ensure_host(name, Some(&group), None)?;
        }
        let behaviour = self.options.hash_behaviour;
        if let Some(host) = self.hosts.get_mut(name) {
            let before = host.vars.clone();
            combine(&mut host.vars, vars, behaviour);
            changed |= host.vars != before;
        }
        if changed {
            self.reconcile();
        }
        Ok(changed)
    }

    /// `group_by`: a group inside `parents` (made if need be), with a host in it. Says whether anything is new.
    ///
    /// # Errors
    /// If a name is empty, or the group would be inside itself.
    pub fn add_group(&mut self, name: &str, parents: &[&str], host: Option<&str>) -> Result<bool, Diagnostic> {
        let mut changed = !self.groups.contains_key(name);
        let name = self.ensure_group(name)?;
        for parent in parents {
            let parent = self.ensure_group(parent)?;
            changed |= self.add_child(&parent, &name)?;
        }
        if let Some(host) = host
            && !self.groups[&name].hosts.contains(host)
        {
            self.ensure_host(host, Some(&name), None)?;
            changed = true;
        }
        if changed {
            self.reconcile();
        }
        Ok(changed)
    }
}
