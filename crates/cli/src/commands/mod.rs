//! The subcommands, one file each.

pub mod apply;
pub mod completions;
pub mod doc;
pub mod drift;
pub mod exec;
pub mod history;
pub mod inventory;
pub mod plan;
mod playbooks;
mod saved;
mod session;

pub use exec::OneTask;
pub use playbooks::{Face, NO_HOSTS, print, run as run_playbooks, tell_config, warn_of_empty};
pub use session::{Reporting, Session, exit_of};
