//! Running what a task says: what command, shell and script share.

use super::{glob, text::splitlines, time};
use crate::dpkg;
use crate::module::types::PathArg;
use crate::module::{Diff, ModuleError};
use crate::system::{Command, Content, FileKind, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Result of a command.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct RunOutput {
    /// What was run: a list of words, or the text for a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Value>,
    /// Exit code; minus the signal's number where a signal ended it.
    pub rc: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Lines of `stdout`.
    pub stdout_lines: Vec<String>,
    /// Lines of `stderr`.
    pub stderr_lines: Vec<String>,
    /// When it began, local time.
    pub start: Option<String>,
    /// When it ended, local time.
    pub end: Option<String>,
    /// How long it took.
    pub delta: Option<String>,
    /// Why it was not run, or failed.
    pub msg: String,
    /// What should be told besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Nothing says whether it has to run: a check leaves it out.
    #[serde(rename = "_check_skipped", skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub check_skipped: bool,
}

/// Output fields that only running tells.
pub const UNKNOWN: &[&str] = &["rc", "stdout", "stderr", "stdout_lines", "stderr_lines", "start", "end", "delta"];

/// A command that will be run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    /// As it is shown.
    pub cmd: Value,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Where.
    pub cwd: Option<PathBuf>,
    /// Standard input.
    pub stdin: Option<String>,
    /// Drop line ends at the end of the output.
    pub strip: bool,
    /// What it makes, if the task says so.
    pub creates: Option<PathBuf>,
}

/// When a command has to be run, and where.
#[derive(Debug, Default)]
pub struct Conditions<'a> {
    /// Not if this exists.
    pub creates: Option<&'a PathArg>,
    /// Only if this exists.
    pub removes: Option<&'a PathArg>,
    /// Directory.
    pub chdir: Option<&'a PathArg>,
}

impl Conditions<'_> {
    /// The directory to run in.
    ///
    /// # Errors
    /// If it is not there.
    pub fn directory(&self, system: &dyn System, cmd: &Value) -> Result<Option<PathBuf>, ModuleError> {
        let Some(chdir) = self.chdir else { return Ok(None) };
        let path = chdir.path(system)?;
        if system.metadata(&path)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Ok(Some(path));
        }
        let output = RunOutput { cmd: Some(cmd.clone()), ..RunOutput::default() };
        let msg = format!("Unable to change directory before execution: {} is not there.", path.display());
        Err(ModuleError::with_output(msg.clone(), &output).field("msg", msg))
    }

    /// Why the command need not be run, if so. Paths are relative to `directory`.
    ///
    /// # Errors
    /// If paths cannot be looked at.
    pub fn skip(&self, system: &dyn System, directory: Option<&Path>) -> Result<Option<RunOutput>, ModuleError> {
        let skipped = |arg: &PathArg, state: &str| {
            let path = arg.raw();
            let stdout = format!("skipped, since {path} {state}");
            let msg = format!("Did not run command since '{path}' {state}");
            Some(RunOutput { rc: Some(0), stdout_lines: vec![stdout.clone()], stdout, msg, ..RunOutput::default() })
        };
        if let Some(creates) = self.creates {
            let path = self.path(creates, system, directory)?;
            if !glob::glob(system, &path)?.is_empty() {
                return Ok(skipped(creates, "exists"));
            }
            dpkg::not_brought(system, &path)?;
        }
        if let Some(removes) = self.removes
            && let path = self.path(removes, system, directory)?
            && glob::glob(system, &path)?.is_empty()
        {
            dpkg::not_brought(system, &path)?;
            return Ok(skipped(removes, "does not exist"));
        }
        Ok(None)
    }

    /// Whether neither `creates` nor `removes` says when it has to run.
    pub fn are_none(&self) -> bool {
        self.creates.is_none() && self.removes.is_none()
    }

    /// The path that the command is said to make, if it is one.
    ///
    /// # Errors
    /// If it cannot be expanded.
    pub fn made(&self, system: &dyn System, directory: Option<&Path>) -> Result<Option<PathBuf>, ModuleError> {
        match self.creates {
            Some(creates) if !glob::is_pattern(creates.raw()) => Ok(Some(self.path(creates, system, directory)?)),
            _ => Ok(None),
        }
    }

    fn path(&self, arg: &PathArg, system: &dyn System, directory: Option<&Path>) -> Result<PathBuf, ModuleError> {
        let text = arg.text(system)?;
        Ok(match directory {
            Some(directory) => directory.join(text),
            None => system.directory().join(text),
        })
    }
}

impl Run {
    /// Runs it.
    ///
    /// # Errors
    /// With all of its output if it exits with anything but 0.
    pub fn run(self, system: &mut dyn System) -> Result<RunOutput, ModuleError> {
        let mut command = Command::new(self.argv);
        command.cwd = self.cwd;
        command.stdin = self.stdin.map(String::into_bytes);
        let begin = system.now();
        let answer = match system.run(&command) {
            Ok(answer) => answer,
            Err(error) => {
                let rc = match &error {
                    crate::system::SystemError::Spawn { source, .. } if error.is_not_found() => {
                        source.raw_os_error().or(Some(2))
                    }
                    crate::system::SystemError::Spawn { source, .. } => source.raw_os_error(),
                    _ => None,
                };
                let msg = format!("Error executing command: failed to {error}");
                let output = RunOutput { cmd: Some(self.cmd), rc, ..RunOutput::default() };
                return Err(ModuleError::with_output(msg.clone(), &output).field("msg", msg));
            }
        };
        let end = system.now();
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            if self.strip { text.trim_end_matches(['\r', '\n']).to_owned() } else { text.into_owned() }
        };
        let (stdout, stderr) = (text(&answer.stdout), text(&answer.stderr));
        let output = RunOutput {
            cmd: Some(self.cmd),
            rc: Some(answer.rc),
            stdout_lines: splitlines(&stdout),
            stderr_lines: splitlines(&stderr),
            stdout,
            stderr,
            start: Some(time::format(begin, "%Y-%m-%d %H:%M:%S%.6f")),
            end: Some(time::format(end, "%Y-%m-%d %H:%M:%S%.6f")),
            delta: Some(delta(end - begin)),
            ..RunOutput::default()
        };
        if answer.rc == 0 {
            return Ok(output);
        }
        let msg = "non-zero return code";
        Err(ModuleError::with_output(msg, &output).field("msg", msg).field("changed", true))
    }

    /// Leaves what the command is known to make.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn simulate(self, system: &mut dyn System) -> Result<RunOutput, ModuleError> {
        if let Some(path) = self.creates {
            let mut missing = Vec::new();
            for ancestor in path.ancestors().skip(1) {
                if system.exists(ancestor)? {
                    break;
                }
                missing.push(ancestor);
            }
            for directory in missing.into_iter().rev() {
                system.create_dir(directory, 0o777)?;
            }
            if !path.to_string_lossy().ends_with('/') {
                system.write(&path, &WriteFile::of(Content::NotKnownYet))?;
            }
        }
        Ok(RunOutput { cmd: Some(self.cmd), ..RunOutput::default() })
    }

    /// The command line.
    pub fn diff(&self) -> Vec<Diff> {
        let line = match &self.cmd {
            Value::String(text) => text.clone(),
            _ => self.argv.join(" "),
        };
        vec![Diff::prepared(format!("run: {line}\n"))]
    }
}

/// Seconds as Python shows a `timedelta`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are not negative")]
fn delta(seconds: f64) -> String {
    let micros = (seconds.max(0.0) * 1e6).round() as u64;
    let (whole, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, rest) = (whole / 86_400, whole % 86_400);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{days}{}:{:02}:{:02}{fraction}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_look_like_pythons() {
        assert_eq!(super::delta(0.005_574), "0:00:00.005574");
        assert_eq!(super::delta(93_784.0), "1 day, 2:03:04");
    }
}
