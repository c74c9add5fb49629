//! Paths with `~` and `$VARIABLE`, as people write them.

use super::LooseString;
use crate::system::{Result, System, SystemError, users};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::path::PathBuf;

/// A path on the host. `~`, `~user` and environment variables are expanded there; a relative one starts where the connection begins, usually the home directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PathArg(LooseString);

impl<'de> Deserialize<'de> for PathArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            // As in Ansible: the file of that strange name, which is not there.
            whole @ Value::Object(_) => LooseString(python_text(&whole)),
            single => LooseString::deserialize(single).map_err(D::Error::custom)?,
        };
        Ok(Self(text))
    }
}

/// How Python writes a value.
fn python_text(value: &Value) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python_text).collect::<Vec<_>>().join(", ")),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), python_text(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

impl PathArg {
    /// As it was written.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text with `~` and variables expanded; unknown variables stay.
    ///
    /// # Errors
    /// If users cannot be looked up.
    pub fn text(&self, system: &dyn System) -> Result<String> {
        expand_user(&expand_variables(&self.0, system), system)
    }

    /// The absolute path. A trailing slash is kept in its text.
    ///
    /// # Errors
    /// If it is empty, or users cannot be looked up.
    pub fn path(&self, system: &dyn System) -> Result<PathBuf> {
        let text = self.text(system)?;
        if text.is_empty() {
            return Err(SystemError::Other("use a path: it is empty".to_owned()));
        }
        if text.starts_with('/') { Ok(PathBuf::from(text)) } else { Ok(system.directory().join(text)) }
    }
}

impl<T: Into<LooseString>> From<T> for PathArg {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// `$NAME` and `${NAME}` replaced where the environment has them.
pub fn expand_variables(text: &str, system: &dyn System) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        expanded.push_str(&rest[..start]);
        let after = &rest[start + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match system.env(name).filter(|_| !name.is_empty()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.push_str(&rest[start..start + 1 + length]),
        }
        rest = &after[length..];
    }
    expanded.push_str(rest);
    expanded
}

fn expand_user(text: &str, system: &dyn System) -> Result<String> {
    let Some(after) = text.strip_prefix('~') else { return Ok(text.to_owned()) };
    let (name, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
    let home = if name.is_empty() {
        Some(system.home().to_string_lossy().into_owned())
    } else {
        users::user(system, name)?.map(|user| user.home)
    };
    // An unknown user's path stays as it is, as in a shell.
    Ok(home.map_or_else(|| text.to_owned(), |home| format!("{}{rest}", home.trim_end_matches('/'))))
}

impl JsonSchema for PathArg {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn expands_as_a_shell_does() {
        let fake = Fake::from_json(serde_json::json!({"env": {"A": "x"}}));
        let text = |raw: &str| PathArg::from(raw).text(&fake).unwrap();
        assert_eq!(text("~/a"), "/root/a");
        assert_eq!(text("~alice"), "/home/alice");
        assert_eq!(text("~nobody-here/a"), "~nobody-here/a");
        assert_eq!(text("/$A/${A}y/$B/$"), "/x/xy/$B/$");
        assert_eq!(PathArg::from("b/").path(&fake).unwrap().to_str(), Some("/root/b/"));
        assert!(PathArg::from("").path(&fake).is_err());
        let strange: PathArg = serde_json::from_value(serde_json::json!({"path": "/a", "n": [1, true]})).unwrap();
        assert_eq!(strange.raw(), "{'path': '/a', 'n': [1, True]}");
    }
}
