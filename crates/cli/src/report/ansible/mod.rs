//! What Ansible's own commands print, format by format, for the programs and people that read it.
//!
//! `default` is the playbooks', `minimal` and `oneline` are those of single tasks.

mod default;
mod look;
mod message;
mod result;
mod single;

pub use default::Default;
pub use look::{CHANGED, Look, OK, paint};
pub use message::{diagnostic, verbose};
pub use single::{Single, SingleForm};
