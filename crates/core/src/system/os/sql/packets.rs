//! Packets of MySQL's protocol, and the pieces that they are made of.

use super::SqlError;
use crate::system::Stream;
use std::io::{self, BufReader, Read, Write};

/// A packet of this length is continued in the next one.
const FULL: usize = 0xff_ffff;

/// A connection as packets.
pub(super) struct Packets {
    stream: BufReader<Box<dyn Stream>>,
    sequence: u8,
}

impl Packets {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream: BufReader::new(stream), sequence: 0 }
    }

    /// Reads the next message, however many packets it has.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut message = Vec::new();
        loop {
            let mut header = [0; 4];
            self.stream.read_exact(&mut header)?;
            let [a, b, c, sequence] = header;
            let length = u32::from_le_bytes([a, b, c, 0]) as usize;
            // Servers that give up count differently: their last words matter more than the order.
            self.sequence = sequence.wrapping_add(1);
            if Read::take(&mut self.stream, length as u64).read_to_end(&mut message)? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if length < FULL {
                return Ok(message);
            }
        }
    }

    /// Writes a message that answers the last one read.
    pub(super) fn write(&mut self, message: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        let mut rest = message;
        loop {
            let (part, after) = rest.split_at(rest.len().min(FULL));
            let [a, b, c, _] = (part.len() as u32).to_le_bytes();
            let mut packet = Vec::with_capacity(4 + part.len());
            packet.extend_from_slice(&[a, b, c, self.sequence]);
            packet.extend_from_slice(part);
            stream.write_all(&packet)?;
            self.sequence = self.sequence.wrapping_add(1);
            // A full packet is always followed by another, be it an empty one.
            if part.len() < FULL {
                return stream.flush();
            }
            rest = after;
        }
    }

    /// Writes a message that begins an exchange.
    pub(super) fn begin(&mut self, message: &[u8]) -> io::Result<()> {
        self.sequence = 0;
        self.write(message)
    }
}

/// What is left of a message.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| malformed("a packet that ends early"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of `width` bytes, the lowest first.
    pub(super) fn number(&mut self, width: usize) -> io::Result<u64> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number that says its own width; `None` stands for NULL.
    pub(super) fn length(&mut self) -> io::Result<Option<u64>> {
        let width = match self.number(1)? {
            0xfb => return Ok(None),
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xff => return Err(malformed("a length that is none")),
            small => return Ok(Some(small)),
        };
        self.number(width).map(Some)
    }

    /// Bytes after their number; `None` stands for NULL.
    pub(super) fn bytes(&mut self) -> io::Result<Option<&'a [u8]>> {
        let Some(length) = self.length()? else { return Ok(None) };
        self.take(usize::try_from(length).unwrap_or(usize::MAX)).map(Some)
    }

    pub(super) fn text(&mut self) -> io::Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?.unwrap_or_default()).into_owned())
    }

    /// Bytes up to a zero, or to the end.
    pub(super) fn until_zero(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        let (found, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        found
    }
}

pub(super) fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} came from the server; is it MySQL or MariaDB?"))
}

/// The error that a message is, after its first byte.
pub(super) fn server_error(mut fields: Fields<'_>) -> SqlError {
    let code = fields.number(2).unwrap_or_default() as u16;
    if fields.0.first() == Some(&b'#') {
        // The state in five letters says less than the code.
        fields.0 = fields.0.get(6..).unwrap_or_default();
    }
    SqlError::Server { code, message: String::from_utf8_lossy(fields.0).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn long_messages_are_split_and_joined() {
        for length in [0, 5, FULL - 1, FULL, FULL + 1] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let message = vec![7; length];
            let writer = std::thread::spawn(move || Packets::new(Box::new(ours)).begin(&message));
            let mut packets = Packets::new(Box::new(theirs));
            assert_eq!(packets.read().unwrap().len(), length);
            assert_eq!(packets.sequence, if length < FULL { 1 } else { 2 });
            // Nothing is left over.
            assert!(packets.read().is_err());
            writer.join().unwrap().unwrap();
        }
    }

    #[test]
    fn lengths_of_all_widths() {
        let mut fields = Fields(b"\xfa\xfb\xfc\x01\x02\xfd\x01\x02\x03\xfe\x01\0\0\0\0\0\0\x01\xfc\x01");
        let lengths: Vec<_> = (0..5).map(|_| fields.length().unwrap()).collect();
        let large = (1 << 56) + 1;
        assert_eq!(lengths, [Some(0xfa), None, Some(0x201), Some(0x3_0201), Some(large)]);
        assert!(fields.length().is_err());
        // A length that no message has must not reach for memory.
        assert!(Fields(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffabc").bytes().is_err());
    }

    #[test]
    fn errors_with_and_without_a_state() {
        let error = |message| server_error(Fields(message)).to_string();
        assert_eq!(error(b"\x15\x04#28000Access denied"), "(1045, \"Access denied\")");
        assert_eq!(error(b"\x10\x04Too many connections"), "(1040, \"Too many connections\")");
    }
}
