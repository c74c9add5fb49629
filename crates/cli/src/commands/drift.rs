//! `hostler drift`: what is not as it was applied, by the hosts' own ledgers.

use super::exec::OneTask;
use super::playbooks::{check_limit, identity, print};
use super::session::{Reporting, Session};
use crate::args::{DriftArgs, Format, OwnArgs, RunOptionsArgs};
use crate::exit::{Exit, Failure, tell};
use crate::report;
use crate::setup::{Base, Manner, Overrides};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::{Engine, LedgerOptions};
use hostler_core::ledger::FindingKind;
use hostler_core::plan::Recorder;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Compares hosts with their ledgers.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &DriftArgs) -> Result<Exit, Failure> {
    let Reached { base, engine, is_all } = reach("all", &args.run, &args.own)?;
    let playbook = match args.playbooks.as_slice() {
        [] => None,
        playbooks => Some(identity(playbooks, &base)?),
    };
    let findings = engine.drift(playbook.as_deref());
    let text: String = findings
        .iter()
        .map(|finding| match args.own.output {
            Format::Json => format!("{}\n", report::finding_json(finding)),
            _ => report::finding(finding, base.palette),
        })
        .collect();
    print(&text)?;
    let has = |kind| findings.iter().any(|finding| finding.kind == kind);
    let lost = findings.iter().any(|finding| finding.kind == FindingKind::Lost && !finding.is_hint());
    if args.own.output != Format::Json && is_all && findings.is_empty() {
        print("Everything is as it was applied.\n")?;
    }
    Ok(match () {
        () if !is_all || lost => Exit::Input,
        () if has(FindingKind::Drifted) => Exit::Failed,
        () => Exit::Done,
    })
}

/// Hosts that were reached, for their ledgers.
pub(super) struct Reached {
    pub(super) base: Base,
    pub(super) engine: Engine,
    /// None of them is missing.
    pub(super) is_all: bool,
}

/// Connects to hosts as tasks would, and does nothing there.
pub(super) fn reach(pattern: &str, run: &RunOptionsArgs, own: &OwnArgs) -> Result<Reached, Failure> {
    let base = Base::new(&run.sources, Manner { no_color: own.no_color, ..Manner::default() })?;
    let overrides = Overrides { accept_new: own.accept_new, ..Overrides::default() };
    let mut options = base.options(run, overrides)?;
    options.ledger = Some(LedgerOptions::default());
    let inventory = base.inventory()?;
    check_limit(&base, &inventory, options.limit.as_deref())?;
    if inventory.select(pattern, options.limit.as_deref())?.is_empty() {
        return Err(Diagnostic::error(format!("no host matches `{pattern}`")).into());
    }
    let parts = base.run_parts();
    let dir = std::env::current_dir().context("find the working directory")?;
    let (module, arguments, keywords) = ("ansible.builtin.ping", Value::Null, Map::new());
    let playbooks =
        [OneTask { name: "look", pattern, module, arguments, keywords, dir: &dir }.playbook(&base, &parts)?];
    let recorder = Arc::new(Recorder::default());
    let reporting =
        Reporting { reporter: Box::new(Arc::clone(&recorder)), prompter: None, screen: None, callbacks: false };
    let session = Session::rehearsal(&base, &parts, inventory, options, Some(&dir), reporting)?;
    let engine = session.reach(&playbooks)?;
    engine.finish();
    let failures: Vec<_> =
        recorder.plan().hosts.into_iter().filter_map(|(host, plan)| Some((host, plan.failure?))).collect();
    for (host, why) in &failures {
        match own.output {
            Format::Json => print(&format!("{}\n", json!({"event": "unreachable", "host": host, "message": why})))?,
            _ => tell(&[Diagnostic::error(format!("{host}: {why}"))], base.voice),
        }
    }
    Ok(Reached { base, engine, is_all: failures.is_empty() })
}
