//! Runs a template's tree.

mod calls;
mod expressions;
mod frame;
mod loops;
mod macros;
mod objects;
mod scope;
mod statements;

pub(crate) use calls::{call_filter, call_test};
pub(crate) use expressions::{attribute, item};
pub(crate) use frame::{FileMode, Frame, KNOWN_AFTER_APPLY, keep_trailing_newlines};
pub(crate) use objects::{GLOBALS, NO_HINT, dict};
