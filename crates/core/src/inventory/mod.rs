//! Hosts, the groups they are in, and their variables, from every kind of source that Ansible's own plugins read.
//!
//! [`Inventory::load`] reads sources, [`Inventory::builder`] makes one in Rust. [`Inventory::select`] finds hosts by
//! pattern, [`Inventory::host_vars`] merges what is known of a host. Values are as written: nothing is evaluated here.

mod builder;
mod ini;
mod literal;
mod load;
mod model;
mod names;
mod plugins;
mod script;
mod select;
mod show;
mod toml;
mod vars;
mod vars_options;
mod words;
mod yaml;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use load::{GroupNames, HostPatternMismatch, LoadOptions};
pub use model::{Group, Host, Inventory};
pub use show::Show;
pub use vars_options::{GroupSource, VarsStage, is_own as is_own_vars_plugin};
