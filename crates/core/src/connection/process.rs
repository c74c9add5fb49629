//! Pipes to a process of this machine: a local shell, or the system's `ssh`.

use super::pipe::{Piece, Pipe, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A child and its pipes. Dropping it closes its input, gives it a moment to end by itself, and kills it.
pub struct ProcessPipe {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl ProcessPipe {
    /// Starts `command` with its own process group, so that Ctrl-C at the terminal is for the controller alone.
    ///
    /// # Errors
    /// Those of starting it.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn()?;
        let pipe = Self { stdin: child.stdin.take(), stdout: child.stdout.take(), stderr: child.stderr.take(), child };
        let all = [
            pipe.stdin.as_ref().map(AsFd::as_fd),
            pipe.stdout.as_ref().map(AsFd::as_fd),
            pipe.stderr.as_ref().map(AsFd::as_fd),
        ];
        for fd in all.into_iter().flatten() {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(pipe)
    }
}

impl Pipe for ProcessPipe {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<Piece> {
        if let Some(read) = read_from(&mut self.stdout, buffer)? {
            return Ok(Piece::Stdout(read));
        }
        if let Some(read) = read_from(&mut self.stderr, buffer)? {
            return Ok(Piece::Stderr(read));
        }
        // A connection that `ssh` keeps for later use (ControlPersist) may hold the pipe of a program that has ended.
        if self.stdout.is_none() && (self.stderr.is_none() || self.child.try_wait()?.is_some()) {
            // What was written between the last look and the end.
            return Ok(read_from(&mut self.stderr, buffer)?.map_or(Piece::End, Piece::Stderr));
        }
        Ok(Piece::Nothing)
    }

    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stdin) = &mut self.stdin else { return Err(io::ErrorKind::BrokenPipe.into()) };
        match stdin.write(bytes) {
            Err(error) if is_blocked(&error) => Ok(0),
            // The program has ended or closed its input: its output says why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.stdin = None;
                Err(error)
            }
            result => result,
        }
    }

    fn wait(&mut self, writing: bool, limit: Duration) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
        let outputs: [Option<BorrowedFd<'_>>; 2] =
            [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)];
        fds.extend(outputs.into_iter().flatten().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        if let Some(stdin) = self.stdin.as_ref().filter(|_| writing) {
            fds.push(PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::OUT));
        }
        // With standard output closed the program is about to end, which no poll tells.
        let limit = if self.stdout.is_none() { limit.min(Duration::from_millis(5)) } else { limit };
        wait_for(&mut fds, limit)
    }

    fn close_input(&mut self) -> io::Result<()> {
        self.stdin = None;
        Ok(())
    }

    fn exit_code(&mut self, limit: Duration) -> io::Result<Option<i32>> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code().or_else(|| status.signal().map(|signal| -signal)));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && matches!(self.child.try_wait(), Ok(None))
        {
            let _gone = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for ProcessPipe {
    fn drop(&mut self) {
        self.stdin = None;
        self.stdout = None;
        self.stderr = None;
        if !matches!(self.exit_code(Duration::from_secs(2)), Ok(Some(_))) {
            self.kill();
            let _reaped = self.child.wait();
        }
    }
}

/// Starts a program of the controller.
///
/// # Errors
/// Those of starting it.
pub(crate) fn start_program(program: &Path, args: &[String]) -> io::Result<Stream> {
    Ok(Stream::new(Box::new(ProcessPipe::spawn(Command::new(program).args(args))?)))
}

/// Waits until one of `fds` is ready, or `limit` has passed.
pub fn wait_for(fds: &mut [PollFd<'_>], limit: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 });
    match poll(fds, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// `None` when nothing is there; the pipe is closed at its end.
fn read_from(pipe: &mut Option<impl Read>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let Some(open) = pipe else { return Ok(None) };
    match open.read(buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(None)
        }
        Ok(count) => Ok(Some(count)),
        Err(error) if is_blocked(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_blocked(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
