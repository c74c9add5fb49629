//! A command to run on a machine, and what it answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A program with its arguments. No shell is involved unless the program is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Program (looked up on PATH) and arguments.
    pub argv: Vec<String>,
    /// Added to the machine's environment.
    pub env: BTreeMap<String, String>,
    /// Working directory; the home directory if not given.
    pub cwd: Option<PathBuf>,
    /// Standard input; empty if not given.
    pub stdin: Option<Vec<u8>>,
    /// It is ended when it takes longer.
    pub timeout: Option<Duration>,
    /// File mode creation mask.
    pub umask: Option<u32>,
}

impl Command {
    /// `argv` with nothing else set.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self { argv: argv.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// `script` run by `/bin/sh -c`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Gives it something on standard input.
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }
}

/// What a command that ran to its end answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit code; minus the signal's number where a signal ended it.
    pub rc: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl CommandOutput {
    /// Whether it exited with 0.
    pub fn success(&self) -> bool {
        self.rc == 0
    }

    /// Standard output as text; bytes that are not UTF-8 are replaced.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are not UTF-8 are replaced.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}
