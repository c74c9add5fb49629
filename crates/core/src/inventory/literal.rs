//! Python literals: what INI inventories' values are read as (`ast.literal_eval`), text where they are none.

use crate::diagnostic::Span;
use crate::value::{Key, Map, Value};

/// Nested deeper than this it stays text.
const DEEPEST: usize = 60;

/// The value that a text means: a number, `True`, `None`, quoted text, a list, a tuple, a dict; otherwise the text.
/// Texts, also those inside, may hold templates.
pub(super) fn value(text: &str, span: &Span) -> Value {
    let mut parser = Parser { rest: text.trim_start_matches([' ', '\t']), span, open: 0 };
    parser.whole().unwrap_or_else(|| Value::trusted(text, Some(span.clone())))
}

struct Parser<'a> {
    rest: &'a str,
    span: &'a Span,
    /// How many brackets are open: inside them, lines may end.
    open: usize,
}

impl Parser<'_> {
    /// Everything must be used up. Commas at the top level make a tuple.
    fn whole(&mut self) -> Option<Value> {
        let first = self.value()?;
        self.skip_blank();
        if self.rest.is_empty() {
            return Some(first);
        }
        let mut items = vec![first];
        while self.eat(',') {
            if self.rest.is_empty() {
                break;
            }
            items.push(self.value()?);
            self.skip_blank();
        }
        self.rest.is_empty().then(|| Value::list(items))
    }

    fn skip_blank(&mut self) {
        loop {
            let in_brackets = self.open > 0;
            let blank =
                |char: char| matches!(char, ' ' | '\t' | '\u{c}') || (in_brackets && matches!(char, '\n' | '\r'));
            self.rest = self.rest.trim_start_matches(blank);
            if !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn eat(&mut self, char: char) -> bool {
        let found = self.rest.strip_prefix(char);
        self.rest = found.unwrap_or(self.rest);
        self.skip_blank();
        found.is_some()
    }

    fn value(&mut self) -> Option<Value> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        match first {
            '[' | '(' | '{' if self.open >= DEEPEST => None,
            '[' => self.items(']').map(|(items, _)| Value::list(items)),
            '(' => {
                let (mut items, comma) = self.items(')')?;
                if items.len() == 1 && !comma { items.pop() } else { Some(Value::list(items)) }
            }
            '{' => self.braces(),
            '\'' | '"' => self.strings(),
            '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Value::str("..."))
            }
            '0'..='9' | '.' | '+' | '-' => self.number(),
            _ if self.starts_string() => self.strings(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(self.rest.len());
        let value = match &self.rest[..end] {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "set" if self.rest[end..].starts_with("()") => {
                self.rest = &self.rest[end + 2..];
                return Some(Value::list([]));
            }
            _ => return None,
        };
        self.rest = &self.rest[end..];
        Some(value)
    }

    /// Items up to `close`, and whether there was a comma.
    fn items(&mut self, close: char) -> Option<(Vec<Value>, bool)> {
        self.rest = &self.rest[1..];
        self.open += 1;
        self.skip_blank();
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.rest.starts_with(close) {
            items.push(self.value()?);
            self.skip_blank();
            if self.rest.starts_with(close) {
                break;
            }
            comma = self.eat(',');
            if !comma {
                return None;
            }
        }
        self.close();
        Some((items, comma))
    }

    fn close(&mut self) {
        self.open -= 1;
        self.rest = &self.rest[1..];
    }

    /// A dict, or a set, which becomes a list.
    fn braces(&mut self) -> Option<Value> {
        let begin = self.rest;
        self.rest = &self.rest[1..];
        self.open += 1;
        self.skip_blank();
        let mut map = Map::default();
        while !self.rest.starts_with('}') {
            let key = match self.value()? {
                Value::Int(value) => Key::Int(value),
                Value::Bool(value) => Key::Bool(value),
                Value::Float(value) => Key::Float(value),
                Value::Null => Key::Null,
                other => Key::from(other.as_str()?),
            };
            self.skip_blank();
            if !self.rest.starts_with(':') {
                self.open -= 1;
                self.rest = begin;
                return self.items('}').map(|(items, _)| Value::list(items));
            }
            self.eat(':');
            map.insert(key, self.value()?);
            self.skip_blank();
            if !self.rest.starts_with('}') && !self.eat(',') {
                return None;
            }
        }
        self.close();
        Some(map.into())
    }

    fn starts_string(&self) -> bool {
        let prefix = self.rest.find(['\'', '"']).unwrap_or(usize::MAX);
        (1..=2).contains(&prefix) && self.rest[..prefix].bytes().all(|byte| b"rRuUbB".contains(&byte))
    }

    /// One text or several side by side, which are joined.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            let bytes = self.string(&mut text)?;
            self.skip_blank();
            if !self.rest.starts_with(['\'', '"']) && !self.starts_string() {
                // As in Ansible, bytes are no templates.
                return Some(if bytes { Value::str(text) } else { Value::trusted(text, Some(self.span.clone())) });
            }
        }
    }

    /// Adds one text; says whether it was written as bytes.
    fn string(&mut self, text: &mut String) -> Option<bool> {
        let prefix = self.rest.find(['\'', '"'])?;
        let bytes = self.rest[..prefix].contains(['b', 'B']);
        let raw = self.rest[..prefix].contains(['r', 'R']);
        let quote = &self.rest[prefix..=prefix];
        let triple = quote.repeat(3);
        let quote = if self.rest[prefix..].starts_with(&triple) { &triple } else { quote };
        let body = &self.rest[prefix + quote.len()..];
        let mut at = 0;
        loop {
            let left = &body[at..];
            if let Some(after) = left.strip_prefix(quote) {
                self.rest = after;
                return Some(bytes);
            }
            let char = left.chars().next()?;
            if char == '\n' && quote.len() == 1 {
                return None;
            }
            if char != '\\' {
                text.push(char);
                at += char.len_utf8();
                continue;
            }
            at += if raw { push_raw(left, text)? } else { push_escape(left, text)? };
        }
    }

    fn number(&mut self) -> Option<Value> {
        let unsigned = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let negative = self.rest.starts_with('-');
        let unsigned =
            if unsigned.len() < self.rest.len() { unsigned.trim_start_matches([' ', '\t']) } else { unsigned };
        let mut end = 0;
        for (at, char) in unsigned.char_indices() {
            let exponent_sign = matches!(char, '+' | '-')
                && unsigned[..at].ends_with(['e', 'E'])
                && !unsigned.starts_with("0x")
                && !unsigned.starts_with("0X");
            if !(char.is_ascii_alphanumeric() || char == '.' || char == '_' || exponent_sign) {
                break;
            }
            end = at + char.len_utf8();
        }
        // Complex numbers are text in Ansible, too.
        if let Some(imaginary) = unsigned[..end].strip_suffix(['j', 'J'])
            && number(imaginary).is_some()
        {
            let text = format!("{}{}", if negative { "-" } else { "" }, unsigned[..end].to_lowercase());
            self.rest = &unsigned[end..];
            return Some(Value::str(text));
        }
        let number = number(&unsigned[..end])?;
        self.rest = &unsigned[end..];
        Some(match number {
            Value::Int(value) if negative => Value::Int(value.checked_neg()?),
            Value::Float(value) if negative => Value::Float(-value),
            positive => positive,
        })
    }
}

/// A Python number without its sign. One that does not fit in 64 bits is refused, so it stays text.
fn number(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    let wrong_underscore = text.contains("__") || text.starts_with('_') || text.ends_with('_') || text.contains("_.");
    if wrong_underscore {
        return None;
    }
    let lower = digits.to_ascii_lowercase();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return i64::from_str_radix(digits, base).ok().map(Value::Int);
        }
    }
    if lower.bytes().all(|byte| byte.is_ascii_digit()) {
        let leading_zero = lower.len() > 1 && lower.starts_with('0') && lower.bytes().any(|byte| byte != b'0');
        return if leading_zero { None } else { lower.parse().ok().map(Value::Int) };
    }
    let is_float = lower.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte));
    if is_float { lower.parse().ok().map(Value::Float) } else { None }
}

/// A backslash in a raw text stays, with what follows it.
fn push_raw(left: &str, text: &mut String) -> Option<usize> {
    let next = left[1..].chars().next()?;
    text.push('\\');
    text.push(next);
    Some(1 + next.len_utf8())
}

/// Adds what an escape means; gives its length.
fn push_escape(left: &str, text: &mut String) -> Option<usize> {
    let next = left[1..].chars().next()?;
    let coded = |digits: usize| -> Option<(char, usize)> {
        let code = u32::from_str_radix(left.get(2..2 + digits)?, 16).ok()?;
        Some((char::from_u32(code)?, 2 + digits))
    };
    let (char, length) = match next {
        'n' => ('\n', 2),
        't' => ('\t', 2),
        'r' => ('\r', 2),
        'a' => ('\u{7}', 2),
        'b' => ('\u{8}', 2),
        'f' => ('\u{c}', 2),
        'v' => ('\u{b}', 2),
        '\\' | '\'' | '"' => (next, 2),
        '\n' => return Some(2),
        'x' => coded(2)?,
        'u' => coded(4)?,
        'U' => coded(8)?,
        '0'..='7' => {
            let digits = left[1..].bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            (char::from_u32(u32::from_str_radix(&left[1..=digits], 8).ok()?)?, 1 + digits)
        }
        _ => return push_raw(left, text),
    };
    text.push(char);
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    /// Expectations were read off Python's `ast.literal_eval`, with tuples and sets as lists.
    #[test]
    fn reads_python_literals_and_leaves_the_rest() {
        let span = Span::new(&SourceFile::new("hosts", ""), 1, 1);
        for (text, json) in [
            ("1", "1"),
            ("-1", "-1"),
            ("+1", "1"),
            ("1_000", "1000"),
            ("0644", r#""0644""#),
            ("00", "0"),
            ("0x1f", "31"),
            ("0o17", "15"),
            ("1.5", "1.5"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
            ("5.", "5.0"),
            ("-1.5e-3", "-0.0015"),
            ("1__0", r#""1__0""#),
            ("99999999999999999999", r#""99999999999999999999""#),
            ("10.0.0.1", r#""10.0.0.1""#),
            ("True", "true"),
            ("true", r#""true""#),
            ("None", "null"),
            ("'a'", r#""a""#),
            (r#""a" 'b'"#, r#""ab""#),
            ("'''x'''", r#""x""#),
            (r"'\n\x41\u00e9\101\q'", r#""\nAéA\\q""#),
            (r"r'\n'", r#""\\n""#),
            ("[1, 'a', None, [True]]", r#"[1,"a",null,[true]]"#),
            ("[1,2,]", "[1,2]"),
            ("(1,2)", "[1,2]"),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("1,2", "[1,2]"),
            ("{1, 2}", "[1,2]"),
            ("{'a': [1], 2: None,}", r#"{"a":[1],"2":null}"#),
            ("{}", "{}"),
            ("[..., set()]", r#"["...",[]]"#),
            ("1 # comment", "1"),
            ("text # no comment", r#""text # no comment""#),
            ("1 2", r#""1 2""#),
            ("[a, b]", r#""[a, b]""#),
            ("[1, 2", r#""[1, 2""#),
            ("--1", r#""--1""#),
            ("it's", r#""it's""#),
            ("", r#""""#),
            ("{{ x }}", r#""{{ x }}""#),
        ] {
            assert_eq!(value(text, &span).to_json().to_string(), json, "{text}");
        }
        assert!(matches!(value("['{{ x }}']", &span).as_list().unwrap()[0], Value::Template(_)));
    }
}
