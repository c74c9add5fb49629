//! `cargo xtask e2e`: applies real playbooks to the lab and looks at what became of it.

mod cases;
mod check;
mod command;
mod connections;
mod hostler;
mod ledger;
mod plans;
mod supermarket;

pub use command::{Options, run};
pub use hostler::Hostler;
