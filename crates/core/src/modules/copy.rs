//! `ansible.builtin.copy`, on the host's side: contents from the controller, or files of the host itself.
//!
//! The controller finds `src` and says what it is: `_files` with hashes (contents are fetched only where they differ),
//! `_dirs` and `_links`. Deviation: with `remote_src` links are kept unless `local_follow` is set.

mod plan;

use super::support::file_attributes::{AttributeChange, file_args};
use super::support::path_info::PathInfo;
use super::support::replace::{Replace, check_validate, replace};
use super::support::{hash::Algorithm, json};
use crate::dpkg;
use crate::module::types::{FileMode, LooseBool, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Content, Ownership, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Files from the controller, or from the host itself.
pub struct Copy;

/// Larger files have no `md5sum` in the result, in bytes.
const LARGE: u64 = 8 << 20;

file_args! {
    /// Parameters.
    pub struct Args {
        /// File or directory on the controller, or on the host with `remote_src`. A directory's trailing slash means: what is in it.
        pub src: Option<PathArg>,
        /// Text to write, instead of `src`. Lists and mappings become JSON.
        pub content: Option<Value>,
        /// Path to write to. A trailing slash means: into that directory, which is made.
        pub dest: PathArg,
        /// Keep a copy of what is replaced, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Replace files that are there.
        #[serde(default = "LooseBool::yes")]
        pub force: LooseBool,
        /// Command that must accept the new file before it is put in place; `%s` is its path.
        pub validate: Option<String>,
        /// Permissions of directories that are made.
        pub directory_mode: Option<FileMode>,
        /// `src` is on the host.
        #[serde(default)]
        pub remote_src: LooseBool,
        /// Follow links in `src`.
        pub local_follow: Option<LooseBool>,
        /// Write to what a link at `dest` points to, instead of replacing the link.
        #[serde(default)]
        pub follow: LooseBool,
        /// SHA-1 that the source must have.
        pub checksum: Option<String>,
        /// Decrypt vault files. Done by the controller.
        #[serde(default = "LooseBool::yes")]
        pub decrypt: LooseBool,
        #[serde(default, rename = "_files")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub files: Vec<SourceFile>,
        #[serde(default, rename = "_dirs")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub dirs: Vec<String>,
        #[serde(default, rename = "_links")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub links: Vec<SourceLink>,
        /// `src` is a directory: paths in `_files` are relative to `dest`.
        #[serde(default, rename = "_directory")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub directory: bool,
        /// Larger files are not shown in diffs.
        #[serde(default, rename = "_max_diff_size")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub max_diff_size: Option<u64>,
    }
}

default_args!(dest);

/// A file that the controller has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// Below `dest`, or its name if it is the only one.
    path: String,
    /// SHA-256 in hex.
    sha256: String,
    /// SHA-1 in hex, for the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    /// In bytes.
    size: u64,
    /// Permissions, for `mode: preserve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
    /// A small file's content in base64.
    #[serde(default, rename = "_inline", skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
}

impl SourceFile {
    /// Its SHA-256, and its content in base64 if it is small.
    pub(super) fn content(&self) -> (&str, Option<&str>) {
        (&self.sha256, self.inline.as_deref())
    }
}

/// A link that the controller has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceLink {
    /// Below `dest`.
    path: String,
    /// As written in it.
    target: String,
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The path written to.
    dest: String,
    /// The source.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    /// SHA-1 of the file, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
    /// MD5 of the file, if it was written and has at most 8 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    md5sum: Option<String>,
    /// Copy of what was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<String>,
    /// Why nothing was done, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<String>,
    #[serde(flatten)]
    info: PathInfo,
}

/// Where a file's content comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum From {
    Inline(#[serde(with = "base64_bytes")] Vec<u8>),
    Blob { sha256: String, size: u64 },
    Host(PathBuf),
}

impl From {
    fn content(&self) -> Content {
        match self {
            Self::Inline(bytes) => Content::Bytes(bytes.clone()),
            Self::Blob { sha256, size } => Content::Blob { sha256: sha256.clone(), size: *size },
            Self::Host(path) => Content::CopyOf(path.clone()),
        }
    }
}

/// One thing to do, in order.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    MakeDirectory { path: PathBuf, mode: Option<u32>, attributes: AttributeChange },
    Write(Box<Write>),
    Link { path: PathBuf, target: String },
    Attributes { path: PathBuf, attributes: AttributeChange },
}

/// A file to write.
#[derive(Debug, Serialize, Deserialize)]
struct Write {
    path: PathBuf,
    from: From,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    /// What is not set by writing.
    attributes: AttributeChange,
    diff: Diff,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    dest: String,
    /// It is about one file.
    single: bool,
    steps: Vec<Step>,
}

mod base64_bytes {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Args {
    /// The text to write, if it is given as such.
    fn text(&self) -> Option<String> {
        self.content.as_ref().map(|content| match content {
            Value::String(text) => text.clone(),
            Value::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
            Value::Null => String::new(),
            other => json::dumps(other),
        })
    }

    fn refuse_contradictions(&self) -> Result<(), ModuleError> {
        let source = self.src.is_some() || !self.files.is_empty() || self.directory;
        let msg = match (source, &self.content) {
            (false, None) => "src (or content) is required",
            (true, Some(_)) => "src and content are mutually exclusive",
            (false, Some(_)) if self.dest.raw().ends_with('/') => "can not use content with a dir as dest",
            _ => return check_validate(self.validate.as_deref()),
        };
        Err(ModuleError::new(msg))
    }

    /// `holds_source`: `dest` is a file with the source's content.
    fn output(&self, system: &dyn System, dest: &str, single: bool, holds_source: bool) -> Result<Output, ModuleError> {
        let src = self.src.as_ref().map(|src| src.raw().to_owned());
        let mut output = Output { dest: dest.to_owned(), src, ..Output::default() };
        output.info = PathInfo::of(system, Path::new(dest))?;
        if single && output.info.state != Some("directory") {
            let known = self.files.first().filter(|_| holds_source).and_then(|file| file.sha1.clone());
            // In a simulation the content may not be known; then nor is its checksum.
            output.checksum = known.or_else(|| Algorithm::Sha1.of_file(system, Path::new(dest)).ok());
        }
        Ok(output)
    }
}

impl Module for Copy {
    const NAME: &'static str = "ansible.builtin.copy";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.copy"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.refuse_contradictions()?;
        let plan::Planned { dest, single, steps, msg } = plan::plan(args, system)?;
        // What was left alone may be anything.
        let mut output = args.output(system, &dest, single, msg.is_none())?;
        output.msg = msg;
        if steps.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        Ok(Checked::changed(output, Change { dest, single, steps }))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        for step in &change.steps {
            if let Step::Write(write) = step {
                dpkg::bring(system, &write.path)?;
            }
        }
        Self::apply(args, change, system).map(Simulated::known)
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let how = Replace { backup: *args.backup, validate: args.validate.as_deref() };
        let (mut backup, mut wrote) = (None, false);
        for step in &change.steps {
            match step {
                Step::MakeDirectory { path, mode, attributes } => {
                    system.create_dir(path, mode.unwrap_or(0o777))?;
                    attributes.apply(path, system)?;
                }
                Step::Write(write) => {
                    let file = WriteFile {
                        content: write.from.content(),
                        mode: write.mode,
                        ownership: Ownership { uid: write.uid, gid: write.gid },
                        in_place: *args.unsafe_writes,
                    };
                    backup = replace(system, &write.path, &file, how)?;
                    write.attributes.apply(&write.path, system)?;
                    wrote = true;
                }
                Step::Link { path, target } => system.symlink(Path::new(target), path)?,
                Step::Attributes { path, attributes } => attributes.apply(path, system)?,
            }
        }
        let mut output = args.output(system, &change.dest, change.single, true)?;
        output.backup_file = backup;
        // Ansible's other sum costs more than sending the file: of large ones nobody waits for it.
        if change.single && wrote && output.info.size.is_some_and(|size| size <= LARGE) {
            output.md5sum = Algorithm::Md5.of_file(system, Path::new(&change.dest)).ok();
        }
        Ok(output)
    }

    fn made(change: &Change) -> Vec<Made> {
        let directory = |step: &Step| match step {
            Step::MakeDirectory { path, .. } => Some(Made::Directory(path.clone())),
            _ => None,
        };
        change.steps.iter().filter_map(directory).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut diffs = Vec::new();
        for step in &change.steps {
            let (path, attributes) = match step {
                Step::MakeDirectory { path, .. } => {
                    let state = ("state", "absent".to_owned(), "directory".to_owned());
                    diffs.push(Diff::properties(path.to_string_lossy(), [state]));
                    continue;
                }
                Step::Link { path, target } => {
                    let target = ("link", String::new(), target.clone());
                    diffs.push(Diff::properties(path.to_string_lossy(), [target]));
                    continue;
                }
                Step::Write(write) => {
                    diffs.push(write.diff.clone());
                    (&write.path, &write.attributes)
                }
                Step::Attributes { path, attributes } => (path, attributes),
            };
            if !attributes.is_empty() {
                diffs.push(Diff::properties(path.to_string_lossy(), attributes.properties()));
            }
        }
        diffs
    }
}
