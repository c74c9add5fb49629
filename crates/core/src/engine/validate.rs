//! What can be checked of a playbook before the first connection.

use super::Engine;
use crate::diagnostic::Diagnostic;
use crate::playbook::{Keywords, Node, Playbook, Scope, Spanned, Task};
use crate::value::Value;
use std::sync::Arc;

impl Engine {
    /// Checks parameters and templates of all tasks that are known by now.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place.
    pub fn validate(&self, playbook: &Playbook) -> Result<(), Vec<Diagnostic>> {
        let mut found = Vec::new();
        for play in &playbook.plays {
            let roles = play.static_roles.iter().flat_map(|role| &role.handlers);
            let nodes = [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks, &play.handlers];
            for node in nodes.into_iter().flatten().chain(roles) {
                self.validate_node(node, false, &mut found);
            }
        }
        let mut seen = Vec::new();
        found.retain(|diagnostic| {
            let new = !seen.contains(diagnostic);
            seen.push(diagnostic.clone());
            new
        });
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// `minded`: a failure here is no failure of the playbook, because something rescues it.
    fn validate_node(&self, node: &Node, minded: bool, found: &mut Vec<Diagnostic>) {
        match node {
            Node::Task(task) if minded || is_minded(task) => {}
            Node::Task(task) => self.validate_task(task, found),
            Node::Block(block) => {
                if !minded {
                    self.validate_scope(&block.scope, found);
                }
                let inside = minded || !block.rescue.is_empty();
                block.block.iter().for_each(|node| self.validate_node(node, inside, found));
                for node in block.rescue.iter().chain(&block.always) {
                    self.validate_node(node, minded, found);
                }
            }
        }
    }

    fn validate_task(&self, task: &Arc<Task>, found: &mut Vec<Diagnostic>) {
        self.validate_scope(&task.scope, found);
        let conditions = task.until.iter().chain(&task.changed_when).chain(&task.failed_when);
        for condition in conditions {
            self.validate_condition(condition, found);
        }
        let mut own = Vec::new();
        for value in task.args.values().chain(task.loop_.as_ref().map(|loop_| &loop_.items.value)) {
            self.validate_value(value, task.span.as_ref(), &mut own);
        }
        self.validate_parameters(task, &mut own);
        // A task with a condition may never run: then its mistakes matter to nobody.
        if task.scope.levels().any(|level| !level.keywords.when.is_empty()) {
            own.iter().for_each(|diagnostic| self.warn(diagnostic.to_string()));
        } else {
            found.append(&mut own);
        }
    }

    fn validate_scope(&self, scope: &Scope, found: &mut Vec<Diagnostic>) {
        for condition in &scope.keywords.when {
            self.validate_condition(condition, found);
        }
        for (name, keyword) in scope.keywords.no_booleans() {
            let word = keyword.as_ref().map(|written| crate::template::Templar::text_of(&written.value));
            let message = format!("`{name}` must be yes or no, not `{}`", word.unwrap_or_default());
            let span = keyword.and_then(|written| written.span);
            let diagnostic = Diagnostic::error(message);
            found.push(span.map_or(diagnostic.clone(), |span| diagnostic.at(&span)));
        }
        for value in scope.keywords.vars.values() {
            self.validate_value(value, None, found);
        }
    }

    fn validate_condition(&self, condition: &Spanned<Value>, found: &mut Vec<Diagnostic>) {
        if let Value::Str(expression) = &condition.value
            && let Err(error) = self.parts.templates.check_expression(expression, condition.span.as_ref())
        {
            found.push(error.to_diagnostic());
        }
    }

    fn validate_value(&self, value: &Value, span: Option<&crate::diagnostic::Span>, found: &mut Vec<Diagnostic>) {
        match value {
            Value::Template(template) => {
                if let Err(error) = self.parts.templates.check_syntax(template) {
                    let diagnostic = error.to_diagnostic();
                    found.push(span.map_or(diagnostic.clone(), |span| diagnostic.at(span)));
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.validate_value(item, span, found)),
            Value::Map(map) => map.values().for_each(|item| self.validate_value(item, span, found)),
            _ => {}
        }
    }

    /// Whether a task gives text to an action that takes parameters only.
    pub(super) fn refuses_text(&self, task: &Task) -> bool {
        let (action, loader) = (&*task.action, &self.parts.loader);
        let is_known = || {
            self.parts.actions.get(action).is_some()
                || self.parts.registry.get(action).is_some()
                || loader.action_plugin(action).is_some()
        };
        task.args.contains_key("_raw_params")
            && is_known()
            && !loader.is_free_form(action)
            && !crate::playbook::takes_text(&task.action)
    }

    /// Asks the action and the module whether they would take the parameters. Where some are templates only unknown
    /// names count.
    fn validate_parameters(&self, task: &Task, found: &mut Vec<Diagnostic>) {
        if task.args.contains_key("_variable_params") {
            return;
        }
        if self.refuses_text(task) {
            let text = task.args.get("_raw_params").map(crate::template::Templar::text_of).unwrap_or_default();
            let message = format!("`{}` takes parameters only, no text like `{}`", task.action, text.trim());
            let diagnostic = Diagnostic::error(message).help("write `name=value`, or a mapping");
            found.push(task.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span)));
            return;
        }
        let lazy =
            task.args.values().any(Value::is_lazy) || task.scope.find(|keywords| &keywords.module_defaults).is_some();
        let refused = match (self.parts.actions.get(&task.action), self.parts.registry.get(&task.action)) {
            (Some(action), _) => action.validate(&task.args).map_err(|error| error.to_string()),
            (None, Some(module)) => {
                let args = task.args.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
                module.validate(serde_json::Value::Object(args)).map_err(|error| error.msg)
            }
            (None, None) => return,
        };
        if let Err(message) = refused
            && (!lazy || message.starts_with("Unsupported parameter"))
        {
            let diagnostic = Diagnostic::error(message);
            found.push(task.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span)));
        }
    }
}

/// Whether the playbook counts on this task failing: then its mistakes are the run's to find.
fn is_minded(task: &Task) -> bool {
    !task.failed_when.is_empty() || task.scope.find(|keywords: &Keywords| &keywords.ignore_errors).is_some()
}
