//! Made-up Jinja expressions, evaluated by ansible-core and by Hostler: both must agree.

mod command;
mod grammar;
mod known;
mod oracle;

pub use command::{Options, run};
