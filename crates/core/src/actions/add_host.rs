//! `add_host`: a host that the inventory does not have, for the rest of the run.

use super::{Action, ActionError, Context, Effect, Reply};
use crate::module::types::{LooseString, StringList};
use crate::value::{Key, Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

pub(super) struct AddHost;

/// Adds a host to the inventory: every other parameter is a variable of it.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Name of the host, perhaps with a port (`web:2222`).
    #[serde(alias = "hostname", alias = "host")]
    name: Option<LooseString>,
    /// Groups that it is in.
    #[serde(default, alias = "group", alias = "groupname")]
    groups: Option<StringList>,
}

const NAMES: &[&str] = &["name", "hostname", "host"];
const GROUPS: &[&str] = &["groups", "group", "groupname"];

impl Action for AddHost {
    const NAME: &'static str = "ansible.builtin.add_host";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn run(_: &Context<'_>, given: Args, mut args: Map) -> Result<Reply, ActionError> {
        let name = given.name.ok_or("name, host or hostname needs to be provided")?;
        let mut groups: Vec<Arc<str>> = Vec::new();
        for group in given.groups.iter().flat_map(|groups| groups.iter()) {
            let group: Arc<str> = group.trim().into();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        args.retain(|key, _| key.as_str().is_none_or(|key| !NAMES.contains(&key) && !GROUPS.contains(&key)));
        let (host, port) = split_port(&name);
        if let Some(port) = port {
            args.insert(Key::from("ansible_ssh_port"), Value::Int(i64::from(port)));
        }
        let shown = Map::from_iter([
            (Key::from("host_name"), Value::from(host)),
            (Key::from("groups"), Value::list(groups.iter().cloned().map(Value::str))),
            (Key::from("host_vars"), Value::Map(Arc::new(args.clone()))),
        ]);
        let effect = Effect::AddHost { name: host.into(), groups, variables: args };
        Ok(Reply { changed: true, effects: vec![effect], ..Reply::ok([("add_host", shown.into())]) })
    }
}

/// `name:2222` and `[::1]:2222`; other colons belong to the name.
fn split_port(name: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = name.rsplit_once(':') else { return (name, None) };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    match port.parse() {
        Ok(port) if bracketed => (&host[1..host.len() - 1], Some(port)),
        Ok(port) if !host.contains(':') => (host, Some(port)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_single_colon_means_a_port() {
        assert_eq!(super::split_port("web:2222"), ("web", Some(2222)));
        assert_eq!(super::split_port("[fe80::1]:22"), ("fe80::1", Some(22)));
        assert_eq!(super::split_port("fe80::1"), ("fe80::1", None));
        assert_eq!(super::split_port("web"), ("web", None));
    }
}
