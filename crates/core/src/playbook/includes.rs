//! `import_tasks`, `import_role` (expanded here) and `include_tasks`, `include_role` (kept for the engine).

use super::keyword_table::Owner;
use super::reading::Reading;
use super::role_use::RoleSpec;
use super::tasks::{Draft, finish};
use super::{Block, Keywords, Node, Scope, Spanned, Task};
use crate::diagnostic::Diagnostic;
use crate::value::{Key, Map, Value};
use crate::yaml::Node as Yaml;
use std::path::Path;
use std::sync::Arc;

const FILE_OPTIONS: &[&str] = &["_raw_params", "file", "apply"];
const ROLE_OPTIONS: &[&str] = &[
    "name",
    "role",
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "apply",
    "public",
    "allow_duplicates",
    "rolespec_validate",
];

impl Task {
    /// The scope for what this include brings in. Of a dynamic include's own keywords only `vars` and what `apply` says are
    /// inherited; the others are about the include itself.
    pub fn included_scope(&self) -> Arc<Scope> {
        if let Some(apply) = &self.apply {
            return Arc::clone(apply);
        }
        variables_only(&self.scope.keywords.vars, self.scope.parent.clone())
    }
}

fn variables_only(vars: &Arc<Map>, parent: Option<Arc<Scope>>) -> Arc<Scope> {
    let keywords = Keywords { vars: Arc::clone(vars), ..Keywords::default() };
    Arc::new(Scope { keywords, parent, include_params: true, ..Scope::default() })
}

impl Reading<'_> {
    pub fn import_tasks(&mut self, node: &Yaml, mut draft: Draft, parent: &Arc<Scope>, out: &mut Vec<Node>) {
        if !self.include_file(node, &mut draft) | !self.is_plain_import(node, &draft) {
            return;
        }
        let scope = import_scope(draft.keywords, parent, None);
        let Some(name) = draft.task.raw_params() else { return };
        let name = Spanned::new(name.clone(), Some(node.span.clone()));
        let Some(name) = self.resolve(&name, &scope, "the name of a task file") else { return };
        let found = super::files::find_tasks(&name, &scope, draft.task.handler, &self.dir);
        let Some(path) = self.ok(found.map_err(|error| error.at(&node.span))) else { return };
        if self.open.contains(&path) {
            return self.error_at(node, format!("{} imports itself", path.display()));
        }
        self.open.push(path.clone());
        let nodes = self.tasks_of_file(&path, &scope, draft.task.handler, Some(node));
        self.open.pop();
        if draft.task.handler {
            return out.extend(nodes);
        }
        out.push(Node::Block(Arc::new(Block {
            name: draft.task.name,
            span: draft.task.span,
            scope,
            block: nodes,
            ..Block::default()
        })));
    }

    /// The tasks of one file, in a scope of their own that knows the file's directory.
    pub fn tasks_of_file(
        &mut self,
        path: &Path,
        parent: &Arc<Scope>,
        handlers: bool,
        from: Option<&Yaml>,
    ) -> Vec<Node> {
        let loaded = self.loader.file(path).map_err(|error| match from {
            Some(node) => error.at(&node.span),
            None => error,
        });
        let Some(file) = self.ok(loaded) else { return Vec::new() };
        let Some(root) = &*file else {
            self.warn(Diagnostic::warning(format!("{} is empty: it has no tasks", path.display())));
            return Vec::new();
        };
        let dir = path.parent().map(Arc::from);
        let scope = Arc::new(Scope { parent: Some(Arc::clone(parent)), dir, ..Scope::default() });
        self.nodes(root, "a task file", &scope, handlers)
    }

    pub fn import_role(&mut self, node: &Yaml, mut draft: Draft, parent: &Arc<Scope>, out: &mut Vec<Node>) {
        if draft.task.handler {
            return self.error_at(node, format!("Using '{}' as a handler is not supported.", draft.task.written));
        }
        if !self.role_options(node, &mut draft) | !self.is_plain_import(node, &draft) {
            return;
        }
        let scope = import_scope(draft.keywords, parent, None);
        let Some(spec) = self.role_spec(&draft.task, &scope) else { return };
        if let Some(loaded) = self.included_role(&spec, &scope, draft.task.span.clone(), true) {
            self.roles.extend(loaded.dependencies);
            self.roles.push(loaded.role);
            out.push(loaded.block);
        }
    }

    pub fn include(
        &mut self,
        node: &Yaml,
        pairs: &[(Yaml, Yaml)],
        mut draft: Draft,
        parent: &Arc<Scope>,
        out: &mut Vec<Node>,
    ) {
        let role = &*draft.task.action == "ansible.builtin.include_role";
        if role && draft.task.handler {
            return self.error_at(node, format!("Using '{}' as a handler is not supported.", draft.task.written));
        }
        let right = if role { self.role_options(node, &mut draft) } else { self.include_file(node, &mut draft) };
        if !right {
            return;
        }
        if draft.task.args.contains_key("apply") {
            Arc::make_mut(&mut draft.task.args).shift_remove("apply");
            let apply = pairs.iter().find_map(|(_, value)| value.get("apply"));
            let Some(apply) = apply.filter(|apply| apply.as_map().is_some()) else {
                return self.error_at(node, "`apply` must be a mapping of keywords");
            };
            let keywords = self.apply(apply);
            let outer = variables_only(&draft.keywords.vars, Some(Arc::clone(parent)));
            draft.task.apply = Some(Scope::inside(&outer, keywords));
        }
        out.push(finish(draft, parent));
    }

    fn apply(&mut self, node: &Yaml) -> Keywords {
        let mut keywords = Keywords::default();
        for (key, value) in self.pairs(node, "`apply`").unwrap_or_default() {
            let Some(name) = self.name(key, Owner::Block) else { continue };
            if name != "name" && !self.shared(Owner::Block, &mut keywords, name, value) {
                self.unknown_keyword(key, name, Owner::Block);
            }
        }
        keywords
    }

    /// Checks the options of `…_tasks`, and puts the file's name into `_raw_params`.
    fn include_file(&mut self, node: &Yaml, draft: &mut Draft) -> bool {
        if !self.known_options(node, draft, FILE_OPTIONS) {
            return false;
        }
        let args = Arc::make_mut(&mut draft.task.args);
        let file = args.shift_remove("file");
        match args.get("_raw_params").cloned().or(file) {
            Some(name @ (Value::Str(_) | Value::Template(_))) if name.as_str() != Some("") => {
                args.insert(Key::from("_raw_params"), name);
                true
            }
            _ => {
                self.error_at(node, format!("No file specified for {}", draft.task.written));
                false
            }
        }
    }

    /// Checks the options of `…_role`, and calls the role's name `name`.
    fn role_options(&mut self, node: &Yaml, draft: &mut Draft) -> bool {
        if !self.known_options(node, draft, ROLE_OPTIONS) {
            return false;
        }
        let written = Arc::clone(&draft.task.written);
        let args = Arc::make_mut(&mut draft.task.args);
        let role = args.shift_remove("role");
        let Some(name) = args.shift_remove("name").or(role) else {
            self.error_at(node, format!("`{written}` needs `name`"));
            return false;
        };
        args.insert(Key::from("name"), super::reading::as_text(&name));
        let wrong = args
            .iter()
            .find(|(key, value)| key.as_str().is_some_and(|key| key.ends_with("_from")) && value.as_str().is_none());
        let message =
            wrong.map(|(key, value)| format!("Expected a string for {key} but got {} instead", value.type_name()));
        if let Some(message) = &message {
            self.error_at(node, message);
        }
        message.is_none()
    }

    fn known_options(&mut self, node: &Yaml, draft: &Draft, known: &[&str]) -> bool {
        let task = &draft.task;
        let import = task.action.starts_with("ansible.builtin.import_");
        let mut right = true;
        let invalid = |name: &str| Diagnostic::error(format!("Invalid options for {}: {name}", task.written));
        for name in task.args.keys().filter_map(Key::as_str) {
            let error = match name {
                "apply" if import => {
                    invalid(name).help("put the keywords on the import itself: all it brings in inherits them")
                }
                _ if known.contains(&name) => continue,
                "_raw_params" => {
                    Diagnostic::error(format!("`{}` takes options only, no text", task.written)).help("write `name: …`")
                }
                _ => invalid(name).suggest(name, known.iter().copied()),
            };
            self.error(error.at(&node.span));
            right = false;
        }
        right
    }

    /// What is expanded before any host is known cannot loop, and has no result.
    fn is_plain_import(&mut self, node: &Yaml, draft: &Draft) -> bool {
        let task = &draft.task;
        let idle = [
            ("register", task.register.is_some()),
            ("until", !task.until.is_empty()),
            ("retries", task.retries.is_some()),
            ("delay", task.delay.is_some()),
            ("changed_when", !task.changed_when.is_empty()),
            ("failed_when", !task.failed_when.is_empty()),
            ("async", task.async_.is_some()),
            ("poll", task.poll.is_some()),
            ("listen", !task.listen.is_empty()),
        ];
        for (name, _) in idle.into_iter().filter(|(_, given)| *given) {
            self.warn(Diagnostic::warning(format!("`{name}` has no effect on `{}`", task.written)).at(&node.span));
        }
        if task.loop_.is_some() {
            let dynamic = task.written.replace("import_", "include_");
            self.error(
                Diagnostic::error(format!("`{}` cannot loop: it is expanded before any host is known", task.written))
                    .at(&node.span)
                    .help(format!("use `{dynamic}`")),
            );
        }
        task.loop_.is_none()
    }

    /// The options of `import_role`, evaluated.
    fn role_spec(&mut self, task: &Task, scope: &Arc<Scope>) -> Option<RoleSpec> {
        let mut args = Map::default();
        for (key, value) in &*task.args {
            let what = format!("`{key}`");
            let text = self.resolve(&Spanned::new(value.clone(), task.span.clone()), scope, &what)?;
            args.insert(key.clone(), Value::str(text));
        }
        let spec = RoleSpec::from_args(&args).map_err(|error| match &task.span {
            Some(span) => error.at(span),
            None => error,
        });
        self.ok(spec)
    }
}

/// The level that an import makes: all its keywords hold for what it brings in.
fn import_scope(keywords: Keywords, parent: &Arc<Scope>, dir: Option<Arc<Path>>) -> Arc<Scope> {
    Arc::new(Scope { keywords, parent: Some(Arc::clone(parent)), include_params: true, dir, ..Scope::default() })
}
