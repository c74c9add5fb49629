//! Several reporters at once.

use hostler_core::event::{Event, Reporter};

/// Passes every event on to each reporter.
pub struct FanOut(pub Vec<Box<dyn Reporter>>);

impl Reporter for FanOut {
    fn event(&self, event: &Event) {
        self.0.iter().for_each(|reporter| reporter.event(event));
    }
}
