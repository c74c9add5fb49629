//! `fetch`: a host's file, written on the controller.
//!
//! The host is asked for the file unless it has the checksum of the one that is there, so one round trip does for all but
//! big files, which come in pieces. Deviation: the result never leaves `dest`, whatever `src` says.

use super::{Action, ActionError, Context, Reply};
use crate::module::Mode;
use crate::module::types::{LooseBool, LooseString};
use crate::modules::slurp;
use crate::modules::support::hash::Algorithm;
use crate::system::local_files;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use base64::Engine as _;
use schemars::JsonSchema;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) struct Fetch;

/// Brings a file of the host's to the controller.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The file on the host.
    #[schemars(with = "LooseString")]
    src: Option<serde_json::Value>,
    /// Directory on the controller that gets it as `HOST/PATH`, or with `flat` the file, or its directory if it ends with a slash.
    #[schemars(with = "LooseString")]
    dest: Option<serde_json::Value>,
    /// Whether `dest` is the file itself.
    #[serde(default)]
    flat: LooseBool,
    /// Whether it is an error that there is no such file.
    #[serde(default = "LooseBool::yes")]
    fail_on_missing: LooseBool,
    /// Whether what was written must have the checksum of the host's file.
    #[serde(default = "LooseBool::yes")]
    validate_checksum: LooseBool,
}

/// Bytes asked for at once: their base64 fits into one message of the wire.
const PIECE: u64 = 16 << 20;

/// A piece of the file.
struct Piece {
    content: Vec<u8>,
    checksum: String,
    size: u64,
    source: String,
}

impl Action for Fetch {
    const NAME: &'static str = "ansible.builtin.fetch";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        if context.mode.only_looks() {
            let msg = "check mode not (yet) supported for this module";
            return Ok(Reply { skipped: true, ..Reply::ok([("msg", Value::from(msg))]) });
        }
        let (src, dest) = texts(&given)?;
        // Only the host knows what `~` and variables are; what is written there must not be its choice, though.
        let known =
            if src.starts_with(['~', '$']) { None } else { Some(destination(context, &given, &src, &dest, true)?) };
        let local = known.as_ref().and_then(|path| sha1(path));
        let first = match piece(context, &src, 0, local.as_deref())? {
            Ok(first) => first,
            Err(failed) => return Ok(missing(failed, &src, *given.fail_on_missing)),
        };
        let path = match known {
            Some(path) => path,
            None => destination(context, &given, &first.source, &dest, false)?,
        };
        let shown = Value::from(path.to_string_lossy().into_owned());
        let local = sha1(&path);
        if local.as_ref() == Some(&first.checksum) {
            let fields = [
                ("md5sum", md5(&path)),
                ("file", Value::from(first.source)),
                ("dest", shown),
                ("checksum", Value::from(first.checksum)),
            ];
            return Ok(Reply::ok(fields));
        }
        if context.mode != Mode::Apply {
            let fields = [("dest", shown), ("remote_checksum", Value::from(first.checksum))];
            return Ok(Reply { changed: true, ..Reply::ok(fields) });
        }
        let remote = first.checksum.clone();
        let source = first.source.clone();
        save(context, &path, &src, first)?;
        let checksum = sha1(&path).unwrap_or_default();
        let matches = checksum == remote;
        let fields = [
            ("md5sum", md5(&path)),
            ("dest", shown),
            ("remote_md5sum", Value::Null),
            ("checksum", Value::from(checksum)),
            ("remote_checksum", Value::from(remote)),
        ];
        if *given.validate_checksum && !matches {
            let mut reply = Reply::failure("checksum mismatch", fields);
            reply.output.insert(Key::from("file"), Value::from(source));
            return Ok(reply);
        }
        Ok(Reply { changed: true, ..Reply::ok(fields) })
    }
}

fn texts(given: &Args) -> Result<(String, String), ActionError> {
    let text = |value: &Option<serde_json::Value>, name: &str| match value {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(serde_json::Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ActionError::Failed(format!("Invalid type supplied for {name} option, it must be a string"))),
    };
    match (text(&given.src, "source")?, text(&given.dest, "dest")?) {
        (Some(src), Some(dest)) => Ok((src, dest)),
        _ => Err("src and dest are required".into()),
    }
}

/// Where the file goes: into the host's directory, or, where the user wrote its name, somewhere in `dest`.
fn destination(
    context: &Context<'_>,
    given: &Args,
    source: &str,
    dest: &str,
    written: bool,
) -> Result<PathBuf, ActionError> {
    let home = context.templar.home();
    let expanded = match (dest.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(dest),
    };
    let base = context.playbook_dir.join(expanded);
    if *given.flat {
        if !dest.ends_with('/') {
            if local_files::is_dir(&base) {
                let msg =
                    "dest is an existing directory, use a trailing slash if you want to fetch src into that directory";
                return Err(msg.into());
            }
            return Ok(local_files::absolute(&base));
        }
        let path = base.join(source.rsplit('/').next().unwrap_or_default());
        if local_files::is_dir(&path) {
            let msg = format!(
                "calculated dest '{}' is an existing directory, use another path that does not point to an existing directory",
                path.display()
            );
            return Err(msg.into());
        }
        return Ok(local_files::absolute(&path));
    }
    let inside = local_files::absolute(&base.join(&**context.host));
    let path = local_files::absolute(&inside.join(source.trim_start_matches('/')));
    let around = if written { local_files::absolute(&base) } else { inside.clone() };
    if path == inside || !path.starts_with(&around) {
        let msg = format!(
            "Detected directory traversal, expected to be contained in '{}' but got '{}'",
            inside.display(),
            path.display()
        );
        return Err(msg.into());
    }
    Ok(path)
}

fn hash(algorithm: Algorithm, path: &Path) -> Option<String> {
    let mut reader = local_files::open(path).ok()?.reader();
    algorithm.of(&mut *reader).ok()
}

fn sha1(path: &Path) -> Option<String> {
    hash(Algorithm::Sha1, path)
}

fn md5(path: &Path) -> Value {
    hash(Algorithm::Md5, path).map_or(Value::Null, Value::from)
}

/// A piece of the host's file, or what the host says about it.
fn piece(
    context: &Context<'_>,
    src: &str,
    offset: u64,
    known: Option<&str>,
) -> Result<Result<Piece, Reply>, ActionError> {
    let piece = slurp::Piece { offset, length: PIECE, known: known.map(str::to_owned) };
    let piece = serde_json::to_value(piece).map_err(|error| ActionError::Failed(error.to_string()))?;
    let args = Map::from_iter([(Key::from("src"), Value::from(src)), (Key::from("_piece"), Value::from(piece))]);
    let reply = context.module("ansible.builtin.slurp", &args)?;
    if reply.failed || reply.unknown {
        return Ok(Err(reply));
    }
    let text = |name: &str| reply.output.get(name).map(Templar::text_of).unwrap_or_default();
    let content = base64::engine::general_purpose::STANDARD.decode(text("content"));
    Ok(Ok(Piece {
        content: content.map_err(|error| ActionError::Failed(format!("failed to read what the host sent: {error}")))?,
        checksum: text("checksum"),
        size: text("size").parse().unwrap_or_default(),
        source: text("source"),
    }))
}

fn save(context: &Context<'_>, path: &Path, src: &str, first: Piece) -> Result<(), ActionError> {
    let failed = |error: crate::system::SystemError| ActionError::Failed(format!("failed to {error}"));
    let mut file = local_files::create(path).map_err(failed)?;
    let (mut at, size) = (0, first.size);
    let mut content = first.content;
    loop {
        file.write_all(&content)
            .map_err(|error| ActionError::Failed(format!("failed to write {}: {error}", path.display())))?;
        at += content.len() as u64;
        if content.is_empty() || at >= size {
            return Ok(());
        }
        content = match piece(context, src, at, None)? {
            Ok(piece) => piece.content,
            Err(failed) => return Err(failed.output.get("msg").map(Templar::text_of).unwrap_or_default().into()),
        };
    }
}

/// There is no file, or none that may be read.
fn missing(reply: Reply, src: &str, fail: bool) -> Reply {
    if reply.unknown {
        return reply;
    }
    let said = reply.output.get("msg").map(Templar::text_of).unwrap_or_default();
    let msg = if said.contains("not found") {
        "the remote file does not exist, not transferring, ignored".to_owned()
    } else if said.starts_with("Source is a directory") {
        let ignored = if fail { "" } else { ", not transferring, ignored" };
        format!("remote file is a directory, fetch cannot work on directories{ignored}")
    } else if fail {
        said
    } else {
        format!("{said}, ignored")
    };
    let fields = [("msg", Value::from(msg)), ("file", Value::from(src))];
    Reply { failed: fail, ..Reply::ok(fields) }
}
