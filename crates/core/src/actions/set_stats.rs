//! `set_stats`: numbers and texts of one's own, for the end of the run.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::types::LooseBool;
use crate::playbook::is_variable_name;
use crate::template::Templar;
use crate::value::{Key, Map, Value, parse_bool};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

pub(super) struct SetStats;

/// Adds to the statistics that are shown at the end (`show_custom_stats`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The statistics: a mapping of names to values.
    #[expect(dead_code, reason = "taken with its own types")]
    data: Option<serde_json::Value>,
    /// Whether each host has its own, instead of the run as a whole.
    #[serde(default, deserialize_with = "loosely")]
    per_host: LooseBool,
    /// Whether a value is added to the one that is there, instead of replacing it.
    #[serde(default = "LooseBool::yes", deserialize_with = "loosely")]
    aggregate: LooseBool,
}

/// What is no yes is a no.
fn loosely<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LooseBool, D::Error> {
    let value = Value::from(serde_json::Value::deserialize(deserializer)?);
    Ok(LooseBool(value.as_bool().or_else(|| parse_bool(&Templar::text_of(&value))).unwrap_or(false)))
}

impl Action for SetStats {
    const NAME: &'static str = "ansible.builtin.set_stats";
    type Args = Args;

    fn run(_: &Context<'_>, given: Args, args: Map) -> Result<Reply, ActionError> {
        let data = match args.get("data") {
            None | Some(Value::Null) => Map::default(),
            Some(Value::Map(data)) => Map::clone(data),
            Some(_) => return Err("The 'data' option needs to be a dictionary/hash".into()),
        };
        if let Some(name) = data.keys().find(|name| !name.as_str().is_some_and(is_variable_name)) {
            return Err(format!("Task failed: Invalid variable name '{name}'.").into());
        }
        let (per_host, aggregate) = (*given.per_host, *given.aggregate);
        let stats = Map::from_iter([
            (Key::from("data"), Value::from(data.clone())),
            (Key::from("per_host"), Value::Bool(per_host)),
            (Key::from("aggregate"), Value::Bool(aggregate)),
        ]);
        let mut reply = Reply::ok([("ansible_stats", Value::from(stats))]);
        reply.effects.push(Effect::Stats { data, per_host, aggregate });
        Ok(reply)
    }
}
