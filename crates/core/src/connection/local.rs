//! The controller's own machine, through a shell like any other host.

use super::ConnectionError;
use super::pipe::{Pipe, Stream};
use super::process::ProcessPipe;
use super::transport::Transport;
use std::fs::{DirBuilder, File, rename};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// This machine.
pub struct Local {
    shell: String,
    directory: Option<PathBuf>,
}

impl Local {
    /// With `shell`, or `/bin/sh`; what is run begins in `directory`.
    pub fn new(shell: Option<&str>, directory: Option<PathBuf>) -> Self {
        Self { shell: shell.unwrap_or("/bin/sh").to_owned(), directory }
    }
}

impl Transport for Local {
    fn exec(&mut self, command: &str) -> Result<Box<dyn Pipe>, ConnectionError> {
        let mut shell = Command::new(&self.shell);
        // One that is not there is no reason to do nothing.
        if let Some(directory) = self.directory.as_ref().filter(|directory| directory.is_dir()) {
            shell.current_dir(directory);
        }
        match ProcessPipe::spawn(shell.arg("-c").arg(command)) {
            Ok(pipe) => Ok(Box::new(pipe)),
            Err(error) => Err(ConnectionError::Failed(format!("failed to start {}: {error}", self.shell))),
        }
    }

    fn user(&self) -> Option<&str> {
        // Other users' names would have to be looked up, which may ask the network.
        rustix::process::geteuid().is_root().then_some("root")
    }

    fn put(&mut self, directory: &str, name: &str, content: &[u8]) -> Result<(), ConnectionError> {
        let place = || -> io::Result<()> {
            let directory = Path::new(directory);
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let temporary = directory.join(format!("{name}.{}", std::process::id()));
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o700).open(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            drop(file);
            rename(&temporary, directory.join(name))
        };
        place().map_err(|error| ConnectionError::Failed(format!("failed to write {directory}/{name}: {error}")))
    }

    fn means_lost(&self, _: Option<i32>, _: &str) -> bool {
        false
    }

    fn lost(&self, stream: &mut Stream, error: &io::Error) -> ConnectionError {
        ConnectionError::Failed(format!("the local shell ended: {error} {}", stream.stderr_text()))
    }
}
