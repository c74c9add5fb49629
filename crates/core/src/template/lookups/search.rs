//! `first_found` and `fileglob`: which files are there.

use super::{Call, Function};
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::normalize;
use crate::template::python::Py;
use std::path::Path;

pub(super) const TABLE: &[(&str, Function)] = &[("first_found", first_found), ("fileglob", file_glob)];

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
