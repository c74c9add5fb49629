//! The modules, one file each under Ansible's name. A new one adds a `mod` line and a `.with` line here.

mod apt;
mod command;
mod copy;
mod docker_image;
mod docker_network;
mod docker_volume;
mod file;
mod group;
mod nfs_export;
mod package;
mod ping;
mod service;
mod setup;
mod shell;
pub(crate) mod support;
mod systemd_service;

use crate::module::Registry;

/// All modules that Hostler brings.
#[rustfmt::skip]
pub fn builtin() -> Registry {
    Registry::new()
        .with::<apt::Apt>()
        .with::<command::Command>()
        .with::<copy::Copy>()
        .with::<docker_image::DockerImage>()
        .with::<docker_network::DockerNetwork>()
        .with::<docker_volume::DockerVolume>()
        .with::<file::File>()
        .with::<group::Group>()
        .with::<nfs_export::NfsExport>()
        .with::<package::Package>()
        .with::<ping::Ping>()
        .with::<service::Service>()
        .with::<setup::Setup>()
        .with::<shell::Shell>()
        .with::<systemd_service::SystemdService>()
}
