//! Lines as Python sees them.

/// `text` as Python's `str.splitlines` gives it.
pub fn splitlines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_line_end).unwrap_or(rest.len());
        lines.push(rest[..end].to_owned());
        rest = &rest[end..];
        let width = if rest.starts_with("\r\n") { 2 } else { rest.chars().next().map_or(0, char::len_utf8) };
        rest = &rest[width..];
    }
    lines
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::splitlines;

    #[test]
    fn splits_as_python_does() {
        assert_eq!(splitlines("a\nb\r\n\nc"), ["a", "b", "", "c"]);
        assert_eq!(splitlines("a\n"), ["a"]);
        assert!(splitlines("").is_empty());
    }
}
