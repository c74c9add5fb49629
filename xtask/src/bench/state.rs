//! What a run left on a host: every file with its permissions and content, to compare with what should be there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

/// Lines of mode, kind, path and hash or link target, in order.
pub type Listing = Vec<String>;

/// Lists what is below `root`.
///
/// # Errors
/// What cannot be read.
pub fn listing(root: &Path) -> Result<Listing> {
    let mut lines = Vec::new();
    walk(root, "", &mut lines)?;
    lines.sort_by(|a, b| path_of(a).cmp(path_of(b)));
    Ok(lines)
}

/// A regular file's line.
pub fn file_line(mode: u32, path: &str, content: &[u8]) -> String {
    format!("{mode:04o} file {path} {}", hex(&Sha256::digest(content)))
}

/// A directory's line.
pub fn directory_line(mode: u32, path: &str) -> String {
    format!("{mode:04o} directory {path}")
}

/// Fails with the first difference.
///
/// # Errors
/// That one.
pub fn compare(expected: &Listing, actual: &Listing) -> Result<()> {
    let missing = expected.iter().find(|line| !actual.contains(line));
    let surplus = actual.iter().find(|line| !expected.contains(line));
    match (missing, surplus) {
        (None, None) => Ok(()),
        (Some(missing), Some(surplus)) => bail!("the host has `{surplus}`, expected is `{missing}`"),
        (Some(missing), None) => bail!("the host lacks `{missing}`"),
        (None, Some(surplus)) => bail!("the host has `{surplus}`, which is not expected"),
    }
}

fn walk(directory: &Path, relative: &str, lines: &mut Listing) -> Result<()> {
    let entries = fs::read_dir(directory).with_context(|| format!("failed to read {}", directory.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
        let metadata = entry.metadata()?;
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() {
            lines.push(directory_line(mode, &path));
            walk(&entry.path(), &path, lines)?;
        } else if metadata.is_symlink() {
            lines.push(format!("0777 link {path} {}", fs::read_link(entry.path())?.display()));
        } else {
            lines.push(file_line(mode, &path, &fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn path_of(line: &str) -> &str {
    line.split(' ').nth(2).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
