//! `ansible.builtin.slurp`: a file's content, in base64.

use super::support::hash::Algorithm;
use crate::module::types::PathArg;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{FileKind, System, SystemError};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// Reads a file.
pub struct Slurp;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file.
    #[serde(alias = "path")]
    pub src: PathArg,
    /// What `fetch` asks for.
    #[serde(rename = "_piece")]
    #[schemars(skip)]
    pub piece: Option<Piece>,
}

/// A part of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Piece {
    /// Where it begins.
    pub offset: u64,
    /// How long it is at most.
    pub length: u64,
    /// No content is needed if this is the file's SHA-1.
    pub known: Option<String>,
}

default_args!(src);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Its content in base64.
    content: String,
    /// Its path.
    source: String,
    /// `base64`.
    encoding: &'static str,
    #[serde(flatten)]
    #[schemars(skip)]
    whole: Option<Whole>,
}

/// What `fetch` wants to know of the whole file.
#[derive(Debug, Serialize)]
struct Whole {
    checksum: String,
    size: u64,
}

/// The piece, and at its beginning what the whole file is.
fn piece(system: &dyn System, path: &Path, piece: &Piece) -> Result<(Vec<u8>, Option<Whole>), SystemError> {
    let mut whole = None;
    if piece.offset == 0 {
        let checksum = Algorithm::Sha1.of_file(system, path)?;
        let size = system.metadata(path)?.map_or(0, |meta| meta.size);
        if piece.known.as_ref() == Some(&checksum) {
            return Ok((Vec::new(), Some(Whole { checksum, size })));
        }
        whole = Some(Whole { checksum, size });
    }
    let failed = |error| SystemError::io("read", path, error);
    let mut reader = system.open(path)?;
    std::io::copy(&mut (&mut reader).take(piece.offset), &mut std::io::sink()).map_err(failed)?;
    let mut content = Vec::new();
    reader.take(piece.length).read_to_end(&mut content).map_err(failed)?;
    Ok((content, whole))
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for Slurp {
    const NAME: &'static str = "ansible.builtin.slurp";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.slurp"];
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let path = args.src.path(system)?;
        let source = path.to_string_lossy().into_owned();
        let explain = |error: SystemError| match &error {
            SystemError::Io { source: io, .. } if io.kind() == std::io::ErrorKind::PermissionDenied => {
                ModuleError::new(format!("File is not readable: {source}: Permission denied"))
            }
            SystemError::Io { source: io, .. } if io.kind() == std::io::ErrorKind::NotADirectory => {
                ModuleError::new(format!("Unable to slurp file: {source}: Not a directory"))
            }
            _ if error.is_not_found() => ModuleError::new(format!("File not found: {source}")),
            _ => error.into(),
        };
        if system.metadata(&path).map_err(explain)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Err(ModuleError::new(format!("Source is a directory and must be a file: {source}")));
        }
        let (content, whole) = match &args.piece {
            Some(wanted) => piece(system, &path, wanted).map_err(explain)?,
            None => (system.read(&path).map_err(explain)?, None),
        };
        Ok(Checked::unchanged(Output { content: STANDARD.encode(content), source, encoding: "base64", whole }))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
