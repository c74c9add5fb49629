//! Handlers: who notified what, and running them at the right points.

use super::batch::{After, Batch, Frame, Hosts};
use super::host_task::Ended;
use crate::playbook::{Node, Spanned, Task};
use crate::template::Templar;
use crate::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl Batch<'_> {
    /// Remembers which handlers a changed task notifies.
    pub(super) fn notify(&self, task: &Task, host: &Arc<str>, ended: &Ended) {
        // A `notify` in the result is how custom modules ask; ours is the keyword.
        if task.notify.is_empty() || !ended.may_have_changed() {
            return;
        }
        let templar = self.templar(host, &task.scope);
        let mut names = Vec::new();
        for written in &task.notify {
            match templar.resolve(&written.value) {
                Ok(Value::List(items)) => names.extend(items.iter().map(Templar::text_of)),
                Ok(other) => names.push(Templar::text_of(&other)),
                Err(error) => {
                    let name = self.task_name(task, &[Arc::clone(host)]);
                    self.engine.warn(format!("failed to evaluate what `{name}` notifies: {error}"));
                }
            }
        }
        let handlers = self.handlers();
        for name in names {
            let named = handlers.iter().rev().find(|handler| self.is_called(handler, &name, host));
            let listening = handlers.iter().filter(|handler| self.listens(handler, &name, host));
            let meant: HashSet<usize> = named.into_iter().chain(listening).map(id).collect();
            if meant.is_empty() {
                self.engine.warn(format!(
                    "The requested handler '{name}' was not found in either the main handlers list nor in the listening handlers list"
                ));
            }
            let mut state = self.state();
            for handler in meant {
                state.notified.entry(handler).or_default().insert(Arc::clone(host));
            }
        }
    }

    /// Every handler of the play: those of its roles, its own, those of roles that came in while running.
    fn handlers(&self) -> Vec<Arc<Task>> {
        let mut all = Vec::new();
        for role in &self.play.static_roles {
            flatten(&role.handlers, &mut all);
        }
        flatten(&self.play.handlers, &mut all);
        for role in &self.state().late_roles {
            flatten(&role.handlers, &mut all);
        }
        let mut seen = HashSet::new();
        all.retain(|handler| seen.insert(id(handler)));
        all
    }

    fn evaluated(&self, handler: &Task, written: &Spanned<Value>, host: &Arc<str>) -> Value {
        if written.value.is_lazy() {
            self.templar(host, &handler.scope).resolve(&written.value).unwrap_or_default()
        } else {
            written.value.clone()
        }
    }

    fn is_called(&self, handler: &Task, name: &str, host: &Arc<str>) -> bool {
        let Some(own) = &handler.name else { return false };
        let own = Templar::text_of(&self.evaluated(handler, own, host));
        let role = handler.scope.role();
        own == name || role.is_some_and(|role| format!("{} : {own}", role.name) == name)
    }

    fn listens(&self, handler: &Task, name: &str, host: &Arc<str>) -> bool {
        handler.listen.iter().any(|topic| match self.evaluated(handler, topic, host) {
            Value::List(topics) => topics.iter().any(|topic| Templar::text_of(topic) == name),
            other => Templar::text_of(&other) == name,
        })
    }

    /// Runs the notified handlers; `lost` are hosts that failed before, whose handlers run if `force_handlers` says so.
    /// Returns the hosts that go on.
    pub(super) fn flush_handlers(&self, hosts: Hosts, lost: &[Arc<str>], frame: Frame) -> Hosts {
        let mut everyone = hosts;
        if self.forces_handlers() {
            everyone.extend(lost.iter().cloned());
        }
        let after = self.run_handlers(self.in_order(everyone), frame);
        let lost: HashSet<&Arc<str>> = lost.iter().collect();
        after.alive.into_iter().filter(|host| !lost.contains(host)).collect()
    }

    fn forces_handlers(&self) -> bool {
        let keyword = self.engine.play_keyword(self.play, &self.variables, &self.play.force_handlers).ok().flatten();
        keyword.and_then(|value| value.as_bool()).unwrap_or(self.engine.options.force_handlers)
    }

    /// Runs handlers in the order they are written, round after round until nobody is notified any more.
    pub(super) fn run_handlers(&self, hosts: Hosts, frame: Frame) -> After {
        let frame = Frame { handlers: true, ..frame };
        let mut after = After::all(hosts);
        loop {
            let mut ran = false;
            for handler in self.handlers() {
                if after.alive.is_empty() || self.engine.cancel.is_requested() {
                    return after;
                }
                let waiting = self.state().notified.remove(&id(&handler)).unwrap_or_default();
                let (notified, others): (Hosts, Hosts) =
                    after.alive.iter().cloned().partition(|host| waiting.contains(host));
                if notified.is_empty() {
                    continue;
                }
                ran = true;
                let step = self.task(&handler, notified, frame);
                after.alive = self.in_order(others.into_iter().chain(step.alive).collect());
                after.failed.extend(step.failed);
            }
            if !ran {
                return after;
            }
        }
    }
}

/// Handlers that static imports brought in stand in blocks.
fn flatten(nodes: &[Node], all: &mut Vec<Arc<Task>>) {
    for node in nodes {
        match node {
            Node::Task(task) => all.push(Arc::clone(task)),
            Node::Block(block) => flatten(&block.block, all),
        }
    }
}

fn id(handler: &Arc<Task>) -> usize {
    Arc::as_ptr(handler) as usize
}
