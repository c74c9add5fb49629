//! `set_fact`: sets variables of the host for the rest of the run.

use super::context::{Context, flag};
use super::{Action, ActionError, Effect, Reply};
use crate::value::{Map, Value};
use std::sync::Arc;

pub(super) struct SetFact;

impl Action for SetFact {
    fn name(&self) -> &'static str {
        "ansible.builtin.set_fact"
    }

    fn parameters(&self) -> Option<&'static [&'static str]> {
        None
    }

    fn run(&self, _: &Context<'_>, mut args: Map) -> Result<Reply, ActionError> {
        let cacheable = flag(&args, "cacheable", false)?;
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
        reply.effects.push(Effect::SetFacts { variables: args, cacheable });
        Ok(reply)
    }
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
