//! `debug`: shows a message or a variable.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::{LooseInt, LooseString};
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Debug;

/// Shows a message or a variable.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// What to show: any value.
    #[expect(dead_code, reason = "shown as it was given, with its own type")]
    msg: Option<serde_json::Value>,
    /// Expression whose value to show, without braces.
    var: Option<LooseString>,
    /// Shown only from this number of `-v` on.
    verbosity: Option<LooseInt>,
}

impl Action for Debug {
    const NAME: &'static str = "ansible.builtin.debug";
    const RAW_ARGS: &'static [&'static str] = &["var"];
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let Args { var, verbosity, .. } = given;
        if args.contains_key("msg") && var.is_some() {
            return Err("'msg' and 'var' are mutually exclusive".into());
        }
        if verbosity.map_or(0, |level| level.0) > i64::from(context.verbosity) {
            return Ok(Reply {
                skipped: true,
                ..Reply::ok([("skipped_reason", Value::from("Verbosity threshold not met."))])
            });
        }
        let Some(var) = var else {
            let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Hello world!"));
            return Ok(Reply::ok([("msg", message)]));
        };
        // `var: "{{ x }}"` is common, if not what is meant: its value is what is shown.
        let shown = match Value::trusted(&*var, context.task.span.clone()) {
            template @ Value::Template(_) => context.templar.resolve(&template),
            _ => context.templar.expression(&var, context.task.span.as_ref()),
        };
        let shown = match shown {
            Ok(value) => value,
            Err(error) if error.undefined.is_some() => Value::from("VARIABLE IS NOT DEFINED!"),
            Err(error) => return Err(error.into()),
        };
        let mut reply = Reply::default();
        reply.output.insert(Key::from(var.0), shown);
        Ok(reply)
    }
}
