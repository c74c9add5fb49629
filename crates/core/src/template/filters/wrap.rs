//! `wordwrap`: lines of a certain width, as Python's `textwrap` makes them.

use super::Table;
use super::basic::{flag, text_of};
use super::strings::needed;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};
use std::collections::VecDeque;

pub(super) const TABLE: Table = &[("wordwrap", word_wrap)];

/// Blanks, dashes between words, and words, which end after a hyphen between letters.
const PARTS: &str = r#"[\t\n\x0b\x0c\r ]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\x0b\x0c\r ]+?(?:-(?:(?<=[^\d\W]{2}-)|(?<=[^\d\W]-[\w!"'&.,?]-))(?=[^\d\W]-?[^\d\W])|(?=[\t\n\x0b\x0c\r ]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w))"#;
const WORDS: &str = r"[\t\n\x0b\x0c\r ]+|[^\t\n\x0b\x0c\r ]+";

struct Style {
    width: usize,
    break_words: bool,
    on_hyphens: bool,
}

fn word_wrap(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [width, break_words, newline, on_hyphens] =
        args.bind(["width", "break_long_words", "wrapstring", "break_on_hyphens"])?;
    let style = Style {
        width: width
            .and_then(|width| width.as_int())
            .and_then(|width| usize::try_from(width).ok())
            .unwrap_or(79)
            .max(1),
        break_words: flag(break_words.as_ref(), true)?,
        on_hyphens: flag(on_hyphens.as_ref(), true)?,
    };
    let newline = text_of(context, newline.as_ref())?.unwrap_or_else(|| "\n".into());
    let text = needed(&value, "splitlines")?;
    let parts = fancy_regex::Regex::new(if style.on_hyphens { PARTS } else { WORDS });
    let parts = parts.map_err(|error| Fault::error(error.to_string()))?;
    let mut paragraphs = Vec::new();
    for line in text.lines() {
        let mut words = VecDeque::new();
        for part in parts.find_iter(line) {
            let part = part.map_err(|error| Fault::error(error.to_string()))?;
            words.push_back(part.as_str().chars().collect::<Vec<_>>());
        }
        paragraphs.push(wrap(words, &style).join(&*newline));
    }
    Ok(Py::str(paragraphs.join(&*newline)))
}

fn is_blank(part: &[char]) -> bool {
    part.iter().all(|c| c.is_whitespace())
}

fn wrap(mut parts: VecDeque<Vec<char>>, style: &Style) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    while !parts.is_empty() {
        if !lines.is_empty() && parts.front().is_some_and(|part| is_blank(part)) {
            parts.pop_front();
        }
        let (mut line, mut length) = (Vec::new(), 0);
        while parts.front().is_some_and(|part| length + part.len() <= style.width)
            && let Some(part) = parts.pop_front()
        {
            length += part.len();
            line.push(part);
        }
        if parts.front().is_some_and(|part| part.len() > style.width) {
            split_long(&mut parts, &mut line, style.width - length, style);
        }
        if line.last().is_some_and(|part| is_blank(part)) {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line.concat().into_iter().collect());
        }
    }
    lines
}

/// Puts what fits of a word that is too long for any line at the end of this one.
fn split_long(parts: &mut VecDeque<Vec<char>>, line: &mut Vec<Vec<char>>, room: usize, style: &Style) {
    let Some(mut part) = parts.pop_front() else { return };
    if !style.break_words {
        if line.is_empty() {
            line.push(part)
        } else {
            parts.push_front(part)
        }
        return;
    }
    let mut end = room;
    if style.on_hyphens
        && let Some(hyphen) = part[..room].iter().rposition(|c| *c == '-')
        && part[..hyphen].iter().any(|c| *c != '-')
    {
        end = hyphen + 1;
    }
    let rest = part.split_off(end);
    line.push(part);
    parts.push_front(rest);
}
