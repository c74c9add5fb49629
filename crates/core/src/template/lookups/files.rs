//! Lookups of the controller's files and commands.

use super::{Call, Function};
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::environment::FileOptions;
use crate::template::fault::{Fault, Result};
use crate::template::python::Py;
use std::path::PathBuf;

pub(super) const TABLE: &[(&str, Function)] =
    &[("file", file), ("template", template), ("pipe", pipe), ("lines", lines), ("unvault", unvault)];

/// Finds a term's file, or says where was looked.
pub(super) fn needle(context: &Context, kind: &str, name: &str) -> Result<PathBuf> {
    let templar = context.templar();
    templar.find_file(kind, name).ok_or_else(|| {
        let dirs: Vec<_> = templar.search.iter().map(|dir| dir.display().to_string()).collect();
        Fault::with_help(
            format!("Unable to access the file '{name}': File not found."),
            Some(format!("searched in {} and their '{kind}' directories", dirs.join(", "))),
        )
    })
}

fn file(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let left = call.flag("lstrip", false)?;
    let right = call.flag("rstrip", true)?;
    call.finish()?;
    let read = |name: &String| {
        let mut text = context.templar().read_plain(&needle(context, "files", name)?)?;
        if right {
            text.truncate(text.trim_end().len());
        }
        Ok(Py::str(if left { text.trim_start() } else { &text }))
    };
    call.term_texts(context)?.iter().map(read).collect()
}

fn template(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    // Values keep their type whatever these say, as in Ansible since 2.19.
    call.flag("convert_data", true)?;
    call.flag("jinja2_native", true)?;
    let mut options = FileOptions { trim_blocks: call.flag("trim_blocks", true)?, ..FileOptions::default() };
    for (name, slot) in [
        ("variable_start_string", &mut options.variable.0),
        ("variable_end_string", &mut options.variable.1),
        ("comment_start_string", &mut options.comment.0),
        ("comment_end_string", &mut options.comment.1),
    ] {
        if let Some(text) = call.text(context, name)? {
            *slot = text;
        }
    }
    let given = match call.options.take("template_vars") {
        Some(vars) => match context.export(&vars)? {
            crate::value::Value::Map(map) => (*map).clone(),
            _ => return Err(Fault::error("template_vars must be a mapping")),
        },
        None => crate::value::Map::default(),
    };
    call.finish()?;
    let render = |name: &String| {
        let path = needle(context, "templates", name)?;
        let text = context.templar().read_plain(&path)?;
        let templates = &context.templar().templates;
        let mut locals = templates.managed.variables(&templates.options, name, &path)?;
        locals.retain(|name, _| name.as_str().is_none_or(|name| context.variable(name).is_none()));
        locals.extend(given.clone());
        context.render(&text, &path, &options, locals)
    };
    call.term_texts(context)?.iter().map(render).collect()
}

/// What a command line prints.
fn shell(context: &Context, lookup: &str, command: &str) -> Result<String> {
    let options = &context.templar().templates.options;
    let output = local_files::run_shell(command, &options.base_dir, &options.env)
        .map_err(|error| Fault::error(error.to_string()))?;
    if output.status != Some(0) {
        let status = output.status.map_or("a signal".to_owned(), |status| status.to_string());
        return Err(Fault::error(format!("{lookup}({command}) returned {status}: {}", output.stderr.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pipe(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let run = |command: &String| Ok(Py::str(shell(context, "pipe", command)?.trim_end()));
    call.term_texts(context)?.iter().map(run).collect()
}

fn lines(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let mut found = Vec::new();
    for command in call.term_texts(context)? {
        found.extend(shell(context, "lines", &command)?.lines().map(Py::str));
    }
    Ok(found)
}

fn unvault(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let read = |name: &String| context.templar().read_plain(&needle(context, "files", name)?).map(Py::str);
    call.term_texts(context)?.iter().map(read).collect()
}
