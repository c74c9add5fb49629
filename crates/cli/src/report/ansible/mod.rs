//! What Ansible's own commands print, format by format, for the programs and people that read it.
//!
//! `default` is the playbooks', `minimal` and `oneline` are those of single tasks, `json` is for programs.

mod callback;
mod default;
mod json;
mod layout;
mod look;
mod message;
mod recap;
mod result;
mod single;
mod tree;
mod unixy;

pub use callback::{Callback, Output};
pub use default::Default;
pub use json::{Json, JsonForm};
pub use layout::layout;
pub use look::{CHANGED, Look, OK, ResultFormat, paint, set_colours};
pub use message::{diagnostic, verbose};
pub use recap::custom as custom_stats;
pub use result::{dump_flat, failure};
pub use single::{Single, SingleForm};
pub use tree::Tree;
pub use unixy::Unixy;
