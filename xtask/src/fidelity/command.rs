//! Which playbooks are planned, applied and compared: those that need this machine only, and those of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::compare::Fidelity;
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
    /// Use the lab's hosts as they are instead of new ones
    #[arg(long)]
    keep: bool,
    /// Run this command instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Playbooks of `tests/e2e` that need what others leave behind.
const AFTER: &[(&str, &str)] =
    &[("mysql.yml", "docker.yml"), ("plans/replaced.yml", "docker.yml"), ("ledger/site.yml", "system.yml")];

/// Compares, prints a line for each playbook and what was not right, and the totals.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = workspace::root()?;
    let filter = options.filter.as_deref().unwrap_or_default();
    let mut all = local(&root, filter, options.binary.as_deref())?;
    if !options.fast {
        let mut runs = on_new_hosts(&root)?;
        runs.retain(|run| run.iter().any(|play| play.path.to_string_lossy().contains(filter)));
        if !runs.is_empty() {
            let lab = Lab::from_env()?;
            let hostler = Hostler::build(&lab, options.binary.as_deref())?;
            for run in &runs {
                lab::up(&lab, 2, !options.keep)?;
                for play in run {
                    let compared = hostler.compared(&play.path, play.options);
                    all.push(report(&root, &play.path, play.options, compared)?);
                }
            }
        }
    }
    totals(all)
}

/// A playbook and the options that it is planned and applied with.
struct Play {
    path: PathBuf,
    options: &'static [&'static str],
}

/// What is planned and applied one after the other, each list on new hosts.
fn on_new_hosts(root: &Path) -> Result<Vec<Vec<Play>>> {
    let plain = |path: PathBuf| Play { path, options: &[] };
    let folder = root.join("tests/e2e");
    let mut paths = in_folder(&folder)?;
    paths.extend(["check/nginx.yml", "ledger/site.yml", "plans/replaced.yml"].map(|name| folder.join(name)));
    // What others need is compared on their way.
    let after =
        |path: &Path| AFTER.iter().find(|(name, _)| path.ends_with(name)).map(|(_, needed)| folder.join(needed));
    let (later, first): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| after(path).is_some());
    let run = |path: PathBuf| {
        let followers = later.iter().filter(|later| after(later).as_ref() == Some(&path)).cloned().collect::<Vec<_>>();
        std::iter::once(path).chain(followers).map(plain).collect()
    };
    let mut runs: Vec<Vec<Play>> = first.into_iter().map(run).collect();
    let supermarket = |name: &str| plain(root.join(format!("playbooks/supermarket/{name}.yml")));
    let data = Play { options: &["-e", "cleanup_data=true"], ..supermarket("cleanup") };
    runs.push(vec![supermarket("site"), supermarket("verify"), supermarket("cleanup"), data]);
    Ok(runs)
}

/// Compares what needs this machine only.
pub fn fast() -> Result<ExitCode> {
    totals(local(&workspace::root()?, "", None)?)
}

fn local(root: &Path, filter: &str, binary: Option<&Path>) -> Result<Vec<Option<Fidelity>>> {
    let mut playbooks = in_folder(&root.join("tests/fidelity"))?;
    playbooks.push(root.join("playbooks/local/site.yml"));
    playbooks.retain(|path| path.to_string_lossy().contains(filter));
    let binary = match binary {
        Some(binary) => std::path::absolute(binary).context("failed to find the command")?,
        None => built(root)?,
    };
    playbooks.iter().map(|path| report(root, path, &[], planned_and_applied(&binary, path))).collect()
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
fn report(root: &Path, playbook: &Path, options: &[&str], compared: Result<Fidelity>) -> Result<Option<Fidelity>> {
    let name = playbook.strip_prefix(root).unwrap_or(playbook).to_string_lossy();
    let name = std::iter::once(&*name).chain(options.iter().copied()).collect::<Vec<_>>().join(" ");
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

fn totals(all: Vec<Option<Fidelity>>) -> Result<ExitCode> {
    let (compared, failed): (Vec<_>, Vec<_>) = all.into_iter().partition(Option::is_some);
    let mut total = Fidelity::default();
    compared.into_iter().flatten().for_each(|fidelity| total.extend(fidelity));
    println!("fidelity: {}, {} playbooks failed", total.summary(), failed.len());
    let good =
        failed.is_empty() && !total.rows.is_empty() && total.expect_exact().and_then(|()| total.expect_known()).is_ok();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
