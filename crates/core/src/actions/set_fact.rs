//! `set_fact`: sets variables of the host for the rest of the run.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::types::LooseBool;
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
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let Args { cacheable } = given;
        let mut variables = Map::new();
        for (name, value) in args.into_iter().filter(|(name, _)| name.as_str() != Some("cacheable")) {
            // Names may be templates, here only.
            let name = match Value::trusted(name.to_string(), context.task.span.clone()) {
                template @ Value::Template(_) => Key::from(context.templar.resolve_text(&template)?),
                _ => name,
            };
            variables.insert(name, value);
        }
        let args = variables;
        if args.is_empty() {
            return Err("No key/value pairs provided, at least one is required for this action to succeed".into());
        }
        for name in args.keys() {
            let name = name.to_string();
            if !is_identifier(&name) {
                return Err(format!(
                    "The variable name '{name}' is not valid. Variables must start with a letter or underscore character, and contain only letters, numbers and underscores."
                )
                .into());
            }
        }
        let mut reply = Reply::ok([("ansible_facts", Value::Map(Arc::new(args.clone())))]);
        reply.effects.push(Effect::SetFacts { variables: args, cacheable: *cacheable });
        Ok(reply)
    }
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
