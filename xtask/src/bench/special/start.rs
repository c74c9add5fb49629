//! How long nothing happens: until `--version` is answered, and until an apply opens its first connection.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::bench::command::Bench;
use crate::bench::measure::{Measured, Program};
use crate::bench::race::alternate;
use crate::bench::results::Row;

const PLAYBOOK: &str = "playbooks/supermarket/site.yml";

/// Both.
pub fn start(bench: &Bench) -> Result<Vec<Row>> {
    let version = Program {
        words: vec![bench.hostler.display().to_string(), "--version".to_owned()],
        environment: Vec::new(),
        directory: bench.root.clone(),
        input: None,
    };
    let mut rows =
        named(alternate(bench, &["hostler"], &mut |_, _| version.measure(&bench.directory, false))?, "--version");
    let inventory = inventory(bench)?;
    let apply = &mut |_, _| first_connection(bench, &inventory);
    rows.extend(named(alternate(bench, &["hostler"], apply)?, "apply, first connection"));
    Ok(rows)
}

fn named(rows: Vec<Row>, case: &str) -> Vec<Row> {
    rows.into_iter().map(|row| Row { scenario: "start".into(), case: case.into(), ..row }).collect()
}

/// The lab's inventory with its variables, of hosts that are nowhere yet.
fn inventory(bench: &Bench) -> Result<PathBuf> {
    let directory = bench.directory.join("start");
    fs::create_dir_all(directory.join("group_vars/all"))?;
    copy_tree(&bench.root.join("inventories/lab/group_vars"), &directory.join("group_vars"))?;
    Ok(directory)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn first_connection(bench: &Bench, inventory: &Path) -> Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let host = json!({"ansible_host": "127.0.0.1", "ansible_port": listener.local_addr()?.port()});
    let hosts = json!({"all": {"children": {
        "leader": {"hosts": {"leader": host}},
        "workers": {"hosts": {"worker1": host, "worker2": host}},
    }}});
    fs::write(inventory.join("hosts.yml"), hosts.to_string())?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || tell.send(listener.accept().map(|_| Instant::now())));
    let mut command = Command::new(&bench.hostler);
    command.args(["apply", "-i"]).arg(inventory).arg(PLAYBOOK).current_dir(&bench.root);
    let output = bench.directory.join("output");
    let file = fs::File::create(&output)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("failed to start {}", bench.hostler.display()))?;
    let accepted = told.recv_timeout(Duration::from_secs(20));
    let _ended_already = child.kill();
    child.wait()?;
    let said = || fs::read_to_string(&output).unwrap_or_default();
    let accepted = accepted.with_context(|| format!("{PLAYBOOK} opened no connection: {}", said()))??;
    let wall = accepted.duration_since(start).as_secs_f64();
    Ok(Measured { code: Some(0), wall, cpu: 0.0, memory: 0, output: String::new() })
}
