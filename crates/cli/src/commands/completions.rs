//! `hostler completions`: what shells complete.

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use anyhow::Context;
use clap::CommandFactory;
use std::io::Write;

/// Prints completions.
///
/// # Errors
/// If nobody reads them.
pub fn run(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hostler", &mut script);
    std::io::stdout().write_all(&script).context("print the completions")?;
    Ok(Exit::Done)
}
