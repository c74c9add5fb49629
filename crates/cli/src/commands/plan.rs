//! `hostler plan`: what would change.

use super::playbooks::{self, Face};
use crate::args::RunArgs;
use crate::exit::{Exit, Failure};

/// Plans playbooks.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let Some(summary) = playbooks::run(args, &Face::Own { plan: true })? else { return Ok(Exit::Done) };
    Ok(match () {
        () if summary.cancelled => Exit::Interrupted,
        () if summary.unreachable() => Exit::Unreachable,
        () if summary.failed() => Exit::Input,
        () if summary.changed => Exit::Failed,
        () => Exit::Done,
    })
}
