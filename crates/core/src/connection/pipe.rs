//! A program running on a host, as three pipes; buffered so that neither side can block the other.

use crate::wire::client::{Link, Received};
use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

/// More of what a helper writes to standard error than this is not kept.
const STDERR_KEPT: usize = 64 << 10;

/// What a read without waiting gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes of standard output.
    Stdout(usize),
    /// So many bytes of standard error.
    Stderr(usize),
    /// Nothing at present.
    Nothing,
    /// Both have ended.
    End,
}

/// A running program's pipes, without waiting. Errors mean that the connection to the host is lost.
pub trait Pipe: Send {
    /// Reads what is there.
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<Piece>;
    /// Writes what fits; 0 if nothing does at present.
    fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Waits until one of the above may do something, or `limit` has passed.
    fn wait(&mut self, writing: bool, limit: Duration) -> io::Result<()>;
    /// Tells the program that no more input comes.
    fn close_input(&mut self) -> io::Result<()>;
    /// The exit code of a program whose output has ended: minus the signal's number where one ended it; `None` if it
    /// is not known within `limit`.
    fn exit_code(&mut self, limit: Duration) -> io::Result<Option<i32>>;
    /// Ends the program, where there is a way to.
    fn kill(&mut self);
}

/// A [`Pipe`] with what was read but not used yet.
pub struct Stream {
    pipe: Box<dyn Pipe>,
    stdout: VecDeque<u8>,
    /// What came on standard error and has not been taken.
    stderr: Vec<u8>,
    ended: bool,
}

impl Stream {
    /// Wraps `pipe`.
    pub fn new(pipe: Box<dyn Pipe>) -> Self {
        Self { pipe, stdout: VecDeque::new(), stderr: Vec::new(), ended: false }
    }

    /// The pipe itself, after its output has ended.
    pub fn pipe(&mut self) -> &mut dyn Pipe {
        &mut *self.pipe
    }

    /// Standard error so far.
    pub fn stderr(&mut self) -> &mut Vec<u8> {
        &mut self.stderr
    }

    /// Standard error as text for a message: without blank ends, the last part if it is long.
    pub fn stderr_text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let text = text.trim();
        let start = text.char_indices().rev().nth(4000).map_or(0, |(start, _)| start);
        text[start..].to_owned()
    }

    /// Output that has been read and not taken.
    pub fn stdout(&mut self) -> &mut VecDeque<u8> {
        &mut self.stdout
    }

    /// Whether both outputs have ended.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Takes in whatever comes within `wait`. Says whether anything did.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn fill(&mut self, wait: Duration) -> io::Result<bool> {
        if self.take_in()? {
            return Ok(true);
        }
        if !self.ended {
            self.pipe.wait(false, wait)?;
            return self.take_in();
        }
        Ok(false)
    }

    /// Reads all that is there, without waiting.
    fn take_in(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 8 << 10];
        let mut any = false;
        while !self.ended {
            match self.pipe.try_read(&mut buffer)? {
                Piece::Stdout(count) => self.stdout.extend(&buffer[..count]),
                Piece::Stderr(count) => {
                    self.stderr.extend_from_slice(&buffer[..count]);
                }
                Piece::Nothing => break,
                Piece::End => self.ended = true,
            }
            any = true;
            // A program that writes without end must not keep its reader from looking at limits.
            if self.stdout.len() >= 1 << 20 {
                break;
            }
        }
        Ok(any)
    }

    /// Writes all of `bytes`, taking in output meanwhile. `stop` is asked while it waits; `false` says that it stopped,
    /// or that the program has ended.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn write_until(&mut self, bytes: &[u8], stop: &mut dyn FnMut() -> bool) -> io::Result<bool> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.pipe.try_write(rest)? {
                0 => {
                    if stop() {
                        return Ok(false);
                    }
                    self.pipe.wait(true, Duration::from_millis(200))?;
                    self.take_in()?;
                    if self.ended {
                        return Ok(false);
                    }
                }
                count => rest = &rest[count..],
            }
        }
        Ok(true)
    }

    /// Waits for the program's end after its output has ended.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn exit_code(&mut self, limit: Duration) -> io::Result<Option<i32>> {
        let deadline = Instant::now() + limit;
        while !self.ended && Instant::now() < deadline {
            self.fill(Duration::from_millis(50))?;
            self.stdout.clear();
        }
        self.pipe.exit_code(deadline.saturating_duration_since(Instant::now()))
    }
}

impl Link for Stream {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Received> {
        if self.stdout.is_empty() {
            self.fill(wait)?;
            // Of a helper's complaints only the last ones matter.
            let excess = self.stderr.len().saturating_sub(STDERR_KEPT);
            self.stderr.drain(..excess);
        }
        if self.stdout.is_empty() {
            return Ok(if self.ended { Received::End } else { Received::Nothing });
        }
        io::Read::read(&mut self.stdout, buffer).map(Received::Bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.write_until(bytes, &mut || false)? { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }
}
