//! What a way to a host must be able to do; everything else is built on it.

use super::ConnectionError;
use super::pipe::{Pipe, Stream};
use std::io;

/// An open way to one host.
pub trait Transport: Send {
    /// Starts `command` by the login shell.
    ///
    /// # Errors
    /// When the host is lost or refuses to.
    fn exec(&mut self, command: &str) -> Result<Box<dyn Pipe>, ConnectionError>;

    /// The user that commands run as, where that is known.
    fn user(&self) -> Option<&str>;

    /// Writes an executable file without any program on the host: into `directory`, which is made if need be, for its
    /// owner alone.
    ///
    /// # Errors
    /// `Failed` when another directory may do.
    fn put(&mut self, directory: &str, name: &str, content: &[u8]) -> Result<(), ConnectionError>;

    /// Whether a program's exit code, and what was written on standard error, mean that not the program but the
    /// connection ended.
    fn means_lost(&self, code: Option<i32>, stderr: &str) -> bool;

    /// What to say about an error of one of its pipes.
    fn lost(&self, stream: &mut Stream, error: &io::Error) -> ConnectionError;
}
