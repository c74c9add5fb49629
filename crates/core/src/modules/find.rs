//! `ansible.builtin.find`: files by name, age, size, content, permissions.
//!
//! Encodings other than UTF-8, ASCII and Latin-1 are read by the host's `iconv`.

use super::support::encoding;
use super::support::glob;
use super::support::hash::Algorithm;
use super::support::regex::{BytesRegex, to_chars};
use crate::dpkg;
use crate::module::types::{FileMode, LooseBool, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{FileKind, Metadata, System, users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Looks for files.
pub struct Find;

/// Kinds of what is looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileType {
    /// Everything.
    Any,
    /// Directories.
    Directory,
    /// Regular files.
    #[default]
    File,
    /// Symbolic links.
    Link,
}

/// A time that a file has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stamp {
    /// Last access.
    Atime,
    /// Last change of content or attributes.
    Ctime,
    /// Last change of content.
    #[default]
    Mtime,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Directories to look in.
    #[serde(alias = "name", alias = "path")]
    pub paths: StringList,
    /// Shell patterns, or expressions with `use_regex`, one of which the name must match. All names if not given.
    #[serde(default, alias = "pattern")]
    pub patterns: StringList,
    /// Patterns of names to leave out.
    #[serde(default, alias = "exclude")]
    pub excludes: StringList,
    /// Expression that the beginning of a line must match, or anything in the file with `read_whole_file`. For files only.
    pub contains: Option<LooseString>,
    /// Match `contains` anywhere in the file.
    #[serde(default)]
    pub read_whole_file: LooseBool,
    /// Kind of what is looked for.
    #[serde(default)]
    pub file_type: FileType,
    /// At least this old, or at most if negative: a number with `s`, `m`, `h`, `d` or `w`.
    pub age: Option<LooseString>,
    /// Which time `age` is about.
    #[serde(default)]
    pub age_stamp: Stamp,
    /// At least this big, or at most if negative: a number with `b`, `k`, `m`, `g` or `t`.
    pub size: Option<LooseString>,
    /// Look in directories below, too.
    #[serde(default)]
    pub recurse: LooseBool,
    /// Find names that begin with a dot, too.
    #[serde(default)]
    pub hidden: LooseBool,
    /// Look in directories that links point to.
    #[serde(default)]
    pub follow: LooseBool,
    /// Give files' checksums.
    #[serde(default)]
    pub get_checksum: LooseBool,
    /// Algorithm of checksums: md5, sha1, sha224, sha256, sha384, sha512.
    #[serde(default = "sha1", alias = "checksum", alias = "checksum_algo")]
    pub checksum_algorithm: String,
    /// Patterns are regular expressions.
    #[serde(default)]
    pub use_regex: LooseBool,
    /// How many levels to descend.
    pub depth: Option<LooseInt>,
    /// Permissions, octal as text or symbolic.
    pub mode: Option<Value>,
    /// Whether permissions must be exactly `mode`, or have one of its bits.
    #[serde(default = "LooseBool::yes")]
    pub exact_mode: LooseBool,
    /// Encoding of the files that `contains` is looked for in.
    pub encoding: Option<String>,
    /// Stop after this many.
    pub limit: Option<LooseInt>,
}

default_args!(paths);

fn sha1() -> String {
    "sha1".to_owned()
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was found, as `stat` describes it.
    files: Vec<Found>,
    /// How many were found.
    matched: usize,
    /// How many were looked at.
    examined: usize,
    /// Paths that could not be looked at, and why.
    skipped_paths: BTreeMap<String, String>,
    /// Whether all was looked at.
    msg: String,
    /// What could not be looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Something that was found.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(clippy::struct_excessive_bools, reason = "Ansible's fields")]
pub struct Found {
    /// Its path.
    path: String,
    /// Permissions in octal.
    mode: String,
    /// It is a directory.
    isdir: bool,
    /// It is a character device.
    ischr: bool,
    /// It is a block device.
    isblk: bool,
    /// It is a regular file.
    isreg: bool,
    /// It is a FIFO.
    isfifo: bool,
    /// It is a link.
    islnk: bool,
    /// It is a socket.
    issock: bool,
    /// Owner.
    uid: u32,
    /// Group.
    gid: u32,
    /// Size in bytes.
    size: u64,
    /// Inode.
    inode: u64,
    /// Device it is on.
    dev: u64,
    /// Number of hard links.
    nlink: u64,
    /// Last access.
    atime: f64,
    /// Last change of content.
    mtime: f64,
    /// Last change of content or attributes.
    ctime: f64,
    /// Name of the group.
    gr_name: String,
    /// Name of the owner.
    pw_name: String,
    /// The owner may write.
    wusr: bool,
    /// The owner may read.
    rusr: bool,
    /// The owner may execute.
    xusr: bool,
    /// The group may write.
    wgrp: bool,
    /// The group may read.
    rgrp: bool,
    /// The group may execute.
    xgrp: bool,
    /// Others may write.
    woth: bool,
    /// Others may read.
    roth: bool,
    /// Others may execute.
    xoth: bool,
    /// It runs as its owner.
    isuid: bool,
    /// It runs as its group.
    isgid: bool,
    /// Checksum of the content, with `get_checksum`.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

/// A number and its unit.
fn number(text: &str, units: &[(char, i64)]) -> Option<i64> {
    let text = text.to_lowercase();
    let (digits, factor) = match units.iter().find(|(unit, _)| text.ends_with(*unit)) {
        Some((_, factor)) => (&text[..text.len() - 1], *factor),
        None => (&*text, 1),
    };
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    let is_number = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<i64>().ok().filter(|_| is_number)?.checked_mul(factor)
}

/// Names that are looked for, or not.
enum Patterns {
    Shell(Vec<String>),
    Regex(Vec<BytesRegex>),
}

impl Patterns {
    fn new(list: &[String], use_regex: bool) -> Result<Self, ModuleError> {
        Ok(if use_regex {
            Self::Regex(list.iter().map(|pattern| BytesRegex::new(pattern)).collect::<Result<_, _>>()?)
        } else {
            Self::Shell(list.to_vec())
        })
    }

    fn any(&self, name: &str) -> bool {
        match self {
            Self::Shell(patterns) => patterns.iter().any(|pattern| glob::matches(pattern, name)),
            Self::Regex(patterns) => {
                let text = to_chars(name.as_bytes());
                patterns.iter().any(|pattern| pattern.search(&text).is_some_and(|found| found.span(&text).0 == 0))
            }
        }
    }
}

/// What is looked for.
struct Search<'a> {
    args: &'a Args,
    system: &'a dyn System,
    patterns: Patterns,
    excludes: Patterns,
    contains: Option<BytesRegex>,
    algorithm: Algorithm,
    age: Option<i64>,
    size: Option<i64>,
    mode: Option<u32>,
    now: f64,
    names: (HashMap<u32, String>, HashMap<u32, String>),
    output: Output,
}

/// Why a whole path is skipped.
struct Skip(String);

impl<'a> Search<'a> {
    fn new(args: &'a Args, system: &'a dyn System) -> Result<Self, ModuleError> {
        let failed = |name: &str, text: &LooseString| {
            ModuleError::new(format!("failed to process {name}")).field(name, text.0.clone())
        };
        let number_of = |name: &str, text: &Option<LooseString>, units: &[(char, i64)]| match text {
            None => Ok(None),
            Some(text) => number(text, units).map(Some).ok_or_else(|| failed(name, text)),
        };
        let age = number_of("age", &args.age, &[('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)])?;
        let size =
            number_of("size", &args.size, &[('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30), ('t', 1 << 40)])?;
        if let Some(limit) = args.limit.filter(|limit| limit.0 <= 0) {
            return Err(ModuleError::new(format!("limit cannot be {} (use None for unlimited)", limit.0)));
        }
        let everything = [if *args.use_regex { ".*" } else { "*" }.to_owned()];
        let patterns: &[String] = if args.patterns.is_empty() { &everything } else { &args.patterns };
        Ok(Self {
            patterns: Patterns::new(patterns, *args.use_regex)?,
            excludes: Patterns::new(&args.excludes, *args.use_regex)?,
            contains: args.contains.as_deref().map(BytesRegex::new).transpose()?,
            algorithm: Algorithm::named(&args.checksum_algorithm)?,
            age,
            size,
            mode: mode(args.mode.as_ref())?,
            now: system.now(),
            names: Default::default(),
            output: Output {
                files: Vec::new(),
                matched: 0,
                examined: 0,
                skipped_paths: BTreeMap::new(),
                msg: "All paths examined".to_owned(),
                warnings: Vec::new(),
            },
            args,
            system,
        })
    }

    fn is_full(&self) -> bool {
        self.args.limit.is_some_and(|limit| i64::try_from(self.output.files.len()) == Ok(limit.0))
    }

    fn top(&mut self, given: &str) -> Result<(), ModuleError> {
        let text = PathArg::from(given).text(self.system)?;
        let path = self.system.directory().join(&text);
        let is_directory =
            self.system.metadata(&path).ok().flatten().is_some_and(|meta| meta.kind == FileKind::Directory);
        if !is_directory {
            dpkg::not_brought(self.system, &path)?;
        }
        let walked = if is_directory { self.walk(&path, 1) } else { Err(Skip(format!("'{text}' is not a directory"))) };
        if let Err(Skip(reason)) = walked {
            self.output.warnings.push(format!("Skipped '{text}' path due to this access issue: {reason}\n"));
            self.output.skipped_paths.insert(text, reason);
        }
        Ok(())
    }

    /// Looks at what is in a directory at this level, files first, then into those below.
    fn walk(&mut self, directory: &Path, level: i64) -> Result<(), Skip> {
        if self.system.given_up() {
            return Ok(());
        }
        let names = match self.system.read_dir(directory) {
            Ok(names) => names,
            Err(error) => {
                self.output.skipped_paths.insert(directory.to_string_lossy().into_owned(), error.to_string());
                return Ok(());
            }
        };
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for name in names {
            let path = directory.join(name);
            let meta = self.system.metadata(&path).ok().flatten();
            let is_directory = meta.is_some_and(|meta| meta.kind == FileKind::Directory);
            if is_directory { directories.push(path) } else { files.push(path) }
        }
        self.output.examined += files.len() + directories.len();
        let too_deep = self.args.depth.is_some_and(|depth| depth.0 != 0 && level > depth.0);
        if !too_deep {
            for path in files.iter().chain(&directories) {
                self.look(path)?;
                if self.is_full() {
                    "Limit of matches reached".clone_into(&mut self.output.msg);
                    return Ok(());
                }
            }
        }
        if !*self.args.recurse || too_deep {
            return Ok(());
        }
        for path in directories {
            let is_link = self.system.symlink_metadata(&path).ok().flatten().is_some_and(|m| m.kind == FileKind::Link);
            if is_link && !*self.args.follow {
                continue;
            }
            self.walk(&path, level + 1)?;
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    fn look(&mut self, path: &Path) -> Result<(), Skip> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') && !*self.args.hidden {
            return Ok(());
        }
        let meta = match self.system.symlink_metadata(path) {
            Ok(Some(meta)) => meta,
            Ok(None) => return Ok(()),
            Err(error) => {
                let text = path.to_string_lossy().into_owned();
                self.output.warnings.push(format!("Skipped entry '{text}' due to access issue: {error}"));
                self.output.skipped_paths.insert(text, error.to_string());
                return Ok(());
            }
        };
        let is_file = meta.kind == FileKind::File;
        let wanted = match self.args.file_type {
            FileType::Any => true,
            FileType::Directory => meta.kind == FileKind::Directory,
            FileType::File => is_file,
            FileType::Link => meta.kind == FileKind::Link,
        };
        let fits = wanted
            && self.patterns.any(&name)
            && !self.excludes.any(&name)
            && self.is_age(&meta)
            && self.is_mode(&meta)
            && (!is_file || self.is_size(&meta))
            && (self.args.file_type != FileType::File || self.has_content(path)?);
        if fits {
            let checksum = (is_file && *self.args.get_checksum)
                .then(|| self.algorithm.of_file(self.system, path).map_err(|error| Skip(error.to_string())))
                .transpose()?;
            let found = self.found(path, &meta, checksum);
            self.output.files.push(found);
        }
        Ok(())
    }

    #[allow(clippy::cast_precision_loss, reason = "seconds")]
    fn is_age(&self, meta: &Metadata) -> bool {
        let stamp = match self.args.age_stamp {
            Stamp::Atime => meta.accessed,
            Stamp::Ctime => meta.changed,
            Stamp::Mtime => meta.modified,
        };
        self.age.is_none_or(|age| {
            let limit = age.abs() as f64;
            if age >= 0 { self.now - stamp >= limit } else { self.now - stamp <= limit }
        })
    }

    fn is_size(&self, meta: &Metadata) -> bool {
        self.size.is_none_or(|size| {
            if size >= 0 { meta.size >= size.unsigned_abs() } else { meta.size <= size.unsigned_abs() }
        })
    }

    fn is_mode(&self, meta: &Metadata) -> bool {
        self.mode.is_none_or(|mode| if *self.args.exact_mode { meta.mode == mode } else { meta.mode & mode != 0 })
    }

    fn has_content(&self, path: &Path) -> Result<bool, Skip> {
        let Some(contains) = &self.contains else { return Ok(true) };
        let encoding = self.args.encoding.as_deref();
        let text = match encoding::read(self.system, path, encoding.unwrap_or("utf-8")) {
            Ok(text) => text,
            Err(encoding::Failure::Unknown) => {
                return Err(Skip(format!("unknown encoding: {}", encoding.unwrap_or_default())));
            }
            Err(encoding::Failure::Malformed) => {
                let encoding = encoding.unwrap_or("None (default determined by the Python built-in function \"open\")");
                let what = format!(
                    "Failed to read the file {} due to an encoding error. current encoding: {encoding}",
                    path.display()
                );
                return Err(Skip(what));
            }
            Err(encoding::Failure::Unreadable) => return Ok(false),
        };
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        if *self.args.read_whole_file {
            return Ok(contains.search(&to_chars(text.as_bytes())).is_some());
        }
        Ok(text.split_inclusive('\n').any(|line| {
            let line = to_chars(line.as_bytes());
            contains.search(&line).is_some_and(|found| found.span(&line).0 == 0)
        }))
    }

    fn found(&mut self, path: &Path, meta: &Metadata, checksum: Option<String>) -> Found {
        let system = self.system;
        let user = self.names.0.entry(meta.uid).or_insert_with(|| {
            users::user_by_uid(system, meta.uid).ok().flatten().map(|user| user.name).unwrap_or_default()
        });
        let group = self.names.1.entry(meta.gid).or_insert_with(|| {
            users::group_by_gid(system, meta.gid).ok().flatten().map(|group| group.name).unwrap_or_default()
        });
        let (kind, bit) = (meta.kind, |bit: u32| meta.mode & bit != 0);
        Found {
            path: path.to_string_lossy().into_owned(),
            mode: format!("{:04o}", meta.mode),
            isdir: kind == FileKind::Directory,
            ischr: kind == FileKind::CharDevice,
            isblk: kind == FileKind::BlockDevice,
            isreg: kind == FileKind::File,
            isfifo: kind == FileKind::Fifo,
            islnk: kind == FileKind::Link,
            issock: kind == FileKind::Socket,
            uid: meta.uid,
            gid: meta.gid,
            size: meta.size,
            inode: meta.inode,
            dev: meta.device,
            nlink: meta.links,
            atime: meta.accessed,
            mtime: meta.modified,
            ctime: meta.changed,
            gr_name: group.clone(),
            pw_name: user.clone(),
            wusr: bit(0o200),
            rusr: bit(0o400),
            xusr: bit(0o100),
            wgrp: bit(0o020),
            rgrp: bit(0o040),
            xgrp: bit(0o010),
            woth: bit(0o002),
            roth: bit(0o004),
            xoth: bit(0o001),
            isuid: bit(0o4000),
            isgid: bit(0o2000),
            checksum,
        }
    }
}

/// The permissions to look for. A number would be one that YAML has read in its own way.
fn mode(given: Option<&Value>) -> Result<Option<u32>, ModuleError> {
    let text = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => text,
        Some(other) => {
            let kind = match other {
                Value::Number(number) if number.is_f64() => "float",
                Value::Number(_) => "int",
                Value::Bool(_) => "bool",
                Value::Array(_) => "list",
                _ => "dict",
            };
            return Err(ModuleError::new(format!(
                "argument 'mode' is not a string and conversion is not allowed, value is of type {kind}"
            )));
        }
    };
    let mode =
        FileMode::deserialize(Value::from(text.as_str())).map_err(|error| ModuleError::new(error.to_string()))?;
    Ok(Some(mode.bits(0, false, 0o022)))
}

impl Module for Find {
    const NAME: &'static str = "ansible.builtin.find";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.find"];
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let mut search = Search::new(args, system)?;
        for path in args.paths.iter() {
            search.top(path)?;
        }
        let mut output = search.output;
        output.matched = output.files.len();
        if !output.warnings.is_empty() {
            "Not all paths examined, check warnings for details".clone_into(&mut output.msg);
        }
        Ok(Checked::unchanged(output))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_have_units() {
        let units = [('k', 1024), ('m', 1 << 20)];
        assert_eq!(number("-3K", &units), Some(-3072));
        assert_eq!(number("12", &units), Some(12));
        assert_eq!((number("3 k", &units), number("+3", &units), number("k", &units)), (None, None, None));
    }
}
