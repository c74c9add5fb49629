//! Lists of tasks and blocks.

use super::call::Call;
use super::keyword_table::{Form, Owner};
use super::reading::{Reading, is_variable_name};
use super::{Block, Keywords, Loop, LoopControl, Node, Scope, Spanned, Task};
use crate::diagnostic::Diagnostic;
use crate::plugins::Kind;
use crate::text::nearest;
use crate::value::{Key, Value, has_jinja};
use crate::yaml::{Node as Yaml, NodeKind};
use std::sync::Arc;

/// A task whose scope is still to be made of its keywords.
pub(super) struct Draft {
    pub task: Task,
    pub keywords: Keywords,
}

impl Reading<'_> {
    /// A list of tasks and blocks, or of handlers.
    pub fn nodes(&mut self, list: &Yaml, what: &str, parent: &Arc<Scope>, handlers: bool) -> Vec<Node> {
        let items = self.items(list, what);
        let mut nodes = Vec::with_capacity(items.len());
        for item in items {
            match &item.kind {
                NodeKind::Map(pairs) if is_block(pairs) => self.block(item, pairs, parent, handlers, &mut nodes),
                NodeKind::Map(pairs) => self.task(item, pairs, parent, handlers, &mut nodes),
                NodeKind::Null => {
                    self.warn(Diagnostic::warning("an empty list item where a task was expected").at(&item.span))
                }
                _ => self.error_at(item, format!("a task must be a mapping, not {}", item.type_name())),
            }
        }
        nodes
    }

    fn block(&mut self, node: &Yaml, pairs: &[(Yaml, Yaml)], parent: &Arc<Scope>, handlers: bool, out: &mut Vec<Node>) {
        let mut keywords = Keywords::default();
        let mut block = Block { span: Some(node.span.clone()), ..Block::default() };
        self.look_in_collections(pairs, Some(parent));
        let mut lists = [None, None, None];
        for (key, value) in pairs {
            let Some(name) = self.name(key, Owner::Block) else { continue };
            match name {
                "name" => block.name = self.form("name", Form::Text, value),
                "block" => lists[0] = Some(value),
                "rescue" | "always" if handlers => {
                    self.error_at(key, format!("`{name}` is not supported among handlers"))
                }
                "rescue" => lists[1] = Some(value),
                "always" => lists[2] = Some(value),
                _ if self.shared(Owner::Block, &mut keywords, name, value) => {}
                _ => self.unknown_keyword(key, name, Owner::Block),
            }
        }
        if lists[0].is_none_or(|list| list.as_seq().is_some_and(<[_]>::is_empty) || list.is_null())
            && lists[1..].iter().any(Option::is_some)
        {
            self.error_at(node, "`rescue` and `always` need a `block` with tasks beside them");
        }
        block.scope = Scope::inside(parent, keywords);
        let scope = Arc::clone(&block.scope);
        let [inner, rescue, always] = lists;
        if handlers {
            if let Some(nested) = inner.and_then(|list| list.as_seq()?.iter().find(|item| item.get("block").is_some()))
            {
                return self.error_at(nested, "Using a block as a handler is not supported.");
            }
            // Handlers are notified one by one: what they inherit is in their scope.
            out.extend(inner.map(|list| self.nodes(list, "`block`", &scope, true)).unwrap_or_default());
            return;
        }
        let mut read =
            |list: Option<&Yaml>, what| list.map(|list| self.nodes(list, what, &scope, false)).unwrap_or_default();
        block.block = read(inner, "`block`");
        block.rescue = read(rescue, "`rescue`");
        block.always = read(always, "`always`");
        out.push(Node::Block(Arc::new(block)));
    }

    fn task(&mut self, node: &Yaml, pairs: &[(Yaml, Yaml)], parent: &Arc<Scope>, handler: bool, out: &mut Vec<Node>) {
        let owner = if handler { Owner::Handler } else { Owner::Task };
        self.look_in_collections(pairs, Some(parent));
        let Some(call) = self.call(node, pairs, owner) else { return };
        let include = matches!(&*call.action, "ansible.builtin.include_tasks" | "ansible.builtin.include_role");
        let owner = match (include, handler) {
            (true, true) => Owner::HandlerInclude,
            (true, false) => Owner::Include,
            _ => owner,
        };
        let mut draft = self.draft(node, pairs, owner, call);
        draft.task.handler = handler;
        match &*Arc::clone(&draft.task.action) {
            "ansible.builtin.import_tasks" => self.import_tasks(node, draft, parent, out),
            "ansible.builtin.import_role" => self.import_role(node, draft, parent, out),
            "ansible.builtin.include_tasks" | "ansible.builtin.include_role" => {
                self.include(node, pairs, draft, parent, out)
            }
            "ansible.builtin.meta" => {
                self.check_meta(node, &draft, parent);
                out.push(finish(draft, parent));
            }
            _ => out.push(finish(draft, parent)),
        }
    }

    fn draft(&mut self, node: &Yaml, pairs: &[(Yaml, Yaml)], owner: Owner, call: Call) -> Draft {
        let mut task = Task {
            span: Some(node.span.clone()),
            written: call.written,
            action: call.action,
            args: Arc::new(call.args),
            ..Task::default()
        };
        let mut keywords = Keywords::default();
        if call.local {
            keywords.delegate_to = Some(Value::from("localhost").into());
        }
        let mut control = None;
        for (key, value) in pairs {
            let Some(name) = key.as_str() else { continue };
            match name {
                "action" | "local_action" | "args" => {}
                "delegate_to" if call.local => {
                    self.error_at(key, "`local_action` and `delegate_to` exclude each other")
                }
                _ if name.starts_with("with_") => self.loop_(&mut task, key, Some(&name["with_".len()..]), value),
                "loop" if !value.is_null() => self.loop_(&mut task, key, None, value),
                "loop_control" => control = Some((key, self.loop_control(value))),
                _ if owner.has(name) => self.task_keyword(&mut task, &mut keywords, owner, name, value),
                _ if Owner::Handler.has(name) => self.unknown_keyword(key, name, owner),
                _ => {}
            }
        }
        match (&mut task.loop_, control) {
            (Some(loop_), Some((_, control))) => loop_.control = control,
            (None, Some((key, _))) => {
                self.warn(Diagnostic::warning("`loop_control` has no effect without a loop").at(&key.span));
            }
            (_, None) => {}
        }
        Draft { task, keywords }
    }

    fn task_keyword(&mut self, task: &mut Task, keywords: &mut Keywords, owner: Owner, name: &str, value: &Yaml) {
        match name {
            "name" => task.name = self.form(name, Form::Text, value),
            "register" => task.register = self.register(value),
            "until" => task.until = self.conditions(value, name),
            "changed_when" => task.changed_when = self.conditions(value, name),
            "failed_when" => task.failed_when = self.conditions(value, name),
            "retries" => task.retries = self.form(name, Form::Number, value),
            "delay" => task.delay = self.form(name, Form::Number, value),
            "async" => task.async_ = self.form(name, Form::Number, value),
            "poll" => task.poll = self.form(name, Form::Number, value),
            "listen" => task.listen = self.texts(value, name),
            _ => {
                self.shared(owner, keywords, name, value);
            }
        }
    }

    fn register(&mut self, node: &Yaml) -> Option<Arc<str>> {
        match node.as_str() {
            Some(name) if is_variable_name(name) => Some(name.into()),
            None if node.is_null() => None,
            _ => {
                self.bad_variable_name(node);
                None
            }
        }
    }

    fn loop_(&mut self, task: &mut Task, key: &Yaml, lookup: Option<&str>, value: &Yaml) {
        if task.loop_.is_some() {
            return self.error_at(key, "a task has one loop, but this is a second one");
        }
        if let Some(lookup) = lookup {
            let is_users = || self.loader.plugins().find(Kind::Lookup, lookup, false).is_some();
            if !lookup.contains('.') && !LOOKUPS.contains(&lookup) && !is_users() {
                let error = Diagnostic::error(format!("unknown loop `with_{lookup}`")).at(&key.span);
                let near = nearest(lookup, LOOKUPS.iter().copied());
                return self.error(match near {
                    Some(near) => error.help(format!("did you mean `with_{near}`?")),
                    None => error,
                });
            }
            if value.is_null() {
                return self.error_at(key, format!("`with_{lookup}` needs a value"));
            }
        }
        let literal = match &value.kind {
            NodeKind::Seq(_) | NodeKind::Vault(_) => false,
            NodeKind::Str(text) => !has_jinja(text),
            _ => true,
        };
        if lookup.is_none() && literal {
            let error = Diagnostic::error(format!("`loop` must be a list, not {}", value.type_name())).at(&value.span);
            return self.error(match value.as_str() {
                Some(text) if is_variable_name(text) => {
                    error.help(format!("for a variable, write `loop: \"{{{{ {text} }}}}\"`"))
                }
                _ => error,
            });
        }
        let items = self.spanned(value);
        task.loop_ = Some(Loop { lookup: lookup.map(Arc::from), items, control: LoopControl::default() });
    }

    fn loop_control(&mut self, node: &Yaml) -> LoopControl {
        let mut control = LoopControl::default();
        for (key, value) in self.pairs(node, "`loop_control`").unwrap_or_default() {
            let Some(name) = self.name(key, Owner::LoopControl) else { continue };
            match name {
                "loop_var" | "index_var" => {
                    let keyword = self.form(name, Form::Text, value);
                    if let Some(Value::Str(text)) = keyword.as_ref().map(|keyword| &keyword.value)
                        && !is_variable_name(text)
                    {
                        self.bad_variable_name(value);
                    }
                    if name == "loop_var" { control.loop_var = keyword } else { control.index_var = keyword }
                }
                "label" => control.label = self.some(value),
                "pause" => control.pause = self.form(name, Form::Number, value),
                "extended" => control.extended = self.form(name, Form::Bool, value),
                "extended_allitems" => control.extended_allitems = self.form(name, Form::Bool, value),
                "break_when" => control.break_when = self.conditions(value, name),
                _ => self.unknown_keyword(key, name, Owner::LoopControl),
            }
        }
        control
    }

    fn check_meta(&mut self, node: &Yaml, draft: &Draft, parent: &Scope) {
        let wanted = draft.task.args.get("_raw_params").and_then(Value::as_str).map(str::trim);
        match wanted {
            Some("end_role") if draft.task.handler => self.error_at(node, "Cannot execute 'end_role' from a handler"),
            Some("end_role") if parent.role().is_none() => {
                self.error_at(node, "Cannot execute 'end_role' from outside of a role")
            }
            Some(name) if META_ACTIONS.contains(&name) => {}
            Some(name) => self.error(
                Diagnostic::error(format!("`meta` has no action `{name}`"))
                    .at(&node.span)
                    .suggest(name, META_ACTIONS.iter().copied()),
            ),
            None => self.error_at(node, format!("`meta` needs one of {}", META_ACTIONS.join(", "))),
        }
    }
}

/// The task with its scope, and with the `notify` of what is around it if it has none.
pub(super) fn finish(draft: Draft, parent: &Arc<Scope>) -> Node {
    let Draft { mut task, keywords } = draft;
    task.scope = Scope::inside(parent, keywords);
    task.notify = inherited_notify(&task.scope);
    Node::Task(Arc::new(task))
}

fn inherited_notify(scope: &Scope) -> Vec<Spanned<Value>> {
    let levels = scope.levels().map(|level| &level.keywords.notify);
    levels.into_iter().find(|notify| !notify.is_empty()).cloned().unwrap_or_default()
}

fn is_block(pairs: &[(Yaml, Yaml)]) -> bool {
    pairs.iter().any(|(key, _)| matches!(key.as_str(), Some("block" | "rescue" | "always")))
}

impl Task {
    /// Its free-form text.
    pub fn raw_params(&self) -> Option<&Value> {
        self.args.get(&Key::from("_raw_params"))
    }
}

/// What `meta` can do.
pub(crate) const META_ACTIONS: [&str; 10] = [
    "clear_facts",
    "clear_host_errors",
    "end_batch",
    "end_host",
    "end_play",
    "end_role",
    "flush_handlers",
    "noop",
    "refresh_inventory",
    "reset_connection",
];

/// Lookups that `with_…` can name without a collection.
const LOOKUPS: [&str; 27] = [
    "config",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "filetree",
    "first_found",
    "flattened",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "lines",
    "list",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "url",
    "varnames",
    "vars",
];
