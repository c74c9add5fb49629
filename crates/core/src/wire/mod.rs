//! What the controller and a host's helper say to each other.
//!
//! Frames over a pipe: a length, a kind, a payload. Messages are JSON, contents are raw bytes. The helper opens with
//! [`Hello`]; each [`Request`] is answered by any number of [`Progress`] frames and one [`Outcome`](crate::module::Outcome).

mod blobs;
#[cfg(feature = "controller")]
pub mod client;
mod context;
mod control;
mod frame;
mod jobs;
mod ledger;
mod machines;
mod message;
mod serve;
#[cfg(all(test, feature = "controller"))]
mod tests;

pub use context::CallContext;
pub use frame::{Frame, Kind, MAX_PAYLOAD};
pub use jobs::{JOB, fail_job, own_session, run_job};
pub use ledger::LEDGER;
pub use machines::OsMachines;
pub use message::{BlobAnswer, Hello, Job, Progress, Request, VERSION};
pub use serve::{Machines, NEW, Task, keep_program, program_size, serve};
