//! Changing the content of one file: what lineinfile and blockinfile share.

use super::file_attributes::{AttributeChange, FileAttributes};
use super::replace::{Replace, replace};
use crate::module::{Diff, Made, ModuleError};
use crate::system::{FileKind, Ownership, System, WriteFile};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file to edit, links resolved.
pub struct Original {
    /// Its path.
    pub path: PathBuf,
    /// Its content; `None` if it is not there.
    pub content: Option<Vec<u8>>,
}

/// What will be done to a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct EditChange {
    path: PathBuf,
    directories: Vec<PathBuf>,
    /// The file is not there yet.
    new: bool,
    /// New content in base64.
    content: Option<String>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    attributes: AttributeChange,
    diff: Vec<Diff>,
    /// For the result.
    pub msg: String,
}

/// Reads what is at `path`.
///
/// # Errors
/// If it cannot be read.
pub fn read(system: &dyn System, path: &Path) -> Result<Original, ModuleError> {
    let path = match system.canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.is_not_found() => match system.read_link(path) {
            Ok(target) => path.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => path.to_owned(),
        },
        Err(error) => return Err(error.into()),
    };
    let content = match system.metadata(&path)? {
        None => None,
        Some(meta) if meta.kind == FileKind::Directory => {
            return Err(ModuleError::new(format!("Path {} is a directory !", path.display())).field("rc", 256));
        }
        Some(_) => Some(system.read(&path)?),
    };
    Ok(Original { path, content })
}

/// What has to be done so that `original` has the content `new` and the attributes. `msg` tells what the new content is.
///
/// # Errors
/// If owner or group are unknown.
pub fn plan(
    system: &dyn System,
    original: Original,
    new: Option<Vec<u8>>,
    attributes: FileAttributes,
    msg: &str,
) -> Result<Option<EditChange>, ModuleError> {
    let resolved = attributes.resolve(system)?;
    let Original { path, content: old } = original;
    let meta = system.metadata(&path)?;
    let mut change = EditChange {
        directories: Vec::new(),
        new: old.is_none(),
        content: None,
        mode: None,
        uid: None,
        gid: None,
        attributes: match &meta {
            Some(meta) => resolved.against(system, &path, meta)?,
            None => resolved.for_new(system, &path, FileKind::File)?,
        },
        diff: Vec::new(),
        msg: msg.to_owned(),
        path,
    };
    if new.is_none() && (change.attributes.is_empty() || meta.is_none()) {
        return Ok(None);
    }
    if let Some(new) = new {
        change.diff.push(content_diff(&change.path, old.as_deref().unwrap_or_default(), &new));
        change.content = Some(STANDARD.encode(new));
        if old.is_none() {
            for ancestor in change.path.ancestors().skip(1) {
                if system.exists(ancestor)? {
                    break;
                }
                change.directories.insert(0, ancestor.to_owned());
            }
        }
    }
    if !change.attributes.is_empty() {
        let header = format!("{} (file attributes)", change.path.display());
        change.diff.push(Diff::properties(header, change.attributes.properties()));
        if meta.is_some() {
            let joint = if change.msg.is_empty() { "" } else { " and " };
            change.msg.push_str(&format!("{joint}ownership, perms or SE linux context changed"));
        }
    }
    if change.content.is_some() {
        // Set while writing, so that the file never has others.
        (change.uid, change.gid, change.mode) = (
            change.attributes.uid.take().map(|delta| delta.after),
            change.attributes.gid.take().map(|delta| delta.after),
            change.attributes.mode.take().map(|delta| delta.after),
        );
    }
    Ok(Some(change))
}

fn content_diff(path: &Path, before: &[u8], after: &[u8]) -> Diff {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Diff::texts(format!("{} (content)", path.display()), text(before), text(after))
}

impl EditChange {
    /// Does it, and returns the path of the backup, if there is one.
    ///
    /// # Errors
    /// If validation fails or something cannot be written.
    pub fn apply(
        self,
        system: &mut dyn System,
        how: Replace<'_>,
        in_place: bool,
    ) -> Result<Option<String>, ModuleError> {
        for directory in &self.directories {
            system.create_dir(directory, 0o777)?;
        }
        let mut backup = None;
        if let Some(content) = self.content {
            let content = STANDARD.decode(content).map_err(|error| ModuleError::new(error.to_string()))?;
            let ownership = Ownership { uid: self.uid, gid: self.gid };
            let file = WriteFile { mode: self.mode, ownership, in_place, ..WriteFile::new(content) };
            backup = replace(system, &self.path, &file, how)?;
        }
        self.attributes.apply(&self.path, system)?;
        Ok(backup)
    }

    /// What comes into being besides lines of the file.
    pub fn made(&self) -> Vec<Made> {
        let directories = self.directories.iter().map(|path| Made::Directory(path.clone()));
        directories.chain(self.new.then(|| Made::File(self.path.clone()))).collect()
    }

    /// Its diffs.
    pub fn diff(&self) -> Vec<Diff> {
        self.diff.clone()
    }
}
