//! The controller's end: sends requests to one helper, feeds it contents, hears its answers.

use super::blobs::WINDOW;
use super::frame::Decoder;
use super::{BlobAnswer, Frame, Hello, Kind, Progress, Request, VERSION};
use crate::module::Outcome;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How often cancellation and limits are looked at.
const TICK: Duration = Duration::from_millis(200);
/// Time that a helper gets to end a call that it was told to give up, before it is given up itself.
const GRACE: Duration = Duration::from_secs(8);
/// A helper that is silent for so long is asked whether it is there.
const SILENCE: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(15) };
/// One that is silent for three times as long is not, whatever the connection below it believes.
const LOST: Duration = if cfg!(test) { Duration::from_millis(1500) } else { Duration::from_secs(45) };
/// Contents travel in pieces of this size.
const PIECE: usize = 128 << 10;

/// Bytes to and from a helper.
pub trait Link {
    /// Reads what is there, waiting at most `wait` for it.
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Received>;
    /// Writes all of `bytes`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// What reading gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing came in time.
    Nothing,
    /// Nothing will come any more.
    End,
}

/// Opens a content by its SHA-256 in hex: its length, and a reader.
pub type Blobs<'a> = &'a dyn Fn(&str) -> Option<(u64, Box<dyn Read + Send>)>;

/// What a call needs while it runs.
pub struct Handlers<'a> {
    /// Contents that the module may ask for.
    pub blobs: Blobs<'a>,
    /// Hears of progress.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Whether to give up.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// Why a call has no outcome. The helper must not be used again.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The pipe ended or broke.
    #[error("the helper ended: {0}")]
    Lost(io::Error),
    /// It said something unexpected.
    #[error("the helper said something unexpected: {0}")]
    Protocol(io::Error),
    /// The call was cancelled, and the helper did not react.
    #[error("cancelled")]
    Cancelled,
    /// The call took too long, and the helper did not react.
    #[error("timed out after {0} s, and the helper does not answer")]
    TimedOut(f64),
}

/// A helper that has said hello.
pub struct Client<L> {
    link: L,
    decoder: Decoder,
    last_call: u64,
    /// Calls without an outcome so far, the oldest first, with their limits in seconds.
    waiting: VecDeque<(u64, Option<f64>)>,
    hello: Hello,
}

impl<L: Link> Client<L> {
    /// Waits for the helper's first frame. `received` is what was read behind the bootstrap's last line already.
    ///
    /// # Errors
    /// When it does not come in time, or is of another version.
    pub fn open(mut link: L, received: &[u8], timeout: Duration) -> Result<Self, (L, ClientError)> {
        let mut decoder = Decoder::default();
        decoder.push(received);
        match hello(&mut link, &mut decoder, timeout) {
            Ok(hello) => Ok(Self { link, decoder, last_call: 0, waiting: VecDeque::new(), hello }),
            Err(error) => Err((link, error)),
        }
    }

    /// What it said first.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Its pipes, to ask why they ended.
    pub fn link(&mut self) -> &mut L {
        &mut self.link
    }

    /// Sends `request` and waits for its outcome.
    ///
    /// # Errors
    /// When there is none; this client is of no use then.
    pub fn call(&mut self, request: &Request, handlers: Handlers<'_>) -> Result<Outcome, ClientError> {
        self.send(request)?;
        self.receive(handlers)
    }

    /// Sends `request` without waiting. It is not run if one that has no outcome yet fails.
    ///
    /// # Errors
    /// When it cannot be sent; this client is of no use then.
    pub fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let kind = if self.waiting.is_empty() { Kind::Request } else { Kind::RequestAfter };
        self.last_call += 1;
        let frame = Frame::json(kind, self.last_call, request).map_err(ClientError::Protocol)?;
        self.write(&frame)?;
        self.waiting.push_back((self.last_call, request.timeout));
        Ok(())
    }

    /// Waits for the outcome of the oldest request that has none.
    ///
    /// # Errors
    /// When there is none; this client is of no use then.
    pub fn receive(&mut self, handlers: Handlers<'_>) -> Result<Outcome, ClientError> {
        let Some((call, timeout)) = self.waiting.pop_front() else {
            return Err(unexpected("nothing was asked".into()));
        };
        let limit = timeout.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit)?.checked_add(GRACE));
        let mut cancelled_at = None;
        let mut upload = None;
        let mut heard = Heard::now();
        loop {
            let wait = if cancelled_at.is_none() { TICK } else { TICK / 4 };
            if let Some(frame) = self.next(wait)? {
                heard = Heard::now();
                if frame.call != call {
                    continue;
                }
                match frame.kind {
                    Kind::Outcome => return frame.parse().map_err(ClientError::Protocol),
                    Kind::Progress => (handlers.progress)(frame.parse().map_err(ClientError::Protocol)?),
                    Kind::BlobWanted => upload = self.begin_upload(&frame, handlers.blobs)?,
                    Kind::BlobCredit => {
                        let credit: usize = frame.parse().map_err(ClientError::Protocol)?;
                        if let Some(upload) = &mut upload {
                            upload.credit = upload.credit.saturating_add(credit).min(WINDOW);
                        }
                    }
                    Kind::Pong => {}
                    kind => return Err(unexpected(format!("{kind:?} frame"))),
                }
                if upload.as_mut().is_some_and(|upload| upload.credit > 0) {
                    upload = self.continue_upload(call, upload)?;
                }
            }
            let now = Instant::now();
            if heard.wants_ping(now)? {
                self.write(&Frame::new(Kind::Ping, call, []))?;
            }
            if cancelled_at.is_none() && (handlers.cancelled)() {
                cancelled_at = Some(now);
                self.write(&Frame::new(Kind::Cancel, call, []))?;
            }
            if cancelled_at.is_some_and(|at| now >= at + GRACE) {
                return Err(ClientError::Cancelled);
            }
            if let Some((deadline, seconds)) = deadline.zip(timeout)
                && now >= deadline
            {
                return Err(ClientError::TimedOut(seconds));
            }
        }
    }

    fn begin_upload(&mut self, wanted: &Frame, blobs: Blobs<'_>) -> Result<Option<Upload>, ClientError> {
        let sha256 = String::from_utf8_lossy(&wanted.payload);
        let (answer, upload) = match blobs(&sha256) {
            Some((length, reader)) => {
                (BlobAnswer::Length(length), Some(Upload { reader, remaining: length, credit: WINDOW }))
            }
            None => (BlobAnswer::Failed("there is no such content".to_owned()), None),
        };
        self.write_json(Kind::BlobAnswer, wanted.call, &answer)?;
        Ok(upload)
    }

    /// Sends as much as may be on its way. Gives the upload back unless it is done.
    fn continue_upload(&mut self, call: u64, upload: Option<Upload>) -> Result<Option<Upload>, ClientError> {
        let Some(mut upload) = upload else { return Ok(None) };
        let mut piece = vec![0; PIECE];
        while upload.remaining > 0 && upload.credit > 0 {
            let size = PIECE.min(upload.credit).min(usize::try_from(upload.remaining).unwrap_or(PIECE));
            let read = match upload.reader.read(&mut piece[..size]) {
                Ok(0) => Err("the file became shorter while it was sent".to_owned()),
                Ok(count) => Ok(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(format!("failed to read it: {error}")),
            };
            match read {
                Ok(count) => {
                    self.write(&Frame::new(Kind::BlobData, call, &piece[..count]))?;
                    upload.credit -= count;
                    upload.remaining -= count as u64;
                }
                Err(reason) => {
                    self.write_json(Kind::BlobAnswer, call, &BlobAnswer::Failed(reason))?;
                    return Ok(None);
                }
            }
        }
        Ok((upload.remaining > 0).then_some(upload))
    }

    fn write_json(&mut self, kind: Kind, call: u64, message: &impl serde::Serialize) -> Result<(), ClientError> {
        let frame = Frame::json(kind, call, message).map_err(ClientError::Protocol)?;
        self.write(&frame)
    }

    fn write(&mut self, frame: &Frame) -> Result<(), ClientError> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.link.write(&bytes).map_err(ClientError::Lost)
    }

    fn next(&mut self, wait: Duration) -> Result<Option<Frame>, ClientError> {
        receive(&mut self.link, &mut self.decoder, wait)
    }
}

/// When the helper was last heard of, and last asked.
struct Heard {
    last: Instant,
    asked: Instant,
}

impl Heard {
    fn now() -> Self {
        let now = Instant::now();
        Self { last: now, asked: now }
    }

    /// Whether it is time to ask.
    fn wants_ping(&mut self, now: Instant) -> Result<bool, ClientError> {
        if now >= self.last + LOST {
            let message = format!("no answer for {} s", LOST.as_secs());
            return Err(ClientError::Lost(io::Error::new(io::ErrorKind::TimedOut, message)));
        }
        let ask = now >= self.asked + SILENCE;
        if ask {
            self.asked = now;
        }
        Ok(ask)
    }
}

/// A content on its way to the helper.
struct Upload {
    reader: Box<dyn Read + Send>,
    remaining: u64,
    credit: usize,
}

fn hello(link: &mut impl Link, decoder: &mut Decoder, timeout: Duration) -> Result<Hello, ClientError> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(frame) = receive(link, decoder, TICK)? {
            if frame.kind != Kind::Hello {
                return Err(unexpected(format!("{:?} frame before hello", frame.kind)));
            }
            let hello: Hello = frame.parse().map_err(ClientError::Protocol)?;
            if hello.version != VERSION {
                return Err(unexpected(format!("protocol version {}, not {VERSION}", hello.version)));
            }
            return Ok(hello);
        }
        if Instant::now() >= deadline {
            return Err(ClientError::TimedOut(timeout.as_secs_f64()));
        }
    }
}

fn receive(link: &mut impl Link, decoder: &mut Decoder, wait: Duration) -> Result<Option<Frame>, ClientError> {
    if let Some(frame) = decoder.next_frame().map_err(ClientError::Protocol)? {
        return Ok(Some(frame));
    }
    // It is cleared each time: more of it would cost more than the next look for what is longer.
    let mut buffer = [0; 4 << 10];
    match link.read(&mut buffer, wait).map_err(ClientError::Lost)? {
        Received::Bytes(count) => decoder.push(&buffer[..count]),
        Received::Nothing => return Ok(None),
        Received::End => return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into())),
    }
    decoder.next_frame().map_err(ClientError::Protocol)
}

fn unexpected(message: String) -> ClientError {
    ClientError::Protocol(io::Error::new(io::ErrorKind::InvalidData, message))
}
