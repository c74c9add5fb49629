//! Facts that administrators leave on the host: `NAME.fact` files, JSON or INI, or programs that print either.

use super::{Facts, look::Look};
use crate::system::Command;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The fact `local`. What is wrong with a file becomes its value and a warning.
pub(super) fn local(look: Look<'_>, folder: &Path, timeout: Duration, warnings: &mut Vec<String>) -> Facts {
    let mut facts = Facts::new();
    for name in look.names(folder).iter().filter(|name| name.ends_with(".fact") && !name.starts_with('.')) {
        let path = folder.join(name);
        let fact = content(look, &path, timeout).and_then(|text| parse(&path, &text)).unwrap_or_else(|problem| {
            warnings.push(problem.clone());
            Value::String(problem)
        });
        facts.insert(name.replace(".fact", ""), fact);
    }
    facts
}

fn content(look: Look<'_>, path: &PathBuf, timeout: Duration) -> Result<String, String> {
    let shown = path.display();
    let found = look.0.metadata(path).map_err(|error| format!("Could not stat fact ({shown}): {error}"))?;
    let Some(found) = found else { return Err(format!("Could not stat fact ({shown}): it is a dangling link")) };
    if found.mode & 0o100 == 0 {
        return Ok(look.raw(path));
    }
    let mut command = Command::new([shown.to_string()]);
    command.timeout = Some(timeout);
    let output = look.0.query(&command).map_err(|error| format!("Could not execute fact script ({shown}): {error}"))?;
    if !output.success() {
        let (rc, err) = (output.rc, output.stderr_text());
        return Err(format!("Failure executing fact script ({shown}), rc: {rc}, err: {err}"));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("error loading fact - output of running \"{shown}\" was not utf-8"))
}

fn parse(path: &Path, text: &str) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let wrong = |what: &str| format!("error loading facts as {what} - please check content: {}", path.display());
    let mut sections = ini(text).ok_or_else(|| wrong("JSON or ini"))?;
    for section in sections.values_mut().filter_map(Value::as_object_mut) {
        let known = section.clone();
        for value in section.values_mut() {
            let filled = value.as_str().and_then(|text| filled(text, &known)).ok_or_else(|| wrong("ini"))?;
            *value = Value::String(filled);
        }
    }
    Ok(Value::Object(sections))
}

/// A value with `%(name)s` filled in and `%%` as a percent sign; `None` for any other one.
fn filled(text: &str, section: &Facts) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        rest = match after.strip_prefix('%') {
            Some(after) => {
                out.push('%');
                after
            }
            None => {
                let (name, after) = after.strip_prefix('(')?.split_once(")s")?;
                out.push_str(section.get(&name.to_lowercase())?.as_str()?);
                after
            }
        };
    }
    out.push_str(rest);
    Some(out)
}

/// Sections of `name = value` or `name: value` lines, as Python's `configparser` reads them; `None` where it refuses.
fn ini(text: &str) -> Option<Facts> {
    let mut sections = Facts::new();
    let mut section: Option<String> = None;
    let mut option: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let fields = section.as_ref().and_then(|name| sections.get_mut(name)).and_then(Value::as_object_mut);
        if line.starts_with([' ', '\t'])
            && let (Some(fields), Some(option)) = (fields, &option)
        {
            // A continuation of the value above.
            if let Some(Value::String(value)) = fields.get_mut(option) {
                value.push('\n');
                value.push_str(trimmed);
            }
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if sections.contains_key(name) {
                return None;
            }
            sections.insert(name.to_owned(), json!({}));
            (section, option) = (Some(name.to_owned()), None);
            continue;
        }
        let (name, value) = trimmed.split_once(['=', ':'])?;
        let name = name.trim().to_lowercase();
        let fields = sections.get_mut(section.as_deref()?)?.as_object_mut()?;
        if name.is_empty() || fields.insert(name.clone(), json!(value.trim())).is_some() {
            return None;
        }
        option = Some(name);
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ini_as_configparser_does() {
        let facts = ini("# c\n[general]\nName = a b\nmore: c\n d\n[empty]\n").unwrap();
        assert_eq!(json!(facts), json!({"general": {"name": "a b", "more": "c\nd"}, "empty": {}}));
        assert_eq!(parse(Path::new("a"), "[s]\na = 1%%\nb = %(a)s\n"), Ok(json!({"s": {"a": "1%", "b": "1%%"}})));
        assert!(parse(Path::new("a"), "[s]\na = 1 % 2\n").is_err());
        assert!(ini("no section = 1\n").is_none());
        assert!(ini("[a]\n[a]\n").is_none());
        assert!(ini("[a]\nx\n").is_none());
    }
}
