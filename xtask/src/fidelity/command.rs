//! Which playbooks are planned, applied and compared: those that need this machine only, and those of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::compare::{Fidelity, Verdict};
use crate::e2e::Hostler;
use crate::lab::{self, Lab};
use crate::workspace;

/// What to compare
#[derive(Args)]
pub struct Options {
    /// Only playbooks whose path contains this
    filter: Option<String>,
    /// Only those that need no lab
    #[arg(long)]
    fast: bool,
    /// Run this command instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Compares, prints a line for each playbook and what was not right, and the totals.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let mut all = local(&root, filter, options.binary.as_deref())?;
    if !options.fast {
        let lab = Lab::from_env()?;
        let hostler = Hostler::build(&lab, options.binary.as_deref())?;
        let mut playbooks = in_folder(&root.join("tests/e2e"))?;
        playbooks
            .extend(["site", "verify", "cleanup"].map(|name| root.join(format!("playbooks/supermarket/{name}.yml"))));
        playbooks.retain(|path| path.to_string_lossy().contains(filter));
        if !playbooks.is_empty() {
            lab::up(&lab, 2, true)?;
        }
        for path in &playbooks {
            let compared = hostler.apply_planned(path).map(|(_, fidelity)| fidelity);
            all.push(report(&root, path, compared)?);
        }
    }
    totals(&all)
}

/// Compares what needs this machine only.
pub fn fast() -> Result<ExitCode> {
    totals(&local(&workspace::root()?, "", None)?)
}

fn local(root: &Path, filter: &str, binary: Option<&Path>) -> Result<Vec<Option<Fidelity>>> {
    let mut playbooks = in_folder(&root.join("tests/fidelity"))?;
    playbooks.push(root.join("playbooks/local/site.yml"));
    playbooks.retain(|path| path.to_string_lossy().contains(filter));
    let binary = match binary {
        Some(binary) => std::path::absolute(binary).context("failed to find the command")?,
        None => built(root)?,
    };
    playbooks.iter().map(|path| report(root, path, planned_and_applied(&binary, path))).collect()
}

/// The command as the tests have it.
fn built(root: &Path) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    let status = cargo.args(["build", "--quiet", "--package", "hostler"]).current_dir(root).status();
    ensure!(status.context("failed to run cargo")?.success(), "hostler cannot be built");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(root.join(target).join("debug/hostler"))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    Ok(paths)
}

/// Plans and applies a playbook on this machine, below a folder of its own.
fn planned_and_applied(binary: &Path, playbook: &Path) -> Result<Fidelity> {
    let name = playbook.file_stem().unwrap_or_default().to_string_lossy();
    let folder = std::env::temp_dir().join(format!("hostler-fidelity-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let compared = compared(binary, playbook, &folder);
    fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    compared
}

fn compared(binary: &Path, playbook: &Path, folder: &Path) -> Result<Fidelity> {
    let plan = folder.join("the.plan");
    let place = format!("folder={}", folder.join("made").display());
    let run = |words: &[&str], good: &[i32]| {
        let mut command = Command::new(binary);
        command.args(words).args(["-e", &place, "--output", "json"]).current_dir(folder);
        let output = command.env("HOME", folder).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("failed to run {}", binary.display()))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = stdout.lines().filter(|line| line.contains("\"failed\":true")).collect::<Vec<_>>().join("\n");
        ensure!(
            output.status.code().is_some_and(|code| good.contains(&code)),
            "hostler {}: {}: {}{failed}",
            words[0],
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(stdout)
    };
    let (playbook, file) = (playbook.to_string_lossy(), plan.to_string_lossy());
    run(&["plan", "-i", "localhost,", &playbook, "--out", &file], &[2])?;
    ensure!(!folder.join("made").exists(), "planning made something");
    let text = fs::read_to_string(&plan).context("failed to read the saved plan")?;
    Fidelity::of(&text, &run(&["apply", &file, "--diff"], &[0])?)
}

/// Prints what came of a playbook; `None` where it could not be planned or applied.
fn report(root: &Path, playbook: &Path, compared: Result<Fidelity>) -> Result<Option<Fidelity>> {
    let name = playbook.strip_prefix(root).unwrap_or(playbook).display();
    match compared {
        Ok(fidelity) => {
            println!("{name}: {}", fidelity.summary());
            print!("{}", fidelity.otherwise());
            Ok(Some(fidelity))
        }
        Err(error) => {
            println!("{name}: FAILED: {error:#}");
            Ok(None)
        }
    }
}

fn totals(all: &[Option<Fidelity>]) -> Result<ExitCode> {
    let count = |verdict| all.iter().flatten().map(|fidelity| fidelity.count(verdict)).sum::<usize>();
    let [right, wrong, missing, surplus, open] =
        [Verdict::Right, Verdict::Wrong, Verdict::Missing, Verdict::Surplus, Verdict::Open].map(count);
    let failed = all.iter().filter(|fidelity| fidelity.is_none()).count();
    println!(
        "fidelity: {right} right, {wrong} wrong, {missing} missing, {surplus} surplus, {open} decided at apply, {failed} playbooks failed"
    );
    let exact = failed == 0 && right > 0 && all.iter().flatten().all(|fidelity| fidelity.expect_exact().is_ok());
    Ok(if exact { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
