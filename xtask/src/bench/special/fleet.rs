//! Thousands of hosts in one process that only answers: what is left is the engine's own cost.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::bench::command::Bench;
use crate::bench::hosts::remove;
use crate::bench::measure::Program;
use crate::bench::race::{Turn, alternate};
use crate::bench::results::Row;

/// Runs it for two numbers of hosts: the second shows whether time grows faster than hosts do.
pub fn fleet(bench: &Bench) -> Result<Vec<Row>> {
    let directory = bench.directory.join("fleet");
    fs::create_dir_all(&directory)?;
    let socket = directory.join("socket");
    let simulated = Simulated::start(&bench.fleet, &socket)?;
    let mut all = Vec::new();
    for hosts in if bench.smallest { vec![20] } else { vec![1, 1000, 5000] } {
        let inventory = directory.join(format!("{hosts}.yml"));
        let names: serde_json::Map<_, _> = (1..=hosts).map(|host| (format!("host{host:05}"), json!(null))).collect();
        fs::write(&inventory, json!({"all": {"hosts": names, "vars": {"bench_work": "/srv/work"}}}).to_string())?;
        let playbook = bench.root.join("bench/playbooks/noop.yml");
        let words = [bench.fleet.as_path(), Path::new("run"), &socket, &inventory, &playbook];
        let program = Program {
            words: words.iter().map(|word| word.display().to_string()).collect(),
            environment: Vec::new(),
            directory: directory.clone(),
            input: None,
        };
        let mut rows = alternate(bench, &["hostler"], &mut |_, turn| {
            let measured = program.measure(&directory, turn == Turn::Memory)?;
            ensure!(measured.code == Some(0), "exit code {:?}: {}", measured.code, measured.output);
            Ok(measured)
        })?;
        for row in &mut rows {
            row.scenario = "fleet".to_owned();
            row.case = format!("{hosts} hosts");
            row.hosts = hosts;
        }
        all.extend(rows);
    }
    drop(simulated);
    for row in &mut all {
        let (Some(cpu), Some(memory)) = (row.cpu(), row.memory) else { continue };
        let (cpu, memory) = (cpu * 1e3 / row.hosts as f64, memory as f64 / 1e3 / row.hosts as f64);
        if row.hosts > 1 {
            row.note = format!("{cpu:.2} ms of CPU and {memory:.0} KB of memory a host");
        }
    }
    Ok(all)
}

/// The process that is all hosts. It ends with this value.
struct Simulated(Child);

impl Simulated {
    fn start(program: &Path, socket: &Path) -> Result<Self> {
        remove(socket)?;
        let child = Command::new(program).arg("hosts").arg(socket).stdin(Stdio::null()).spawn();
        let child = Self(child.with_context(|| format!("failed to start {}", program.display()))?);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !socket.exists() {
            ensure!(Instant::now() < deadline, "the simulated hosts do not answer");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(child)
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ended_already = self.0.wait();
    }
}
