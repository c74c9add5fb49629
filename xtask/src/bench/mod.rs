//! `cargo xtask bench`: the same work done by Hostler, by its peers and by a program without an engine, and what it took.
//!
//! The work is in `bench/playbooks` and `bench/pyinfra`; hosts are sshds on the loopback interface. A run that did not
//! do its work has no time.

mod command;
mod hosts;
mod measure;
mod page;
mod peers;
mod plot;
mod proxy;
mod race;
mod results;
mod scenarios;
mod special;
mod state;
mod table;
mod tool;
mod work;

pub use command::{Options, run};
pub use measure::{MeasureOptions, measure};
