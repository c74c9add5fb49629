//! `fail`: fails, with a message.

use super::{Action, ActionError, Context, Reply, typed};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Fail;

/// Fails, with a message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Why.
    #[expect(dead_code, reason = "shown as it was given, with its own type")]
    msg: Option<serde_json::Value>,
}

impl Action for Fail {
    fn name(&self) -> &'static str {
        "ansible.builtin.fail"
    }

    fn schema(&self) -> Option<schemars::Schema> {
        Some(schemars::schema_for!(Args))
    }

    fn run(&self, _: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        typed::<Args>(self, &args)?;
        let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Failed as requested from task"));
        Ok(Reply { failed: true, ..Reply::ok([("msg", message)]) })
    }
}
