//! How a test describes a machine. Documented in `crates/core/tests/modules/README.md`.

use super::super::{FileKind, FilesystemUsage, InterfaceAddress, Result, Uname};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A machine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "see the README")]
pub struct FakeSpec {
    pub files: BTreeMap<PathBuf, FakeFile>,
    pub commands: Vec<Answer>,
    pub env: BTreeMap<String, String>,
    pub uid: u32,
    pub home: Option<PathBuf>,
    pub now: Option<f64>,
    pub resources: BTreeMap<String, BTreeMap<String, Value>>,
    pub blobs: Vec<String>,
    pub http: Vec<Response>,
    pub sql: Vec<Statement>,
    pub ports: BTreeMap<String, String>,
    pub flags: BTreeSet<String>,
    pub selinux: bool,
    pub uname: Uname,
    pub addresses: Vec<InterfaceAddress>,
    pub usage: BTreeMap<PathBuf, FilesystemUsage>,
}

/// A file of a fake machine: its text, or a mapping.
#[derive(Debug, Clone)]
pub struct FakeFile(pub(super) FakeFileSpec);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FakeFileSpec {
    pub(super) absent: bool,
    pub(super) kind: Option<FileKind>,
    pub(super) content: Option<String>,
    pub(super) link: Option<PathBuf>,
    pub(super) mode: Option<String>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mtime: Option<f64>,
    pub(super) atime: Option<f64>,
    pub(super) context: Option<String>,
    /// Another path that is the same file.
    pub(super) same_as: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for FakeFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spec = match Value::deserialize(deserializer)? {
            Value::Null => FakeFileSpec { absent: true, ..FakeFileSpec::default() },
            Value::String(content) => FakeFileSpec { content: Some(content), ..FakeFileSpec::default() },
            other => serde_json::from_value(other).map_err(serde::de::Error::custom)?,
        };
        Ok(Self(spec))
    }
}

/// What a command answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "see the README")]
pub struct Answer {
    /// The whole command line, split at blanks.
    pub line: Option<String>,
    /// The whole command line.
    pub argv: Option<Vec<String>>,
    /// How the command line begins.
    pub prefix: Option<Vec<String>>,
    /// Only if this flag is set (`!flag`: not set).
    pub when: Option<String>,
    /// Only if this is its standard input.
    pub stdin: Option<String>,
    pub rc: i32,
    pub stdout: String,
    pub stderr: String,
    /// Flags it sets (`!flag`: clears).
    pub set: Vec<String>,
    /// Files it makes, changes or (null) removes.
    pub files: BTreeMap<PathBuf, FakeFile>,
}

/// A canned HTTP response.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "see the README")]
pub struct Response {
    pub method: Option<String>,
    pub url: String,
    pub when: Option<String>,
    /// Headers that the request must have.
    pub with: BTreeMap<String, String>,
    /// The body that the request must have.
    pub sent: Option<String>,
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub set: Vec<String>,
}

/// What an SQL statement answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "see the README")]
pub struct Statement {
    /// The whole statement; `connect` is the connection itself.
    pub statement: String,
    /// Only if this flag is set (`!flag`: not set).
    pub when: Option<String>,
    pub rows: Vec<serde_json::Map<String, Value>>,
    pub count: Option<u64>,
    /// It fails with these words.
    pub error: Option<String>,
    pub set: Vec<String>,
}
