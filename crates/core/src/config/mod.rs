//! `ansible.cfg` and `ANSIBLE_*`: the settings that have an effect here, typed, each knowing where it was set.
//!
//! Core reads no configuration by itself: the caller gives paths and environment to [`Config::load`].

mod entry;
mod find;
mod ini;
mod known;
mod parse;
mod settings;
mod sources;

pub use entry::Entry;
pub use find::Places;
pub use known::is_variable;
pub use settings::{Config, Gathering, ResultFormat, SortOrder};
pub use sources::{Origin, Setting};

#[cfg(test)]
mod tests;
