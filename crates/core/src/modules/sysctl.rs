//! `ansible.posix.sysctl`: kernel parameters, in a file and at once.

use super::support::tool;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A kernel parameter.
pub struct Sysctl;

/// Whether the file should have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name, such as `net.ipv4.ip_forward`.
    #[serde(alias = "key")]
    pub name: LooseString,
    /// Value to have.
    #[serde(alias = "val")]
    pub value: Option<LooseString>,
    /// Whether the file should have it.
    #[serde(default)]
    pub state: State,
    /// Go on where a parameter is unknown.
    #[serde(default)]
    pub ignoreerrors: LooseBool,
    /// Load the file after it has changed.
    #[serde(default = "LooseBool::yes")]
    pub reload: LooseBool,
    /// The file.
    #[serde(default = "file")]
    pub sysctl_file: PathArg,
    /// Set it at once if the kernel has another value.
    #[serde(default)]
    pub sysctl_set: LooseBool,
}

default_args!(name);

fn file() -> PathArg {
    "/etc/sysctl.conf".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    file: PathBuf,
    /// Text before and after, if the file changes.
    text: Option<(String, String)>,
    /// Value before and after, if the kernel's changes.
    value: Option<(String, String)>,
}

/// Under this kind a simulation keeps what it would have set.
const RESOURCE: &str = "sysctl";

/// Truths are numbers.
fn normal(value: &str) -> String {
    match value.to_lowercase().as_str() {
        "yes" | "true" | "on" | "1" | "y" | "t" => "1".to_owned(),
        "no" | "false" | "off" | "0" | "n" | "f" => "0".to_owned(),
        _ => value.trim().to_owned(),
    }
}

fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

/// Name and value of a line, unless it is a comment.
fn parameter(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    line.split_once('=').map(|(name, value)| (name.trim(), value.trim()))
}

/// The text with the parameter set (or, without a value, removed). Every parameter stays once.
fn edited(text: &str, name: &str, value: Option<&str>) -> String {
    let mut out = String::new();
    let mut seen: Vec<&str> = Vec::new();
    for line in text.split_inclusive('\n') {
        let Some((found, old)) = parameter(line) else {
            out.push_str(line);
            if !line.ends_with('\n') {
                out.push('\n');
            }
            continue;
        };
        if seen.contains(&found) {
            continue;
        }
        seen.push(found);
        match (found == name, value) {
            (false, _) => out.push_str(&format!("{found}={old}\n")),
            (true, Some(value)) => out.push_str(&format!("{found}={value}\n")),
            (true, None) => {}
        }
    }
    if let Some(value) = value.filter(|_| !seen.contains(&name)) {
        out.push_str(&format!("{name}={value}\n"));
    }
    out
}

/// The value that the kernel has.
fn current(system: &dyn System, name: &str) -> Option<String> {
    if let Some(value) = system.resource(RESOURCE, name) {
        return value.as_str().map(str::to_owned);
    }
    // Names with slashes have dots inside of their parts.
    let path = match (name.find('.'), name.find('/')) {
        (dot, Some(slash)) if dot.is_none_or(|dot| slash < dot) => name.to_owned(),
        _ => name
            .chars()
            .map(|c| {
                if c == '.' {
                    '/'
                } else if c == '/' {
                    '.'
                } else {
                    c
                }
            })
            .collect(),
    };
    let text = system.read_text(&Path::new("/proc/sys").join(path)).ok()?;
    Some(text.trim().to_owned())
}

impl Module for Sysctl {
    const NAME: &'static str = "ansible.posix.sysctl";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let name = args.name.trim();
        if name.is_empty() {
            return Err(ModuleError::new("name cannot be blank"));
        }
        let value = match (&args.value, args.state) {
            (None, State::Present) => return Err(ModuleError::new("value cannot be None")),
            (Some(value), State::Present) if value.trim().is_empty() => {
                return Err(ModuleError::new("value cannot be blank"));
            }
            (Some(value), State::Present) => Some(normal(value)),
            (_, State::Absent) => None,
        };
        let file = args.sysctl_file.path(system)?;
        let text = if system.exists(&file)? { system.read_text(&file)? } else { String::new() };
        // The last line of a name counts.
        let written = text.lines().filter_map(parameter).rfind(|(found, _)| *found == name).map(|(_, value)| value);
        let differs = match (written, &value) {
            (Some(written), Some(value)) => !is_same(written, value),
            (None, None) => false,
            _ => true,
        };
        let text = differs.then(|| (text.clone(), edited(&text, name, value.as_deref())));
        let kernel = current(system, name).unwrap_or_default();
        let value = value.filter(|value| *args.sysctl_set && !is_same(&kernel, value)).map(|value| (kernel, value));
        if text.is_none() && value.is_none() {
            return Ok(Checked::unchanged(Output {}));
        }
        Ok(Checked::changed(Output {}, Change { file, text, value }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let quiet = args.ignoreerrors.then_some("-e");
        let run = |system: &mut dyn System, last: Vec<String>, what: String| {
            let argv = std::iter::once("sysctl").chain(quiet).map(str::to_owned).chain(last);
            let failed =
                |error: ModuleError| ModuleError { msg: format!("{what}: {}", error.msg), fields: error.fields };
            let answer = tool::run(system, &Command::new(argv).env("LC_ALL", "C")).map_err(failed)?;
            // It may fail without saying so in its exit code.
            let stderr = answer.stderr_text();
            if ["Invalid argument", "Read-only file system"].iter().any(|sign| stderr.contains(sign)) {
                return Err(ModuleError::new(format!("{what}: {}{stderr}", answer.stdout_text())));
            }
            Ok(())
        };
        if let Some((_, value)) = &change.value {
            let name = args.name.trim();
            run(system, vec!["-w".to_owned(), format!("{name}={value}")], format!("setting {name} failed"))?;
        }
        if let Some((_, text)) = &change.text {
            system.write(&change.file, &WriteFile::new(text.clone()))?;
            if *args.reload {
                let file = change.file.to_string_lossy().into_owned();
                run(system, vec!["-p".to_owned(), file], "Failed to reload sysctl".to_owned())?;
            }
        }
        Ok(Output {})
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if let Some((_, text)) = change.text {
            system.write(&change.file, &WriteFile::new(text))?;
            if *args.reload
                && let Some(value) = &args.value
            {
                system.set_resource(RESOURCE, args.name.trim(), json!(normal(value)));
            }
        }
        if let Some((_, value)) = change.value {
            system.set_resource(RESOURCE, args.name.trim(), json!(value));
        }
        Ok(Simulated::known(Output {}))
    }

    fn made(change: &Change) -> Vec<Made> {
        let Some((before, after)) = &change.text else { return Vec::new() };
        Made::of_text(&change.file, Some(&**before).filter(|before| !before.is_empty()), after)
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut diffs = Vec::new();
        if let Some((before, after)) = &change.text {
            diffs.push(Diff::texts(change.file.display().to_string(), before.clone(), after.clone()));
        }
        if let Some((before, after)) = &change.value {
            diffs.push(Diff::properties("kernel", [("value", before.clone(), after.clone())]));
        }
        diffs
    }
}
