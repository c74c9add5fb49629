//! The way in: files on disk to plays, included tasks and included roles.

use super::actions::{Actions, language_action};
use super::call::own_name;
use super::files;
use super::library::Library;
use super::reading::Reading;
use super::role_use::{LoadedRole, RoleSpec};
use super::{Node, Playbook, Role, Scope};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::plugins::{Plugin, Plugins};
use crate::system::local_files;
use crate::value::{Value, has_jinja};
use crate::vars::Decrypt;
use crate::vars::files::load_yaml_file;
use crate::yaml::{self, Node as Yaml};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Evaluates the names of static imports and roles, before any host is known.
pub trait Statics {
    /// The value of a template, seen from `scope`: extra variables, and the variables of the scope's levels and roles.
    ///
    /// # Errors
    /// Says what is undefined or wrong.
    fn resolve(&self, value: &Value, scope: &Arc<Scope>) -> Result<Value, Diagnostic>;
}

/// Evaluates nothing: names of imports and roles must be literal.
#[derive(Debug, Clone, Copy, Default)]
pub struct LiteralOnly;

impl Statics for LiteralOnly {
    fn resolve(&self, value: &Value, _: &Arc<Scope>) -> Result<Value, Diagnostic> {
        match value {
            Value::Template(template) => Err(Diagnostic::error(format!("cannot evaluate `{}` here", template.source))),
            other => Ok(other.clone()),
        }
    }
}

/// What a loader is to know.
pub struct LoaderOptions {
    /// Where roles are looked for besides `roles/` beside the playbook.
    pub roles_path: Vec<PathBuf>,
    /// Knows plug-ins in Python, and collections.
    pub plugins: Arc<Plugins>,
    /// Where modules of one's own are looked for besides `library/` beside playbooks and in roles.
    pub library: Vec<PathBuf>,
    /// Whether roles keep their variables to themselves, where they do not say; unless set, those of static ones are seen.
    pub private_role_vars: Option<bool>,
    /// Opens vaults.
    pub vault: Arc<dyn Decrypt>,
    /// What becomes of keys that a mapping has twice.
    pub duplicate_keys: yaml::DuplicateKeys,
    /// Names that tasks can call.
    pub actions: Arc<dyn Actions>,
    /// A task whose module is known to Ansible and not built here is kept, with a warning, instead of being refused: it may never
    /// be reached.
    pub defer_unbuilt: bool,
    /// A keyword that other tasks have, but this one does not, is left out, with a warning, instead of being refused.
    pub lenient: bool,
}

/// Reads playbooks. Files are read once.
pub struct Loader {
    pub(super) options: LoaderOptions,
    pub(super) library: Library,
    files: Mutex<HashMap<PathBuf, Arc<Option<Yaml>>>>,
    warnings: Mutex<Warnings>,
}

/// Each once, although a file may be brought in many times.
#[derive(Default)]
struct Warnings {
    new: Vec<Diagnostic>,
    said: HashSet<String>,
}

/// The tasks of an included file.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedTasks {
    /// The tasks, or handlers.
    pub nodes: Vec<Node>,
    /// Roles that static imports among them brought in, with their handlers.
    pub roles: Vec<Arc<Role>>,
}

impl Loader {
    /// A loader that has read nothing yet.
    pub fn new(options: LoaderOptions) -> Self {
        let library = Library::new(options.library.clone(), Arc::clone(&options.plugins));
        Self { options, library, files: Mutex::default(), warnings: Mutex::default() }
    }

    /// The file of a module of one's own, if `action` is one.
    pub fn custom_module(&self, action: &str) -> Option<PathBuf> {
        if self.may_be_own(action) { self.library.find(action) } else { None }
    }

    /// The file of the module of one's own that a short name, or one with `ansible.legacy`, means.
    pub fn own_module(&self, name: &str) -> Option<PathBuf> {
        self.library.find(name)
    }

    /// The plug-in that does the work of tasks that call `action`, if the user has one.
    pub(crate) fn action_plugin(&self, action: &str) -> Option<Arc<Plugin>> {
        if self.may_be_own(action) { self.library.action_plugin(action) } else { None }
    }

    /// Whether the full name of a task's action may be that of one of the user's own.
    fn may_be_own(&self, action: &str) -> bool {
        action.contains('.')
            && !action.starts_with("ansible.builtin.")
            && (action.starts_with("ansible.legacy.") || self.options.actions.canonical(action).is_none())
    }

    /// The full name of what `name` calls, of one's own or not.
    pub(crate) fn named(&self, name: &str) -> Option<Arc<str>> {
        self.options.actions.canonical(name).or_else(|| self.is_own(name).then(|| own_name(name)))
    }

    /// Whether an action takes text that is no parameter.
    pub(crate) fn is_free_form(&self, action: &str) -> bool {
        self.options.actions.is_free_form(action) || self.plugin_says(action, "supports_raw_params = True")
    }

    /// Whether an action is done once for all hosts, as a plug-in in Python says.
    pub(crate) fn bypasses_hosts(&self, action: &str) -> bool {
        self.plugin_says(action, "BYPASS_HOST_LOOP = True")
    }

    fn plugin_says(&self, action: &str, words: &str) -> bool {
        let own = self.action_plugin(action).and_then(|plugin| local_files::read_to_string(&plugin.path).ok());
        own.is_some_and(|text| text.contains(words))
    }

    /// The full name of a short one, if one of `collections` has a module or action of that name, or Ansible says where it has gone.
    pub(super) fn in_collections<'n>(&self, name: &'n str, collections: &[Arc<str>]) -> Cow<'n, str> {
        if language_action(name).is_some() || has_jinja(name) {
            return name.into();
        }
        let known = |full: &str| self.options.actions.canonical(full).is_some() || self.is_own(full);
        let full = collections.iter().filter(|_| !name.contains('.')).map(|collection| format!("{collection}.{name}"));
        if let Some(full) = full.into_iter().find(|full| known(full)) {
            return full.into();
        }
        let elsewhere = || self.library.plugins.collections.moved("modules", name).filter(|moved| known(moved));
        if known(name) { name.into() } else { elsewhere().map_or(name.into(), Cow::from) }
    }

    /// Whether the user has a module or action of this name.
    fn is_own(&self, name: &str) -> bool {
        self.library.action_plugin(name).is_some() || self.library.find(name).is_some()
    }

    /// What `module_defaults` call the module or action `name`, if there is one.
    pub(crate) fn defaults_name(&self, name: &str) -> Option<Arc<str>> {
        let short = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        if !short.contains('.') && self.is_own(name) {
            return Some(own_name(short));
        }
        let name = &*self.in_collections(name, &[]);
        let resolved = || self.is_own(name).then(|| self.library.plugins.collections.resolved(name).into());
        self.options.actions.canonical(name).or_else(resolved)
    }

    /// Users' plug-ins.
    pub fn plugins(&self) -> &Plugins {
        &self.library.plugins
    }

    /// Whether `action` is in the group that `module_defaults` calls `group/NAME`.
    pub fn in_group(&self, name: &str, action: &str) -> bool {
        let named = |name: &str| self.defaults_name(name).unwrap_or_else(|| name.into());
        // Of a collection that is not there those of its modules that are built in.
        let is_built_in = |name: &str| {
            name.rsplit_once('.').is_some_and(|(collection, group)| {
                let short = action.strip_prefix(collection).and_then(|rest| rest.strip_prefix('.'));
                short.is_some_and(|short| short.starts_with(group))
            })
        };
        match self.library.plugins.collections.group(name) {
            Some(group) => {
                let own = named(action);
                group.members.iter().any(|member| named(member) == own)
                    || group.absent.iter().any(|group| is_built_in(group))
            }
            None => is_built_in(name),
        }
    }

    /// The names that tasks can call.
    pub fn actions(&self) -> &dyn super::Actions {
        &*self.options.actions
    }

    /// Reads a playbook with everything it imports.
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn playbook(&self, path: &Path, statics: &dyn Statics) -> Result<Playbook, Vec<Diagnostic>> {
        let mut reading = Reading::new(self, statics, PathBuf::new());
        let plays = reading.plays(path);
        reading.finish(Some(Playbook { path: path.to_owned(), plays }))
    }

    /// Where the file is that an `include_tasks` names, whose own scope `scope` is.
    ///
    /// # Errors
    /// Says where it was looked for.
    pub fn find_tasks(&self, name: &str, scope: &Arc<Scope>, handlers: bool) -> Result<PathBuf, Diagnostic> {
        files::find_tasks(name, scope, handlers, &playbook_dir(scope))
    }

    /// Reads a file that an `include_tasks` brings in, into [`super::Task::included_scope`].
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn include_tasks(
        &self,
        path: &Path,
        parent: &Arc<Scope>,
        handlers: bool,
        statics: &dyn Statics,
    ) -> Result<LoadedTasks, Vec<Diagnostic>> {
        let mut reading = Reading::new(self, statics, playbook_dir(parent));
        reading.open.push(local_files::absolute(path));
        let nodes = reading.tasks_of_file(path, parent, handlers, None);
        let roles = std::mem::take(&mut reading.roles);
        reading.finish(Some(LoadedTasks { nodes, roles }))
    }

    /// Reads a role that an `include_role` brings in, into [`super::Task::included_scope`].
    ///
    /// # Errors
    /// Everything that is wrong in it.
    pub fn include_role(
        &self,
        spec: &RoleSpec,
        parent: &Arc<Scope>,
        statics: &dyn Statics,
    ) -> Result<LoadedRole, Vec<Diagnostic>> {
        let mut reading = Reading::new(self, statics, playbook_dir(parent));
        let role = reading.included_role(spec, parent, None, false);
        reading.finish(role)
    }

    /// Takes `text` for the content of the file `path`, which need not be there: plays that the command line describes.
    ///
    /// # Errors
    /// Mistakes in the text.
    pub fn provide(&self, path: &Path, text: &str) -> Result<(), Diagnostic> {
        let mut warnings = Vec::new();
        let root = yaml::load(&SourceFile::new(path, text), &mut warnings)?;
        warnings.into_iter().for_each(|warning| self.warn(warning));
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::new(root));
        Ok(())
    }

    /// What becomes of keys that a mapping has twice.
    pub fn duplicate_keys(&self) -> yaml::DuplicateKeys {
        self.options.duplicate_keys
    }

    /// Warnings since the last call.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.warnings.lock().unwrap_or_else(PoisonError::into_inner).new)
    }

    pub(super) fn warn(&self, warning: Diagnostic) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if warnings.said.insert(warning.to_string()) {
            warnings.new.push(warning);
        }
    }

    /// A file's document.
    pub(super) fn file(&self, path: &Path) -> Result<Arc<Option<Yaml>>, Diagnostic> {
        let known = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut warnings = Vec::new();
        let root = load_yaml_file(path, &self.options.vault, &mut warnings)?;
        self.options.duplicate_keys.judge(warnings)?.into_iter().for_each(|warning| self.warn(warning));
        let root = Arc::new(root);
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&root));
        Ok(root)
    }
}

/// The directory that a play's level knows.
fn playbook_dir(scope: &Scope) -> PathBuf {
    scope.levels().last().and_then(|play| play.dir.as_ref()).map(|dir| dir.to_path_buf()).unwrap_or_default()
}
