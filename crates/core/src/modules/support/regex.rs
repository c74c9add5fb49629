//! Python's regular expressions over bytes, as the modules that edit files use them.
//!
//! Every byte is one character, so that any file survives, and classes are those of ASCII.

use crate::module::ModuleError;
use fancy_regex::{Captures, Regex};

/// A compiled expression.
pub struct BytesRegex {
    regex: Regex,
    multiline: bool,
}

/// A place where an expression matched.
pub struct Match<'t> {
    captures: Captures<'t>,
    names: Vec<&'t str>,
}

/// Bytes as characters of the same number.
pub fn to_chars(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Characters that came from bytes as those bytes.
pub fn to_bytes(text: &str) -> Vec<u8> {
    // What came from bytes has no other characters.
    text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect()
}

impl BytesRegex {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, ModuleError> {
        Self::compile(pattern, false)
    }

    /// Compiles `pattern`, whose `^` and `$` match at every line.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn multiline(pattern: &str) -> Result<Self, ModuleError> {
        Self::compile(pattern, true)
    }

    /// Compiles `pattern` for texts as they are, not for those of [`to_chars`]; `flags` (`m`, `s`) are on.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn text(pattern: &str, flags: &str) -> Result<Self, ModuleError> {
        Self::with_flags(pattern, pattern, flags)
    }

    fn compile(pattern: &str, multiline: bool) -> Result<Self, ModuleError> {
        Self::with_flags(pattern, &to_chars(pattern.as_bytes()), if multiline { "m" } else { "" })
    }

    fn with_flags(pattern: &str, chars: &str, on: &str) -> Result<Self, ModuleError> {
        let (flags, body) = leading_flags(chars);
        let fold = flags.contains('i');
        let mut kept: String = flags.chars().filter(|flag| "msx".contains(*flag)).collect();
        kept.extend(on.chars().filter(|flag| !flags.contains(*flag)));
        let multiline = kept.contains('m');
        let prefix = if kept.is_empty() { String::new() } else { format!("(?{kept})") };
        let translated = format!("{prefix}{}", translate(body, multiline, fold));
        let regex = Regex::new(&translated)
            .map_err(|error| ModuleError::new(format!("invalid regular expression {pattern:?}: {error}")))?;
        Ok(Self { regex, multiline })
    }

    /// Whether `^` and `$` match at every line.
    pub fn is_multiline(&self) -> bool {
        self.multiline
    }

    /// Names of groups.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }

    /// The first match in `text` (made by [`to_chars`]).
    pub fn search<'t>(&'t self, text: &'t str) -> Option<Match<'t>> {
        // An expression that gives up on a line does not match it.
        self.regex.captures(text).ok().flatten().map(|captures| Match { captures, names: self.names().collect() })
    }

    /// `text` with every match replaced by `template`, and how many there were. As Python's `subn`: after a match
    /// without length, the next one at the same place needs one.
    ///
    /// # Errors
    /// If the template names a group that is not there.
    pub fn replace_all(&self, text: &str, template: &str) -> Result<(String, usize), ModuleError> {
        let names = || self.names().collect();
        let template = self::template(template, self.regex.captures_len().saturating_sub(1), names)?;
        let (mut out, mut count) = (String::with_capacity(text.len()), 0);
        let (mut kept, mut at, mut must_advance) = (0, 0, false);
        while let Ok(Some(captures)) = self.regex.captures_from_pos(text, at) {
            let Some(range) = captures.get(0).map(|whole| whole.range()) else { break };
            if range.is_empty() && must_advance && range.start == at {
                let Some(next) = text[at..].chars().next() else { break };
                (at, must_advance) = (at + next.len_utf8(), false);
                continue;
            }
            out.push_str(&text[kept..range.start]);
            Match { captures, names: Vec::new() }.fill(&template, &mut out);
            count += 1;
            (kept, at, must_advance) = (range.end, range.end, range.is_empty());
        }
        out.push_str(&text[kept..]);
        Ok((out, count))
    }
}

impl Match<'_> {
    /// First and last position, in bytes of the file.
    pub fn span(&self, text: &str) -> (usize, usize) {
        let whole = self.captures.get(0).map_or(0..0, |found| found.range());
        (text[..whole.start].chars().count(), text[..whole.end].chars().count())
    }

    /// The bytes of a group, by number.
    pub fn group(&self, index: usize) -> Option<Vec<u8>> {
        self.captures.get(index).map(|found| to_bytes(found.as_str()))
    }

    /// The bytes of a group, by name.
    pub fn named_group(&self, name: &str) -> Option<Vec<u8>> {
        self.captures.name(name).map(|found| to_bytes(found.as_str()))
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.captures.len().saturating_sub(1)
    }

    /// `template` with `\1`, `\g<name>` and escapes replaced.
    ///
    /// # Errors
    /// If it names a group that is not there.
    pub fn expand(&self, template: &str) -> Result<Vec<u8>, ModuleError> {
        let parts = self::template(&to_chars(template.as_bytes()), self.groups(), || self.names.clone())?;
        let mut out = String::new();
        self.fill(&parts, &mut out);
        Ok(to_bytes(&out))
    }

    fn fill(&self, template: &[Part], out: &mut String) {
        for part in template {
            match part {
                Part::Letter(letter) => out.push(*letter),
                Part::Group(index) => out.push_str(self.captures.get(*index).map_or("", |found| found.as_str())),
                Part::Named(name) => out.push_str(self.captures.name(name).map_or("", |found| found.as_str())),
            }
        }
    }

    /// Where the group called `name` is in the text.
    pub fn named_range(&self, name: &str) -> Option<std::ops::Range<usize>> {
        self.captures.name(name).map(|found| found.range())
    }
}

/// A piece of what replaces a match.
enum Part {
    Letter(char),
    Group(usize),
    Named(String),
}

/// Takes a template apart, for an expression with that many groups and these names.
fn template<'n>(text: &str, groups: usize, names: impl Fn() -> Vec<&'n str>) -> Result<Vec<Part>, ModuleError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parts = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != '\\' {
            parts.push(Part::Letter(chars[at]));
            at += 1;
            continue;
        }
        at += escape(&chars[at + 1..], &mut parts)? + 1;
    }
    for part in &parts {
        match part {
            Part::Group(index) if *index > groups => {
                return Err(ModuleError::new(format!("invalid group reference {index} in line")));
            }
            Part::Named(name) if !names().contains(&name.as_str()) => {
                return Err(ModuleError::new(format!("unknown group name '{name}' in line")));
            }
            _ => {}
        }
    }
    Ok(parts)
}

/// Handles what follows a backslash and returns its length.
fn escape(rest: &[char], out: &mut Vec<Part>) -> Result<usize, ModuleError> {
    let bad = |what: &str| ModuleError::new(format!("bad escape in line: {what}"));
    match rest {
        [] => Err(bad("it ends with a backslash")),
        ['g', '<', name @ ..] => {
            let end = name.iter().position(|c| *c == '>').ok_or_else(|| bad("missing > after \\g<"))?;
            let name: String = name[..end].iter().collect();
            out.push(name.parse().map_or(Part::Named(name), Part::Group));
            Ok(end + 3)
        }
        ['0', ..] => {
            out.push(Part::Letter('\0'));
            Ok(1)
        }
        [first, rest @ ..] if first.is_ascii_digit() => {
            let two = rest.first().filter(|c| c.is_ascii_digit());
            let digits: String = std::iter::once(first).chain(two).collect();
            out.push(Part::Group(digits.parse().unwrap_or_default()));
            Ok(digits.len())
        }
        [c, ..] => {
            let letter = match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0c',
                'v' => '\x0b',
                '\\' => '\\',
                c if c.is_ascii_alphabetic() => return Err(bad(&format!("\\{c}"))),
                c => {
                    out.push(Part::Letter('\\'));
                    *c
                }
            };
            out.push(Part::Letter(letter));
            Ok(1)
        }
    }
}

/// Splits `(?im)…` into flags and the rest.
fn leading_flags(pattern: &str) -> (&str, &str) {
    let inner = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    match inner {
        Some((flags, rest)) if !flags.is_empty() && flags.chars().all(|c| "aiLmsux".contains(c)) => (flags, rest),
        _ => ("", pattern),
    }
}

const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\x0b\x0c\r ";

/// What Python writes differently. Letters of both cases are written out to `fold` case: the tables that would do it for
/// all of Unicode are left out of the helper.
fn translate(pattern: &str, multiline: bool, fold: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class = false;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        rest = tail;
        match c {
            '\\' => {
                let Some(next) = tail.chars().next() else {
                    out.push('\\');
                    break;
                };
                rest = &tail[next.len_utf8()..];
                translate_escape(next, class, &mut out);
            }
            // Groups open with letters of their own: `(?P<name>`, `(?P=name)`, `(?:`, `(?i:`.
            '(' if !class && tail.starts_with('?') => {
                let head = group_head(tail);
                out.push('(');
                out.push_str(head);
                rest = &tail[head.len()..];
            }
            c if fold && c.is_ascii_alphabetic() => {
                let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
                let range = tail.strip_prefix('-').and_then(|rest| rest.chars().next());
                match range.filter(|last| class && last.is_ascii_alphabetic()) {
                    Some(last) => {
                        let (low, high) = (last.to_ascii_lowercase(), last.to_ascii_uppercase());
                        out.push_str(&format!("{lower}-{low}{upper}-{high}"));
                        rest = &tail[2..];
                    }
                    None if class => out.extend([lower, upper]),
                    None => out.push_str(&format!("[{lower}{upper}]")),
                }
            }
            '[' if !class => {
                class = true;
                out.push('[');
                if let Some(after) = rest.strip_prefix('^') {
                    out.push('^');
                    rest = after;
                }
                // A bracket at the start of a class is itself.
                if let Some(after) = rest.strip_prefix(']') {
                    out.push_str("\\]");
                    rest = after;
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            // Python has neither nested classes nor operations on them.
            '[' | '&' | '~' if class => out.extend(['\\', c]),
            '$' if !class && !multiline => out.push_str(r"(?=\n?\z)"),
            '{' if !class && !is_repetition(tail) => out.push_str("\\{"),
            '}' if !class && !out_ends_in_repetition(&out) => out.push_str("\\}"),
            c => out.push(c),
        }
    }
    out
}

/// How a group begins, after its bracket.
fn group_head(text: &str) -> &str {
    let named = ["?P<", "?P=", "?("].iter().find(|prefix| text.starts_with(**prefix));
    let end = match named {
        Some(_) => text.find(['>', ')']).map_or(text.len(), |end| end + 1),
        None if text.starts_with("?<=") || text.starts_with("?<!") => 3,
        None => text.find([':', '=', '!', '>']).map_or(1, |end| end + 1),
    };
    &text[..end]
}

fn translate_escape(c: char, class: bool, out: &mut String) {
    let push_class = |out: &mut String, members: &str, negated: bool| match (class, negated) {
        (true, false) => out.push_str(members),
        (_, true) => out.push_str(&format!("[^{members}]")),
        (false, false) => out.push_str(&format!("[{members}]")),
    };
    match c {
        'd' | 'D' => push_class(out, "0-9", c == 'D'),
        'w' | 'W' => push_class(out, WORD, c == 'W'),
        's' | 'S' => push_class(out, SPACE, c == 'S'),
        'b' if !class => out.push_str(&format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))")),
        'B' if !class => out.push_str(&format!("(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}]))")),
        'b' => out.push_str(r"\x08"),
        'Z' => out.push_str(r"\z"),
        c if c.is_ascii_alphanumeric() => out.extend(['\\', c]),
        // Other escaped characters are themselves.
        c if c.is_ascii() => out.push_str(&format!(r"\x{:02x}", u32::from(c))),
        c => out.push(c),
    }
}

fn is_repetition(after_brace: &str) -> bool {
    let Some(end) = after_brace.find('}') else { return false };
    let body = &after_brace[..end];
    body.chars().any(|c| c.is_ascii_digit()) && body.chars().all(|c| c.is_ascii_digit() || c == ',')
}

fn out_ends_in_repetition(out: &str) -> bool {
    out.rfind('{').is_some_and(|start| {
        !out[..start].ends_with('\\') && out[start + 1..].chars().all(|c| c.is_ascii_digit() || c == ',')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        BytesRegex::new(pattern).unwrap().search(&to_chars(text.as_bytes())).is_some()
    }

    #[test]
    fn python_dialect() {
        for (pattern, text) in [
            ("^foo$", "foo\n"),
            ("http {", "http {\n"),
            (r"^\s*#?\s*Port\b", "#  Port 22\n"),
            (r"a{2}b{,}", "aab{,}"),
            (r"[[\]]x", "[x"),
            (r"\<a\>/\-\ ", "<a>/- "),
            (r"(?i)PORT", "port"),
            (r"^(\w+) \1$", "ab ab"),
            (r"(?<!x)y", "ay"),
            ("é", "é"),
            (r"[\w.-]+@", "a.b-c@"),
            (r"[^\s]", "a"),
            (r"(?P<n>a)(?P=n)", "aa"),
            (r"^\?>", "?>"),
            (r"(?i)^(?P<name>pORT) [a-c_]+(?:x|y)(?=z)(?<!q)z", "PoRt B_AxZ"),
            (r"(?i)[^x-z]$", "A"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text:?}");
        }
        assert!(!matches(r"^foo$", "foo\n\n"));
        assert!(!matches(r"\w", "é"));
        assert!(BytesRegex::new("(a").err().unwrap().msg.contains("invalid regular expression"));
    }

    #[test]
    fn expansion() {
        let regex = BytesRegex::new(r"(?P<a>\w+)=(\w*)").unwrap();
        let text = to_chars("é k=v".as_bytes());
        let found = regex.search(&text).unwrap();
        assert_eq!(found.expand(r"\1:\g<2>:\g<a>:\\:\t\.é").unwrap(), "k:v:k:\\:\t\\.é".as_bytes());
        assert!(found.expand(r"\3").unwrap_err().msg.contains("invalid group reference 3"));
        assert_eq!(found.span(&text), (3, 6));
    }

    #[test]
    fn all_matches_are_replaced() {
        let all = |pattern: &str, text: &str, template: &str| {
            BytesRegex::text(pattern, "m").unwrap().replace_all(text, template).unwrap()
        };
        assert_eq!(all("x*", "abxd", "-"), ("-a-b--d-".to_owned(), 5));
        assert_eq!(all("^", "a\né\n", "> "), ("> a\n> é\n> ".to_owned(), 3));
        assert_eq!(all("[é]+(.)$", "aéx", r"\1\1"), ("axx".to_owned(), 1));
        assert!(BytesRegex::text("a", "").unwrap().replace_all("a", r"\2").is_err());
        assert!(BytesRegex::text("a", "").unwrap().replace_all("b", r"\y").unwrap_err().msg.contains("bad escape"));
    }
}
