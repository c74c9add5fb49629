//! Diffs of whole files, with Ansible's limits.

use crate::dpkg;
use crate::module::{Diff, ModuleError};
use crate::system::{Metadata, System, SystemError};
use std::path::Path;

/// Larger files are not shown, where nobody says otherwise.
const LARGEST: u64 = 104_448;
/// So much of a file that is there says whether it is text.
const PEEKED: usize = 8192;

/// A file that is to be written.
pub struct New<'a> {
    /// What it is called.
    pub header: &'a str,
    /// In bytes.
    pub size: u64,
    /// Its content.
    pub content: &'a dyn Fn() -> Result<Vec<u8>, ModuleError>,
}

/// The old and new text of the file at `path`. If one of them is binary, unreadable or larger than `limit` (0 is none), only
/// that is said.
///
/// # Errors
/// If the new content cannot be had.
pub fn file_diff(
    system: &dyn System,
    path: &Path,
    old: Option<&Metadata>,
    new: &New<'_>,
    limit: Option<u64>,
) -> Result<Diff, ModuleError> {
    let limit = limit.unwrap_or(LARGEST);
    let is_large = |size: u64| limit > 0 && size > limit;
    let before = match old {
        None => Ok(match dpkg::bringer_of_file(system, path) {
            Some(package) => format!("# what package {package} has here: (known after apply)\n"),
            None => String::new(),
        }),
        Some(meta) if is_large(meta.size) => Err(format!("file size is greater than {limit}")),
        Some(_) => match system.read(path) {
            Ok(content) => shown(&content, PEEKED),
            Err(SystemError::NotKnownYet(_)) => Ok("(known after apply)\n".to_owned()),
            Err(_) => Err("file is not readable".to_owned()),
        },
    };
    let after = match new.size {
        size if is_large(size) => Err(format!("file size is greater than {limit}")),
        _ => {
            let content = (new.content)()?;
            shown(&content, content.len())
        }
    };
    let skipped: String = [("destination", before.as_ref().err()), ("source", after.as_ref().err())]
        .into_iter()
        .filter_map(|(side, why)| Some(format!("diff skipped: {side} {}\n", why?)))
        .collect();
    // What is not there has no name either.
    let before_header = old.map(|_| path.to_string_lossy().into_owned()).unwrap_or_default();
    let diff = Diff { before_header, after_header: new.header.to_owned(), ..Diff::default() };
    Ok(match (before, after) {
        (Ok(before), Ok(after)) => Diff { before, after, ..diff },
        _ => Diff { prepared: skipped, ..diff },
    })
}

/// Text, unless there is a zero byte in the first so many.
fn shown(content: &[u8], peeked: usize) -> Result<String, String> {
    match content.iter().take(peeked).any(|byte| *byte == 0) {
        true => Err("file appears to be binary".to_owned()),
        false => Ok(String::from_utf8_lossy(content).into_owned()),
    }
}
