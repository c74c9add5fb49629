//! `ansible.builtin.script`, on the host's side: a script of the controller's, run from a private file that is removed.
//!
//! The controller finds the script and gives it as `_script`; the task's text is its path followed by its arguments,
//! which a shell reads. Deviation: in check mode it counts as a change without `creates` and `removes`, too.

use super::support::replace::temporary_path;
use super::support::run::{Conditions, Run, RunOutput, UNKNOWN};
use crate::module::types::{LooseString, PathArg};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::{Content, System, WriteFile};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// Runs a script of the controller's.
pub struct Script;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Path of the script on the controller and its arguments, given as the task's text.
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    raw_params: Option<LooseString>,
    /// Path of the script on the controller, and its arguments.
    cmd: Option<LooseString>,
    /// Directory to run it in.
    chdir: Option<PathArg>,
    /// Not run if this path or pattern exists.
    creates: Option<PathArg>,
    /// Only run if this path or pattern exists.
    removes: Option<PathArg>,
    /// Program that runs the script, with its options, such as `python3 -u`.
    executable: Option<String>,
    /// Whether the controller decrypts the script.
    #[serde(default = "crate::module::types::LooseBool::yes")]
    decrypt: crate::module::types::LooseBool,
    /// The script's content.
    #[serde(rename = "_script")]
    #[schemars(skip)]
    script: Option<Blob>,
}

/// A content that the controller has.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Blob {
    /// SHA-256 in hex.
    sha256: String,
    /// In bytes.
    size: u64,
    /// Small ones in base64.
    #[serde(default, rename = "_inline", skip_serializing_if = "Option::is_none")]
    inline: Option<String>,
}

impl Blob {
    fn content(&self) -> Result<Content, ModuleError> {
        Ok(match &self.inline {
            Some(text) => Content::Bytes(
                STANDARD
                    .decode(text)
                    .map_err(|error| ModuleError::new(format!("failed to decode the script: {error}")))?,
            ),
            None => Content::Blob { sha256: self.sha256.clone(), size: self.size },
        })
    }
}

/// The first word of a command line, quotes included, and the rest.
fn first_word(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (index, c) in line.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => return line.split_at(index),
            _ => {}
        }
    }
    (line, "")
}

impl Module for Script {
    const NAME: &'static str = "ansible.builtin.script";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.script"];
    type Args = Args;
    type Output = RunOutput;
    type Change = Run;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let line = match (&args.raw_params, &args.cmd) {
            (Some(_), Some(_)) => return Err(ModuleError::new("parameters are mutually exclusive: _raw_params|cmd")),
            (Some(line), None) | (None, Some(line)) if !line.trim().is_empty() => line.trim(),
            _ => return Err(ModuleError::new("one of the following is required: _raw_params, cmd")),
        };
        let conditions =
            Conditions { creates: args.creates.as_ref(), removes: args.removes.as_ref(), chdir: args.chdir.as_ref() };
        let cwd = conditions.directory(system, &json!(line))?;
        if let Some(skipped) = conditions.skip(system, cwd.as_deref())? {
            return Ok(Checked::unchanged(skipped));
        }
        let (script, arguments) = first_word(line);
        let name = Path::new(script.trim_matches(['"', '\''])).file_name().and_then(|name| name.to_str());
        let path = temporary_path(system, None).join(name.unwrap_or("script"));
        let path = path.to_string_lossy().into_owned();
        let quoted = format!("'{}'", path.replace('\'', r"'\''"));
        let program = args.executable.as_ref().map(|program| format!("{program} ")).unwrap_or_default();
        let argv = vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("{program}{quoted}{arguments}"), path];
        let creates = conditions.made(system, cwd.as_deref())?;
        let output = RunOutput { rc: Some(0), ..RunOutput::default() };
        Ok(Checked::changed(output, Run { cmd: json!(line), argv, cwd, stdin: None, strip: false, creates }))
    }

    fn apply(args: &Args, mut run: Run, system: &mut dyn System) -> Result<RunOutput, ModuleError> {
        let Some(script) = &args.script else {
            return Err(ModuleError::new("the script must be found by the controller before it gets here"));
        };
        let path = run.argv.pop().unwrap_or_default();
        let path = Path::new(&path);
        let directory = path.parent().unwrap_or(Path::new("/tmp"));
        system.create_dir(directory, 0o700)?;
        let file = WriteFile { mode: Some(0o700), ..WriteFile::of(script.content()?) };
        let result = match system.write(path, &file) {
            Ok(()) => run.run(system),
            Err(error) => Err(error.into()),
        };
        system.remove_dir_all(directory)?;
        result
    }

    fn simulate(_: &Args, run: Run, system: &mut dyn System) -> Result<Simulated<RunOutput>, ModuleError> {
        Ok(Simulated::with_unknown(run.simulate(system)?, UNKNOWN))
    }

    fn diff(run: &Run) -> Vec<Diff> {
        run.diff()
    }
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn the_script_may_be_quoted() {
        assert_eq!(first_word("a.sh b 'c d'"), ("a.sh", " b 'c d'"));
        assert_eq!(first_word("'a b.sh'"), ("'a b.sh'", ""));
    }
}
