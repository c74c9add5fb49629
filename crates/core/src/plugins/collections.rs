//! Modules and plug-ins in collections, what they have become under other names, and the groups of modules that `module_defaults` can name.

use crate::actions::python_library;
use crate::diagnostic::SourceFile;
use crate::system::local_files;
use crate::template::Templar;
use crate::vars::{Decrypt, VaultSecrets};
use crate::yaml::{self, Node, NodeKind, Trust};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A group of actions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// By the names the collections give them in full.
    pub members: BTreeSet<String>,
    /// Groups that it takes in and that are not there.
    pub absent: BTreeSet<String>,
    /// What is odd about it and those that it takes in.
    pub faults: Vec<String>,
}

/// Groups that can be named without a collection, and those that they take in.
const SHORT_GROUPS: &[(&str, &[&str])] = &[
    ("acme", &["community.crypto.acme"]),
    ("aws", &["amazon.aws.aws", "community.aws.aws"]),
    ("azure", &["azure.azcollection.azure"]),
    ("cpm", &["wti.remote.cpm"]),
    ("docker", &["community.general.docker", "community.docker.docker"]),
    ("gcp", &["google.cloud.gcp"]),
    (
        "k8s",
        &[
            "community.kubernetes.k8s",
            "community.general.k8s",
            "community.kubevirt.k8s",
            "community.okd.k8s",
            "kubernetes.core.k8s",
        ],
    ),
    ("os", &["openstack.cloud.os"]),
    ("ovirt", &["ovirt.ovirt.ovirt", "community.general.ovirt"]),
    ("vmware", &["community.vmware.vmware"]),
];

/// The collection whose `runtime.yml` is in Ansible's library, where that is installed.
const BUILTIN: &str = "ansible.builtin.";

/// Devices whose modules share an action, going by the first word of their names: Ansible's `NETWORK_GROUP_MODULES`.
const NETWORK_DEVICES: &[&str] = &[
    "eos", "nxos", "ios", "iosxr", "junos", "enos", "ce", "vyos", "sros", "dellos9", "dellos10", "dellos6", "asa",
    "aruba", "aireos", "bigip", "ironware", "onyx", "netconf", "exos", "voss", "slxos",
];

/// Folders that hold `ansible_collections/`.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    roots: Mutex<Vec<PathBuf>>,
    groups: Mutex<HashMap<String, Option<Arc<Group>>>>,
    /// By `namespace.collection`.
    runtimes: Mutex<HashMap<String, Option<Arc<Node>>>>,
}

impl Collections {
    /// Those of the configuration.
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots: Mutex::new(roots), ..Self::default() }
    }

    /// From now on the folder beside a playbook counts too, before the others.
    pub(super) fn add(&self, root: PathBuf) {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if local_files::is_dir(&root) && !roots.contains(&root) {
            roots.insert(0, root);
            // What was not there may be now.
            self.runtimes.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn collection(&self, namespace: &str, collection: &str) -> Option<PathBuf> {
        let in_root = |root: &Path| root.join("ansible_collections").join(namespace).join(collection);
        let known = self.roots().iter().map(|root| in_root(root)).find(|folder| local_files::is_dir(folder));
        // Those that come with Ansible, and its own.
        let installed = || {
            let library = python_library()?;
            let folders = [in_root(library.parent()?), in_root(&library.join("_internal"))];
            folders.into_iter().find(|folder| local_files::is_dir(folder))
        };
        known.or_else(installed)
    }

    /// The folders that hold `ansible_collections/`.
    pub(crate) fn roots(&self) -> Vec<PathBuf> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The folder of plug-ins of a kind in the collection of `full`, and the rest of that name.
    pub(super) fn folder<'a>(&self, kind: &str, full: &'a str) -> Option<(PathBuf, &'a str)> {
        let (namespace, collection, name) = split(full)?;
        Some((self.collection(namespace, collection)?.join("plugins").join(kind), name))
    }

    /// The playbook `namespace.collection.name`, with or without its ending.
    pub(crate) fn playbook(&self, full: &str) -> Option<PathBuf> {
        let endings = ["yml", "yaml", "json"];
        let given = full.rsplit_once('.').filter(|(_, ending)| endings.contains(ending));
        let (namespace, collection, name) = split(given.map_or(full, |(name, _)| name))?;
        let path = self.collection(namespace, collection)?.join("playbooks").join(name.replace('.', "/"));
        let endings = match given {
            Some((_, ending)) => vec![ending],
            None => endings.to_vec(),
        };
        endings.into_iter().map(|ending| path.with_extension(ending)).find(|path| local_files::is_file(path))
    }

    /// The folder of what modules of `namespace.collection` share, if there is one.
    pub(crate) fn utilities(&self, name: &str) -> Option<PathBuf> {
        let (namespace, collection) = name.split_once('.')?;
        let folder = self.collection(namespace, collection)?.join("plugins/module_utils");
        local_files::is_dir(&folder).then_some(folder)
    }

    /// Whether there is no `namespace.collection`.
    pub(crate) fn is_absent(&self, name: &str) -> bool {
        name.split_once('.').and_then(|(namespace, collection)| self.collection(namespace, collection)).is_none()
    }

    /// The file of the module `namespace.collection.name`, or of the one that it has become.
    pub(crate) fn module(&self, full: &str) -> Option<PathBuf> {
        let full = self.current("modules", full);
        let (folder, name) = self.folder("modules", &full)?;
        let path = folder.join(name.replace('.', "/"));
        [path.with_extension("py"), path].into_iter().find(|path| local_files::is_file(path))
    }

    /// The file of the lookup or action `namespace.collection.name`, or of the one that it has become.
    pub(super) fn plugin(&self, kind: &str, full: &str) -> Option<PathBuf> {
        let full = self.current(kind, full);
        let (folder, name) = self.folder(kind, &full)?;
        Some(folder.join(name.replace('.', "/")).with_extension("py")).filter(|path| local_files::is_file(path))
    }

    /// The file of the action that a task `namespace.collection.name` runs: the one that its module names, the one of the same name,
    /// or that of all modules for a kind of network device.
    pub(super) fn action(&self, full: &str) -> Option<PathBuf> {
        let named = self.routing("modules", &self.current("modules", full), "action_plugin");
        let of_devices = || {
            let (namespace, collection, name) = split(full)?;
            let (prefix, _) = name.split_once('_').filter(|(prefix, _)| NETWORK_DEVICES.contains(prefix))?;
            self.plugin("action", &format!("{namespace}.{collection}.{prefix}"))
        };
        named
            .and_then(|named| self.plugin("action", &named))
            .or_else(|| self.plugin("action", full))
            .or_else(of_devices)
    }

    /// The name that `module_defaults` know a module or action of a collection by: the module's, if that names its own action; else the
    /// action's, if there is one.
    pub(crate) fn resolved(&self, full: &str) -> String {
        let module = self.current("modules", full);
        let is_module = self.module(full).is_some();
        if is_module && self.routing("modules", &module, "action_plugin").is_some() {
            return module;
        }
        match self.plugin("action", full) {
            Some(_) => self.current("action", full),
            None if is_module => module,
            None => full.to_owned(),
        }
    }

    /// The name that a plug-in goes by now.
    fn current(&self, kind: &str, full: &str) -> String {
        self.route(kind, full).name
    }

    /// What a collection's `plugin_routing` says of one of its plug-ins.
    fn routing(&self, kind: &str, full: &str, field: &str) -> Option<String> {
        let (namespace, collection, name) = split(full)?;
        let runtime = self.runtime(namespace, collection)?;
        let named = runtime.get("plugin_routing")?.get(kind)?.get(name)?.get(field)?.as_str()?;
        Some(if named.contains('.') { named.to_owned() } else { format!("{namespace}.{collection}.{named}") })
    }

    /// Where a module or plug-in of Ansible's own name has gone, as Ansible's library knows where it is installed.
    pub(crate) fn moved(&self, kind: &str, name: &str) -> Option<String> {
        let short = name.strip_prefix("ansible.legacy.").or_else(|| name.strip_prefix(BUILTIN)).unwrap_or(name);
        (!short.contains('.')).then(|| self.routing(kind, &format!("{BUILTIN}{short}"), "redirect"))?
    }

    /// A collection's `meta/runtime.yml`.
    pub(super) fn runtime(&self, namespace: &str, collection: &str) -> Option<Arc<Node>> {
        let name = format!("{namespace}.{collection}");
        let known = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        known.unwrap_or_else(|| {
            let path = match &*name {
                "ansible.builtin" => python_library().map(|library| library.join("config/ansible_builtin_runtime.yml")),
                _ => self.collection(namespace, collection).map(|folder| folder.join("meta/runtime.yml")),
            };
            let read = path.and_then(|path| {
                let text = local_files::read_to_string(&path).ok()?;
                yaml::load(&SourceFile::new(&path, &text), &mut Vec::new()).ok()?.map(Arc::new)
            });
            self.runtimes.lock().unwrap_or_else(PoisonError::into_inner).insert(name, read.clone());
            read
        })
    }

    /// The group `namespace.collection.name`, or a short one of Ansible's own; `None` where there is no such collection or group.
    pub(crate) fn group(&self, name: &str) -> Option<Arc<Group>> {
        let known = self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        known.unwrap_or_else(|| {
            let full = if name.contains('.') { name.to_owned() } else { format!("{BUILTIN}{name}") };
            let (mut group, mut seen) = (Group::default(), BTreeSet::new());
            let found = self.collect(&full, &mut group, &mut seen).map(|()| Arc::new(group));
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), found.clone());
            found
        })
    }

    /// Adds the members of a group, and of those that it extends.
    fn collect(&self, full: &str, group: &mut Group, seen: &mut BTreeSet<String>) -> Option<()> {
        if !seen.insert(full.to_owned()) {
            return Some(());
        }
        let (namespace, collection, name) = split(full)?;
        let in_full =
            |name: &str| if name.contains('.') { name.to_owned() } else { format!("{namespace}.{collection}.{name}") };
        let mut extends = Vec::new();
        let root = self.runtime(namespace, collection);
        let mut is_described = false;
        match root.as_ref().and_then(|root| root.get("action_groups")?.get(name)?.as_seq()) {
            Some(items) => {
                for item in items {
                    match &item.kind {
                        NodeKind::Str(name) => drop(group.members.insert(in_full(name))),
                        _ => {
                            let faults = metadata_faults(item, is_described);
                            if !faults.is_empty() {
                                group.faults.push(format!(
                                    "Invalid metadata was found for action_group {full} while loading module_defaults. {}",
                                    faults.join(" ")
                                ));
                            }
                            is_described |= item.get("metadata").is_some_and(|metadata| metadata.as_map().is_some());
                            extends.extend(extended(item));
                        }
                    }
                }
            }
            None => {
                let short = full.strip_prefix(BUILTIN)?;
                let (_, others) = SHORT_GROUPS.iter().find(|(name, _)| *name == short)?;
                extends.extend(others.iter().map(|name| (*name).to_owned()));
            }
        }
        for other in extends.iter().map(|name| in_full(name)) {
            if self.collect(&other, group, seen).is_none() {
                group.absent.insert(other);
            }
        }
        Some(())
    }
}

/// What Ansible says is wrong with a group's entry that is no action's name.
fn metadata_faults(item: &Node, is_second: bool) -> Vec<String> {
    let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
    let text = |node: &Node| Templar::text_of(&node.to_value(&vaults, Trust::Untrusted));
    let names = |node: &Node| {
        let mut names: Vec<String> = node.as_map().unwrap_or_default().iter().map(|(key, _)| text(key)).collect();
        names.sort();
        names
    };
    let metadata = match item.get("metadata") {
        Some(metadata) if names(item).len() == 1 => metadata,
        _ => {
            return vec![format!("The only expected key is metadata, but got keys: {}", names(item).join(", "))];
        }
    };
    let mut faults = Vec::new();
    if is_second {
        faults.push("The group contains multiple metadata entries.".to_owned());
    }
    if metadata.as_map().is_none() {
        faults.push(format!("The metadata is not a dictionary. Got {}", text(metadata)));
    }
    let unexpected: Vec<String> = names(metadata).into_iter().filter(|name| name != "extend_group").collect();
    if !unexpected.is_empty() {
        faults.push(format!("The metadata contains unexpected keys: {}", unexpected.join(", ")));
    }
    if let Some(extends) =
        metadata.get("extend_group").filter(|node| node.as_seq().is_none() && node.as_str().is_none())
    {
        faults.push(format!(
            "The metadata contains unexpected key types: extend_group is {} (expected type list)",
            text(extends)
        ));
    }
    faults
}

/// The groups that an entry `metadata: {extend_group: …}` names.
fn extended(item: &Node) -> Vec<String> {
    let Some(named) = item.get("metadata").and_then(|metadata| metadata.get("extend_group")) else { return Vec::new() };
    let nodes = named.as_seq().unwrap_or(std::slice::from_ref(named));
    nodes.iter().filter_map(|node| node.as_str().map(str::to_owned)).collect()
}

/// The name of the collection in a folder `…/ansible_collections/NAMESPACE/NAME`.
pub(crate) fn collection_at(folder: &Path) -> Option<String> {
    let mut names = folder.iter().rev().map(|name| name.to_string_lossy());
    let (collection, namespace, root) = (names.next()?, names.next()?, names.next()?);
    (root == "ansible_collections").then(|| format!("{namespace}.{collection}"))
}

/// The collection that a directory is in.
pub(crate) fn collection_around(dir: &Path) -> Option<String> {
    dir.ancestors().find_map(collection_at)
}

/// `namespace`, `collection` and the rest.
pub(super) fn split(full: &str) -> Option<(&str, &str, &str)> {
    let (namespace, rest) = full.split_once('.')?;
    let (collection, name) = rest.split_once('.')?;
    Some((namespace, collection, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_groups_of_a_collection_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let collection = dir.path().join("ansible_collections/a/b");
        std::fs::create_dir_all(collection.join("plugins/modules")).unwrap();
        std::fs::create_dir_all(collection.join("meta")).unwrap();
        std::fs::create_dir_all(collection.join("plugins/action")).unwrap();
        std::fs::write(collection.join("plugins/modules/one.py"), "").unwrap();
        std::fs::write(collection.join("plugins/action/ios.py"), "").unwrap();
        let runtime = "action_groups:\n  x:\n    - metadata: {extend_group: [y, c.d.z]}\n    - one\n  \
                       y: [{metadata: {extend_group: x}}, e.f.two]\nplugin_routing:\n  \
                       action: {other: {redirect: a.b.ios}}\n  \
                       modules: {old: {redirect: older}, older: {redirect: a.b.one}, one: {action_plugin: a.b.other}}\n";
        std::fs::write(collection.join("meta/runtime.yml"), runtime).unwrap();
        let collections = Collections::default();
        assert_eq!(collections.module("a.b.one"), None);
        collections.add(dir.path().to_owned());
        assert_eq!(collections.module("a.b.one"), Some(collection.join("plugins/modules/one.py")));
        assert_eq!(collections.module("a.b.two"), None);
        assert_eq!(collections.module("ansible.builtin.one"), None);
        assert_eq!(collections.module("a.b.old"), Some(collection.join("plugins/modules/one.py")));
        let action = collection.join("plugins/action/ios.py");
        for (name, expected) in
            [("ios_facts", Some(&action)), ("one", Some(&action)), ("old", Some(&action)), ("two", None)]
        {
            assert_eq!(collections.action(&format!("a.b.{name}")).as_ref(), expected, "{name}");
        }
        std::fs::create_dir_all(collection.join("playbooks/sub")).unwrap();
        let playbook = collection.join("playbooks/sub/site.yml");
        std::fs::write(&playbook, "").unwrap();
        assert_eq!(collections.playbook("a.b.sub.site").as_ref(), Some(&playbook));
        assert_eq!(collections.playbook("a.b.sub.site.yml").as_ref(), Some(&playbook));
        assert_eq!(collections.playbook("a.b.site"), None);
        assert_eq!(collection_around(&collection.join("playbooks/sub")).as_deref(), Some("a.b"));
        assert_eq!(collection_around(dir.path()), None);
        let group = collections.group("a.b.x").unwrap();
        assert_eq!(group.members.iter().map(String::as_str).collect::<Vec<_>>(), ["a.b.one", "e.f.two"]);
        assert_eq!(group.absent.iter().map(String::as_str).collect::<Vec<_>>(), ["c.d.z"]);
        assert_eq!(group.faults, Vec::<String>::new());
        assert!(collections.group("docker").unwrap().absent.contains("community.docker.docker"));
        assert!(collections.group("a.b.nope").is_none());
    }
}
