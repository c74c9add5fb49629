//! Exit codes, as the README promises them, and errors that know theirs.

use crate::report::Palette;
use hostler_core::diagnostic::{Diagnostic, render};
use hostler_core::engine::RunError;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything is as described; for a plan: nothing would change.
    Done = 0,
    /// The input is wrong.
    Input = 1,
    /// A host failed; for a plan: something would change.
    Failed = 2,
    /// A host could not be reached.
    Unreachable = 4,
    /// The command line is wrong.
    Usage = 5,
    /// Interrupted.
    Interrupted = 99,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The enum's own numbers.
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Failure {
    /// Mistakes in the user's files, with their places.
    Input(Vec<Diagnostic>),
    /// The command line asks for what cannot be.
    Usage(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Input(vec![diagnostic])
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Input(diagnostics) => Self::Input(diagnostics),
            other => Self::Other(other.into()),
        }
    }
}

impl Failure {
    /// Tells the user.
    #[allow(clippy::print_stderr, reason = "the end of a command that failed")]
    pub fn tell(&self, palette: Palette) -> Exit {
        match self {
            Self::Input(diagnostics) => {
                tell(diagnostics, palette);
                Exit::Input
            }
            Self::Usage(message) => {
                eprintln!("error: {message}");
                Exit::Usage
            }
            Self::Other(error) => {
                eprintln!("error: failed to {error:#}");
                Exit::Input
            }
        }
    }
}

/// Prints diagnostics with their lines.
#[allow(clippy::print_stderr, reason = "errors and warnings go there whatever the format of a run")]
pub fn tell(diagnostics: &[Diagnostic], palette: Palette) {
    for diagnostic in diagnostics {
        eprintln!("{}\n", render(diagnostic, palette.is_on()));
    }
}
