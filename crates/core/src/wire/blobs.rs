//! Contents that the helper has been sent: kept for the call that asked, in memory or, where long, in a nameless file.
// tidy-allow os: contents that are too large for memory are spooled beside the helper, whatever machine modules see

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

/// At most so many bytes of a content are on their way without having been received: as many as sshd's own window has,
/// since the way to a far host has to be full.
pub const WINDOW: usize = 2 << 20;
/// Longer contents are not kept in memory.
const IN_MEMORY: u64 = 8 << 20;

/// A content that is here.
#[derive(Clone)]
pub enum Blob {
    /// In memory.
    Memory(Arc<[u8]>),
    /// In a file without a name.
    File(Arc<File>),
}

impl Blob {
    /// Keeps all that `content` gives.
    ///
    /// # Errors
    /// What reading it says, or when there is no place to keep it.
    pub fn keep(content: &mut dyn Read) -> io::Result<Self> {
        let mut memory = Vec::new();
        content.take(IN_MEMORY).read_to_end(&mut memory)?;
        if (memory.len() as u64) < IN_MEMORY {
            return Ok(Self::Memory(memory.into()));
        }
        let mut file = nameless_file()?;
        file.write_all(&memory)?;
        drop(memory);
        io::copy(content, &mut file)?;
        Ok(Self::File(Arc::new(file)))
    }

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
