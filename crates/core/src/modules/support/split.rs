//! Splitting a command line into words, as Python's `shlex.split` does.

use crate::module::ModuleError;

/// The words of `line`: blanks separate, quotes and backslashes protect. There are no comments.
///
/// # Errors
/// If a quote is left open.
pub fn split(line: &str) -> Result<Vec<String>, ModuleError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(unclosed(line)),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(c @ ('"' | '\\')) => word.push(c),
                            Some(c) => word.extend(['\\', c]),
                            None => return Err(unclosed(line)),
                        },
                        Some(c) => word.push(c),
                        None => return Err(unclosed(line)),
                    }
                }
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Err(ModuleError::new(format!("no character after the last backslash: {line}"))),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn unclosed(line: &str) -> ModuleError {
    ModuleError::new(format!("no closing quotation: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_python_does() {
        assert_eq!(
            split(r#"a "b c" 'd "e' f\ g "\$x \"y" #z '' "#).unwrap(),
            ["a", "b c", "d \"e", "f g", "\\$x \"y", "#z", ""]
        );
        assert!(split("a 'b").unwrap_err().msg.contains("no closing quotation"));
    }
}
