//! Playbooks and plays.

use super::files::find_playbook;
use super::keyword_table::{Form, Owner};
use super::reading::{Reading, as_text, shown};
use super::unsupported::refused;
use super::{Keywords, Play, Prompt, Scope, Spanned};
use crate::diagnostic::Diagnostic;
use crate::system::local_files;
use crate::value::{Map, Value};
use crate::yaml::{Node as Yaml, NodeKind};
use std::path::Path;
use std::sync::Arc;

/// What `import_playbook` adds to the plays it brings in.
#[derive(Clone, Default)]
struct Imported {
    vars: Map,
    tags: Vec<Value>,
    when: Vec<Spanned<Value>>,
}

impl Reading<'_> {
    /// The plays of a file and of those it imports.
    pub fn plays(&mut self, path: &Path) -> Vec<Arc<Play>> {
        let mut plays = Vec::new();
        self.playbook_file(path, None, &Imported::default(), &mut plays);
        plays
    }

    fn playbook_file(&mut self, path: &Path, from: Option<&Yaml>, imported: &Imported, plays: &mut Vec<Arc<Play>>) {
        let at = |error: Diagnostic| match from {
            Some(node) => error.at(&node.span),
            None => error,
        };
        let Some(file) = self.ok(self.loader.file(path).map_err(at)) else { return };
        let Some(root) = &*file else {
            return self.error(at(Diagnostic::error(format!(
                "{} is empty: a playbook has at least one play",
                path.display()
            ))));
        };
        let NodeKind::Seq(entries) = &root.kind else {
            return self.error_at(root, format!("a playbook must be a list of plays, not {}", root.type_name()));
        };
        if entries.is_empty() {
            self.error_at(root, "A playbook must contain at least one play");
        }
        let absolute = local_files::absolute(path);
        let dir = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        self.loader.library.add(&dir);
        let outer = std::mem::replace(&mut self.dir, dir);
        self.open.push(absolute);
        for entry in entries.iter() {
            let Some(pairs) = entry.as_map() else {
                self.error_at(entry, format!("a play must be a mapping, not {}", entry.type_name()));
                continue;
            };
            let import = pairs.iter().find(|(key, _)| key.as_str().is_some_and(is_import));
            match import {
                Some((_, name)) => self.import_playbook(entry, pairs, name, imported, plays),
                None => plays.extend(self.play(entry, pairs, imported)),
            }
        }
        self.open.pop();
        self.dir = outer;
    }

    fn import_playbook(
        &mut self,
        entry: &Yaml,
        pairs: &[(Yaml, Yaml)],
        name: &Yaml,
        outer: &Imported,
        plays: &mut Vec<Arc<Play>>,
    ) {
        let mut keywords = Keywords::default();
        for (key, value) in pairs {
            let Some(keyword) = self.name(key, Owner::ImportPlaybook) else { continue };
            match keyword {
                "name" => {}
                _ if is_import(keyword) => {}
                "vars" | "tags" | "when" => {
                    self.shared(Owner::ImportPlaybook, &mut keywords, keyword, value);
                }
                _ if Owner::ImportPlaybook.has(keyword) => self.warn(
                    Diagnostic::warning(format!("`{keyword}` has no effect on `import_playbook`"))
                        .at(&key.span)
                        .help("set it on the plays"),
                ),
                _ => self.unknown_keyword(key, keyword, Owner::ImportPlaybook),
            }
        }
        let mut imported = outer.clone();
        let mut vars = Map::clone(&keywords.vars);
        vars.extend(imported.vars);
        imported.vars = vars;
        imported.tags.append(&mut keywords.tags.clone());
        imported.when.append(&mut keywords.when.clone());
        let scope = Arc::new(Scope {
            keywords: Keywords { vars: Arc::new(imported.vars.clone()), ..Keywords::default() },
            dir: Some(self.dir.as_path().into()),
            ..Scope::default()
        });
        let name = self.spanned(name);
        let Some(name) = self.resolve(&name, &scope, "the name of a playbook") else { return };
        let found = find_playbook(&name, &self.dir, &self.loader.options);
        let Some(path) = self.ok(found.map_err(|error| error.at(&entry.span))) else { return };
        if self.open.contains(&path) {
            return self.error_at(entry, format!("{} imports itself", path.display()));
        }
        self.playbook_file(&path, Some(entry), &imported, plays);
    }

    fn play(&mut self, node: &Yaml, pairs: &[(Yaml, Yaml)], imported: &Imported) -> Option<Arc<Play>> {
        let mut play = Play { span: Some(node.span.clone()), dir: self.dir.clone(), ..Play::default() };
        let mut keywords = Keywords::default();
        self.look_in_collections(pairs, None);
        let mut lists: Vec<(&str, &Yaml)> = Vec::new();
        for (key, value) in pairs {
            let Some(name) = self.name(key, Owner::Play) else { continue };
            match name {
                "roles" | "pre_tasks" | "tasks" | "post_tasks" | "handlers" => lists.push((name, value)),
                "user" if node.get("remote_user").is_some() => {
                    self.error_at(key, "both 'user' and 'remote_user' are set for this play. The use of 'user' is deprecated, and should be removed");
                }
                "user" => {
                    self.shared(Owner::Play, &mut keywords, "remote_user", value);
                }
                _ if self.shared(Owner::Play, &mut keywords, name, value) => {}
                _ if Owner::Play.has(name) => self.play_keyword(&mut play, name, value),
                _ => self.unknown_keyword(key, name, Owner::Play),
            }
        }
        if node.get("hosts").is_none() {
            self.error_at(node, "a play needs `hosts`");
        }
        if keywords.collections.is_empty() {
            keywords.collections.extend(self.own_collection());
        }
        let mut vars = Map::clone(&keywords.vars);
        vars.extend(imported.vars.clone());
        keywords.vars = Arc::new(vars);
        keywords.tags.extend(imported.tags.iter().cloned());
        keywords.when.clone_from(&imported.when);
        play.scope = Arc::new(Scope { keywords, dir: Some(self.dir.as_path().into()), ..Scope::default() });
        let scope = Arc::clone(&play.scope);
        let outer = std::mem::take(&mut self.roles);
        for section in ["roles", "pre_tasks", "tasks", "post_tasks", "handlers"] {
            let Some((_, list)) = lists.iter().find(|(name, _)| *name == section) else { continue };
            let what = format!("`{section}`");
            match section {
                "roles" => play.roles = self.play_roles(list, &scope),
                "pre_tasks" => play.pre_tasks = self.nodes(list, &what, &scope, false),
                "tasks" => play.tasks = self.nodes(list, &what, &scope, false),
                "post_tasks" => play.post_tasks = self.nodes(list, &what, &scope, false),
                _ => play.handlers = self.nodes(list, &what, &scope, true),
            }
        }
        play.static_roles = std::mem::replace(&mut self.roles, outer);
        Some(Arc::new(play))
    }

    fn play_keyword(&mut self, play: &mut Play, name: &str, value: &Yaml) {
        match name {
            "name" => play.name = self.form(name, Form::Text, value),
            "hosts" => play.hosts = self.hosts(value),
            "gather_facts" => play.gather_facts = self.form(name, Form::Bool, value),
            "gather_subset" => play.gather_subset = self.some(value),
            "gather_timeout" => play.gather_timeout = self.form(name, Form::Number, value),
            "fact_path" => play.fact_path = self.form(name, Form::Text, value),
            "force_handlers" => play.force_handlers = self.form(name, Form::Bool, value),
            "vars_files" => play.vars_files = self.vars_files(value),
            "vars_prompt" => play.vars_prompt = self.prompts(value),
            "serial" => play.serial = self.serial(value),
            "max_fail_percentage" => play.max_fail_percentage = self.percentage(name, value),
            "strategy" => {
                play.strategy = self.form(name, Form::Text, value);
                let why = play.strategy.as_ref().and_then(|strategy| refused(name, &strategy.value));
                if let Some(why) = why {
                    self.error_at(value, why);
                }
            }
            "order" => {
                const ORDERS: [&str; 5] = ["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"];
                play.order = self.form(name, Form::Text, value);
                if let Some(Value::Str(text)) = play.order.as_ref().map(|order| &order.value)
                    && !ORDERS.contains(&&**text)
                {
                    let error = Diagnostic::error(format!("`order: {text}` is not known")).at(&value.span);
                    self.error(error.suggest(text, ORDERS));
                }
            }
            _ => self.error_at(value, format!("`{name}` cannot stand here")),
        }
    }

    fn hosts(&mut self, node: &Yaml) -> Vec<Spanned<Value>> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let mut hosts = Vec::with_capacity(nodes.len());
        for item in nodes {
            match &item.kind {
                NodeKind::Str(text) | NodeKind::Unsafe(text) if !text.trim().is_empty() => {
                    hosts.push(self.spanned(item))
                }
                NodeKind::Vault(_) => hosts.push(self.spanned(item)),
                _ => self.error_at(item, format!("a host pattern must be text, not {}", shown(item))),
            }
        }
        if nodes.is_empty() {
            self.error_at(node, "Hosts list cannot be empty. Please check your playbook");
        }
        hosts
    }

    /// Names, or lists of names of which the first that is there counts.
    fn vars_files(&mut self, node: &Yaml) -> Vec<Spanned<Value>> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let mut files = Vec::with_capacity(nodes.len());
        for item in nodes {
            let is_text = |node: &Yaml| matches!(node.kind, NodeKind::Str(_) | NodeKind::Unsafe(_));
            if is_text(item) || item.as_seq().is_some_and(|names| names.iter().all(is_text)) {
                files.push(self.spanned(item));
            } else if !item.is_null() {
                self.error_at(item, format!("`vars_files` must be names of files, not {}", item.type_name()));
            }
        }
        files
    }

    fn serial(&mut self, node: &Yaml) -> Option<Spanned<Value>> {
        for item in node.as_seq().unwrap_or(std::slice::from_ref(node)) {
            self.percentage("serial", item);
        }
        self.some(node)
    }

    /// A number, with or without `%`.
    fn percentage(&mut self, name: &str, node: &Yaml) -> Option<Spanned<Value>> {
        let value = self.some(node)?;
        let fits = match &value.value {
            Value::Template(_) | Value::Int(_) | Value::Float(_) => true,
            Value::Str(text) => text.trim().trim_end_matches('%').trim().parse::<f64>().is_ok(),
            _ => false,
        };
        if !fits {
            self.error_at(node, format!("`{name}` must be a number or a percentage, not {}", shown(node)));
        }
        Some(value)
    }

    fn prompts(&mut self, node: &Yaml) -> Vec<Prompt> {
        let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
        nodes.iter().filter(|node| !node.is_null()).filter_map(|node| self.prompt(node)).collect()
    }

    fn prompt(&mut self, node: &Yaml) -> Option<Prompt> {
        const KEYS: [&str; 9] =
            ["name", "prompt", "default", "private", "confirm", "encrypt", "salt", "salt_size", "unsafe"];
        let mut prompt = Prompt {
            name: "".into(),
            prompt: None,
            default: None,
            private: true,
            confirm: false,
            encrypt: None,
            salt: None,
            salt_size: None,
            unsafe_: false,
        };
        for (key, value) in self.pairs(node, "an entry of `vars_prompt`")? {
            let Some(name) = key.as_str().filter(|name| KEYS.contains(name)) else {
                let name = key.as_str().unwrap_or_default();
                let message = format!("Invalid vars_prompt data structure, found unsupported key '{name}'");
                let error = Diagnostic::error(message).at(&key.span);
                self.error(error.suggest(name, KEYS));
                continue;
            };
            let plain = self.value(value);
            let text = || as_text(&plain).as_str().map(Arc::from);
            match name {
                "name" => match value.as_str() {
                    Some(name) if super::reading::is_variable_name(name) => prompt.name = name.into(),
                    _ => self.bad_variable_name(value),
                },
                "prompt" => prompt.prompt = Some(as_text(&plain)),
                "default" => prompt.default = Some(plain),
                "encrypt" => prompt.encrypt = text(),
                "salt" => prompt.salt = text(),
                "salt_size" => match &plain {
                    Value::Int(size) => prompt.salt_size = Some(*size),
                    _ => self.error_at(value, format!("`salt_size` must be a whole number, not {}", shown(value))),
                },
                flag => {
                    let Some(given) = plain.as_bool() else {
                        self.error_at(value, format!("`{flag}` must be yes or no, not {}", shown(value)));
                        continue;
                    };
                    match flag {
                        "private" => prompt.private = given,
                        "confirm" => prompt.confirm = given,
                        _ => prompt.unsafe_ = given,
                    }
                }
            }
        }
        if prompt.name.is_empty() && node.get("name").is_none() {
            self.error_at(node, "Invalid vars_prompt data structure, missing 'name' key");
        }
        Some(prompt)
    }
}

fn is_import(key: &str) -> bool {
    matches!(key, "import_playbook" | "ansible.builtin.import_playbook" | "ansible.legacy.import_playbook")
}
