//! Jinja2 as Ansible has it: native results, Python's text forms, lazy variables, undefined values that travel,
//! and values that are only known after apply.

mod catalog;
mod context;
mod dates;
mod environment;
mod error;
mod eval;
mod fault;
mod filters;
mod json;
mod lenient;
mod lookups;
mod managed;
mod own;
mod passwords;
mod plain;
mod python;
mod random;
mod stack;
mod syntax;
mod templar;
mod tests;

pub use catalog::plugins;
pub use environment::{FileOptions, HostPattern, Rendered, TemplateOptions, Templates};
pub use error::TemplateError;
pub use lenient::Inspected;
pub(crate) use templar::is_whole;
pub use templar::{Condition, Templar};
