//! Where a setting's value comes from: the environment, else the file.

use super::ini::Entry;
use super::parse::Context;
use crate::diagnostic::{Diagnostic, Span};
use std::collections::HashMap;
use std::path::Path;

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This variable of the environment.
    Environment(String),
    /// This place in `ansible.cfg`.
    File(Span),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::File(span) => write!(f, "{span}"),
        }
    }
}

/// One setting: what the user set, if anything. Defaults are up to whoever uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T>(Option<(T, Origin)>);

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Setting<T> {
    /// The value, if it is set.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(value, _)| value)
    }

    /// Where it is set.
    pub fn origin(&self) -> Option<&Origin> {
        self.0.as_ref().map(|(_, origin)| origin)
    }

    /// The value, or else `default`.
    pub fn or(&self, default: T) -> T
    where
        T: Clone,
    {
        self.get().cloned().unwrap_or(default)
    }
}

pub(super) struct Sources<'a> {
    pub entries: &'a [Entry],
    pub env: &'a HashMap<String, String>,
    pub cwd: Option<&'a Path>,
    pub home: Option<&'a Path>,
    /// Directory of the file.
    pub file_dir: Option<&'a Path>,
}

impl Sources<'_> {
    /// A setting by its names; of several that are set, the last one counts.
    pub fn find<T>(
        &self,
        in_file: &[&str],
        in_env: &[&str],
        parse: impl Fn(&str, &Context<'_>) -> Result<T, String>,
    ) -> Result<Setting<T>, Diagnostic> {
        let context = |base| Context { base, env: self.env, cwd: self.cwd, home: self.home };
        // An empty variable is as good as none.
        let set =
            in_env.iter().rev().find_map(|name| Some((*name, self.env.get(*name).filter(|text| !text.is_empty())?)));
        if let Some((name, text)) = set {
            let value = parse(text, &context(self.cwd))
                .map_err(|what| Diagnostic::error(format!("{name} in the environment, `{text}`, {what}")))?;
            return Ok(Setting(Some((value, Origin::Environment(name.to_owned())))));
        }
        let Some(entry) = in_file.iter().rev().find_map(|name| self.entries.iter().find(|entry| entry.name == *name))
        else {
            return Ok(Setting(None));
        };
        let text = unquoted(&entry.value);
        let value = parse(text, &context(self.file_dir)).map_err(|what| {
            Diagnostic::error(format!("the setting `{}`, `{text}`, {what}", entry.name)).at(&entry.span)
        })?;
        Ok(Setting(Some((value, Origin::File(entry.span.clone())))))
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}
