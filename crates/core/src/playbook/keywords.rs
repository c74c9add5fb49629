//! Keywords that plays, roles, blocks and tasks share, and how inner ones inherit them from outer ones.

use super::Role;
use crate::diagnostic::Span;
use crate::value::{Map, Value};
use std::sync::Arc;

/// A value with the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where; absent for what was made in Rust.
    pub span: Option<Span>,
}

impl<T> Spanned<T> {
    /// A value at a place.
    pub fn new(value: T, span: Option<Span>) -> Self {
        Self { value, span }
    }
}

impl<T> From<T> for Spanned<T> {
    fn from(value: T) -> Self {
        Self { value, span: None }
    }
}

/// A keyword's value, evaluated where it is used.
pub type Keyword = Option<Spanned<Value>>;

/// The keywords of one play, role, block or task. Only what is written there.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "Ansible's own keywords, documented in its keyword reference")]
pub struct Keywords {
    /// Conditions (an expression each); all of all levels must hold.
    pub when: Vec<Spanned<Value>>,
    /// Tags; those of all levels apply.
    pub tags: Vec<Value>,
    /// Variables; inner ones win.
    pub vars: Arc<Map>,
    /// A mapping or a list of them; inner ones win by name.
    pub environment: Keyword,
    /// By module or `group/…`; inner ones win by module.
    pub module_defaults: Keyword,
    pub any_errors_fatal: Keyword,
    pub become_: Keyword,
    pub become_exe: Keyword,
    pub become_flags: Keyword,
    pub become_method: Keyword,
    pub become_user: Keyword,
    pub check_mode: Keyword,
    pub collections: Vec<Arc<str>>,
    pub connection: Keyword,
    pub debugger: Keyword,
    pub delegate_facts: Keyword,
    pub delegate_to: Keyword,
    pub diff: Keyword,
    pub ignore_errors: Keyword,
    pub ignore_unreachable: Keyword,
    pub no_log: Keyword,
    /// Handlers that tasks inside notify which name none themselves ([`super::Task::notify`] has it already).
    pub notify: Vec<Spanned<Value>>,
    pub port: Keyword,
    pub remote_user: Keyword,
    pub run_once: Keyword,
    pub throttle: Keyword,
    pub timeout: Keyword,
}

/// One level of nesting: its keywords and what is around it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    /// What is written at this level.
    pub keywords: Keywords,
    /// The level around it; `None` for a play.
    pub parent: Option<Arc<Scope>>,
    /// The role whose file this level is in (set on the role's outermost level; [`Scope::role`] looks outwards). Roles seen from here
    /// have no handlers: those are in [`super::Play::static_roles`], [`super::LoadedRole`] and [`super::LoadedTasks`].
    pub role: Option<Arc<Role>>,
    /// Directory of the file this level is in, where `include_tasks`, `template`, `copy` … look (set on the file's outermost level).
    pub dir: Option<Arc<std::path::Path>>,
    /// This level is a dynamic include, whose `vars` rank as include parameters (those of static imports rank as a block's).
    pub include_params: bool,
}

impl Scope {
    /// A level inside `parent`.
    pub fn inside(parent: &Arc<Self>, keywords: Keywords) -> Arc<Self> {
        Arc::new(Self { keywords, parent: Some(Arc::clone(parent)), ..Self::default() })
    }

    /// This level, then those around it.
    pub fn levels(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.parent.as_deref())
    }

    /// The innermost level's value of a keyword that inner levels override.
    pub fn find(&self, keyword: impl Fn(&Keywords) -> &Keyword) -> Option<&Spanned<Value>> {
        self.levels().find_map(|scope| keyword(&scope.keywords).as_ref())
    }

    /// The role that this level belongs to.
    pub fn role(&self) -> Option<&Arc<Role>> {
        self.levels().find_map(|scope| scope.role.as_ref())
    }

    /// Collections in which short names of modules are looked for. A role has its own, and none of the play's.
    pub(crate) fn collections(&self) -> &[Arc<str>] {
        for level in self.levels() {
            if !level.keywords.collections.is_empty() || level.role.is_some() {
                return &level.keywords.collections;
            }
        }
        &[]
    }

    /// Directory of the file this level is in.
    pub fn dir(&self) -> Option<&Arc<std::path::Path>> {
        self.levels().find_map(|scope| scope.dir.as_ref())
    }

    /// Where files are looked for (`ansible_search_path`): the roles from the inside outwards, the file's directory, the play's.
    pub fn search_path(&self) -> Vec<&std::path::Path> {
        let mut dirs: Vec<&std::path::Path> = Vec::new();
        let roles = self.levels().filter_map(|level| Some(level.role.as_ref()?.path.as_path()));
        let outermost = self.levels().filter_map(|level| level.dir.as_deref()).last();
        for dir in roles.chain(self.dir().map(|dir| &**dir)).chain(outermost) {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        }
        dirs
    }

    /// The tags of all levels, outermost first, not yet evaluated.
    pub fn tags(&self) -> Vec<&Value> {
        let mut levels: Vec<&Self> = self.levels().collect();
        levels.reverse();
        levels.into_iter().flat_map(|scope| &scope.keywords.tags).collect()
    }
}
