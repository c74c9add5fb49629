//! Users' own filters, tests and lookups: values go to their Python, and come back as data.

use super::context::Context;
use super::fault::{Fault, Result};
use super::python::{Args, Py};
use crate::plugins::{Asked, Kind, Plugin, Refusal, Want};
use crate::value::Value;
use serde_json::{Map as JsonMap, Value as Json, json};
use std::sync::Arc;

/// The user's plug-in called `name`; one of Hostler's own, if there is one, is only replaced by a file that names it.
pub(crate) fn find(context: &Context, kind: Kind, name: &str, is_own: bool) -> Option<Arc<Plugin>> {
    context.templar().templates.options.plugins.find(kind, name, is_own)
}

/// Applies a filter or test.
pub(crate) fn apply(context: &Context, plugin: &Plugin, mut args: Args, value: Py) -> Result<Py> {
    args.positional.insert(0, value);
    let (positional, named) = exported(context, args)?;
    let plugins = &context.templar().templates.options.plugins;
    answered(context, plugins.apply(plugin, positional, Json::Object(named), &mut Variables(context)))
}

/// Has a lookup find something.
pub(crate) fn look_up(context: &Context, plugin: &Plugin, terms: Vec<Py>, options: Args) -> Result<Vec<Py>> {
    let (terms, named) = exported(context, Args { positional: terms, named: options.named })?;
    let templar = context.templar();
    let details = json!({
        "terms": terms, "kwargs": named, "basedir": templar.templates.options.base_dir, "search": templar.search(),
    });
    let found = templar.templates.options.plugins.run(plugin, details, &mut Variables(context), &|| false);
    answered(context, found)?.iterate()
}

fn exported(context: &Context, args: Args) -> Result<(Vec<Json>, JsonMap<String, Json>)> {
    let positional = args.positional.iter().map(|value| json_of(context, value)).collect::<Result<_>>()?;
    let named = args.named.iter().map(|(name, value)| Ok((name.to_string(), json_of(context, value)?)));
    Ok((positional, named.collect::<Result<_>>()?))
}

fn json_of(context: &Context, value: &Py) -> Result<Json> {
    let value = context.export(value)?;
    match value.first_unknown() {
        Some(reason) => Err(Fault::Unknown(reason)),
        None => Ok(value.to_json()),
    }
}

fn answered(context: &Context, answer: std::result::Result<crate::plugins::Answer, String>) -> Result<Py> {
    let answer = answer.map_err(Fault::error)?;
    let said = answer.said();
    if !said.is_empty() {
        context.templar().templates.warn(said);
    }
    Ok(context.import(&Value::from(answer.value)).force())
}

/// What a plug-in asks for of the host's variables.
struct Variables<'a>(&'a Context);

impl Asked for Variables<'_> {
    fn answer(&mut self, want: Want) -> std::result::Result<Json, Refusal> {
        let refused = |fault| match fault {
            Fault::Error(marker) => Refusal::Error(marker.message.clone()),
            Fault::Unknown(reason) => Refusal::Error(format!("this is only known after apply: {reason}")),
        };
        match want {
            Want::Names => Ok(json!(self.0.names())),
            Want::Variable { name } => match self.0.variable(&name) {
                Some(value) => Ok(json!([json_of(self.0, &value).map_err(refused)?])),
                None => Ok(json!([])),
            },
            Want::Module { .. } | Want::Raw { .. } => {
                Err(Refusal::Error("only actions work on hosts, no filter, test or lookup".to_owned()))
            }
        }
    }
}
