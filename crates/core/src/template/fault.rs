//! What stops an evaluation: an error that may still be forgiven (`default`), or a value not known before apply.

use super::syntax::At;
use crate::diagnostic::{Diagnostic, Span};
use crate::vars::VaultText;
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

/// Text being evaluated, to point into.
#[derive(Debug)]
pub(crate) struct Origin {
    pub source: Arc<str>,
    pub span: Option<Span>,
    /// Lines cut off before `source` began (`#jinja2:` headers).
    pub skipped_lines: u32,
}

impl Origin {
    /// The place in the file. A template's lines are looked for in the file: a block scalar begins below its `|`.
    pub fn locate(&self, at: At) -> Option<Span> {
        let span = self.span.as_ref()?;
        let text = self.source.lines().nth(at.line.saturating_sub(1) as usize).unwrap_or_default().trim();
        let indent =
            |line: &str| self.source_column(at.line).and_then(|_| line.find(text).map(|at| line[..at].chars().count()));
        let first = span.line + at.line - 1 + self.skipped_lines;
        for line in [first, first + 1, first + 2] {
            let Some(content) = span.file.line(line) else { continue };
            if text.is_empty() {
                break;
            }
            if let Some(column) = indent(content) {
                let own = self.source_column(at.line).unwrap_or_default();
                let column = column as u32 + at.column.saturating_sub(own).max(1);
                return Some(Span::new(&span.file, line, column));
            }
        }
        let column = if at.line == 1 { span.column + at.column - 1 } else { at.column };
        Some(Span::new(&span.file, first, column))
    }

    /// The indentation of a line of the template's own text.
    fn source_column(&self, line: u32) -> Option<u32> {
        let line = self.source.lines().nth(line.saturating_sub(1) as usize)?;
        Some((line.chars().count() - line.trim_start().chars().count()) as u32)
    }
}

/// An error, or an undefined value on its way to where it is used.
#[derive(Debug)]
pub(crate) struct Marker {
    pub message: String,
    /// The name, if this is an undefined variable or attribute (and so what `default` replaces).
    pub undefined: Option<Arc<str>>,
    pub help: Option<String>,
    /// The value that no password opened, if that is what is wrong.
    pub vault: Option<Arc<VaultText>>,
    place: OnceCell<(Rc<Origin>, At)>,
    cause: OnceCell<Diagnostic>,
}

/// Why an evaluation stopped.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Error(Rc<Marker>),
    /// It needs what is only known after apply.
    Unknown(Arc<str>),
}

pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Marker {
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            undefined: None,
            help: None,
            vault: None,
            place: OnceCell::new(),
            cause: OnceCell::new(),
        }
    }

    pub fn undefined(message: impl Into<String>, name: impl Into<Arc<str>>) -> Self {
        Self { undefined: Some(name.into()), ..Self::error(message) }
    }

    /// Sets the place unless a more exact one is known.
    pub fn place(&self, origin: &Rc<Origin>, at: At) {
        let _ = self.place.set((Rc::clone(origin), at));
    }

    /// Whether it comes from a template of its own, further in.
    pub fn is_placed(&self) -> bool {
        self.place.get().is_some()
    }

    pub fn span(&self) -> Option<Span> {
        self.place.get().and_then(|(origin, at)| origin.locate(*at))
    }
}

impl Fault {
    pub fn error(message: impl Into<String>) -> Self {
        Self::Error(Rc::new(Marker::error(message)))
    }

    pub fn with_help(message: impl Into<String>, help: Option<String>) -> Self {
        Self::Error(Rc::new(Marker { help, ..Marker::error(message) }))
    }

    #[must_use]
    pub fn at(self, origin: &Rc<Origin>, at: At) -> Self {
        if let Self::Error(marker) = &self {
            marker.place(origin, at);
        }
        self
    }
}

impl Fault {
    /// A value that no password opens.
    pub fn closed(vault: &Arc<VaultText>, diagnostic: Diagnostic) -> Self {
        let marker = Marker {
            help: diagnostic.help.clone(),
            vault: Some(Arc::clone(vault)),
            ..Marker::error(format!("Attempt to use undecryptable variable: {}", diagnostic.message))
        };
        let _ = marker.cause.set(diagnostic);
        Self::Error(Rc::new(marker))
    }
}

impl Marker {
    /// The error that caused it, if it came with a place of its own.
    pub fn cause(&self) -> Option<&Diagnostic> {
        self.cause.get()
    }
}

impl Origin {
    /// A file's text.
    pub fn of_file(path: &std::path::Path, text: &str) -> Self {
        let file = crate::diagnostic::SourceFile::new(path, text);
        let span = Span { file, line: 1, column: 1 };
        Self { source: text.replace("\r\n", "\n").into(), span: Some(span), skipped_lines: 0 }
    }
}
