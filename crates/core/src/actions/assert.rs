//! `assert`: fails unless all conditions hold.

use super::{Action, ActionError, Context, Reply};
use crate::module::types::LooseBool;
use crate::playbook::Spanned;
use crate::template::{Condition, Templar, is_whole};
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct Assert;

/// Fails unless all conditions hold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Expressions, as in `when`; a list of them or one.
    #[expect(dead_code, reason = "evaluated as it was written")]
    that: serde_json::Value,
    /// What to say if one does not hold.
    #[serde(alias = "msg")]
    fail_msg: Option<serde_json::Value>,
    /// What to say if all hold.
    success_msg: Option<serde_json::Value>,
    /// Say nothing where all hold.
    #[serde(default)]
    #[allow(dead_code, reason = "it is about how the result is shown")]
    quiet: LooseBool,
}

impl Action for Assert {
    const NAME: &'static str = "ansible.builtin.assert";
    const ONLY_LOOKS: bool = true;
    const RAW_ARGS: &'static [&'static str] = &["that"];
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let Some(that) = args.get("that") else { return Err("conditional required in \"that\" string".into()) };
        let Args { fail_msg, success_msg, .. } = given;
        // The whole list may be a template; its items then are conditions.
        let warns = context.templar.warns_of_deprecated();
        let mut deprecations = Vec::new();
        let that = match that {
            Value::Template(template) if template.source.trim_start().starts_with("{{") => {
                let conditions = context.templar.conditions(that)?;
                if warns && conditions.as_list().is_none() && conditions.as_str().is_none() {
                    deprecations.push(surrounded());
                }
                conditions
            }
            other => other.clone(),
        };
        let conditions = match that {
            Value::List(items) => items.to_vec(),
            other => vec![other],
        };
        let failed = fail_msg.map(Value::from);
        for condition in conditions {
            if warns && is_whole(&condition) {
                deprecations.push(surrounded());
            }
            let shown = Value::from(condition.as_str().map_or_else(|| Templar::text_of(&condition), str::to_owned));
            let condition = Spanned::new(condition, context.task.span.clone());
            match context.templar.condition(&condition)? {
                Condition::True => {}
                Condition::Unknown(_) => return Ok(Reply { unknown: true, ..Reply::ok([("assertion", shown)]) }),
                Condition::False => {
                    let message = failed.clone().unwrap_or_else(|| Value::from("Assertion failed"));
                    let mut reply = Reply {
                        failed: true,
                        ..Reply::ok([("evaluated_to", Value::Bool(false)), ("assertion", shown)])
                    };
                    reply.output.insert("msg".into(), message);
                    return Ok(reply);
                }
            }
        }
        let message = success_msg.map_or_else(|| Value::from("All assertions passed"), Value::from);
        let mut reply = Reply::ok([("msg", message)]);
        if !deprecations.is_empty() {
            reply.output.insert("deprecations".into(), Value::from(deprecations));
        }
        Ok(reply)
    }
}

fn surrounded() -> Value {
    let message = "Conditionals should not be surrounded by templating delimiters such as {{ }} or {% %}.";
    Map::from_iter([(Key::from("msg"), Value::from(message)), (Key::from("version"), Value::from("2.23"))]).into()
}
