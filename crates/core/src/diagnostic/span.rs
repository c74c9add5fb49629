//! Places in source files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was read, kept so that errors can show its lines.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    text: String,
}

impl SourceFile {
    /// A file's text under the name that messages show.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into() })
    }

    /// Its path, as given by the user or found from it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its whole text. Empty for files whose text must not be shown (vaults).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line `line` (from 1), without its end.
    pub fn line(&self, line: u32) -> Option<&str> {
        self.text.lines().nth(line.checked_sub(1)? as usize)
    }
}

/// A place: file, line and column, both from 1 (column in characters).
#[derive(Clone, PartialEq, Eq)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Span {
    /// A place in `file`.
    pub fn new(file: &Arc<SourceFile>, line: u32, column: u32) -> Self {
        Self { file: Arc::clone(file), line, column }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file.path().display(), self.line, self.column)
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}
