//! Contents that the helper has been sent: kept for the call that asked, in memory or, where long, in a nameless file.
// tidy-allow os: contents that are too large for memory are spooled beside the helper, whatever machine modules see

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

/// At most so much of a content is on its way without having been received.
pub const WINDOW: usize = 256 << 10;
/// Longer contents are not kept in memory.
const IN_MEMORY: usize = 8 << 20;

/// A content that is coming in.
pub struct Incoming {
    hash: Sha256,
    missing: u64,
    memory: Vec<u8>,
    file: Option<File>,
}

impl Incoming {
    /// Expects `length` bytes.
    pub fn new(length: u64) -> Self {
        Self { hash: Sha256::new(), missing: length, memory: Vec::new(), file: None }
    }

    /// Whether all of it is there.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there are more of them than were announced, or no place to keep them.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.missing = self
            .missing
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "more bytes than announced"))?;
        self.hash.update(bytes);
        if let Some(file) = &mut self.file {
            return file.write_all(bytes);
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > IN_MEMORY {
            let mut file = nameless_file()?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        Ok(())
    }

    /// The whole content, if its hash is `sha256`.
    ///
    /// # Errors
    /// When it is another content.
    pub fn finish(self, sha256: &str) -> io::Result<Blob> {
        let actual = hex(&self.hash.finalize());
        if actual != sha256 {
            let message = format!("the controller sent other bytes (SHA-256 {actual}); did the file change meanwhile?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(match self.file {
            Some(file) => Blob::File(Arc::new(file)),
            None => Blob::Memory(self.memory.into()),
        })
    }
}

/// A content that is here.
#[derive(Clone)]
pub enum Blob {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In a file without a name.
    File(Arc<File>),
}

impl Blob {
    /// A reader from its start.
    pub fn reader(&self) -> Box<dyn Read + Send> {
        match self {
            Self::Memory(bytes) => Box::new(Cursor::new(Arc::clone(bytes))),
            Self::File(file) => Box::new(FileReader { file: Arc::clone(file), position: 0 }),
        }
    }
}

/// Readers of one file that don't share its position.
struct FileReader {
    file: Arc<File>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// A file that is gone when closed: beside the helper, else where temporary files go.
fn nameless_file() -> io::Result<File> {
    let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for directory in beside.into_iter().chain(["/var/tmp", "/tmp", "/dev/shm"].map(PathBuf::from)) {
        let path = directory.join(format!(".hostler-blob-{}", std::process::id()));
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
