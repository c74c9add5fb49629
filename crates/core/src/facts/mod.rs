//! What a host is: Ansible's facts, read from `/proc`, `/sys` and `/etc` in one pass, without Python.
//!
//! One file a theme; [`gather`] chooses and runs the collectors. Programs are run only for what no file tells
//! (`capsh`, LVM's reports, Python's version, executable local facts). Deviations from Ansible: `facter`, `ohai`, `lspci`,
//! `sg_inq`, `ethtool`, `dmidecode` are not run.

mod clock;
mod cpu;
mod distribution;
mod dmi;
mod foreign;
mod gather;
mod host;
mod init;
mod local;
mod look;
mod memory;
mod mounts;
mod network;
mod packages;
mod routes;
mod security;
mod storage;
mod user;
mod virtualization;

pub use gather::{FactError, Request, gather};
pub use init::service_manager;
pub(crate) use mounts::unescape;
pub use packages::package_manager;

/// Facts by name, without the prefix `ansible_`.
pub type Facts = serde_json::Map<String, serde_json::Value>;
