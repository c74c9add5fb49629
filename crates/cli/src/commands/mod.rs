//! The subcommands, one file each.

pub mod apply;
pub mod completions;
pub mod doc;
pub mod exec;
pub mod inventory;
pub mod plan;
mod playbooks;
mod session;
