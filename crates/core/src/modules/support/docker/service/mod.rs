//! What `docker_swarm_service` asks for, as parts of a service's specification.

pub mod args;
pub mod options;
