//! `fail`: fails, with a message.

use super::context::Context;
use super::{Action, ActionError, Reply, check_parameters};
use crate::value::{Map, Value};

pub(super) struct Fail;

impl Action for Fail {
    fn name(&self) -> &'static str {
        "ansible.builtin.fail"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["msg"])
    }

    fn run(&self, _: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Failed as requested from task"));
        Ok(Reply { failed: true, ..Reply::ok([("msg", message)]) })
    }
}
