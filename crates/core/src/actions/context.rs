//! What an action knows and can do.

use super::{ActionError, Reply};
use crate::connection::{BlobSource, ConnectionError, NoBlobs, RawOutput};
use crate::engine::{Cancel, Prompter};
use crate::module::{Mode, Outcome};
use crate::playbook::{Loader, Task};
use crate::secret::Redactor;
use crate::system::local_files;
use crate::template::{Templar, TemplateError};
use crate::value::Map;
use crate::vars::Decrypt;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The host that an action is for, or the one it is delegated to.
pub trait Machine {
    /// Calls a module there.
    fn call(&self, module: &str, args: serde_json::Value, blobs: &dyn BlobSource) -> Result<Outcome, ConnectionError>;
    /// Runs a command line there, without the helper.
    fn raw(&self, command: &str, stdin: &[u8]) -> Result<RawOutput, ConnectionError>;
    /// Variables for commands.
    fn environment(&self) -> &BTreeMap<String, String>;
    /// What `module_defaults` gives a module.
    fn defaults(&self, templar: &Templar, module: &str) -> Result<Map, TemplateError>;
    /// Closes the connection.
    fn reset(&self);
    /// Opens a new connection within this time and has it answer.
    fn reach(&self, timeout: Duration) -> Result<(), ConnectionError>;
}

/// One task on one host, as an action sees it.
pub struct Context<'a> {
    /// Evaluates templates with the task's variables.
    pub templar: &'a Templar,
    /// The host it is for.
    pub host: &'a Arc<str>,
    /// The task.
    pub task: &'a Task,
    /// How far to go.
    pub mode: Mode,
    /// Whether to give diffs.
    pub diff: bool,
    /// `-v`s.
    pub verbosity: u8,
    /// Directory of the playbook.
    pub playbook_dir: &'a Path,
    /// Knows modules of one's own.
    pub loader: &'a Loader,
    /// Modules that gather facts.
    pub facts_modules: &'a [String],
    /// The host.
    pub machine: &'a dyn Machine,
    /// Opens vaults in files of variables.
    pub vault: &'a Arc<dyn Decrypt>,
    /// Knows what must not be shown.
    pub redactor: &'a Redactor,
    /// Asks the user, where there is one.
    pub prompter: Option<&'a dyn Prompter>,
    /// Says when to stop.
    pub cancel: &'a Cancel,
}

impl Context<'_> {
    /// Calls a module with evaluated parameters.
    pub fn module(&self, name: &str, args: &Map) -> Result<Reply, ActionError> {
        self.module_with(name, args, &NoBlobs)
    }

    /// Calls a module, of one's own or not.
    pub fn any_module(&self, name: &str, args: &Map) -> Result<Reply, ActionError> {
        match self.loader.own_module(name) {
            Some(path) => super::custom::run(self, name, &path, args),
            None => self.module(&self.loader.actions().canonical(name).unwrap_or_else(|| name.into()), args),
        }
    }

    /// Calls a module that may ask for contents.
    pub fn module_with(&self, name: &str, args: &Map, blobs: &dyn BlobSource) -> Result<Reply, ActionError> {
        let args = args.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
        Ok(self.machine.call(name, serde_json::Value::Object(args), blobs)?.into())
    }

    /// Sleeps; `false` if the run was asked to stop meanwhile.
    pub fn sleep(&self, duration: Duration) -> bool {
        let until = Instant::now().checked_add(duration);
        while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now())) {
            if self.cancel.is_requested() {
                return false;
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        !self.cancel.is_requested()
    }

    /// A local path with the home directory that `~` or `~user` stands for.
    fn expand(&self, name: &str) -> PathBuf {
        let Some(rest) = name.strip_prefix('~') else { return PathBuf::from(name) };
        let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let home = if user.is_empty() { self.templar.home() } else { local_files::home_of(user) };
        home.map_or_else(|| PathBuf::from(name), |home| home.join(rest))
    }

    /// A local file: as given if absolute, else in `subdir` of each search directory, then in the directory itself.
    ///
    /// # Errors
    /// Lists where it was looked for.
    pub fn find_file(&self, subdir: &str, name: &str) -> Result<PathBuf, ActionError> {
        let exists = |path: &PathBuf| local_files::exists(path);
        let expanded = self.expand(name);
        let path = expanded.as_path();
        if path.is_absolute() {
            let path = path.to_owned();
            return if exists(&path) { Ok(path) } else { Err(missing(name, &[path])) };
        }
        let mut looked = Vec::new();
        for dir in self.templar.search() {
            looked.extend([dir.join(subdir).join(name), dir.join("tasks").join(subdir).join(name), dir.join(name)]);
        }
        looked.iter().find(|path| exists(path)).cloned().ok_or_else(|| missing(name, &looked))
    }
}

fn missing(name: &str, looked: &[PathBuf]) -> ActionError {
    let places: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
    ActionError::Failed(format!("Could not find or access '{name}' (looked in {})", places.join(", ")))
}
