//! Which resources a module call is about, and how to look whether they still are as described.

use super::{Made, Record};
use crate::modules::pip::canonical;
use serde_json::{Map, Value, json};

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

pub(super) const PATH: &[&str] = &["path", "dest", "destfile", "name"];
pub(super) const NAME: &[&str] = &["name"];
/// What a call about the firewall is about, whichever of it is given.
const FIREWALL: &[&str] = &[
    "state",
    "default",
    "policy",
    "logging",
    "rule",
    "route",
    "direction",
    "interface",
    "if",
    "interface_in",
    "if_in",
    "interface_out",
    "if_out",
    "from_ip",
    "from",
    "src",
    "from_port",
    "to_ip",
    "to",
    "dest",
    "to_port",
    "port",
    "proto",
    "protocol",
    "name",
    "app",
];

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
    Kind { name: "export", modules: &["nfs_export"], id: &[&["path"], &["file"]], passing: &[] },
    Kind { name: "repository", modules: &["apt_repository"], id: &[&["repo"]], passing: &["update_cache"] },
    Kind { name: "source", modules: &["deb822_repository"], id: &[NAME], passing: &[] },
    Kind { name: "cron job", modules: &["cron"], id: &[NAME, &["user"], &["cron_file"]], passing: &["backup"] },
    Kind { name: "authorized key", modules: &["authorized_key"], id: &[&["user"], &["key"], &["path"]], passing: &[] },
    Kind { name: "known host", modules: &["known_hosts"], id: &[&["name", "host"], &["key"], &["path"]], passing: &[] },
    Kind { name: "apt key", modules: &["apt_key"], id: &[&["id", "url", "file", "data"]], passing: &[] },
    Kind { name: "checkout", modules: &["git"], id: &[&["dest"]], passing: &["force", "archive", "archive_prefix"] },
    Kind {
        name: "python package",
        modules: &["pip"],
        id: &[NAME, &["virtualenv", "executable"]],
        passing: &["extra_args"],
    },
    Kind {
        name: "archive",
        modules: &["unarchive"],
        id: &[&["dest"], &["src"]],
        passing: &["list_files", "io_buffer_size", "decrypt", "validate_certs"],
    },
    Kind { name: "firewall", modules: &["ufw"], id: &[FIREWALL], passing: &["insert", "insert_relative_to"] },
    Kind {
        name: "swarm",
        modules: &["docker_swarm"],
        id: &[&["state"]],
        passing: &["force", "rotate_worker_token", "rotate_manager_token"],
    },
    Kind { name: "swarm node", modules: &["docker_node"], id: &[&["hostname"]], passing: &[] },
    Kind {
        name: "answer",
        modules: &["debconf"],
        id: &[&["name", "pkg"], &["question", "setting", "selection"]],
        passing: &[],
    },
    Kind {
        name: "kernel parameter",
        modules: &["sysctl"],
        id: &[&["name", "key"], &["sysctl_file"]],
        passing: &["reload"],
    },
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
        ("python package", "latest" | "forcereinstall") => Some("present"),
        ("database", "import" | "dump") | ("swarm", "remove") | ("firewall", "reloaded" | "reset") => return None,
        _ => None,
    };
    if let Some(settled) = settled {
        args.insert("state".to_owned(), settled.into());
    }
    let resources = resources(kind, &args);
    let deletes = || args.get("delete").is_some_and(|delete| delete == true || delete == "yes" || delete == "true");
    let gone =
        matches!(state.as_str(), "absent" | "removed" | "unmounted" | "dismounted" | "disabled" | "absent_from_fstab")
            || kind.name == "firewall" && deletes();
    (!resources.is_empty()).then_some(Managed { resources, args, gone, naming: kind.id })
}

fn resources(kind: &Kind, args: &Map<String, Value>) -> Vec<String> {
    let first = |names: &[&str]| names.iter().find_map(|name| args.get(*name));
    let mut parts = Vec::new();
    for names in kind.id {
        parts.push(match first(names) {
            Some(Value::Array(items)) => items.iter().map(text).collect::<Vec<_>>(),
            Some(Value::String(list)) if matches!(kind.name, "package" | "database" | "locale" | "python package") => {
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
        ("python package", Some(names)) => {
            let place = parts.get(1).and_then(|place| place.first());
            let place = place.map(|place| format!(" in {place}")).unwrap_or_default();
            names.iter().map(|name| named(&format!("{}{place}", python_name(name)))).collect()
        }
        // One host has one, whatever is wanted of it.
        ("swarm", _) => vec![named("membership")],
        ("firewall", _) => vec![named(&firewall(args))],
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

/// The name of a Python package in a requirement, as the module compares names.
pub(super) fn python_name(requirement: &str) -> String {
    let end = |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    canonical(requirement.trim().split(end).next().unwrap_or_default())
}

/// A call about the firewall in words: `rule=allow to_port=22`.
fn firewall(args: &Map<String, Value>) -> String {
    let given = FIREWALL.iter().filter_map(|name| Some(format!("{name}={}", text(args.get(*name)?))));
    given.collect::<Vec<_>>().join(" ")
}

/// Calls that tell whether a record's resources are as it says. `made` is what is known of how the first of them came to be.
pub fn looks(record: &Record, made: Option<&Made>) -> Vec<(String, Value)> {
    let mut args = record.args.clone();
    let Some(kind) = kind_of(&record.module) else { return Vec::new() };
    let module = short(&record.module);
    // An archive that came from elsewhere is not there to be compared with: only what was unpacked is looked for.
    let on_host = |args: &Map<String, Value>| args.get("remote_src").is_some_and(|there| there == true);
    let is_url = args.get("src").and_then(Value::as_str).is_some_and(|src| src.contains("://"));
    if kind.name == "archive" && (is_url || !on_host(&args)) {
        let trees = made.into_iter().flat_map(|made| made.did.trees());
        return trees.map(|path| ("ansible.builtin.stat".to_owned(), json!({"path": path}))).collect();
    }
    if kind.name == "swarm" && args.get("state").and_then(Value::as_str) == Some("join") {
        // Whether this host is a member can be told without it.
        args.entry("join_token").or_insert_with(|| "hidden".into());
    }
    let fetched = matches!(module, "get_url" | "assemble");
    let [resource] = record.resources.as_slice() else { return vec![(record.module.clone(), args.into())] };
    let path = resource.strip_prefix("file:");
    match path.filter(|_| fetched || (module != "file" && !record.hidden.is_empty())) {
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
        let pip = json!({"name": "Flask==2,requests", "virtualenv": "/opt/env"});
        assert_eq!(
            resources_of("pip", pip),
            ["python package:flask in /opt/env", "python package:requests in /opt/env"]
        );
        // Two files may say something of the same parameter.
        let parameter = |file: &str| resources_of("sysctl", json!({"name": "vm.swappiness", "sysctl_file": file}));
        assert_ne!(parameter("/etc/sysctl.d/a.conf"), parameter("/etc/sysctl.d/b.conf"));
        let rule = managed("ufw", &json!({"rule": "allow", "to_port": "22", "delete": true})).unwrap();
        assert_eq!((rule.resources, rule.gone), (vec!["firewall:rule=allow to_port=22".to_owned()], true));
        let restarted = managed("service", &json!({"name": "a.service", "state": "restarted"})).unwrap();
        assert_eq!((restarted.resources, &restarted.args["state"]), (vec!["service:a".to_owned()], &json!("started")));
    }
}
