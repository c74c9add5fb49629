//! What a real machine's implementation needs from the process it runs in: the running call's variables, contents held
//! by the controller, a place for live output, and someone who ends its children when the call is given up.

use super::{Result, SystemError};
use std::io::Read;

/// The process around a machine, with whatever call it is busy with.
pub trait Context: Send + Sync {
    /// Variables that the running call adds to the environment of commands.
    fn environment(&self) -> Vec<(String, String)>;
    /// Content that the controller holds, by its SHA-256 in hex.
    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + Send>>;
    /// Tells of one line that a command has written.
    fn output_line(&self, line: &str);
    /// A child that leads the process group `group` has been started; the group is killed if the call is given up.
    ///
    /// # Errors
    /// When the call has been given up already: the child is killed then, and the command fails with this error.
    fn child_started(&self, group: u32) -> Result<()>;
    /// The child has ended and has not been reaped yet, so that its number still is its own.
    fn child_ended(&self, group: u32);
    /// Why the call has been given up, if it has been: a command that ended because of that fails with this error.
    fn given_up(&self) -> Option<SystemError>;
}

/// No variables, no contents, nobody who listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + Send>> {
        Err(SystemError::Other(format!("read content {sha256}: no controller to ask")))
    }

    fn output_line(&self, _: &str) {}

    fn child_started(&self, _: u32) -> Result<()> {
        Ok(())
    }

    fn child_ended(&self, _: u32) {}

    fn given_up(&self) -> Option<SystemError> {
        None
    }
}
