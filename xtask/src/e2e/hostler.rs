//! The `hostler` command as its users run it, and what its event stream says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::lab::Lab;
use crate::process::step;

/// The built command.
pub struct Hostler {
    binary: PathBuf,
    root: PathBuf,
    inventory: PathBuf,
}

/// The last event of a run: a count for each host and outcome.
pub struct Stats(Value);

impl Hostler {
    /// Builds the command as it is released.
    pub fn build(lab: &Lab) -> Result<Self> {
        step("build hostler", || {
            let status = Command::new("cargo")
                .args(["build", "--quiet", "--release", "--package", "hostler"])
                .current_dir(&lab.root)
                .status()
                .context("failed to run cargo")?;
            ensure!(status.success(), "cargo build: {status}");
            Ok(())
        })?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| lab.root.join("target"), PathBuf::from);
        let binary = lab.root.join(target).join("release/hostler");
        Ok(Self { binary, root: lab.root.clone(), inventory: lab.root.join("inventories/lab") })
    }

    /// Applies a playbook to the lab; fails unless it succeeds on all hosts.
    pub fn apply(&self, playbook: &Path) -> Result<Stats> {
        let output = Command::new(&self.binary)
            .arg("apply")
            .arg("-i")
            .arg(&self.inventory)
            .arg(playbook)
            .args(["--output", "json"])
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("failed to run {}", self.binary.display()))?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "hostler apply: {}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim(),
                failures(&stdout)
            );
        }
        let last = stdout.lines().last().context("hostler apply printed no events")?;
        let event: Value =
            serde_json::from_str(last).with_context(|| format!("failed to read the last event: {last}"))?;
        ensure!(event["event"] == "stats", "the last event is not `stats`: {last}");
        ensure!(event["hosts"].as_object().is_some_and(|hosts| !hosts.is_empty()), "no host was reached: {last}");
        Ok(Stats(event["hosts"].clone()))
    }
}

impl Stats {
    /// Fails if a host was changed, or if the stream does not say.
    pub fn expect_unchanged(&self) -> Result<()> {
        for (host, counts) in self.0.as_object().into_iter().flatten() {
            ensure!(counts["changed"].as_u64() == Some(0), "the second run changed {host}: {counts}");
        }
        Ok(())
    }

    /// Fails unless each of these hosts took part.
    pub fn expect_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for host in hosts {
            ensure!(self.0[host]["ok"].as_u64() > Some(0), "{host} took no part: {}", self.0);
        }
        Ok(())
    }
}

/// The events that speak of failure, for the message.
fn failures(stream: &str) -> String {
    let lines: Vec<_> = stream.lines().filter(|line| line.contains("failed") || line.contains("unreachable")).collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
