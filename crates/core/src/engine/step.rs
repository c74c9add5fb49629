//! `--step`: whether a task is to run is asked before it begins.

use super::batch::Batch;
use crate::diagnostic::Diagnostic;
use crate::playbook::Task;
use std::sync::{Arc, PoisonError};

impl Batch<'_> {
    /// Asks whether a task is to run, if somebody wants to be asked. Where hosts do not wait for each other, for each one.
    pub(super) fn takes_step(&self, task: &Task, hosts: &[Arc<str>]) -> bool {
        let engine = self.engine;
        let mut stepping = engine.stepping.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(console) = engine.parts.console.as_ref().filter(|_| *stepping && !self.is_cut_off()) else {
            return true;
        };
        let kind = if task.handler { "HANDLER" } else { "TASK" };
        let (name, host) = match hosts.first() {
            Some(host) if self.free => (self.task_name(task, hosts), format!("on {host} ")),
            // Ansible evaluates the name only when the task begins.
            _ => (self.task_name(task, &[]), String::new()),
        };
        let question = format!("Perform task: {kind}: {name} {host}(N)o/(y)es/(c)ontinue: ");
        let _quiet = engine.quiet();
        let Some(answer) = console.line(&question) else {
            let error =
                Diagnostic::error(format!("failed to ask whether to perform the task `{name}`: nobody answers"));
            let error = task.span.as_ref().map_or(error.clone(), |span| error.at(span));
            self.state().error.get_or_insert(error.into());
            return false;
        };
        console.heading(&question);
        let answer = answer.to_lowercase();
        *stepping &= !matches!(answer.as_str(), "c" | "continue");
        matches!(answer.as_str(), "y" | "yes" | "c" | "continue")
    }
}
