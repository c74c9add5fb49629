//! The names that tasks can call: the modules of a registry and the controller's own actions.

use crate::module::Registry;
use std::collections::HashMap;
use std::sync::Arc;

/// What the loader has to know about modules and actions.
pub trait Actions: Send + Sync {
    /// The full name of what `name` (full, alias, `ansible.legacy.…` or short) means.
    fn canonical(&self, name: &str) -> Option<Arc<str>>;
    /// Whether text given to it is a command, in which `k=v` mostly is no option.
    fn is_free_form(&self, canonical: &str) -> bool;
    /// All names that [`Self::canonical`] answers to.
    fn names(&self) -> Vec<Arc<str>>;
}

/// Actions whose text is a command.
const FREE_FORM: [&str; 6] = [
    "ansible.builtin.command",
    "ansible.builtin.raw",
    "ansible.builtin.script",
    "ansible.builtin.shell",
    "ansible.windows.win_command",
    "ansible.windows.win_shell",
];

/// A fixed set of names.
#[derive(Debug, Clone, Default)]
pub struct ActionNames {
    names: HashMap<Arc<str>, Arc<str>>,
}

impl ActionNames {
    /// The modules of `registry`, and actions by their full names.
    pub fn new<'a>(registry: &Registry, actions: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self::default();
        for module in registry.iter() {
            let full: Arc<str> = module.name().into();
            names.add(&full, &full);
            for alias in module.aliases() {
                names.add(alias, &full);
            }
        }
        for action in actions {
            let full: Arc<str> = action.into();
            names.add(&full, &full);
        }
        names
    }

    fn add(&mut self, name: &str, full: &Arc<str>) {
        self.names.insert(name.into(), Arc::clone(full));
        let short = name.rsplit('.').next().unwrap_or(name);
        self.names.insert(short.into(), Arc::clone(full));
        if let Some(short) = name.strip_prefix("ansible.builtin.") {
            self.names.insert(format!("ansible.legacy.{short}").into(), Arc::clone(full));
        }
    }
}

impl Actions for ActionNames {
    fn canonical(&self, name: &str) -> Option<Arc<str>> {
        let known = self.names.get(name).cloned();
        // `ansible.builtin.` stands before moved modules too: Ansible redirects them.
        known.or_else(|| builtin_short_name(name).and_then(|short| self.names.get(short).cloned()))
    }

    fn is_free_form(&self, canonical: &str) -> bool {
        FREE_FORM.contains(&canonical)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.names.keys().cloned().collect()
    }
}

/// `copy` of `ansible.builtin.copy`, `ansible.legacy.copy` and `copy`.
pub(super) fn builtin_short_name(name: &str) -> Option<&str> {
    let short = name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy."));
    short.or_else(|| (!name.contains('.')).then_some(name))
}

/// Actions that belong to the language itself: the loader acts on them, whatever modules there are.
pub(super) fn language_action(name: &str) -> Option<&'static str> {
    Some(match builtin_short_name(name)? {
        "import_tasks" => "ansible.builtin.import_tasks",
        "import_role" => "ansible.builtin.import_role",
        "include_tasks" => "ansible.builtin.include_tasks",
        "include_role" => "ansible.builtin.include_role",
        "meta" => "ansible.builtin.meta",
        _ => return None,
    })
}

/// Actions that take text besides `k=v`.
pub(crate) fn takes_text(canonical: &str) -> bool {
    matches!(
        builtin_short_name(canonical),
        Some("include_vars" | "include_tasks" | "include_role" | "import_tasks" | "import_role" | "meta")
    )
}
