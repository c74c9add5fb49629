//! `ansible.builtin.slurp`: a file's content, in base64.

use crate::module::types::PathArg;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{FileKind, System, SystemError};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reads a file.
pub struct Slurp;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file.
    #[serde(alias = "path")]
    pub src: PathArg,
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
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

impl Module for Slurp {
    const NAME: &'static str = "ansible.builtin.slurp";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.slurp"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let path = args.src.path(system)?;
        let source = path.to_string_lossy().into_owned();
        if system.metadata(&path)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Err(ModuleError::new(format!("Source is a directory and must be a file: {source}")));
        }
        let content = system.read(&path).map_err(|error| match &error {
            SystemError::Io { source: io, .. } if io.kind() == std::io::ErrorKind::PermissionDenied => {
                ModuleError::new(format!("File is not readable: {source}"))
            }
            _ if error.is_not_found() => ModuleError::new(format!("File not found: {source}")),
            _ => error.into(),
        })?;
        Ok(Checked::unchanged(Output { content: STANDARD.encode(content), source, encoding: "base64" }))
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
