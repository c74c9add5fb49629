//! INI as Python's configparser reads `ansible.cfg`: `#` and `;` lines, ` ;` after values, values on several lines.

use crate::diagnostic::{Diagnostic, SourceFile, Span};
use std::sync::Arc;

/// One `key = value`.
#[derive(Debug)]
pub(super) struct Entry {
    /// `section.key`, the key in small letters.
    pub name: String,
    pub value: String,
    pub span: Span,
}

pub(super) fn parse(file: &Arc<SourceFile>) -> Result<Vec<Entry>, Diagnostic> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section: Option<String> = None;
    let mut open = false;
    for (index, raw) in file.text().lines().enumerate() {
        let line = without_comment(raw);
        let text = line.trim();
        if text.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let span = Span::new(file, number(index + 1), number(indent + 1));
        if indent > 0
            && open
            && let Some(last) = entries.last_mut()
        {
            last.value.push('\n');
            last.value.push_str(text);
            continue;
        }
        open = false;
        if let Some(inner) = text.strip_prefix('[') {
            let Some((name, _)) = inner.split_once(']') else {
                return Err(Diagnostic::error("this section has no `]`").at(&span));
            };
            section = Some(name.to_owned());
            continue;
        }
        let Some(section) = &section else {
            return Err(Diagnostic::error("a setting must stand in a section")
                .at(&span)
                .help("begin with `[defaults]`"));
        };
        let Some(at) = text.find(['=', ':']) else {
            return Err(Diagnostic::error("this is neither `key = value` nor a `[section]`").at(&span));
        };
        let name = format!("{section}.{}", text[..at].trim().to_lowercase());
        if let Some(first) = entries.iter().find(|entry| entry.name == name) {
            let message = format!("the setting `{name}` is given twice");
            return Err(Diagnostic::error(message).at(&span).related(&first.span, "first given here"));
        }
        entries.push(Entry { name, value: text[at + 1..].trim().to_owned(), span });
        open = true;
    }
    Ok(entries)
}

/// A `;` after white space begins a comment, as do `#` and `;` that begin a line.
fn without_comment(line: &str) -> &str {
    let begin = line.trim_start();
    if begin.starts_with(['#', ';']) {
        return "";
    }
    let is_comment = |at: &usize| line[..*at].ends_with(char::is_whitespace);
    line.match_indices(';').map(|(at, _)| at).find(is_comment).map_or(line, |at| &line[..at])
}
