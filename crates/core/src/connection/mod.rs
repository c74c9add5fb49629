//! Ways to reach a host: SSH in process, the system's `ssh`, the machine itself. Become, helper upload, timeouts.
//!
//! Nothing here knows of plays or tasks: a [`Connection`] carries module calls and raw commands.

mod bootstrap;
mod connector;
mod elevate;
mod helper;
mod host;
mod local;
mod pipe;
mod process;
mod ssh;
mod target;
mod transport;

pub(crate) use pipe::Stream;
pub(crate) use process::start_program;

pub use connector::DefaultConnector;
pub use helper::Helper;
pub use target::{Become, ConnectionKind, HostKeyChecking, Target};

use crate::module::Outcome;
use crate::system::overlay::Delta;
use crate::wire::{Progress, Request};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Why a host did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConnectionError {
    /// The host could not be reached or the connection was lost: the host is out for this run.
    #[error("{0}")]
    Unreachable(String),
    /// The connection stands, but this call could not be made (become refused, helper cannot run, timed out): the task failed.
    #[error("{0}")]
    Failed(String),
}

/// What a raw command answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawOutput {
    /// Exit code.
    pub rc: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Where contents that a module asks for by hash come from.
pub trait BlobSource: Sync {
    /// A reader over the content with this SHA-256 (hex) and its length, if there is one.
    fn open(&self, sha256: &str) -> Option<(u64, Box<dyn Read + Send>)>;

    /// The same, to be kept.
    fn keep(&self) -> Box<dyn BlobSource>;
}

/// No contents at all.
pub struct NoBlobs;

impl BlobSource for NoBlobs {
    fn open(&self, _: &str) -> Option<(u64, Box<dyn Read + Send>)> {
        None
    }

    fn keep(&self) -> Box<dyn BlobSource> {
        Box::new(Self)
    }
}

/// What one call needs beside the request itself.
pub struct Call<'a> {
    /// Other user to become, if any.
    pub become_: Option<&'a Become>,
    /// Contents that the module may ask for.
    pub blobs: &'a dyn BlobSource,
    /// Hears of progress.
    pub progress: &'a mut dyn FnMut(Progress),
    /// The call is given up when this says so (asked a few times a second).
    pub cancelled: &'a dyn Fn() -> bool,
    /// What the plan has changed on this machine so far, for a call that simulates.
    pub journal: Option<&'a Journal>,
}

/// What the simulations of one machine have changed, in order. Every helper there is told of what it has not heard yet.
#[derive(Default)]
pub struct Journal {
    changes: Mutex<Changes>,
    shared: Arc<Mutex<Vec<Delta>>>,
}

/// What is in a journal.
#[derive(Default)]
struct Changes {
    all: Vec<Delta>,
    /// How many of the shared ones are among them.
    shared: usize,
}

impl Journal {
    /// A machine's journal, with what other machines' changes mean to it.
    pub(crate) fn sharing(shared: Arc<Mutex<Vec<Delta>>>) -> Self {
        Self { changes: Mutex::default(), shared }
    }

    /// The changes, for the time of one call: simulations of one machine take turns.
    fn open(&self) -> Turn<'_> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = changes.shared;
        changes.all.extend(shared.iter().skip(known).cloned());
        changes.shared = shared.len();
        Turn { changes, shared: &self.shared }
    }
}

/// A journal, held for one call.
struct Turn<'a> {
    changes: MutexGuard<'a, Changes>,
    shared: &'a Mutex<Vec<Delta>>,
}

impl Turn<'_> {
    /// What was changed after the first `known` changes.
    fn since(&self, known: usize) -> Vec<Delta> {
        self.changes.all.get(known..).unwrap_or_default().to_vec()
    }

    /// Adds what a call changed. Gives how many changes there are now.
    fn add(&mut self, delta: Option<Delta>) -> usize {
        if let Some(shared) = delta.as_ref().and_then(Delta::shared) {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).push(shared);
        }
        self.changes.all.extend(delta);
        self.changes.all.len()
    }
}

/// An open connection to one host. Helpers for each user are started when first needed and kept.
pub trait Connection: Send {
    /// Runs a module on the host, in one round trip.
    fn call(&mut self, request: &Request, call: Call<'_>) -> Result<Outcome, ConnectionError>;

    /// Sends a request and does not wait: [`receive`](Self::receive) gives the outcomes, in the order sent. It is not run
    /// if one that has no outcome yet fails. `false`: not here, or not for this user now; nothing was sent.
    fn send(&mut self, request: &Request, call: Call<'_>) -> Result<bool, ConnectionError> {
        let (_, _) = (request, call);
        Ok(false)
    }

    /// Waits for the outcome of the oldest request that was sent and has none.
    fn receive(&mut self, call: Call<'_>) -> Result<Outcome, ConnectionError> {
        let _ = call;
        Err(ConnectionError::Failed("nothing was sent".to_owned()))
    }

    /// Runs a command line by the login shell, without the helper. `stdin` is given to it.
    fn raw(
        &mut self,
        command: &str,
        stdin: &[u8],
        timeout: Option<Duration>,
        call: Call<'_>,
    ) -> Result<RawOutput, ConnectionError>;
}

/// Opens connections.
pub trait Connector: Send + Sync {
    /// Connects, within the target's timeout.
    fn connect(&self, target: &Target) -> Result<Box<dyn Connection>, ConnectionError>;
}
