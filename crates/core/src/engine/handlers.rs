//! Handlers: who notified what, and running them at the right points.

use super::RunMode;
use super::batch::{After, Batch, Frame, Hosts};
use super::ended::Ended;
use crate::diagnostic::Diagnostic;
use crate::event::Event;
use crate::module::short_name;
use crate::playbook::{Node, Spanned, Task};
use crate::template::Templar;
use crate::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

impl Batch<'_> {
    /// Remembers which handlers a changed task notifies.
    ///
    /// Returns the names it was called by.
    pub(super) fn notify(&self, task: &Task, host: &Arc<str>, ended: &Ended) -> Vec<String> {
        // A `notify` in the result is how custom modules ask; ours is the keyword.
        if task.notify.is_empty() || !ended.may_have_changed() {
            return Vec::new();
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
        for name in &names {
            if self.meant(name, host).is_empty() {
                let message = format!(
                    "The requested handler '{name}' was not found in either the main handlers list nor in the listening handlers list"
                );
                if self.engine.options.error_on_missing_handler {
                    let error = Diagnostic::error(message);
                    let place = task.notify.first().and_then(|written| written.span.as_ref()).or(task.span.as_ref());
                    let error = place.map_or(error.clone(), |place| error.at(place));
                    self.state().error.get_or_insert(error.into());
                } else {
                    self.engine.warn(message);
                }
            }
            self.state().notifications.push((name.clone(), Arc::clone(host)));
            if let Some(book) = &self.engine.book {
                book.notified(host, &self.told.name, &self.engine.parts.redactor.redact(name));
            }
        }
        names
    }

    /// The handlers that a name means on a host: the last list's first one called so, and all that listen to it.
    fn meant(&self, name: &str, host: &Arc<str>) -> Vec<Arc<Task>> {
        let lists = self.handler_lists();
        let named = lists.iter().rev().flatten().find(|handler| self.is_called(handler, name, host)).cloned();
        let mut seen = HashSet::new();
        let listening = lists.iter().rev().flatten().filter(|handler| {
            // Of two with the same name one is enough.
            listens(handler, name)
                && handler.name.as_ref().is_none_or(|name| seen.insert(Templar::text_of(&name.value)))
        });
        named.into_iter().chain(listening.cloned()).collect()
    }

    /// Every handler of the play, list by list: those of its roles, its own, those of roles that came in while running.
    fn handler_lists(&self) -> Vec<Vec<Arc<Task>>> {
        let mut seen = HashSet::new();
        let mut list = |nodes: &[Node]| {
            let mut all = Vec::new();
            flatten(nodes, &mut all);
            all.retain(|handler| seen.insert(id(handler)));
            all
        };
        let mut lists: Vec<_> = self.play.static_roles.iter().map(|role| list(&role.handlers)).collect();
        lists.push(list(&self.play.handlers));
        lists.extend(self.state().late_roles.iter().map(|role| list(&role.handlers)));
        lists
    }

    fn is_called(&self, handler: &Task, name: &str, host: &Arc<str>) -> bool {
        let Some(own) = handler.name.as_ref().and_then(|own| self.handler_name(handler, own, host)) else {
            return false;
        };
        answers(handler, &own, name)
    }

    /// A handler's name; `None` where it cannot be evaluated, which the user is told unless it has other names.
    fn handler_name(&self, handler: &Task, written: &Spanned<Value>, host: &Arc<str>) -> Option<String> {
        if !written.value.is_lazy() {
            return Some(Templar::text_of(&written.value));
        }
        match self.templar(host, &handler.scope).resolve(&written.value) {
            Ok(name) => Some(Templar::text_of(&name)),
            Err(error) => {
                if handler.listen.is_empty() {
                    self.engine.warn(format!(
                        "Handler '{}' is unusable because it has no listen topics and the name could not be templated \
                         (host-specific variables are not supported in handler names). The error: {}",
                        Templar::text_of(&written.value),
                        error.message
                    ));
                }
                None
            }
        }
    }

    /// Runs the notified handlers; `lost` are hosts that failed before, whose handlers run if `force_handlers` says so.
    /// Returns the hosts that go on.
    pub(super) fn flush_handlers(&self, hosts: Hosts, lost: &[Arc<str>], frame: Frame) -> Hosts {
        let mut everyone = hosts;
        if self.forces_handlers() {
            everyone.extend(lost.iter().cloned());
        }
        for host in &everyone {
            if self.state().notifications.iter().any(|(_, notifying)| notifying == host) {
                let message = format!("triggered running handlers for {host}");
                self.engine.emit(&Event::Meta { message, implicit: true });
            }
        }
        let after = self.run_handlers(self.in_order(everyone), frame);
        let lost: HashSet<&Arc<str>> = lost.iter().collect();
        after.alive.into_iter().filter(|host| !lost.contains(host)).collect()
    }

    fn forces_handlers(&self) -> bool {
        let keyword = self.engine.play_keyword(self.play, &self.variables, &self.play.force_handlers).ok().flatten();
        keyword.and_then(|value| value.as_bool()).unwrap_or(self.engine.options.force_handlers)
    }

    /// Runs handlers in the order they are written, once each. One that is notified by a later one waits for the next time.
    pub(super) fn run_handlers(&self, hosts: Hosts, frame: Frame) -> After {
        let frame = Frame { handlers: true, ..frame };
        let mut after = After::all(hosts);
        for handler in self.handler_lists().into_iter().flatten() {
            self.deliver(&after.alive);
            if after.alive.is_empty() || self.is_cut_off() {
                break;
            }
            let notified = {
                let mut state = self.state();
                let waiting = state.notified.entry(id(&handler)).or_default();
                after.alive.iter().filter(|host| waiting.remove(*host)).cloned().collect::<Hosts>()
            };
            if notified.is_empty() {
                continue;
            }
            let others: Hosts = after.alive.into_iter().filter(|host| !notified.contains(host)).collect();
            let step = self.task(&handler, notified, frame);
            after.alive = self.in_order(others.into_iter().chain(step.alive).collect());
            after.failed.extend(step.failed);
        }
        if let Some(book) = self.engine.book.as_ref().filter(|_| !self.is_cut_off()) {
            after.alive.iter().for_each(|host| book.handled(host, &self.told.name));
        }
        after
    }

    /// Has hosts run the handlers that earlier runs of the playbook owe them.
    pub(super) fn remember_owed(&self, hosts: &[Arc<str>]) {
        let Some(book) = self.engine.book.as_ref().filter(|_| self.engine.options.mode == RunMode::Apply) else {
            return;
        };
        for host in hosts {
            for name in self.engine.owed(book, host, &self.told.name) {
                if self.meant(&name, host).is_empty() {
                    continue;
                }
                self.engine.warn(format!("{host}: handler `{name}` is owed since an earlier run and runs now"));
                self.state().notifications.push((name.clone(), Arc::clone(host)));
                book.notified(host, &self.told.name, &name);
            }
        }
    }

    /// Hands these hosts' notifications to the handlers that they mean by now: roles with handlers may have come in since.
    fn deliver(&self, hosts: &[Arc<str>]) {
        let mine: Vec<(String, Arc<str>)> = {
            let notifications = &mut self.state().notifications;
            let (mine, others) = std::mem::take(notifications).into_iter().partition(|(_, host)| hosts.contains(host));
            *notifications = others;
            mine
        };
        for (name, host) in mine {
            for handler in self.meant(&name, &host) {
                self.state().notified.entry(id(&handler)).or_default().insert(Arc::clone(&host));
            }
        }
    }
}

/// Whether `called` is `own`, alone or after the handler's role, by the role's full name or its short one.
fn answers(handler: &Task, own: &str, called: &str) -> bool {
    let of_role = |role: &str| called.strip_prefix(role).and_then(|rest| rest.strip_prefix(" : ")) == Some(own);
    own == called || handler.scope.role().is_some_and(|role| of_role(&role.name) || of_role(short_name(&role.name)))
}

/// Topics are taken as they are written: no template is one.
fn listens(handler: &Task, name: &str) -> bool {
    let topics = handler.listen.iter().flat_map(|topic| match &topic.value {
        Value::List(topics) => topics.to_vec(),
        other => vec![other.clone()],
    });
    topics.map(|topic| Templar::text_of(&topic)).any(|topic| answers(handler, &topic, name))
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
