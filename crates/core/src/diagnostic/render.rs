//! A diagnostic as text: message, the offending line with a marker, help.

use super::{Diagnostic, Severity, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Renders for people, with ANSI colours if `colour`.
pub fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut report = Group::with_title(level.primary_title(diagnostic.message.as_str()));
    let shown = diagnostic.span.iter().map(|span| (span, None, AnnotationKind::Primary));
    let related = diagnostic.related.iter().map(|(span, note)| (span, Some(note.as_str()), AnnotationKind::Context));
    let places: Vec<_> = shown.chain(related).collect();
    let paths: Vec<String> = places.iter().map(|(span, ..)| span.file.path().display().to_string()).collect();
    for ((span, note, kind), path) in places.iter().zip(&paths) {
        let mut annotation = kind.span(byte_range(span));
        if let Some(note) = note {
            annotation = annotation.label(*note);
        }
        report = report.element(Snippet::source(span.file.text()).path(path.as_str()).annotation(annotation));
    }
    if let Some(help) = &diagnostic.help {
        report = report.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&[report])
}

/// From the place to the end of its line: what a marker underlines.
fn byte_range(span: &Span) -> std::ops::Range<usize> {
    let text = span.file.text();
    let start_of_line: usize =
        text.split_inclusive('\n').take((span.line as usize).saturating_sub(1)).map(str::len).sum();
    let line = text[start_of_line..].lines().next().unwrap_or_default();
    let column: usize = line.chars().take((span.column as usize).saturating_sub(1)).map(char::len_utf8).sum();
    let end = line.trim_end().len().max(column);
    start_of_line + column..start_of_line + end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn shows_the_line_and_the_help() {
        let file = SourceFile::new("site.yml", "- hosts: all\n  taks: []\n");
        let diagnostic =
            Diagnostic::error("unknown keyword `taks`").at(&Span::new(&file, 2, 3)).suggest("taks", ["tasks", "roles"]);
        let text = render(&diagnostic, false);
        for part in ["error: unknown keyword `taks`", "site.yml:2:3", "taks: []", "did you mean `tasks`?"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }
}
