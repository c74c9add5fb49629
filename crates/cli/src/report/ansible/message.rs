//! Errors and warnings: `[ERROR]: …`, with the lines that they are about.

use super::look::{FAILED, VERBOSE, WARNING, paint};
use hostler_core::diagnostic::{Diagnostic, Severity, Span};

/// Lines shown before the one that is meant.
const CONTEXT: u32 = 2;
/// Longest line shown.
const WIDTH: usize = 120;

/// A diagnostic as Ansible shows it. Ends without a line end.
pub fn diagnostic(diagnostic: &Diagnostic, colour: bool) -> String {
    let (label, style) = match diagnostic.severity {
        Severity::Error => ("ERROR", FAILED),
        Severity::Warning => ("WARNING", WARNING),
    };
    let mut text = format!("[{label}]: {}", diagnostic.message);
    if let Some(span) = &diagnostic.span {
        text.push_str(&place(span));
    }
    for (span, note) in &diagnostic.related {
        text.push_str(&format!("\n\n{note}{}", place(span)));
    }
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("\n\n{help}"));
    }
    if diagnostic.span.is_some() || diagnostic.help.is_some() {
        text.push('\n');
    }
    paint(colour, style, &text)
}

/// What only `-v` shows.
pub fn verbose(text: &str, colour: bool) -> String {
    paint(colour, VERBOSE, text)
}

/// `Origin: FILE:LINE:COLUMN` and the lines there.
pub fn place(span: &Span) -> String {
    let path = std::path::absolute(span.file.path()).unwrap_or_else(|_| span.file.path().to_owned());
    let mut text = format!("\nOrigin: {}:{}:{}\n", path.display(), span.line, span.column);
    let digits = span.line.to_string().len();
    let room = WIDTH - digits - 1;
    let mut cut = false;
    for number in span.line.saturating_sub(CONTEXT).max(1)..=span.line {
        let Some(line) = span.file.line(number) else { return text.trim_end().to_owned() };
        let mut line = line.replace('\t', " ");
        if line.chars().count() > room {
            cut = true;
            line = line.chars().take(room - 3).chain("...".chars()).collect();
        }
        let space = if line.is_empty() { "" } else { " " };
        text.push_str(&format!("\n{number:>digits$}{space}{line}"));
    }
    let column = span.column as usize;
    if (1..=if cut { room - 3 } else { room }).contains(&column) {
        let label = format!("column {column}");
        let marker = match column + 1 + label.len() > room {
            true => format!("{}{label} ^", " ".repeat(column.saturating_sub(label.len() + 2))),
            false => format!("{}^ {label}", " ".repeat(column - 1)),
        };
        text.push_str(&format!("\n{:digits$} {marker}", ""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::diagnostic::SourceFile;

    #[test]
    fn looks_like_ansibles() {
        let file = SourceFile::new("/p/a.yml", "- hosts: all\n\n  taks: []\n");
        let error = Diagnostic::error("'taks' is not a valid attribute for a Play").at(&Span::new(&file, 3, 3));
        let expected = "[ERROR]: 'taks' is not a valid attribute for a Play\nOrigin: /p/a.yml:3:3\n\n\
                        1 - hosts: all\n2\n3   taks: []\n    ^ column 3\n";
        assert_eq!(diagnostic(&error, false), expected);
        assert_eq!(diagnostic(&Diagnostic::warning("odd"), false), "[WARNING]: odd");
        assert_eq!(diagnostic(&Diagnostic::warning("a\nb"), true), "\x1b[1;35m[WARNING]: a\x1b[0m\n\x1b[1;35mb\x1b[0m");
    }
}
