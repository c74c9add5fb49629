//! What the controller and a host's helper say to each other.
//!
//! Frames over a pipe: a length, a kind, a payload. Messages are JSON, contents are raw bytes. The helper opens with
//! [`Hello`]; each [`Request`] is answered by any number of [`Progress`] frames and one [`Outcome`](crate::module::Outcome).

mod message;

pub use message::{Hello, Progress, Request, VERSION};
