//! Options, order and the verdict.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

use super::baseline::Baseline;
use super::cache::{Cache, Commands};
use super::expected::Expected;
use super::oracle::{self, Oracle};
use super::score::{Score, score};
use super::target::{Outcome, Target, Way};
use super::{explain, mutate, peer, report};
use crate::process::step;
use crate::workspace;

/// How many targets run at a time.
const AT_A_TIME: usize = 2;

/// What to run
#[derive(Args)]
pub struct Options {
    /// Only these targets of Ansible's
    targets: Vec<String>,
    /// Show the first difference of each: the playbook's lines, what Ansible did, what was done here
    #[arg(long)]
    explain: bool,
    /// Negate every `that:` of the targets and require that each assertion fails
    #[arg(long, requires = "targets", conflicts_with_all = ["explain", "update_baseline"])]
    mutate: bool,
    /// Those of `more.jsonl` too, which take longer
    #[arg(long, conflicts_with = "targets")]
    all: bool,
    /// Run ansible-core itself, and write how the targets that pass ended to FILE, in the place of what it has of them
    #[arg(long, value_name = "FILE", requires = "targets", conflicts_with_all = ["explain", "mutate", "go_on", "update_baseline", "release", "binary"])]
    oracle: Option<PathBuf>,
    /// Go on after failures, to see all that differs; nothing is counted. For targets that are roles
    #[arg(long, requires = "targets", conflicts_with_all = ["mutate", "update_baseline"])]
    go_on: bool,
    /// Raise `tests/conformance/baseline.json` to what was reached
    #[arg(long)]
    update_baseline: bool,
    /// Build as for a release
    #[arg(long)]
    release: bool,
    /// Run this command instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    binary: Option<PathBuf>,
}

struct Harness<'o> {
    cache: Cache,
    oracle: &'o Oracle,
    expected: Expected,
    baseline: Baseline,
    logs: PathBuf,
}

/// Runs targets and compares. Fails if one matches fewer rows than it did.
pub fn run(options: &Options) -> Result<ExitCode> {
    let checkout = workspace::root()?;
    let data = checkout.join("tests/conformance");
    let mut oracle = oracle::read(&data.join("oracle.jsonl"))?;
    let public: BTreeSet<String> = oracle.keys().cloned().collect();
    oracle.extend(oracle::read(&data.join("more.jsonl"))?);
    let expected = Expected::read(&data.join("expected-differences.toml"), &oracle)?;
    let baseline = Baseline::read(&data.join("baseline.json"))?;
    let chosen: Vec<&str> = match (options.targets.as_slice(), options.all) {
        ([], true) => oracle.keys().map(String::as_str).collect(),
        ([], false) => public.iter().map(String::as_str).collect(),
        (named, _) => named.iter().map(String::as_str).collect(),
    };
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout.join("target"), PathBuf::from);
    let target = checkout.join(target);
    let binary = match (&options.binary, &options.oracle) {
        (Some(binary), _) => Some(binary.clone()),
        (None, Some(_)) => None,
        (None, None) => Some(build(&checkout, &target, options.release)?),
    };
    let commands = binary.as_deref().map_or(Commands::Ansible, Commands::Hostler);
    let cache = Cache::ensure(&checkout, target.join("conformance"), commands)?;
    let logs = cache.dir.join(if binary.is_some() { "out" } else { "out-ansible" });
    std::fs::create_dir_all(&logs).with_context(|| format!("failed to create {}", logs.display()))?;
    let harness = Harness { cache, oracle: &oracle, expected, logs, baseline };
    for name in &chosen {
        let known = harness.cache.peer && harness.cache.targets().join(name).is_dir();
        ensure!(known || oracle.contains_key(*name), "the oracle has no target `{name}`");
    }
    let way = match (options.mutate, options.go_on) {
        (true, _) => Way::Mutated,
        (false, true) => Way::On,
        (false, false) => Way::Plain,
    };
    let outcomes = harness.run(&chosen, way);
    harness.cache.clean()?;
    let outcomes = outcomes?;
    match &options.oracle {
        Some(file) => peer::write(file, &outcomes).map(|()| ExitCode::SUCCESS),
        None if options.mutate => Ok(mutate::verdict(&oracle, &outcomes)),
        None => harness.compare(&outcomes, options),
    }
}

fn build(checkout: &Path, target: &Path, release: bool) -> Result<PathBuf> {
    step("build hostler", || {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package", "hostler"]).current_dir(checkout);
        if release {
            cargo.arg("--release");
        }
        let status = cargo.status().context("failed to run cargo")?;
        ensure!(status.success(), "cargo build: {status}");
        Ok(())
    })?;
    Ok(target.join(if release { "release" } else { "debug" }).join("hostler"))
}

impl<'o> Harness<'o> {
    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    fn score(&self, name: &'o str, outcome: &Outcome) -> Score<'o> {
        let rows = self.oracle.get(name).map(Vec::as_slice).unwrap_or_default();
        score(name, rows, &outcome.observed, &self.expected, outcome.passed)
    }

    /// Shows what differs, then the sums.
    fn compare(mut self, outcomes: &[(&'o str, Outcome)], options: &Options) -> Result<ExitCode> {
        let mut scores: Vec<Score<'_>> = Vec::new();
        for (name, outcome) in outcomes {
            let score = self.score(name, outcome);
            if options.go_on {
                explain::failures(&score, &outcome.observed);
            } else if options.explain {
                explain::explain(&self.cache, &score, &outcome.observed, &self.log(name))?;
            }
            scores.push(score);
        }
        if options.go_on {
            return Ok(ExitCode::SUCCESS);
        }
        scores.sort_by_key(|score| score.target);
        report::sums(&scores, &self.baseline, &self.logs);
        let fell = scores.iter().any(|score| score.matched < self.baseline.of(score.target));
        if options.update_baseline {
            self.baseline.raise(&scores)?;
        }
        Ok(if fell { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Runs all, a few at a time; tells of each when it has ended.
    fn run(&self, names: &[&'o str], way: Way) -> Result<Vec<(&'o str, Outcome)>> {
        let waiting = Mutex::new(names.iter().copied().collect::<VecDeque<_>>());
        let work = || {
            let mut done = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(name) = next else { return Ok(done) };
                let target = Target::read(&self.cache, name)?;
                let outcome = target.run(&self.cache, &self.log(name), way);
                let outcome = outcome.with_context(|| format!("failed to run {name}"))?;
                if self.cache.peer {
                    println!("{}", peer::line(name, &outcome, self.oracle));
                } else if way == Way::Plain {
                    let score = self.score(name, &outcome);
                    let fell = score.matched < self.baseline.of(name);
                    println!("{}", report::line(&score, &outcome, fell));
                }
                done.push((name, outcome));
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for worker in workers {
                let done: Result<Vec<_>> = worker.join().map_err(|_| anyhow!("a worker panicked"))?;
                all.extend(done?);
            }
            Ok(all)
        })
    }
}
