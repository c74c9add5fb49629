//! Command lines of `apt-get`.

use super::{Step, parse_simulation};
use crate::system::{Command, Result, System};

/// Options that several of apt-get's operations share.
#[derive(Debug, Clone, Default)]
pub struct AptGet {
    /// Options for apt-get, before the operation.
    pub options: Vec<String>,
}

/// What apt-get would do, or why it would not.
#[derive(Debug)]
pub struct Simulation {
    /// Exit code.
    pub rc: i32,
    /// Packages to be changed.
    pub steps: Vec<Step>,
    /// Its whole output.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl AptGet {
    /// Adds an option if `on`.
    pub fn flag(&mut self, on: bool, option: &str) {
        if on {
            self.options.push(option.to_owned());
        }
    }

    /// Sets one of apt's configuration items.
    pub fn set(&mut self, item: &str, value: &str) {
        self.options.extend(["-o".to_owned(), format!("{item}={value}")]);
    }

    /// The command that does `operation`, unattended.
    pub fn command(&self, operation: &[String]) -> Command {
        self.build(&[], operation)
    }

    /// What `operation` would do.
    ///
    /// # Errors
    /// apt-get cannot be run.
    pub fn simulate(&self, operation: &[String], system: &dyn System) -> Result<Simulation> {
        let output = system.query(&self.build(&["--simulate"], operation))?;
        let stdout = output.stdout_text();
        let steps = parse_simulation(&stdout);
        Ok(Simulation { rc: output.rc, steps, stdout, stderr: output.stderr_text() })
    }

    fn build(&self, first: &[&str], operation: &[String]) -> Command {
        let start = ["apt-get", "-y"].into_iter().chain(first.iter().copied()).map(str::to_owned);
        unattended(start.chain(self.options.iter().cloned()).chain(operation.iter().cloned()))
    }
}

/// A command of the package tools that asks nothing and speaks English.
pub fn unattended<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
    let variables = [
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBIAN_PRIORITY", "critical"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("LANGUAGE", "C"),
    ];
    variables.into_iter().fold(Command::new(argv), |command, (name, value)| command.env(name, value))
}
