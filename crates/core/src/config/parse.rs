//! From a setting's text to its type. Errors complete "the setting …".

use crate::value::parse_bool;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// What paths are relative to, and what stands in them.
pub(super) struct Context<'a> {
    pub base: Option<&'a Path>,
    pub env: &'a HashMap<String, String>,
    pub cwd: Option<&'a Path>,
    pub home: Option<&'a Path>,
}

pub(super) fn boolean(text: &str, _: &Context<'_>) -> Result<bool, String> {
    parse_bool(text).ok_or_else(|| "is neither true nor false".to_owned())
}

/// `NO_COLOR` counts whatever it says, but `ANSIBLE_NOCOLOR=false` must not.
pub(super) fn switch(text: &str, _: &Context<'_>) -> Result<bool, String> {
    Ok(parse_bool(text).unwrap_or(true))
}

pub(super) fn number<T: FromStr>(text: &str, _: &Context<'_>) -> Result<T, String> {
    text.parse().map_err(|_| "is not a number that fits here".to_owned())
}

pub(super) fn text(text: &str, _: &Context<'_>) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn list(text: &str, _: &Context<'_>) -> Result<Vec<String>, String> {
    let items = text.split(',').map(|item| item.trim().trim_matches(['"', '\'']));
    Ok(items.filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

/// One of some words.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str, &Context<'_>) -> Result<T, String> {
    move |text, _| {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("is none of {}", known()))
    }
}

pub(super) fn path(text: &str, context: &Context<'_>) -> Result<PathBuf, String> {
    let cwd = context.cwd.map(|cwd| cwd.display().to_string()).unwrap_or_default();
    let expanded = expand_variables(&text.replace("{{CWD}}", &cwd), context.env);
    let expanded = match (expanded.strip_prefix('~'), context.home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(expanded),
    };
    let absolute = context.base.map_or_else(|| expanded.clone(), |base| base.join(&expanded));
    Ok(normal(&absolute))
}

/// Paths with colons between them.
pub(super) fn search_path(text: &str, context: &Context<'_>) -> Result<Vec<PathBuf>, String> {
    text.split(':').filter(|item| !item.trim().is_empty()).map(|item| path(item.trim(), context)).collect()
}

/// Inventories with commas between them. `host,` stays a list of hosts.
pub(super) fn inventories(text: &str, context: &Context<'_>) -> Result<Vec<String>, String> {
    if text.trim_end().ends_with(',') {
        return Ok(vec![text.trim().to_owned()]);
    }
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| path(item, context).map(|path| path.display().to_string())).collect()
}

/// `LABEL@PATH` items; `LABEL@prompt` stays.
pub(super) fn vault_ids(text: &str, context: &Context<'_>) -> Result<Vec<String>, String> {
    let resolve = |item: String| -> Result<String, String> {
        let (label, source) =
            item.rsplit_once('@').map_or((None, item.as_str()), |(label, source)| (Some(label), source));
        if matches!(source, "prompt" | "prompt_ask_vault_pass") {
            return Ok(item);
        }
        let source = path(source, context)?.display().to_string();
        Ok(label.map_or_else(|| source.clone(), |label| format!("{label}@{source}")))
    };
    list(text, context)?.into_iter().map(resolve).collect()
}

/// `$NAME` and `${NAME}`; unknown ones stay.
fn expand_variables(text: &str, env: &HashMap<String, String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let end = after.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(after.len());
        let (name, left) = braced.unwrap_or_else(|| after.split_at(end));
        match env.get(name) {
            Some(value) => {
                expanded.push_str(value);
                rest = left;
            }
            None => {
                expanded.push('$');
                rest = after;
            }
        }
    }
    expanded + rest
}

/// Without `.` and `..`, links not followed.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
