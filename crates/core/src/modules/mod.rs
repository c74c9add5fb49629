//! The modules, one file each under Ansible's name. A new one adds a `mod` line and a `.with` line here.

mod ping;

use crate::module::Registry;

/// All modules that Hostler brings.
pub fn builtin() -> Registry {
    Registry::new() //
        .with::<ping::Ping>()
}
