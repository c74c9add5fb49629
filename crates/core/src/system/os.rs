//! The machine this process runs on.
//!
//! Files here; commands, names and HTTP in the files below. Only the system calls and files of the machine are used, never
//! libc's name services: the helper is a static program.

mod client;
mod context;
mod flags;
mod magic;
mod process;
pub(crate) use process::find_program;
mod resolve;
mod sql;

use super::http::{HttpRequest, HttpResponse};
use super::sql::{SqlRequest, SqlResult};
use super::users;
use super::{
    Access, Command, CommandOutput, Content, FileFlags, FileKind, FilesystemUsage, InterfaceAddress, Metadata, Mime,
    Ownership, Result, Stream, System, SystemError, Uname, WriteFile,
};
use rustix::fs::{AtFlags, Mode, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use context::{Context, NoContext};
pub(crate) use resolve::addresses;

/// The machine this process runs on.
pub struct Os {
    environment: BTreeMap<String, String>,
    context: Arc<dyn Context>,
    /// The program that knows contents, once it was needed.
    magic: RefCell<Option<magic::Magic>>,
}

/// Directories that are searched for programs after those of PATH: root's, which a plain user's PATH often lacks.
const MORE_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Contents from the controller that are longer than this are not kept, in bytes.
const LONG: u64 = 8 << 20;
/// Contents are written in pieces of this size, in bytes.
const BUFFER: usize = 128 << 10;
const SELINUX_XATTR: &CStr = c"security.selinux";

impl Default for Os {
    fn default() -> Self {
        Self::with_context(Arc::new(NoContext))
    }
}

impl Os {
    /// The machine, with this process's environment and nobody to ask for contents.
    pub fn new() -> Self {
        Self::default()
    }

    /// The machine, for the calls that `context` is about.
    pub fn with_context(context: Arc<dyn Context>) -> Self {
        Self { environment: BTreeMap::new(), context, magic: RefCell::default() }
    }

    /// Variables that commands get on top of this process's, for the calls to come.
    pub fn set_environment(&mut self, environment: BTreeMap<String, String>) {
        self.environment = environment;
    }

    /// PATH with root's directories at the end.
    fn path(&self) -> String {
        let mut path = self.env_raw("PATH").unwrap_or_default();
        for directory in MORE_PATH {
            if !path.split(':').any(|known| known == directory) {
                if !path.is_empty() {
                    path.push(':');
                }
                path.push_str(directory);
            }
        }
        path
    }

    fn env_raw(&self, name: &str) -> Option<String> {
        let inherited = || std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        self.environment.get(name).cloned().or_else(inherited)
    }

    fn write_content(&self, file: &mut fs::File, content: &Content, path: &Path) -> Result<()> {
        let wrote = |result: io::Result<u64>| result.map(drop).map_err(|error| SystemError::io("write", path, error));
        match content {
            Content::Bytes(bytes) => wrote(file.write_all(bytes).map(|()| 0)),
            Content::Blob { sha256, size } => {
                // What is long is written as it comes: nobody will ask for it a second time.
                let content = match *size > LONG {
                    true => self.context.blob_once(sha256).map_err(|error| not_sent(sha256, &error))?,
                    false => self.blob(sha256)?,
                };
                let count = io::copy(&mut io::BufReader::with_capacity(BUFFER, content), file);
                if let Ok(count) = count
                    && count != *size
                {
                    let message = format!("write {}: got {count} of {size} bytes from the controller", path.display());
                    return Err(SystemError::Other(message));
                }
                wrote(count)
            }
            Content::CopyOf(original) => {
                let mut source = fs::File::open(original).map_err(|error| SystemError::io("read", original, error))?;
                wrote(io::copy(&mut source, file))
            }
            Content::NotKnownYet => Err(SystemError::NotKnownYet(path.to_owned())),
        }
    }

    /// Writes over the content that is there, for bind mounts and directories that are not ours.
    fn write_in_place(&self, path: &Path, spec: &WriteFile) -> Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .map_err(|error| SystemError::io("write", path, error))?;
        self.write_content(&mut file, &spec.content, path)?;
        file.sync_all().map_err(|error| SystemError::io("sync", path, error))?;
        set_ownership(path, spec.ownership, true)?;
        match spec.mode {
            Some(mode) => set_permissions(path, mode),
            None => Ok(()),
        }
    }

    /// Makes the new file beside the old one, complete with its attributes.
    fn write_beside(&self, temporary: &Path, path: &Path, spec: &WriteFile) -> Result<()> {
        let failed = |operation, error| SystemError::io(operation, path, error);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(temporary)
            .map_err(|error| failed("write", error))?;
        self.write_content(&mut file, &spec.content, path)?;
        let old = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file);
        if let Some(old) = &old {
            copy_attributes(path, temporary);
            // Whoever may write here but not give files away keeps the file as its own.
            let _ = set_ownership(temporary, Ownership { uid: Some(old.uid()), gid: Some(old.gid()) }, false);
        }
        set_ownership(temporary, spec.ownership, false)?;
        let mode = spec.mode.or(old.map(|old| old.mode() & 0o7777)).unwrap_or(0o666 & !self.umask());
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(|error| failed("set the mode of", error))?;
        file.sync_all().map_err(|error| failed("sync", error))
    }
}

fn not_sent(sha256: &str, error: &io::Error) -> SystemError {
    SystemError::Other(format!("get content {sha256} from the controller: {error}"))
}

/// A name in `path`'s directory that nothing else uses.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".hostler-{}-{count}.tmp", std::process::id()))
}

fn set_permissions(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| SystemError::io("set the mode of", path, error))
}

fn set_ownership(path: &Path, ownership: Ownership, follow: bool) -> Result<()> {
    if ownership == Ownership::default() {
        return Ok(());
    }
    let change = if follow { std::os::unix::fs::chown } else { std::os::unix::fs::lchown };
    change(path, ownership.uid, ownership.gid).map_err(|error| SystemError::io("set the owner of", path, error))
}

/// Extended attributes (access lists and SELinux contexts are some) from one file to another, as far as allowed.
fn copy_attributes(from: &Path, to: &Path) {
    let mut names = vec![0_u8; 16 * 1024];
    let Ok(length) = rustix::fs::llistxattr(from, &mut names[..]) else { return };
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; 64 * 1024];
        if let Ok(length) = rustix::fs::lgetxattr(from, name, &mut value[..]) {
            // Some cannot be set by anybody; the file is right without them.
            let _ = rustix::fs::lsetxattr(to, name, &value[..length], XattrFlags::empty());
        }
    }
}

fn metadata(operation: &'static str, path: &Path, found: io::Result<fs::Metadata>) -> Result<Option<Metadata>> {
    match found {
        Ok(meta) => Ok(Some(convert(&meta))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // A link that leads to itself leads nowhere.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Ok(None),
        Err(error) => Err(SystemError::io(operation, path, error)),
    }
}

#[allow(clippy::cast_precision_loss, reason = "Ansible's times are floats too")]
fn convert(meta: &fs::Metadata) -> Metadata {
    let kind = meta.file_type();
    let time = |seconds: i64, nanos: i64| seconds as f64 + 1e-9 * nanos as f64;
    Metadata {
        kind: if kind.is_dir() {
            FileKind::Directory
        } else if kind.is_symlink() {
            FileKind::Link
        } else if kind.is_fifo() {
            FileKind::Fifo
        } else if kind.is_socket() {
            FileKind::Socket
        } else if kind.is_block_device() {
            FileKind::BlockDevice
        } else if kind.is_char_device() {
            FileKind::CharDevice
        } else {
            FileKind::File
        },
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        size: meta.size(),
        inode: meta.ino(),
        device: meta.dev(),
        rdev: meta.rdev(),
        links: meta.nlink(),
        blocks: meta.blocks(),
        block_size: meta.blksize(),
        accessed: time(meta.atime(), meta.atime_nsec()),
        modified: time(meta.mtime(), meta.mtime_nsec()),
        changed: time(meta.ctime(), meta.ctime_nsec()),
    }
}

#[allow(clippy::cast_possible_truncation, reason = "seconds of any calendar date fit")]
fn timespec(seconds: Option<f64>) -> Timespec {
    match seconds {
        Some(seconds) => {
            let whole = seconds.floor();
            Timespec { tv_sec: whole as i64, tv_nsec: ((seconds - whole) * 1e9) as _ }
        }
        None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
    }
}

impl System for Os {
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        metadata("look at", path, fs::metadata(path))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        metadata("look at", path, fs::symlink_metadata(path))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read + '_>> {
        let file = fs::File::open(path).map_err(|error| SystemError::io("read", path, error))?;
        Ok(Box::new(file))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<OsString>> {
        let failed = |error| SystemError::io("list", path, error);
        let entries = fs::read_dir(path).map_err(failed)?;
        let mut names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        fs::read_link(path).map_err(|error| SystemError::io("read the link", path, error))
    }

    fn canonicalize(&self, path: &Path) -> Result<PathBuf> {
        fs::canonicalize(path).map_err(|error| SystemError::io("resolve", path, error))
    }

    fn query(&self, command: &Command) -> Result<CommandOutput> {
        self.execute(command, false)
    }

    fn env(&self, name: &str) -> Option<String> {
        if name == "PATH" { Some(self.path()) } else { self.env_raw(name) }
    }

    fn home(&self) -> PathBuf {
        if let Some(home) = self.env_raw("HOME").filter(|home| home.starts_with('/')) {
            return PathBuf::from(home);
        }
        let user = users::user_by_uid(self, self.effective_uid()).ok().flatten();
        PathBuf::from(user.map_or_else(|| "/".to_owned(), |user| user.home))
    }

    fn directory(&self) -> PathBuf {
        // After becoming another user the directory of the one before may be closed.
        let here = std::env::current_dir().ok().filter(|here| fs::read_dir(here).is_ok());
        here.unwrap_or_else(|| self.home())
    }

    fn umask(&self) -> u32 {
        // Asking the kernel would mean setting it; the file tells without.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
    }

    fn now(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
    }

    fn sleep(&self, duration: Duration) {
        let end = Instant::now() + duration;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|_| !self.context.given_up()) {
            std::thread::sleep(left.min(Duration::from_millis(200)));
        }
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let text = |value: OsString| value.to_string_lossy().into_owned();
        let inherited = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        inherited.chain(self.environment.clone()).chain([("PATH".to_owned(), self.path())]).collect()
    }

    fn uname(&self) -> Result<Uname> {
        Ok(super::real::uname())
    }

    fn interface_addresses(&self) -> Result<Vec<InterfaceAddress>> {
        super::real::interface_addresses()
    }

    fn filesystem_usage(&self, path: &Path) -> Result<Option<FilesystemUsage>> {
        super::real::filesystem_usage(path)
    }

    fn given_up(&self) -> bool {
        self.context.given_up()
    }

    fn effective_uid(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn may(&self, path: &Path, access: Access) -> Result<bool> {
        let access = match access {
            Access::Read => rustix::fs::Access::READ_OK,
            Access::Write => rustix::fs::Access::WRITE_OK,
            Access::Execute => rustix::fs::Access::EXEC_OK,
        };
        Ok(rustix::fs::access(path, access).is_ok())
    }

    fn mime(&self, path: &Path) -> Result<Option<Mime>> {
        self.magic(path)
    }

    fn file_flags(&self, path: &Path) -> Result<Option<FileFlags>> {
        match self.symlink_metadata(path)?.map(|meta| meta.kind) {
            Some(FileKind::File | FileKind::Directory) => flags::of(path),
            // Opening a device may do something to it.
            _ => Ok(None),
        }
    }

    fn security_context(&self, path: &Path) -> Result<Option<String>> {
        if !Path::new("/sys/fs/selinux/enforce").exists() {
            return Ok(None);
        }
        let mut value = [0_u8; 4096];
        match rustix::fs::lgetxattr(path, SELINUX_XATTR, &mut value[..]) {
            Ok(length) => Ok(Some(String::from_utf8_lossy(&value[..length]).trim_end_matches('\0').to_owned())),
            Err(Errno::NOTSUP | Errno::NODATA | Errno::NOENT) => Ok(Some(String::new())),
            Err(error) => Err(SystemError::io("get the context of", path, error.into())),
        }
    }

    fn http(&self, request: HttpRequest) -> Result<HttpResponse> {
        client::send(self, request)
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Stream>> {
        Ok(Box::new(resolve::connect(self, host, port, timeout)?))
    }

    fn resource(&self, _: &str, _: &str) -> Option<serde_json::Value> {
        None
    }

    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + '_>> {
        self.context.blob(sha256).map(|reader| reader as Box<dyn Read>).map_err(|error| not_sent(sha256, &error))
    }

    fn write(&mut self, path: &Path, spec: &WriteFile) -> Result<()> {
        let temporary = temporary_beside(path);
        let is_new = fs::symlink_metadata(path).is_err();
        let done = self
            .write_beside(&temporary, path, spec)
            .and_then(|()| fs::rename(&temporary, path).map_err(|error| SystemError::io("replace", path, error)));
        let Err(error) = done else {
            if is_new {
                process::restore_context(self, path);
            }
            return Ok(());
        };
        let _ = fs::remove_file(&temporary);
        let SystemError::Io { source, .. } = &error else { return Err(error) };
        let busy = source.raw_os_error() == Some(Errno::BUSY.raw_os_error());
        let forbidden = matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::CrossesDevices
        );
        if spec.in_place && (busy || forbidden) {
            return self.write_in_place(path, spec);
        }
        if busy {
            let hint = "it is a mount point; set unsafe_writes to write it in place";
            return Err(SystemError::Other(format!("replace {}: {hint}", path.display())));
        }
        Err(error)
    }

    fn spool(&mut self, path: &Path, content: &mut dyn Read) -> Result<()> {
        let failed = |error| SystemError::io("write", path, error);
        let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).to_owned();
        let mut file = options.open(path).map_err(failed)?;
        io::copy(content, &mut file).map(drop).map_err(|error| {
            // Half a file is of no use to anybody.
            let _ = fs::remove_file(path);
            failed(error)
        })
    }

    fn create_dir(&mut self, path: &Path, mode: u32) -> Result<()> {
        rustix::fs::mkdir(path, Mode::from_raw_mode(mode)).map_err(|error| SystemError::io("make", path, error.into()))
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        let is_directory = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
        let removed = if is_directory { fs::remove_dir(path) } else { fs::remove_file(path) };
        removed.map_err(|error| SystemError::io("remove", path, error))
    }

    fn remove_dir_all(&mut self, path: &Path) -> Result<()> {
        fs::remove_dir_all(path).map_err(|error| SystemError::io("remove", path, error))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|error| SystemError::io("rename to", to, error))
    }

    fn symlink(&mut self, target: &Path, link: &Path) -> Result<()> {
        replace(link, |temporary| std::os::unix::fs::symlink(target, temporary))
    }

    fn hard_link(&mut self, existing: &Path, link: &Path) -> Result<()> {
        replace(link, |temporary| fs::hard_link(existing, temporary))
    }

    fn set_mode(&mut self, path: &Path, mode: u32) -> Result<()> {
        set_permissions(path, mode)
    }

    fn set_owner(&mut self, path: &Path, ownership: Ownership, follow: bool) -> Result<()> {
        set_ownership(path, ownership, follow)
    }

    fn set_times(&mut self, path: &Path, accessed: Option<f64>, modified: Option<f64>) -> Result<()> {
        let times = Timestamps { last_access: timespec(accessed), last_modification: timespec(modified) };
        rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty())
            .map_err(|error| SystemError::io("set the times of", path, error.into()))
    }

    fn touch(&mut self, path: &Path) -> Result<()> {
        let now = || Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = Timestamps { last_access: now(), last_modification: now() };
        rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty())
            .map_err(|error| SystemError::io("set the times of", path, error.into()))
    }

    fn set_security_context(&mut self, path: &Path, context: &str) -> Result<()> {
        let value = [context.as_bytes(), b"\0"].concat();
        rustix::fs::lsetxattr(path, SELINUX_XATTR, &value, XattrFlags::empty())
            .map_err(|error| SystemError::io("set the context of", path, error.into()))
    }

    fn sql(&self, request: &SqlRequest) -> SqlResult {
        sql::run(self, request)
    }

    fn sql_send(&mut self, request: &SqlRequest) -> SqlResult {
        sql::run(self, request)
    }

    fn http_send(&mut self, request: HttpRequest) -> Result<HttpResponse> {
        client::send(self, request)
    }

    fn run(&mut self, command: &Command) -> Result<CommandOutput> {
        self.execute(command, true)
    }

    fn set_resource(&mut self, _: &str, _: &str, _: serde_json::Value) {}
}

/// Makes something at `link` in one step, whatever file or link is there now.
fn replace(link: &Path, make: impl Fn(&Path) -> io::Result<()>) -> Result<()> {
    match make(link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => return result.map_err(|error| SystemError::io("link", link, error)),
    }
    let temporary = temporary_beside(link);
    make(&temporary).and_then(|()| fs::rename(&temporary, link)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        SystemError::io("link", link, error)
    })?;
    // Renaming a hard link onto the same file leaves both names.
    let _ = fs::remove_file(&temporary);
    Ok(())
}

#[cfg(test)]
mod tests;
