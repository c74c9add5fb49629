//! Which resources a module call is about, how to look whether they still are as described, and how those that Hostler made
//! are removed: by the same modules.

use super::{Did, Made, Record};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// One kind of resource.
struct Kind {
    /// Its name, as users see it.
    name: &'static str,
    /// Modules that manage it, by their short names.
    modules: &'static [&'static str],
    /// Parameters that say which one it is; each with its aliases.
    id: &'static [&'static [&'static str]],
    /// Parameters that steer a run and describe no state.
    passing: &'static [&'static str],
}

const PATH: &[&str] = &["path", "dest", "destfile", "name"];
const NAME: &[&str] = &["name"];

const KINDS: &[Kind] = &[
    Kind {
        name: "file",
        modules: &["file", "copy", "template", "get_url", "assemble"],
        id: &[PATH],
        passing: &["backup", "validate", "unsafe_writes", "modification_time", "access_time", "local_follow"],
    },
    Kind {
        name: "line",
        modules: &["lineinfile"],
        id: &[PATH, &["regexp", "regex", "search_string", "line", "value"]],
        passing: &["backup", "validate", "unsafe_writes"],
    },
    Kind {
        name: "block",
        modules: &["blockinfile"],
        id: &[PATH, &["marker"]],
        passing: &["backup", "validate", "unsafe_writes"],
    },
    Kind {
        name: "package",
        modules: &["apt", "package"],
        id: &[&["name", "pkg", "package"]],
        passing: &[
            "update_cache",
            "update-cache",
            "cache_valid_time",
            "autoclean",
            "autoremove",
            "clean",
            "force",
            "lock_timeout",
            "update_cache_retries",
            "update_cache_retry_max_delay",
            "policy_rc_d",
            "use",
        ],
    },
    Kind {
        name: "service",
        modules: &["service", "systemd_service", "systemd", "sysvinit"],
        id: &[&["name", "service", "unit"]],
        passing: &["daemon_reload", "daemon-reload", "daemon_reexec", "daemon-reexec", "no_block", "sleep"],
    },
    Kind { name: "user", modules: &["user"], id: &[&["name", "user"]], passing: &["force", "remove"] },
    Kind { name: "group", modules: &["group"], id: &[NAME], passing: &["force"] },
    Kind { name: "mount", modules: &["mount"], id: &[&["path", "name"]], passing: &["backup"] },
    Kind {
        name: "container",
        modules: &["docker_container"],
        id: &[NAME],
        passing: &["pull", "recreate", "restart", "force_kill"],
    },
    Kind { name: "image", modules: &["docker_image"], id: &[NAME, &["tag"]], passing: &["force_source", "force_tag"] },
    Kind { name: "network", modules: &["docker_network"], id: &[NAME], passing: &["force"] },
    Kind { name: "volume", modules: &["docker_volume"], id: &[&["name", "volume_name"]], passing: &["recreate"] },
    Kind { name: "swarm service", modules: &["docker_swarm_service"], id: &[NAME], passing: &["force_update"] },
    Kind { name: "database", modules: &["mysql_db"], id: &[&["name", "db"]], passing: &[] },
    Kind { name: "export", modules: &["nfs_export"], id: &[&["path"]], passing: &[] },
    Kind { name: "repository", modules: &["apt_repository"], id: &[&["repo"]], passing: &["update_cache"] },
    Kind { name: "source", modules: &["deb822_repository"], id: &[NAME], passing: &[] },
    Kind { name: "cron job", modules: &["cron"], id: &[&["user"], NAME], passing: &["backup"] },
    Kind { name: "authorized key", modules: &["authorized_key"], id: &[&["user"], &["key"]], passing: &[] },
    Kind { name: "known host", modules: &["known_hosts"], id: &[&["name", "host"]], passing: &[] },
    Kind { name: "kernel parameter", modules: &["sysctl"], id: &[&["name", "key"]], passing: &["reload"] },
    Kind { name: "kernel module", modules: &["modprobe"], id: &[NAME], passing: &[] },
    Kind { name: "locale", modules: &["locale_gen"], id: &[NAME], passing: &[] },
    Kind { name: "host name", modules: &["hostname"], id: &[NAME], passing: &[] },
    Kind { name: "time zone", modules: &["timezone"], id: &[NAME], passing: &[] },
];

/// `copy` of `ansible.builtin.copy`.
fn short(module: &str) -> &str {
    crate::module::short_name(module)
}

fn kind_of(module: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.modules.contains(&short(module)))
}

/// A module call as a description of a state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Managed {
    /// What it is about.
    pub(crate) resources: Vec<String>,
    /// Parameters that say so, without what only steers a run.
    pub(crate) args: Map<String, Value>,
    /// It is to be gone.
    pub(crate) gone: bool,
    /// Parameters that tell which one it is.
    pub(crate) naming: &'static [&'static [&'static str]],
}

/// What a module call manages, if it is about something that stays.
pub(crate) fn managed(module: &str, args: &Value) -> Option<Managed> {
    let kind = kind_of(module)?;
    let mut args: Map<String, Value> = args.as_object()?.clone();
    args.retain(|name, value| !value.is_null() && !kind.passing.contains(&name.as_str()));
    let state = args.get("state").and_then(Value::as_str).unwrap_or_default().to_owned();
    let settled = match (kind.name, state.as_str()) {
        ("file", "touch") => Some("file"),
        ("package", "latest" | "build-dep" | "fixed") => Some("present"),
        ("service", "restarted" | "reloaded") => Some("started"),
        ("database", "import" | "dump") => return None,
        _ => None,
    };
    if let Some(settled) = settled {
        args.insert("state".to_owned(), settled.into());
    }
    let resources = resources(kind, &args);
    let gone = matches!(state.as_str(), "absent" | "removed" | "unmounted" | "dismounted");
    (!resources.is_empty()).then_some(Managed { resources, args, gone, naming: kind.id })
}

fn resources(kind: &Kind, args: &Map<String, Value>) -> Vec<String> {
    let first = |names: &[&str]| names.iter().find_map(|name| args.get(*name));
    let mut parts = Vec::new();
    for names in kind.id {
        parts.push(match first(names) {
            Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>(),
            Some(Value::String(list)) if matches!(kind.name, "package" | "database" | "locale") => {
                list.split(',').map(|name| name.trim().to_owned()).collect()
            }
            Some(value) => vec![text(value)],
            None => Vec::new(),
        });
    }
    let named = |name: &str| format!("{}:{name}", kind.name);
    match (kind.name, parts.first().map(Vec::as_slice)) {
        (_, Some([]) | None) => Vec::new(),
        ("file", Some([path])) => files(path, args).iter().map(|path| named(path)).collect(),
        ("package", Some(names)) => {
            let plain = names.iter().map(|name| name.split(['=', ':']).next().unwrap_or_default());
            plain.filter(|name| !name.is_empty() && !name.contains(['*', '/', '^'])).map(named).collect()
        }
        ("service", Some([name])) => vec![named(name.strip_suffix(".service").unwrap_or(name))],
        ("database" | "locale", Some(names)) => names.iter().map(|name| named(name)).collect(),
        _ => vec![named(&parts.concat().join(" "))],
    }
}

/// The files that `copy`, `template` and their like write.
fn files(path: &str, args: &Map<String, Value>) -> Vec<String> {
    let directory = args.get("_directory") == Some(&Value::Bool(true));
    let sent = args.get("_files").and_then(Value::as_array).into_iter().flatten();
    let mut below: Vec<_> = sent.filter_map(|file| file["path"].as_str()).map(str::to_owned).collect();
    let base = path.trim_end_matches('/');
    if !directory {
        return match below.first().filter(|_| path.ends_with('/')) {
            Some(name) => vec![format!("{base}/{name}")],
            None => vec![if base.is_empty() { "/".to_owned() } else { base.to_owned() }],
        };
    }
    let others = ["_dirs", "_links"].iter().filter_map(|name| args.get(*name)?.as_array()).flatten();
    below.extend(others.filter_map(|other| other.as_str().or_else(|| other["path"].as_str())).map(str::to_owned));
    below.iter().filter(|path| !path.is_empty()).map(|path| format!("{base}/{}", path.trim_end_matches('/'))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

/// Whether a change has made a resource that was not there.
pub(super) fn is_made(record: &Record, resource: &str, did: &Did) -> bool {
    let Some((kind, name)) = resource.split_once(':') else { return false };
    let says = |start: &str| did.msg.as_deref().is_some_and(|msg| msg.starts_with(start));
    match kind {
        "file" => did.created.iter().any(|header| header == name) || (did.whole && record.resources.len() == 1),
        "line" => says("line added"),
        "block" => says("Block inserted") || says("File created"),
        "package" => did.installed().any(|installed| installed == name),
        "service" => did.verbs.iter().any(|verb| verb == "start" || verb == "enable"),
        _ => did.whole,
    }
}

/// Calls that tell whether a record's resources are as it says.
pub fn looks(record: &Record) -> Vec<(String, Value)> {
    let mut args = record.args.clone();
    let Some(kind) = kind_of(&record.module) else { return Vec::new() };
    let fetched = matches!(short(&record.module), "get_url" | "assemble");
    let [resource] = record.resources.as_slice() else { return vec![(record.module.clone(), args.into())] };
    let path = resource.strip_prefix("file:");
    match path.filter(|_| fetched || (short(&record.module) != "file" && !record.hidden.is_empty())) {
        Some(path) => {
            args.retain(|name, _| matches!(name.as_str(), "mode" | "owner" | "group" | "attributes"));
            if args.get("mode").and_then(Value::as_str) == Some("preserve") {
                args.shift_remove("mode");
            }
            args.insert("path".into(), path.into());
            args.insert("state".into(), "file".into());
            let stat = json!({"path": path, "follow": true, "checksum_algorithm": "sha256"});
            vec![("ansible.builtin.file".into(), args.into()), ("ansible.builtin.stat".into(), stat)]
        }
        None => {
            if kind.name == "user" {
                args.shift_remove("update_password");
            }
            vec![(record.module.clone(), args.into())]
        }
    }
}

/// A call that removes a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Removal {
    /// Full name of the module.
    pub module: String,
    /// Its parameters.
    pub args: Value,
    /// It takes data with it that may have come from elsewhere.
    pub has_data: bool,
}

/// How a resource that Hostler made is removed. `others` are all resources that go.
pub fn removal(record: &Record, resource: &str, made: &Made) -> Option<Removal> {
    let (kind, name) = resource.split_once(':')?;
    let of = |names: &[&str]| names.iter().find_map(|name| record.args.get(*name)).cloned();
    let call = |args: Value| Some(Removal { module: record.module.clone(), args, has_data: false });
    match kind {
        "file" => {
            let args = json!({"path": name, "state": "absent"});
            Some(Removal { module: "ansible.builtin.file".into(), args, has_data: false })
        }
        "line" => {
            let line = of(&["line", "value"])?;
            call(json!({"path": of(PATH)?, "line": line, "state": "absent"}))
        }
        "block" => {
            let mut args = Map::from_iter([("path".to_owned(), of(PATH)?), ("state".to_owned(), "absent".into())]);
            for name in ["marker", "marker_begin", "marker_end"] {
                args.extend(of(&[name]).map(|value| (name.to_owned(), value)));
            }
            call(args.into())
        }
        "service" => {
            let mut args = json!({"name": name});
            for (verb, field, value) in [("start", "state", json!("stopped")), ("enable", "enabled", json!(false))] {
                if made.did.verbs.iter().any(|done| done == verb) {
                    args[field] = value;
                }
            }
            for name in ["scope", "use"] {
                if let Some(value) = of(&[name]) {
                    args[name] = value;
                }
            }
            call(args)
        }
        "user" => call(json!({"name": name, "state": "absent", "remove": true})),
        "mount" => call(json!({"path": name, "state": "absent"})),
        "repository" => call(json!({"repo": name, "state": "absent", "update_cache": false})),
        "export" => call(json!({"path": name, "state": "absent"})),
        "package" | "group" | "container" | "network" | "swarm service" | "source" => {
            call(json!({"name": name, "state": "absent"}))
        }
        "image" => call(json!({"name": of(NAME)?, "tag": of(&["tag"]).unwrap_or("latest".into()), "state": "absent"})),
        "volume" | "database" => {
            let mut args = Map::from_iter([("name".to_owned(), name.into()), ("state".to_owned(), "absent".into())]);
            let login = record.args.iter().filter(|(name, _)| name.starts_with("login_") || *name == "config_file");
            args.extend(login.map(|(name, value)| (name.clone(), value.clone())));
            Some(Removal { module: record.module.clone(), args: args.into(), has_data: true })
        }
        _ => None,
    }
}

/// Packages that came with others and are to go with them.
pub fn came_with<'a>(made: impl Iterator<Item = &'a Made>) -> HashSet<&'a str> {
    made.flat_map(|made| made.did.installed()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources_of(module: &str, args: Value) -> Vec<String> {
        managed(module, &args).map(|managed| managed.resources).unwrap_or_default()
    }

    #[test]
    fn names_what_calls_are_about() {
        assert_eq!(resources_of("ansible.builtin.file", json!({"path": "/srv/a/"})), ["file:/srv/a"]);
        let apt = json!({"name": ["nginx=1.2", "curl"], "update_cache": true});
        assert_eq!(resources_of("ansible.builtin.apt", apt), ["package:nginx", "package:curl"]);
        assert!(resources_of("apt", json!({"upgrade": "dist"})).is_empty());
        assert!(resources_of("ansible.builtin.command", json!({"cmd": "true"})).is_empty());
        let copy =
            json!({"dest": "/etc/", "src": "motd", "_files": [{"path": "motd", "sha256": "00", "_inline": "eA=="}]});
        let copy = managed("copy", &copy).unwrap();
        assert_eq!(copy.resources, ["file:/etc/motd"]);
        let tree =
            json!({"dest": "/srv", "_directory": true, "_dirs": ["d"], "_files": [{"path": "d/a", "sha256": ""}]});
        assert_eq!(resources_of("copy", tree), ["file:/srv/d/a", "file:/srv/d"]);
        let restarted = managed("service", &json!({"name": "a.service", "state": "restarted"})).unwrap();
        assert_eq!((restarted.resources, &restarted.args["state"]), (vec!["service:a".to_owned()], &json!("started")));
    }

    #[test]
    fn a_service_goes_back_to_what_it_was() {
        let record = Record { module: "service".into(), ..Record::default() };
        let did: Did = serde_json::from_value(json!({"verbs": ["enable"]})).unwrap();
        let folded = super::super::Folded::of(&format!(
            "{}\n",
            json!({"do": "apply", "t": 0, "run": "", "playbook": "", "host": "", "play": "", "at": "", "task": "",
                "module": "service", "resources": ["service:a"], "did": did})
        ));
        let removal = removal(&record, "service:a", &folded.made["service:a"]).unwrap();
        assert_eq!(removal.args, json!({"name": "a", "enabled": false}));
    }
}
