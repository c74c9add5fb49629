//! `set_fact`: sets variables of the host for the rest of the run.

use super::{Action, ActionError, Context, Effect, Reply, typed};
use crate::module::types::LooseBool;
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct SetFact;

/// Sets variables of the host: every other parameter is one.
#[derive(Deserialize, JsonSchema)]
struct Args {
    /// The variables are facts too, and so are cached where facts are.
    #[serde(default)]
    cacheable: LooseBool,
}

impl Action for SetFact {
    fn name(&self) -> &'static str {
        "ansible.builtin.set_fact"
    }

    fn schema(&self) -> Option<schemars::Schema> {
        Some(schemars::schema_for!(Args))
    }

    fn accepts_unknown(&self) -> bool {
        true
    }

    fn run(&self, _: &Context<'_>, mut args: Map) -> Result<Reply, ActionError> {
        let Args { cacheable } = typed(self, &args)?;
        args.shift_remove("cacheable");
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
