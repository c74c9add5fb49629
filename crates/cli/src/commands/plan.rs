//! `hostler plan`: what would change.

use super::playbooks::{self, Face, print};
use super::saved;
use crate::args::{Format, PlanArgs};
use crate::exit::{Exit, Failure};
use crate::report::{self, CONTEXT};
use hostler_core::plan::FORMAT;
use serde_json::json;

/// Plans playbooks.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let Some(ready) = playbooks::prepare(&args.run, &Face::Own { plan: true })? else { return Ok(Exit::Done) };
    let format = args.run.own.output;
    let shown = matches!(format, Format::Default | Format::Json);
    let (summary, plan) = ready.plan(shown, args.out.is_some())?;
    let context = ready.base.config.diff_context.or(CONTEXT);
    let title = || format!("Plan of {}", ready.names());
    match format {
        Format::Default => {}
        Format::Json => print(&format!("{}\n", json!({"event": "plan", "format": FORMAT, "plan": plan})))?,
        Format::Html => print(&report::page(&plan, &title(), context))?,
        Format::Markdown => print(&report::markdown(&plan, &title(), context))?,
    }
    if let Some(path) = &args.out
        && !summary.failed()
        && !summary.cancelled
    {
        saved::keep(&ready, plan, path)?;
        if format == Format::Default {
            print(&format!("\nThe plan is in {0}: `hostler apply {0}` does just that.\n", path.display()))?;
        }
    }
    Ok(match () {
        () if summary.cancelled => Exit::Interrupted,
        () if summary.unreachable() => Exit::Unreachable,
        () if summary.failed() => Exit::Input,
        () if summary.changed => Exit::Failed,
        () => Exit::Done,
    })
}
