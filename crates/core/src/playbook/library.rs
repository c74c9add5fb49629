//! Modules of one's own: files in `library/` beside playbooks and in roles, and in the configured directories.
//!
//! Hostler runs what a host can run by itself: executables, and scripts of any interpreter. Modules in Python that are made for
//! Ansible's own library are packed with it where the controller has it, and refused by name elsewhere.

use crate::plugins::{Kind, Plugin, Plugins};
use crate::system::local_files;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How a module gets its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleStyle {
    /// In a file as `k=v` text.
    KeyValues,
    /// In a file as JSON: its text has `WANT_JSON`, or it is a binary.
    Json,
    /// As JSON in its own text, in place of a marker.
    Embedded,
    /// From Ansible's Python library.
    Python,
    /// From Ansible's PowerShell library.
    PowerShell,
}

/// Marks the place of arguments in a module's own text.
pub const JSON_MARKER: &str = "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>";

/// Ends of names of what lies beside modules without being one.
const NO_MODULES: &[&str] =
    &["pyc", "pyo", "swp", "bak", "rpm", "md", "txt", "rst", "yml", "yaml", "ini", "json", "orig", "rej"];

/// What is known of modules of one's own.
#[derive(Default)]
pub struct Library {
    configured: Vec<PathBuf>,
    pub(super) plugins: Arc<Plugins>,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    directories: HashSet<PathBuf>,
    modules: HashMap<String, PathBuf>,
}

impl Library {
    /// Modules in these directories, after those of playbooks and roles; and those of the collections that `plugins` knows.
    pub fn new(configured: Vec<PathBuf>, plugins: Arc<Plugins>) -> Self {
        Self { configured, plugins, found: Mutex::default() }
    }

    /// The plug-in that does a task's work here, where the user has one of that name.
    pub(crate) fn action_plugin(&self, name: &str) -> Option<Arc<Plugin>> {
        self.plugins.find(Kind::Action, name, false)
    }

    /// From now on, modules of the directory `library` in `dir` count. The first one of a name stays.
    pub fn add(&self, dir: &Path) {
        self.scan(&dir.join("library"));
        self.plugins.add(dir);
    }

    fn scan(&self, dir: &Path) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.directories.insert(dir.to_owned()) {
            return;
        }
        for path in local_files::read_dir(dir).unwrap_or_default() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let (stem, extension) = name.split_once('.').unwrap_or((&name, ""));
            let is_module = !stem.is_empty()
                && !stem.starts_with("__")
                && !name.ends_with('~')
                && !NO_MODULES.contains(&extension)
                && local_files::is_file(&path);
            if is_module {
                found.modules.entry(stem.to_owned()).or_insert(path);
            }
        }
    }

    /// The file of the module called `name` (short, `ansible.legacy.NAME`, or a collection's).
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let short = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        if short.starts_with("ansible.builtin.") {
            return None;
        }
        if short.contains('.') {
            return self.plugins.collections.module(short);
        }
        let known = || self.found.lock().unwrap_or_else(PoisonError::into_inner).modules.get(short).cloned();
        known().or_else(|| {
            self.configured.iter().for_each(|dir| self.scan(dir));
            known()
        })
    }
}

impl ModuleStyle {
    /// What a module's content says about it.
    pub fn of(content: &[u8]) -> Self {
        let text_byte = |byte: &u8| matches!(*byte, 7..=10 | 12 | 13 | 27 | 0x20..=0x7e | 0x80..);
        if !content.iter().take(1024).all(text_byte) {
            return Self::Json;
        }
        let text = String::from_utf8_lossy(content);
        if text.contains(JSON_MARKER) {
            return Self::Embedded;
        }
        let imports = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["from", from, "import", ..] => {
                    from.starts_with("ansible.module_utils")
                        || from.starts_with("..") && from.contains("module_utils")
                        || from.starts_with("ansible_collections.") && from.contains(".plugins.module_utils")
                }
                ["import", name, ..] => {
                    name.starts_with("ansible.module_utils.")
                        || name.starts_with("ansible_collections.") && name.contains(".plugins.module_utils.")
                }
                _ => false,
            }
        };
        if text.contains("#<<INCLUDE_ANSIBLE_MODULE_COMMON>>") || text.lines().any(imports) {
            return Self::Python;
        }
        if ["#POWERSHELL_COMMON", "#Requires -Module", "#AnsibleRequires"].iter().any(|mark| text.contains(mark)) {
            return Self::PowerShell;
        }
        if text.contains("WANT_JSON") { Self::Json } else { Self::KeyValues }
    }

    /// Why a module of this style cannot run, if so.
    pub fn refusal(self, name: &str, path: &Path) -> Option<String> {
        let made_for = match self {
            Self::Python if crate::actions::has_python_library() => return None,
            Self::Python => "Ansible's Python library",
            Self::PowerShell => "Ansible's PowerShell library",
            _ => return None,
        };
        Some(format!("module `{name}` ({}) is made for {made_for}, which is not there", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_told_by_content() {
        let style = |text: &str| ModuleStyle::of(text.as_bytes());
        assert_eq!(style("#!/bin/sh\n. $1\n"), ModuleStyle::KeyValues);
        assert_eq!(style("#!/usr/bin/perl\n# WANT_JSON\n"), ModuleStyle::Json);
        assert_eq!(ModuleStyle::of(b"\x7fELF\x02\0"), ModuleStyle::Json);
        assert_eq!(style("a = \"\"\"<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>\"\"\""), ModuleStyle::Embedded);
        assert_eq!(style("#!/usr/bin/python\nfrom ansible.module_utils.basic import *\n"), ModuleStyle::Python);
        assert_eq!(style("from ..module_utils.x import y\n"), ModuleStyle::Python);
        assert_eq!(style("#!/usr/bin/python\nimport json\n"), ModuleStyle::KeyValues);
        assert_eq!(style("#!powershell\n#AnsibleRequires -CSharpUtil X\n"), ModuleStyle::PowerShell);
    }

    #[test]
    fn modules_are_found_by_name_first_come_first_served() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("a/library/one.sh", "1"),
            ("b/library/one", "2"),
            ("b/library/two", "3"),
            ("c/three.pl", "4"),
            ("b/library/x.md", ""),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let library = Library::new(vec![dir.path().join("c")], Arc::default());
        library.add(&dir.path().join("a"));
        library.add(&dir.path().join("b"));
        let found = |name: &str| library.find(name).map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(found("one").as_deref(), Some("1"));
        assert_eq!(found("ansible.legacy.two").as_deref(), Some("3"));
        assert_eq!(found("three").as_deref(), Some("4"));
        assert_eq!((found("x"), found("ansible.builtin.one"), found("four")), (None, None, None));
    }
}
