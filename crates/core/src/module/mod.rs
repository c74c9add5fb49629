//! The contract of a module: look, say what would change, do exactly that.
//!
//! A module never learns whether it runs in check mode. `check` gets a system it can only read; `changed`, `--check`,
//! `--diff` and plans are all derived from the [`Change`](Module::Change) it returns.

mod args;
mod arguments;
mod error;
mod outcome;
mod registry;
pub mod types;

pub(crate) use args::default_args;
pub use args::{defaults, parse_args};
pub use error::ModuleError;
pub(crate) use outcome::is_nothing;
pub use outcome::{Diff, Made, Outcome};
pub use registry::{DynModule, Mode, Registry, short_name};

use crate::system::System;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

/// One module: a kind of resource, or of question, under Ansible's name.
pub trait Module: Send + Sync + 'static {
    /// Full name, such as `ansible.builtin.file`.
    const NAME: &'static str;
    /// Other full names it answers to, such as `ansible.legacy.file`. The last segment of every name is one too.
    const ALIASES: &'static [&'static str] = &[];
    /// Parameters whose values must never be shown.
    const SECRETS: &'static [&'static str] = &[];
    /// It may answer with `ansible_facts`, which later tasks can use: nothing is sent behind it before its answer came.
    const BRINGS_FACTS: bool = false;
    /// Parameters that `check` does not look at: where only apply will know them, a plan goes on nevertheless.
    const UNSEEN: &'static [&'static str] = &[];
    /// Whether it never changes anything, whatever its parameters.
    const ONLY_LOOKS: bool = false;
    /// Parameters. Unknown ones are refused.
    type Args: Serialize + DeserializeOwned + JsonSchema;
    /// What `register` gets, besides `changed`, `failed`, `msg`, `diff`. A field `changed: Option<bool>` in it, where given,
    /// decides instead of there being a change: for work that leaves the described state as it was.
    type Output: Serialize + JsonSchema;
    /// What has to be done: enough to show, to simulate and to do it.
    type Change: Serialize + DeserializeOwned;

    /// Reads the machine and says what would have to change.
    fn check(args: &Self::Args, system: &dyn System) -> Result<Checked<Self>, ModuleError>;

    /// Whether it changes nothing with these parameters: what a plan cannot answer is then no change either.
    fn only_looks(_: &Self::Args) -> bool {
        Self::ONLY_LOOKS
    }

    /// Does exactly `change`. A `check` after it finds nothing to do. Where only doing it shows whether anything changes
    /// (a database's `UPDATE`), the output says so in a field `changed`, which becomes the result's.
    fn apply(args: &Self::Args, change: Self::Change, system: &mut dyn System) -> Result<Self::Output, ModuleError>;

    /// What `change` brings into being, besides what its diffs are headed with.
    fn made(_: &Self::Change) -> Vec<Made> {
        Vec::new()
    }

    /// Plays `change` into a simulated machine. To be written where `apply` runs commands: record their effect with
    /// [`System::set_resource`] and the file operations, and name output that cannot be known in [`Simulated::unknown`].
    fn simulate(
        args: &Self::Args,
        change: Self::Change,
        system: &mut dyn System,
    ) -> Result<Simulated<Self::Output>, ModuleError> {
        Self::apply(args, change, system).map(Simulated::known)
    }

    /// How the change looks to a person.
    fn diff(change: &Self::Change) -> Vec<Diff>;
}

/// What `check` found.
#[derive(Debug)]
pub struct Checked<M: Module + ?Sized> {
    /// What `register` gets if nothing has to change.
    pub output: M::Output,
    /// What has to be done, if anything.
    pub change: Option<M::Change>,
    /// Fields of the output that only apply will know; see [`Outcome::unknown`]. Counts where nothing has to be done.
    pub unknown: &'static [&'static str],
}

impl<M: Module + ?Sized> Checked<M> {
    /// Nothing has to be done.
    pub fn unchanged(output: M::Output) -> Self {
        Self { output, change: None, unknown: &[] }
    }

    /// `change` has to be done. `output` is not used then.
    pub fn changed(output: M::Output, change: M::Change) -> Self {
        Self { output, change: Some(change), unknown: &[] }
    }
}

/// What a simulated change would give.
#[derive(Debug)]
pub struct Simulated<O> {
    /// The output as far as it is known.
    pub output: O,
    /// Names of output fields that only apply will know.
    pub unknown: &'static [&'static str],
    /// Why only apply will know whether anything changes, if so: afterwards all is as it was simulated in any case.
    pub unsure: Option<String>,
}

impl<O> Simulated<O> {
    /// Everything in it is known.
    pub fn known(output: O) -> Self {
        Self { output, unknown: &[], unsure: None }
    }

    /// The fields `unknown` will be known only after apply.
    pub fn with_unknown(output: O, unknown: &'static [&'static str]) -> Self {
        Self { output, unknown, unsure: None }
    }
}
