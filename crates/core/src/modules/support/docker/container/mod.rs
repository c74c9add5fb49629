//! What `docker_container` asks for, as options that can be compared with a container that is there.

pub mod args;
pub mod database;
pub mod mounts;
pub mod options;
pub mod ports;
