//! `gather_facts`: `setup` under the name that plays use.

use super::{Action, ActionError, Context, Reply};
use crate::value::Map;

pub(super) struct GatherFacts;

impl Action for GatherFacts {
    fn name(&self) -> &'static str {
        "ansible.builtin.gather_facts"
    }

    fn schema(&self) -> Option<schemars::Schema> {
        None
    }

    fn run(&self, context: &Context<'_>, mut args: Map) -> Result<Reply, ActionError> {
        // Only one module gathers here, so there is nothing to do in parallel.
        args.shift_remove("parallel");
        context.module("ansible.builtin.setup", &args)
    }
}
