//! `fail`: fails, with a message.

use super::{Action, ActionError, Context, Reply};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Fail;

/// Fails, with a message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Why.
    #[expect(dead_code, reason = "shown as it was given, with its own type")]
    msg: Option<serde_json::Value>,
}

impl Action for Fail {
    const NAME: &'static str = "ansible.builtin.fail";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(_: &Context<'_>, _: Args, args: Map) -> Result<Reply, ActionError> {
        let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Failed as requested from task"));
        Ok(Reply { failed: true, ..Reply::ok([("msg", message)]) })
    }
}
