//! Splits a line of an INI inventory into words as Python's `shlex.split(line, comments=True)` does.

/// The words of a line, quotes taken off. `#` begins a comment, even inside a word.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote is opened but not closed")? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => {
                word.get_or_insert_default().push(chars.next().ok_or("nothing follows the backslash at the end")?);
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Ok(words)
}

/// A backslash counts only before a quote or another backslash.
fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a quote is opened but not closed";
    loop {
        match chars.next().ok_or(OPEN)? {
            '"' => return Ok(()),
            '\\' => {
                let next = chars.next().ok_or(OPEN)?;
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            inner => word.push(inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    /// Expectations were read off Python's shlex.
    #[test]
    fn splits_as_shlex_does() {
        for (line, words) in [
            ("web1 a=1  b='x y'", vec!["web1", "a=1", "b=x y"]),
            (r#"h v="a \"q\" \n \\ '" w=a\ b"#, vec!["h", r#"v=a "q" \n \ '"#, "w=a b"]),
            ("h a=x#y b=1", vec!["h", "a=x"]),
            ("h a='x#y' # comment", vec!["h", "a=x#y"]),
            ("h a='' b", vec!["h", "a=", "b"]),
            ("''", vec![""]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["a 'b", "a \"b", "a \\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
