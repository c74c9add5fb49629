//! Python's regular expressions.

use super::Table;
use super::basic::flag;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};

pub(super) const TABLE: Table =
    &[("regex_replace", replace), ("regex_search", search), ("regex_findall", find_all), ("regex_escape", escape)];

pub(crate) type Regex = fancy_regex::Regex;

/// Compiles a pattern of Python's.
pub(crate) fn compile(pattern: &str, ignore_case: bool, multiline: bool) -> Result<Regex> {
    let mut flags = String::new();
    if ignore_case {
        flags.push('i');
    }
    if multiline {
        flags.push('m');
    }
    let translated = translate(pattern, multiline || pattern.contains("(?m"));
    let full = if flags.is_empty() { translated } else { format!("(?{flags}){translated}") };
    Regex::new(&full).map_err(|error| {
        let text = error.to_string();
        let text = if text.contains("repeat operator") { "nothing to repeat".to_owned() } else { text };
        Fault::error(format!("invalid regular expression '{pattern}': {text}"))
    })
}

/// What Python writes differently.
fn translate(pattern: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.char_indices().peekable();
    let mut class = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // The very end; `\Z` of other dialects allows a newline before it.
                Some((_, 'Z')) if !class => out.push_str("\\z"),
                // Escaped letters that mean nothing elsewhere, and a slash that needs none.
                Some((_, next @ ('/' | '"' | '\'' | '<' | '>' | '%' | '@' | ',' | ';' | ':' | '=' | '!' | '`'))) => {
                    out.push(next);
                }
                Some((_, next)) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '[' if !class => {
                class = true;
                out.push('[');
                if let Some((_, c)) = chars.next_if(|(_, c)| *c == '^') {
                    out.push(c);
                }
                // A bracket at the start of a class is itself.
                if chars.next_if(|(_, c)| *c == ']').is_some() {
                    out.push_str("\\]");
                }
            }
            // Python has neither nested classes nor operations on them.
            '[' => out.push_str("\\["),
            '&' | '~' if class => {
                out.push('\\');
                out.push(c);
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            // Python's `$` also matches before a newline at the end.
            '$' if !class && (multiline || !pattern[at + 1..].is_empty()) => out.push('$'),
            '$' if !class => out.push_str("(?=\\n?\\z)"),
            // A brace that begins no repetition is itself.
            '{' if !class && !is_repetition(&pattern[at..]) => out.push_str("\\{"),
            '}' if !class && !closes_repetition(&pattern[..at]) => out.push_str("\\}"),
            c => out.push(c),
        }
    }
    out
}

fn is_repetition(rest: &str) -> bool {
    let Some(end) = rest.find('}') else { return false };
    let body = &rest[1..end];
    body != "," && !body.is_empty() && body.chars().all(|c| c.is_ascii_digit() || c == ',')
}

fn closes_repetition(before: &str) -> bool {
    before.rfind('{').is_some_and(|start| {
        let body = &before[start + 1..];
        !body.is_empty() && body.chars().all(|c| c.is_ascii_digit() || c == ',')
    })
}

/// `\1`, `\g<name>` in a replacement become what the match has.
fn expand(replacement: &str, captures: &fancy_regex::Captures<'_>, out: &mut String) -> Result<()> {
    let group = |out: &mut String, at: usize| {
        if at >= captures.len() {
            return Err(Fault::error(format!("invalid group reference {at}")));
        }
        out.push_str(captures.get(at).map_or("", |found| found.as_str()));
        Ok(())
    };
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(next) = rest.chars().next() else {
            return Err(Fault::error("bad escape (end of pattern)"));
        };
        if let Some(name) = rest.strip_prefix("g<") {
            let end = name.find('>').ok_or_else(|| Fault::error("missing >, unterminated name"))?;
            match name[..end].parse::<usize>() {
                Ok(at) => group(out, at)?,
                Err(_) => match captures.name(&name[..end]) {
                    Some(found) => out.push_str(found.as_str()),
                    None if captures_has(captures, &name[..end]) => {}
                    None => return Err(Fault::error(format!("unknown group name '{}'", &name[..end]))),
                },
            }
            rest = &name[end + 1..];
        } else if next.is_ascii_digit() {
            let digits = rest.len().min(if rest[1..].starts_with(|c: char| c.is_ascii_digit()) { 2 } else { 1 });
            if next == '0' {
                out.push('\0');
            } else {
                group(out, rest[..digits].parse().unwrap_or_default())?;
            }
            rest = &rest[digits..];
        } else {
            let plain = match next {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'f' => '\u{c}',
                'v' => '\u{b}',
                'a' => '\u{7}',
                'b' => '\u{8}',
                '\\' => '\\',
                c if c.is_ascii_alphabetic() => return Err(Fault::error(format!("bad escape \\{c}"))),
                c => {
                    out.push('\\');
                    c
                }
            };
            out.push(plain);
            rest = &rest[next.len_utf8()..];
        }
    }
    out.push_str(rest);
    Ok(())
}

/// A group that exists but took no part in the match.
fn captures_has(captures: &fancy_regex::Captures<'_>, name: &str) -> bool {
    captures.name(name).is_some()
}

/// Matches as Python finds them: an empty one may follow right after one that is not.
struct Matches<'a> {
    regex: &'a Regex,
    text: &'a str,
    from: usize,
    /// Where the last match was, if it was empty.
    empty_at: Option<usize>,
    done: bool,
}

impl<'a> Matches<'a> {
    fn new(regex: &'a Regex, text: &'a str) -> Self {
        Self { regex, text, from: 0, empty_at: None, done: false }
    }
}

impl<'a> Iterator for Matches<'a> {
    type Item = std::result::Result<fancy_regex::Captures<'a>, fancy_regex::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let captures = match self.regex.captures_from_pos(self.text, self.from) {
                Ok(Some(captures)) => captures,
                Ok(None) => break,
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            };
            let whole = captures.get(0)?;
            if whole.start() == whole.end() && self.empty_at == Some(whole.start()) {
                match self.text[self.from..].chars().next() {
                    Some(c) => self.from += c.len_utf8(),
                    None => self.done = true,
                }
                continue;
            }
            self.empty_at = (whole.start() == whole.end()).then_some(whole.start());
            self.from = whole.end();
            return Some(Ok(captures));
        }
        None
    }
}

fn failed(error: fancy_regex::Error) -> Fault {
    Fault::error(format!("the regular expression failed: {error}"))
}

/// The text that filters work on; other values by their text form.
fn subject(context: &Context, value: &Py) -> Result<String> {
    context.text(value)
}

fn replace(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [pattern, replacement, ignore_case, multiline, count, mandatory] =
        args.bind(["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"])?;
    let text = subject(context, &value)?;
    let pattern = pattern.map(|pattern| context.text(&pattern)).transpose()?.unwrap_or_default();
    let replacement = replacement.map(|text| context.text(&text)).transpose()?.unwrap_or_default();
    let regex = compile(&pattern, flag(ignore_case.as_ref(), false)?, flag(multiline.as_ref(), false)?)?;
    let limit = count.and_then(|count| count.as_int()).filter(|count| *count > 0).unwrap_or(i64::MAX);
    let mut out = String::new();
    let (mut last, mut done) = (0, 0);
    let mut matches = Matches::new(&regex, &text);
    while done < limit
        && let Some(captures) = matches.next()
    {
        let captures = captures.map_err(failed)?;
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[last..whole.start()]);
        expand(&replacement, &captures, &mut out)?;
        last = whole.end();
        done += 1;
    }
    out.push_str(&text[last..]);
    if let Some(wanted) = mandatory.and_then(|wanted| wanted.as_int()).filter(|wanted| *wanted != 0)
        && wanted != done
    {
        return Err(Fault::error(format!("'{pattern}' should match {wanted} times, but matches {done} times")));
    }
    Ok(Py::str(out))
}

fn search(context: &Context, value: Py, mut args: Args) -> Result<Py> {
    let ignore_case = flag(args.take("ignorecase").as_ref(), false)?;
    let multiline = flag(args.take("multiline").as_ref(), false)?;
    if let Some(pattern) = args.take("regex") {
        args.positional.insert(0, pattern);
    }
    let text = subject(context, &value)?;
    let mut positional = args.positional.into_iter();
    let pattern = positional.next().ok_or_else(|| Fault::error("needs a pattern"))?;
    let regex = compile(&context.text(&pattern)?, ignore_case, multiline)?;
    let Some(captures) = regex.captures(&text).map_err(failed)? else { return Ok(Py::None) };
    let groups = positional.map(|group| context.text(&group)).collect::<Result<Vec<_>>>()?;
    if groups.is_empty() {
        return Ok(captures.get(0).map_or(Py::None, |whole| Py::str(whole.as_str())));
    }
    let mut found = Vec::with_capacity(groups.len());
    for group in groups {
        let name = group.strip_prefix("\\g<").and_then(|name| name.strip_suffix('>')).or(group.strip_prefix('\\'));
        let name = name.ok_or_else(|| Fault::error("Unknown argument"))?;
        let found_group = match name.parse::<usize>() {
            Ok(at) if at < captures.len() => captures.get(at),
            Ok(_) => return Err(Fault::error("no such group")),
            Err(_) if regex.capture_names().any(|known| known == Some(name)) => captures.name(name),
            Err(_) => return Err(Fault::error("no such group")),
        };
        found.push(found_group.map_or(Py::None, |found| Py::str(found.as_str())));
    }
    Ok(Py::list(found))
}

fn find_all(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [pattern, multiline, ignore_case] = args.bind(["regex", "multiline", "ignorecase"])?;
    let pattern = pattern.ok_or_else(|| Fault::error("needs a pattern"))?;
    let regex =
        compile(&context.text(&pattern)?, flag(ignore_case.as_ref(), false)?, flag(multiline.as_ref(), false)?)?;
    let text = subject(context, &value)?;
    let mut found = Vec::new();
    for captures in Matches::new(&regex, &text) {
        let captures = captures.map_err(failed)?;
        let group = |at: usize| Py::str(captures.get(at).map_or("", |found| found.as_str()));
        found.push(match captures.len() {
            1 => group(0),
            2 => group(1),
            len => Py::tuple((1..len).map(group).collect()),
        });
    }
    Ok(Py::list(found))
}

fn escape(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [kind] = args.bind(["re_type"])?;
    let special = match kind.as_ref().and_then(Py::as_str).unwrap_or("python") {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "].[^$*\\",
        "posix_extended" => return Err(Fault::error("Regex type (posix_extended) not yet implemented")),
        other => return Err(Fault::error(format!("Invalid regex type ({other})"))),
    };
    let text = subject(context, &value)?;
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Py::str(out))
}
