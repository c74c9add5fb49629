//! What is said when a template cannot be evaluated.

use super::fault::Marker;
use crate::diagnostic::{Diagnostic, Span};

/// A template that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong, in Ansible's words where it has some.
    pub message: String,
    /// The place in the template's text.
    pub span: Option<Span>,
    /// The name that is undefined, where that is what is wrong.
    pub undefined: Option<String>,
    /// What to do, or the nearest known name.
    pub help: Option<String>,
    pub(super) cause: Option<Box<Diagnostic>>,
}

impl TemplateError {
    pub(crate) fn new(message: impl Into<String>, span: Option<&Span>) -> Self {
        Self { message: message.into(), span: span.cloned(), undefined: None, help: None, cause: None }
    }

    /// Text from elsewhere than the user's files stands where an expression should.
    pub(crate) fn untrusted(span: Option<&Span>) -> Self {
        let help =
            "templates and expressions must stand in playbooks, roles or inventories, not in what a host answers";
        Self { help: Some(help.into()), ..Self::new("Encountered untrusted template or expression.", span) }
    }

    pub(super) fn from_marker(marker: &Marker) -> Self {
        Self {
            message: marker.message.clone(),
            span: marker.span(),
            undefined: marker.undefined.as_deref().map(str::to_owned),
            help: marker.help.clone(),
            cause: marker.cause().cloned().map(Box::new),
        }
    }

    /// The same with what was being done before it.
    #[must_use]
    pub fn during(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// For people: with the place, and what to do.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(self.message.clone());
        diagnostic.help.clone_from(&self.help);
        let cause = self.cause.as_ref().and_then(|cause| cause.span.as_ref());
        match (&self.span, cause) {
            (Some(span), Some(cause)) => diagnostic.at(span).related(cause, "defined here"),
            (Some(span), None) | (None, Some(span)) => diagnostic.at(span),
            (None, None) => diagnostic,
        }
    }
}
