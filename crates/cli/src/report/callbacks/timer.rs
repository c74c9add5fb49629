//! `timer`: how long the run took.

use crate::report::ansible::Look;
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{Event, Reporter};
use std::sync::Mutex;
use std::time::Instant;

/// The reporter.
pub struct Timer {
    look: Look,
    begun: Instant,
    out: Mutex<Sink>,
}

impl Timer {
    /// Counts from now, and prints to `out`.
    pub fn new(look: Look, out: Sink) -> Self {
        Self { look, begun: Instant::now(), out: Mutex::new(out) }
    }
}

impl Reporter for Timer {
    fn event(&self, event: &Event) {
        let Event::Finished { .. } = event else { return };
        let seconds = self.begun.elapsed().as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        let heading = self.look.banner("PLAYBOOK RECAP");
        let took = format!("{days} days, {hours} hours, {minutes} minutes, {} seconds", seconds % 60);
        // The carriage return is Ansible's.
        put(&mut lock(&self.out), &format!("{heading}Playbook run took {took}\n\r\n"));
    }
}
