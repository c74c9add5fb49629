//! One line of `/etc/exports`: a directory shared over NFS. A module of our own; Ansible has none for it.
//!
//! The file is edited, and `exportfs -ra` tells the server only when it changed.

use crate::dpkg;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The module.
pub struct NfsExport;

/// A directory shared over NFS.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The directory, absolute.
    pub path: LooseString,
    /// Who may mount it and how: `host(options)`, or `{host, options}`. Hosts are names, addresses, networks, `*`, `@netgroup`.
    /// Needed unless it is to be absent.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// Whether it is shared.
    #[serde(default)]
    pub state: State,
    /// The file.
    #[serde(default = "exports")]
    pub file: PathArg,
    /// Tell the NFS server about a change, by `exportfs -ra`.
    #[serde(default = "LooseBool::yes")]
    pub reexport: LooseBool,
}

default_args!(path);

fn exports() -> PathArg {
    "/etc/exports".into()
}

/// Whether the directory is shared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Shared with just these clients.
    #[default]
    Present,
    /// Not shared.
    Absent,
}

/// Who may mount the directory, and how: `192.0.2.0/24(rw,sync)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Client(String);

impl Client {
    fn new(host: &str, options: &str) -> Result<Self, String> {
        let (host, options) = (host.trim(), options.trim());
        if host.is_empty() {
            return Err("a client needs a host; for everybody write `*`".to_owned());
        }
        // A blank before the parenthesis would share with everybody.
        if host.contains(|letter: char| letter.is_whitespace() || "()#\\".contains(letter)) {
            return Err(format!("'{host}' is no host: blanks, parentheses, `#` and backslashes cannot be in it"));
        }
        if options.contains(|letter: char| letter.is_whitespace() || "()#".contains(letter)) {
            return Err(format!("'{options}' are no options: blanks, parentheses and `#` cannot be in them"));
        }
        Ok(Self(if options.is_empty() { host.to_owned() } else { format!("{host}({options})") }))
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().split_once('(') {
            None => Self::new(text, ""),
            Some((host, rest)) => match rest.strip_suffix(')') {
                Some(options) => Self::new(host, options),
                None => Err(format!("'{text}': the closing parenthesis is missing")),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Client {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = match Value::deserialize(deserializer)? {
            Value::String(text) => return Self::parse(&text).map_err(D::Error::custom),
            Value::Object(fields) => fields,
            other => return Err(D::Error::custom(format!("a client is `host(options)` or a mapping, not {other}"))),
        };
        if let Some(unknown) = fields.keys().find(|name| !["host", "options"].contains(&name.as_str())) {
            return Err(D::Error::custom(format!("a client has `host` and `options`, not `{unknown}`")));
        }
        let options = match fields.get("options") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
            Some(other) => return Err(D::Error::custom(format!("options are a text or a list, not {other}"))),
        };
        let host = fields.get("host").and_then(Value::as_str).unwrap_or_default();
        Self::new(host, &options).map_err(D::Error::custom)
    }
}

impl JsonSchema for Client {
    fn schema_name() -> Cow<'static, str> {
        "Client".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "properties": {"host": {"type": "string"}, "options": {"type": ["string", "array"], "items": {"type": "string"}}},
            "required": ["host"],
            "additionalProperties": false,
        })
    }
}

/// What `register` gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The line, if the directory is shared.
    pub line: Option<String>,
    /// The file.
    pub file: String,
}

/// A new content of the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// The file.
    pub file: PathBuf,
    /// All of it before.
    pub before: String,
    /// All of it after.
    pub after: String,
}

impl Module for NfsExport {
    const NAME: &'static str = "hostler.builtin.nfs_export";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let file = args.file.path(system)?;
        let output = output(args, &file)?;
        let before = match system.exists(&file)? {
            true => system.read_text(&file)?,
            false if comes_with_package(&file, system) => {
                format!("# what package {PACKAGE} has here: (known after apply)\n")
            }
            false => String::new(),
        };
        let after = edit(&before, &args.path, output.line.as_deref());
        if after == before {
            return Ok(Checked::unchanged(output));
        }
        Ok(Checked::changed(output, Change { file, before, after }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let existed = system.exists(&change.file)?;
        system.write(&change.file, &WriteFile::new(change.after))?;
        if args.reexport.0
            && let Err(problem) = reexport(system)
        {
            // Left in the file, the line would look done the next time.
            if existed {
                system.write(&change.file, &WriteFile::new(change.before))?;
            } else {
                system.remove(&change.file)?;
            }
            return Err(problem);
        }
        output(args, &change.file)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        system.write(&change.file, &WriteFile::new(change.after))?;
        output(args, &change.file).map(Simulated::known)
    }

    fn made(change: &Change) -> Vec<Made> {
        Made::of_text(&change.file, Some(&*change.before).filter(|before| !before.is_empty()), &change.after)
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::texts(change.file.display().to_string(), change.before.clone(), change.after.clone())]
    }
}

/// The package whose own file `/etc/exports` is.
const PACKAGE: &str = "nfs-kernel-server";

/// Whether a plan installs the package before.
fn comes_with_package(file: &Path, system: &dyn System) -> bool {
    let planned = || system.resource(dpkg::RESOURCE, PACKAGE).is_some_and(|package| package["installed"] == true);
    file == Path::new("/etc/exports") && planned()
}

/// Makes the NFS server read its files again.
fn reexport(system: &mut dyn System) -> Result<(), ModuleError> {
    let failed = |why: &str| ModuleError::new(format!("failed to export the directories again: {why}"));
    match system.run(&Command::new(["exportfs", "-ra"])) {
        Ok(answer) if answer.success() => Ok(()),
        Ok(answer) => Err(failed(answer.stderr_text().trim()).field("rc", answer.rc)),
        Err(error) if error.is_not_found() => {
            Err(failed("exportfs is not installed; install the NFS server, or set `reexport: false`"))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

fn output(args: &Args, file: &Path) -> Result<Output, ModuleError> {
    if !args.path.starts_with('/') || args.path.contains(['\n', '"']) {
        return Err(ModuleError::new(format!("path must be absolute: '{}'", args.path.0)));
    }
    if args.state == State::Present && args.clients.is_empty() {
        return Err(ModuleError::new("state is present but all of the following are missing: clients"));
    }
    let clients: Vec<&str> = args.clients.iter().map(|client| client.0.as_str()).collect();
    let line = (args.state == State::Present).then(|| format!("{} {}", quoted(&args.path), clients.join(" ")));
    Ok(Output { line, file: file.display().to_string() })
}

/// As it stands in the file: in quotes if a blank or `#` is in it.
fn quoted(path: &str) -> String {
    if path.contains([' ', '\t', '#']) { format!("\"{path}\"") } else { path.to_owned() }
}

/// The text with `line` in the place of the entry for `path`, or at the end; with `None` without the entry.
/// Entries may go over several lines, with a backslash at the end of all but the last.
fn edit(text: &str, path: &str, line: Option<&str>) -> String {
    let mut edited = String::new();
    let mut line = line;
    let mut wanted = line.is_some();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(first) = lines.next() {
        let mut entry = first.to_owned();
        while entry.trim_end_matches('\n').ends_with('\\')
            && let Some(next) = lines.next()
        {
            entry.push_str(next);
        }
        if path_of(&entry).as_deref() != Some(path) {
            edited.push_str(&entry);
            continue;
        }
        // A second entry for the same directory is left out.
        if let Some(line) = line.take() {
            let words =
                |text: &str| text.replace("\\\n", " ").split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            if words(&entry) == words(line) {
                edited.push_str(&entry)
            } else {
                edited.push_str(&format!("{line}\n"))
            }
            wanted = false;
        }
    }
    if let Some(line) = line.filter(|_| wanted) {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(&format!("{line}\n"));
    }
    edited
}

/// The directory that an entry is about.
fn path_of(entry: &str) -> Option<String> {
    let entry = entry.trim_start();
    if let Some(rest) = entry.strip_prefix('"') {
        return rest.split_once('"').map(|(path, _)| path.to_owned());
    }
    let path = entry.split_whitespace().next().filter(|word| !word.starts_with('#'))?;
    // Blanks may also be written in octal.
    Some(path.replace("\\040", " ").replace("\\011", "\t"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_one_entry() {
        let text = "# /srv a\n/srv  192.0.2.1(ro) \\\n  192.0.2.2(rw)\n\"/my data\" *(ro)\n/srv *(ro)\n";
        assert_eq!(edit(text, "/srv", Some("/srv *(rw)")), "# /srv a\n/srv *(rw)\n\"/my data\" *(ro)\n");
        assert_eq!(edit(text, "/my data", None), "# /srv a\n/srv  192.0.2.1(ro) \\\n  192.0.2.2(rw)\n/srv *(ro)\n");
        assert_eq!(edit("/a b(ro)", "/c", Some("/c d")), "/a b(ro)\n/c d\n");
        assert_eq!(edit("/a   b(ro)\n", "/a", Some("/a b(ro)")), "/a   b(ro)\n");
        assert_eq!(path_of("/a\\040b c"), Some("/a b".to_owned()));
    }
}
