//! `ansible.builtin.deb822_repository`: a file of apt's sources in the newer format, with its key.

use super::support::hash::Algorithm;
use super::support::web;
use crate::module::types::{FileMode, LooseBool, LooseInt, LooseString, StringList};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::{System, WriteFile};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A source of packages.
pub struct Deb822Repository;

/// Whether the source should be there.
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
    /// Go on where a source that was signed is not any more.
    pub allow_downgrade_to_insecure: Option<LooseBool>,
    /// Allow a source without signature.
    pub allow_insecure: Option<LooseBool>,
    /// Allow weak hashes.
    pub allow_weak: Option<LooseBool>,
    /// Architectures to fetch.
    pub architectures: Option<StringList>,
    /// Fetch files by their hash.
    pub by_hash: Option<LooseBool>,
    /// Check dates.
    pub check_date: Option<LooseBool>,
    /// Check until when it is valid.
    pub check_valid_until: Option<LooseBool>,
    /// Components.
    pub components: Option<StringList>,
    /// Seconds that a date may lie in the future.
    pub date_max_future: Option<LooseInt>,
    /// Whether the source counts.
    pub enabled: Option<LooseBool>,
    /// Path of the `InRelease` file.
    pub inrelease_path: Option<LooseString>,
    /// Languages to fetch.
    pub languages: Option<StringList>,
    /// Name, which also names the file.
    pub name: LooseString,
    /// Fetch differences to older lists.
    pub pdiffs: Option<LooseBool>,
    /// The key: its text, a file on the host, or a URL.
    pub signed_by: Option<LooseString>,
    /// Suites.
    pub suites: Option<StringList>,
    /// What to fetch.
    pub targets: Option<StringList>,
    /// Trust it whatever its signature.
    pub trusted: Option<LooseBool>,
    /// `deb`, `deb-src`.
    #[serde(default = "types")]
    pub types: StringList,
    /// URLs.
    pub uris: Option<StringList>,
    /// Permissions of the file.
    #[serde(default = "mode")]
    pub mode: FileMode,
    /// Whether it should be there.
    #[serde(default)]
    pub state: State,
}

default_args!(name);

fn types() -> StringList {
    ["deb"].into()
}

fn mode() -> FileMode {
    FileMode::Bits(0o644)
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The file's text.
    repo: Option<String>,
    /// The file.
    dest: PathBuf,
    /// The file of the key.
    key_filename: Option<PathBuf>,
}

/// What will be done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// The source's text before and after, if it changes.
    text: Option<(String, String)>,
    /// Permissions, if they change.
    mode: Option<u32>,
    /// New content of the key in base64.
    key: Option<String>,
    /// Permissions of the key, if they change.
    key_mode: Option<u32>,
    /// Files that go.
    remove: Vec<PathBuf>,
}

const KEYRINGS: &str = "/etc/apt/keyrings";

/// The name as a file has it.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            '_' => slug.push('-'),
            c if c.is_whitespace() => slug.push('-'),
            c => slug.push(c),
        }
    }
    let mut out = String::new();
    let mut blank = false;
    for (c, original) in slug.chars().zip(name.to_lowercase().chars()) {
        let is_blank = original == '_' || original.is_whitespace();
        // Several blanks are one.
        if !(is_blank && blank) && (c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            out.push(c);
        }
        blank = is_blank;
    }
    out
}

/// A field's name as the format has it.
fn field_name(name: &str) -> String {
    match name {
        "name" => "X-Repolib-Name".to_owned(),
        "uris" => "URIs".to_owned(),
        name => {
            let capital = |word: &str| {
                let (first, rest) = word.split_at(1);
                format!("{}{rest}", first.to_uppercase())
            };
            name.split('_').map(capital).collect::<Vec<_>>().join("-")
        }
    }
}

/// A text of several lines as a field holds it.
fn folded(text: &str) -> String {
    let lines = text.trim().lines().map(str::trim).map(|line| if line.is_empty() { "." } else { line });
    format!("\n{}", lines.map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n"))
}

impl Args {
    fn dest(&self) -> PathBuf {
        Path::new("/etc/apt/sources.list.d").join(format!("{}.sources", slug(&self.name)))
    }

    fn key_file(&self, extension: &str) -> PathBuf {
        Path::new(KEYRINGS).join(format!("{}.{extension}", slug(&self.name)))
    }

    /// The text, with `signed_by` as it is to be written.
    fn text(&self, signed_by: Option<&str>) -> String {
        let yes = |flag: &Option<LooseBool>| flag.map(|flag| if *flag { "yes" } else { "no" }.to_owned());
        let list = |list: &Option<StringList>| list.as_ref().map(|list| list.join(" "));
        let fields = [
            ("allow_downgrade_to_insecure", yes(&self.allow_downgrade_to_insecure)),
            ("allow_insecure", yes(&self.allow_insecure)),
            ("allow_weak", yes(&self.allow_weak)),
            ("architectures", list(&self.architectures)),
            ("by_hash", yes(&self.by_hash)),
            ("check_date", yes(&self.check_date)),
            ("check_valid_until", yes(&self.check_valid_until)),
            ("components", list(&self.components)),
            ("date_max_future", self.date_max_future.map(|number| number.0.to_string())),
            ("enabled", yes(&self.enabled)),
            ("inrelease_path", self.inrelease_path.as_ref().map(|path| path.0.clone())),
            ("languages", list(&self.languages)),
            ("name", Some(self.name.0.clone())),
            ("pdiffs", yes(&self.pdiffs)),
            ("signed_by", signed_by.map(str::to_owned)),
            ("suites", list(&self.suites)),
            ("targets", list(&self.targets)),
            ("trusted", yes(&self.trusted)),
            ("types", Some(self.types.join(" "))),
            ("uris", list(&self.uris)),
        ];
        let mut text = String::new();
        for (name, value) in fields {
            let Some(value) = value else { continue };
            let value = if value.contains('\n') { folded(&value) } else { format!(" {value}") };
            text.push_str(&format!("{}:{value}\n", field_name(name)));
        }
        text
    }

    fn absent(&self, system: &dyn System) -> Result<Checked<Deb822Repository>, ModuleError> {
        let mut change = Change::default();
        for path in [self.dest(), self.key_file("asc"), self.key_file("gpg")] {
            if system.exists(&path)? {
                change.remove.push(path);
            }
        }
        let output = Output { repo: None, dest: self.dest(), key_filename: Some(self.key_file("gpg")) };
        Ok(if change.remove.is_empty() { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    /// The key as the source names it, and its file and content where it has to be fetched.
    fn key(&self, system: &dyn System) -> Result<(Option<String>, Option<KeyFile>), ModuleError> {
        let Some(given) = self.signed_by.as_ref().map(|given| given.0.clone()) else { return Ok((None, None)) };
        let is_file = given.starts_with('/') && system.exists(Path::new(&given))?;
        if is_file || given.contains('\n') || !given.contains("://") {
            return Ok((Some(given), None));
        }
        let content = web::download(system, &given, true)
            .map_err(|error| ModuleError::new(format!("Could not fetch signed_by key: {error}")))?;
        let mark = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
        let armored = content.windows(mark.len()).any(|window| window == mark);
        let path = self.key_file(if armored { "asc" } else { "gpg" });
        Ok((Some(path.to_string_lossy().into_owned()), Some((path, content))))
    }
}

/// A key that has to be written: where, and what.
type KeyFile = (PathBuf, Vec<u8>);

impl Module for Deb822Repository {
    const NAME: &'static str = "ansible.builtin.deb822_repository";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.deb822_repository"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if let Some(kind) = args.types.iter().find(|kind| !matches!(kind.as_str(), "deb" | "deb-src")) {
            let msg = format!("value of types must be one or more of: deb, deb-src. Got no match for: {kind}");
            return Err(ModuleError::new(msg));
        }
        if args.state == State::Absent {
            return args.absent(system);
        }
        let (signed_by, key) = args.key(system)?;
        let mut change = Change::default();
        if let Some((path, content)) = &key {
            let there = if system.exists(path)? { Some(Algorithm::Sha256.of_file(system, path)?) } else { None };
            if there != Some(Algorithm::Sha256.of_bytes(content)) {
                change.key = Some(STANDARD.encode(content));
            }
            change.key_mode = system.metadata(path)?.filter(|meta| meta.mode != 0o644).map(|_| 0o644);
        }
        let (dest, text) = (args.dest(), args.text(signed_by.as_deref()));
        let meta = system.metadata(&dest)?;
        let before = if meta.is_some() { system.read_text(&dest)? } else { String::new() };
        let bits = args.mode.bits(meta.as_ref().map_or(0o644, |meta| meta.mode), false, system.umask());
        change.mode = (meta.is_none_or(|meta| meta.mode != bits)).then_some(bits);
        if before != text {
            change.text = Some((before, text.clone()));
        }
        let output = Output { repo: Some(text), dest, key_filename: key.map(|(path, _)| path) };
        let nothing =
            change.text.is_none() && change.mode.is_none() && change.key.is_none() && change.key_mode.is_none();
        Ok(if nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        for path in &change.remove {
            system.remove(path)?;
        }
        if args.state == State::Absent {
            return Ok(Output { repo: None, dest: args.dest(), key_filename: Some(args.key_file("gpg")) });
        }
        let (signed_by, key) = match &change.key {
            // As it was looked at, not as it may be by now.
            Some(content) => {
                let content = STANDARD.decode(content).map_err(|error| ModuleError::new(error.to_string()))?;
                let armored = content.windows(5).any(|window| window == b"-----");
                let path = args.key_file(if armored { "asc" } else { "gpg" });
                (Some(path.to_string_lossy().into_owned()), Some((path, content)))
            }
            None => args.key(system)?,
        };
        if let Some((path, content)) = &key {
            if change.key.is_some() {
                if !system.exists(Path::new(KEYRINGS))? {
                    system.create_dir(Path::new(KEYRINGS), 0o755)?;
                }
                system.write(path, &WriteFile { mode: Some(0o644), ..WriteFile::new(content.clone()) })?;
            } else if let Some(mode) = change.key_mode {
                system.set_mode(path, mode)?;
            }
        }
        let dest = args.dest();
        match (&change.text, change.mode) {
            (Some((_, text)), mode) => system.write(&dest, &WriteFile { mode, ..WriteFile::new(text.clone()) })?,
            (None, Some(mode)) => system.set_mode(&dest, mode)?,
            (None, None) => {}
        }
        Ok(Output { repo: Some(args.text(signed_by.as_deref())), dest, key_filename: key.map(|(path, _)| path) })
    }

    fn made(change: &Change) -> Vec<Made> {
        let is_new = change.text.as_ref().is_some_and(|(before, _)| before.is_empty());
        is_new.then_some(Made::Itself).into_iter().collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut diffs: Vec<Diff> =
            change.text.iter().map(|(before, after)| Diff::texts("source", before.clone(), after.clone())).collect();
        diffs.extend(change.key.iter().map(|_| Diff::prepared("write the key\n")));
        diffs.extend(
            change.mode.map(|mode| Diff::properties("source", [("mode", String::new(), format!("{mode:04o}"))])),
        );
        diffs.extend(change.remove.iter().map(|path| Diff::prepared(format!("remove {}\n", path.display()))));
        diffs
    }
}

#[cfg(test)]
mod tests {
    use super::{field_name, slug};

    #[test]
    fn names_become_files_and_fields() {
        assert_eq!(slug("My  Repo_1.2 (x)"), "my-repo-12-x");
        assert_eq!(field_name("signed_by"), "Signed-By");
        assert_eq!(field_name("check_valid_until"), "Check-Valid-Until");
    }
}
