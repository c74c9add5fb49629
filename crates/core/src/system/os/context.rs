//! What the machine needs of the process around it: contents, someone who listens, a word when to stop.

use crate::wire::{CallContext, Progress};
use std::io::{self, Read};

/// The process around a machine, busy with one call after the other.
pub trait Context: Send + Sync {
    /// Content that the controller holds, by its SHA-256 in hex.
    ///
    /// # Errors
    /// When it has none, or the call is given up meanwhile.
    fn blob(&self, sha256: &str) -> io::Result<Box<dyn Read + Send>>;
    /// The same to be read once; reading fails at the end if it was another content.
    ///
    /// # Errors
    /// As above.
    fn blob_once(&self, sha256: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(self.blob(sha256)?)
    }
    /// Hears of what happens.
    fn progress(&self, progress: Progress);
    /// Whether the call has been given up. Asked several times a second while something takes long.
    fn given_up(&self) -> bool;
}

/// No contents, nobody who listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoContext;

impl Context for NoContext {
    fn blob(&self, _: &str) -> io::Result<Box<dyn Read + Send>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "there is no controller to ask"))
    }

    fn progress(&self, _: Progress) {}

    fn given_up(&self) -> bool {
        false
    }
}

impl Context for CallContext {
    fn blob(&self, sha256: &str) -> io::Result<Box<dyn Read + Send>> {
        Self::blob(self, sha256)
    }

    fn blob_once(&self, sha256: &str) -> io::Result<Box<dyn Read + '_>> {
        Self::blob_once(self, sha256)
    }

    fn progress(&self, progress: Progress) {
        Self::progress(self, progress);
    }

    fn given_up(&self) -> bool {
        Self::given_up(self)
    }
}
