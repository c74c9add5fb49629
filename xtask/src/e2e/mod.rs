//! `cargo xtask e2e`: applies real playbooks to the lab and looks at what became of it.

mod cases;
mod command;
mod connections;
mod fidelity;
mod hostler;
mod ledger;
mod supermarket;

pub use command::{Options, run};
