//! `hostler apply`: brings hosts to the described state.

use super::playbooks::{self, Face};
use super::session::exit_of;
use crate::args::RunArgs;
use crate::exit::{Exit, Failure};

/// Applies playbooks; with `--check`, says in the same words what would change.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    Ok(playbooks::run(args, &Face::Own { plan: false })?.map_or(Exit::Done, exit_of))
}
