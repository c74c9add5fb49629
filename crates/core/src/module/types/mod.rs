//! Ansible's loosely typed parameters, as types of their own.
//!
//! Values come from YAML, from templates and from `key=value` text, so that a truth may be `true`, `"yes"` or `1`.

mod list;
mod mode;
mod path;
mod scalar;

pub use list::StringList;
pub use mode::FileMode;
pub use path::PathArg;
pub use scalar::{LooseBool, LooseFloat, LooseInt, LooseString};
