//! `cargo xtask tidy`: the rules of STYLE.md that neither rustfmt nor clippy knows.

mod command;
mod layers;
mod paths;
mod size;

pub use command::run;
