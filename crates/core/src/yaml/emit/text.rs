//! Writes indicators, line breaks and scalars, folding long lines where YAML allows it.

use super::analysis::{is_break, is_printable};
use super::writer::Writer;

impl Writer<'_> {
    pub(super) fn indicator(&mut self, indicator: &str, needs_whitespace: bool, whitespace: bool, indention: bool) {
        if needs_whitespace && !self.whitespace {
            self.put(' ');
        }
        indicator.chars().for_each(|char| self.put(char));
        self.whitespace = whitespace;
        self.indention &= indention;
    }

    fn put(&mut self, char: char) {
        self.out.push(char);
        self.column += 1;
    }

    fn put_break(&mut self, char: char) {
        self.out.push(char);
        self.column = 0;
        if char == '\n' {
            self.whitespace = true;
            self.indention = true;
        }
    }

    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub(super) fn plain(&mut self, text: &[char], split: bool, flow: bool) {
        if !self.whitespace && (!text.is_empty() || flow) {
            self.put(' ');
        }
        self.fold_at_spaces(text, split, false);
        self.whitespace = false;
        self.indention = false;
    }

    pub(super) fn single_quoted(&mut self, text: &[char], split: bool) {
        self.indicator("'", true, false, false);
        self.fold_at_spaces(text, split, true);
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// A single space is a place to break the line; more of them are not.
    fn fold_at_spaces(&mut self, text: &[char], split: bool, quoted: bool) {
        let (mut after_space, mut after_break) = (false, false);
        for (index, &char) in text.iter().enumerate() {
            if char == ' ' {
                let inside = !quoted || (index != 0 && index + 1 != text.len());
                let single = !after_space && text.get(index + 1) != Some(&' ');
                if split && inside && single && self.column > self.best_width {
                    self.write_indent();
                } else {
                    self.put(char);
                }
                after_space = true;
            } else if is_break(char) {
                if !after_break && char == '\n' {
                    self.put_break('\n');
                }
                self.put_break(char);
                self.indention = true;
                after_break = true;
            } else {
                if after_break {
                    self.write_indent();
                }
                self.put(char);
                if quoted && char == '\'' {
                    self.put(char);
                }
                self.indention = false;
                (after_space, after_break) = (false, false);
            }
        }
        if after_break && quoted {
            self.write_indent();
        }
    }

    pub(super) fn double_quoted(&mut self, text: &[char], split: bool) {
        self.indicator("\"", true, false, false);
        let mut after_space = false;
        for (index, &char) in text.iter().enumerate() {
            if !is_printable(char) || is_break(char) || matches!(char, '"' | '\\') {
                for escaped in escape(char).chars() {
                    self.put(escaped);
                }
                after_space = false;
            } else if char == ' ' {
                let inside = index != 0 && index + 1 != text.len();
                if split && !after_space && inside && self.column > self.best_width {
                    self.write_indent();
                    if text.get(index + 1) == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(char);
                }
                after_space = true;
            } else {
                self.put(char);
                after_space = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// A block scalar's first line: what begins it, and what says how it is indented and ends.
    fn block_header(&mut self, style: &str, text: &[char]) {
        self.indicator(style, true, false, false);
        self.open_ended = false;
        if text.first().is_some_and(|first| *first == ' ' || is_break(*first)) {
            let hint = self.best_indent.to_string();
            self.indicator(&hint, false, false, false);
        }
        let ends: Vec<bool> = text.iter().rev().take(2).map(|char| is_break(*char)).collect();
        match ends[..] {
            [false, ..] | [] => self.indicator("-", false, false, false),
            [true] | [true, true] => {
                self.indicator("+", false, false, false);
                self.open_ended = true;
            }
            _ => {}
        }
        self.put_break('\n');
    }

    pub(super) fn literal(&mut self, text: &[char]) {
        self.block_header("|", text);
        let mut at_start = true;
        for &char in text {
            if is_break(char) {
                self.put_break(char);
                at_start = true;
            } else {
                if at_start {
                    self.write_indent();
                }
                self.put(char);
                self.indention = false;
                at_start = false;
            }
        }
    }

    pub(super) fn folded(&mut self, text: &[char]) {
        self.block_header(">", text);
        let (mut at_start, mut after_spaces) = (true, true);
        for (index, &char) in text.iter().enumerate() {
            if is_break(char) {
                let after = text[index..].iter().find(|char| !is_break(**char));
                if !at_start && !after_spaces && char == '\n' && after.is_some_and(|char| !matches!(char, ' ' | '\t')) {
                    self.put_break('\n');
                }
                self.put_break(char);
                at_start = true;
                continue;
            }
            if at_start {
                self.write_indent();
                after_spaces = matches!(char, ' ' | '\t');
            }
            let single = char == ' ' && text.get(index + 1) != Some(&' ');
            if !at_start && single && self.column > self.best_width {
                self.write_indent();
            } else {
                self.put(char);
            }
            self.indention = false;
            at_start = false;
        }
    }
}

/// A character's escape inside double quotes.
fn escape(char: char) -> String {
    let short = match char {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match u32::from(char) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
