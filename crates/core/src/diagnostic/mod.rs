//! What is wrong in a user's file, and where: every error that a user can cause ends as a [`Diagnostic`].
//!
//! Rendering makes text; nothing here prints.

mod render;
mod span;

pub use render::render;
pub use span::{SourceFile, Span};

use crate::text::nearest;
use std::path::PathBuf;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The run cannot go on.
    Error,
    /// The run goes on, probably not as meant.
    Warning,
}

/// One problem in a user's input, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, a lowercase fragment.
    pub message: String,
    /// Where.
    pub span: Option<Span>,
    /// What to do, or the nearest valid name.
    pub help: Option<String>,
    /// Other places that explain it, each with a note.
    pub related: Vec<(Span, String)>,
    /// A file that is named is not there, this one: what names it while running fails for its hosts only.
    pub absent: Option<PathBuf>,
}

impl Diagnostic {
    /// An error without a place yet.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            help: None,
            related: Vec::new(),
            absent: None,
        }
    }

    /// A warning without a place yet.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Sets the place, unless a more exact one is already known.
    #[must_use]
    pub fn at(mut self, span: &Span) -> Self {
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// Says that the file `path` is not there.
    #[must_use]
    pub fn absent(mut self, path: impl Into<PathBuf>) -> Self {
        self.absent = Some(path.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the nearest of `known` to `name` as help, where one is near.
    #[must_use]
    pub fn suggest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(name, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }

    /// Points at another place that explains this one.
    #[must_use]
    pub fn related(mut self, span: &Span, note: impl Into<String>) -> Self {
        self.related.push((span.clone(), note.into()));
        self
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{span}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Diagnostic {}
