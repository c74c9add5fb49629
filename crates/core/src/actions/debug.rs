//! `debug`: shows a message or a variable.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::LooseInt;
use crate::template::{Templar, TemplateError};
use crate::value::{Map, Value};
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
    #[expect(dead_code, reason = "evaluated as it was written")]
    #[schemars(with = "Option<String>")]
    var: Option<serde_json::Value>,
    /// Shown only from this number of `-v` on.
    verbosity: Option<LooseInt>,
}

impl Action for Debug {
    const NAME: &'static str = "ansible.builtin.debug";
    const ONLY_LOOKS: bool = true;
    const RAW_ARGS: &'static [&'static str] = &["var"];
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let Args { verbosity, .. } = given;
        if verbosity.map_or(0, |level| level.0) > i64::from(context.verbosity) {
            return Ok(Reply {
                skipped: true,
                ..Reply::ok([("skipped_reason", Value::from("Verbosity threshold not met."))])
            });
        }
        let var = match args.get("var") {
            None => None,
            Some(var) => match context.templar.resolve(var)? {
                Value::Omit => None,
                Value::Str(text) if text.is_trusted() => Some(text),
                Value::Str(_) => {
                    let error = TemplateError::untrusted(context.task.span.as_ref());
                    return Err(error.during("Error while resolving `var` expression").into());
                }
                other => return Err(no_text(&other).into()),
            },
        };
        if args.contains_key("msg") && var.is_some() {
            return Err("parameters are mutually exclusive: msg|var".into());
        }
        let Some(var) = var else {
            let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Hello world!"));
            return Ok(Reply::ok([("msg", message)]));
        };
        let inspected = context.templar.inspect(&var, context.task.span.as_ref());
        let inspected = inspected.map_err(|error| error.during("Error while resolving `var` expression"))?;
        Ok(Reply { output: inspected.into_fields(&var), ..Reply::default() })
    }
}

fn no_text(value: &Value) -> String {
    let (kind, text) = (value.type_name(), Templar::text_of(value));
    format!(
        "argument 'var' is of type {kind} and we were unable to convert to _check_type_str_no_conversion: '{text}' is not a string and conversion is not allowed"
    )
}
