//! `cargo xtask test`: all tests that need neither root nor network, with nextest where it is installed.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::fidelity;
use crate::process::succeeds;
use crate::workspace;

/// What to run
#[derive(Args)]
pub struct Options {
    /// Run only the tests whose name contains one of these
    filter: Vec<String>,
}

/// Runs the tests, then those in documentation and of plans' fidelity unless a filter is given.
pub fn run(options: &Options) -> Result<ExitCode> {
    let nextest = succeeds(Command::new("cargo").args(["nextest", "--version"]));
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test", "--all-targets"] };
    let mut passed = cargo(runner, &options.filter)?;
    if options.filter.is_empty() {
        passed &= cargo(&["test", "--doc"], &[])?;
        passed &= fidelity::fast()? == ExitCode::SUCCESS;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cargo(words: &[&str], filter: &[String]) -> Result<bool> {
    let mut cargo = Command::new("cargo");
    cargo.args(words).args(["--workspace", "--no-fail-fast"]).args(filter).current_dir(workspace::root()?);
    Ok(cargo.status().context("failed to run cargo")?.success())
}
