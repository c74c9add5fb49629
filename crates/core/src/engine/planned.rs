//! What a plan knows of a task on a host: whether it can change anything, and whether what was simulated there is complete.

use super::RunMode;
use super::ended::Ended;
use super::host_task::HostTask;
use super::pool::machine;
use super::settings::Settings;
use crate::actions::DynAction;
use crate::event::Status;
use crate::module::Mode;
use crate::value::{Map, Value};
use std::sync::PoisonError;

/// Modules whose changes a simulation has completely: what fails after them in a plan fails in its apply.
pub(super) const EXACT: &[&str] = &[
    "ansible.builtin.assemble",
    "ansible.builtin.blockinfile",
    "ansible.builtin.copy",
    "ansible.builtin.file",
    "ansible.builtin.lineinfile",
    "ansible.builtin.replace",
    "ansible.builtin.template",
];

impl HostTask<'_> {
    /// Whether the task never changes anything, whatever its arguments.
    pub(super) fn only_looks(&self) -> bool {
        let parts = &self.batch.engine.parts;
        let action = parts.actions.get(&self.task.action).is_some_and(DynAction::only_looks);
        action || parts.registry.get(&self.task.action).is_some_and(|module| module.only_looks())
    }

    /// In place of unknown values that the module does not look at before it acts, a word for them.
    pub(super) fn without_unseen(&self, mut args: Map) -> Map {
        let unseen = self.batch.engine.parts.registry.get(&self.task.action).map_or(&[][..], |module| module.unseen());
        for name in unseen {
            if let Some(value) = args.get_mut(*name).filter(|value| matches!(value, Value::Unknown(_))) {
                *value = Value::from("(known after apply)");
            }
        }
        args
    }

    /// Whether a plan has to leave the task open: it counts with a failure, and `validate` is not run, nor anything
    /// downloaded, before apply.
    pub(super) fn may_be_refused(&self, settings: &Settings, args: &Map) -> bool {
        let validates = args.get("validate").is_some_and(|command| !matches!(command, Value::Null | Value::Omit));
        let fetches = ["ansible.builtin.apt", "ansible.builtin.get_url", "ansible.builtin.package"];
        let is_open = validates || fetches.contains(&&*self.task.action);
        settings.mode == Mode::Simulate && settings.ignore_errors && is_open
    }

    /// What would change, but for what only apply will say.
    pub(super) fn left_open(&self, settings: &Settings, ended: Ended) -> Ended {
        if ended.status != Status::Changed {
            return ended;
        }
        self.simulated(Some(settings), true);
        Ended { diff: ended.diff, ..Ended::unknown("the task counts with a failure that only apply can tell") }
    }

    pub(super) fn accepts_unknown(&self) -> bool {
        self.batch.engine.parts.actions.get(&self.task.action).is_some_and(DynAction::accepts_unknown)
    }

    /// A plan has simulated a change for this host, on the machine that the task works on; `unsure`: not all that it does.
    pub(super) fn simulated(&self, settings: Option<&Settings>, unsure: bool) {
        let mut simulated = self.batch.engine.simulated.lock().unwrap_or_else(PoisonError::into_inner);
        let machine = settings.map(|settings| machine(&settings.target));
        for key in machine.into_iter().chain([self.host.to_string()]) {
            *simulated.entry(key).or_default() |= unsure;
        }
    }

    /// Whether a plan has simulated changes for this host or on the machine that the task works on.
    pub(super) fn is_simulated(&self, settings: &Settings) -> bool {
        self.simulations(settings).is_some()
    }

    /// Whether a plan does not know all that these changes will have done.
    pub(super) fn is_unsure(&self, settings: &Settings) -> bool {
        self.simulations(settings) == Some(true)
    }

    fn simulations(&self, settings: &Settings) -> Option<bool> {
        let engine = self.batch.engine;
        if engine.options.mode != RunMode::Plan {
            return None;
        }
        let simulated = engine.simulated.lock().unwrap_or_else(PoisonError::into_inner);
        let host = simulated.get(&**self.host).copied();
        host.max(simulated.get(&machine(&settings.target)).copied())
    }
}
