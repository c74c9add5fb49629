//! What the running call lends to the machine it runs on: variables, contents from the controller, live output.

use super::blobs::{Blob, Incoming, WINDOW};
use super::control::Control;
use super::{BlobAnswer, Frame, Kind, Progress};
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

    fn fetch(&self, id: u64, sha256: &str) -> io::Result<Blob> {
        let answers = lock(&self.blobs);
        self.output.send(&Frame::new(Kind::BlobWanted, id, sha256))?;
        let answer = self.next(&answers, id)?;
        let mut incoming = match answer.parse()? {
            BlobAnswer::Length(length) => Incoming::new(length),
            BlobAnswer::Failed(reason) => return Err(io::Error::other(reason)),
        };
        let mut unacknowledged = 0;
        while !incoming.is_complete() {
            let frame = self.next(&answers, id)?;
            if frame.kind == Kind::BlobAnswer {
                if let BlobAnswer::Failed(reason) = frame.parse()? {
                    return Err(io::Error::other(reason));
                }
                return Err(io::Error::new(io::ErrorKind::InvalidData, "unexpected answer inside a content"));
            }
            incoming.push(&frame.payload)?;
            unacknowledged += frame.payload.len();
            if unacknowledged >= WINDOW / 4 {
                self.output.send(&Frame::json(Kind::BlobCredit, id, &unacknowledged)?)?;
                unacknowledged = 0;
            }
        }
        incoming.finish(sha256)
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
                let blob = self.fetch(id, sha256)?;
                lock(&self.call).cache.insert(sha256.to_owned(), blob.clone());
                blob
            }
        };
        Ok(blob.reader())
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
