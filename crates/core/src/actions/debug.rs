//! `debug`: shows a message or a variable.

use super::context::{Context, text};
use super::{Action, ActionError, Reply, check_parameters};
use crate::template::Templar;
use crate::value::{Key, Map, Value};

pub(super) struct Debug;

impl Action for Debug {
    fn name(&self) -> &'static str {
        "ansible.builtin.debug"
    }

    fn raw_args(&self) -> &'static [&'static str] {
        &["var"]
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        Some(&["msg", "var", "verbosity"])
    }

    fn run(&self, context: &Context<'_>, args: Map) -> Result<Reply, ActionError> {
        check_parameters(self, &args)?;
        if args.contains_key("msg") && args.contains_key("var") {
            return Err("'msg' and 'var' are mutually exclusive".into());
        }
        let verbosity = text(&args, "verbosity").map_or(Ok(0), |text| {
            text.trim()
                .parse::<u8>()
                .map_err(|_| ActionError::Failed(format!("parameter `verbosity`: '{text}' is not a number")))
        })?;
        if verbosity > context.verbosity {
            return Ok(Reply {
                skipped: true,
                ..Reply::ok([("skipped_reason", Value::from("Verbosity threshold not met."))])
            });
        }
        let Some(var) = args.get("var") else {
            let message = args.get("msg").cloned().unwrap_or_else(|| Value::from("Hello world!"));
            return Ok(Reply::ok([("msg", message)]));
        };
        let name = var.as_str().map_or_else(|| Templar::text_of(var), str::to_owned);
        // `var: "{{ x }}"` is common, if not what is meant: its value is what is shown.
        let shown = match var {
            Value::Template(_) => context.templar.resolve(var),
            Value::Str(expression) => context.templar.expression(expression, context.task.span.as_ref()),
            other => Ok(other.clone()),
        };
        let shown = match shown {
            Ok(value) => value,
            Err(error) if error.undefined.is_some() => Value::from("VARIABLE IS NOT DEFINED!"),
            Err(error) => return Err(error.into()),
        };
        let mut reply = Reply::default();
        reply.output.insert(Key::from(name), shown);
        Ok(reply)
    }
}
