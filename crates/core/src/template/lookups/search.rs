//! `first_found`, `fileglob`, and the lookups that read tables in files.

use super::files::needle;
use super::{Call, Function};
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::{compile_regex, normalize};
use crate::template::python::Py;
use std::path::Path;

pub(super) const TABLE: &[(&str, Function)] =
    &[("first_found", first_found), ("fileglob", file_glob), ("ini", ini), ("csvfile", csv_file)];

/// What is undefined among the terms counts as not there for `with_first_found`; elsewhere it is an error.
fn first_found(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let files = call.options.take("files");
    let paths = call.options.take("paths");
    let mut skip = call.flag("skip", false)?;
    call.finish()?;
    let mut terms = call.terms;
    if terms.is_empty() {
        terms.extend(files.iter().cloned());
    }
    let mut wanted = Vec::new();
    for term in terms {
        collect(context, term, paths.as_ref(), &mut wanted, &mut skip)?;
    }
    for name in &wanted {
        if let Some(path) = context.templar().find_first(name) {
            return Ok(vec![Py::str(normalize(&path.display().to_string()))]);
        }
    }
    if skip {
        return Ok(Vec::new());
    }
    Err(Fault::with_help(
        "No file was found when using first_found.",
        Some(format!("looked for {}", wanted.join(", "))),
    ))
}

fn collect(context: &Context, term: Py, paths: Option<&Py>, wanted: &mut Vec<String>, skip: &mut bool) -> Result<()> {
    let term = match term.force() {
        Py::Marker(marker) if marker.undefined.is_some() && context.templar().skips_undefined() => return Ok(()),
        term => term.used()?,
    };
    if let Some(options) = term.entries(context)? {
        if let Some(flag) = options.get("skip") {
            *skip = matches!(flag, Py::Str(text) if crate::value::parse_bool(text) == Some(true))
                || (!matches!(flag, Py::Str(_)) && flag.truth()?);
        }
        let files = options.get("files").cloned().unwrap_or(Py::None);
        if matches!(files, Py::None) && options.get("paths").is_none() {
            return Ok(());
        }
        return join(context, &files, options.get("paths"), wanted);
    }
    if term.is_sequence() {
        return term.iterate_lazily()?.into_iter().try_for_each(|term| collect(context, term, paths, wanted, skip));
    }
    if term.as_str().is_none() {
        let kind = term.type_name();
        return Err(Fault::error(format!("Invalid term supplied. A string, dict or list is required, not '{kind}'.")));
    }
    join(context, &term, paths, wanted)
}

fn join(context: &Context, files: &Py, paths: Option<&Py>, wanted: &mut Vec<String>) -> Result<()> {
    let files = split(context, files, &[',', ';'])?;
    let paths = paths.map(|paths| split(context, paths, &[',', ':', ';'])).transpose()?.unwrap_or_default();
    if paths.is_empty() {
        wanted.extend(files);
        return Ok(());
    }
    for path in paths {
        wanted.extend(files.iter().map(|file| Path::new(&path).join(file).display().to_string()));
    }
    Ok(())
}

fn split(context: &Context, value: &Py, separators: &[char]) -> Result<Vec<String>> {
    match value.clone().force() {
        Py::None => Ok(Vec::new()),
        Py::Marker(marker) if marker.undefined.is_some() && context.templar().skips_undefined() => Ok(Vec::new()),
        sequence if sequence.is_sequence() => {
            let mut all = Vec::new();
            for item in sequence.iterate_lazily()? {
                all.extend(split(context, &item, separators)?);
            }
            Ok(all)
        }
        other => Ok(context.text(&other.used()?)?.split(separators).map(str::to_owned).collect()),
    }
}

fn file_glob(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        for dir in context.templar().directories("files") {
            let pattern = dir.join(&term).display().to_string();
            let files = local_files::glob_files(&pattern).map_err(Fault::error)?;
            if !files.is_empty() {
                found.extend(files.iter().map(|path| Py::str(path.display().to_string())));
                break;
            }
        }
    }
    Ok(found)
}

fn ini(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let file = call.text(context, "file")?.unwrap_or_else(|| "ansible.ini".into());
    let properties = call.text(context, "type")?.as_deref() == Some("properties");
    let section = call.text(context, "section")?.unwrap_or_else(|| "global".into());
    let section = if properties { String::new() } else { section };
    let default = call.options.take("default").unwrap_or_else(|| Py::str(""));
    let by_pattern = call.flag("re", false)?;
    let case_sensitive = call.flag("case_sensitive", false)?;
    call.flag("allow_no_value", false)?;
    call.text(context, "encoding")?;
    call.finish()?;
    let text = context.templar().read_text(&needle(context, "files", &file)?)?;
    let fold = |key: &str| if case_sensitive { key.to_owned() } else { key.to_lowercase() };
    let (known, entries) = ini_section(&text, &section);
    if !known && !properties {
        return Err(Fault::error(format!("no section '{section}' in '{file}'")));
    }
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        if by_pattern {
            let regex = compile_regex(&format!("\\A(?:{term})"), false, false)?;
            let matching = entries.iter().filter(|(key, _)| regex.is_match(&fold(key)).unwrap_or_default());
            found.extend(matching.map(|(_, value)| Py::str(value.as_str())));
        } else {
            let value = entries.iter().find(|(key, _)| fold(key) == fold(&term));
            found.push(value.map_or_else(|| default.clone(), |(_, value)| Py::str(value.as_str())));
        }
    }
    Ok(found)
}

/// Whether the section is there, and its keys and values; the nameless one is what comes before any other.
fn ini_section(text: &str, section: &str) -> (bool, Vec<(String, String)>) {
    let mut known = section.is_empty();
    let mut inside = section.is_empty();
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = name == section || name == "DEFAULT";
            known |= name == section;
            continue;
        }
        if !inside {
            continue;
        }
        // An indented line goes on with the value above it.
        if line.starts_with(char::is_whitespace)
            && let Some((_, value)) = entries.last_mut()
        {
            value.push('\n');
            value.push_str(trimmed);
            continue;
        }
        let (key, value) = trimmed.split_once(['=', ':']).unwrap_or((trimmed, ""));
        entries.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    (known, entries)
}

fn csv_file(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let file = call.text(context, "file")?.unwrap_or_else(|| "ansible.csv".into());
    let delimiter = call.text(context, "delimiter")?.unwrap_or_else(|| "TAB".into());
    let number = |text: Option<String>, missing| match text {
        None => Ok(missing),
        Some(text) => text.trim().parse().map_err(|_| Fault::error(format!("'{text}' is not a column's number"))),
    };
    let column: usize = number(call.text(context, "col")?, 1)?;
    let key_column: usize = number(call.text(context, "keycol")?, 0)?;
    let default = call.options.take("default");
    call.text(context, "encoding")?;
    call.finish()?;
    let delimiter = if delimiter == "TAB" { '\t' } else { delimiter.chars().next().unwrap_or(',') };
    let text = context.templar().read_text(&needle(context, "files", &file)?)?;
    let rows = csv_rows(&text, delimiter);
    let mut found = Vec::new();
    for term in call.term_texts(context)? {
        match rows.iter().find(|row| row.get(key_column).is_some_and(|key| *key == term)) {
            Some(row) => {
                let value = row.get(column).ok_or_else(|| Fault::error(format!("'{file}' has no column {column}")))?;
                found.push(Py::str(value.as_str()));
            }
            None => found.extend(default.clone()),
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
