//! The modules, one file each under Ansible's name. A new one adds a `mod` line and a `.with` line here.

mod apt;
mod copy;
mod file;
mod ping;
mod service;
mod setup;
pub(crate) mod support;
mod systemd_service;

use crate::module::Registry;

/// All modules that Hostler brings.
#[rustfmt::skip]
pub fn builtin() -> Registry {
    Registry::new()
        .with::<apt::Apt>()
        .with::<copy::Copy>()
        .with::<file::File>()
        .with::<ping::Ping>()
        .with::<service::Service>()
        .with::<setup::Setup>()
        .with::<systemd_service::SystemdService>()
}
