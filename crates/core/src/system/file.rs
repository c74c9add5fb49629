//! Files as modules see and write them.

/// What kind of thing a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A block device.
    BlockDevice,
    /// A character device.
    CharDevice,
}

/// What `stat` and `lstat` know.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Metadata {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits (07777).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
    /// Inode.
    pub inode: u64,
    /// Device it is on.
    pub device: u64,
    /// Device it is, for device files.
    pub rdev: u64,
    /// Number of hard links.
    pub links: u64,
    /// Allocated blocks of 512 bytes.
    pub blocks: u64,
    /// Preferred size for I/O, in bytes.
    pub block_size: u64,
    /// Last access, seconds since 1970.
    pub accessed: f64,
    /// Last change of content, seconds since 1970.
    pub modified: f64,
    /// Last change of content or attributes, seconds since 1970.
    pub changed: f64,
}

/// Type and encoding of a content, in the words of the `file` program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mime {
    /// `text/plain`, `inode/directory` …
    pub kind: String,
    /// `us-ascii`, `utf-8`, `binary` …
    pub charset: String,
}

impl Mime {
    /// Reads `KIND; charset=CHARSET`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, charset) = text.split_once(';')?;
        Some(Self { kind: kind.trim().to_owned(), charset: charset.split_once('=')?.1.trim().to_owned() })
    }
}

/// An inode's flags, as `lsattr` shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFlags {
    /// A letter for each flag that is set, in `lsattr`'s order.
    pub letters: String,
    /// The inode's version, where the file system keeps one.
    pub version: Option<u32>,
}

/// Owner and group to set; `None` leaves as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ownership {
    /// New owner.
    pub uid: Option<u32>,
    /// New group.
    pub gid: Option<u32>,
}

/// Where a file's new content comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The controller's blob, streamed.
    Blob {
        /// Its SHA-256, in hex.
        sha256: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A copy of another file on the machine.
    CopyOf(std::path::PathBuf),
    /// What only apply will know. For simulations: a real machine refuses it, reading it back gives
    /// [`SystemError::NotKnownYet`](super::SystemError::NotKnownYet).
    NotKnownYet,
}

/// How a file is to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it, or list the directory.
    Read,
    /// Write to it, or make files in the directory.
    Write,
    /// Run it, or go through the directory.
    Execute,
}

/// A file to be written as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFile {
    /// Its content.
    pub content: Content,
    /// Permission bits; `None` keeps those of the file that is there, else 0666 less the umask.
    pub mode: Option<u32>,
    /// Owner and group; `None` keeps those of the file that is there.
    pub ownership: Ownership,
    /// Write in place where the directory forbids a rename (Ansible's `unsafe_writes`).
    pub in_place: bool,
}

impl WriteFile {
    /// `content`, everything else as it was.
    pub fn new(content: impl Into<Vec<u8>>) -> Self {
        Self::of(Content::Bytes(content.into()))
    }

    /// `content`, everything else as it was.
    pub fn of(content: Content) -> Self {
        Self { content, mode: None, ownership: Ownership::default(), in_place: false }
    }
}
