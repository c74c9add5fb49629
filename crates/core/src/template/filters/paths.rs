//! Paths.

use super::Table;
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};
use std::path::Path;

pub(super) const TABLE: Table = &[
    ("basename", |context, value, _| Ok(Py::str(split_path(&path_text(context, &value)?).1))),
    ("dirname", |context, value, _| Ok(Py::str(split_path(&path_text(context, &value)?).0))),
    ("splitext", split_extension),
    ("path_join", path_join),
    ("expanduser", expand_user),
    ("expandvars", expand_vars),
    ("realpath", real_path),
    ("relpath", relative_path),
    ("normpath", |context, value, _| Ok(Py::str(normalize(&path_text(context, &value)?)))),
    ("commonpath", common_path),
    ("fileglob", file_glob),
    ("win_basename", |context, value, _| Ok(Py::str(split_windows(&path_text(context, &value)?).1))),
    ("win_dirname", |context, value, _| Ok(Py::str(split_windows(&path_text(context, &value)?).0))),
    ("win_splitdrive", |context, value, _| {
        let path = path_text(context, &value)?;
        let at = if path.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
        Ok(Py::tuple(vec![Py::str(&path[..at]), Py::str(&path[at..])]))
    }),
];

/// Paths are text; Python's functions make nothing else of it.
fn path_text(context: &Context, value: &Py) -> Result<String> {
    match value {
        Py::Str(_) | Py::Marker(_) | Py::Unknown(_) => context.text(value),
        other => {
            let kind = other.type_name();
            Err(Fault::error(format!("expected str, bytes or os.PathLike object, not {kind}")))
        }
    }
}

/// Directory and last part.
fn split_path(path: &str) -> (&str, &str) {
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, tail)
}

fn split_windows(path: &str) -> (&str, &str) {
    let drive = if path.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
    let at = path[drive..].rfind(['/', '\\']).map_or(drive, |at| drive + at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head[drive..].trim_end_matches(['/', '\\']);
    (if trimmed.is_empty() { head } else { &head[..drive + trimmed.len()] }, tail)
}

fn split_extension(context: &Context, value: Py, _: Args) -> Result<Py> {
    let path = path_text(context, &value)?;
    let name = split_path(&path).1;
    // Dots at the start of a name begin no extension.
    let stem = name.trim_start_matches('.');
    let at = match stem.rfind('.') {
        Some(at) => path.len() - stem.len() + at,
        None => path.len(),
    };
    Ok(Py::tuple(vec![Py::str(&path[..at]), Py::str(&path[at..])]))
}

fn path_join(context: &Context, value: Py, _: Args) -> Result<Py> {
    let parts = match &value {
        Py::Str(text) => return Ok(Py::Str(text.clone())),
        sequence if sequence.is_sequence() => sequence.iterate()?,
        other => {
            return Err(Fault::error(format!(
                "|path_join expects string or sequence, got '{}' instead.",
                other.type_name()
            )));
        }
    };
    let mut path = String::new();
    for part in parts {
        let part = path_text(context, &part)?;
        if part.starts_with('/') {
            path = part;
        } else {
            if !path.is_empty() && !path.ends_with('/') {
                path.push('/');
            }
            path.push_str(&part);
        }
    }
    Ok(Py::str(path))
}

fn expand_user(context: &Context, value: Py, _: Args) -> Result<Py> {
    let path = path_text(context, &value)?;
    let Some(rest) = path.strip_prefix('~') else { return Ok(Py::str(path)) };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() {
        context.templar().templates.options.env.get("HOME").cloned()
    } else {
        let passwd = local_files::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
        let entry = passwd.lines().find(|line| line.split(':').next() == Some(user));
        entry.and_then(|entry| entry.split(':').nth(5)).map(str::to_owned)
    };
    Ok(Py::str(match home {
        Some(home) => format!("{}{rest}", home.trim_end_matches('/')),
        None => path,
    }))
}

fn expand_vars(context: &Context, value: Py, _: Args) -> Result<Py> {
    let text = path_text(context, &value)?;
    let env = &context.templar().templates.options.env;
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (whole, variable) = match rest.strip_prefix("${").and_then(|body| body.split_once('}')) {
            Some((variable, _)) => (variable.len() + 3, variable),
            None => {
                let end = rest[1..].find(|c| !name(c)).map_or(rest.len(), |end| end + 1);
                (end, &rest[1..end])
            }
        };
        match env.get(variable) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[..whole]),
        }
        rest = &rest[whole..];
    }
    out.push_str(rest);
    Ok(Py::str(out))
}

/// The path without `.`, `..` and doubled slashes.
pub(crate) fn normalize(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) if path.starts_with("//") && !path.starts_with("///") => format!("//{joined}"),
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The absolute path; relative ones begin at the base directory.
fn absolute(context: &Context, path: &str) -> String {
    let base = &context.templar().templates.options.base_dir;
    normalize(&base.join(path).display().to_string())
}

fn real_path(context: &Context, value: Py, _: Args) -> Result<Py> {
    let path = absolute(context, &path_text(context, &value)?);
    // Parts that are not there stay as they are.
    for at in path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at).chain([path.len()]).rev() {
        let (head, tail) = path.split_at(at);
        if let Ok(real) = local_files::canonicalize(Path::new(if head.is_empty() { "/" } else { head })) {
            let whole = real.join(tail.trim_start_matches('/'));
            return Ok(Py::str(normalize(&whole.display().to_string())));
        }
    }
    Ok(Py::str(path))
}

fn relative_path(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [start] = args.bind(["start"])?;
    let start = start.map(|start| path_text(context, &start)).transpose()?.unwrap_or_else(|| ".".into());
    let (path, start) = (absolute(context, &path_text(context, &value)?), absolute(context, &start));
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let shared = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", start.len() - shared);
    let relative: Vec<_> = up.chain(path[shared..].iter().map(String::as_str)).collect();
    Ok(Py::str(if relative.is_empty() { ".".to_owned() } else { relative.join("/") }))
}

fn common_path(context: &Context, value: Py, _: Args) -> Result<Py> {
    if !value.is_sequence() {
        return Err(Fault::error(format!("|commonpath expects sequence, got '{}' instead.", value.type_name())));
    }
    let paths = value.iterate()?.iter().map(|path| path_text(context, path)).collect::<Result<Vec<_>>>()?;
    let Some(first) = paths.first() else { return Err(Fault::error("commonpath() arg is an empty sequence")) };
    if paths.iter().any(|path| path.starts_with('/') != first.starts_with('/')) {
        return Err(Fault::error("Can't mix absolute and relative paths"));
    }
    let split = |path: &String| {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let shared = paths.iter().map(split).reduce(|shared, path| {
        let len = shared.iter().zip(&path).take_while(|(a, b)| a == b).count();
        shared[..len].to_vec()
    });
    let lead = if first.starts_with('/') { "/" } else { "" };
    Ok(Py::str(format!("{lead}{}", shared.unwrap_or_default().join("/"))))
}

fn file_glob(context: &Context, value: Py, _: Args) -> Result<Py> {
    let pattern = context.templar().templates.options.base_dir.join(path_text(context, &value)?);
    let found = local_files::glob_files(&pattern.display().to_string()).map_err(Fault::error)?;
    Ok(Py::strings(found.into_iter().map(|path| path.display().to_string())))
}
