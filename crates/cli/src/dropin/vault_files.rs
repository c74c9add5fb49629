//! The files of `ansible-vault`: read and written so that nobody else can look at what is secret, and edited.

use crate::exit::Failure;
use hostler_core::config::Config;
use hostler_core::diagnostic::Diagnostic;
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The standard input, or output.
const DASH: &str = "-";

fn failure(text: impl Into<String>) -> Failure {
    Diagnostic::error(text.into()).into()
}

/// The files that were named, or else the standard input.
pub fn files(named: &[PathBuf], what: &str) -> Result<Vec<PathBuf>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    if std::io::stdin().is_terminal() {
        let said = writeln!(std::io::stderr(), "Reading {what} input from stdin");
        said.map_err(|error| failure(format!("failed to print: {error}")))?;
    }
    Ok(vec![PathBuf::from(DASH)])
}

/// Reads a file, or the standard input.
///
/// # Errors
/// Names the file.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = match path.as_os_str() == DASH {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => fs::read(path),
    };
    read.map_err(|error| failure(format!("Unable to read source file ({}): {error}", path.display())))
}

/// Writes a file that only its owner may read, or to the standard output.
///
/// # Errors
/// Names the file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.as_os_str() == DASH {
        return std::io::stdout().write_all(bytes).map_err(|error| failure(format!("failed to print: {error}")));
    }
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written =
        tempfile::Builder::new().prefix(".vault").permissions(fs::Permissions::from_mode(0o600)).tempfile_in(dir);
    let mut written =
        written.map_err(|error| failure(format!("Destination '{}' not writable: {error}", dir.display())))?;
    let doing = |error: &dyn std::fmt::Display| failure(format!("failed to write {}: {error}", path.display()));
    written.write_all(bytes).map_err(|error| doing(&error))?;
    shred(&path);
    written.persist(&path).map_err(|error| doing(&error))?;
    Ok(())
}

/// Writes over a file, keeping its owner and mode.
///
/// # Errors
/// Names the file.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let doing = |error: std::io::Error| failure(format!("failed to write {}: {error}", path.display()));
    let before = fs::metadata(path).map_err(doing)?;
    write(path, bytes)?;
    fs::set_permissions(path, before.permissions()).map_err(doing)?;
    chown(path, Some(before.uid()), Some(before.gid())).map_err(doing)
}

/// Lets the user edit a text. The file it is in is gone afterwards.
///
/// # Errors
/// If there is no editor.
pub fn edit(plain: &[u8], like: &Path, config: &Config) -> Result<Vec<u8>, Failure> {
    let suffix = like.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    let doing = |error: std::io::Error| failure(format!("failed to edit a copy of {}: {error}", like.display()));
    let private = fs::Permissions::from_mode(0o600);
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir().map_err(doing)?;
    let copy = folder.path().join(format!("vault{suffix}"));
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&copy).map_err(doing)?;
    file.write_all(plain).map_err(doing)?;
    drop(file);
    fs::set_permissions(&copy, private).map_err(doing)?;
    let editor = config.editor.get().map_or("vi", String::as_str);
    let words = shlex::split(editor).unwrap_or_else(|| vec![editor.to_owned()]);
    let (program, arguments) = words.split_first().ok_or_else(|| failure("EDITOR is empty"))?;
    let ran = Command::new(program).args(arguments).arg(&copy).status();
    let edited = ran
        .map_err(|error| failure(format!("Unable to execute the command '{editor}': {error}")))
        .and_then(|_| fs::read(&copy).map_err(doing));
    shred(&copy);
    edited
}

/// Writes over what is in a file, as far as its system lets it.
fn shred(path: &Path) {
    let Ok(length) = fs::metadata(path).map(|data| data.len()) else { return };
    let Ok(mut file) = OpenOptions::new().write(true).open(path) else { return };
    let noise = vec![0_u8; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(noise.len());
        if file.write_all(&noise[..now]).is_err() {
            return;
        }
        left -= now as u64;
    }
    let _ = file.sync_all();
}
