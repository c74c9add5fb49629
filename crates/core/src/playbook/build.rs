//! Plays and tasks made in Rust, from modules' own argument types.
//!
//! Text given here is literal: nothing in it is evaluated as a template.

use super::{Keywords, Node, Play, Playbook, Scope, Spanned, Task};
use crate::module::Module;
use crate::secret::exposed;
use crate::value::{Map, Value};
use std::path::PathBuf;
use std::sync::Arc;

impl Playbook {
    /// Plays in order. Relative local paths in them are below `dir`.
    pub fn of(dir: impl Into<PathBuf>, plays: impl IntoIterator<Item = Play>) -> Self {
        let dir = dir.into();
        let plays = plays.into_iter().map(|play| Arc::new(Play { dir: dir.clone(), ..play })).collect();
        Self { path: dir, plays }
    }
}

impl Play {
    /// A play for the hosts that `pattern` selects. Facts are not gathered unless a task does.
    pub fn on(pattern: &str) -> Self {
        Self {
            hosts: vec![Value::from(pattern).into()],
            gather_facts: Some(Value::Bool(false).into()),
            ..Self::default()
        }
    }

    /// Adds a task.
    #[must_use]
    pub fn task(mut self, task: Task) -> Self {
        self.tasks.push(self.node(task));
        self
    }

    /// Adds a handler, which runs after the tasks if a changed task notified it by its name.
    #[must_use]
    pub fn handler(mut self, task: Task) -> Self {
        let node = self.node(Task { handler: true, ..task });
        self.handlers.push(node);
        self
    }

    fn node(&self, mut task: Task) -> Node {
        let mut scope = Scope::clone(&task.scope);
        scope.parent = Some(Arc::clone(&self.scope));
        task.scope = Arc::new(scope);
        Node::Task(Arc::new(task))
    }

    /// Everything in the play runs as this user. To be called before tasks are added.
    #[must_use]
    pub fn become_user(mut self, user: &str) -> Self {
        let mut scope = Scope::clone(&self.scope);
        scope.keywords.become_ = Some(Value::Bool(true).into());
        scope.keywords.become_user = Some(Value::from(user).into());
        self.scope = Arc::new(scope);
        self
    }
}

impl Task {
    /// A task that brings a resource to the described state.
    pub fn of<M: Module>(name: &str, args: &M::Args) -> Self {
        let args = match exposed(|| serde_json::to_value(args)) {
            Ok(serde_json::Value::Object(fields)) => fields,
            // Arguments that are no object fail in the module, with its own message.
            _ => serde_json::Map::new(),
        };
        let given = args.into_iter().filter(|(_, value)| !value.is_null());
        Self {
            name: Some(Value::from(name).into()),
            action: M::NAME.into(),
            args: Arc::new(given.map(|(key, value)| (key.into(), Value::from(value))).collect::<Map>()),
            ..Self::default()
        }
    }

    /// Keeps the result as a variable.
    #[must_use]
    pub fn register(mut self, name: &str) -> Self {
        self.register = Some(name.into());
        self
    }

    /// Notifies a handler when it changes something.
    #[must_use]
    pub fn notify(mut self, handler: &str) -> Self {
        self.notify.push(Value::from(handler).into());
        self
    }

    /// Runs only where this Jinja expression holds.
    #[must_use]
    pub fn when(mut self, expression: &str) -> Self {
        self.keywords(|keywords| keywords.when.push(Spanned::from(Value::from(expression))));
        self
    }

    /// Runs on another host in the place of the play's.
    #[must_use]
    pub fn delegate_to(mut self, host: &str) -> Self {
        self.keywords(|keywords| keywords.delegate_to = Some(Value::from(host).into()));
        self
    }

    fn keywords(&mut self, change: impl FnOnce(&mut Keywords)) {
        let mut scope = Scope::clone(&self.scope);
        change(&mut scope.keywords);
        self.scope = Arc::new(scope);
    }
}
