//! What the running call lends to the machine it runs on: variables, contents from the controller, live output.

use super::blobs::{Blob, WINDOW};
use super::control::Control;
use super::{BlobAnswer, Frame, Kind, Progress};
use crate::text::hex;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No more live output of one call than this: all of it comes with the outcome anyway.
const LIVE_OUTPUT: usize = 1 << 20;
/// Lines of more characters are cut in live output.
const LIVE_LINE: usize = 8 << 10;

/// Where all threads of a helper write their frames.
pub struct Output(Mutex<Box<dyn Write + Send>>);

impl Output {
    /// Writes to `output`.
    pub fn new(output: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(output)))
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn send(&self, frame: &Frame) -> io::Result<()> {
        frame.write(&mut *lock(&self.0))
    }
}

/// The call that is running, as the machine sees it.
pub struct CallContext {
    control: Arc<Control>,
    output: Arc<Output>,
    /// Answers to wanted contents.
    blobs: Mutex<Receiver<Frame>>,
    call: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    id: u64,
    cache: HashMap<String, Blob>,
    live: usize,
}

impl CallContext {
    /// `blobs` hears the controller's answers.
    pub(super) fn new(control: Arc<Control>, output: Arc<Output>, blobs: Receiver<Frame>) -> Self {
        Self { control, output, blobs: Mutex::new(blobs), call: Mutex::default() }
    }

    /// A call begins.
    pub(super) fn begin(&self, id: u64) {
        *lock(&self.call) = Running { id, ..Running::default() };
    }

    /// The call has ended: its contents are forgotten.
    pub(super) fn end(&self) {
        *lock(&self.call) = Running::default();
    }

    /// Asks the controller for a content.
    fn ask(&self, id: u64, sha256: &str) -> io::Result<Incoming<'_>> {
        let answers = lock(&self.blobs);
        self.output.send(&Frame::new(Kind::BlobWanted, id, sha256))?;
        let missing = match self.next(&answers, id)?.parse()? {
            BlobAnswer::Length(length) => length,
            BlobAnswer::Failed(reason) => return Err(io::Error::other(reason)),
        };
        Ok(Incoming {
            context: self,
            answers,
            id,
            sha256: sha256.to_owned(),
            hash: Sha256::new(),
            missing,
            piece: Vec::new(),
            used: 0,
            unacknowledged: 0,
        })
    }

    /// The next frame about a content that belongs to call `id`; those left over from an earlier call are dropped.
    fn next(&self, answers: &Receiver<Frame>, id: u64) -> io::Result<Frame> {
        loop {
            match answers.recv_timeout(Duration::from_millis(100)) {
                Ok(frame) if frame.call == id => return Ok(frame),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(stop) = self.control.stopped() {
                        return Err(io::Error::other(stop.reason()));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

impl CallContext {
    /// Content that the controller holds, by its SHA-256 in hex.
    ///
    /// # Errors
    /// When it has none, or the call is given up meanwhile.
    pub fn blob(&self, sha256: &str) -> io::Result<Box<dyn Read + Send>> {
        let (id, cached) = {
            let call = lock(&self.call);
            (call.id, call.cache.get(sha256).cloned())
        };
        let blob = match cached {
            Some(blob) => blob,
            None => {
                let blob = Blob::keep(&mut self.ask(id, sha256)?)?;
                lock(&self.call).cache.insert(sha256.to_owned(), blob.clone());
                blob
            }
        };
        Ok(blob.reader())
    }

    /// The same to be read once, while it comes in: reading fails at the end if it was another content.
    ///
    /// # Errors
    /// When there is none, or the call is given up meanwhile.
    pub fn blob_once(&self, sha256: &str) -> io::Result<Box<dyn Read + '_>> {
        let (id, cached) = {
            let call = lock(&self.call);
            (call.id, call.cache.get(sha256).cloned())
        };
        match cached {
            Some(blob) => Ok(blob.reader()),
            None => Ok(Box::new(self.ask(id, sha256)?)),
        }
    }

    /// Tells the controller what happens.
    pub fn progress(&self, progress: Progress) {
        let Progress::Output(mut line) = progress;
        if let Some((cut, _)) = line.char_indices().nth(LIVE_LINE) {
            line.truncate(cut);
        }
        let mut call = lock(&self.call);
        call.live += line.len();
        let (id, live) = (call.id, call.live);
        drop(call);
        if live > LIVE_OUTPUT {
            return;
        }
        if let Ok(frame) = Frame::json(Kind::Progress, id, &Progress::Output(line)) {
            // Where nobody listens any more, the end of input says so too.
            let _closed = self.output.send(&frame);
        }
    }

    /// Whether the call has been given up: whatever takes long should ask now and then.
    pub fn given_up(&self) -> bool {
        self.control.stopped().is_some()
    }
}

/// A content that is coming in.
struct Incoming<'a> {
    context: &'a CallContext,
    answers: MutexGuard<'a, Receiver<Frame>>,
    id: u64,
    sha256: String,
    hash: Sha256,
    missing: u64,
    /// The piece that came last, and how much of it was read.
    piece: Vec<u8>,
    used: usize,
    unacknowledged: usize,
}

impl Incoming<'_> {
    fn next_piece(&mut self) -> io::Result<()> {
        let frame = self.context.next(&self.answers, self.id)?;
        let invalid = |message: &str| Err(io::Error::new(io::ErrorKind::InvalidData, message));
        if frame.kind == Kind::BlobAnswer {
            return match frame.parse()? {
                BlobAnswer::Failed(reason) => Err(io::Error::other(reason)),
                BlobAnswer::Length(_) => invalid("unexpected answer inside a content"),
            };
        }
        let length = frame.payload.len();
        match self.missing.checked_sub(length as u64) {
            Some(missing) => self.missing = missing,
            None => return invalid("more bytes than announced"),
        }
        self.hash.update(&frame.payload);
        (self.piece, self.used) = (frame.payload, 0);
        self.unacknowledged += length;
        if self.unacknowledged >= WINDOW / 8 {
            let credit = Frame::json(Kind::BlobCredit, self.id, &std::mem::take(&mut self.unacknowledged))?;
            self.context.output.send(&credit)?;
        }
        Ok(())
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.piece.len() && self.missing > 0 {
            self.next_piece()?;
        }
        let rest = &self.piece[self.used..];
        if rest.is_empty() {
            let actual = hex(&self.hash.clone().finalize());
            if actual != self.sha256 {
                let message =
                    format!("the controller sent other bytes (SHA-256 {actual}); did the file change meanwhile?");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.used += count;
        Ok(count)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
