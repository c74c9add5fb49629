//! Scenarios that are no playbook on the bench's hosts.

mod build;
mod fleet;
mod real;
mod start;
mod template;

pub use build::build;
pub use fleet::fleet;
pub use real::real;
pub use start::start;
pub use template::template;
