//! Modules in collections, and the groups of modules that `module_defaults` can name.

use crate::diagnostic::SourceFile;
use crate::system::local_files;
use crate::yaml::{self, Node, NodeKind};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The actions of a group, by the names the collection gives them in full.
pub(super) type Group = BTreeSet<String>;

/// Folders that hold `ansible_collections/`.
#[derive(Debug, Default)]
pub(super) struct Collections {
    roots: Mutex<Vec<PathBuf>>,
    groups: Mutex<HashMap<String, Option<Arc<Group>>>>,
}

impl Collections {
    /// Those of the configuration.
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots: Mutex::new(roots), groups: Mutex::default() }
    }

    /// From now on the folder beside a playbook counts too, before the others.
    pub(super) fn add(&self, root: PathBuf) {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if local_files::is_dir(&root) && !roots.contains(&root) {
            roots.insert(0, root);
        }
    }

    fn collection(&self, namespace: &str, collection: &str) -> Option<PathBuf> {
        let roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        let folders = roots.iter().map(|root| root.join("ansible_collections").join(namespace).join(collection));
        folders.into_iter().find(|folder| local_files::is_dir(folder))
    }

    /// The file of the module `namespace.collection.name`.
    pub(super) fn module(&self, full: &str) -> Option<PathBuf> {
        let (namespace, collection, name) = split(full)?;
        let folder = self.collection(namespace, collection)?.join("plugins/modules");
        let path = folder.join(name.replace('.', "/"));
        [path.with_extension("py"), path].into_iter().find(|path| local_files::is_file(path))
    }

    /// The group `namespace.collection.name`; `None` where there is no such collection or group.
    pub(super) fn group(&self, full: &str) -> Option<Arc<Group>> {
        let known = self.groups.lock().unwrap_or_else(PoisonError::into_inner).get(full).cloned();
        known.unwrap_or_else(|| {
            let (mut members, mut seen) = (Group::new(), BTreeSet::new());
            let found = self.collect(full, &mut members, &mut seen).map(|()| Arc::new(members));
            self.groups.lock().unwrap_or_else(PoisonError::into_inner).insert(full.to_owned(), found.clone());
            found
        })
    }

    /// Adds the members of a group, and of those that it extends.
    fn collect(&self, full: &str, members: &mut Group, seen: &mut BTreeSet<String>) -> Option<()> {
        if !seen.insert(full.to_owned()) {
            return Some(());
        }
        let (namespace, collection, name) = split(full)?;
        let root = runtime(&self.collection(namespace, collection)?)?;
        let in_full =
            |name: &str| if name.contains('.') { name.to_owned() } else { format!("{namespace}.{collection}.{name}") };
        for item in root.get("action_groups")?.get(name)?.as_seq()? {
            match &item.kind {
                NodeKind::Str(name) => drop(members.insert(in_full(name))),
                _ => {
                    for other in extended(item) {
                        // One that is not there adds nothing.
                        let _ = self.collect(&in_full(&other), members, seen);
                    }
                }
            }
        }
        Some(())
    }
}

/// The groups that an entry `metadata: {extend_group: …}` names.
fn extended(item: &Node) -> Vec<String> {
    let Some(named) = item.get("metadata").and_then(|metadata| metadata.get("extend_group")) else { return Vec::new() };
    let nodes = named.as_seq().unwrap_or(std::slice::from_ref(named));
    nodes.iter().filter_map(|node| node.as_str().map(str::to_owned)).collect()
}

fn runtime(collection: &Path) -> Option<Node> {
    let path = collection.join("meta/runtime.yml");
    let text = local_files::read_to_string(&path).ok()?;
    yaml::load(&SourceFile::new(&path, &text), &mut Vec::new()).ok()?
}

/// `namespace`, `collection` and the rest; `None` for what is Ansible's own.
fn split(full: &str) -> Option<(&str, &str, &str)> {
    let (namespace, rest) = full.split_once('.')?;
    let (collection, name) = rest.split_once('.')?;
    (namespace != "ansible" || !matches!(collection, "builtin" | "legacy")).then_some((namespace, collection, name))
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
        std::fs::write(collection.join("plugins/modules/one.py"), "").unwrap();
        let runtime = "action_groups:\n  x:\n    - metadata: {extend_group: [y, c.d.z]}\n    - one\n  \
                       y: [{metadata: {extend_group: x}}, e.f.two]\n";
        std::fs::write(collection.join("meta/runtime.yml"), runtime).unwrap();
        let collections = Collections::default();
        assert_eq!(collections.module("a.b.one"), None);
        collections.add(dir.path().to_owned());
        assert_eq!(collections.module("a.b.one"), Some(collection.join("plugins/modules/one.py")));
        assert_eq!(collections.module("a.b.two"), None);
        assert_eq!(collections.module("ansible.builtin.one"), None);
        let group = collections.group("a.b.x").unwrap();
        assert_eq!(group.iter().map(String::as_str).collect::<Vec<_>>(), ["a.b.one", "e.f.two"]);
        assert!(collections.group("a.b.nope").is_none());
    }
}
