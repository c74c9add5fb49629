//! `assert`: fails unless all conditions hold.

use super::context::{Context, flag, text};
use super::{Action, ActionError, Reply, check_parameters};
use crate::playbook::Spanned;
use crate::template::{Condition, Templar};
use crate::value::{Map, Value};

pub(super) struct Assert;

impl Action for Assert {
    fn name(&self) -> &'static str {
        "ansible.builtin.assert"
    }

    fn raw_args(&self) -> &'static [&'static str] {
        &["that"]
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["that", "msg", "fail_msg", "success_msg", "quiet"])
    }

    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        let that = args.get("that").ok_or("conditional required in \"that\" string")?;
        // The whole list may be a template; its items then are conditions.
        let that = match that {
            Value::Template(template) if template.source.trim_start().starts_with("{{") => {
                context.templar.resolve(that)?
            }
            other => other.clone(),
        };
        let conditions = match that {
            Value::List(items) => items.to_vec(),
            other => vec![other],
        };
        let quiet = flag(&args, "quiet", false)?;
        let failed = args.get("fail_msg").or_else(|| args.get("msg")).cloned();
        for condition in conditions {
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
        let message = text(&args, "success_msg").unwrap_or_else(|| "All assertions passed".to_owned());
        Ok(if quiet { Reply::default() } else { Reply::ok([("msg", Value::from(message))]) })
    }
}
