//! Tests on the controller's files, and on URLs.

use super::Table;
use crate::system::local_files;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::split_url;
use crate::template::python::{Args, Py};
use std::path::PathBuf;

pub(super) const TABLE: Table = &[
    ("directory", |context, value, _| path(context, &value).map(|path| local_files::is_dir(&path))),
    ("is_dir", |context, value, _| path(context, &value).map(|path| local_files::is_dir(&path))),
    ("file", |context, value, _| path(context, &value).map(|path| local_files::is_file(&path))),
    ("is_file", |context, value, _| path(context, &value).map(|path| local_files::is_file(&path))),
    ("link", |context, value, _| path(context, &value).map(|path| local_files::is_link(&path))),
    ("is_link", |context, value, _| path(context, &value).map(|path| local_files::is_link(&path))),
    ("exists", |context, value, _| path(context, &value).map(|path| local_files::exists(&path))),
    ("link_exists", link_exists),
    ("abs", |context, value, _| path(context, &value).map(|path| path.is_absolute())),
    ("is_abs", |context, value, _| path(context, &value).map(|path| path.is_absolute())),
    ("same_file", same_file),
    ("is_same_file", same_file),
    ("mount", mount),
    ("is_mount", mount),
    ("vaulted_file", |context, value, _| {
        let path = path(context, &value)?;
        let text = local_files::read(&path).map_err(|error| Fault::error(error.to_string()))?;
        Ok(text.starts_with(b"$ANSIBLE_VAULT;"))
    }),
    ("url", |context, value, args| uri(context, &value, args, Kind::Url)),
    ("uri", |context, value, args| uri(context, &value, args, Kind::Uri)),
    ("urn", |context, value, args| uri(context, &value, args, Kind::Urn)),
];

fn path(_: &Context, value: &Py) -> Result<PathBuf> {
    let wrong = || Fault::error(format!("expected str, bytes or os.PathLike object, not {}", value.type_name()));
    value.as_str().map(PathBuf::from).ok_or_else(wrong)
}

fn link_exists(context: &Context, value: Py, _: Args) -> Result<bool> {
    let path = path(context, &value)?;
    Ok(local_files::is_link(&path) || local_files::exists(&path))
}

fn same_file(context: &Context, value: Py, args: Args) -> Result<bool> {
    let [other] = args.bind(["other"])?;
    let other = path(context, &other.ok_or_else(|| Fault::error("needs another path"))?)?;
    let resolve = |path: PathBuf| local_files::canonicalize(&path).map_err(|error| Fault::error(error.to_string()));
    Ok(resolve(path(context, &value)?)? == resolve(other)?)
}

fn mount(context: &Context, value: Py, _: Args) -> Result<bool> {
    Ok(local_files::is_mount(&path(context, &value)?))
}

enum Kind {
    Url,
    Uri,
    Urn,
}

fn uri(_: &Context, value: &Py, args: Args, kind: Kind) -> Result<bool> {
    let [schemes] = args.bind(["schemes"])?;
    let Some(text) = value.as_str() else { return Ok(false) };
    let Ok(parts) = split_url(text) else { return Ok(false) };
    let schemes = schemes.map(|schemes| schemes.iterate()).transpose()?.unwrap_or_default();
    let allowed = schemes.is_empty() || schemes.iter().any(|scheme| scheme.as_str() == Some(&parts.scheme));
    // As in Ansible: nearly any text is one.
    Ok(allowed
        && match kind {
            Kind::Url => !parts.netloc.is_empty() || parts.scheme == "file",
            Kind::Uri => true,
            Kind::Urn => parts.scheme == "urn",
        })
}
