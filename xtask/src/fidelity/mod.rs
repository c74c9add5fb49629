//! `cargo xtask fidelity`: whether what plans say is what happens.

mod command;
mod compare;

pub use command::{Options, fast, run};
pub use compare::Fidelity;
