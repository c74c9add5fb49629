//! The controller's own files and scripts: inventories, variables, playbooks, password scripts.
//!
//! Not part of [`System`](super::System), which is a host that modules work on.

use super::{Result, SystemError};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file's bytes.
///
/// # Errors
/// Names the path.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| SystemError::io("read", path, error))
}

/// A file's text.
///
/// # Errors
/// Names the path; also if it is not UTF-8.
pub fn read_to_string(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| SystemError::io("read", path, error))
}

/// What is in a directory, full paths, sorted by name.
///
/// # Errors
/// Names the directory.
pub fn read_dir(path: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| SystemError::io("list", path, error);
    let entries = std::fs::read_dir(path).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The home directory of a user of this machine, by its file of users.
pub fn home_of(user: &str) -> Option<PathBuf> {
    let users = read_to_string(Path::new("/etc/passwd")).ok()?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = fields.filter(|fields| fields.first() == Some(&user));
    found.next()?.get(5).map(PathBuf::from)
}

/// What tells a file from every other one, and from itself before it was changed: device, inode, size, both its times.
pub type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

/// A file's stamp.
///
/// # Errors
/// What the system says.
pub fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let meta = std::fs::metadata(path)?;
    let times = ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
    Ok((meta.dev(), meta.ino(), meta.size(), times.0, times.1))
}

/// Whether a directory is there, links followed.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Whether a file is there, links followed.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether anything is there, links followed.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether it is a file that somebody may execute.
pub fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Whether everybody may write to it.
pub fn is_world_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o002 != 0)
}

/// The absolute path with all links resolved.
///
/// # Errors
/// Names the path.
pub fn canonicalize(path: &Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).map_err(|error| SystemError::io("resolve", path, error))
}

/// An absolute path without `.` and `..`, links as they are.
pub fn absolute(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut clean = PathBuf::new();
    for part in absolute.components() {
        if part == std::path::Component::ParentDir {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// What a script said.
#[derive(Debug)]
pub struct ScriptOutput {
    /// How it ended: an exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about, as text.
    pub stderr: String,
}

/// Runs an executable file and waits for it. It may ask on the caller's terminal.
///
/// # Errors
/// If it cannot be started.
pub fn run_script(path: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<ScriptOutput> {
    // A bare name would be looked for in PATH.
    let program = if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
    let output = Command::new(&program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .output()
        .map_err(|source| SystemError::Spawn { program: path.display().to_string(), source })?;
    Ok(ScriptOutput {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Whether it is a symbolic link.
pub fn is_link(path: &Path) -> bool {
    path.is_symlink()
}

/// Whether another file system begins here.
pub fn is_mount(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(own) = std::fs::symlink_metadata(path) else { return false };
    let Ok(above) = std::fs::symlink_metadata(path.join("..")) else { return false };
    !own.is_symlink() && (own.dev() != above.dev() || own.ino() == above.ino())
}

/// Runs a command line in a shell and waits for it.
///
/// # Errors
/// If it cannot be started.
pub fn run_shell(command: &str, dir: &Path, env: &std::collections::BTreeMap<String, String>) -> Result<ScriptOutput> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).env_clear().envs(env);
    if !dir.as_os_str().is_empty() {
        shell.current_dir(dir);
    }
    let output = shell.output().map_err(|source| SystemError::Spawn { program: command.to_owned(), source })?;
    Ok(ScriptOutput {
        status: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A file or directory that is open, and what it is, links followed.
pub struct Opened {
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Bytes.
    pub size: u64,
    /// Permission bits (07777).
    pub mode: u32,
    file: File,
}

/// Opens a file.
///
/// # Errors
/// Names the path.
pub fn open(path: &Path) -> Result<Opened> {
    let failed = |error| SystemError::io("read", path, error);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    Ok(Opened { is_dir: found.is_dir(), size: found.len(), mode: found.permissions().mode() & 0o7777, file })
}

impl Opened {
    /// Whether it begins with these bytes.
    pub fn starts_with(&self, bytes: &[u8]) -> bool {
        let mut start = vec![0; bytes.len()];
        self.file.read_exact_at(&mut start, 0).is_ok() && start == bytes
    }

    /// All of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader over its content.
    pub fn reader(self) -> Box<dyn Read + Send> {
        Box::new(self.file)
    }
}

/// What `ansible_managed` and its kin say of a file.
pub struct About {
    /// Its owner's id.
    pub uid: u32,
    /// Its owner's name, if the machine has one.
    pub owner: Option<String>,
    /// When it was written, seconds since 1970.
    pub modified: i64,
    /// This machine's name.
    pub this_host: String,
}

/// Who owns a file and when it was written.
///
/// # Errors
/// Names the path.
pub fn about(path: &Path) -> Result<About> {
    let found = std::fs::metadata(path).map_err(|error| SystemError::io("read", path, error))?;
    let accounts = std::fs::read_to_string(super::accounts::PASSWD).unwrap_or_default();
    let owner = accounts.lines().filter_map(super::users::User::parse).find(|user| user.uid == found.uid());
    Ok(About {
        uid: found.uid(),
        owner: owner.map(|user| user.name),
        modified: found.mtime(),
        this_host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    })
}

/// Where a symbolic link points; `None` if it is none.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    std::fs::read_link(path).ok()
}

/// Whether a file begins with these bytes.
pub fn starts_with(path: &Path, bytes: &[u8]) -> bool {
    open(path).is_ok_and(|file| file.starts_with(bytes))
}

/// The files that a shell pattern matches, sorted.
///
/// # Errors
/// In words: the pattern is not one.
pub fn glob_files(pattern: &str) -> std::result::Result<Vec<PathBuf>, String> {
    let found = glob::glob(pattern).map_err(|error| format!("'{pattern}' is not a file pattern: {error}"))?;
    let mut files: Vec<_> = found.filter_map(std::result::Result::ok).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The directory of a Python package that some Python of this machine has: one on the path, or the system's.
pub fn python_package(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut bases: Vec<PathBuf> = Vec::new();
    for dir in std::env::split_paths(&path) {
        for program in ["ansible-playbook", "ansible", "python3"] {
            let file = dir.join(program);
            let Ok(real) = std::fs::canonicalize(&file) else { continue };
            // A program in Python names the Python that it is installed for.
            let first = if starts_with(&real, b"#!/") { read_to_string(&real).ok() } else { None };
            let interpreter = first.as_deref().and_then(|text| text.lines().next()?.strip_prefix("#!"));
            let programs = [interpreter.map(|path| PathBuf::from(path.trim())), Some(file), Some(real.clone())];
            bases.extend(programs.into_iter().flatten().filter_map(|path| Some(path.parent()?.parent()?.to_owned())));
        }
    }
    bases.extend(["/usr/local", "/usr"].map(PathBuf::from));
    for base in bases {
        for inside in ["lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"] {
            let pattern = format!("{}/{inside}/{name}/__init__.py", base.display());
            if let Some(found) = glob_files(&pattern).ok().and_then(|found| found.into_iter().next_back()) {
                return found.parent().map(Path::to_owned);
            }
        }
    }
    None
}

/// The controller's Python 3, that of Ansible's library where there is one, and the folder that has this library.
pub fn python() -> Option<(PathBuf, Option<PathBuf>)> {
    let library = python_package("ansible").and_then(|package| package.parent().map(Path::to_owned));
    let of_library = library.as_deref().and_then(|library| library.ancestors().nth(3)).map(|base| base.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = of_library.into_iter().chain(std::env::split_paths(&path));
    let python = folders.find_map(|folder| Some(folder.join("python3")).filter(|file| is_executable(file)))?;
    Some((python, library))
}

/// Writes a file that only its owner may read, with the directories above it.
///
/// # Errors
/// Names the path.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    let failed = |error| SystemError::io("write", path, error);
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// An empty file to be written, with the directories above it.
///
/// # Errors
/// Names the path.
pub fn create(path: &Path) -> Result<std::fs::File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(|error| SystemError::io("make", dir, error))?;
    }
    std::fs::File::create(path).map_err(|error| SystemError::io("write", path, error))
}

/// How long ago a file was written; `None` where there is none.
pub fn age(path: &Path) -> Option<std::time::Duration> {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Some(written.elapsed().unwrap_or_default())
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) {
    let _may_be_missing = std::fs::remove_file(path);
}
