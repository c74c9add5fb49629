//! `ansible.builtin.stat`: what is at a path.
//!
//! Deviation: `checksum` is left out where a simulated file's content is not known yet.

use super::support::hash::Algorithm;
use crate::dpkg;
use crate::module::types::{LooseBool, PathArg};
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{Access, FileKind, Metadata, System, SystemError, users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Looks at a path.
pub struct Stat;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The path.
    #[serde(alias = "dest", alias = "name")]
    pub path: PathArg,
    /// Look at what a link points to.
    #[serde(default)]
    pub follow: LooseBool,
    /// Tell the checksum of a file.
    #[serde(default = "LooseBool::yes")]
    pub get_checksum: LooseBool,
    /// Tell type and encoding of a file's content, as `file` sees it.
    #[serde(default = "LooseBool::yes", alias = "mime", alias = "mime_type", alias = "mime-type")]
    pub get_mime: LooseBool,
    /// Tell the flags that `lsattr` shows.
    #[serde(default = "LooseBool::yes", alias = "attr", alias = "attributes")]
    pub get_attributes: LooseBool,
    /// How to make the checksum: md5, sha1, sha224, sha256, sha384, sha512.
    #[serde(default = "sha1", alias = "checksum", alias = "checksum_algo")]
    pub checksum_algorithm: String,
}

default_args!(path);

fn sha1() -> String {
    "sha1".to_owned()
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `exists` and, if so: `path`, `mode`, `isdir`, `isreg`, `islnk` …, `uid`, `gid`, `pw_name`, `gr_name`, `size`, `inode`,
    /// `dev`, `nlink`, `atime`, `mtime`, `ctime`, `rusr` …, `readable`, `writeable`, `executable`, `checksum`, `mimetype`,
    /// `charset`, `attributes`, `attr_flags`, `version`, and for links `lnk_source`, `lnk_target`.
    stat: Map<String, Value>,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for Stat {
    const NAME: &'static str = "ansible.builtin.stat";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.stat"];
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let algorithm = Algorithm::named(&args.checksum_algorithm)?;
        let path = args.path.path(system)?;
        let meta = if *args.follow { system.metadata(&path)? } else { system.symlink_metadata(&path)? };
        let Some(meta) = meta else {
            dpkg::not_brought(system, &path)?;
            let stat = Map::from_iter([("exists".to_owned(), json!(false))]);
            return Ok(Checked::unchanged(Output { stat }));
        };
        let mut stat = basics(&meta);
        let mut set = |name: &str, value: Value| {
            stat.insert(name.to_owned(), value);
        };
        set("path", json!(args.path.text(system)?));
        let readable = system.may(&path, Access::Read)?;
        set("readable", json!(readable));
        set("writeable", json!(system.may(&path, Access::Write)?));
        set("executable", json!(system.may(&path, Access::Execute)?));
        if meta.kind == FileKind::Link {
            let target = system.read_link(&path)?;
            let source = system.canonicalize(&path).unwrap_or_else(|_| path.with_file_name(&target));
            set("lnk_source", json!(source.to_string_lossy()));
            set("lnk_target", json!(target.to_string_lossy()));
        }
        if let Some(user) = users::user_by_uid(system, meta.uid)? {
            set("pw_name", json!(user.name));
        }
        if let Some(group) = users::group_by_gid(system, meta.gid)? {
            set("gr_name", json!(group.name));
        }
        if meta.kind == FileKind::File && readable && *args.get_checksum {
            match algorithm.of_file(system, &path) {
                Ok(checksum) => set("checksum", json!(checksum)),
                Err(SystemError::NotKnownYet(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if *args.get_mime {
            // As with Ansible, what cannot be told is no reason to fail.
            let mime = system.mime(&path).ok().flatten();
            let (kind, charset) = mime.map_or(("unknown".into(), "unknown".into()), |mime| (mime.kind, mime.charset));
            set("mimetype", json!(kind));
            set("charset", json!(charset));
        }
        if *args.get_attributes {
            let flags = system.file_flags(&path).ok().flatten();
            let (version, letters) = flags.and_then(|flags| Some((flags.version?, flags.letters))).unzip();
            let letters = letters.unwrap_or_default();
            set("version", json!(version.map(|version| version.to_string())));
            set("attributes", json!(letters.chars().filter_map(flag_name).collect::<Vec<_>>()));
            set("attr_flags", json!(letters));
        }
        Ok(Checked::unchanged(Output { stat }))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}

/// What the system call tells.
fn basics(meta: &Metadata) -> Map<String, Value> {
    let is = |kind| meta.kind == kind;
    let bit = |bit: u32| meta.mode & bit != 0;
    let fields = json!({
        "exists": true,
        "mode": format!("{:04o}", meta.mode),
        "isdir": is(FileKind::Directory),
        "ischr": is(FileKind::CharDevice),
        "isblk": is(FileKind::BlockDevice),
        "isreg": is(FileKind::File),
        "isfifo": is(FileKind::Fifo),
        "islnk": is(FileKind::Link),
        "issock": is(FileKind::Socket),
        "uid": meta.uid,
        "gid": meta.gid,
        "size": meta.size,
        "inode": meta.inode,
        "dev": meta.device,
        "nlink": meta.links,
        "atime": meta.accessed,
        "mtime": meta.modified,
        "ctime": meta.changed,
        "wusr": bit(0o200),
        "rusr": bit(0o400),
        "xusr": bit(0o100),
        "wgrp": bit(0o020),
        "rgrp": bit(0o040),
        "xgrp": bit(0o010),
        "woth": bit(0o002),
        "roth": bit(0o004),
        "xoth": bit(0o001),
        "isuid": bit(0o4000),
        "isgid": bit(0o2000),
        "blocks": meta.blocks,
        "block_size": meta.block_size,
        "device_type": meta.rdev,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn flag_name(flag: char) -> Option<&'static str> {
    Some(match flag {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}
