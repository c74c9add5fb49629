//! `ansible.builtin.tempfile`: a file or directory of a new name, for its maker only.
//!
//! Deviation: in check mode it counts as a change; Ansible skips it.

use super::support::hash::Algorithm;
use super::support::path_info::PathInfo;
use crate::module::types::{LooseString, PathArg};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{System, SystemError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A file or directory of a new name.
pub struct Tempfile;

/// What to make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A file.
    #[default]
    File,
    /// A directory.
    Directory,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What to make.
    #[serde(default)]
    pub state: State,
    /// Directory to make it in; the one for temporary files if not given.
    pub path: Option<PathArg>,
    /// How the name begins.
    #[serde(default = "prefix")]
    pub prefix: LooseString,
    /// How the name ends.
    #[serde(default)]
    pub suffix: LooseString,
}

default_args!();

fn prefix() -> LooseString {
    "ansible.".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<PathBuf>,
    #[serde(flatten)]
    info: PathInfo,
}

/// What will be made.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    directory: PathBuf,
}

/// How many names are tried before giving up.
const TRIES: usize = 100;

/// Letters of a name's middle.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz_01234";

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        for (name, value) in [("prefix", &self.prefix), ("suffix", &self.suffix)] {
            if value.contains('/') {
                let msg = format!("{name} must be a valid file name component, got '{}'", value.0);
                return Err(ModuleError::new(msg));
            }
        }
        Ok(())
    }

    /// A name that nothing is likely to have: who may write to the directory may look, so it only has to be new.
    fn name(&self, system: &dyn System, attempt: usize) -> String {
        let seed = format!("{} {} {attempt}", std::process::id(), (system.now() * 1e9).to_bits());
        let hash = Algorithm::Sha256.of_bytes(seed.as_bytes());
        let middle = hash.as_bytes().chunks(2).take(8).map(|pair| {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            char::from(LETTERS[usize::from_str_radix(pair, 16).unwrap_or_default() % LETTERS.len()])
        });
        format!("{}{}{}", self.prefix.0, middle.collect::<String>(), self.suffix.0)
    }

    fn make(&self, change: &Change, system: &mut dyn System) -> Result<PathBuf, ModuleError> {
        let mut attempt = 0;
        loop {
            let path = change.directory.join(self.name(system, attempt));
            let made = match self.state {
                State::File => system.spool(&path, &mut std::io::empty()),
                State::Directory => system.create_dir(&path, 0o700),
            };
            attempt += 1;
            match made {
                Ok(()) => return Ok(path),
                Err(SystemError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::AlreadyExists && attempt < TRIES => {}
                Err(SystemError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    return Err(missing(&path));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn missing(path: &Path) -> ModuleError {
    ModuleError::new(format!("[Errno 2] No such file or directory: '{}'", path.display()))
}

/// The directory for temporary files.
fn default_directory(system: &dyn System) -> PathBuf {
    let given = ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(|name| system.env(name));
    PathBuf::from(given.filter(|directory| directory.starts_with('/')).unwrap_or_else(|| "/tmp".to_owned()))
}

impl Module for Tempfile {
    const NAME: &'static str = "ansible.builtin.tempfile";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.tempfile"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let directory = match &args.path {
            Some(path) => path.path(system)?,
            None => default_directory(system),
        };
        if !system.exists(&directory)? {
            return Err(missing(&directory.join(args.name(system, 0))));
        }
        Ok(Checked::changed(Output::default(), Change { directory }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let path = args.make(&change, system)?;
        let info = PathInfo::of(system, &path)?;
        Ok(Output { path: Some(path), info })
    }

    /// The name is found when it is made.
    fn simulate(_: &Args, _: Change, _: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        Ok(Simulated::with_unknown(Output::default(), &["path"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(format!("make a temporary path in {}\n", change.directory.display()))]
    }
}
