//! How many times each task came on each host: loops, roles and includes bring the same place again.

use super::model::Place;
use crate::event::TaskInfo;
use std::collections::HashMap;

/// Rounds that ended, by host and place.
#[derive(Default)]
pub(super) struct Rounds(HashMap<(String, String), u32>);

impl Rounds {
    /// The place of a task that runs on a host now.
    pub(super) fn place(&self, task: &TaskInfo, host: &str, item: Option<usize>) -> Place {
        let at = at(task);
        let round = self.0.get(&(host.to_owned(), at.clone())).copied().unwrap_or(0);
        Place { at, round, item }
    }

    /// A task has ended on a host: the next time it comes is another round.
    pub(super) fn ended(&mut self, task: &TaskInfo, host: &str) {
        *self.0.entry((host.to_owned(), at(task))).or_default() += 1;
    }
}

/// Where a task stands, as plans name it.
pub(crate) fn at(task: &TaskInfo) -> String {
    task.span.as_ref().map_or_else(|| task.action.clone(), ToString::to_string)
}
