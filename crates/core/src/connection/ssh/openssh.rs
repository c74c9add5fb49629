//! The system's `ssh`, one process for each command: for configurations that only it can follow.

use super::config::own_arguments;
use super::session::unreachable;
use crate::connection::elevate::quote;
use crate::connection::pipe::{Pipe, Stream};
use crate::connection::process::ProcessPipe;
use crate::connection::transport::Transport;
use crate::connection::{ConnectionError, Target};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// What `ssh` exits with when not the command but the connection failed.
const LOST: i32 = 255;

/// Answers `ssh`'s questions from its environment, which only its own user and root can read: unlike arguments.
const ASKPASS: &str = "#!/bin/sh
case $1 in
*passphrase*) printf '%s\\n' \"$HOSTLER_PASSPHRASE\" ;;
*) printf '%s\\n' \"$HOSTLER_PASSWORD\" ;;
esac
";

/// A host reached by `ssh`.
pub struct OpenSsh {
    target: Target,
    /// Where the program lies that answers its questions.
    askpass: Option<Folder>,
}

impl OpenSsh {
    /// Nothing is started yet.
    ///
    /// # Errors
    /// When the program that gives the password to `ssh` cannot be written.
    pub fn new(target: &Target) -> Result<Self, ConnectionError> {
        let needed = target.password.is_some() || target.private_key_passphrase.is_some();
        let askpass = needed.then(Folder::with_askpass).transpose();
        let askpass =
            askpass.map_err(|error| unreachable(&format!("failed to write a program for SSH_ASKPASS: {error}")))?;
        Ok(Self { target: target.clone(), askpass })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(&self.target.ssh_args).args(own_arguments(&self.target));
        let option = |command: &mut Command, text: &str| {
            command.args(["-o", text]);
        };
        // The first value of an option counts: these only stand where the user's arguments say nothing.
        option(&mut command, "ServerAliveInterval=15");
        option(&mut command, "ServerAliveCountMax=3");
        if self.target.timeout.is_none() {
            option(&mut command, "ConnectTimeout=10");
        }
        match &self.askpass {
            None => option(&mut command, "BatchMode=yes"),
            Some(folder) => {
                // A second question would mean that the first answer was wrong.
                option(&mut command, "NumberOfPasswordPrompts=1");
                let secret = |secret: &Option<crate::secret::Secret>| {
                    secret.as_ref().map(|secret| secret.expose().to_owned()).unwrap_or_default()
                };
                command
                    .env("SSH_ASKPASS", folder.0.join("askpass"))
                    .env("SSH_ASKPASS_REQUIRE", "force")
                    .env("HOSTLER_PASSWORD", secret(&self.target.password))
                    .env("HOSTLER_PASSPHRASE", secret(&self.target.private_key_passphrase));
            }
        }
        command
    }
}

impl Transport for OpenSsh {
    fn user(&self) -> Option<&str> {
        self.target.user.as_deref()
    }

    fn exec(&mut self, line: &str) -> Result<Box<dyn Pipe>, ConnectionError> {
        let program = self.target.ssh_executable.clone().unwrap_or_else(|| PathBuf::from("ssh"));
        let mut command = self.command(&program);
        command.arg("-T").arg(&self.target.address).arg(line);
        match ProcessPipe::spawn(&mut command) {
            Ok(pipe) => Ok(Box::new(pipe)),
            Err(error) => Err(unreachable(&format!("failed to start {}: {error}", program.display()))),
        }
    }

    fn put(&mut self, directory: &str, name: &str, content: &[u8]) -> Result<(), ConnectionError> {
        let failed = |reason: String| ConnectionError::Failed(format!("failed to write {directory}/{name}: {reason}"));
        let folder = Folder::new().map_err(|error| failed(error.to_string()))?;
        let local = folder.0.join("helper");
        std::fs::write(&local, content).map_err(|error| failed(error.to_string()))?;
        // A line that begins with a hyphen may fail.
        let mut batch = String::new();
        let parents: Vec<_> = Path::new(directory).ancestors().filter(|path| path.parent().is_some()).collect();
        for parent in parents.into_iter().rev() {
            batch.push_str(&format!("-mkdir {}\n", quote(&parent.display().to_string())));
        }
        let temporary = quote(&format!("{directory}/{name}.{}", std::process::id()));
        let finished = quote(&format!("{directory}/{name}"));
        let source = quote(&local.display().to_string());
        batch.push_str(&format!(
            "chmod 700 {}\nput {source} {temporary}\nchmod 700 {temporary}\n-rm {finished}\nrename {temporary} {finished}\n",
            quote(directory)
        ));
        let script = folder.0.join("batch");
        std::fs::write(&script, batch).map_err(|error| failed(error.to_string()))?;
        let mut command = self.command(Path::new("sftp"));
        if let Some(ssh) = &self.target.ssh_executable {
            command.arg("-S").arg(ssh);
        }
        // `-b` sets BatchMode, which forbids passwords; the first value of an option counts.
        let mut arguments: Vec<std::ffi::OsString> = command.get_args().map(Into::into).collect();
        if self.askpass.is_some() {
            arguments.splice(0..0, ["-o".into(), "BatchMode=no".into()]);
        }
        let environment: Vec<_> =
            command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        let output = Command::new("sftp")
            .args(arguments)
            .arg("-b")
            .arg(&script)
            .arg(&self.target.address)
            .envs(environment)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(format!("failed to start sftp: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn means_lost(&self, code: Option<i32>, stderr: &str) -> bool {
        // A command that a signal ended gives the same code, without a word.
        code.is_none_or(|code| code == LOST && !stderr.is_empty() || code < 0)
    }

    fn lost(&self, stream: &mut Stream, error: &io::Error) -> ConnectionError {
        // `ssh` may still be writing why.
        let _ended = stream.exit_code(std::time::Duration::from_millis(200));
        let stderr = stream.stderr_text();
        if self.target.password.is_some() && stderr.contains("Permission denied") {
            return ConnectionError::Unreachable(format!("Invalid/incorrect password: {stderr}"));
        }
        if stderr.contains("Host key verification failed") && !stderr.contains("CHANGED") {
            let port = self.target.port.map(|port| format!("-p {port} ")).unwrap_or_default();
            let address = &self.target.address;
            return unreachable(&format!(
                "{stderr} Accept the key with: ssh-keyscan {port}{address} >> ~/.ssh/known_hosts (or run with --accept-new)"
            ));
        }
        unreachable(&if stderr.is_empty() { error.to_string() } else { stderr })
    }
}

/// A private directory that is removed with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("hostler-{}-{count}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn with_askpass() -> io::Result<Self> {
        let folder = Self::new()?;
        let mut file = File::options().write(true).create_new(true).mode(0o700).open(folder.0.join("askpass"))?;
        file.write_all(ASKPASS.as_bytes())?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
