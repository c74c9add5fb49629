//! The requests of `bench/playbooks/tasks/noop.yml`, in its order. Contents are what a run of it left on the host.

use super::Result;
use base64::Engine;
use hostler_core::module::Mode;
use hostler_core::wire::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Those of a playbook, on a host whose work is done in `work`.
pub fn of(playbook: &str, work: &str) -> Result<Vec<Request>> {
    let calls = match playbook {
        "one" => vec![("stat", json!({"path": work, "get_checksum": false}))],
        "noop" => noop(&format!("{work}/etc"))?,
        other => return Err(format!("there is nothing known of {other}").into()),
    };
    let request = |(id, (module, args)): (usize, (&str, Value))| {
        let module = format!("ansible.builtin.{module}");
        let request = json!({"id": id, "module": module, "args": args, "mode": Mode::Apply, "diff": false});
        serde_json::from_value(request).map_err(Into::into)
    };
    calls.into_iter().enumerate().map(request).collect()
}

fn noop(etc: &str) -> Result<Vec<(&'static str, Value)>> {
    let line = |name: &str, value: &str| {
        let path = format!("{etc}/settings.ini");
        ("lineinfile", json!({"path": path, "regexp": format!("^{name}="), "line": format!("{name}={value}")}))
    };
    Ok(vec![
        ("file", json!({"path": etc, "state": "directory", "mode": "0755"})),
        ("file", json!({"path": format!("{etc}/conf.d"), "state": "directory", "mode": "0750"})),
        copy(etc, "app.conf", "0644")?,
        copy(etc, "run.sh", "0755")?,
        copy(etc, "public.pem", "0600")?,
        copy(etc, "motd", "0644")?,
        copy(etc, "server.conf", "0644")?,
        copy(etc, "environment", "0640")?,
        copy(etc, "conf.d/limits.conf", "0644")?,
        copy(etc, "conf.d/upstreams.conf", "0644")?,
        line("port", "8080"),
        line("level", "info"),
        line("workers", "4"),
        line("name", "shop"),
        ("file", json!({"src": "app.conf", "dest": format!("{etc}/current.conf"), "state": "link"})),
        ("file", json!({"path": format!("{etc}/server.conf"), "mode": "0644"})),
        ("stat", json!({"path": format!("{etc}/app.conf"), "get_checksum": false})),
        ("stat", json!({"path": format!("{etc}/settings.ini"), "get_checksum": false})),
        ("command", json!({"_raw_params": format!("test -d {etc}")})),
        ("command", json!({"_raw_params": format!("test -f {etc}/app.conf")})),
    ])
}

fn copy(etc: &str, name: &str, mode: &str) -> Result<(&'static str, Value)> {
    let dest = format!("{etc}/{name}");
    let content = std::fs::read(&dest).map_err(|error| format!("{dest}: {error}; run the playbook first"))?;
    let sha256 = hostler_core::text::hex(&Sha256::digest(&content));
    let name = Path::new(name).file_name().map(|name| name.to_string_lossy().into_owned());
    let inline = base64::engine::general_purpose::STANDARD.encode(&content);
    let file = json!({"path": name, "sha256": sha256, "size": content.len(), "mode": 0o644, "_inline": inline});
    Ok(("copy", json!({"src": name, "dest": dest, "mode": mode, "_files": [file]})))
}
