//! The bench as a whole: builds, hosts, scenarios one after the other, and what becomes of the results.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::hosts::Hosts;
use super::peers::Peers;
use super::results::Results;
use super::tool::Tool;
use super::{page, scenarios, table};
use crate::process::step;
use crate::{process, workspace};

/// What to run
#[derive(Args)]
pub struct Options {
    /// Scenarios: noop, cold, change, loop, files, latency, facts, template, fleet, start, real, build (default: all but real and build)
    scenarios: Vec<String>,
    /// How often each tool does each work
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only these tools: hostler, floor, floor-ahead, ansible-core, mitogen, pyinfra, ssh
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only cases of so many hosts
    #[arg(long, value_delimiter = ',')]
    hosts: Vec<usize>,
    /// Each scenario once at its smallest, with debug builds, without peers: to see that the bench works
    #[arg(long)]
    smallest: bool,
    /// Folder with hostler, floor and fleet, instead of building them
    #[arg(long)]
    binaries: Option<PathBuf>,
    /// Write docs/performance.md and its plot from all results so far
    #[arg(long)]
    publish: bool,
}

/// All that scenarios need.
pub struct Bench {
    /// The checkout.
    pub root: PathBuf,
    /// Where everything of the bench lies.
    pub directory: PathBuf,
    /// The command.
    pub hostler: PathBuf,
    /// The program without an engine.
    pub floor: PathBuf,
    /// The program that simulates hosts.
    pub fleet: PathBuf,
    /// What hostler sends to hosts: the floor uses the same.
    pub helper: PathBuf,
    /// The peers, where they take part.
    pub peers: Option<Peers>,
    /// The hosts.
    pub hosts: Hosts,
    /// How often each tool does each work.
    pub runs: usize,
    /// Whether sizes are the smallest.
    pub smallest: bool,
    tools: Vec<Tool>,
    only_hosts: Vec<usize>,
}

impl Bench {
    /// Whether a tool was asked for.
    pub fn takes_part(&self, tool: Tool) -> bool {
        self.tools.contains(&tool)
    }

    /// Of these numbers of hosts the ones that were asked for.
    pub fn sizes(&self, sizes: &[usize]) -> Vec<usize> {
        if self.smallest {
            return vec![1];
        }
        sizes.iter().copied().filter(|size| self.only_hosts.is_empty() || self.only_hosts.contains(size)).collect()
    }

    /// The peers.
    ///
    /// # Errors
    /// When they take no part.
    pub fn peers(&self) -> Result<&Peers> {
        self.peers.as_ref().context("find the peers")
    }
}

/// Runs what was asked for.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let chosen = scenarios::chosen(&options.scenarios)?;
    let tools = tools(options)?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = root.join(target);
    let directory = target.join("bench");
    fs::create_dir_all(&directory)?;
    let binaries = match &options.binaries {
        Some(binaries) => binaries.canonicalize()?,
        None => {
            build(&root, options.smallest)?;
            target.join(if options.smallest { "debug" } else { "release" })
        }
    };
    let peers = tools.iter().any(|tool| tool.is_peer()).then(|| Peers::ensure(&directory.join("venv"))).transpose()?;
    let count = chosen.iter().map(|scenario| scenario.hosts(options.smallest, &options.hosts)).max().unwrap_or(1);
    let bench = Bench {
        hosts: step("start the hosts", || Hosts::start(&directory.join("hosts"), count))?,
        hostler: binaries.join("hostler"),
        floor: binaries.join("floor"),
        fleet: binaries.join("fleet"),
        helper: helper(&binaries.join("hostler"), &directory.join("home"))?,
        runs: if options.smallest { 1 } else { options.runs },
        smallest: options.smallest,
        only_hosts: options.hosts.clone(),
        root,
        directory,
        peers,
        tools,
    };
    let kept = bench.directory.join(if options.smallest { "smallest.json" } else { "results.json" });
    let mut results = Results::load(&kept)?;
    results.about = about(&bench);
    let (mut passed, mut failed) = (0, 0);
    for scenario in chosen {
        println!("\n{}: {}\n", scenario.name, scenario.what);
        let rows = (scenario.run)(&bench).with_context(|| format!("failed to run {}", scenario.name))?;
        print!("{}", table::table(&rows));
        let broken = rows.iter().filter(|row| row.failure.is_some()).count();
        (passed, failed) = (passed + rows.len() - broken, failed + broken);
        results.replace(scenario.name, rows);
        results.save(&kept)?;
    }
    if options.publish {
        page::publish(&bench.root, &results)?;
    }
    println!("\nresults: {}\nbench: {passed} passed, {failed} failed", kept.display());
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The helper as it is sent, found where `hostler` leaves it on this machine.
fn helper(hostler: &Path, home: &Path) -> Result<PathBuf> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    fs::create_dir_all(home)?;
    process::output(Command::new(hostler).args(["exec", "localhost", "-m", "ping"]).env("HOME", home))?;
    let mut cached = fs::read_dir(home.join(".cache/hostler"))?.flatten().map(|entry| entry.path());
    let of_helper = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("helper-"));
    cached.find(of_helper).context("find the helper that hostler left")
}

fn tools(options: &Options) -> Result<Vec<Tool>> {
    if options.only.is_empty() {
        return Ok(Tool::ALL.into_iter().filter(|tool| !(options.smallest && tool.is_peer())).collect());
    }
    let find = |name: &String| {
        let known = Tool::ALL.map(Tool::name).join(", ");
        Tool::ALL
            .into_iter()
            .find(|tool| tool.name() == name)
            .with_context(|| format!("there is no tool `{name}` ({known})"))
    };
    options.only.iter().map(find).collect()
}

fn build(root: &Path, debug: bool) -> Result<()> {
    step("build hostler and the bench's programs", || {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package", "hostler", "--package", "hostler-bench"]).current_dir(root);
        if !debug {
            cargo.arg("--release");
        }
        let status = cargo.status().context("failed to run cargo")?;
        ensure!(status.success(), "cargo build: {status}");
        Ok(())
    })
}

/// The machine, the date, the versions.
fn about(bench: &Bench) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let said =
        |program: &str, arguments: &[&str]| process::output(Command::new(program).args(arguments)).unwrap_or_default();
    let memory: f64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut about = vec![
        format!("{cores} cores ({}), {:.0} GB of memory", field(&read("/proc/cpuinfo"), "model name"), memory / 1e6),
        format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
        format!(
            "{}, commit {}",
            said(&bench.hostler.display().to_string(), &["--version"]),
            said("git", &["rev-parse", "--short", "HEAD"])
        ),
    ];
    if let Some(peers) = &bench.peers {
        about.push(format!("{}, {}", peers.versions.join(", "), said(&peers.program("python"), &["--version"])));
    }
    about.push(format!("measured on {}", said("date", &["+%Y-%m-%d"])));
    about
}
