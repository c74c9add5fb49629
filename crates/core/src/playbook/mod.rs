//! Playbooks as they run: plays, blocks, tasks, roles, each with its place in a file. Static imports are already expanded.
//!
//! [`Loader`] reads them. What is not in Ansible's language, or not built here yet, is refused with its name and place.

mod actions;
mod build;
mod call;
mod files;
mod includes;
mod key_values;
mod keyword_table;
mod keywords;
mod known_modules;
mod library;
mod listing;
mod loader;
mod plays;
mod reading;
pub(crate) mod reserved;
mod role_use;
mod tags;
mod tasks;
mod types;
mod unsupported;

pub(crate) use actions::takes_text;
pub use actions::{ActionNames, Actions};
pub(crate) use call::is_whole_template;
pub use key_values::{KeyValues, parse as parse_key_values};
pub use keywords::{Keyword, Keywords, Scope, Spanned};
pub use library::{JSON_MARKER, Library, ModuleStyle};
pub use listing::Listing;
pub use loader::{LiteralOnly, LoadedTasks, Loader, LoaderOptions, Statics};
pub(crate) use reading::is_variable_name;
pub use role_use::{LoadedRole, RoleSpec};
pub use tags::tags_selected;
pub(crate) use tasks::META_ACTIONS;
pub use types::{Block, Loop, LoopControl, Node, Play, Playbook, Prompt, Role, Task, TaskId};
