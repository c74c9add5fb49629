//! Tasks that run on the controller, alone (`debug`, `set_fact`) or before a module on the host (`copy`, `template`).
//!
//! Actions read variables and local files and call modules; what they change of the run they return as [`Effect`]s.

mod action;
mod add_host;
mod assemble;
mod assert;
mod context;
mod copy;
pub(crate) mod custom;
mod debug;
mod fail;
mod fetch;
mod gather_facts;
mod group_by;
mod include_vars;
mod local_files;
mod pause;
pub(crate) mod plugin;
mod python_module;
mod raw;
mod reboot;
mod reply;
mod script;
mod set_fact;
mod set_stats;
mod template;
mod unarchive;
mod uri;
mod validate_argument_spec;
mod wait_for_connection;

pub use action::{Action, DynAction};
pub use context::{Context, Machine};
pub use reply::{ActionError, Effect, Reply};

use action::Typed;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// All actions, by full name.
#[derive(Clone, Default)]
pub struct Actions(HashMap<&'static str, Arc<dyn DynAction>>);

/// Actions that the engine itself carries out.
pub const ENGINE_ACTIONS: &[&str] = &[
    "ansible.builtin.meta",
    "ansible.builtin.include_tasks",
    "ansible.builtin.include_role",
    "ansible.builtin.import_tasks",
    "ansible.builtin.import_role",
];

pub(crate) use python_module::library as python_library;

/// Whether the controller has Ansible's Python library, which modules that are made for it are packed with.
pub fn has_python_library() -> bool {
    python_library().is_some()
}

impl Actions {
    /// All that Hostler brings.
    pub fn builtin() -> Self {
        Self::default()
            .with::<add_host::AddHost>()
            .with::<assemble::Assemble>()
            .with::<assert::Assert>()
            .with::<copy::Copy>()
            .with::<debug::Debug>()
            .with::<fail::Fail>()
            .with::<fetch::Fetch>()
            .with::<group_by::GroupBy>()
            .with::<include_vars::IncludeVars>()
            .with::<pause::Pause>()
            .with::<raw::Raw>()
            .with::<reboot::Reboot>()
            .with::<script::Script>()
            .with::<set_fact::SetFact>()
            .with::<set_stats::SetStats>()
            .with::<gather_facts::GatherFacts>()
            .with::<template::Template>()
            .with::<unarchive::Unarchive>()
            .with::<validate_argument_spec::ValidateArgumentSpec>()
            .with::<uri::Uri>()
            .with::<wait_for_connection::WaitForConnection>()
    }

    /// Adds one; a later one replaces an earlier one of the same name.
    #[must_use]
    pub fn with<A: Action>(mut self) -> Self {
        self.0.insert(A::NAME, Arc::new(Typed::<A>(PhantomData)));
        self
    }

    /// The action with this full name.
    pub fn get(&self, name: &str) -> Option<&dyn DynAction> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// All actions, by name.
    pub fn iter(&self) -> impl Iterator<Item = &dyn DynAction> {
        let mut all: Vec<_> = self.0.values().map(AsRef::as_ref).collect();
        all.sort_by_key(|action: &&dyn DynAction| action.name());
        all.into_iter()
    }

    /// Full names of all, with those of the engine.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied().chain(ENGINE_ACTIONS.iter().copied())
    }
}
