//! The `hostler` command as its users run it, and what its event stream says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::fidelity::Fidelity;
use crate::lab::Lab;
use crate::process::step;

/// The built command.
pub struct Hostler {
    binary: PathBuf,
    root: PathBuf,
    target: PathBuf,
    inventory: PathBuf,
}

/// The last event of a run: a count for each host and outcome.
pub struct Stats(Value);

impl Hostler {
    /// The command at `binary`, or one that is built as it is released.
    pub fn build(lab: &Lab, binary: Option<&Path>) -> Result<Self> {
        let inventory = lab.root.join("inventories/lab");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| lab.root.join("target"), PathBuf::from);
        let target = lab.root.join(target);
        if let Some(binary) = binary {
            let binary = std::path::absolute(binary).context("failed to find the command")?;
            return Ok(Self { binary, root: lab.root.clone(), target, inventory });
        }
        step("build hostler", || {
            let status = Command::new("cargo")
                .args(["build", "--quiet", "--release", "--package", "hostler"])
                .current_dir(&lab.root)
                .status()
                .context("failed to run cargo")?;
            ensure!(status.success(), "cargo build: {status}");
            Ok(())
        })?;
        Ok(Self { binary: target.join("release/hostler"), root: lab.root.clone(), target, inventory })
    }

    /// Applies a playbook to the lab; fails unless it succeeds on all hosts.
    pub fn apply(&self, playbook: &Path) -> Result<Stats> {
        Self::stats(&self.run("apply", &[playbook.as_os_str()], 0)?)
    }

    /// Says what a playbook would change; fails unless it can be said.
    pub fn checks(&self, playbook: &Path) -> Result<()> {
        self.run("apply", &[playbook.as_os_str(), "--check".as_ref()], 0).map(drop)
    }

    /// The same with more options.
    pub fn apply_with(&self, playbook: &Path, options: &[&str]) -> Result<Stats> {
        let arguments: Vec<&OsStr> =
            std::iter::once(playbook.as_os_str()).chain(options.iter().map(OsStr::new)).collect();
        Self::stats(&self.run("apply", &arguments, 0)?)
    }

    /// Plans a playbook that has something to do.
    pub fn plan(&self, playbook: &Path, options: &[&str]) -> Result<()> {
        let arguments: Vec<&OsStr> =
            std::iter::once(playbook.as_os_str()).chain(options.iter().map(OsStr::new)).collect();
        self.run("plan", &arguments, 2).map(drop)
    }

    /// Plans a playbook, whether it has something to do or not.
    pub fn plan_any(&self, playbook: &Path) -> Result<()> {
        self.run_any("plan", &[playbook.as_os_str()], &[0, 2]).map(drop)
    }

    /// Plans a playbook that has nothing to do; fails if it has.
    pub fn plan_nothing(&self, playbook: &Path, options: &[&str]) -> Result<()> {
        let arguments: Vec<&OsStr> =
            std::iter::once(playbook.as_os_str()).chain(options.iter().map(OsStr::new)).collect();
        self.run("plan", &arguments, 0).map(drop)
    }

    /// Applies a saved plan that does not hold everywhere; gives what was printed, and what was complained of.
    pub fn refused(&self, plan: &Path, options: &[&str]) -> Result<(String, String)> {
        let arguments: Vec<&OsStr> = std::iter::once(plan.as_os_str()).chain(options.iter().map(OsStr::new)).collect();
        let output = self.output("apply", &arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.code() == Some(2), "hostler apply: {}: {stderr}\n{}", output.status, failures(&stdout));
        Ok((stdout, stderr))
    }

    /// Plans a playbook, applies the saved plan, and compares the two.
    pub fn apply_planned(&self, playbook: &Path) -> Result<(Stats, Fidelity)> {
        let file = std::env::temp_dir().join(format!("hostler-e2e-{}.plan", std::process::id()));
        let done = self.planned(playbook, &file);
        let _gone = std::fs::remove_file(&file);
        let (plan, events) = done?;
        // A plan without changes is not run.
        let stats = if events.is_empty() { Stats(Value::Null) } else { Self::stats(&events)? };
        Ok((stats, Fidelity::of(&plan, &events)?))
    }

    /// Plans a playbook, applies it without holding it to the plan, and compares the two. Both are kept below the build's
    /// folder: `fidelity/NAME.plan`, `NAME.events`.
    pub fn compared(&self, playbook: &Path, options: &[&str]) -> Result<Fidelity> {
        let name = playbook.strip_prefix(&self.root).unwrap_or(playbook).with_extension("");
        let words: Vec<_> = std::iter::once(&*name.to_string_lossy())
            .chain(options.iter().copied())
            .map(|word| word.replace('/', "-"))
            .collect();
        let folder = self.target.join("fidelity");
        std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let file = |extension: &str| folder.join(format!("{}.{extension}", words.join(" ")));
        let (plan, events) = (file("plan"), file("events"));
        let mut asked: Vec<&OsStr> =
            std::iter::once(playbook.as_os_str()).chain(options.iter().map(OsStr::new)).collect();
        let shown = asked.len();
        asked.extend(["--out".as_ref(), plan.as_os_str()]);
        self.run_any("plan", &asked, &[0, 2])?;
        asked.truncate(shown);
        asked.extend::<[&OsStr; 2]>(["--diff".as_ref(), "--yes".as_ref()]);
        let done = self.run("apply", &asked, 0)?;
        std::fs::write(&events, &done).with_context(|| format!("failed to write {}", events.display()))?;
        Fidelity::of(&std::fs::read_to_string(&plan).context("failed to read the saved plan")?, &done)
    }

    /// The text of a plan, and the events of its apply.
    fn planned(&self, playbook: &Path, file: &Path) -> Result<(String, String)> {
        self.run_any("plan", &[playbook.as_os_str(), "--out".as_ref(), file.as_os_str()], &[0, 2])?;
        let plan = std::fs::read_to_string(file).context("failed to read the saved plan")?;
        Ok((plan, self.run("apply", &[file.as_os_str(), "--diff".as_ref()], 0)?))
    }

    /// Runs a command on the lab; gives the events.
    fn run(&self, command: &str, arguments: &[&OsStr], expected: i32) -> Result<String> {
        self.run_any(command, arguments, &[expected])
    }

    fn run_any(&self, command: &str, arguments: &[&OsStr], expected: &[i32]) -> Result<String> {
        let output = self.output(command, arguments)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.code().is_some_and(|code| expected.contains(&code)) {
            bail!(
                "hostler {command}: {}: {}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim(),
                failures(&stdout)
            );
        }
        Ok(stdout)
    }

    fn output(&self, command: &str, arguments: &[&OsStr]) -> Result<std::process::Output> {
        let mut run = Command::new(&self.binary);
        run.arg(command).arg("-i").arg(&self.inventory).args(arguments).args(["--output", "json"]);
        let output = run.current_dir(&self.root).stdin(Stdio::null()).output();
        output.with_context(|| format!("failed to run {}", self.binary.display()))
    }

    /// The counts at the end of a run's events.
    fn stats(stdout: &str) -> Result<Stats> {
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
    let events = stream.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lost = events.filter(|event| event["status"] == "failed" || event["status"] == "unreachable");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = |event: Value| {
        let [host, task, place, msg] =
            [&event["host"], &event["task"], &event["place"], &event["result"]["msg"]].map(text);
        let assertion = event["result"].get("assertion").map(|assertion| format!(": {assertion}"));
        format!("    {host}: {task} ({place}): {msg}{}", assertion.unwrap_or_default())
    };
    let lines: Vec<_> = lost.map(told).collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}
