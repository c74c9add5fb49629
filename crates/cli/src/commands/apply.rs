//! `hostler apply`: brings hosts to the described state, on a terminal after showing how.

use super::playbooks::{self, Face, Ready};
use super::saved;
use super::session::exit_of;
use crate::args::ApplyArgs;
use crate::exit::{Exit, Failure};
use anyhow::Context;
use hostler_core::plan::{HostPlan, Plan};
use std::io::{IsTerminal, Write};

/// Applies playbooks or a saved plan; with `--check`, says in the same words what would change.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &ApplyArgs) -> Result<Exit, Failure> {
    if let [path] = args.run.playbooks.as_slice()
        && saved::is_at(path)
    {
        return saved::apply(path, args);
    }
    let Some(ready) = playbooks::prepare(&args.run, &Face::Own { plan: false })? else { return Ok(Exit::Done) };
    let unasked = args.yes || args.run.run.check || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal();
    if unasked {
        return ready.run().map(exit_of);
    }
    shown_and_asked(&ready)
}

/// Shows the plan, asks, and does what it says.
///
/// # Errors
/// Mistakes that show only while running.
pub(super) fn shown_and_asked(ready: &Ready) -> Result<Exit, Failure> {
    let (summary, plan) = ready.plan(true, false)?;
    let exit = exit_of(summary);
    let plan = without_failures(plan);
    if exit == Exit::Interrupted || !plan.hosts.values().any(HostPlan::changes) {
        return Ok(exit);
    }
    if !agreed("Do this? [y/N] ")? {
        return Ok(exit);
    }
    do_what_can_be_done(ready, plan, exit)
}

/// Does what a plan says where it could be made. `planned` is how planning ended: hosts without a plan count as they did in it.
///
/// # Errors
/// Mistakes that show only while running.
pub(super) fn do_what_can_be_done(ready: &Ready, plan: Plan, planned: Exit) -> Result<Exit, Failure> {
    let plan = without_failures(plan);
    if !plan.hosts.values().any(HostPlan::changes) {
        return Ok(planned);
    }
    let applied = exit_of(ready.apply(plan)?);
    Ok(if applied == Exit::Done { planned } else { applied })
}

/// Hosts whose plan failed are left alone.
fn without_failures(mut plan: Plan) -> Plan {
    plan.hosts.retain(|_, host| host.failure.is_none());
    plan
}

/// Asks whether to go on.
///
/// # Errors
/// If nobody is there.
pub(super) fn agreed(question: &str) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    write!(out, "\n{question}").and_then(|()| out.flush()).context("ask")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
