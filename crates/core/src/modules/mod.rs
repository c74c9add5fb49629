//! The modules, one file each under Ansible's name. A new one adds a `mod` line and a `.with` line here.

pub mod apt;
pub mod apt_key;
pub mod apt_repository;
pub mod assemble;
pub mod async_status;
pub mod authorized_key;
pub mod blockinfile;
pub mod command;
pub mod copy;
pub mod cron;
pub mod deb822_repository;
pub mod debconf;
pub mod docker_container;
pub mod docker_host_info;
pub mod docker_image;
pub mod docker_image_info;
pub mod docker_network;
pub mod docker_node;
pub mod docker_node_info;
pub mod docker_swarm;
pub mod docker_swarm_service;
pub mod docker_volume;
pub mod file;
pub mod find;
pub mod get_url;
pub mod getent;
pub mod git;
pub mod group;
pub mod hostname;
pub mod known_hosts;
pub mod lineinfile;
pub mod locale_gen;
pub mod modprobe;
pub mod mount;
pub mod mysql_db;
pub mod mysql_query;
pub mod nfs_export;
pub mod package;
pub mod package_facts;
pub mod ping;
pub mod pip;
pub mod replace;
pub mod service;
pub mod service_facts;
pub mod setup;
pub mod shell;
pub mod slurp;
pub mod stat;
pub(crate) mod support;
pub mod sysctl;
pub mod systemd_service;
pub mod tempfile;
pub mod timezone;
pub mod ufw;
pub mod unarchive;
pub mod uri;
pub mod user;
pub mod wait_for;

use crate::module::Registry;
pub use support::docker::types as docker_types;

/// All modules that Hostler brings.
#[rustfmt::skip]
pub fn builtin() -> Registry {
    Registry::new()
        .with::<apt::Apt>()
        .with::<apt_key::AptKey>()
        .with::<apt_repository::AptRepository>()
        .with::<assemble::Assemble>()
        .with::<async_status::AsyncStatus>()
        .with::<authorized_key::AuthorizedKey>()
        .with::<blockinfile::Blockinfile>()
        .with::<command::Command>()
        .with::<copy::Copy>()
        .with::<cron::Cron>()
        .with::<deb822_repository::Deb822Repository>()
        .with::<debconf::Debconf>()
        .with::<docker_container::DockerContainer>()
        .with::<docker_host_info::DockerHostInfo>()
        .with::<docker_image::DockerImage>()
        .with::<docker_image_info::DockerImageInfo>()
        .with::<docker_network::DockerNetwork>()
        .with::<docker_node::DockerNode>()
        .with::<docker_node_info::DockerNodeInfo>()
        .with::<docker_swarm::DockerSwarm>()
        .with::<docker_swarm_service::DockerSwarmService>()
        .with::<docker_volume::DockerVolume>()
        .with::<file::File>()
        .with::<find::Find>()
        .with::<get_url::GetUrl>()
        .with::<getent::Getent>()
        .with::<git::Git>()
        .with::<group::Group>()
        .with::<hostname::Hostname>()
        .with::<known_hosts::KnownHosts>()
        .with::<lineinfile::Lineinfile>()
        .with::<locale_gen::LocaleGen>()
        .with::<modprobe::Modprobe>()
        .with::<mount::Mount>()
        .with::<nfs_export::NfsExport>()
        .with::<package::Package>()
        .with::<mysql_db::MysqlDb>()
        .with::<mysql_query::MysqlQuery>()
        .with::<package_facts::PackageFacts>()
        .with::<ping::Ping>()
        .with::<pip::Pip>()
        .with::<replace::Replace>()
        .with::<service::Service>()
        .with::<service_facts::ServiceFacts>()
        .with::<setup::Setup>()
        .with::<shell::Shell>()
        .with::<slurp::Slurp>()
        .with::<stat::Stat>()
        .with::<sysctl::Sysctl>()
        .with::<systemd_service::SystemdService>()
        .with::<tempfile::Tempfile>()
        .with::<timezone::Timezone>()
        .with::<ufw::Ufw>()
        .with::<unarchive::Unarchive>()
        .with::<uri::Uri>()
        .with::<user::User>()
        .with::<wait_for::WaitFor>()
}
