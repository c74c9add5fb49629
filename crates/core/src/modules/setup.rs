//! Facts about the host. Answers to `ansible.builtin.setup`, and to `ansible.builtin.gather_facts`.
//!
//! What the facts are and how they are found: [`crate::facts`].

use crate::facts::{self, Request};
use crate::module::types::{LooseInt, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The module.
pub struct Setup;

/// Facts about the host.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Which facts: `all`, `min`, `hardware`, `network`, `virtual` …; with `!` in front, which not.
    #[serde(default = "all")]
    pub gather_subset: StringList,
    /// Seconds that a program among the local facts may take.
    #[serde(default = "ten")]
    pub gather_timeout: LooseInt,
    /// Shell patterns of the facts to return; `ansible_` may be left out. Empty returns all.
    #[serde(default)]
    pub filter: StringList,
    /// Where local facts are: `*.fact`, in JSON or INI, or programs that print either.
    #[serde(default = "facts_d")]
    pub fact_path: PathArg,
}

default_args!();

fn all() -> StringList {
    StringList(vec!["all".to_owned()])
}

fn ten() -> LooseInt {
    LooseInt(10)
}

fn facts_d() -> PathArg {
    "/etc/ansible/facts.d".into()
}

/// What `register` gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The facts, `ansible_` in front of each name. They become variables of the host.
    pub ansible_facts: facts::Facts,
    /// What is wrong with local facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Module for Setup {
    const NAME: &'static str = "ansible.builtin.setup";
    const ALIASES: &'static [&'static str] =
        &["ansible.legacy.setup", "ansible.builtin.gather_facts", "ansible.legacy.gather_facts"];
    const ONLY_LOOKS: bool = true;
    const BRINGS_FACTS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = ();

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let request = Request {
            subset: if args.gather_subset.is_empty() { all().0 } else { args.gather_subset.0.clone() },
            filter: args.filter.0.clone(),
            fact_path: args.fact_path.path(system)?,
            timeout: Duration::from_secs(args.gather_timeout.0.max(1) as u64),
        };
        let gathered = facts::gather(&request, system).map_err(|error| ModuleError::new(error.to_string()))?;
        let (ansible_facts, warnings) = gathered;
        Ok(Checked::unchanged(Output { ansible_facts, warnings }))
    }

    fn apply(_: &Args, (): (), _: &mut dyn System) -> Result<Output, ModuleError> {
        Err(ModuleError::new("facts are only looked at: there is nothing to apply"))
    }

    fn diff((): &()) -> Vec<Diff> {
        Vec::new()
    }
}
