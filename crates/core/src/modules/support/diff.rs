//! Diffs of whole files, with Ansible's limits.

use crate::dpkg;
use crate::module::{Diff, ModuleError};
use crate::system::{Metadata, System, SystemError};
use std::path::Path;

/// Larger files are not shown.
const LARGEST: u64 = 104_448;

/// The old and new text of the file at `path`. Binary, large and unreadable ones are only said to be so.
///
/// # Errors
/// If the new content cannot be had.
pub fn file_diff(
    system: &dyn System,
    path: &Path,
    old: Option<&Metadata>,
    after_header: &str,
    size: u64,
    new: impl FnOnce() -> Result<Vec<u8>, ModuleError>,
) -> Result<Diff, ModuleError> {
    // What is not there has no name either.
    let before_header = old.map(|_| path.to_string_lossy().into_owned()).unwrap_or_default();
    let before = match old {
        None => match dpkg::bringer_of_file(system, path) {
            Some(package) => format!("# what package {package} has here: (known after apply)\n"),
            None => String::new(),
        },
        Some(meta) if meta.size > LARGEST => format!("(file larger than {LARGEST} bytes)\n"),
        Some(_) => match system.read(path) {
            Ok(content) => shown(content),
            Err(SystemError::NotKnownYet(_)) => "(known after apply)\n".to_owned(),
            Err(_) => "(content not readable)\n".to_owned(),
        },
    };
    let after = if size > LARGEST { format!("(file larger than {LARGEST} bytes)\n") } else { shown(new()?) };
    Ok(Diff { before, after, before_header, after_header: after_header.to_owned(), prepared: String::new() })
}

fn shown(content: Vec<u8>) -> String {
    if content.iter().take(8192).any(|byte| *byte == 0) {
        return "(binary file)\n".to_owned();
    }
    String::from_utf8(content).unwrap_or_else(|_| "(binary file)\n".to_owned())
}
