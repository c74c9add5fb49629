//! `cargo xtask conformance`: Ansible's own integration targets, run unchanged, against what ansible-core did with them.
//!
//! `tests/conformance/oracle.jsonl` and `more.jsonl` say how each task line of each target ended there. A target runs in a root file
//! system of its own that is thrown away; Hostler's event stream says how its lines ended here.

mod baseline;
mod cache;
mod command;
mod events;
mod expected;
mod explain;
mod mutate;
mod oracle;
mod peer;
mod report;
mod sandbox;
mod score;
mod target;

pub use command::{Options, run};
