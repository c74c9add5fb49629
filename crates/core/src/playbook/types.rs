//! Plays, blocks, tasks and roles.

use super::{Scope, Spanned};
use crate::diagnostic::Span;
use crate::value::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The plays of a file and of those it imports, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// File it was read from.
    pub path: PathBuf,
    /// Its plays.
    pub plays: Vec<Arc<Play>>,
}

/// One play.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords, documented in its keyword reference")]
pub struct Play {
    pub name: Option<Spanned<Value>>,
    /// Where it begins.
    pub span: Option<Span>,
    /// Directory of its playbook (`playbook_dir`).
    pub dir: PathBuf,
    /// Host patterns, to be evaluated and joined by commas.
    pub hosts: Vec<Spanned<Value>>,
    /// Keywords that everything inside inherits (`vars` are the play's).
    pub scope: Arc<Scope>,
    pub vars_files: Vec<Spanned<Value>>,
    pub vars_prompt: Vec<Prompt>,
    pub gather_facts: Option<Spanned<Value>>,
    pub gather_subset: Option<Spanned<Value>>,
    pub gather_timeout: Option<Spanned<Value>>,
    pub fact_path: Option<Spanned<Value>>,
    pub serial: Option<Spanned<Value>>,
    pub strategy: Option<Spanned<Value>>,
    pub order: Option<Spanned<Value>>,
    pub max_fail_percentage: Option<Spanned<Value>>,
    pub force_handlers: Option<Spanned<Value>>,
    pub pre_tasks: Vec<Node>,
    /// Each role as a block of its tasks, dependencies first.
    pub roles: Vec<Node>,
    pub tasks: Vec<Node>,
    pub post_tasks: Vec<Node>,
    /// The play's own handlers. Those of roles are in [`Role::handlers`].
    pub handlers: Vec<Node>,
    /// All roles that `roles:` and `import_role` brought in, with their dependencies, in order.
    pub static_roles: Vec<Arc<Role>>,
}

/// A question of `vars_prompt`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords")]
pub struct Prompt {
    pub name: Arc<str>,
    pub prompt: Option<Value>,
    pub default: Option<Value>,
    pub private: bool,
    pub confirm: bool,
    pub encrypt: Option<Arc<str>>,
    pub salt: Option<Arc<str>>,
    pub salt_size: Option<i64>,
    pub unsafe_: bool,
}

/// A task or a block.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// A task.
    Task(Arc<Task>),
    /// A block (also what a role or a static import became).
    Block(Arc<Block>),
}

/// Tasks with what rescues them and what is always done.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords")]
pub struct Block {
    pub name: Option<Spanned<Value>>,
    pub span: Option<Span>,
    pub scope: Arc<Scope>,
    pub block: Vec<Node>,
    pub rescue: Vec<Node>,
    pub always: Vec<Node>,
}

/// Tells a task from all others, however often it runs. A copy is the same task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskId(pub u64);

impl Default for TaskId {
    /// One that no other task has.
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// One task or handler.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords")]
pub struct Task {
    pub id: TaskId,
    pub name: Option<Spanned<Value>>,
    pub span: Option<Span>,
    /// Canonical full name where it is ours (`ansible.builtin.copy`), else as written.
    pub action: Arc<str>,
    /// The action as the file has it: what a task without a name is called.
    pub written: Arc<str>,
    /// Parameters. Free-form text of command-like actions is `_raw_params`. A template for the whole mapping is
    /// `_variable_params`, or a list of such, the last of which wins.
    pub args: Arc<Map>,
    /// Its own keywords, inside those around it.
    pub scope: Arc<Scope>,
    pub register: Option<Arc<str>>,
    pub loop_: Option<Loop>,
    pub until: Vec<Spanned<Value>>,
    pub retries: Option<Spanned<Value>>,
    pub delay: Option<Spanned<Value>>,
    pub changed_when: Vec<Spanned<Value>>,
    pub failed_when: Vec<Spanned<Value>>,
    /// Its own, or the nearest block's.
    pub notify: Vec<Spanned<Value>>,
    pub listen: Vec<Spanned<Value>>,
    pub async_: Option<Spanned<Value>>,
    pub poll: Option<Spanned<Value>>,
    /// It stands among handlers.
    pub handler: bool,
    /// For `include_tasks` and `include_role`: keywords that all included tasks inherit.
    pub apply: Option<Arc<Scope>>,
}

/// `loop`, or `with_NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Loop {
    /// Lookup that makes the items (`items` for `with_items`); `None` for `loop`.
    pub lookup: Option<Arc<str>>,
    /// What it loops over.
    pub items: Spanned<Value>,
    /// `loop_control`.
    pub control: LoopControl,
}

/// `loop_control`.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords")]
pub struct LoopControl {
    pub loop_var: Option<Spanned<Value>>,
    pub index_var: Option<Spanned<Value>>,
    pub label: Option<Spanned<Value>>,
    pub pause: Option<Spanned<Value>>,
    pub extended: Option<Spanned<Value>>,
    pub extended_allitems: Option<Spanned<Value>>,
    pub break_when: Vec<Spanned<Value>>,
}

/// A role as one use of it sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Role {
    /// Name (`role_name`).
    pub name: Arc<str>,
    /// Folder (`role_path`).
    pub path: PathBuf,
    /// `defaults/`.
    pub defaults: Arc<Map>,
    /// `vars/`.
    pub vars: Arc<Map>,
    /// Parameters given where the role is used.
    pub params: Arc<Map>,
    /// Its handlers.
    pub handlers: Vec<Node>,
    /// Roles it was brought in by, outermost first (`ansible_parent_role_names`).
    pub parents: Vec<Arc<str>>,
    /// Their folders (`ansible_parent_role_paths`).
    pub parent_paths: Vec<PathBuf>,
    /// Dependencies and theirs, in the order they run; it sees their variables.
    pub dependencies: Vec<Arc<Role>>,
    /// `allow_duplicates` of its meta file.
    pub allow_duplicates: bool,
    /// Its variables and defaults are seen by the whole play.
    pub public: bool,
    /// The same for uses that Ansible takes for the same one: where `allow_duplicates` is not set, a host runs only one of them.
    pub identity: Arc<str>,
}
