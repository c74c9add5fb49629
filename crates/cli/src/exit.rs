//! Exit codes, as the README promises them, and errors that know theirs.

use crate::report::{self, Palette};
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
    /// A mistake of ours.
    Unexpected = 250,
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
    /// Playbooks that cannot be understood, with the places.
    Playbook(Vec<Diagnostic>),
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
            RunError::Playbook(diagnostics) => Self::Playbook(diagnostics),
        }
    }
}

/// How errors and warnings are told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Voice {
    /// Colours, or none.
    pub palette: Palette,
    /// As Ansible's commands tell them.
    pub ansible: bool,
}

impl Failure {
    /// Tells the user.
    #[allow(clippy::print_stderr, reason = "the end of a command that failed")]
    pub fn tell(&self, voice: Voice) -> Exit {
        match self {
            Self::Input(diagnostics) => {
                tell(diagnostics, voice);
                Exit::Input
            }
            Self::Playbook(diagnostics) => {
                tell(diagnostics, voice);
                // Ansible has a code of its own for what it cannot parse; what it cannot decrypt is not that.
                let sealed = diagnostics.iter().any(|diagnostic| is_about_a_vault(&diagnostic.message));
                if voice.ansible && !sealed { Exit::Unreachable } else { Exit::Input }
            }
            Self::Usage(message) => {
                match voice.ansible {
                    true => tell(&[Diagnostic::error(message)], voice),
                    false => eprintln!("error: {message}"),
                }
                Exit::Usage
            }
            Self::Other(error) => {
                match voice.ansible {
                    true => tell(&[Diagnostic::error(format!("failed to {error:#}"))], voice),
                    false => eprintln!("error: failed to {error:#}"),
                }
                Exit::Input
            }
        }
    }
}

/// The words of core's vault errors.
fn is_about_a_vault(message: &str) -> bool {
    ["no vault secrets", "Vault format"].iter().any(|words| message.contains(words))
}

/// Prints diagnostics with their lines.
#[allow(clippy::print_stderr, reason = "errors and warnings go there whatever the format of a run")]
pub fn tell(diagnostics: &[Diagnostic], voice: Voice) {
    for diagnostic in diagnostics {
        match voice.ansible {
            true => eprintln!("{}", report::ansible::diagnostic(diagnostic, voice.palette.is_on())),
            false => eprintln!("{}\n", render(diagnostic, voice.palette.is_on())),
        }
    }
}
