//! Counting how tasks ended, host by host.

use crate::event::{HostStats, RunStats, Status};
use std::sync::{Arc, Mutex, PoisonError};

/// The counts of a run so far.
#[derive(Default)]
pub(super) struct Stats(Mutex<RunStats>);

impl Stats {
    fn with(&self, host: &Arc<str>, count: impl FnOnce(&mut HostStats)) {
        let mut stats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(stats.entry(Arc::clone(host)).or_default());
    }

    /// Counts an ended task. A failure that a block will rescue counts as rescued.
    pub(super) fn count(&self, host: &Arc<str>, status: Status, rescuable: bool) {
        self.with(host, |stats| match status {
            Status::Ok => stats.ok += 1,
            Status::Changed => {
                stats.ok += 1;
                stats.changed += 1;
            }
            Status::Failed if rescuable => stats.rescued += 1,
            Status::Failed => stats.failed += 1,
            Status::Ignored => {
                stats.ok += 1;
                stats.ignored += 1;
            }
            Status::Skipped => stats.skipped += 1,
            Status::Unreachable => stats.unreachable += 1,
            Status::Unknown => {
                stats.ok += 1;
                stats.changed += 1;
            }
        });
    }

    /// An ignored failure may have changed something all the same.
    pub(super) fn count_changed(&self, host: &Arc<str>) {
        self.with(host, |stats| stats.changed += 1);
    }

    /// Makes sure that a host has a row.
    pub(super) fn touch(&self, host: &Arc<str>) {
        self.with(host, |_| {});
    }

    /// The counts.
    pub(super) fn get(&self) -> RunStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
