//! `hostler apply`: brings hosts to the described state.

use super::playbooks;
use crate::args::RunArgs;
use crate::exit::{Exit, Failure};

/// Applies playbooks; with `--check`, says in the same words what would change.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let Some(summary) = playbooks::run(args, false)? else { return Ok(Exit::Done) };
    Ok(match () {
        () if summary.cancelled => Exit::Interrupted,
        () if summary.unreachable() => Exit::Unreachable,
        () if summary.failed() => Exit::Failed,
        () => Exit::Done,
    })
}
