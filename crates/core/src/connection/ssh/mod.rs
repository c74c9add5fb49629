//! SSH: in process where that is enough, by the system's `ssh` where its configuration asks for more.

mod auth;
mod config;
mod connect;
mod effective;
mod kept;
mod known_hosts;
mod openssh;
mod session;

pub use connect::connect;
