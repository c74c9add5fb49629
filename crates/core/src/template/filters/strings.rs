//! Text.

use super::Table;
use super::basic::{flag, text_of};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, call_method, percent};

pub(super) const TABLE: Table = &[
    ("upper", |context, value, _| Ok(Py::str(context.text(&value)?.to_uppercase()))),
    ("lower", |context, value, _| Ok(Py::str(context.text(&value)?.to_lowercase()))),
    ("capitalize", |context, value, args| method(context, value, "capitalize", args)),
    ("title", title),
    ("trim", trim),
    ("replace", replace),
    ("split", |context, value, args| method(context, value, "split", args)),
    ("startswith", |context, value, args| method(context, value, "startswith", args)),
    ("endswith", |context, value, args| method(context, value, "endswith", args)),
    ("join", join),
    ("format", format),
    ("indent", indent),
    ("center", center),
    ("truncate", truncate),
    ("wordcount", word_count),
    ("quote", quote),
    ("comment", comment),
    ("escape", escape),
    ("e", escape),
    ("forceescape", escape),
    ("striptags", strip_tags),
    ("xmlattr", xml_attributes),
];

fn method(context: &Context, value: Py, name: &str, args: Args) -> Result<Py> {
    let value = match value {
        Py::Str(_) => value,
        // `split` takes text only; the others take what has a text form.
        other if name == "split" => {
            return Err(Fault::error(format!("needs text, not '{}'", other.type_name())));
        }
        other => Py::str(context.text(&other)?),
    };
    call_method(context, &value, name, args)
}

fn title(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = context.text(&value)?;
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    // Words begin after blanks, hyphens and opening brackets only: "it's" stays one word.
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = c.is_whitespace() || "-({[<".contains(c);
    }
    Ok(Py::str(out))
}

fn trim(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [chars] = args.bind(["chars"])?;
    let text = context.text(&value)?;
    Ok(Py::str(match chars.as_ref().and_then(Py::as_str) {
        Some(chars) => text.trim_matches(|c| chars.contains(c)),
        None => text.trim(),
    }))
}

fn replace(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [old, new, count] = args.bind(["old", "new", "count"])?;
    let (Some(old), Some(new)) = (old, new) else {
        return Err(Fault::error("needs what to replace and what with"));
    };
    let (text, old, new) = (context.text(&value)?, context.text(&old)?, context.text(&new)?);
    Ok(Py::str(match count.and_then(|count| count.as_int()).and_then(|count| usize::try_from(count).ok()) {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    }))
}

fn join(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [separator, attribute] = args.bind(["d", "attribute"])?;
    let separator = separator.map(|separator| context.text(&separator)).transpose()?.unwrap_or_default();
    let mut out = String::new();
    for (index, item) in value.iterate()?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        let item = match &attribute {
            None | Some(Py::None) => item,
            Some(attribute) => context.path(&item, attribute),
        };
        out.push_str(&context.text(&item)?);
    }
    Ok(Py::str(out))
}

fn format(context: &Context, value: Py, args: Args) -> Result<Py> {
    if !args.positional.is_empty() && !args.named.is_empty() {
        return Err(Fault::error("can't handle positional and keyword arguments at the same time"));
    }
    let arguments = if args.named.is_empty() {
        Py::tuple(args.positional)
    } else {
        Py::dict(args.named.into_iter().map(|(name, value)| (crate::value::Key::Str(name), value)).collect())
    };
    percent(context, &context.text(&value)?, &arguments)
}

fn indent(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [width, first, blank] = args.bind(["width", "first", "blank"])?;
    let indentation = match width {
        None => "    ".to_owned(),
        Some(Py::Str(text)) => text.to_string(),
        Some(width) => " ".repeat(width.as_int().and_then(|width| usize::try_from(width).ok()).unwrap_or(0)),
    };
    let (first, blank) = (flag(first.as_ref(), false)?, flag(blank.as_ref(), false)?);
    let text = needed(&value, "splitlines")?;
    if text.is_empty() && first {
        return Ok(Py::str(indentation));
    }
    // A newline at the end makes a last, empty line; its newline is not written twice.
    let mut out = String::with_capacity(text.len() * 2);
    for (index, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            out.push_str(&indentation);
        }
        out.push_str(line);
    }
    Ok(Py::str(out))
}

fn center(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [width] = args.bind(["width"])?;
    let text = Py::str(context.text(&value)?);
    call_method(context, &text, "center", Args::new(vec![width.unwrap_or(Py::Int(80))]))
}

fn truncate(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [length, kill_words, end, leeway] = args.bind(["length", "killwords", "end", "leeway"])?;
    let size = |value: Option<Py>, missing| {
        value.and_then(|value| value.as_int()).and_then(|value| usize::try_from(value).ok()).unwrap_or(missing)
    };
    let (length, leeway) = (size(length, 255), size(leeway, 5));
    let end = text_of(context, end.as_ref())?.unwrap_or_else(|| "...".into());
    if value.as_str().is_none() {
        let fits = value.len()? <= length + leeway;
        let kind = value.type_name();
        return if fits { Ok(value) } else { Err(Fault::error(format!("'{kind}' is too long, and no text to cut"))) };
    }
    let text = context.text(&value)?;
    if text.chars().count() <= length + leeway {
        return Ok(Py::str(text));
    }
    let Some(room) = length.checked_sub(end.chars().count()) else {
        return Err(Fault::error(format!("expected length >= {}, got {length}", end.chars().count())));
    };
    let cut: String = text.chars().take(room).collect();
    let cut = if flag(kill_words.as_ref(), false)? { &cut } else { cut.rsplit_once(' ').map_or(&*cut, |(cut, _)| cut) };
    Ok(Py::str(format!("{cut}{end}")))
}

/// The text, where a value that is none fails as Python's method would.
pub(super) fn needed(value: &Py, method: &str) -> Result<String> {
    let missing = || Fault::error(format!("'{}' object has no attribute '{method}'", value.type_name()));
    value.as_str().map(str::to_owned).ok_or_else(missing)
}

fn word_count(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = context.text(&value)?;
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    Ok(Py::Int(words.count() as i64))
}

fn quote(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = if matches!(value, Py::None) { String::new() } else { context.text(&value)? };
    let safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return Ok(Py::str(text));
    }
    Ok(Py::str(format!("'{}'", text.replace('\'', "'\"'\"'"))))
}

fn comment(context: &Context, value: Py, mut args: Args) -> Result<Py> {
    let style = match args.positional.is_empty() {
        true => args.take("style").unwrap_or_else(|| Py::str("plain")),
        false => args.positional.remove(0),
    };
    let (beginning, decoration, end) = match style.as_str().unwrap_or_default() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(Fault::error(format!("Invalid style '{other}'"))),
    };
    let mut option = |name: &str, missing: &str| -> Result<String> {
        Ok(text_of(context, args.take(name).as_ref())?.map_or_else(|| missing.to_owned(), |text| text.to_string()))
    };
    let decoration = option("decoration", decoration)?;
    let newline = option("newline", "\n")?;
    let beginning = option("beginning", beginning)?;
    let end = option("end", end)?;
    let prefix = option("prefix", decoration.trim_end())?;
    let postfix = option("postfix", decoration.trim_end())?;
    let mut count = |name: &str| args.take(name).and_then(|count| count.as_int()).unwrap_or(1).max(0) as usize;
    let (prefix_count, postfix_count) = (count("prefix_count"), count("postfix_count"));
    args.bind([])?;
    let text = needed(&value, "replace")?;
    let mut out = String::new();
    if !beginning.is_empty() {
        out += &(beginning + &newline);
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { prefix + &newline };
        out += &line.repeat(prefix_count);
    }
    let decorated = format!("{decoration}{}", text.replace(&newline, &format!("{newline}{decoration}")));
    out += &decorated.replace(&format!("{decoration}{newline}"), &format!("{}{newline}", decoration.trim_end()));
    for _ in 0..postfix_count {
        out += &format!("{newline}{postfix}");
    }
    if !end.is_empty() {
        out += &(newline + &end);
    }
    Ok(Py::str(out))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&#34;")
}

fn escape(context: &Context, value: Py, _: Args) -> Result<Py> {
    Ok(Py::str(escaped(&context.text(&value)?)))
}

fn strip_tags(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = context.text(&value)?;
    let mut out = String::new();
    let mut rest = text.as_str();
    // What is not closed is no tag.
    while let Some(start) = rest.find('<') {
        let (lead, close) = if rest[start..].starts_with("<!--") { (4, "-->") } else { (1, ">") };
        let Some(end) = rest[start + lead..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + lead + end + close.len()..];
    }
    out.push_str(rest);
    let words: Vec<_> = out.split_whitespace().collect();
    Ok(Py::str(unescaped(&words.join(" "))))
}

/// The letters that entities stand for: numbers, and those names that `escape` and most pages use.
fn unescaped(text: &str) -> String {
    let letter = |entity: &str| match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        other => {
            let number = other.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.split_once(';').and_then(|(entity, after)| Some((letter(entity)?, after))) {
            Some((letter, after)) => {
                out.push(letter);
                rest = after;
            }
            None => out.push('&'),
        }
    }
    out + rest
}

fn xml_attributes(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [space] = args.bind(["autospace"])?;
    let entries = super::collections::entries(context, &value, "xmlattr needs a mapping")?;
    let mut parts = Vec::new();
    for (key, value) in entries {
        if !matches!(value, Py::None | Py::Marker(_)) {
            if key.as_str().is_none() {
                let kind = Py::from(&key).type_name();
                return Err(Fault::error(format!("expected string or bytes-like object, got '{kind}'")));
            }
            if key.as_str().is_some_and(|key| key.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '>' | '=')))
            {
                return Err(Fault::error(format!("Invalid character in attribute name: '{key}'")));
            }
            parts.push(format!("{}=\"{}\"", escaped(&key.to_string()), escaped(&context.text(&value)?)));
        }
    }
    let text = parts.join(" ");
    let lead = flag(space.as_ref(), true)? && !text.is_empty();
    Ok(Py::str(if lead { format!(" {text}") } else { text }))
}
