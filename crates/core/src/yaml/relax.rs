//! Brings files that PyYAML reads but YAML 1.2 forbids into a form that both accept: inside brackets and quotes, lines
//! may begin at any column and with tabs, and inside brackets a plain text may end with a dash.
//!
//! Only consulted for files that do not parse as they are.

use std::borrow::Cow;

/// Stands for a dash that ends a plain text in brackets: the parser would take it for the beginning of an item.
const DASH: char = '\u{e000}';

/// A text with its continuation lines indented, and by how many columns each line moved to the right.
pub(super) struct Relaxed {
    pub text: String,
    shifts: Vec<isize>,
    dashes: bool,
}

impl Relaxed {
    /// The column (from 0) that a place had before.
    pub fn original_column(&self, line: usize, column: usize) -> usize {
        let shift = line.checked_sub(1).and_then(|index| self.shifts.get(index)).copied().unwrap_or(0);
        column.saturating_add_signed(-shift)
    }

    /// A scalar's text as it was.
    pub fn original_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.dashes { text.replace(DASH, "-").into() } else { text.into() }
    }
}

/// What an unfinished line goes on with.
enum Open {
    Nothing,
    /// A plain text that may go on in lines indented by more than this.
    Plain(usize),
    /// A block text, in lines indented by more than this.
    Block(usize),
    /// In brackets or quotes: the column of the outermost one, and what closes them all, the innermost last.
    Inside {
        column: usize,
        closers: Vec<char>,
    },
}

/// The relaxed text; `None` if nothing is to be relaxed.
pub(super) fn relax(text: &str) -> Option<Relaxed> {
    let mut relaxed = Relaxed { text: String::with_capacity(text.len()), shifts: Vec::new(), dashes: false };
    if text.contains(DASH) {
        return None;
    }
    let mut open = Open::Nothing;
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - content.len();
        let blank = content.trim_end().is_empty();
        let mut shift = 0;
        let mut dashes = Vec::new();
        let begin = relaxed.text.len();
        open = match open {
            Open::Plain(outer) | Open::Block(outer) if blank || indent > outer => {
                relaxed.text.push_str(line);
                relaxed.shifts.push(0);
                if matches!(open, Open::Plain(_)) { Open::Plain(outer) } else { Open::Block(outer) }
            }
            Open::Inside { column, closers } => {
                if !blank && (indent <= column || line[..indent].contains('\t')) {
                    relaxed.text.extend(std::iter::repeat_n(' ', column + 1));
                    relaxed.text.push_str(content);
                    shift = (column + 1).cast_signed() - indent.cast_signed();
                } else {
                    relaxed.text.push_str(line);
                }
                relaxed.shifts.push(shift);
                Scan { chars: content.chars().collect(), at: 0, indent, dashes: &mut dashes }.inside(column, closers)
            }
            _ => {
                relaxed.text.push_str(line);
                relaxed.shifts.push(0);
                Scan { chars: line.chars().collect(), at: indent, indent, dashes: &mut dashes }.block()
            }
        };
        if !dashes.is_empty() {
            let line: Vec<char> = relaxed.text.split_off(begin).chars().collect();
            let len = line.len();
            let replaced = |(at, char): (usize, char)| if dashes.contains(&(len - at)) { DASH } else { char };
            relaxed.text.extend(line.into_iter().enumerate().map(replaced));
            relaxed.dashes = true;
        }
    }
    (relaxed.dashes || relaxed.shifts.iter().any(|shift| *shift != 0)).then_some(relaxed)
}

/// One line being read.
struct Scan<'d> {
    chars: Vec<char>,
    at: usize,
    indent: usize,
    /// The dashes that end plain texts in brackets, counted from the line's end.
    dashes: &'d mut Vec<usize>,
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied().filter(|char| !matches!(char, '\n' | '\r'))
    }

    fn is_blank(&self, ahead: usize) -> bool {
        self.peek(ahead).is_none_or(|char| char == ' ' || char == '\t')
    }

    /// Outside of brackets.
    fn block(mut self) -> Open {
        // What goes on is indented by more than the dash or key before it.
        let (mut outer, mut token) = (self.indent, self.indent);
        while let Some(char) = self.peek(0) {
            match char {
                ' ' | '\t' => self.at += 1,
                '#' => return Open::Nothing,
                '-' | '?' if self.is_blank(1) => {
                    outer = self.at;
                    self.at += 1;
                }
                ':' if self.is_blank(1) => {
                    outer = token;
                    self.at += 1;
                }
                '&' | '!' | '*' => {
                    while !self.is_blank(0) {
                        self.at += 1;
                    }
                }
                '|' | '>' => return Open::Block(outer),
                '"' | '\'' | '[' | '{' => {
                    let column = self.at;
                    token = column;
                    self.at += 1;
                    let closers = vec![closer(char)];
                    match self.until_closed(closers) {
                        closers if closers.is_empty() => {}
                        closers => return Open::Inside { column, closers },
                    }
                }
                _ => {
                    token = self.at;
                    if !self.plain() {
                        return Open::Plain(outer);
                    }
                }
            }
        }
        Open::Nothing
    }

    /// Skips a plain text; says whether something comes after it on the line.
    fn plain(&mut self) -> bool {
        while let Some(char) = self.peek(0) {
            if (char == ':' && self.is_blank(1)) || (char == '#' && self.is_blank_before()) {
                return true;
            }
            self.at += 1;
        }
        false
    }

    fn is_blank_before(&self) -> bool {
        self.at == 0 || matches!(self.chars[self.at - 1], ' ' | '\t')
    }

    fn inside(mut self, column: usize, closers: Vec<char>) -> Open {
        let closers = self.until_closed(closers);
        if closers.is_empty() { self.block() } else { Open::Inside { column, closers } }
    }

    /// Reads on to where all is closed or the line ends.
    fn until_closed(&mut self, mut closers: Vec<char>) -> Vec<char> {
        while let (Some(&close), Some(char)) = (closers.last(), self.peek(0)) {
            self.at += 1;
            let doubled = close == '\'' && char == close && self.peek(0) == Some(close);
            match close {
                '"' if char == '\\' => self.at += 1,
                '\'' if doubled => self.at += 1,
                _ if char == close => {
                    closers.pop();
                }
                '"' | '\'' => {}
                _ => match char {
                    '#' if self.at == 1 || matches!(self.chars[self.at - 2], ' ' | '\t') => return closers,
                    '[' | '{' => closers.push(closer(char)),
                    '-' if self.ends_plain() => self.dashes.push(self.chars.len() - self.at + 1),
                    '"' | '\'' if self.begins_item() => closers.push(char),
                    _ => {}
                },
            }
        }
        closers
    }

    /// Whether the dash just read, with a blank before it, is the end of a plain text.
    fn ends_plain(&self) -> bool {
        let after = self.chars[self.at..].iter().find(|char| !matches!(char, ' ' | '\t'));
        self.at > 1
            && matches!(self.chars[self.at - 2], ' ' | '\t')
            && !self.begins_item()
            && after.is_none_or(|char| matches!(char, ',' | ']' | '}' | '\n' | '\r'))
    }

    /// Whether the quote just read stands where a text begins, not in the middle of a plain one.
    fn begins_item(&self) -> bool {
        let before = self.chars[..self.at - 1].iter().rev().find(|char| !char.is_whitespace());
        before.is_none_or(|char| matches!(char, '[' | '{' | ',' | ':' | '?'))
    }
}

fn closer(open: char) -> char {
    match open {
        '[' => ']',
        '{' => '}',
        quote => quote,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Trust, load};
    use crate::diagnostic::SourceFile;
    use crate::vars::{Decrypt, VaultSecrets};
    use std::sync::Arc;

    /// Expectations were read off PyYAML.
    #[test]
    fn reads_what_pyyaml_reads() {
        for (text, json) in [
            ("a:\n  b: \"one\n  two\n\n  three\"\nc: 1\n", r#"{"a":{"b":"one two\nthree"},"c":1}"#),
            ("a: '{{ x\n\t\t+ y }}'\nb: 1\n", r#"{"a":"{{ x + y }}","b":1}"#),
            ("a: {\n\"k\": [1,\n2], # '\n}\nb: it's\n", r#"{"a":{"k":[1,2]},"b":"it's"}"#),
            ("- n: x\n  m: \"a\n  b\"\n- k: |\n    \"\n  l: [\n1]\n", r#"[{"n":"x","m":"a b"},{"k":"\"\n","l":[1]}]"#),
            ("t: |\n  \"not\n  [a\nx: [\n1\n]\n", r#"{"t":"\"not\n[a\n","x":[1]}"#),
            (
                "t: plain\n  'text goes on\nx: ['it''s',\n'b\n]c']\n",
                r#"{"t":"plain 'text goes on","x":["it's","b ]c"]}"#,
            ),
            (
                "a: {line: crontab -, x: y}\nb: [z -, 'q -',  w - ]\n",
                r#"{"a":{"line":"crontab -","x":"y"},"b":["z -","q -","w -"]}"#,
            ),
            ("a: [\n é -\n]\n", r#"{"a":["é -"]}"#),
        ] {
            let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
            let tree = load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap().unwrap();
            assert_eq!(tree.to_value(&vaults, Trust::Untrusted).to_json().to_string(), json, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_file() {
        let text = "a: [\n'b', {c: d}\n]\n";
        let tree = load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap().unwrap();
        let item = &tree.get("a").unwrap().as_seq().unwrap()[1];
        assert_eq!((item.span.line, item.span.column), (2, 6));
    }
}
