//! Frames: a length, a kind, the call they belong to, a payload. Lengths are limited before anything is allocated.

use std::io::{self, Read, Write};

/// No payload is longer.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// Length of what stands before a payload: length (4), kind (1), call (8), all big-endian.
const HEADER: usize = 13;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Helper: [`Hello`](super::Hello), the first frame.
    Hello = 1,
    /// Helper: [`Outcome`](crate::module::Outcome) of a call.
    Outcome = 2,
    /// Helper: [`Progress`](super::Progress) of a call.
    Progress = 3,
    /// Helper: the SHA-256 (hex, bare) of a content that the call needs.
    BlobWanted = 4,
    /// Helper: a JSON number, so many more bytes of the content may be sent.
    BlobCredit = 5,
    /// Helper: it is there; sent at once, whatever a module does.
    Pong = 6,
    /// Controller: [`Request`](super::Request).
    Request = 16,
    /// Controller: give the call up.
    Cancel = 17,
    /// Controller: [`BlobAnswer`](super::BlobAnswer).
    BlobAnswer = 18,
    /// Controller: bytes of the content.
    BlobData = 19,
    /// Controller: are you there?
    Ping = 20,
    /// Controller: [`Request`](super::Request) that was sent ahead: not to be run if the call before it failed.
    RequestAfter = 21,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Hello,
            2 => Self::Outcome,
            3 => Self::Progress,
            4 => Self::BlobWanted,
            5 => Self::BlobCredit,
            6 => Self::Pong,
            16 => Self::Request,
            17 => Self::Cancel,
            18 => Self::BlobAnswer,
            19 => Self::BlobData,
            20 => Self::Ping,
            21 => Self::RequestAfter,
            _ => return None,
        })
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// The call it belongs to; 0 for none.
    pub call: u64,
    /// JSON or raw bytes, as the kind says.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame with a raw payload.
    pub fn new(kind: Kind, call: u64, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, call, payload: payload.into() }
    }

    /// A frame with a JSON payload.
    ///
    /// # Errors
    /// When `message` cannot be JSON or is too long for a frame.
    pub fn json(kind: Kind, call: u64, message: &impl serde::Serialize) -> io::Result<Self> {
        let payload = serde_json::to_vec(message).map_err(io::Error::from)?;
        if payload.len() > MAX_PAYLOAD {
            return Err(too_long(payload.len()));
        }
        Ok(Self { kind, call, payload })
    }

    /// The JSON payload.
    ///
    /// # Errors
    /// When it is not what `T` expects.
    pub fn parse<T: serde::de::DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.payload).map_err(|error| invalid(format!("{:?} frame: {error}", self.kind)))
    }

    /// Appends the frame's bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        // Longer payloads are refused where frames are made: the cast loses nothing.
        bytes.extend_from_slice(&(self.payload.len() as u32).to_be_bytes());
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.call.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
    }

    /// Writes the frame in one piece and flushes.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + self.payload.len());
        self.encode(&mut bytes);
        output.write_all(&bytes)?;
        output.flush()
    }

    /// Reads the next frame; `None` at the end of `input`.
    ///
    /// # Errors
    /// When `input` ends inside a frame or is not made of frames.
    pub fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        let mut filled = 0;
        while filled < HEADER {
            match input.read(&mut header[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let (length, kind, call) = parse_header(&header)?;
        let mut payload = Vec::new();
        input.take(length as u64).read_to_end(&mut payload)?;
        if payload.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Self { kind, call, payload }))
    }
}

/// Frames out of bytes that come in pieces.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
}

impl Decoder {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if all of it has come.
    ///
    /// # Errors
    /// When the bytes are not frames.
    pub fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let bytes = &self.buffer[self.start..];
        let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let (length, kind, call) = parse_header(header)?;
        let Some(payload) = bytes.get(HEADER..HEADER + length) else {
            self.buffer.drain(..self.start);
            self.start = 0;
            return Ok(None);
        };
        let frame = Frame::new(kind, call, payload);
        self.start += HEADER + length;
        Ok(Some(frame))
    }
}

fn parse_header(header: &[u8; HEADER]) -> io::Result<(usize, Kind, u64)> {
    let [l0, l1, l2, l3, kind, call @ ..] = *header;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    let kind = Kind::from_byte(kind).ok_or_else(|| invalid(format!("unknown frame kind {kind}")))?;
    if length > MAX_PAYLOAD {
        return Err(too_long(length));
    }
    Ok((length, kind, u64::from_be_bytes(call)))
}

fn too_long(length: usize) -> io::Error {
    invalid(format!("message of {length} bytes is longer than {MAX_PAYLOAD}"))
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let frames = [Frame::new(Kind::Hello, 0, *b"{}"), Frame::new(Kind::BlobData, 7, vec![3; 1000])];
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut bytes));
        for size in [1, 5, 13, 14, 4096] {
            let mut decoder = Decoder::default();
            let mut decoded = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(frame) = decoder.next_frame().unwrap() {
                    decoded.push(frame);
                }
            }
            assert_eq!(decoded, frames);
        }
        let mut input = bytes.as_slice();
        assert_eq!(Frame::read(&mut input).unwrap().unwrap(), frames[0]);
        assert_eq!(Frame::read(&mut input).unwrap().unwrap(), frames[1]);
        assert_eq!(Frame::read(&mut input).unwrap(), None);
        assert_eq!(Frame::read(&mut &bytes[..bytes.len() - 1][15..]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn hostile_headers_are_refused() {
        let mut bytes = Vec::new();
        Frame::new(Kind::Request, 1, *b"x").encode(&mut bytes);
        bytes[0] = 0xff;
        assert!(Frame::read(&mut bytes.as_slice()).unwrap_err().to_string().contains("longer than"));
        bytes[0] = 0;
        bytes[4] = 99;
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        assert!(decoder.next_frame().unwrap_err().to_string().contains("unknown frame kind 99"));
    }
}
