//! What went wrong in a file that is not YAML: the mistakes that people make, found near where the parser stopped.

use super::Node;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use saphyr_parser::ScanError;
use std::sync::Arc;

/// A syntax error with its place and, for the classic mistakes, what to do.
pub(super) fn syntax_error(file: &Arc<SourceFile>, text: &str, error: &ScanError) -> Diagnostic {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().max(1);
    let line = error.marker().line().clamp(1, last);
    let column = if error.marker().line() > last { 0 } else { error.marker().col() };
    let here = Span::new(file, as_u32(line), as_u32(column + 1));
    // The mistake is on the line of the error or, as the parser looks ahead, on the last one before it.
    let before = (1..line).rev().find(|number| is_content(lines.get(number - 1)));
    let candidates = [Some(line), before];
    for number in candidates.into_iter().flatten() {
        let Some(content) = lines.get(number - 1) else { continue };
        if let Some(mistake) = Mistake::find(content) {
            let place = Span::new(file, as_u32(number), as_u32(mistake.column + 1));
            return Diagnostic::error(mistake.message).at(&place).help(mistake.help);
        }
    }
    Diagnostic::error(plain_words(error.info()))
        .at(&here)
        .help("check the indentation and the quotes on this line and the one before it")
}

/// A mapping's key that is a list, a mapping or a vault: nearly always an unquoted template.
pub(super) fn bad_key(file: &Arc<SourceFile>, text: &str, key: &Node, outer: &Span) -> Diagnostic {
    let line = text.lines().nth(outer.line.saturating_sub(1) as usize).unwrap_or_default();
    if let Some(mistake) = unquoted_template(line) {
        let place = Span::new(file, outer.line, as_u32(mistake.column + 1));
        return Diagnostic::error(mistake.message).at(&place).help(mistake.help);
    }
    Diagnostic::error(format!("{} cannot be the key of a mapping", key.type_name())).at(&key.span)
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn is_content(line: Option<&&str>) -> bool {
    line.is_some_and(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

/// The parser's message, without its jargon where that is easy.
fn plain_words(info: &str) -> String {
    let known = [
        ("mapping values are not allowed", "a `key: value` is not allowed here"),
        ("while scanning a quoted scalar, found unexpected end of stream", "a quote is opened but never closed"),
        ("while parsing node, found unknown anchor", "the alias (`*name`) refers to no anchor (`&name`) before it"),
    ];
    match known.iter().find(|(theirs, _)| info.contains(theirs)) {
        Some((_, ours)) => (*ours).to_owned(),
        None => format!("not valid YAML: {info}"),
    }
}

/// One of the classic mistakes on a line.
struct Mistake {
    /// From 0, in characters.
    column: usize,
    message: &'static str,
    help: String,
}

impl Mistake {
    fn find(line: &str) -> Option<Self> {
        tab(line)
            .or_else(|| unquoted_template(line))
            .or_else(|| half_quoted(line))
            .or_else(|| reserved_start(line))
            .or_else(|| colon_in_value(line))
            .or_else(|| no_space_after_colon(line))
    }
}

/// A line's `key:` (with its dashes), where its value begins in characters, and the value.
fn split_line(line: &str) -> (&str, usize, &str) {
    let mut rest = line.trim_start();
    while let Some(item) = rest.strip_prefix("- ") {
        rest = item.trim_start();
    }
    if !rest.starts_with(['"', '\'', '{', '['])
        && let Some((key, value)) = rest.split_once(": ")
        && !key.contains(" #")
    {
        rest = value.trim_start();
    }
    let head = &line[..line.len() - rest.len()];
    (head, head.chars().count(), rest.trim_end())
}

fn tab(line: &str) -> Option<Mistake> {
    let indent = line.len() - line.trim_start().len();
    let at = line[..indent].find('\t').or_else(|| line.find(":\t").map(|at| at + 1))?;
    Some(Mistake {
        column: line[..at].chars().count(),
        message: "a tab where YAML wants spaces",
        help: "indent with spaces only".to_owned(),
    })
}

fn quoted(text: &str) -> String {
    if text.contains('"') { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

fn unquoted_template(line: &str) -> Option<Mistake> {
    let (head, column, value) = split_line(line);
    if !value.starts_with("{{") {
        return None;
    }
    Some(Mistake {
        column,
        message: "a value that begins with `{{` needs quotes",
        help: format!("write `{}{}`", head.trim_start(), quoted(value)),
    })
}

/// `key: "text" and more`, or a quote that is not closed.
fn half_quoted(line: &str) -> Option<Mistake> {
    let (head, column, value) = split_line(line);
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inner = &value[1..];
    let mut end = None;
    let mut chars = inner.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == '\\' && quote == '"' {
            chars.next();
        } else if char == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
                continue;
            }
            end = Some(at);
            break;
        }
    }
    let Some(end) = end else {
        return Some(Mistake { column, message: "a quote is opened but not closed", help: format!("add a `{quote}`") });
    };
    let after = inner[end + 1..].trim();
    if after.is_empty() || after.starts_with(['#', ':', ',', ']', '}']) {
        return None;
    }
    Some(Mistake {
        column,
        message: "a value that begins with a quote must end with it",
        help: format!("quote the whole value: `{}{}`", head.trim_start(), requoted(value)),
    })
}

/// A text with quotes of its own, quoted as a whole.
fn requoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn reserved_start(line: &str) -> Option<Mistake> {
    let (head, column, value) = split_line(line);
    let (message, bad) = match value.chars().next()? {
        '@' => ("a value that begins with `@` needs quotes", true),
        '`' => ("a value that begins with a backtick needs quotes", true),
        '%' => ("a value that begins with `%` needs quotes", true),
        '*' => ("a value that begins with `*` is an alias; text needs quotes", true),
        '&' => ("a value that begins with `&` is an anchor; text needs quotes", value.contains("& ") || value == "&"),
        _ => return None,
    };
    bad.then(|| Mistake { column, message, help: format!("write `{}{}`", head.trim_start(), quoted(value)) })
}

fn colon_in_value(line: &str) -> Option<Mistake> {
    let (head, column, value) = split_line(line);
    if head.trim().trim_start_matches(['-', ' ']).is_empty() || value.starts_with(['"', '\'', '[', '{', '|', '>', '#'])
    {
        return None;
    }
    let at = value.find(": ").or_else(|| value.ends_with(':').then(|| value.len() - 1))?;
    Some(Mistake {
        column: column + value[..at].chars().count(),
        message: "a colon followed by a space inside a value that is not quoted",
        help: format!("write `{}{}`", head.trim_start(), quoted(value)),
    })
}

fn no_space_after_colon(line: &str) -> Option<Mistake> {
    let (_, column, value) = split_line(line);
    let (key, rest) = value.split_once(':')?;
    let is_name = !key.is_empty() && key.chars().all(|char| char.is_alphanumeric() || "_-.".contains(char));
    if !is_name || rest.is_empty() || rest.starts_with([' ', '/', ':', '\\']) {
        return None;
    }
    Some(Mistake {
        column: column + key.chars().count(),
        message: "a colon without a space after it",
        help: format!("write `{key}: {rest}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use crate::diagnostic::SourceFile;

    /// Text, line, column, and what message and help must say.
    #[test]
    fn points_at_classic_mistakes() {
        for (text, line, column, message, help) in [
            ("a:\n\tb: 1\n", 2, 1, "a tab", "spaces"),
            ("a:\n  b: {{ x }}\n", 2, 6, "`{{` needs quotes", "`b: \"{{ x }}\"`"),
            ("- a: {{ x }}/y\n  b: 1\n", 1, 6, "`{{` needs quotes", "`- a: \"{{ x }}/y\"`"),
            ("a: {{ x[\"k\"] }}\n", 1, 4, "`{{` needs quotes", "`a: '{{ x[\"k\"] }}'`"),
            ("- {{ x }}\n", 1, 3, "`{{` needs quotes", "`- \"{{ x }}\"`"),
            ("- shell: echo a: b\n", 1, 16, "a colon followed by a space", "`- shell: \"echo a: b\"`"),
            ("a: \"x\" in y\nb: 1\n", 1, 4, "must end with it", "`a: '\"x\" in y'`"),
            ("a: 1\nb: \"x\nc: 2\n", 2, 4, "opened but not closed", "add a `\"`"),
            ("name:foo\nb: 1\n", 1, 5, "without a space", "`name: foo`"),
            ("a: @x\n", 1, 4, "begins with `@`", "`a: \"@x\"`"),
            ("a: *.example.org\n", 1, 4, "is an alias", "`a: \"*.example.org\"`"),
            ("a: !foo 1\n", 1, 4, "`!foo` is not known", "!vault"),
            ("a: !vualt 1\n", 1, 4, "`!vualt` is not known", "did you mean `!vault`?"),
            ("a: 1\n---\nb: 1\n", 3, 1, "more than one", "---"),
            ("? [a]\n: 1\n", 1, 3, "a list cannot be the key", ""),
            ("a: &a [*a]\n", 1, 8, "inside the value", ""),
        ] {
            let error = load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap_err();
            let span = error.span.clone().unwrap();
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", error.help);
            assert_eq!((span.line, span.column), (line, column), "{text}: {error}");
        }
    }
}
