//! Hostler's core: declarative infrastructure over SSH, in Ansible's language or from Rust.
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
pub mod playbook;
#[cfg(feature = "controller")]
pub mod template;
#[cfg(feature = "controller")]
pub mod value;
#[cfg(feature = "controller")]
pub mod vars;
#[cfg(feature = "controller")]
pub mod yaml;
