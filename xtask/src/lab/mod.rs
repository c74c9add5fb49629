//! Test hosts in containers: real systemd, sshd and addresses, and a registry with stand-ins for public images.

mod command;
mod config;
mod daemon;
mod host;
mod http;
mod image;
mod inventory;
mod registry;
mod ssh;

pub use command::{Command, run, up};
pub use config::Lab;
pub use daemon::NoDocker;
pub use http::get;
pub use image::apt_settings;
pub use ssh::on_host;
