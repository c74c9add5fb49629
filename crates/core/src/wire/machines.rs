//! The real machine for a helper: its hooks lead back to the controller.

use super::serve::{Machines, Task};
use super::{CallContext, Progress};
use crate::system::System;
use crate::system::os::{BlobProvider, Os};
use crate::system::overlay::Overlay;
use std::io::{self, Read};
use std::sync::Arc;

/// The machine that this process runs on, and a simulation over it that lasts as long as the process.
#[derive(Default)]
pub struct OsMachines {
    real: Option<Os>,
    simulated: Option<Overlay<Os>>,
}

impl Machines for OsMachines {
    fn real(&mut self, task: &Task<'_>) -> &mut dyn System {
        let os = self.real.get_or_insert_with(|| connected(task.context));
        os.set_environment(task.environment.clone());
        os
    }

    fn simulated(&mut self, task: &Task<'_>) -> &mut dyn System {
        let overlay = self.simulated.get_or_insert_with(|| Overlay::new(connected(task.context)));
        overlay.below_mut().set_environment(task.environment.clone());
        overlay
    }
}

fn connected(context: &Arc<CallContext>) -> Os {
    let mut os = Os::new();
    os.set_blobs(Some(Box::new(Blobs(Arc::clone(context)))));
    let progress = Arc::clone(context);
    os.set_progress(Some(Box::new(move |news: Progress| progress.progress(news))));
    // Time limits reach the machine this way too.
    let cancelled = Arc::clone(context);
    os.set_cancelled(Some(Box::new(move || cancelled.given_up())));
    os
}

struct Blobs(Arc<CallContext>);

impl BlobProvider for Blobs {
    fn open(&self, sha256: &str) -> io::Result<Box<dyn Read + '_>> {
        Ok(self.0.blob(sha256)?)
    }
}
