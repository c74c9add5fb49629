//! `hostler history`: what was applied to a host, from its own ledger.

use super::drift::{Reached, reach};
use super::playbooks::print;
use crate::args::{Format, HistoryArgs};
use crate::exit::{Exit, Failure, tell};
use crate::report::Palette;
use crate::report::style::{BOLD, CHANGED, DIM, FAILED};
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::ReadLedger;
use hostler_core::ledger::{End, Line, Record, shown, when};

/// Shows the ledgers of a host, the oldest line first.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &HistoryArgs) -> Result<Exit, Failure> {
    let Reached { base, engine, mut is_all } = reach(&args.host, &args.run, &args.own)?;
    for ledger in engine.ledgers() {
        match (&ledger.content, args.own.output) {
            (Err(error), _) => {
                tell(&[Diagnostic::error(format!("{}: {error}", ledger.host))], base.voice);
                is_all = false;
            }
            (Ok(folded), Format::Json) => {
                let lines = folded.lines().filter_map(|line| serde_json::to_string(line).ok());
                print(&lines.map(|line| line + "\n").collect::<String>())?;
            }
            (Ok(folded), _) => {
                let lines: String = folded.lines().map(|line| told(line, base.palette)).collect();
                if !lines.is_empty() {
                    print(&format!("{}\n{lines}", base.palette.paint(BOLD, &heading(&ledger))))?;
                }
                if folded.is_not_all {
                    print(&format!("{}: root keeps a ledger here too: `--become` shows it\n", ledger.host))?;
                }
            }
        }
    }
    Ok(if is_all { Exit::Done } else { Exit::Input })
}

fn heading(ledger: &ReadLedger) -> String {
    match &ledger.user {
        Some(user) => format!("{} ({user})", ledger.host),
        None => ledger.host.to_string(),
    }
}

fn told(line: &Line, palette: Palette) -> String {
    match line {
        Line::Keep(_) => String::new(),
        Line::Apply(record) => applied(record, palette),
        Line::End(end) => ended(end, palette),
    }
}

fn applied(record: &Record, palette: Palette) -> String {
    let what: Vec<_> = record.resources.iter().map(|resource| shown(resource)).collect();
    let what = match (record.no_log, what.is_empty()) {
        (true, _) => "(hidden: no_log)".to_owned(),
        (false, true) => record.module.clone(),
        (false, false) => what.join(", "),
    };
    let verb = match (record.gone, record.did.as_ref().is_some_and(|did| did.whole)) {
        (true, _) => palette.paint(FAILED, "removed"),
        (false, true) => palette.paint(CHANGED, "made"),
        (false, false) => palette.paint(CHANGED, "changed"),
    };
    let by = palette.paint(DIM, &format!("by `{}` at {}", record.task, record.place()));
    format!("  {}  {verb} {what}  {by}\n", when(record.t))
}

fn ended(end: &End, palette: Palette) -> String {
    let mut text = format!("  {}  {}\n", when(end.t), palette.paint(BOLD, &format!("run of {} ended", end.name)));
    for (host, position) in &end.stopped {
        text.push_str(&format!("    {host} stopped at `{}` ({})\n", position.task, position.at));
    }
    for (host, play, handler) in &end.owed {
        text.push_str(&format!("    {host} is owed handler `{handler}` of `{play}`\n"));
    }
    text
}
