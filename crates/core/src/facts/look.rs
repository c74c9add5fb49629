//! Reading small files where absence and emptiness both mean "unknown".

use crate::system::{FileKind, System};
use std::path::Path;

/// A machine looked at for facts: whatever cannot be read is simply not known.
#[derive(Clone, Copy)]
pub(super) struct Look<'a>(pub &'a dyn System);

impl Look<'_> {
    /// A file's content without surrounding white space; `None` if it is missing, unreadable or empty.
    pub fn text(self, path: impl AsRef<Path>) -> Option<String> {
        let text = self.0.read_text(path.as_ref()).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A file's content as it is; empty if it cannot be read.
    pub fn raw(self, path: impl AsRef<Path>) -> String {
        self.0.read_text(path.as_ref()).unwrap_or_default()
    }

    /// Whether something is there.
    pub fn exists(self, path: impl AsRef<Path>) -> bool {
        matches!(self.0.metadata(path.as_ref()), Ok(Some(_)))
    }

    /// Whether a directory is there.
    pub fn is_dir(self, path: impl AsRef<Path>) -> bool {
        matches!(self.0.metadata(path.as_ref()), Ok(Some(found)) if found.kind == FileKind::Directory)
    }

    /// Names in a directory; none if it cannot be read.
    pub fn names(self, path: impl AsRef<Path>) -> Vec<String> {
        let names = self.0.read_dir(path.as_ref()).unwrap_or_default();
        names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Last segment of what a link points to.
    pub fn link_name(self, path: impl AsRef<Path>) -> Option<String> {
        let target = self.0.read_link(path.as_ref()).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// Standard output of a program that exits with 0; `None` also where the program is not installed.
    pub fn answer(self, program: &str, arguments: &[&str]) -> Option<String> {
        let program = self.0.find_program(program)?.to_string_lossy().into_owned();
        let argv = std::iter::once(program.as_str()).chain(arguments.iter().copied());
        self.0.ask(argv).ok().filter(|output| output.success()).map(|output| output.stdout_text())
    }
}
