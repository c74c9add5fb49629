//! The real machine for a helper: what it needs of the process around it leads back to the controller.
// tidy-allow os: a job is the helper itself, started once more

use super::serve::{Machines, Task};
use crate::system::System;
use crate::system::os::Os;
use crate::system::overlay::{Overlay, Simulation};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The machine that this process runs on, and a simulation over it that lasts as long as the process.
#[derive(Default)]
pub struct OsMachines {
    real: Option<Os>,
    simulated: Option<Overlay<Os>>,
}

impl Machines for OsMachines {
    fn real(&mut self, task: &Task<'_>) -> &mut dyn System {
        let os = self.real.get_or_insert_with(|| Os::with_context(task.context()));
        os.set_environment(task.environment.clone());
        os
    }

    fn detach(&mut self, state: &Path, request: &[u8]) -> io::Result<()> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(super::JOB).arg(state).current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(request)?;
        }
        // Nobody else would take note of its end while this process lives.
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    fn simulated(&mut self, task: &Task<'_>) -> &mut dyn Simulation {
        let overlay = self.simulated.get_or_insert_with(|| Overlay::new(Os::with_context(task.context())));
        overlay.below_mut().set_environment(task.environment.clone());
        overlay
    }
}
