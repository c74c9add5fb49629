//! `meta`: tasks that steer the run itself.

use super::batch::{After, Batch, Frame, Hosts};
use super::ended::Ended;
use super::include::located;
use crate::actions::Effect;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, TaskInfo};
use crate::playbook::{META_ACTIONS, Task};
use crate::template::Templar;
use crate::value::Value;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

/// Those whose `when` has no effect.
const UNCONDITIONAL: &[&str] = &["noop", "refresh_inventory", "reset_connection"];
/// Those that are done once for all hosts.
const FOR_ALL: &[&str] = &["clear_facts", "clear_host_errors", "end_batch", "end_play", "refresh_inventory"];

/// Hosts by what became of a task's condition.
#[derive(Default)]
struct Decided {
    met: Hosts,
    unmet: Hosts,
    failed: Hosts,
}

impl Batch<'_> {
    /// Runs a `meta` task for the hosts whose condition holds.
    pub(super) fn meta(&self, task: &Arc<Task>, hosts: Hosts, frame: Frame) -> After {
        let action = task.args.get("_raw_params").map(Templar::text_of).unwrap_or_default();
        let action = action.trim();
        let info = Arc::new(TaskInfo {
            id: self.engine.next_task_id(),
            name: self.task_name(task, &hosts),
            action: task.action.to_string(),
            span: task.span.clone(),
            handler: task.handler,
            ..TaskInfo::default()
        });
        if !META_ACTIONS.contains(&action) {
            let near = crate::text::nearest(action, META_ACTIONS.iter().copied());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            for host in &hosts {
                self.absorb(
                    task,
                    &info,
                    host,
                    Ended::failure(format!("invalid meta action requested: {action}{hint}")),
                    frame,
                );
            }
            return After { alive: Hosts::new(), failed: hosts };
        }
        let conditional = task.scope.levels().any(|level| !level.keywords.when.is_empty());
        if conditional && UNCONDITIONAL.contains(&action) {
            self.engine.warn(format!("{action} task does not support when conditional"));
        }
        if action == "flush_handlers" && frame.handlers {
            let error = located(Diagnostic::error("flush_handlers cannot be used as a handler"), task);
            self.state().error.get_or_insert(error.into());
            return After::default();
        }
        let Decided { met, unmet, failed } = self.decide(action, task, &info, &hosts, frame);
        if action == "flush_handlers" {
            let mut after = self.run_handlers(met, frame);
            after.alive = self.in_order(after.alive.into_iter().chain(unmet).collect());
            after.failed.extend(failed);
            return after;
        }
        let alive = self.do_meta(action, task, &info, met, unmet);
        After { alive, failed }
    }

    /// For which hosts the condition holds. Skipped ones are shown as such.
    fn decide(
        &self,
        action: &str,
        task: &Arc<Task>,
        info: &Arc<TaskInfo>,
        hosts: &[Arc<str>],
        frame: Frame,
    ) -> Decided {
        // What is about the whole play is decided by its first host.
        let asked = if FOR_ALL.contains(&action) { &hosts[..1] } else { hosts };
        let mut decided = Decided::default();
        for host in asked {
            // As Ansible does: each host is told of by itself.
            self.engine.emit(&Event::TaskStarted { task: Arc::clone(info) });
            let host_task = super::host_task::HostTask { batch: self, task, info, host, item: None };
            let condition = match UNCONDITIONAL.contains(&action) {
                true => Ok(None),
                false => host_task.when(&self.templar(host, &task.scope)),
            };
            match condition {
                Ok(None) => {
                    let message = done(action, host, task.scope.role().map_or("", |role| &role.name));
                    self.engine.emit(&Event::Meta { message, implicit: false });
                    decided.met.push(Arc::clone(host));
                }
                Ok(Some(_)) => {
                    let role = task.scope.role().map_or("", |role| &role.name);
                    let reason = format!("{action} conditional evaluated to False{}", left(action, host, role));
                    let message = match action {
                        "end_host" => reason.replacen("False", "false", 1),
                        other => other.to_owned(),
                    };
                    let fields = [("msg", Value::from(message)), ("skip_reason", Value::from(reason.as_str()))];
                    let ended = Ended::skipped(fields);
                    self.engine.emit(&Event::Meta { message: reason, implicit: false });
                    let result = self.shown(&ended, task.span.as_ref(), Vec::new());
                    let (task, host) = (Arc::clone(info), Arc::clone(host));
                    decided.unmet.push(Arc::clone(&host));
                    self.engine.emit(&Event::HostFinished { task, host, result });
                }
                Err(ended) => {
                    self.absorb(task, info, host, *ended, frame);
                    decided.failed.push(Arc::clone(host));
                }
            }
        }
        match (asked.len() < hosts.len(), decided.met.is_empty()) {
            (true, false) => decided.met = hosts.to_vec(),
            (true, true) => {
                decided.unmet = hosts.iter().filter(|host| !decided.failed.contains(host)).cloned().collect();
            }
            _ => {}
        }
        decided
    }

    /// Tasks that come now are not seen by this host.
    fn leave(&self, host: &Arc<str>) {
        if let Some(book) = &self.engine.book {
            book.leaves(host);
        }
    }

    fn do_meta(&self, action: &str, task: &Arc<Task>, info: &Arc<TaskInfo>, met: Hosts, unmet: Hosts) -> Hosts {
        let engine = self.engine;
        let mut returning = Hosts::new();
        match action {
            "end_host" => {
                for host in &met {
                    self.leave(host);
                    self.forget_host(host);
                }
                return unmet;
            }
            "end_play" | "end_batch" if !met.is_empty() => {
                met.iter().for_each(|host| self.leave(host));
                let mut state = self.state();
                state.ended = true;
                state.play_ended |= action == "end_play";
            }
            "end_role" => {
                met.iter().for_each(|host| self.leave(host));
                if let Some(role) = task.scope.role() {
                    let id = Arc::as_ptr(role) as usize;
                    self.state().roles_left.extend(met.iter().map(|host| (Arc::clone(host), id)));
                }
            }
            "clear_facts" => met.iter().for_each(|host| engine.store.clear_facts(host)),
            "clear_host_errors" => {
                {
                    let mut out = engine.out.lock().unwrap_or_else(PoisonError::into_inner);
                    out.retain(|host| !self.hosts.contains(host));
                }
                let mut state = self.state();
                state.failed.retain(|host| !self.hosts.contains(host));
                // Those that could not be reached go on from here.
                let back = if self.free { HashSet::new() } else { std::mem::take(&mut state.unreachable) };
                returning.extend(back);
                state.forgiven.extend(self.hosts.iter().cloned());
            }
            "refresh_inventory" => {
                if let Some(reload) = &engine.parts.reload_inventory {
                    match reload() {
                        Ok(fresh) => engine.store.change_inventory(|inventory| {
                            *inventory = fresh;
                            let grown = engine.grown.lock().unwrap_or_else(PoisonError::into_inner);
                            for (host, effect) in grown.iter() {
                                // A host that is gone is in no group any more.
                                if matches!(effect, Effect::AddHost { .. }) || inventory.host(host).is_some() {
                                    super::task::grow(inventory, host, effect);
                                }
                            }
                        }),
                        Err(error) => engine.warn(format!("failed to refresh the inventory: {error}")),
                    }
                }
            }
            "reset_connection" => {
                for host in &met {
                    super::host_task::HostTask { batch: self, task, info, host, item: None }.reset_connection();
                }
            }
            _ => {}
        }
        for host in &met {
            engine.stats.touch(host);
        }
        self.in_order(met.into_iter().chain(unmet).chain(returning).collect())
    }
}

/// What was done, as Ansible says it.
fn done(action: &str, host: &str, role: &str) -> String {
    match action {
        "flush_handlers" => format!("triggered running handlers for {host}"),
        "refresh_inventory" => "inventory successfully refreshed".to_owned(),
        "clear_facts" => "facts cleared".to_owned(),
        "clear_host_errors" => "cleared host errors".to_owned(),
        "end_batch" => "ending batch".to_owned(),
        "end_play" => "ending play".to_owned(),
        "end_host" => format!("ending play for {host}"),
        "end_role" => format!("ending role {role} for {host}"),
        "reset_connection" => "reset connection".to_owned(),
        other => other.to_owned(),
    }
}

/// What was not done, as Ansible says it.
fn left(action: &str, host: &str, role: &str) -> String {
    match action {
        "flush_handlers" => format!(", not running handlers for {host}"),
        "clear_facts" => format!(", not clearing facts and fact cache for {host}"),
        "clear_host_errors" => format!(", not clearing host error state for {host}"),
        "end_batch" => ", continuing current batch".to_owned(),
        "end_play" => ", continuing play".to_owned(),
        "end_host" => format!(", continuing execution for {host}"),
        "end_role" => format!("continuing role {role} for {host}"),
        _ => String::new(),
    }
}
