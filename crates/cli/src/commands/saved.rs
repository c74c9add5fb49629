//! Plans in files: `hostler plan --out FILE`, `hostler apply FILE`.

use super::apply::{agreed, do_what_can_be_done, shown_and_asked};
use super::playbooks::{self, Face, Ready};
use super::session::exit_of;
use crate::args::{ApplyArgs, RunArgs};
use crate::exit::{Exit, Failure, tell};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::plan::{Plan, SavedPlan, Step};
use hostler_core::text::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// How a plan was asked for.
#[derive(Serialize, Deserialize)]
struct Asked {
    /// Where.
    directory: PathBuf,
    /// In which words. Variables that were written on the command line are left out: they may be secrets.
    args: RunArgs,
    /// Whether there were any.
    variables: bool,
}

/// Whether a file is a saved plan.
pub fn is_at(path: &Path) -> bool {
    SavedPlan::<Asked>::is_at(path)
}

/// Writes a plan.
///
/// # Errors
/// If something cannot be read or written.
pub fn keep(ready: &Ready, plan: Plan, path: &Path) -> Result<(), Failure> {
    let mut args = ready.args.clone();
    let all = args.run.sources.extra_vars.len();
    args.run.sources.extra_vars.retain(|text| text.starts_with('@'));
    let variables = args.run.sources.extra_vars.len() < all;
    let directory = std::env::current_dir().context("find the working directory")?;
    let saved = SavedPlan::new(Asked { directory, args, variables }, plan, ready.inputs()?);
    saved.write(path).map_err(anyhow::Error::from)?;
    Ok(())
}

/// Does what a saved plan says, on the hosts where it still holds.
///
/// # Errors
/// What is wrong with the plan or its input.
pub fn apply(path: &Path, given: &ApplyArgs) -> Result<Exit, Failure> {
    let saved = SavedPlan::<Asked>::read(path).map_err(anyhow::Error::from)?;
    let Asked { directory, mut args, variables } = saved.options;
    let own = &given.run.run.sources;
    if variables && own.extra_vars.is_empty() {
        let message =
            "the plan was made with variables on the command line, which are not kept: give the same `-e` again";
        return Err(Failure::Usage(message.to_owned()));
    }
    args.run.sources.extra_vars.extend(own.extra_vars.iter().cloned());
    args.run.sources.verbose = own.verbose;
    args.run.diff |= given.run.run.diff;
    args.own = given.run.own.clone();
    std::env::set_current_dir(&directory).with_context(|| format!("go to {}", directory.display()))?;
    let Some(ready) = playbooks::prepare(&args, &Face::Own { plan: false })? else { return Ok(Exit::Done) };
    check_inputs(&saved.inputs, &ready.inputs()?)?;
    let (summary, now) = ready.plan(false, true)?;
    if summary.cancelled {
        return Ok(Exit::Interrupted);
    }
    let Compared { good, moved } = compare(&saved.plan, &now);
    for (host, what) in &moved {
        tell(&[Diagnostic::error(format!("{host} is not as it was when the plan was made: {what}"))], ready.base.voice);
    }
    if !moved.is_empty() && given.replan {
        if !given.yes && !std::io::stdin().is_terminal() {
            return Err(Failure::Usage("`--replan` asks: give `--yes` too where nobody can answer".to_owned()));
        }
        return if given.yes { do_what_can_be_done(&ready, now, exit_of(summary)) } else { shown_and_asked(&ready) };
    }
    let changes = good.hosts.values().flat_map(|host| &host.steps).filter(|step| step.changes).count();
    let done = if changes == 0 { Exit::Done } else { applied(&ready, good, changes, given)? };
    Ok(if done == Exit::Done && !moved.is_empty() { Exit::Failed } else { done })
}

fn applied(ready: &Ready, plan: Plan, changes: usize, given: &ApplyArgs) -> Result<Exit, Failure> {
    let asks = !given.yes && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let question = format!("Do the {changes} changes of the plan on {} hosts? [y/N] ", plan.hosts.len());
    if asks && !agreed(&question)? {
        return Ok(Exit::Done);
    }
    ready.apply(plan).map(exit_of)
}

/// What became of a plan's hosts.
struct Compared {
    /// Where it still holds.
    good: Plan,
    /// Where not, and what moved.
    moved: Vec<(String, String)>,
}

fn compare(old: &Plan, now: &Plan) -> Compared {
    let (mut good, mut moved) = (Plan::default(), Vec::new());
    for (host, planned) in &old.hosts {
        let difference = match now.hosts.get(host) {
            None => Some("it is not in the inventory any more, or no play is for it".to_owned()),
            Some(found) => match &found.failure {
                Some(failure) => Some(failure.clone()),
                None => planned.first_difference(found).map(told),
            },
        };
        match difference {
            Some(what) => moved.push((host.clone(), what)),
            None => {
                good.hosts.insert(host.clone(), planned.clone());
            }
        }
    }
    Compared { good, moved }
}

/// What a step is about, and where it comes from.
fn told(step: &Step) -> String {
    let what = step.object().map(|object| format!("{object}, ")).unwrap_or_default();
    let item = step.label.as_ref().map(|label| format!(", item {label}")).unwrap_or_default();
    format!("{what}task `{}`{item} at {}", step.task, step.place.at)
}

/// The files of a plan must be what they were.
fn check_inputs(old: &BTreeMap<PathBuf, String>, now: &BTreeMap<PathBuf, String>) -> Result<(), Failure> {
    let changed = old.iter().find(|(path, hash)| now.get(*path) != Some(hash)).map(|(path, _)| path);
    match changed.or_else(|| now.keys().find(|path| !old.contains_key(*path))) {
        None => Ok(()),
        Some(path) => {
            let message = format!("{} has changed since the plan was made: plan again", path.display());
            Err(Diagnostic::error(message).into())
        }
    }
}

/// The hash of a file, or of all files in a directory.
pub(super) fn hash(path: &Path, found: &mut BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    let named = || format!("read {}", path.display());
    if path.is_dir() {
        for entry in std::fs::read_dir(path).with_context(named)? {
            hash(&entry.with_context(named)?.path(), found)?;
        }
        return Ok(());
    }
    let content = std::fs::read(path).with_context(named)?;
    found.insert(path.to_owned(), hex(&Sha256::digest(&content)));
    Ok(())
}
