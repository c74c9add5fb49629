//! `meta`: tasks that steer the run itself.

use super::batch::{After, Batch, Frame, Hosts};
use super::host_task::Ended;
use crate::event::TaskInfo;
use crate::playbook::{META_ACTIONS, Task};
use crate::template::Templar;
use std::sync::{Arc, PoisonError};

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
        if action == "flush_handlers" {
            let after = self.run_handlers(hosts, frame);
            return after;
        }
        let (mut met, mut unmet, mut failed) = (Hosts::new(), Hosts::new(), Hosts::new());
        for host in &hosts {
            let host_task = super::host_task::HostTask { batch: self, task, info: &info, host };
            match host_task.when(&self.templar(host, &task.scope)) {
                Ok(None) => met.push(Arc::clone(host)),
                Ok(Some(_)) => unmet.push(Arc::clone(host)),
                Err(ended) => {
                    self.absorb(task, &info, host, *ended, frame);
                    failed.push(Arc::clone(host));
                }
            }
        }
        let alive = self.do_meta(action, task, &info, met, unmet);
        After { alive, failed }
    }

    fn do_meta(&self, action: &str, task: &Arc<Task>, info: &Arc<TaskInfo>, met: Hosts, unmet: Hosts) -> Hosts {
        let engine = self.engine;
        match action {
            "end_host" => {
                for host in &met {
                    self.forget_host(host);
                }
                return unmet;
            }
            "end_play" | "end_batch" if !met.is_empty() => {
                let mut state = self.state();
                state.ended = true;
                state.play_ended |= action == "end_play";
            }
            "end_role" => {
                if let Some(role) = task.scope.role() {
                    let id = Arc::as_ptr(role) as usize;
                    self.state().roles_left.extend(met.iter().map(|host| (Arc::clone(host), id)));
                }
            }
            "clear_facts" => met.iter().for_each(|host| engine.store.clear_facts(host)),
            "clear_host_errors" => {
                let cleared: Hosts = {
                    let mut out = engine.out.lock().unwrap_or_else(PoisonError::into_inner);
                    self.hosts.iter().filter(|host| out.remove(*host)).cloned().collect()
                };
                self.state().failed.retain(|host| !cleared.contains(host));
            }
            "refresh_inventory" => {
                if let Some(reload) = &engine.parts.reload_inventory {
                    match reload() {
                        Ok(fresh) => engine.store.change_inventory(|inventory| *inventory = fresh),
                        Err(error) => engine.warn(format!("failed to refresh the inventory: {error}")),
                    }
                }
            }
            "reset_connection" => {
                for host in &met {
                    super::host_task::HostTask { batch: self, task, info, host }.reset_connection();
                }
            }
            _ => {}
        }
        for host in &met {
            engine.stats.touch(host);
        }
        self.in_order(met.into_iter().chain(unmet).collect())
    }
}
