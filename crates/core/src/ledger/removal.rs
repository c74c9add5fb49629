//! Which resources a change has made, and how those are removed: by the modules that made them.

use super::resource::{NAME, PATH, python_name};
use super::{Did, Made, Record};
use crate::module::Made as Thing;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Whether a change has made a resource that was not there.
pub(super) fn is_made(record: &Record, resource: &str, did: &Did) -> bool {
    let Some((kind, name)) = resource.split_once(':') else { return false };
    let says = |start: &str| did.msg.as_deref().is_some_and(|msg| msg.starts_with(start));
    let named = |name: &str| did.made.iter().any(|thing| matches!(thing, Thing::Named(other) if other == name));
    match kind {
        "file" => did.created.iter().any(|header| header == name) || (did.whole && record.resources.len() == 1),
        "line" => says("line added"),
        "block" => says("Block inserted") || says("File created"),
        "package" => did.installed().any(|installed| installed == name),
        "service" => did.verbs.iter().any(|verb| verb == "start" || verb == "enable"),
        "python package" => did.trees().next().is_some() || named(&python_name(name)),
        "archive" => did.trees().next().is_some(),
        "kernel module" => !did.made.is_empty(),
        _ => did.whole || did.made.contains(&Thing::Itself) || named(name),
    }
}

/// How a resource is removed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Removal {
    /// Calls that do it, in order: module and parameters.
    pub calls: Vec<(String, Value)>,
    /// It takes data with it that may have come from elsewhere.
    pub has_data: bool,
    /// Files and directories that came to be with it, to be removed where nothing is left in them, in order.
    pub husks: Vec<Husk>,
    /// Directories that are removed with all that is in them.
    pub trees: Vec<PathBuf>,
}

/// What may be left empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Husk {
    /// A file.
    File(PathBuf),
    /// A directory.
    Directory(PathBuf),
}

const FILE: &str = "ansible.builtin.file";
/// How Docker's daemon is reached.
const DOCKER: &[&str] =
    &["docker_host", "tls", "validate_certs", "ca_path", "client_cert", "client_key", "tls_hostname", "api_version"];
/// How pip is run.
const PIP: &[&str] = &["virtualenv", "executable", "chdir", "break_system_packages"];

/// How a resource that Hostler made is removed; `None` if there is no way back.
pub fn removal(record: &Record, resource: &str, made: &Made) -> Option<Removal> {
    let calls = calls(record, resource, made)?;
    let (kind, _) = resource.split_once(':')?;
    let is_manager = record.args.get("state").and_then(Value::as_str) == Some("present");
    let has_data = matches!(kind, "volume" | "database") || kind == "swarm" && is_manager;
    let husk = |thing: &Thing| match thing {
        Thing::File(path) if kind != "kernel module" => Some(Husk::File(path.clone())),
        Thing::Directory(path) => Some(Husk::Directory(path.clone())),
        _ => None,
    };
    let husks = made.did.made.iter().rev().filter_map(husk).collect();
    let checkout = record.args.get("dest").and_then(Value::as_str).filter(|_| kind == "checkout");
    let trees = made.did.trees().map(Path::to_owned).chain(checkout.map(PathBuf::from)).collect();
    Some(Removal { calls, has_data, husks, trees })
}

fn calls(record: &Record, resource: &str, made: &Made) -> Option<Vec<(String, Value)>> {
    let (kind, name) = resource.split_once(':')?;
    let of = |names: &[&str]| names.iter().find_map(|name| record.args.get(*name)).cloned();
    // The module itself, with some of what it was told, and more.
    let call = |kept: &[&str], more: Value| {
        let told = record.args.iter().filter(|(name, _)| kept.contains(&name.as_str()));
        let mut args: Map<String, Value> = told.map(|(name, value)| (name.clone(), value.clone())).collect();
        args.extend(more.as_object().cloned().unwrap_or_default());
        (record.module.clone(), Value::from(args))
    };
    let absent = |kept: &[&str]| Some(vec![call(kept, json!({"state": "absent"}))]);
    let file = |path: &Path| (FILE.to_owned(), json!({"path": path, "state": "absent"}));
    match kind {
        "file" => Some(vec![file(Path::new(name))]),
        "line" => Some(vec![call(&[], json!({"path": of(PATH)?, "line": of(&["line", "value"])?, "state": "absent"}))]),
        "block" => {
            Some(vec![call(&["marker", "marker_begin", "marker_end"], json!({"path": of(PATH)?, "state": "absent"}))])
        }
        "service" => Some(vec![call(&["scope", "use"], switched_off(name, made))]),
        "user" => Some(vec![call(&[], json!({"name": name, "state": "absent", "remove": true}))]),
        // `absent` would remove a mount point that was there before.
        "mount" => Some(vec![
            call(&["path", "name", "fstab"], json!({"state": "unmounted"})),
            call(&["path", "name", "fstab"], json!({"state": "absent_from_fstab"})),
        ]),
        "repository" => absent(&["repo", "filename", "codename"]).map(|mut calls| {
            calls[0].1["update_cache"] = false.into();
            calls
        }),
        "export" => absent(&["path", "file", "reexport"]),
        "package" | "group" | "source" => Some(vec![call(&[], json!({"name": name, "state": "absent"}))]),
        "container" | "network" | "swarm service" | "volume" => {
            Some(vec![call(DOCKER, json!({"name": name, "state": "absent"}))])
        }
        "image" => {
            let tag = of(&["tag"]).unwrap_or("latest".into());
            Some(vec![call(DOCKER, json!({"name": of(NAME)?, "tag": tag, "state": "absent"}))])
        }
        "swarm" => Some(vec![call(DOCKER, json!({"state": "absent", "force": true}))]),
        "database" => {
            let login = record.args.keys().map(String::as_str);
            let login: Vec<&str> = login.filter(|name| name.starts_with("login_") || *name == "config_file").collect();
            Some(vec![call(&login, json!({"name": name, "state": "absent"}))])
        }
        "cron job" => absent(&["name", "user", "cron_file", "env"]),
        "authorized key" => absent(&["user", "key", "path", "follow"]).map(|mut calls| {
            calls[0].1["manage_dir"] = false.into();
            calls
        }),
        "known host" => absent(&["name", "host", "key", "path"]),
        "apt key" => absent(&["id", "url", "data", "file", "keyring", "validate_certs"]),
        "kernel parameter" => absent(&["name", "key", "sysctl_file", "ignoreerrors"]),
        "kernel module" => {
            let unload = made.did.made.contains(&Thing::Itself).then(|| call(&["name"], json!({"state": "absent"})));
            let files = made.did.made.iter();
            let files = files.filter_map(|thing| if let Thing::File(path) = thing { Some(file(path)) } else { None });
            Some(unload.into_iter().chain(files).collect())
        }
        "locale" => Some(vec![call(&[], json!({"name": name, "state": "absent"}))]),
        "firewall" if record.args.contains_key("rule") => {
            let all: Vec<&str> = record.args.keys().map(String::as_str).filter(|name| *name != "comment").collect();
            Some(vec![call(&all, json!({"delete": true}))])
        }
        "firewall" if name == "state=enabled" => Some(vec![call(&[], json!({"state": "disabled"}))]),
        "checkout" => Some(vec![file(Path::new(name))]),
        "archive" => Some(made.did.trees().map(file).collect()),
        "python package" => match made.did.trees().next() {
            // The environment was made for it.
            Some(environment) => Some(vec![file(environment)]),
            None => Some(vec![call(PIP, json!({"name": name.split(" in ").next(), "state": "absent"}))]),
        },
        _ => None,
    }
}

/// A service as it was before it was started, or enabled.
fn switched_off(name: &str, made: &Made) -> Value {
    let mut args = json!({"name": name});
    for (verb, field, value) in [("start", "state", json!("stopped")), ("enable", "enabled", json!(false))] {
        if made.did.verbs.iter().any(|done| done == verb) {
            args[field] = value;
        }
    }
    args
}

/// Packages that came with others and are to go with them.
pub fn came_with<'a>(made: impl Iterator<Item = &'a Made>) -> HashSet<&'a str> {
    made.flat_map(|made| made.did.installed()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Folded;

    /// How the only resource of a record is removed, if the change made it.
    fn removal_of(module: &str, resource: &str, args: Value, did: Value) -> Option<Removal> {
        let line = json!({"do": "apply", "t": 0, "run": "", "playbook": "", "host": "", "play": "", "at": "", "task": "",
            "module": module, "resources": [resource], "args": args, "did": did});
        let folded = Folded::of(&format!("{line}\n"));
        removal(folded.records.values().next()?, resource, folded.made.get(resource)?)
    }

    #[test]
    fn a_service_goes_back_to_what_it_was() {
        let removal = removal_of("service", "service:a", json!({"name": "a"}), json!({"verbs": ["enable"]})).unwrap();
        assert_eq!(removal.calls, [("service".to_owned(), json!({"name": "a", "enabled": false}))]);
    }

    #[test]
    fn what_was_only_changed_has_no_way_back() {
        let args = json!({"name": "vm.swappiness", "value": "10", "sysctl_file": "/etc/sysctl.d/x.conf"});
        let of = |did| removal_of("ansible.posix.sysctl", "kernel parameter:vm.swappiness", args.clone(), did);
        assert_eq!(of(json!({})), None);
        let removal = of(json!({"made": ["itself", {"file": "/etc/sysctl.d/x.conf"}]})).unwrap();
        let absent = json!({"name": "vm.swappiness", "sysctl_file": "/etc/sysctl.d/x.conf", "state": "absent"});
        assert_eq!(removal.calls, [("ansible.posix.sysctl".to_owned(), absent)]);
        assert_eq!(removal.husks, [Husk::File("/etc/sysctl.d/x.conf".into())]);
    }

    #[test]
    fn a_mount_point_that_was_there_stays() {
        let args = json!({"path": "/mnt/a", "src": "tmpfs", "fstype": "tmpfs", "state": "mounted"});
        let of = |made| removal_of("ansible.posix.mount", "mount:/mnt/a", args.clone(), json!({"made": made})).unwrap();
        let states: Vec<_> = of(json!(["itself"])).calls.iter().map(|(_, args)| args["state"].clone()).collect();
        assert_eq!(states, ["unmounted", "absent_from_fstab"]);
        assert!(of(json!(["itself"])).husks.is_empty());
        assert_eq!(of(json!(["itself", {"directory": "/mnt/a"}])).husks, [Husk::Directory("/mnt/a".into())]);
    }

    #[test]
    fn python_packages_go_by_their_own_names() {
        let resource = "python package:flask in /opt/env";
        let args = json!({"name": "Flask==2", "virtualenv": "/opt/env"});
        let of = |made| removal_of("pip", resource, args.clone(), json!({"made": made}));
        assert_eq!(of(json!([{"named": "other"}])), None);
        let absent = json!({"virtualenv": "/opt/env", "name": "flask", "state": "absent"});
        assert_eq!(of(json!([{"named": "flask"}])).unwrap().calls, [("pip".to_owned(), absent)]);
        let whole = of(json!([{"tree": "/opt/env"}])).unwrap();
        assert_eq!(whole.calls, [(FILE.to_owned(), json!({"path": "/opt/env", "state": "absent"}))]);
    }
}
