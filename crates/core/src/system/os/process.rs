//! Running commands: own process group, captured output, limits.

use super::{Context, Os, System};
use crate::system::{Command, CommandOutput, Result, SystemError};
use crate::wire::Progress;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Commands that end sooner are not reported on: their result says it all.
const QUIET: Duration = Duration::from_millis(300);
/// How often limits are looked at while a command is silent.
const TICK: Duration = Duration::from_millis(100);

impl Os {
    /// Runs a command to its end.
    pub(super) fn execute(&self, command: &Command, report: bool) -> Result<CommandOutput> {
        let (program, mut spawned) = self.prepare(command)?;
        let failed = |source| SystemError::Spawn { program: program.clone(), source };
        let mut child = spawned.spawn().map_err(failed)?;
        let started = Instant::now();
        let ended = self.attend(&mut child, command, report.then(|| Reporter::new(self.context.as_ref())));
        if !matches!(ended, Ok(Some(_))) {
            end(&mut child);
        }
        let status = child.wait().map_err(failed)?;
        if self.context.given_up() {
            return Err(SystemError::Other(format!("run {program}: the task was given up")));
        }
        let Some((stdout, stderr)) = ended.map_err(failed)? else {
            let seconds = started.elapsed().as_secs_f64();
            return Err(SystemError::Timeout { program, seconds: (seconds * 10.0).round() / 10.0 });
        };
        let rc = status.code().unwrap_or_else(|| -status.signal().unwrap_or(1));
        Ok(CommandOutput { rc, stdout, stderr })
    }

    /// Feeds a command and takes what it writes until it ended, leaving it to be reaped. `None` if it took too long.
    fn attend(
        &self,
        child: &mut Child,
        command: &Command,
        mut reporter: Option<Reporter<'_>>,
    ) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
        let started = Instant::now();
        let mut pump = Pump::new(child, command.stdin.as_deref().unwrap_or_default())?;
        let mut pause = Duration::from_micros(100);
        loop {
            let open = pump.step(if pump.is_open() { TICK } else { Duration::ZERO })?;
            if let Some(reporter) = &mut reporter {
                reporter.update(&pump.stdout, started);
            }
            if has_ended(child)? {
                // Programs left in the background may hold the pipes open for ever: what is in them now is all.
                pump.drain()?;
                return Ok(Some((pump.stdout, pump.stderr)));
            }
            if command.timeout.is_some_and(|limit| started.elapsed() >= limit) || self.context.given_up() {
                return Ok(None);
            }
            if !open {
                std::thread::sleep(pause);
                pause = (pause * 2).min(TICK);
            }
        }
    }

    fn prepare(&self, command: &Command) -> Result<(String, std::process::Command)> {
        let [program, arguments @ ..] = command.argv.as_slice() else {
            return Err(SystemError::Other("run a command: it is empty".to_owned()));
        };
        let path = command.env.get("PATH").cloned().unwrap_or_else(|| self.path());
        let cwd = command.cwd.clone().unwrap_or_else(|| self.directory());
        let found = find_program(program, &path, &cwd).ok_or_else(|| SystemError::Spawn {
            program: program.clone(),
            source: io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error()),
        })?;
        let mut spawned = match command.umask {
            // The mask can only be set in the process itself; a shell does it without unsafe code.
            Some(mask) => {
                let mut shell = std::process::Command::new("/bin/sh");
                shell.args(["-c", &format!("umask {mask:04o}; exec \"$@\""), "sh"]).arg(&found);
                shell
            }
            None => {
                let mut direct = std::process::Command::new(&found);
                direct.arg0(program);
                direct
            }
        };
        spawned.args(arguments).envs(&self.environment).env("PATH", path).envs(&command.env);
        // Only a process that begins where this one is can be made without a copy of this one.
        let here = std::env::current_dir().is_ok_and(|here| here == cwd);
        if command.cwd.is_some() || (!here && cwd.is_dir()) {
            spawned.current_dir(&cwd);
        }
        let stdin = if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        spawned.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Ok((program.clone(), spawned))
    }
}

/// Gives a new file the label that the SELinux policy has for its path, which may differ from its directory's.
pub(super) fn restore_context(os: &Os, path: &Path) {
    if Path::new("/sys/fs/selinux/enforce").exists() {
        let path = path.to_string_lossy().into_owned();
        // Where the tool is missing the directory's label has to do.
        let _ = os.query(&Command::new(["restorecon".to_owned(), "-F".to_owned(), path]));
    }
}

pub(crate) fn find_program(program: &str, path: &str, cwd: &Path) -> Option<PathBuf> {
    if program.contains('/') {
        // Relative to where it will run.
        return Some(cwd.join(program)).filter(|path| path.exists());
    }
    path.split(':').filter(|directory| !directory.is_empty()).map(|directory| Path::new(directory).join(program)).find(
        |candidate| candidate.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0),
    )
}

/// Whether the process has ended. It still is to be reaped then.
fn has_ended(child: &Child) -> io::Result<bool> {
    let Some(pid) = pid(child) else { return Ok(true) };
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    Ok(waitid(WaitId::Pid(pid), options)?.is_some())
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Ends the process with all it started: asked first, forced after a second.
fn end(child: &mut Child) {
    let signal = |signal| pid(child).map(|group| kill_process_group(group, signal));
    signal(Signal::TERM);
    let forced = Instant::now() + Duration::from_secs(1);
    while Instant::now() < forced && matches!(has_ended(child), Ok(false)) {
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(Signal::KILL);
}

/// Moves bytes between a process's pipes and memory without blocking on any of them.
struct Pump<'a> {
    stdin: Option<std::process::ChildStdin>,
    input: &'a [u8],
    out: Option<std::process::ChildStdout>,
    err: Option<std::process::ChildStderr>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl<'a> Pump<'a> {
    fn new(child: &mut Child, input: &'a [u8]) -> io::Result<Self> {
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let set = |fd: Option<std::os::fd::BorrowedFd<'_>>| match fd {
            Some(fd) => rustix::io::ioctl_fionbio(fd, true).map_err(io::Error::from),
            None => Ok(()),
        };
        set(stdin.as_ref().map(AsFd::as_fd))?;
        set(out.as_ref().map(AsFd::as_fd))?;
        set(err.as_ref().map(AsFd::as_fd))?;
        let mut pump = Self { stdin, input, out, err, stdout: Vec::new(), stderr: Vec::new() };
        if input.is_empty() {
            pump.stdin = None;
        }
        Ok(pump)
    }

    fn is_open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    /// Waits until something can be moved, and moves it. False once nothing is open any more.
    fn step(&mut self, timeout: Duration) -> io::Result<bool> {
        let mut fds = Vec::with_capacity(3);
        fds.extend(self.out.as_ref().map(|out| PollFd::new(out, PollFlags::IN)));
        fds.extend(self.err.as_ref().map(|err| PollFd::new(err, PollFlags::IN)));
        fds.extend(self.stdin.as_ref().map(|stdin| PollFd::new(stdin, PollFlags::OUT)));
        if fds.is_empty() {
            return Ok(false);
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos().into() };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        drop(fds);
        self.feed()?;
        self.drain()?;
        Ok(true)
    }

    fn feed(&mut self) -> io::Result<()> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        while !self.input.is_empty() {
            match stdin.write(self.input) {
                Ok(count) => self.input = &self.input[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It does not want to know the rest.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
                Err(error) => return Err(error),
            }
        }
        self.stdin = None;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        drain(&mut self.out, &mut self.stdout)?;
        drain(&mut self.err, &mut self.stderr)
    }
}

fn drain(pipe: &mut Option<impl Read>, into: &mut Vec<u8>) -> io::Result<()> {
    let Some(reader) = pipe else { return Ok(()) };
    // Stops at the first "would block", having kept what came before.
    match reader.read_to_end(into) {
        Ok(_) => *pipe = None,
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Tells of whole lines as they come.
struct Reporter<'a> {
    context: &'a dyn Context,
    told: usize,
}

impl<'a> Reporter<'a> {
    fn new(context: &'a dyn Context) -> Self {
        Self { context, told: 0 }
    }

    fn update(&mut self, output: &[u8], started: Instant) {
        if started.elapsed() < QUIET {
            return;
        }
        let fresh = &output[self.told..];
        let Some(end) = fresh.iter().rposition(|byte| *byte == b'\n') else { return };
        for line in fresh[..end].split(|byte| *byte == b'\n') {
            self.context.progress(Progress::Output(String::from_utf8_lossy(line).into_owned()));
        }
        self.told += end + 1;
    }
}
