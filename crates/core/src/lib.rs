//! Hostler's core: declarative infrastructure over SSH, in Ansible's language or from Rust.
//!
//! A run is made of an [`inventory`](inventory::Inventory), a [`playbook`](playbook::Playbook) (read from files by the
//! [`Loader`](playbook::Loader) or built in Rust), a [`Connector`](connection::Connector) that reaches hosts, and a
//! [`Reporter`](event::Reporter) that hears of everything. Core prints nothing and reads no configuration by itself.
//!
//! ```
//! use hostler_core::modules::apt::{self, Apt};
//! use hostler_core::modules::copy::{self, Copy};
//! use hostler_core::playbook::{Play, Playbook, Task};
//!
//! let nginx = apt::Args { name: ["nginx"].into(), state: apt::State::Latest, ..apt::Args::default() };
//! let page = copy::Args {
//!     dest: "/var/www/html/index.html".into(),
//!     content: Some("hello".into()),
//!     mode: Some(0o644.into()),
//!     ..copy::Args::default()
//! };
//! let play = Play::on("web")
//!     .task(Task::of::<Apt>("install nginx", &nginx))
//!     .task(Task::of::<Copy>("write the page", &page));
//! let playbook = Playbook::of(".", [play]);
//! assert_eq!(playbook.plays[0].tasks.len(), 2);
//! ```
//!
//! `examples/provision.rs` runs such a playbook on hosts. A module of one's own implements [`Module`](module::Module) and
//! is added to a [`Registry`](module::Registry); the helper has to have it too.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod dpkg;
pub mod facts;
pub mod module;
pub mod modules;
pub mod secret;
pub mod system;
pub mod text;
pub mod wire;

#[cfg(feature = "controller")]
pub mod actions;
#[cfg(feature = "controller")]
pub mod config;
#[cfg(feature = "controller")]
pub mod connection;
#[cfg(feature = "controller")]
pub mod diagnostic;
#[cfg(feature = "controller")]
pub mod engine;
#[cfg(feature = "controller")]
pub mod event;
#[cfg(feature = "controller")]
pub mod inventory;
#[cfg(feature = "controller")]
pub mod ledger;
#[cfg(feature = "controller")]
pub mod plan;
#[cfg(feature = "controller")]
pub mod playbook;
#[cfg(feature = "controller")]
pub mod plugins;
#[cfg(feature = "controller")]
pub mod template;
#[cfg(feature = "controller")]
pub mod value;
#[cfg(feature = "controller")]
pub mod vars;
#[cfg(feature = "controller")]
pub mod yaml;
