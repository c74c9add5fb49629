//! `gather_facts`: the modules that know a host's facts, `setup` where nobody names others.
//!
//! Deviation: several are called one after the other, whatever `parallel` says.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::short_name;
use crate::module::types::{LooseBool, LooseInt, LooseString, StringList};
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct GatherFacts;

/// Gathers the facts of the host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "handed on to setup as they are")]
pub(super) struct Args {
    /// Whether several modules gather at once. Here they do one after the other.
    parallel: Option<LooseBool>,
    /// Kinds of facts to gather, or with `!` to leave out.
    gather_subset: Option<StringList>,
    /// Seconds that each kind may take.
    gather_timeout: Option<LooseInt>,
    /// Shell patterns of the names of facts to return.
    filter: Option<StringList>,
    /// Directory of the host's own facts.
    fact_path: Option<LooseString>,
}

impl Action for GatherFacts {
    const NAME: &'static str = "ansible.builtin.gather_facts";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, _: Args, mut args: Map) -> Result<Reply, ActionError> {
        args.shift_remove("parallel");
        let modules = modules(context, &args)?;
        let (mut replies, mut failed, mut skipped) = (Vec::new(), Map::default(), Map::default());
        for module in &modules {
            let reply = context.any_module(module, &arguments(context, module, &args)?)?;
            if modules.len() == 1 && (reply.failed || reply.unknown || !reply.skipped) && is_setup(module) {
                return Ok(marked(reply));
            }
            match () {
                () if reply.failed => drop(failed.insert(Key::from(module.as_str()), reply.output.into())),
                () if reply.skipped => drop(skipped.insert(Key::from(module.as_str()), reply.output.into())),
                () => replies.push(reply),
            }
        }
        Ok(combined(replies, failed, skipped, modules.len()))
    }
}

fn is_setup(module: &str) -> bool {
    matches!(module, "setup" | "ansible.builtin.setup" | "ansible.legacy.setup")
}

/// The modules that gather: those of the host's variable or of the settings.
fn modules(context: &Context<'_>, args: &Map) -> Result<Vec<String>, ActionError> {
    let mut modules: Vec<String> = match context.templar.variable("ansible_facts_modules")? {
        Some(Value::List(names)) => names.iter().map(Templar::text_of).collect(),
        Some(name) => Templar::text_of(&name).split(',').map(|name| name.trim().to_owned()).collect(),
        None => context.facts_modules.to_vec(),
    };
    let Some(smart) = modules.iter().position(|module| module == "smart") else { return Ok(modules) };
    modules.remove(smart);
    let facts = context.templar.variable("ansible_facts")?;
    let of_host = || Ok::<_, ActionError>(context.templar.variable("ansible_network_os")?);
    let given = match args.get("network_os").cloned() {
        Some(given) => Some(given),
        None => of_host()?.or_else(|| facts.as_ref()?.get("network_os").cloned()),
    };
    match given.map(|system| Templar::text_of(&system)) {
        Some(system) => match facts_module(&system) {
            Some(module) => modules.push(module),
            None if modules.is_empty() => {
                let message = format!(
                    "No fact modules available and we could not find a fact module for your network OS ({system}), \
                     try setting one via the `FACTS_MODULES` configuration."
                );
                return Err(message.into());
            }
            None => {}
        },
        None if modules.iter().any(|module| is_setup(module)) => {}
        None => modules.push("ansible.legacy.setup".to_owned()),
    }
    Ok(modules)
}

/// The module that Ansible takes for a network device's system: that of its collection.
fn facts_module(system: &str) -> Option<String> {
    const COLLECTIONS: &[(&str, &str)] = &[
        ("asa", "cisco.asa"),
        ("eos", "arista.eos"),
        ("frr", "frr.frr"),
        ("ios", "cisco.ios"),
        ("iosxr", "cisco.iosxr"),
        ("junos", "junipernetworks.junos"),
        ("nxos", "cisco.nxos"),
        ("vyos", "vyos.vyos"),
    ];
    let short = system.rsplit('.').next().unwrap_or(system);
    let (short, collection) = COLLECTIONS.iter().find(|(known, _)| *known == short)?;
    Some(format!("{collection}.{short}_facts"))
}

/// What a module is told: `setup` what the task says, others only what is not about `setup`; then its own defaults.
fn arguments(context: &Context<'_>, module: &str, args: &Map) -> Result<Map, ActionError> {
    let mut own = args.clone();
    if !is_setup(module) {
        for name in ["gather_subset", "gather_timeout", "filter"] {
            own.shift_remove(name);
        }
    }
    own.retain(|_, value| *value != Value::Null);
    let canonical = context.loader.actions().canonical(module);
    for name in [Some(module), canonical.as_deref(), Some(short_name(module))].into_iter().flatten() {
        for (key, value) in context.machine.defaults(context.templar, name)? {
            own.entry(key).or_insert(value);
        }
    }
    Ok(own)
}

/// All facts together: of two that differ the later one's, lists joined.
fn combined(replies: Vec<Reply>, failed: Map, skipped: Map, asked: usize) -> Reply {
    let mut facts = Value::Map(Arc::default());
    for mut reply in replies {
        if let Some(more) = reply.output.shift_remove("ansible_facts") {
            facts = merge(facts, more);
        }
    }
    let mut reply = Reply { from_host: true, failed: !failed.is_empty(), ..Reply::default() };
    let names = |map: &Map| map.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !skipped.is_empty() {
        let message = format!("The following modules were skipped: {}.", names(&skipped));
        reply.output.insert(Key::from("msg"), Value::from(message));
        reply.skipped = skipped.len() == asked;
        reply.output.insert(Key::from("skipped_modules"), skipped.into());
    }
    if !failed.is_empty() {
        let message = format!("The following modules failed to execute: {}.", names(&failed));
        reply.output.insert(Key::from("msg"), Value::from(message));
        reply.output.insert(Key::from("failed_modules"), failed.into());
    }
    if let Value::Map(facts) = &facts {
        reply.effects.push(Effect::Facts(Map::clone(facts)));
    }
    reply.output.insert(Key::from("ansible_facts"), facts);
    marked(reply)
}

/// The result with the mark that facts were gathered.
fn marked(mut reply: Reply) -> Reply {
    let mark = (Key::from("_ansible_facts_gathered"), Value::Bool(true));
    for effect in &mut reply.effects {
        if let Effect::Facts(facts) = effect {
            facts.insert(mark.0.clone(), mark.1.clone());
        }
    }
    reply
}

/// `above` over `below`: mappings are merged; to a list what it does not have is added at the end, in the later one's order.
fn merge(below: Value, above: Value) -> Value {
    match (&below, &above) {
        (Value::Map(low), Value::Map(high)) => {
            let mut merged = Map::clone(low);
            for (key, value) in high.iter() {
                let value = match merged.get(key) {
                    Some(old) => merge(old.clone(), value.clone()),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            merged.into()
        }
        (Value::List(low), Value::List(high)) => {
            let kept = low.iter().filter(|item| !high.contains(item));
            Value::list(kept.chain(high.iter()).cloned())
        }
        _ => above,
    }
}
