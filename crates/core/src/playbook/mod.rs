//! Playbooks as they run: plays, blocks, tasks, roles, each with its place in a file. Static imports are already expanded.
//!
//! [`Loader`] reads them. What is not in Ansible's language, or not built here yet, is refused with its name and place.

mod keywords;
mod types;

pub use keywords::{Keywords, Scope, Spanned};
pub use types::{Block, Loop, LoopControl, Node, Play, Playbook, Prompt, Role, Task};
