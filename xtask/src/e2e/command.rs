//! Order and counting of the end-to-end tests.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use super::hostler::Hostler;
use super::{cases, check, connections, ledger, plans, supermarket};
use crate::lab::{self, Lab};

/// What to run
#[derive(Args)]
pub struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// Use the hosts as they are instead of new ones
    #[arg(long)]
    keep: bool,
    /// Run this command instead of building one as it is released
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// A test: its name and what it does.
pub struct Test<'a> {
    /// As the filter and the output name it.
    pub name: String,
    /// Fails if the test does.
    pub work: Box<dyn Fn() -> Result<()> + 'a>,
}

/// Runs all tests, each to its end whatever became of the others.
pub fn run(options: &Options) -> Result<ExitCode> {
    let lab = Lab::from_env()?;
    let hostler = Hostler::build(&lab, options.binary.as_deref())?;
    lab::up(&lab, 2, !options.keep)?;
    let mut tests = check::all(&lab, &hostler);
    tests.extend(cases::all(&lab, &hostler)?);
    tests.extend(connections::all(&lab));
    tests.extend(plans::all(&lab, &hostler));
    tests.extend(ledger::all(&lab, &hostler));
    tests.extend(supermarket::all(&lab, &hostler));
    if let Some(filter) = &options.filter {
        tests.retain(|test| test.name.contains(filter.as_str()));
    }
    let (mut passed, mut failed) = (0, 0);
    for test in &tests {
        let start = Instant::now();
        let result = (test.work)();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => {
                passed += 1;
                println!("ok      {} ({seconds:.1} s)", test.name);
            }
            Err(error) => {
                failed += 1;
                println!("FAILED  {} ({seconds:.1} s): {error:#}", test.name);
            }
        }
    }
    println!("e2e: {passed} passed, {failed} failed");
    // A filter that matches nothing has tested nothing.
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
