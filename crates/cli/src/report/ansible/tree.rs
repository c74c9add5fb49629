//! `--tree`: each host's result in a file of its own.

use super::{Look, ResultFormat, result};
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{Event, Reporter, Status};
use std::path::PathBuf;
use std::sync::Mutex;

/// The reporter.
pub struct Tree {
    directory: PathBuf,
    look: Look,
    err: Mutex<Sink>,
}

impl Tree {
    /// Writes into `directory`, which is made if it is not there; what goes wrong is told on `err`.
    pub fn new(directory: PathBuf, look: Look, err: Sink) -> Self {
        // What the settings say of the output's form is not about these files.
        let look = Look { format: ResultFormat::Json, pretty: None, ..look };
        Self { directory, look, err: Mutex::new(err) }
    }
}

impl Reporter for Tree {
    fn event(&self, event: &Event) {
        let Event::HostFinished { task, host, result } = event else { return };
        if result.status == Status::Skipped {
            return;
        }
        let written = match host.contains('/') {
            true => Err(std::io::Error::other("a file's name has no slash")),
            false => std::fs::create_dir_all(&self.directory).and_then(|()| {
                std::fs::write(self.directory.join(&**host), result::dump_whole(task, result, &self.look))
            }),
        };
        if let Err(error) = written {
            put(&mut lock(&self.err), &format!("[WARNING]: Unable to write to '{host}'s file: {error}\n"));
        }
    }
}
