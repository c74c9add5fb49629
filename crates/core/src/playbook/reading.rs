//! One run of the loader: errors found so far, and the small steps from YAML to keywords.

use super::keyword_table::{Form, Owner, SINGLES, Single};
use super::keywords::Keyword;
use super::known_modules::known_module;
use super::reserved;
use super::unsupported::refused;
use super::{Keywords, Loader, Role, Scope, Spanned, Statics};
use crate::diagnostic::Diagnostic;
use crate::plugins::collection_around;
use crate::value::{Key, Map, Value, has_jinja};
use crate::yaml::{Node as Yaml, NodeKind, Trust};
use std::path::PathBuf;
use std::sync::Arc;

/// What the steps of one load share.
pub(super) struct Reading<'a> {
    pub loader: &'a Loader,
    pub statics: &'a dyn Statics,
    pub errors: Vec<Diagnostic>,
    /// Directory of the playbook.
    pub dir: PathBuf,
    /// Files being read, the outermost first: none may bring itself in.
    pub open: Vec<PathBuf>,
    /// Roles that were brought in, with their handlers.
    pub roles: Vec<Arc<Role>>,
    /// Collections in which short names of modules are looked for, at the place that is being read.
    pub collections: Vec<Arc<str>>,
}

impl<'a> Reading<'a> {
    pub fn new(loader: &'a Loader, statics: &'a dyn Statics, dir: PathBuf) -> Self {
        Self { loader, statics, errors: Vec::new(), dir, open: Vec::new(), roles: Vec::new(), collections: Vec::new() }
    }

    /// The result, if nothing went wrong.
    pub fn finish<T>(self, result: Option<T>) -> Result<T, Vec<Diagnostic>> {
        match result {
            Some(result) if self.errors.is_empty() => Ok(result),
            _ => Err(self.errors),
        }
    }

    pub fn error(&mut self, error: Diagnostic) {
        self.errors.push(error);
    }

    pub fn error_at(&mut self, node: &Yaml, message: impl Into<String>) {
        self.errors.push(Diagnostic::error(message).at(&node.span));
    }

    /// The value, or `None` with the error noted.
    pub fn ok<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    pub fn warn(&self, warning: Diagnostic) {
        self.loader.warn(warning);
    }

    pub fn value(&self, node: &Yaml) -> Value {
        node.to_value(&self.loader.options.vault, Trust::Trusted)
    }

    pub fn spanned(&self, node: &Yaml) -> Spanned<Value> {
        Spanned::new(self.value(node), Some(node.span.clone()))
    }

    /// A value unless it is nothing.
    pub fn some(&self, node: &Yaml) -> Keyword {
        (!node.is_null()).then(|| self.spanned(node))
    }

    /// The pairs of a mapping; nothing is an empty one.
    pub fn pairs<'y>(&mut self, node: &'y Yaml, what: &str) -> Option<&'y [(Yaml, Yaml)]> {
        if node.is_null() {
            return Some(&[]);
        }
        let pairs = node.as_map();
        if pairs.is_none() {
            self.error_at(node, format!("{what} must be a mapping, not {}", node.type_name()));
        }
        pairs
    }

    /// The items of a list; nothing is an empty one.
    pub fn items<'y>(&mut self, node: &'y Yaml, what: &str) -> &'y [Yaml] {
        match &node.kind {
            NodeKind::Seq(items) => items,
            NodeKind::Null => &[],
            _ => {
                let name = what.trim_matches('`');
                self.error_at(
                    node,
                    match name {
                        "roles" => "A malformed role declaration was encountered.".to_owned(),
                        "pre_tasks" | "tasks" | "post_tasks" | "handlers" => {
                            let found = crate::template::Templar::text_of(&self.value(node));
                            format!("A malformed block was encountered while loading {name}: {found} should be a list or None")
                        }
                        _ => format!("{what} must be a list, not {}", node.type_name()),
                    },
                );
                &[]
            }
        }
    }

    /// The text of a keyword's name.
    pub fn name<'y>(&mut self, key: &'y Yaml, owner: Owner) -> Option<&'y str> {
        let name = key.as_str();
        if name.is_none() {
            self.error_at(key, format!("a keyword of {} must be text, not {}", owner.title(), key.type_name()));
        }
        name
    }

    pub fn unknown_keyword(&mut self, key: &Yaml, name: &str, owner: Owner) {
        // One that no task has may be meant for an action: it is refused all the same, as by Ansible.
        let of_task = matches!(owner, Owner::Task | Owner::Handler | Owner::Include | Owner::HandlerInclude);
        if of_task && self.loader.options.lenient && Owner::Handler.has(name) {
            self.warn(Diagnostic::warning(format!("Ignoring invalid attribute: {name}")).at(&key.span));
            return;
        }
        let error =
            Diagnostic::error(format!("'{name}' is not a valid attribute for a {}", owner.class())).at(&key.span);
        let error = match name {
            "sudo" | "su" => error.help("use `become: true`"),
            "sudo_user" | "su_user" => error.help("use `become_user`"),
            _ if matches!(owner, Owner::Include | Owner::HandlerInclude) && Owner::Block.has(name) => {
                error.help("put it below `apply`, for what is included")
            }
            _ => error.suggest(name, owner.keywords()),
        };
        self.error(error);
    }

    /// Reads a keyword that several kinds of owners have. False if `name` is none of them.
    pub fn shared(&mut self, owner: Owner, keywords: &mut Keywords, name: &str, value: &Yaml) -> bool {
        if !owner.has(name) {
            return false;
        }
        match name {
            "when" => keywords.when = self.conditions(value, "when"),
            "tags" => keywords.tags = self.tags(value),
            "vars" => keywords.vars = Arc::new(self.vars(value)),
            "collections" => {
                let words = self.words(value, "collections");
                keywords.collections = self.with_own(words);
            }
            "notify" => keywords.notify = self.texts(value, "notify"),
            "module_defaults" => keywords.module_defaults = self.module_defaults(value),
            _ => match SINGLES.iter().find(|single| single.name == name) {
                Some(single) => *(single.slot)(keywords) = self.single(single, value),
                None => return false,
            },
        }
        true
    }

    fn single(&mut self, single: &Single, node: &Yaml) -> Keyword {
        // Where failures are minded a word that is neither yes nor no is one of the task.
        let keyword = match (single.form, &node.kind) {
            (Form::Bool, NodeKind::Str(_)) => self.some(node)?,
            _ => self.form(single.name, single.form, node)?,
        };
        if let Some(why) = refused(single.name, &keyword.value) {
            self.error_at(node, why);
        }
        Some(keyword)
    }

    /// A value, checked as far as it is known before it is evaluated.
    pub fn form(&mut self, name: &str, form: Form, node: &Yaml) -> Keyword {
        let mut keyword = self.some(node)?;
        let value = &mut keyword.value;
        let (fits, wanted) = match (form, &*value) {
            (_, Value::Template(_) | Value::Vault(_)) => (true, ""),
            (Form::Bool, value) => (value.as_bool().is_some(), "yes or no"),
            (Form::Number, Value::Int(_) | Value::Float(_)) => (true, ""),
            (Form::Number, value) => {
                (value.as_str().is_some_and(|text| text.trim().parse::<f64>().is_ok()), "a number")
            }
            (Form::Text, value) => (!matches!(value, Value::List(_) | Value::Map(_)), "text"),
            (Form::Maps, Value::Map(_)) => (true, ""),
            (Form::Maps, Value::List(items)) => {
                let fits = |item: &Value| matches!(item, Value::Map(_) | Value::Template(_));
                (items.iter().all(fits), "a mapping or a list of mappings")
            }
            (Form::Maps, _) => (false, "a mapping or a list of mappings"),
        };
        if !fits {
            self.error_at(node, format!("`{name}` must be {wanted}, not {}", shown(node)));
            return None;
        }
        if form == Form::Text {
            *value = as_text(value);
        }
        Some(keyword)
    }

    /// `when`, `until`, `changed_when` …: one expression or a list of them.
    pub fn conditions(&mut self, node: &Yaml, name: &str) -> Vec<Spanned<Value>> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let mut conditions = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                NodeKind::Null if nodes.len() == 1 => continue,
                NodeKind::Null | NodeKind::Seq(_) | NodeKind::Map(_) => {
                    let error = Diagnostic::error(format!("`{name}` must be an expression, not {}", node.type_name()));
                    let colon = node.as_map().is_some();
                    self.error(
                        if colon { error.help("quote an expression with `: ` in it") } else { error }.at(&node.span),
                    );
                    continue;
                }
                NodeKind::Str(text) if has_jinja(text) => self.warn(
                    Diagnostic::warning(format!(
                        "`{name}` is an expression already: it needs no `{{{{ }}}}` or `{{% %}}`"
                    ))
                    .at(&node.span),
                ),
                _ => {}
            }
            conditions.push(self.spanned(node));
        }
        conditions
    }

    /// Tags: `a, b`, or a list.
    pub fn tags(&mut self, node: &Yaml) -> Vec<Value> {
        match &node.kind {
            NodeKind::Null => Vec::new(),
            NodeKind::Str(text) => {
                let parts = split_outside_jinja(text).into_iter().map(str::trim).filter(|part| !part.is_empty());
                parts.map(|part| Value::trusted(part, Some(node.span.clone()))).collect()
            }
            NodeKind::Int(_) | NodeKind::Unsafe(_) => vec![as_text(&self.value(node))],
            NodeKind::Seq(items) => {
                let mut tags = Vec::with_capacity(items.len());
                for item in items.iter() {
                    match &item.kind {
                        NodeKind::Str(_) | NodeKind::Unsafe(_) | NodeKind::Int(_) => {
                            tags.push(as_text(&self.value(item)))
                        }
                        NodeKind::Seq(_) => tags.extend(self.tags(item)),
                        _ => self.error_at(item, format!("a tag must be text, not {}", shown(item))),
                    }
                }
                tags
            }
            _ => {
                self.error_at(node, format!("`tags` must be text or a list, not {}", shown(node)));
                Vec::new()
            }
        }
    }

    /// `vars`: names and values.
    pub fn vars(&mut self, node: &Yaml) -> Map {
        let mut vars = Map::default();
        for (key, value) in self.pairs(node, "`vars`").unwrap_or_default() {
            match key.as_str() {
                Some(name) if is_variable_name(name) => {
                    reserved::warning(name, Some(&key.span)).into_iter().for_each(|warning| self.loader.warn(warning));
                    vars.insert(Key::from(name), self.value(value));
                }
                _ => self.bad_variable_name(key),
            }
        }
        vars
    }

    pub fn bad_variable_name(&mut self, node: &Yaml) {
        self.error(
            Diagnostic::error(format!("Invalid variable name {}", shown(node).replace('`', "'"))).at(&node.span).help(
                "names are letters, digits and underscores, do not begin with a digit, and are no Python keyword",
            ),
        );
    }

    /// A list of texts without templates, or one of them.
    pub fn words(&mut self, node: &Yaml, name: &str) -> Vec<Arc<str>> {
        self.texts(node, name).into_iter().filter_map(|text| text.value.as_str().map(Arc::from)).collect()
    }

    /// From now on, short names of modules are looked for in the collections of the level whose pairs these are.
    pub fn look_in_collections(&mut self, pairs: &[(Yaml, Yaml)], parent: Option<&Scope>) {
        let own = pairs.iter().find(|(key, _)| key.as_str() == Some("collections"));
        self.collections = match own {
            Some((_, value)) => self.words(value, "collections"),
            None => parent.map(Scope::collections).unwrap_or_default().to_vec(),
        };
        if own.is_some() || parent.is_none() {
            let collections = std::mem::take(&mut self.collections);
            self.collections = self.with_own(collections);
        }
    }

    /// The collection that the playbook lies in: names are looked for there first.
    pub fn own_collection(&self) -> Option<Arc<str>> {
        collection_around(&self.dir).map(Arc::from)
    }

    /// Collections, after the playbook's own.
    pub fn with_own(&self, collections: Vec<Arc<str>>) -> Vec<Arc<str>> {
        let own = self.own_collection().filter(|own| !collections.contains(own));
        own.into_iter().chain(collections).collect()
    }

    /// A list of texts, or one of them.
    pub fn texts(&mut self, node: &Yaml, name: &str) -> Vec<Spanned<Value>> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let mut texts = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.kind {
                NodeKind::Null => {}
                NodeKind::Seq(_) | NodeKind::Map(_) => {
                    self.error_at(node, format!("`{name}` must be text or a list of texts, not {}", node.type_name()));
                }
                _ => texts.push(Spanned::new(as_text(&self.value(node)), Some(node.span.clone()))),
            }
        }
        texts
    }

    /// Arguments by module; its names become full names.
    fn module_defaults(&mut self, node: &Yaml) -> Keyword {
        if node.is_null() {
            return None;
        }
        let mut maps = Vec::new();
        for node in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
            let Some(pairs) = node.as_map() else {
                self.error_at(
                    node,
                    format!("`module_defaults` must be a mapping of modules, not {}", node.type_name()),
                );
                continue;
            };
            let mut map = Map::default();
            for (key, value) in pairs {
                if let Some(name) = self.defaults_key(key) {
                    map.insert(name, self.value(value));
                }
            }
            maps.push(Value::from(map));
        }
        let value = if node.as_seq().is_some() { Value::from(maps) } else { maps.pop()? };
        Some(Spanned::new(value, Some(node.span.clone())))
    }

    fn defaults_key(&mut self, key: &Yaml) -> Option<Key> {
        let name = self.name(key, Owner::Task)?;
        if let Some(group) = name.strip_prefix("group/") {
            let plugins = self.loader.plugins();
            let full = self.collections.iter().map(|collection| format!("{collection}.{group}"));
            let mut full = full.filter(|full| !group.contains('.') && plugins.collections.group(full).is_some());
            let group = full.next().unwrap_or_else(|| group.to_owned());
            for fault in plugins.faults_of_group(&group) {
                self.warn(Diagnostic::warning(fault).at(&key.span));
            }
            return Some(Key::from(format!("group/{group}")));
        }
        let name = &*self.loader.in_collections(name, &self.collections);
        if let Some(full) = self.loader.defaults_name(name) {
            return Some(Key::Str(full));
        }
        if let Some(full) = known_module(name) {
            return Some(Key::from(full));
        }
        let names = self.loader.options.actions.names();
        let unknown = format!("unknown module `{name}`");
        if self.loader.options.defer_unbuilt {
            // Ansible says nothing of defaults for what is not there.
            self.warn(Diagnostic::warning(unknown).at(&key.span).suggest(name, names.iter().map(|name| &**name)));
            return Some(Key::from(name));
        }
        self.error(Diagnostic::error(unknown).at(&key.span).suggest(name, names.iter().map(|name| &**name)));
        None
    }

    /// Evaluates a name that a static import needs before any host is known.
    pub fn resolve(&mut self, value: &Spanned<Value>, scope: &Arc<Scope>, what: &str) -> Option<Arc<str>> {
        let resolved = if value.value.is_lazy() {
            let resolved = self.statics.resolve(&value.value, scope).map_err(|error| {
                let help = "names of imports and roles are evaluated before any host is known: only extra variables and variables of \
                            the play and its roles can stand in them";
                let error = if error.help.is_none() { error.help(help) } else { error };
                match &value.span {
                    Some(span) => error.at(span),
                    None => error,
                }
            });
            self.ok(resolved)?
        } else {
            value.value.clone()
        };
        match as_text(&resolved) {
            Value::Str(text) if !text.is_empty() => Some(text.into()),
            other => {
                let mut error = Diagnostic::error(format!("{what} must be text, not {}", other.type_name()));
                if let Some(span) = &value.span {
                    error = error.at(span);
                }
                self.error(error);
                None
            }
        }
    }
}

/// Numbers and booleans as the text that Python makes of them.
pub(super) fn as_text(value: &Value) -> Value {
    match value {
        Value::Int(value) => Value::from(value.to_string()),
        Value::Float(value) => Value::from(format!("{value:?}")),
        Value::Bool(value) => Value::from(if *value { "True" } else { "False" }),
        other => other.clone(),
    }
}

/// A value as messages show it.
pub(super) fn shown(node: &Yaml) -> String {
    match node.as_str() {
        Some(text) => format!("`{text}`"),
        None => node.type_name().to_owned(),
    }
}

/// Whether it can be a variable's name.
/// Whether a variable may be called so.
pub(crate) fn is_variable_name(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
        "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
        "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
    ];
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        && !KEYWORDS.contains(&name)
}

/// The parts between commas that stand in no Jinja block.
fn split_outside_jinja(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut begin, mut depth) = (0, 0_usize);
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}
