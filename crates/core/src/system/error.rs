//! Why a machine did not do what was asked.

use std::path::{Path, PathBuf};

/// An operation on a machine that failed.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// A file operation.
    #[error("{operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program that could not be started.
    #[error("run {program}: {source}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A command that took longer than it may.
    #[error("run {program}: timed out after {seconds} s")]
    Timeout {
        /// The program.
        program: String,
        /// The limit.
        seconds: f64,
    },
    /// A connection or an HTTP request that failed before there was a response.
    #[error("{operation} {target}: {message}")]
    Network {
        /// What was tried, as a verb.
        operation: &'static str,
        /// With which address or URL.
        target: String,
        /// What went wrong.
        message: String,
    },
    /// A simulated file whose content only apply will know, or which commands cannot look at before.
    #[error("read {}: its content is known after apply", .0.display())]
    NotKnownYet(PathBuf),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl SystemError {
    /// A file operation that failed.
    pub fn io(operation: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { operation, path: path.to_owned(), source }
    }

    /// Whether it failed because the path is not there.
    pub fn is_not_found(&self) -> bool {
        let (Self::Io { source, .. } | Self::Spawn { source, .. }) = self else { return false };
        source.kind() == std::io::ErrorKind::NotFound
    }
}
