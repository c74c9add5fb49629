//! All modules that a controller or helper knows, by name.

use super::error::NOT_KNOWN_YET;
use super::{Checked, Module, ModuleError, Outcome, Simulated, parse_args};
use crate::system::System;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// How far a module call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Look only, and report what would change.
    Check,
    /// Look, then play the change into a simulated machine that later calls see.
    Simulate,
    /// Look at the simulated machine only, and report what would change there.
    Foresee,
    /// Look, then do it.
    Apply,
}

impl Mode {
    /// Whether a simulated machine is looked at.
    pub fn is_simulated(self) -> bool {
        matches!(self, Self::Simulate | Self::Foresee)
    }

    /// Whether it ends with looking.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Check | Self::Foresee)
    }
}

/// A module without its types.
pub trait DynModule: Send + Sync {
    /// Full name.
    fn name(&self) -> &'static str;
    /// Other full names.
    fn aliases(&self) -> &'static [&'static str];
    /// Parameters whose values must never be shown.
    fn secrets(&self) -> &'static [&'static str];
    /// See [`Module::BRINGS_FACTS`].
    fn brings_facts(&self) -> bool;
    /// See [`Module::UNSEEN`].
    fn unseen(&self) -> &'static [&'static str];
    /// See [`Module::ONLY_LOOKS`].
    fn only_looks(&self) -> bool;
    /// Whether `args` would be accepted, without touching any machine.
    fn validate(&self, args: Value) -> Result<(), ModuleError>;
    /// Checks and, as `mode` says, simulates or applies.
    fn call(&self, args: Value, mode: Mode, want_diff: bool, system: &mut dyn System) -> Outcome;
    /// JSON schema of the parameters.
    #[cfg(feature = "controller")]
    fn args_schema(&self) -> schemars::Schema;
    /// JSON schema of the output.
    #[cfg(feature = "controller")]
    fn output_schema(&self) -> schemars::Schema;
}

struct Typed<M>(PhantomData<fn() -> M>);

impl<M: Module> Typed<M> {
    fn try_call(args: &M::Args, mode: Mode, want_diff: bool, system: &mut dyn System) -> Result<Outcome, ModuleError> {
        let Checked { output, change, unknown } = M::check(args, system)?;
        let Some(change) = change else {
            // Of a question the answer may be that something else changed.
            let mut output = fields(&output)?;
            let changed = matches!(output.remove("changed"), Some(Value::Bool(true)));
            let unknown = unknown.iter().filter(|_| mode.is_simulated()).map(|name| (*name).to_owned()).collect();
            return Ok(Outcome { changed, output, unknown, ..Outcome::default() });
        };
        let mut outcome = Outcome { changed: true, ..Outcome::default() };
        if want_diff {
            outcome.diff = M::diff(&change);
            outcome.made = M::made(&change);
        }
        if want_diff || mode != Mode::Apply {
            outcome.change = Some(serde_json::to_value(&change).map_err(|error| ModuleError::new(error.to_string()))?);
        }
        let Simulated { output, unknown, unsure } = match mode {
            Mode::Check | Mode::Foresee => Simulated::known(output),
            Mode::Simulate => M::simulate(args, change, system)?,
            Mode::Apply => Simulated::known(M::apply(args, change, system)?),
        };
        outcome.output = fields(&output)?;
        said_in_check(&mut outcome.output, mode);
        if mode.only_looks() && outcome.output.contains_key("skipped") {
            outcome.changed = false;
        }
        // Work that leaves the described state as it was, such as refreshing a package cache, says so itself.
        if let Some(Value::Bool(changed)) = outcome.output.remove("changed") {
            outcome.changed = changed;
        }
        outcome.unknown = unknown.iter().map(|name| (*name).to_owned()).collect();
        if let Some(reason) = unsure {
            outcome.output = serde_json::Map::from_iter([("msg".to_owned(), Value::String(reason))]);
            outcome.unknown = vec!["*".to_owned()];
        }
        Ok(outcome)
    }
}

/// The outcome of a call that did not come to a result.
fn failed(mut error: ModuleError, mode: Mode) -> Outcome {
    if error.fields.shift_remove(NOT_KNOWN_YET).is_some() && mode != Mode::Apply {
        let mut outcome = Outcome { changed: true, unknown: vec!["*".to_owned()], ..Outcome::default() };
        outcome.output.insert("msg".to_owned(), Value::String(error.msg));
        return outcome;
    }
    said_in_check(&mut error.fields, mode);
    let mut outcome = Outcome::failure(error.msg);
    // A failed command may have changed something: its own word counts.
    outcome.changed = error.fields.get("changed").and_then(Value::as_bool).unwrap_or(false);
    outcome.output.extend(error.fields);
    outcome
}

/// What is said in a check only: `_check_warnings`, and `_check_skipped` for what a check leaves out.
fn said_in_check(fields: &mut serde_json::Map<String, Value>, mode: Mode) {
    for (hidden, name) in [("_check_warnings", "warnings"), ("_check_skipped", "skipped")] {
        if let Some(value) = fields.shift_remove(hidden)
            && mode.only_looks()
        {
            fields.insert(name.to_owned(), value);
        }
    }
}

fn fields(output: &impl Serialize) -> Result<serde_json::Map<String, Value>, ModuleError> {
    match serde_json::to_value(output) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(serde_json::Map::new()),
        Ok(other) => Err(ModuleError::new(format!("module output must be an object, not {other}"))),
        Err(error) => Err(ModuleError::new(format!("failed to encode the module's output: {error}"))),
    }
}

impl<M: Module> DynModule for Typed<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn aliases(&self) -> &'static [&'static str] {
        M::ALIASES
    }

    fn secrets(&self) -> &'static [&'static str] {
        M::SECRETS
    }

    fn brings_facts(&self) -> bool {
        M::BRINGS_FACTS
    }

    fn unseen(&self) -> &'static [&'static str] {
        M::UNSEEN
    }

    fn only_looks(&self) -> bool {
        M::ONLY_LOOKS
    }

    fn validate(&self, args: Value) -> Result<(), ModuleError> {
        parse_args::<M::Args>(M::NAME, args).map(drop)
    }

    fn call(&self, args: Value, mode: Mode, want_diff: bool, system: &mut dyn System) -> Outcome {
        let args: M::Args = match parse_args(M::NAME, args) {
            Ok(args) => args,
            Err(error) => return failed(error, mode),
        };
        let mut outcome = Self::try_call(&args, mode, want_diff, system).unwrap_or_else(|error| failed(error, mode));
        outcome.only_looks = M::only_looks(&args);
        outcome
    }

    #[cfg(feature = "controller")]
    fn args_schema(&self) -> schemars::Schema {
        schemars::schema_for!(M::Args)
    }

    #[cfg(feature = "controller")]
    fn output_schema(&self) -> schemars::Schema {
        schemars::schema_for!(M::Output)
    }
}

/// Modules by name.
#[derive(Clone, Default)]
pub struct Registry {
    modules: Vec<Arc<dyn DynModule>>,
    names: HashMap<&'static str, usize>,
}

impl Registry {
    /// An empty registry; [`crate::modules::builtin`] has all of ours.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module under its name, its aliases and their last segments. A later one replaces an earlier one.
    #[must_use]
    pub fn with<M: Module>(mut self) -> Self {
        let index = self.modules.len();
        self.modules.push(Arc::new(Typed::<M>(PhantomData)));
        for name in std::iter::once(M::NAME).chain(M::ALIASES.iter().copied()) {
            self.names.insert(name, index);
            self.names.insert(short_name(name), index);
        }
        self
    }

    /// The module called `name` (full, alias or short).
    pub fn get(&self, name: &str) -> Option<&Arc<dyn DynModule>> {
        self.names.get(name).map(|index| &self.modules[*index])
    }

    /// All modules, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn DynModule>> {
        self.modules.iter()
    }

    /// All names that `get` answers to.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.names.keys().copied()
    }
}

/// `file` of `ansible.builtin.file`.
pub fn short_name(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}
