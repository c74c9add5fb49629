//! `csvfile` and `ini`: one value of a table in a file. Options may stand in the term too, as `key file=… section=…`.

use super::files::needle;
use super::{Call, Function};
use crate::modules::support::encoding::Encoding;
use crate::playbook::parse_key_values;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::compile_regex;
use crate::template::python::{Args, Py, parse_int};
use crate::value::parse_bool;

pub(super) const TABLE: &[(&str, Function)] = &[("csvfile", csv_file), ("ini", ini)];

/// A lookup's options, by name; those that a term gives stay for the terms after it.
struct Options<'a> {
    context: &'a Context,
    given: Args,
}

impl<'a> Options<'a> {
    fn new(context: &'a Context, call: &mut Call, known: &[&str]) -> Result<Self> {
        let given = std::mem::take(&mut call.options);
        match given.named.iter().find(|(name, _)| !known.contains(&&**name)) {
            Some((name, _)) => Err(not_valid(name)),
            None => Ok(Self { context, given }),
        }
    }

    fn value(&self, name: &str) -> Option<&Py> {
        self.given.named.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.given.named.retain(|(known, _)| &**known != name);
        self.given.named.push((name.into(), Py::str(value)));
    }

    fn text(&self, name: &str, missing: &str) -> Result<String> {
        self.value(name).map_or_else(|| Ok(missing.to_owned()), |value| self.context.text(value))
    }

    fn number(&self, name: &str, missing: usize) -> Result<usize> {
        let Some(value) = self.value(name) else { return Ok(missing) };
        let text = self.context.text(value)?;
        parse_int(&text, 10).and_then(|number| usize::try_from(number).ok()).ok_or_else(|| invalid(name, &text))
    }

    fn flag(&self, name: &str) -> Result<bool> {
        match self.value(name) {
            None => Ok(false),
            Some(Py::Str(text)) => parse_bool(text).ok_or_else(|| invalid(name, text)),
            Some(value) => value.truth(),
        }
    }

    /// The text of a file in the encoding that the options name.
    fn read(&self, file: &str) -> Result<String> {
        let encoding = self.text("encoding", "utf-8")?;
        let Ok(path) = needle(self.context, "files", file) else {
            return Err(Fault::error(format!("No such file or directory: '{file}'")));
        };
        match Encoding::named(&encoding) {
            Some(Encoding::Utf8) => self.context.templar().read_plain(&path),
            Some(known) => {
                let bytes = crate::system::local_files::read(&path).map_err(|error| Fault::error(error.to_string()))?;
                let wrong = || Fault::error(format!("{} is not in {encoding}", path.display()));
                known.decode(bytes).ok_or_else(wrong)
            }
            None => Err(Fault::error(format!("unknown encoding: {encoding}"))),
        }
    }
}

fn not_valid(name: &str) -> Fault {
    Fault::error(format!("'{name}' is not a valid option"))
}

/// An option of the wrong type.
pub(super) fn invalid(name: &str, text: &str) -> Fault {
    Fault::error(format!("the option '{name}' has an invalid value: '{text}'"))
}

fn csv_file(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    const KNOWN: [&str; 6] = ["col", "keycol", "default", "delimiter", "file", "encoding"];
    let mut options = Options::new(context, &mut call, &KNOWN)?;
    let required = || Fault::error("Search key is required but was not found");
    if call.terms.is_empty() {
        return Err(required());
    }
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        let unclosed =
            || Fault::error(format!("failed at splitting arguments, either an unbalanced block or quote in '{term}'"));
        let words = parse_key_values(&term, false).ok_or_else(unclosed)?;
        let key = words.raw.ok_or_else(required)?;
        for (name, value) in &words.options {
            if !KNOWN.contains(&name.as_str()) {
                return Err(not_valid(name));
            }
            options.set(name, value);
        }
        let (column, key_column) = (options.number("col", 1)?, options.number("keycol", 0)?);
        let delimiter = match options.text("delimiter", "TAB")?.as_str() {
            "TAB" => '\t',
            text => text.chars().next().ok_or_else(|| invalid("delimiter", text))?,
        };
        let file = options.text("file", "ansible.csv")?;
        let rows = csv_rows(&options.read(&file)?, delimiter);
        match rows.iter().find(|row| row.get(key_column).is_some_and(|cell| *cell == key)) {
            Some(row) => {
                let value = row.get(column).ok_or_else(|| Fault::error(format!("'{file}' has no column {column}")))?;
                found.push(Py::str(value.as_str()));
            }
            None => match options.value("default") {
                None | Some(Py::None) => {}
                Some(list) if list.is_sequence() => found.extend(list.iterate()?),
                Some(value) => found.push(value.clone()),
            },
        }
    }
    Ok(found)
}

/// Rows of fields; a field in double quotes may hold anything, with quotes doubled (RFC 4180).
fn csv_rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut field, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            c if quoted => field.push(c),
            c if c == delimiter => row.push(std::mem::take(&mut field)),
            '\r' => {}
            '\n' => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}

const INI_OPTIONS: [&str; 10] = [
    "type",
    "file",
    "section",
    "re",
    "encoding",
    "default",
    "case_sensitive",
    "allow_no_value",
    "allow_none",
    "interpolation",
];

fn ini(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let mut options = Options::new(context, &mut call, &INI_OPTIONS)?;
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        let key = ini_key(&term, &mut options)?;
        let file = options.text("file", "ansible.ini")?;
        let properties = match options.text("type", "ini")?.as_str() {
            "properties" => true,
            "ini" => false,
            other => return Err(invalid("type", other)),
        };
        let section = if properties { "java_properties".to_owned() } else { options.text("section", "global")? };
        let text = options.read(&file)?;
        let text = if properties { format!("[java_properties]\n{text}") } else { text };
        let case_sensitive = options.flag("case_sensitive")?;
        let bare = options.flag("allow_no_value")? || options.flag("allow_none")?;
        let table = Ini::parse(&text, &file, case_sensitive, bare)?;
        let interpolate = options.value("interpolation").is_none() || options.flag("interpolation")?;
        let Some(entries) = table.section(&section) else {
            return Err(Fault::error(format!("No section '{section}' in '{file}'.")));
        };
        let shown = |value: &Option<String>| match value {
            Some(value) if interpolate => fill(value, &entries, 0).map(Py::str),
            Some(value) => Ok(Py::str(value.as_str())),
            None => Ok(Py::None),
        };
        if options.flag("re")? {
            let regex = compile_regex(&format!("\\A(?:{key})"), false, false)?;
            for (_, value) in entries.iter().filter(|(name, _)| regex.is_match(name).unwrap_or_default()) {
                found.push(shown(value)?);
            }
            continue;
        }
        let key = if case_sensitive { key } else { key.to_lowercase() };
        let value = match entries.iter().find(|(name, _)| *name == key) {
            Some((_, value)) => shown(value)?,
            None => options.value("default").cloned().unwrap_or_else(|| Py::str("")),
        };
        match value {
            Py::None => {}
            list if list.is_sequence() => found.extend(list.iterate()?),
            value => found.push(value),
        }
    }
    Ok(found)
}

/// The key of a term; options in it are taken into `options`. A value goes on until the next option's name.
fn ini_key(term: &str, options: &mut Options<'_>) -> Result<String> {
    if !term.contains('=') && !term.trim().contains(' ') {
        return Ok(term.to_owned());
    }
    let mut parts: Vec<(&str, String)> = Vec::new();
    let mut current = "key";
    for word in term.split_whitespace() {
        if word.contains('=') {
            let mut named = INI_OPTIONS.iter().filter(|name| word.contains(&format!("{name}=")));
            current = named.next_back().copied().unwrap_or(current);
        }
        match parts.iter_mut().find(|(name, _)| *name == current) {
            Some((_, value)) => value.extend([" ", word]),
            None => parts.push((current, word.to_owned())),
        }
    }
    let mut key = None;
    for (_, part) in &parts {
        match part.split_once('=') {
            None => drop(key.get_or_insert_with(|| part.clone())),
            Some((_, value)) if value.contains('=') => {
                let shown: Vec<_> = parts.iter().map(|(_, part)| format!("'{part}'")).collect();
                return Err(Fault::error(format!("Could not use '{part}' from [{}].", shown.join(", "))));
            }
            Some((name, _)) if !INI_OPTIONS.contains(&name) => return Err(not_valid(name)),
            Some((name, value)) => options.set(name, value),
        }
    }
    key.ok_or_else(|| {
        Fault::error(format!("No key to look up was provided as first term within string inline options: {term}"))
    })
}

/// Keys and values, `None` where a key stands alone.
type Entries = Vec<(String, Option<String>)>;

/// A file as Python's `configparser` reads it.
struct Ini(Vec<(String, Entries)>);

impl Ini {
    fn parse(text: &str, file: &str, case_sensitive: bool, bare: bool) -> Result<Self> {
        let mut sections: Vec<(String, Entries)> = Vec::new();
        let mut indent = 0;
        let mut goes_on = false;
        for line in text.lines() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let depth = line.len() - line.trim_start().len();
            if let Some((_, entries)) = sections.last_mut()
                && let Some((_, Some(value))) = entries.last_mut().filter(|_| goes_on && depth > indent)
            {
                value.extend(["\n", trimmed]);
                continue;
            }
            indent = depth;
            if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| Some(rest.rsplit_once(']')?.0)) {
                if sections.iter().any(|(known, _)| known == name) && name != "DEFAULT" {
                    return Err(Fault::error(format!("section '{name}' already exists in '{file}'")));
                }
                sections.push((name.to_owned(), Entries::new()));
                goes_on = false;
                continue;
            }
            let Some((_, entries)) = sections.last_mut() else {
                return Err(Fault::error(format!("File contains no section headers: '{file}'")));
            };
            let (key, value) = match trimmed.split_once(['=', ':']) {
                Some((key, value)) => (key.trim_end(), Some(value.trim().to_owned())),
                None if bare => (trimmed, None),
                None => return Err(Fault::error(format!("Source contains parsing errors: '{file}': {trimmed}"))),
            };
            let key = if case_sensitive { key.to_owned() } else { key.to_lowercase() };
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(Fault::error(format!("Duplicate option in '{file}'.")));
            }
            goes_on = value.is_some();
            entries.push((key, value));
        }
        Ok(Self(sections))
    }

    /// The section's entries, then those of `DEFAULT` that it does not have.
    fn section(&self, name: &str) -> Option<Entries> {
        let mut entries = self.0.iter().find(|(known, _)| known == name).map(|(_, entries)| entries.clone())?;
        for (key, value) in self.0.iter().filter(|(known, _)| known == "DEFAULT").flat_map(|(_, entries)| entries) {
            if !entries.iter().any(|(known, _)| known == key) {
                entries.push((key.clone(), value.clone()));
            }
        }
        Some(entries)
    }
}

/// The value with `%(key)s` filled in; `%%` is a percent sign.
fn fill(value: &str, entries: &Entries, depth: usize) -> Result<String> {
    let mut filled = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            filled.push('%');
            rest = after;
            continue;
        }
        let named = rest.strip_prefix('(').and_then(|rest| rest.split_once(")s"));
        let Some((name, after)) = named else {
            return Err(Fault::error(format!("'%' must be followed by '%' or '(', found: '%{rest}'")));
        };
        let inner = entries.iter().find(|(key, _)| *key == name.to_lowercase()).and_then(|(_, value)| value.as_deref());
        match inner {
            Some(inner) if depth < 10 => filled.push_str(&fill(inner, entries, depth + 1)?),
            Some(_) => return Err(Fault::error(format!("too many levels of interpolation in '{value}'"))),
            None => return Err(Fault::error(format!("Bad value substitution: '{name}' in '{value}' is not there"))),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
