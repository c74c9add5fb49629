//! Every keyword of Ansible's language, what it belongs to, and what its value has to be.

use super::Keywords;
use super::keywords::Keyword;
use crate::value::Value;

/// What a keyword's value has to be once it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Yes or no.
    Bool,
    /// A number.
    Number,
    /// One word or text.
    Text,
    /// A mapping or a list of mappings.
    Maps,
}

/// Keywords with one value each that inner levels override.
pub(super) struct Single {
    pub name: &'static str,
    pub form: Form,
    pub slot: fn(&mut Keywords) -> &mut Keyword,
}

macro_rules! singles {
    ($($name:literal $form:ident $field:ident),* $(,)?) => {
        &[$(Single { name: $name, form: Form::$form, slot: |keywords| &mut keywords.$field }),*]
    };
}

/// The keywords that plays, roles, blocks and tasks share.
pub(super) const SINGLES: &[Single] = singles![
    "any_errors_fatal" Bool any_errors_fatal,
    "become" Bool become_,
    "become_exe" Text become_exe,
    "become_flags" Text become_flags,
    "become_method" Text become_method,
    "become_user" Text become_user,
    "check_mode" Bool check_mode,
    "connection" Text connection,
    "debugger" Text debugger,
    "delegate_facts" Bool delegate_facts,
    "delegate_to" Text delegate_to,
    "diff" Bool diff,
    "environment" Maps environment,
    "ignore_errors" Bool ignore_errors,
    "ignore_unreachable" Bool ignore_unreachable,
    "module_defaults" Maps module_defaults,
    "no_log" Bool no_log,
    "port" Number port,
    "remote_user" Text remote_user,
    "run_once" Bool run_once,
    "throttle" Number throttle,
    "timeout" Number timeout,
];

/// What can have keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Play,
    Block,
    Task,
    Handler,
    /// `include_tasks`, `include_role`.
    Include,
    /// `include_tasks` among handlers.
    HandlerInclude,
    RoleEntry,
    ImportPlaybook,
    RoleMeta,
    LoopControl,
}

const SHARED: &[&str] = &["name", "vars", "tags", "collections"];
const BLOCK: &[&str] = &["when", "notify", "block", "rescue", "always"];
const TASK: &[&str] = &[
    "when",
    "notify",
    "action",
    "local_action",
    "args",
    "async",
    "changed_when",
    "delay",
    "failed_when",
    "loop",
    "loop_control",
    "poll",
    "register",
    "retries",
    "until",
];
const PLAY: &[&str] = &[
    "hosts",
    "user",
    "gather_facts",
    "gather_subset",
    "gather_timeout",
    "fact_path",
    "vars_files",
    "vars_prompt",
    "roles",
    "handlers",
    "pre_tasks",
    "post_tasks",
    "tasks",
    "force_handlers",
    "max_fail_percentage",
    "serial",
    "strategy",
    "order",
];
const INCLUDE: &[&str] = &[
    "action",
    "local_action",
    "args",
    "collections",
    "debugger",
    "ignore_errors",
    "loop",
    "loop_control",
    "name",
    "no_log",
    "register",
    "run_once",
    "tags",
    "timeout",
    "vars",
    "when",
];
const LOOP_CONTROL: &[&str] =
    &["loop_var", "index_var", "label", "pause", "extended", "extended_allitems", "break_when"];
const META: &[&str] = &["allow_duplicates", "dependencies", "galaxy_info", "argument_specs"];

impl Owner {
    /// How messages call it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Play => "Play",
            Self::Block => "Block",
            Self::Task => "Task",
            Self::Handler => "Handler",
            Self::Include => "TaskInclude",
            Self::HandlerInclude => "HandlerTaskInclude",
            Self::RoleEntry => "RoleInclude",
            Self::ImportPlaybook => "PlaybookInclude",
            Self::RoleMeta => "RoleMetadata",
            Self::LoopControl => "LoopControl",
        }
    }

    /// As sentences call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Play => "a play",
            Self::Block => "a block",
            Self::Task => "a task",
            Self::Handler => "a handler",
            Self::Include | Self::HandlerInclude => "an include",
            Self::RoleEntry => "a role",
            Self::ImportPlaybook => "import_playbook",
            Self::RoleMeta => "a role's meta file",
            Self::LoopControl => "loop_control",
        }
    }

    /// Its keywords, `with_…` aside.
    pub fn keywords<'a>(self) -> impl Iterator<Item = &'a str> {
        let (shared, own): (&[&str], &[&[&str]]) = match self {
            Self::Play => (SHARED, &[PLAY]),
            Self::Block => (SHARED, &[BLOCK]),
            Self::Task => (SHARED, &[TASK]),
            Self::Handler => (SHARED, &[TASK, &["listen"]]),
            Self::Include => (&[], &[INCLUDE]),
            Self::HandlerInclude => (&[], &[INCLUDE, &["listen"]]),
            Self::RoleEntry => (SHARED, &[&["when", "role"]]),
            Self::ImportPlaybook => (SHARED, &[&["when", "import_playbook"]]),
            Self::RoleMeta => (&["collections"], &[META]),
            Self::LoopControl => (&[], &[LOOP_CONTROL]),
        };
        let singles = match self {
            Self::Include | Self::HandlerInclude | Self::RoleMeta | Self::LoopControl => &[],
            _ => SINGLES,
        };
        let delegates = matches!(self, Self::Block | Self::Task | Self::Handler | Self::RoleEntry);
        let singles =
            singles.iter().map(|single| single.name).filter(move |name| delegates || !name.starts_with("delegate_"));
        own.iter().copied().flatten().chain(shared).copied().chain(singles)
    }

    /// Whether `name` is one of its keywords.
    pub fn has(self, name: &str) -> bool {
        self.keywords().any(|keyword| keyword == name)
    }
}

impl Keywords {
    /// Keywords that must be yes or no and are another word: name and value.
    pub fn no_booleans(&self) -> Vec<(&'static str, Keyword)> {
        let mut own = self.clone();
        let booleans = SINGLES.iter().filter(|single| single.form == Form::Bool);
        booleans
            .map(|single| (single.name, (single.slot)(&mut own).clone()))
            .filter(|(_, keyword)| matches!(keyword, Some(written) if matches!(&written.value, Value::Str(_)) && written.value.as_bool().is_none()))
            .collect()
    }
}
