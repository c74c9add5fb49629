//! What the modules for Docker share: the Engine API's client, comparisons, and Ansible's loose inputs.

mod args;
mod client;
pub mod compare;
pub mod container;
pub mod context;
pub mod image;
pub mod platform;
pub mod service;
pub mod swarm;
pub mod types;

pub use args::Connection;
pub(crate) use args::docker_args;
pub use client::{Docker, Failure, encode};
