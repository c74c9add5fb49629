//! One program run: wall time, CPU and memory of it and of everything it starts.
//!
//! A process of its own runs each program (`cargo xtask measure`): it adopts whatever the program leaves behind (the
//! masters of ssh connections), ends it, and so knows the CPU time of all of it.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(5);
/// What is left behind gets so long to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// What to run
#[derive(Args)]
pub struct MeasureOptions {
    /// Look at memory too, which slows the program down
    #[arg(long)]
    memory: bool,
    /// Seconds after which it is ended
    #[arg(long, default_value_t = 3600)]
    limit: u64,
    /// File for what it prints
    #[arg(long)]
    output: PathBuf,
    /// File for its standard input
    #[arg(long, default_value = "/dev/null")]
    input: PathBuf,
    /// The program and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<String>,
}

/// What a run took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// Exit code; absent if a signal ended it.
    pub code: Option<i32>,
    /// Seconds until it ended.
    pub wall: f64,
    /// Seconds of CPU time, of it and its children.
    pub cpu: f64,
    /// Bytes at the peak: of all processes together where memory was looked at, else of the largest one.
    pub memory: u64,
    /// What it printed.
    #[serde(default)]
    pub output: String,
}

/// A program to run.
pub struct Program {
    /// It and its arguments.
    pub words: Vec<String>,
    /// Added to the environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub directory: PathBuf,
    /// Its standard input.
    pub input: Option<PathBuf>,
}

impl Program {
    /// Runs it in a process of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn measure(&self, scratch: &Path, memory: bool) -> Result<Measured> {
        let output = scratch.join("output");
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("measure").arg("--output").arg(&output);
        if memory {
            command.arg("--memory");
        }
        if let Some(input) = &self.input {
            command.arg("--input").arg(input);
        }
        command.arg("--").args(&self.words).current_dir(&self.directory);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let said = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let said = said.with_context(|| format!("failed to measure {}", self.words.join(" ")))?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let mut measured: Measured = serde_json::from_str(&said)
            .with_context(|| format!("failed to measure {}: {said}", self.words.join(" ")))?;
        measured.output = String::from_utf8_lossy(&fs::read(&output)?).into_owned();
        Ok(measured)
    }
}

/// Runs a program and prints what it took.
pub fn measure(options: &MeasureOptions) -> Result<ExitCode> {
    set_child_subreaper(true).context("failed to adopt what the program leaves behind")?;
    let output = File::create(&options.output)?;
    let mut command = Command::new(&options.command[0]);
    command.args(&options.command[1..]).stdin(File::open(&options.input)?);
    command.stdout(output.try_clone()?).stderr(output);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("failed to start {}", options.command[0]))?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let (done, wait) = mpsc::channel::<()>();
    let (memory, limit) = (options.memory, start + Duration::from_secs(options.limit));
    let watcher = thread::spawn(move || watch(pid, memory, limit, &wait));
    let status = child.wait()?;
    let wall = start.elapsed().as_secs_f64();
    drop(done);
    let sampled = watcher.join().unwrap_or_default();
    bury();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6;
    let largest = usage.max_rss().cast_unsigned() * 1024;
    let measured = Measured { code: status.code(), wall, cpu, memory: sampled.max(largest), output: String::new() };
    std::io::stdout().write_all(&serde_json::to_vec(&measured)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at memory until the program has ended; ends it if it takes too long.
fn watch(pid: Pid, memory: bool, limit: Instant, done: &mpsc::Receiver<()>) -> u64 {
    let mut peak = 0;
    let pause = if memory { SAMPLE } else { Duration::from_millis(500) };
    while done.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
        if memory {
            let family = std::iter::once(pid).chain(descendants(pid));
            peak = peak.max(family.map(proportional).sum());
        }
        if Instant::now() >= limit {
            let _ended_meanwhile = kill(pid, Signal::SIGKILL);
        }
    }
    peak
}

/// Ends the processes that were left behind, so that their CPU time is known.
fn bury() {
    let me = Pid::this();
    let deadline = Instant::now() + FAREWELL;
    let mut signal = Signal::SIGTERM;
    for orphan in children(me) {
        let _ended_meanwhile = kill(orphan, signal);
    }
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(5)),
            Ok(_) => continue,
            Err(_) => return,
        }
        if Instant::now() >= deadline {
            signal = Signal::SIGKILL;
        }
        // An orphan that ended may have left its own.
        if signal == Signal::SIGKILL {
            for orphan in children(me) {
                let _ended_meanwhile = kill(orphan, signal);
            }
        }
    }
}

fn children(pid: Pid) -> impl Iterator<Item = Pid> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let pids: Vec<_> =
        lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
    pids.into_iter().map(Pid::from_raw)
}

fn descendants(pid: Pid) -> Vec<Pid> {
    let mut found = Vec::new();
    for child in children(pid) {
        found.push(child);
        found.extend(descendants(child));
    }
    found
}

/// Memory of a process, what it shares counted by its share.
fn proportional(pid: Pid) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
