//! The settings as a table, for commands that list them.

use super::settings::{Config, Gathering, ResultFormat, SortOrder};
use super::sources::Origin;
use crate::inventory::{GroupNames, HostPatternMismatch, VarsStage};
use crate::vars::VarsRoot;
use crate::vars::combine::HashBehaviour;
use crate::yaml::DuplicateKeys;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One setting.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Ansible's name behind a slash; an option of a plug-in is `/TYPE/PLUGIN/OPTION`.
    pub name: &'static str,
    /// What it is about.
    pub description: &'static str,
    /// `boolean`, `integer`, `list` …
    pub kind: &'static str,
    /// What counts where it is not set.
    pub default: Value,
    /// Names in the file, `SECTION.KEY`.
    pub in_file: &'static [&'static str],
    /// Names in the environment.
    pub in_env: &'static [&'static str],
    /// What it is set to, if it is.
    pub value: Option<Value>,
    /// Where.
    pub origin: Option<&'a Origin>,
}

impl Entry<'_> {
    /// Type and name of the plug-in whose option it is, and the option; `None` for those of Ansible itself.
    pub fn plugin(&self) -> Option<(&'static str, &'static str, &'static str)> {
        let (kind, rest) = self.name[1..].split_once('/')?;
        let (plugin, option) = rest.split_once('/')?;
        Some((kind, plugin, option))
    }

    /// The name without the plug-in.
    pub fn option(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }
}

impl Config {
    /// What every setting is: by name, those of plug-ins as `TYPE/PLUGIN/OPTION`, each with its origin in Ansible's words.
    pub fn by_name(&self, home: Option<&Path>) -> BTreeMap<String, (Value, String)> {
        let entries = self.entries().into_iter();
        let mut named: BTreeMap<String, (Value, String)> = entries
            .map(|entry| {
                let origin = match entry.origin {
                    None => "default".to_owned(),
                    Some(Origin::Environment(name)) => format!("env: {name}"),
                    Some(Origin::File(span)) => span.file.path().display().to_string(),
                };
                let value = entry.value.unwrap_or_else(|| at_home(entry.default, home));
                (entry.name.trim_start_matches('/').to_owned(), (value, origin))
            })
            .collect();
        // The plug-in has a default of its own.
        let flags = named.get("DEFAULT_BECOME_FLAGS").filter(|(_, origin)| origin != "default").cloned();
        let flags = flags.unwrap_or_else(|| (Value::from("-H -S -n"), "default".to_owned()));
        named.insert("become/sudo/become_flags".to_owned(), flags);
        named
    }
}

/// A default with the user's directory for `~`.
fn at_home(value: Value, home: Option<&Path>) -> Value {
    match (value, home) {
        (Value::String(text), Some(home)) => match text.strip_prefix("~/") {
            Some(rest) => Value::from(home.join(rest).display().to_string()),
            None => Value::String(text),
        },
        (Value::Array(items), home) => Value::Array(items.into_iter().map(|item| at_home(item, home)).collect()),
        (other, _) => other,
    }
}

/// A setting's value as data.
pub(super) trait Shown {
    const KIND: &'static str;

    fn shown(&self) -> Value;
}

macro_rules! shown {
    ($($type:ty, $kind:literal, $value:ident => $shown:expr;)*) => {$(
        impl Shown for $type {
            const KIND: &'static str = $kind;

            fn shown(&self) -> Value {
                let $value = self;
                Value::from($shown)
            }
        }
    )*};
}

shown! {
    bool, "boolean", value => *value;
    i64, "integer", value => *value;
    u8, "integer", value => *value;
    u16, "integer", value => *value;
    u32, "integer", value => *value;
    u64, "integer", value => *value;
    usize, "integer", value => *value;
    String, "string", value => value.as_str();
    PathBuf, "path", value => value.display().to_string();
    Vec<String>, "list", value => value.clone();
    Vec<PathBuf>, "pathspec", value => value.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    Gathering, "string", value => match value {
        Gathering::Implicit => "implicit",
        Gathering::Explicit => "explicit",
        Gathering::Smart => "smart",
    };
    ResultFormat, "string", value => match value {
        ResultFormat::Json => "json",
        ResultFormat::Yaml => "yaml",
    };
    SortOrder, "string", value => match value {
        SortOrder::Descending => "descending",
        SortOrder::Ascending => "ascending",
        SortOrder::None => "none",
    };
    VarsRoot, "string", value => match value {
        VarsRoot::Top => "top",
        VarsRoot::Bottom => "bottom",
        VarsRoot::All => "all",
    };
    VarsStage, "string", value => match value {
        VarsStage::Demand => "demand",
        VarsStage::Start => "start",
    };
    HashBehaviour, "string", value => match value {
        HashBehaviour::Replace => "replace",
        HashBehaviour::Merge => "merge",
    };
    HostPatternMismatch, "string", value => match value {
        HostPatternMismatch::Warning => "warning",
        HostPatternMismatch::Error => "error",
        HostPatternMismatch::Ignore => "ignore",
    };
    DuplicateKeys, "string", value => match value {
        DuplicateKeys::Warn => "warn",
        DuplicateKeys::Error => "error",
        DuplicateKeys::Ignore => "ignore",
    };
    GroupNames, "string", value => match value {
        GroupNames::Never => "never",
        GroupNames::Always => "always",
        GroupNames::Silently => "silently",
        GroupNames::Ignore => "ignore",
    };
}
