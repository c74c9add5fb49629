//! `hostler plan`: what would change.

use super::playbooks::{self, Face};
use super::saved;
use crate::args::PlanArgs;
use crate::exit::{Exit, Failure};

/// Plans playbooks.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &PlanArgs) -> Result<Exit, Failure> {
    let Some(ready) = playbooks::prepare(&args.run, &Face::Own { plan: true })? else { return Ok(Exit::Done) };
    let summary = match &args.out {
        None => ready.run()?,
        Some(path) => {
            let (summary, plan) = ready.plan(true)?;
            if !summary.failed() && !summary.cancelled {
                saved::keep(&ready, plan, path)?;
            }
            summary
        }
    };
    Ok(match () {
        () if summary.cancelled => Exit::Interrupted,
        () if summary.unreachable() => Exit::Unreachable,
        () if summary.failed() => Exit::Input,
        () if summary.changed => Exit::Failed,
        () => Exit::Done,
    })
}
