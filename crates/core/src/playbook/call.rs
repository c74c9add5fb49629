//! What a task calls: the action among its keys, and the arguments in any of the forms that Ansible takes.

use super::actions::{builtin_short_name, language_action, takes_text};
use super::key_values;
use super::keyword_table::Owner;
use super::known_modules::known_module;
use super::library::ModuleStyle;
use super::reading::{Reading, shown};
use super::reserved;
use crate::diagnostic::Diagnostic;
use crate::plugins::Plugin;
use crate::system::local_files;
use crate::value::{Key, Map, Value, has_jinja};
use crate::yaml::{Node as Yaml, NodeKind};
use std::path::Path;
use std::sync::Arc;

/// An action with its arguments.
pub(super) struct Call {
    /// As the file has it.
    pub written: Arc<str>,
    /// Full name.
    pub action: Arc<str>,
    pub args: Map,
    /// Came as `local_action`.
    pub local: bool,
}

/// Where a task names its action.
enum Form<'y> {
    /// `copy: …`
    Key(&'y Yaml, &'y Yaml),
    /// `action: copy …`, or `local_action:`
    Action(&'y Yaml, bool),
}

impl Reading<'_> {
    /// Finds the one action of a task. Keys that are neither keyword nor action are reported.
    pub fn call(&mut self, task: &Yaml, pairs: &[(Yaml, Yaml)], owner: Owner) -> Option<Call> {
        let mut forms = Vec::new();
        let mut unknown = Vec::new();
        for (key, value) in pairs {
            let Some(name) = self.name(key, owner) else { continue };
            match name {
                "action" => forms.push((key, Form::Action(value, false))),
                "local_action" => forms.push((key, Form::Action(value, true))),
                _ if Owner::Handler.has(name) || name.starts_with("with_") => {}
                _ if self.is_action(name) => forms.push((key, Form::Key(key, value))),
                _ => unknown.push((key, name)),
            }
        }
        let mut forms = forms.into_iter();
        let Some((first_key, form)) = forms.next() else {
            self.no_action(task, &unknown);
            return None;
        };
        for (key, name) in unknown {
            self.unknown_keyword(key, name, owner);
        }
        if let Some((key, _)) = forms.next() {
            let name = |key: &Yaml| key.as_str().unwrap_or_default().to_owned();
            self.error(
                Diagnostic::error(format!(
                    "a task calls one action, but this one calls `{}` and `{}`",
                    name(first_key),
                    name(key)
                ))
                .at(&key.span)
                .related(&first_key.span, "first action")
                .help("make them two tasks"),
            );
            return None;
        }
        let additional = pairs.iter().find(|(key, _)| key.as_str() == Some("args")).map(|(_, value)| value);
        let base = self.additional(additional)?;
        match form {
            Form::Key(key, value) => {
                let written = key.as_str()?;
                let action = self.action(key, written)?;
                let args = self.arguments(&action, value, base)?;
                Some(Call { written: written.into(), action, args, local: false })
            }
            Form::Action(value, local) => self.old_style(value, local, base),
        }
    }

    fn is_action(&self, name: &str) -> bool {
        let name = &*self.loader.in_collections(name, &self.collections);
        language_action(name).is_some()
            || matches!(builtin_short_name(name), Some("include" | "import_playbook"))
            || self.loader.library.find(name).is_some()
            || self.loader.library.action_plugin(name).is_some()
            || self.loader.options.actions.canonical(name).is_some()
            || known_module(name).is_some()
    }

    fn no_action(&mut self, task: &Yaml, unknown: &[(&Yaml, &str)]) {
        let Some((key, name)) = unknown.first() else {
            let names: Vec<&str> =
                task.as_map().unwrap_or_default().iter().filter_map(|(key, _)| key.as_str()).collect();
            let has = if names.is_empty() { String::new() } else { format!(": it only has `{}`", names.join("`, `")) };
            return self.error_at(task, format!("the task calls no module or action{has}"));
        };
        // One unknown key may be a misspelt keyword beside a misspelt module: say both.
        let names = self.loader.options.actions.names();
        let known = names.iter().map(|name| &**name).chain(LANGUAGE).chain(Owner::Task.keywords());
        let mut error =
            Diagnostic::error(format!("unknown module or action `{name}`")).at(&key.span).suggest(name, known);
        for (other, name) in &unknown[1..] {
            error = error.related(&other.span, format!("`{name}` is not known either"));
        }
        self.error(error);
    }

    /// The full name of an action; an unbuilt or unknown one is reported.
    fn action(&mut self, at: &Yaml, name: &str) -> Option<Arc<str>> {
        let name = &*self.loader.in_collections(name, &self.collections);
        if let Some(action) = language_action(name) {
            return Some(action.into());
        }
        match builtin_short_name(name) {
            Some("include") => {
                let error = Diagnostic::error("`include` was removed from Ansible").at(&at.span);
                self.error(error.help("use `include_tasks` or `import_tasks`"));
                return None;
            }
            Some("import_playbook") => {
                self.error_at(at, "`import_playbook` stands among plays, not among tasks");
                return None;
            }
            _ => {}
        }
        // Evaluated for each host.
        if has_jinja(name) {
            return Some(name.into());
        }
        let is_full = name.contains('.') && !name.starts_with("ansible.legacy.");
        let built_in = self.loader.options.actions.canonical(name).filter(|_| is_full);
        if built_in.is_none() {
            if let Some(plugin) = self.loader.library.action_plugin(name) {
                return self.action_plugin(at, name, &plugin);
            }
            if let Some(path) = self.loader.library.find(name) {
                return self.custom(at, name, &path);
            }
        }
        if let Some(full) = self.loader.options.actions.canonical(name) {
            return Some(full);
        }
        if let Some(full) = known_module(name) {
            let message = format!("module `{full}` is not built yet");
            if self.loader.options.defer_unbuilt {
                self.warn(Diagnostic::warning(message).at(&at.span));
                return Some(full.into());
            }
            self.error_at(at, message);
            return None;
        }
        let names = self.loader.options.actions.names();
        let known = names.iter().map(|name| &**name).chain(LANGUAGE);
        self.error(Diagnostic::error(format!("unknown module or action `{name}`")).at(&at.span).suggest(name, known));
        None
    }

    /// A module of one's own; one that cannot run is reported.
    fn custom(&mut self, at: &Yaml, name: &str, path: &Path) -> Option<Arc<str>> {
        let short = name.strip_prefix("ansible.legacy.").unwrap_or(name);
        let content =
            local_files::read(path).map_err(|error| Diagnostic::error(format!("failed to {error}")).at(&at.span));
        let style = ModuleStyle::of(&self.ok(content)?);
        if let Some(refusal) = style.refusal(short, path) {
            if !self.loader.options.defer_unbuilt {
                self.error_at(at, refusal);
                return None;
            }
            self.warn(Diagnostic::warning(refusal).at(&at.span));
        }
        Some(own_name(short))
    }

    /// A plug-in that does the task's work here; reported where it cannot run.
    fn action_plugin(&mut self, at: &Yaml, name: &str, plugin: &Plugin) -> Option<Arc<str>> {
        if !crate::actions::has_python_library() {
            let refusal = format!(
                "action plug-in `{name}` ({}) is made for Ansible's Python library, which is not there",
                plugin.path.display()
            );
            if !self.loader.options.defer_unbuilt {
                self.error_at(at, refusal);
                return None;
            }
            self.warn(Diagnostic::warning(refusal).at(&at.span));
        }
        Some(own_name(name))
    }

    /// `args:`, which the action's own arguments override.
    fn additional(&mut self, node: Option<&Yaml>) -> Option<Map> {
        let Some(node) = node else { return Some(Map::default()) };
        match &node.kind {
            NodeKind::Str(text) if is_whole_template(text) => {
                Some(Map::from_iter([(Key::from("_variable_params"), self.value(node))]))
            }
            NodeKind::Null => {
                self.warn(Diagnostic::warning("`args` is empty").at(&node.span));
                Some(Map::default())
            }
            NodeKind::Map(_) => self.mapping(node),
            _ => {
                self.error_at(node, format!("`args` must be a mapping or a template for one, not {}", shown(node)));
                None
            }
        }
    }

    fn mapping(&mut self, node: &Yaml) -> Option<Map> {
        let mut args = Map::default();
        for (key, value) in node.as_map()? {
            match key.as_str() {
                Some(name) if name.starts_with("_ansible_") => {
                    self.error_at(
                        key,
                        format!("parameter `{name}`: the prefix '_ansible_' is reserved for internal use only."),
                    );
                    return None;
                }
                // An expression that is not to be evaluated: a template that gives it as text will not be.
                Some(name @ ("var" | "that")) if matches!(value.kind, NodeKind::Unsafe(_)) => {
                    let text = self.value(value);
                    let raw = format!("{{% raw %}}{}{{% endraw %}}", text.as_str().unwrap_or_default());
                    args.insert(Key::from(name), Value::trusted(raw, Some(value.span.clone())))
                }
                Some(name) => args.insert(Key::from(name), self.value(value)),
                None => {
                    self.error_at(key, format!("a parameter's name must be text, not {}", key.type_name()));
                    return None;
                }
            };
        }
        Some(args)
    }

    /// The arguments after `module:`, over those in `base`.
    fn arguments(&mut self, action: &str, node: &Yaml, mut base: Map) -> Option<Map> {
        match &node.kind {
            NodeKind::Null => {}
            NodeKind::Map(pairs) => {
                if action == "ansible.builtin.set_fact" {
                    let names = pairs.iter().filter_map(|(key, _)| reserved::warning(key.as_str()?, Some(&key.span)));
                    names.for_each(|warning| self.loader.warn(warning));
                }
                base.extend(self.mapping(node)?);
            }
            NodeKind::Str(text) | NodeKind::Unsafe(text) => {
                let mut own = self.text_arguments(action, text, node)?;
                if let (Some(first), Some(last)) = (base.get("_variable_params"), own.get_mut("_variable_params")) {
                    *last = Value::list([first.clone(), last.clone()]);
                }
                base.extend(own);
            }
            NodeKind::Vault(_) => {
                base.insert(Key::from("_raw_params"), self.value(node));
            }
            NodeKind::Int(_) | NodeKind::Float(_) | NodeKind::Bool(_) | NodeKind::Seq(_) => {
                let error = format!("the arguments of `{action}` must be a mapping or text, not {}", node.type_name());
                self.error_at(node, error);
                return None;
            }
        }
        Some(base)
    }

    fn text_arguments(&mut self, action: &str, text: &str, node: &Yaml) -> Option<Map> {
        let trusted = matches!(node.kind, NodeKind::Str(_));
        let value = |text: &str| match trusted {
            true => Value::trusted(text, Some(node.span.clone())),
            false => Value::str(text),
        };
        let free_form = self.loader.is_free_form(action);
        let Some(parsed) = key_values::parse(text, free_form) else {
            self.error_at(node, "a quote or a Jinja block in these arguments is not closed");
            return None;
        };
        let mut args = Map::default();
        for (name, text) in &parsed.options {
            if name.starts_with("_ansible_") {
                self.error_at(
                    node,
                    format!("parameter `{name}`: the prefix '_ansible_' is reserved for internal use only."),
                );
                return None;
            }
            args.insert(Key::from(name.as_str()), value(text));
        }
        if let Some(raw) = parsed.raw {
            let name = if free_form || takes_text(action) || has_jinja(action) {
                "_raw_params"
            } else if is_whole_template(&raw) {
                "_variable_params"
            } else {
                // Refused when the task runs, or before the first one does where nothing minds its failure.
                "_raw_params"
            };
            args.insert(Key::from(name), value(&raw));
        }
        Some(args)
    }

    /// `action: copy src=a`, `action: {module: copy, src: a}`.
    fn old_style(&mut self, node: &Yaml, local: bool, mut base: Map) -> Option<Call> {
        let mut own = Map::default();
        let (call, at) = match &node.kind {
            NodeKind::Str(text) => (text, node),
            NodeKind::Map(_) => {
                own = self.mapping(node)?;
                own.shift_remove("module");
                match node.get("module").map(|module| (&module.kind, module)) {
                    Some((NodeKind::Str(text), module)) => (text, module),
                    _ => {
                        self.error_at(node, "`action` as a mapping needs `module`");
                        return None;
                    }
                }
            }
            _ => {
                self.error_at(node, format!("`action` must be text or a mapping, not {}", node.type_name()));
                return None;
            }
        };
        let Some((written, rest)) = key_values::split_first(call) else {
            self.error_at(node, "`action` names no module, or a quote or a Jinja block in it is not closed");
            return None;
        };
        let action = self.action(node, &written)?;
        if !rest.is_empty() {
            own.extend(self.text_arguments(&action, &rest, at)?);
        }
        match own.shift_remove("args") {
            Some(Value::Map(args)) => own.extend(args.iter().map(|(key, value)| (key.clone(), value.clone()))),
            Some(Value::Str(text)) => own.extend(self.text_arguments(&action, &text, at)?),
            Some(Value::Template(template)) => own.extend(self.text_arguments(&action, &template.source, at)?),
            Some(_) => self.error_at(node, "`args` must be a mapping"),
            None => {}
        }
        base.extend(own);
        Some(Call { written: written.into(), action, args: base, local })
    }
}

const LANGUAGE: [&str; 5] = ["import_tasks", "import_role", "include_tasks", "include_role", "meta"];

/// The full name of a module or action of one's own.
pub(super) fn own_name(name: &str) -> Arc<str> {
    if name.contains('.') { name.into() } else { format!("ansible.legacy.{name}").into() }
}

/// Whether a text is nothing but one template, so that it may stand for a mapping.
pub(crate) fn is_whole_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") || text.starts_with("{%") && text.ends_with("%}")
}
