//! `set_fact`: sets variables of the host for the rest of the run.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::types::LooseBool;
use crate::playbook::is_variable_name;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct SetFact;

/// Sets variables of the host: every other parameter is one.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// The variables are facts too, and so are cached where facts are.
    #[serde(default)]
    cacheable: LooseBool,
}

impl Action for SetFact {
    const NAME: &'static str = "ansible.builtin.set_fact";
    const ONLY_LOOKS: bool = true;
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let Args { cacheable } = given;
        let mut variables = Map::default();
        for (name, value) in args.into_iter().filter(|(name, _)| name.as_str() != Some("cacheable")) {
            // Names that the task itself has may be templates; those of a mapping that it is given never are.
            let name = match context.task.args.contains_key(&name) {
                true => context.templar.resolve(&Value::trusted(name.to_string(), context.task.span.clone()))?,
                false => Value::from(name.to_string()),
            };
            variables.insert(variable_name(&name)?, value);
        }
        let args = variables;
        if args.is_empty() {
            return Err("No key/value pairs provided, at least one is required for this action to succeed".into());
        }
        let mut reply = Reply::ok([("ansible_facts", Value::Map(Arc::new(args.clone())))]);
        reply.effects.push(Effect::SetFacts { variables: args, cacheable: *cacheable });
        Ok(reply)
    }
}

/// The name of a variable, refused where it is none.
fn variable_name(name: &Value) -> Result<Key, String> {
    match name {
        Value::Str(text) if is_variable_name(text) && !RESERVED.contains(&&**text) => Ok(Key::Str(text.arc())),
        Value::Str(text) => Err(format!("Task failed: Invalid variable name '{text}'.")),
        other => {
            let (text, kind) = (Templar::text_of(other), other.type_name());
            Err(format!("Task failed: Invalid variable name '{text}' of type '{kind}'."))
        }
    }
}

/// Words that Jinja takes for values.
const RESERVED: [&str; 3] = ["true", "false", "none"];
