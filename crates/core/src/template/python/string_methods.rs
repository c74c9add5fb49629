//! Methods of strings.

use super::format::format_method;
use super::value::{Args, Py};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};

pub(super) const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "decode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];

pub(super) fn call(context: &Context, text: &str, name: &str, args: Args) -> Result<Py> {
    match name {
        "format" => return format_method(context, text, args),
        "format_map" => {
            let [map] = args.bind(["mapping"])?;
            let entries = map.unwrap_or(Py::None).entries(context)?.unwrap_or_default();
            let named = entries.into_iter().map(|(key, value)| (key.to_string().into(), value)).collect();
            return format_method(context, text, Args { positional: Vec::new(), named });
        }
        "split" | "rsplit" => return split(text, name == "rsplit", args),
        "join" => {
            let [items] = args.bind(["iterable"])?;
            return join(text, &items.unwrap_or(Py::None));
        }
        "startswith" | "endswith" => return affix(text, name, args),
        "find" | "rfind" | "index" | "rindex" | "count" => return search(text, name, args),
        "replace" => return replace(text, args),
        _ => {}
    }
    if let Some(result) = predicate(text, name) {
        return Ok(Py::Bool(result));
    }
    let params = match name {
        "ljust" | "rjust" | "center" | "zfill" => ["width", "fillchar"],
        "expandtabs" => ["tabsize", ""],
        "splitlines" => ["keepends", ""],
        _ => ["chars", ""],
    };
    let [first, second] = args.bind(params)?;
    Ok(match name {
        "upper" => Py::str(text.to_uppercase()),
        "lower" => Py::str(text.to_lowercase()),
        "casefold" => Py::str(text.to_lowercase().replace('ß', "ss")),
        "title" => Py::str(title(text)),
        "capitalize" => Py::str(capitalize(text)),
        "swapcase" => Py::str(
            text.chars()
                .flat_map(|c| {
                    let swapped: Vec<char> =
                        if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() };
                    swapped
                })
                .collect::<String>(),
        ),
        "strip" | "lstrip" | "rstrip" => Py::str(strip(text, name, first.as_ref().and_then(Py::as_str))),
        "splitlines" => {
            let keep = first.is_some_and(|keep| keep.truth().unwrap_or_default());
            Py::strings(lines(text, keep))
        }
        "ljust" | "rjust" | "center" | "zfill" => pad(text, name, first.as_ref(), second.as_ref())?,
        "partition" | "rpartition" => {
            let separator = needed(first.as_ref(), name)?;
            let found = if name == "partition" { text.find(separator) } else { text.rfind(separator) };
            let parts = match (found, name) {
                (Some(at), _) => [&text[..at], separator, &text[at + separator.len()..]],
                (None, "partition") => [text, "", ""],
                (None, _) => ["", "", text],
            };
            Py::tuple(parts.into_iter().map(Py::str).collect())
        }
        "removeprefix" => Py::str(text.strip_prefix(needed(first.as_ref(), name)?).unwrap_or(text)),
        "removesuffix" => Py::str(text.strip_suffix(needed(first.as_ref(), name)?).unwrap_or(text)),
        "expandtabs" => Py::str(expand_tabs(text, first.and_then(|size| size.as_int()).unwrap_or(8))),
        // Bytes are not told from text here.
        "encode" | "decode" => Py::str(text),
        _ => return Err(Fault::error(format!("'str' object has no method '{name}'"))),
    })
}

fn needed<'a>(value: Option<&'a Py>, name: &str) -> Result<&'a str> {
    value.and_then(Py::as_str).ok_or_else(|| Fault::error(format!("{name}() needs text")))
}

/// Whether `test` holds for all characters, and there are some.
fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

fn predicate(text: &str, name: &str) -> Option<bool> {
    Some(match name {
        "isalnum" => all(text, char::is_alphanumeric),
        "isalpha" => all(text, char::is_alphabetic),
        "isascii" => text.is_ascii(),
        "isdecimal" | "isdigit" => all(text, |c| c.is_ascii_digit()),
        "isnumeric" => all(text, char::is_numeric),
        "isspace" => all(text, char::is_whitespace),
        "isupper" => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        "islower" => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
        "istitle" => text.chars().any(char::is_alphabetic) && title(text) == text,
        "isidentifier" => !text.starts_with(|c: char| c.is_numeric()) && all(text, |c| c == '_' || c.is_alphanumeric()),
        _ => return None,
    })
}

/// First letter of each word large, the rest small.
pub(crate) fn title(text: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            large(&mut out, c);
        }
        inside = c.is_alphabetic();
    }
    out
}

pub(crate) fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    if let Some(first) = chars.next() {
        large(&mut out, first);
    }
    out + &chars.as_str().to_lowercase()
}

/// A letter at the beginning of a word: `ß` is `Ss` there, not `SS`.
fn large(out: &mut String, letter: char) {
    let mut letters = letter.to_uppercase();
    out.extend(letters.next());
    out.extend(letters.flat_map(char::to_lowercase));
}

fn strip<'a>(text: &'a str, name: &str, chars: Option<&str>) -> &'a str {
    let matches = |c: char| chars.map_or_else(|| c.is_whitespace(), |chars| chars.contains(c));
    match name {
        "lstrip" => text.trim_start_matches(matches),
        "rstrip" => text.trim_end_matches(matches),
        _ => text.trim_matches(matches),
    }
}

fn lines(text: &str, keep: bool) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}']);
        let Some(end) = end else {
            out.push(rest);
            break;
        };
        let width =
            if rest[end..].starts_with("\r\n") { 2 } else { rest[end..].chars().next().map_or(1, char::len_utf8) };
        out.push(&rest[..if keep { end + width } else { end }]);
        rest = &rest[end + width..];
    }
    out
}

fn split(text: &str, right: bool, args: Args) -> Result<Py> {
    let [separator, limit] = args.bind(["sep", "maxsplit"])?;
    let limit = limit.and_then(|limit| limit.as_int()).and_then(|limit| usize::try_from(limit).ok());
    let parts: Vec<&str> = match &separator {
        None | Some(Py::None) => split_whitespace(text, limit, right),
        Some(Py::Str(separator)) if separator.is_empty() => return Err(Fault::error("empty separator")),
        Some(Py::Str(separator)) => match (limit, right) {
            (None, _) => text.split(&**separator).collect(),
            (Some(limit), false) => text.splitn(limit + 1, &**separator).collect(),
            (Some(limit), true) => {
                let mut parts: Vec<_> = text.rsplitn(limit + 1, &**separator).collect();
                parts.reverse();
                parts
            }
        },
        Some(other) => return Err(Fault::error(format!("must be str or None, not {}", other.type_name()))),
    };
    Ok(Py::strings(parts))
}

/// `split()` without a separator.
pub(crate) fn split_whitespace(text: &str, limit: Option<usize>, right: bool) -> Vec<&str> {
    let Some(limit) = limit else { return text.split_whitespace().collect() };
    let mut parts = Vec::new();
    let mut rest = if right { text.trim_end() } else { text.trim_start() };
    while !rest.is_empty() && parts.len() < limit {
        let at = if right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        let Some(at) = at else { break };
        if right {
            let width = rest[at..].chars().next().map_or(1, char::len_utf8);
            parts.push(&rest[at + width..]);
            rest = rest[..at].trim_end();
        } else {
            parts.push(&rest[..at]);
            rest = rest[at..].trim_start();
        }
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    if right {
        parts.reverse();
    }
    parts
}

fn join(separator: &str, items: &Py) -> Result<Py> {
    let mut out = String::new();
    for (index, item) in items.iterate()?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        match item.used()? {
            Py::Str(text) => out.push_str(&text),
            other => {
                let kind = other.type_name();
                return Err(Fault::error(format!("sequence item {index}: expected str instance, {kind} found")));
            }
        }
    }
    Ok(Py::str(out))
}

fn affix(text: &str, name: &str, args: Args) -> Result<Py> {
    let [affixes, start, end] = args.bind(["prefix", "start", "end"])?;
    let (text, _) = part(text, start.as_ref(), end.as_ref());
    let test = |affix: &str| if name == "startswith" { text.starts_with(affix) } else { text.ends_with(affix) };
    Ok(Py::Bool(match affixes {
        Some(Py::Str(affix)) => test(&affix),
        Some(Py::Tuple(items)) => items.iter().filter_map(Py::as_str).any(test),
        other => {
            let kind = other.as_ref().map_or("nothing", Py::type_name);
            return Err(Fault::error(format!("{name} first arg must be str or a tuple of str, not {kind}")));
        }
    }))
}

/// `text[start:end]` in characters, and how many characters come before it.
fn part<'a>(text: &'a str, start: Option<&Py>, end: Option<&Py>) -> (&'a str, usize) {
    let len = text.chars().count();
    let index = |bound: Option<&Py>, missing: usize| match bound.and_then(Py::as_int) {
        Some(bound) if bound < 0 => usize::try_from(bound + len as i64).unwrap_or(0),
        Some(bound) => (bound as usize).min(len),
        None => missing,
    };
    let (start, end) = (index(start, 0), index(end, len));
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    if start >= end { ("", start) } else { (&text[byte(start)..byte(end)], start) }
}

fn search(text: &str, name: &str, args: Args) -> Result<Py> {
    let [wanted, start, end] = args.bind(["sub", "start", "end"])?;
    let wanted = needed(wanted.as_ref(), name)?;
    let (text, before) = part(text, start.as_ref(), end.as_ref());
    if name == "count" {
        let count = if wanted.is_empty() { text.chars().count() + 1 } else { text.matches(wanted).count() };
        return Ok(Py::Int(count as i64));
    }
    let found = if name.starts_with('r') { text.rfind(wanted) } else { text.find(wanted) };
    match found {
        Some(at) => Ok(Py::Int((before + text[..at].chars().count()) as i64)),
        None if name.ends_with("index") => Err(Fault::error("substring not found")),
        None => Ok(Py::Int(-1)),
    }
}

fn replace(text: &str, args: Args) -> Result<Py> {
    let [old, new, count] = args.bind(["old", "new", "count"])?;
    let (old, new) = (needed(old.as_ref(), "replace")?, needed(new.as_ref(), "replace")?);
    let count = count.and_then(|count| count.as_int()).and_then(|count| usize::try_from(count).ok());
    Ok(Py::str(match count {
        Some(count) => text.replacen(old, new, count),
        None => text.replace(old, new),
    }))
}

fn pad(text: &str, name: &str, width: Option<&Py>, fill: Option<&Py>) -> Result<Py> {
    let width = width.and_then(Py::as_int).ok_or_else(|| Fault::error(format!("{name}() needs a width")))?;
    let fill = match fill.map(|fill| (fill.as_str().and_then(|fill| fill.chars().next()), fill)) {
        None => ' ',
        Some((Some(fill), _)) => fill,
        Some(_) => return Err(Fault::error("the fill character must be exactly one character long")),
    };
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(text.chars().count());
    let fill = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    Ok(Py::str(match name {
        "ljust" => format!("{text}{}", fill(missing)),
        "rjust" => format!("{}{text}", fill(missing)),
        "center" => {
            // Python puts the odd one on the left of odd widths.
            let left = missing / 2 + (missing & usize::try_from(width).unwrap_or(0) & 1);
            format!("{}{text}{}", fill(left), fill(missing - left))
        }
        _ => {
            let (sign, digits) = match text.strip_prefix(['+', '-']) {
                Some(digits) => (&text[..1], digits),
                None => ("", text),
            };
            format!("{sign}{}{digits}", "0".repeat(missing))
        }
    }))
}

fn expand_tabs(text: &str, size: i64) -> String {
    let size = usize::try_from(size).unwrap_or(0);
    let mut out = String::new();
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let width = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', width));
                column += width;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}
