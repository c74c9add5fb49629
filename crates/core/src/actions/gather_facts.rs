//! `gather_facts`: `setup` under the name that plays use.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::{LooseBool, LooseInt, LooseString, StringList};
use crate::value::Map;
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct GatherFacts;

/// Gathers the facts of the host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "handed on to setup as they are")]
pub(super) struct Args {
    /// Whether several modules gather at once. Only one gathers here, so it makes no difference.
    parallel: Option<LooseBool>,
    /// Kinds of facts to gather, or with `!` to leave out.
    gather_subset: Option<StringList>,
    /// Seconds that each kind may take.
    gather_timeout: Option<LooseInt>,
    /// Shell patterns of the names of facts to return.
    filter: Option<StringList>,
    /// Directory of the host's own facts.
    fact_path: Option<LooseString>,
}

impl Action for GatherFacts {
    const NAME: &'static str = "ansible.builtin.gather_facts";
    type Args = Args;

    fn run(context: &Context<'_>, _: Args, mut args: Map) -> Result<Reply, ActionError> {
        args.shift_remove("parallel");
        context.module("ansible.builtin.setup", &args)
    }
}
