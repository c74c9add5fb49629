//! `k=v` arguments: `copy: src=a dest="b c"`, and what is left of `shell: ls chdir=/tmp` without its options.
//!
//! Words are separated by blanks and line ends, but for those inside quotes and Jinja blocks. A backslash at the end of a
//! line joins it with the next one.

/// Options that command-like actions take from their free-form text; any other `k=v` in it belongs to the command.
const FREE_FORM_OPTIONS: [&str; 8] =
    ["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// What a `k=v` text says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyValues {
    /// Options, in order, quotes taken off.
    pub options: Vec<(String, String)>,
    /// What is no option.
    pub raw: Option<String>,
}

/// One word and the blanks after it.
#[derive(Debug, PartialEq)]
struct Word {
    text: String,
    gap: String,
}

/// Takes a text apart. `free_form`: it is a command, in which only those of `FREE_FORM_OPTIONS` are options. `None` where a quote or a
/// Jinja block is not closed.
pub fn parse(text: &str, free_form: bool) -> Option<KeyValues> {
    let mut result = KeyValues::default();
    let mut raw: Option<String> = None;
    for word in split(text)? {
        let decoded = decode_escapes(&word.text);
        let rest = match (decoded.contains('='), first_equals(&decoded)) {
            (true, Some(at)) => {
                let (key, value) = (&decoded[..at], &decoded[at + 1..]);
                if free_form && !FREE_FORM_OPTIONS.contains(&key) {
                    word.text
                } else {
                    result.options.push((key.trim().to_owned(), unquote(value.trim()).to_owned()));
                    continue;
                }
            }
            (true, None) => decoded.replace("\\=", "="),
            (false, _) => word.text,
        };
        let raw = raw.get_or_insert_default();
        raw.push_str(&rest);
        raw.push_str(&word.gap);
    }
    result.raw = raw.map(|mut raw| {
        // The blank before an option that stood at the end.
        if raw.ends_with(' ') {
            raw.pop();
        }
        raw
    });
    Some(result)
}

/// The first word and what follows it: `copy src=a` of `action:`.
pub(super) fn split_first(text: &str) -> Option<(String, String)> {
    let mut words = split(text)?.into_iter();
    let first = words.next()?;
    let rest: String = words.flat_map(|word| [word.text, word.gap]).collect();
    Some((first.text.trim().to_owned(), rest))
}

/// `text` without the quotes around it.
fn unquote(text: &str) -> &str {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    match quote {
        Some(quote) if text.len() > 1 && text.ends_with(quote) && !text[..text.len() - 1].ends_with('\\') => {
            &text[1..text.len() - 1]
        }
        _ => text,
    }
}

/// Place of the first `=` that is neither first nor escaped.
fn first_equals(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (1..bytes.len()).find(|&at| bytes[at] == b'=' && bytes[at - 1] != b'\\')
}

/// What is open at some place in a text.
#[derive(Default)]
struct Open {
    quote: Option<char>,
    /// `{{`, `{%`, `{#`.
    jinja: [usize; 3],
}

impl Open {
    fn advance(&mut self, word: &str) {
        let mut before = None;
        for char in word.chars() {
            if matches!(char, '"' | '\'') && before != Some('\\') {
                match self.quote {
                    None => self.quote = Some(char),
                    Some(open) if open == char => self.quote = None,
                    Some(_) => {}
                }
            }
            before = Some(char);
        }
        for (depth, (begin, end)) in self.jinja.iter_mut().zip([("{{", "}}"), ("{%", "%}"), ("{#", "#}")]) {
            *depth = (*depth + word.matches(begin).count()).saturating_sub(word.matches(end).count());
        }
    }

    fn inside(&self) -> bool {
        self.quote.is_some() || self.jinja.iter().any(|depth| *depth > 0)
    }
}

fn split(text: &str) -> Option<Vec<Word>> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = Open::default();
    let mut continued = false;
    for chunk in text.split_inclusive([' ', '\n']) {
        let word = chunk.trim_end_matches([' ', '\n']);
        let separator = &chunk[word.len()..];
        let inside_before = open.inside();
        if word == "\\" && open.quote.is_none() {
            continued = separator == "\n";
            continue;
        }
        // The blank before the backslash stands for the first one of the next line.
        if std::mem::take(&mut continued) && word.is_empty() && separator == " " {
            continue;
        }
        open.advance(word);
        match words.last_mut() {
            Some(last) if inside_before => last.text.push_str(word),
            _ if !word.is_empty() => words.push(Word { text: word.to_owned(), gap: String::new() }),
            _ => {}
        }
        if let Some(last) = words.last_mut() {
            if open.inside() { last.text.push_str(separator) } else { last.gap.push_str(separator) }
        }
    }
    (!open.inside()).then_some(words)
}

/// Python's escapes: `\n`, `\t`, `\\`, `\'`, `\x41`, `\u00e4` …
fn decode_escapes(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(kind) = rest.chars().next() else {
            result.push('\\');
            break;
        };
        let simple = match kind {
            '\\' | '\'' | '"' => Some(kind),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            _ => None,
        };
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let numbered = rest.get(1..=digits).filter(|_| digits > 0).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        match (simple, numbered.and_then(char::from_u32)) {
            (Some(char), _) => {
                result.push(char);
                rest = &rest[1..];
            }
            (None, Some(char)) => {
                result.push(char);
                rest = &rest[1 + digits..];
            }
            (None, None) => result.push('\\'),
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<(String, String)> {
        parse(text, false).unwrap().options
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn takes_options_apart() {
        assert_eq!(options("src=a dest=/b/c"), pairs(&[("src", "a"), ("dest", "/b/c")]));
        assert_eq!(options("msg=\"hello  world\" x='y z'"), pairs(&[("msg", "hello  world"), ("x", "y z")]));
        assert_eq!(options("msg={{ a == 'b c' }} x=1"), pairs(&[("msg", "{{ a == 'b c' }}"), ("x", "1")]));
        assert_eq!(options("msg=\"{% if a %} b {% endif %}\""), pairs(&[("msg", "{% if a %} b {% endif %}")]));
        assert_eq!(options("a={{ x\n  | y }} b=c"), pairs(&[("a", "{{ x\n  | y }}"), ("b", "c")]));
        assert_eq!(options("mode=u=rwx,g=rx e==f"), pairs(&[("mode", "u=rwx,g=rx"), ("e", "=f")]));
        assert_eq!(options("re='^\\s+\\d' x='it''s'"), pairs(&[("re", "^\\s+\\d"), ("x", "it''s")]));
        assert_eq!(options("src=a\n  dest=b\n"), pairs(&[("src", "a"), ("dest", "b")]));
        assert_eq!(options("src=a \\\n dest=b"), pairs(&[("src", "a"), ("dest", "b")]));
        assert_eq!(options(r#"line="a\tb\x41\u00e4""#), pairs(&[("line", "a\tbAä")]));
        assert_eq!(options("a="), pairs(&[("a", "")]));
    }

    #[test]
    fn keeps_commands_as_they_are_written() {
        let command = |text| {
            let parsed = parse(text, true).unwrap();
            (parsed.raw.unwrap_or_default(), parsed.options)
        };
        assert_eq!(command("echo  a b=c"), ("echo  a b=c".into(), vec![]));
        assert_eq!(
            command("ls -l chdir=/tmp creates=/x"),
            ("ls -l".into(), pairs(&[("chdir", "/tmp"), ("creates", "/x")]))
        );
        assert_eq!(command("set -e\n  if x; then\n    y\n  fi\n").0, "set -e\n  if x; then\n    y\n  fi\n");
        assert_eq!(command("echo \"a  'b\" | sed 's/ /\\n/'").0, "echo \"a  'b\" | sed 's/ /\\n/'");
        assert_eq!(command("echo {{ a == 1 }}").0, "echo {{ a == 1 }}");
        assert_eq!(command("a \\\n  b").0, "a  b");
        assert_eq!(command("echo a creates=/x b\nc chdir=/y\n").0, "echo a b\nc");
        assert_eq!(command("chdir=/a make").0, "make");
    }

    #[test]
    fn escaped_equals_signs_are_text() {
        assert_eq!(parse("a\\=b", false).unwrap(), KeyValues { options: vec![], raw: Some("a=b".into()) });
    }

    #[test]
    fn refuses_what_is_not_closed() {
        assert_eq!(parse("echo \"a", true), None);
        assert_eq!(parse("echo {{ a", true), None);
        assert_eq!(parse("echo it's", true), None);
    }

    #[test]
    fn splits_off_the_module() {
        assert_eq!(split_first("shell  ls -l\n x"), Some(("shell".into(), "ls -l\n x".into())));
        assert_eq!(split_first("ping"), Some(("ping".into(), String::new())));
    }
}
