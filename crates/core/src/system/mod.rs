//! What a module may see of a machine, and do to it.
//!
//! All access to the operating system goes through [`System`]: [`os::Os`] is the real one, [`overlay::Overlay`] simulates
//! changes on top of another one for plans, [`fake::Fake`] is a machine in memory for tests.
//! `&self` methods change nothing; whoever holds only `&dyn System` can only look.

pub mod accounts;
mod command;
mod error;
#[cfg(feature = "controller")]
pub mod fake;
mod file;
mod host_info;
pub mod http;
#[cfg(feature = "controller")]
pub mod local_files;
pub mod os;
pub mod overlay;
pub mod planned_sql;
pub mod sql;
mod tree;
pub mod users;

pub use command::{Command, CommandOutput};
pub use error::SystemError;
pub use file::{Access, Content, FileFlags, FileKind, Metadata, Mime, Ownership, WriteFile};
pub use host_info::{FilesystemUsage, InterfaceAddress, Uname, real};
pub use http::{HttpBody, HttpRequest, HttpResponse};

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of touching a machine.
pub type Result<T, E = SystemError> = std::result::Result<T, E>;

/// A connection to a TCP port, with the timeout it was opened with on every read and write.
pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// A machine.
///
/// Paths are absolute; errors name the path or command. A path that is not there is `None` where the type says so.
pub trait System: Send {
    /// What is at `path`, links followed.
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>>;
    /// What is at `path` itself.
    fn symlink_metadata(&self, path: &Path) -> Result<Option<Metadata>>;
    /// A reader over a file's content.
    fn open(&self, path: &Path) -> Result<Box<dyn Read + '_>>;
    /// Names in a directory, sorted.
    fn read_dir(&self, path: &Path) -> Result<Vec<std::ffi::OsString>>;
    /// Where a link points, as written in it.
    fn read_link(&self, path: &Path) -> Result<PathBuf>;
    /// The path with all links resolved.
    fn canonicalize(&self, path: &Path) -> Result<PathBuf>;
    /// Runs a command that only looks. The caller vouches for that.
    fn query(&self, command: &Command) -> Result<CommandOutput>;
    /// A variable of the environment that commands get.
    fn env(&self, name: &str) -> Option<String>;
    /// Home directory of the user that commands run as, where they start by default.
    fn home(&self) -> PathBuf;
    /// Where relative paths start: the directory that the connection begins in.
    fn directory(&self) -> PathBuf {
        self.home()
    }
    /// Permission bits that new files and directories do not get.
    fn umask(&self) -> u32;
    /// Seconds since 1970, with fractions.
    fn now(&self) -> f64;
    /// Waits. A simulated machine does not.
    fn sleep(&self, duration: Duration);
    /// Whether nobody waits for the running task any more. Whatever takes long asks now and then.
    fn given_up(&self) -> bool {
        false
    }
    /// Whether the user that commands run as may use `path` (links followed) like this.
    fn may(&self, path: &Path, access: Access) -> Result<bool>;
    /// Type and encoding of what is at `path` itself; `None` where it cannot be told, or no `file` program is there to tell.
    fn mime(&self, path: &Path) -> Result<Option<Mime>>;
    /// The flags of the file or directory at `path`; `None` where the file system has none.
    fn file_flags(&self, path: &Path) -> Result<Option<FileFlags>>;
    /// The SELinux context of `path` itself; `None` where SELinux is off.
    fn security_context(&self, path: &Path) -> Result<Option<String>>;
    /// Sends an HTTP request that only looks (GET, HEAD, OPTIONS). A response of any status is a success.
    fn http(&self, request: HttpRequest) -> Result<HttpResponse>;
    /// Connects to a TCP port.
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Stream>>;
    /// All variables of the environment that commands get.
    fn environment(&self) -> BTreeMap<String, String>;
    /// The kernel's names.
    fn uname(&self) -> Result<Uname>;
    /// Addresses of all network interfaces, in the kernel's order.
    fn interface_addresses(&self) -> Result<Vec<InterfaceAddress>>;
    /// Size and use of the file system that holds `path`.
    fn filesystem_usage(&self, path: &Path) -> Result<Option<FilesystemUsage>>;
    /// Runs SQL statements that only look.
    fn sql(&self, request: &sql::SqlRequest) -> sql::SqlResult;
    /// The user that commands run as.
    fn effective_uid(&self) -> u32;
    /// What earlier simulated changes made of a resource that is no file: `None` where nothing did. Always `None` on a real machine.
    /// `kind` is a module's short name (`docker_volume`), `key` names the resource.
    fn resource(&self, kind: &str, key: &str) -> Option<serde_json::Value>;
    /// All that earlier simulated changes made of resources of a kind, by key.
    fn resources(&self, kind: &str) -> Vec<(String, serde_json::Value)> {
        let _ = kind;
        Vec::new()
    }
    /// Content that the controller holds, by its SHA-256 in hex.
    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + '_>>;

    /// Writes a file atomically: temporary file in the same directory, synced, owner and mode set, renamed.
    fn write(&mut self, path: &Path, file: &WriteFile) -> Result<()>;
    /// Writes a new file, for our eyes only, with all that `content` gives.
    fn spool(&mut self, path: &Path, content: &mut dyn Read) -> Result<()>;
    /// Makes one directory, with these permission bits less the umask.
    fn create_dir(&mut self, path: &Path, mode: u32) -> Result<()>;
    /// Removes a file, a link, or an empty directory.
    fn remove(&mut self, path: &Path) -> Result<()>;
    /// Removes a directory and all below it.
    fn remove_dir_all(&mut self, path: &Path) -> Result<()>;
    /// Renames, replacing what is there.
    fn rename(&mut self, from: &Path, to: &Path) -> Result<()>;
    /// Makes a symbolic link, replacing a link or file that is there, atomically.
    fn symlink(&mut self, target: &Path, link: &Path) -> Result<()>;
    /// Makes a hard link, replacing what is there, atomically.
    fn hard_link(&mut self, existing: &Path, link: &Path) -> Result<()>;
    /// Sets permission bits (07777). A link is followed.
    fn set_mode(&mut self, path: &Path, mode: u32) -> Result<()>;
    /// Sets owner or group of `path` itself (a link is not followed unless `follow`).
    fn set_owner(&mut self, path: &Path, ownership: Ownership, follow: bool) -> Result<()>;
    /// Sets access and modification time, in seconds since 1970. A link is followed.
    fn set_times(&mut self, path: &Path, accessed: Option<f64>, modified: Option<f64>) -> Result<()>;
    /// Sets both times to now, which whoever may write may do. A link is followed.
    fn touch(&mut self, path: &Path) -> Result<()> {
        let now = Some(self.now());
        self.set_times(path, now, now)
    }
    /// Sets the SELinux context of `path` itself.
    fn set_security_context(&mut self, path: &Path, context: &str) -> Result<()>;
    /// Sends an HTTP request that may change something. A simulated machine sends nothing and answers 200 with an empty body.
    fn http_send(&mut self, request: HttpRequest) -> Result<HttpResponse>;
    /// Runs SQL statements that may change something. A simulated machine runs none and answers none.
    fn sql_send(&mut self, request: &sql::SqlRequest) -> sql::SqlResult;
    /// Runs a command that may change something.
    fn run(&mut self, command: &Command) -> Result<CommandOutput>;
    /// Records what a simulated change made of a resource. Does nothing on a real machine.
    fn set_resource(&mut self, kind: &str, key: &str, state: serde_json::Value);
    /// Whether changes are only simulated, so that a command's output is not real. Modules ask only in `simulate`.
    fn is_simulated(&self) -> bool {
        false
    }
}

impl dyn System + '_ {
    /// A file's whole content.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.open(path)?.read_to_end(&mut content).map_err(|error| SystemError::io("read", path, error))?;
        Ok(content)
    }

    /// A file's whole content as text; bytes that are not UTF-8 are replaced.
    pub fn read_text(&self, path: &Path) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path)?).into_owned())
    }

    /// Directories above `path` that are not there, the uppermost first.
    pub fn missing_above(&self, path: &Path) -> Vec<PathBuf> {
        let above = path.ancestors().skip(1).take_while(|above| matches!(self.symlink_metadata(above), Ok(None)));
        let mut missing: Vec<PathBuf> = above.map(Path::to_owned).collect();
        missing.reverse();
        missing
    }

    /// What of `paths` is not there, or is above them and is not there, without what is below others of these.
    pub fn uppermost_missing(&self, paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = Vec::new();
        for path in paths {
            let missing = path.ancestors().take_while(|path| matches!(self.symlink_metadata(path), Ok(None))).last();
            found.extend(missing.map(Path::to_owned).filter(|missing| !found.contains(missing)));
        }
        found
    }

    /// Whether something is at `path`, links followed.
    pub fn exists(&self, path: &Path) -> Result<bool> {
        Ok(self.metadata(path)?.is_some())
    }
}
