//! The modules, one file each under Ansible's name. A new one adds a `mod` line and a `.with` line here.

mod file;
mod ping;
pub(crate) mod support;

use crate::module::Registry;

/// All modules that Hostler brings.
pub fn builtin() -> Registry {
    Registry::new().with::<file::File>().with::<ping::Ping>()
}
