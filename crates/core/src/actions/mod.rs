//! Tasks that run on the controller, alone (`debug`, `set_fact`) or before a module on the host (`copy`, `template`).
//!
//! Actions read variables and local files and call modules; what they change of the run they return as [`Effect`]s.

mod add_host;
mod assert;
mod context;
mod copy;
mod debug;
mod fail;
mod gather_facts;
mod group_by;
mod include_vars;
mod local_files;
mod pause;
mod raw;
mod reply;
mod script;
mod set_fact;
mod template;

pub use context::{Context, Machine};
pub use reply::{ActionError, Effect, Reply};

use crate::module::{parse_args, short_name};
use crate::value::Map;
use std::collections::HashMap;
use std::sync::Arc;

/// One action, under Ansible's full name.
pub trait Action: Send + Sync {
    /// `ansible.builtin.debug`.
    fn name(&self) -> &'static str;

    /// Parameters that it evaluates itself, and so gets as they are written.
    fn raw_args(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its parameters; `None` where the module of the same name has them.
    fn schema(&self) -> Option<schemars::Schema>;

    /// Whether it can do with values that are only known after apply.
    fn accepts_unknown(&self) -> bool {
        false
    }

    /// Does it, for one host.
    ///
    /// # Errors
    /// What `register` gets as `msg`.
    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError>;
}

/// All actions, by full name.
#[derive(Clone, Default)]
pub struct Actions(HashMap<&'static str, Arc<dyn Action>>);

/// Actions that the engine itself carries out.
pub const ENGINE_ACTIONS: &[&str] = &[
    "ansible.builtin.meta",
    "ansible.builtin.include_tasks",
    "ansible.builtin.include_role",
    "ansible.builtin.import_tasks",
    "ansible.builtin.import_role",
];

impl Actions {
    /// All that Hostler brings.
    pub fn builtin() -> Self {
        Self::default()
            .with(add_host::AddHost)
            .with(assert::Assert)
            .with(copy::Copy)
            .with(debug::Debug)
            .with(fail::Fail)
            .with(group_by::GroupBy)
            .with(include_vars::IncludeVars)
            .with(pause::Pause)
            .with(raw::Raw)
            .with(script::Script)
            .with(set_fact::SetFact)
            .with(gather_facts::GatherFacts)
            .with(template::Template)
    }

    /// Adds one; a later one replaces an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, action: impl Action + 'static) -> Self {
        self.0.insert(action.name(), Arc::new(action));
        self
    }

    /// The action with this full name.
    pub fn get(&self, name: &str) -> Option<&dyn Action> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// All actions, by name.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Action> {
        let mut all: Vec<_> = self.0.values().map(AsRef::as_ref).collect();
        all.sort_by_key(|action: &&dyn Action| action.name());
        all.into_iter()
    }

    /// Full names of all, with those of the engine.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied().chain(ENGINE_ACTIONS.iter().copied())
    }
}

/// An action's parameters as its own type; unknown ones are refused by name.
pub(crate) fn typed<A: serde::de::DeserializeOwned>(action: &dyn Action, args: &Map) -> Result<A, ActionError> {
    let args = args.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
    parse_args(short_name(action.name()), serde_json::Value::Object(args))
        .map_err(|error| ActionError::Failed(error.msg))
}
