//! `ansible.builtin.ping`: whether the helper runs and answers.

use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answers.
pub struct Ping;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What to answer. `crash` makes the task fail.
    #[serde(default = "pong")]
    pub data: String,
}

default_args!();

fn pong() -> String {
    "pong".to_owned()
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The value of `data`.
    ping: String,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for Ping {
    const NAME: &'static str = "ansible.builtin.ping";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.ping"];
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, _: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if args.data == "crash" {
            // The only module that is asked to break; this is how Ansible tells of one that did.
            return Err(ModuleError::new("Task failed: Module failed: boom"));
        }
        Ok(Checked::unchanged(Output { ping: args.data.clone() }))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
