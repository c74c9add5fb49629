//! `ansible.posix.authorized_key`: keys that may log in as a user.

use super::support::web;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::{FileKind, Ownership, System, WriteFile, users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Keys that may log in.
pub struct AuthorizedKey;

/// Whether the keys should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They should.
    #[default]
    Present,
    /// They should not.
    Absent,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Who the keys log in as.
    pub user: LooseString,
    /// The keys, one a line, or the URL that gives them.
    pub key: LooseString,
    /// The file, if not the user's `~/.ssh/authorized_keys`.
    pub path: Option<PathArg>,
    /// Make the directory of the file, for the user alone.
    #[serde(default = "LooseBool::yes")]
    pub manage_dir: LooseBool,
    /// Whether the keys should be there.
    #[serde(default)]
    pub state: State,
    /// Options of the keys, instead of those in front of them.
    pub key_options: Option<LooseString>,
    /// Remove all other keys.
    #[serde(default)]
    pub exclusive: LooseBool,
    /// Check the certificate of an `https` URL.
    #[serde(default = "LooseBool::yes")]
    pub validate_certs: LooseBool,
    /// Comment of the keys, instead of the one behind them.
    pub comment: Option<LooseString>,
    /// Write to what a link points to.
    #[serde(default)]
    pub follow: LooseBool,
}

default_args!(user, key);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Who the keys log in as.
    user: String,
    /// The keys.
    key: String,
    /// The file, as it was given.
    path: Option<String>,
    /// The file.
    keyfile: String,
    /// Whether its directory is made.
    manage_dir: bool,
    /// Whether the keys should be there.
    state: State,
    /// Options of the keys.
    key_options: Option<String>,
    /// Whether others are removed.
    exclusive: bool,
    /// Whether certificates are checked.
    validate_certs: bool,
    /// Comment of the keys.
    comment: Option<String>,
    /// Whether links are followed.
    follow: bool,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    path: PathBuf,
    before: String,
    after: String,
    /// To be made, with this owner and group.
    directory: Option<PathBuf>,
    owner: Option<(u32, u32)>,
    mode: Option<u32>,
}

const KINDS: &[&str] = &[
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "ssh-dss",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
    "ssh-xmss-cert-v01@openssh.com",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ssh-rsa-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
];

/// A key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    options: String,
    kind: String,
    blob: String,
    comment: String,
}

/// A line of the file.
#[derive(Debug, Clone)]
enum Line {
    Key(Key),
    Other(String),
}

/// `text` at blanks that no quotes protect: the first word and the rest.
fn word(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return (&text[..index], text[index..].trim_start()),
            _ => {}
        }
    }
    (text, "")
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (first, rest) = word(line);
        let (options, kind, rest) = if KINDS.contains(&first) {
            ("", first, rest)
        } else {
            let (kind, rest) = word(rest);
            (first, kind, rest)
        };
        let (blob, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
        let known = KINDS.contains(&kind) && !blob.is_empty();
        let owned = str::to_owned;
        known.then(|| Self {
            options: owned(options),
            kind: owned(kind),
            blob: owned(blob),
            comment: owned(comment.trim()),
        })
    }

    fn text(&self) -> String {
        let options = if self.options.is_empty() { String::new() } else { format!("{} ", self.options) };
        let comment = if self.comment.is_empty() { String::new() } else { format!(" {}", self.comment) };
        format!("{options}{} {}{comment}", self.kind, self.blob)
    }

    fn is_same_key(&self, other: &Self) -> bool {
        (&self.kind, &self.blob) == (&other.kind, &other.blob)
    }
}

impl Args {
    /// What `key` gives, from its URL if it is one.
    fn text(&self, system: &dyn System) -> Result<String, ModuleError> {
        if !self.key.starts_with("http://") && !self.key.starts_with("https://") && !self.key.starts_with("file://") {
            return Ok(self.key.0.clone());
        }
        let body = web::download(system, &self.key, *self.validate_certs)
            .map_err(|why| ModuleError::new(format!("Error getting key from: {} ({why})", self.key.0)))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn keys(&self, system: &dyn System) -> Result<Vec<Key>, ModuleError> {
        let text = self.text(system)?;
        let mut keys: Vec<Key> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut key = Key::parse(line).ok_or_else(|| ModuleError::new(format!("invalid key specified: {line}")))?;
            if let Some(options) = &self.key_options {
                key.options.clone_from(&options.0);
            }
            if let Some(comment) = &self.comment {
                key.comment.clone_from(&comment.0);
            }
            if !keys.iter().any(|known| known.is_same_key(&key)) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    fn output(&self, path: &Path) -> Output {
        let text = |text: &Option<LooseString>| text.as_ref().map(|text| text.0.clone());
        Output {
            user: self.user.0.clone(),
            key: self.key.0.clone(),
            path: self.path.as_ref().map(|path| path.raw().to_owned()),
            keyfile: path.to_string_lossy().into_owned(),
            manage_dir: *self.manage_dir,
            state: self.state,
            key_options: text(&self.key_options),
            exclusive: *self.exclusive,
            validate_certs: *self.validate_certs,
            comment: text(&self.comment),
            follow: *self.follow,
        }
    }
}

fn edited(args: &Args, text: &str, keys: &[Key]) -> String {
    let mut lines: Vec<Line> =
        text.lines().map(|line| Key::parse(line).map_or_else(|| Line::Other(line.to_owned()), Line::Key)).collect();
    let is_wanted = |line: &Line, key: &Key| matches!(line, Line::Key(found) if found.is_same_key(key));
    match args.state {
        State::Absent => lines.retain(|line| !keys.iter().any(|key| is_wanted(line, key))),
        State::Present => {
            for key in keys {
                let mut found = lines.iter_mut().filter(|line| is_wanted(line, key)).peekable();
                if found.peek().is_none() {
                    lines.push(Line::Key(key.clone()));
                    continue;
                }
                found.for_each(|line| *line = Line::Key(key.clone()));
            }
            if *args.exclusive {
                lines
                    .retain(|line| !matches!(line, Line::Key(found) if !keys.iter().any(|key| key.is_same_key(found))));
            }
        }
    }
    lines.iter().fold(String::new(), |mut out, line| {
        match line {
            Line::Key(key) => out.push_str(&key.text()),
            Line::Other(line) => out.push_str(line),
        }
        out.push('\n');
        out
    })
}

impl Module for AuthorizedKey {
    const NAME: &'static str = "ansible.posix.authorized_key";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let user = users::user(system, &args.user)?;
        let missing =
            |why: &dyn std::fmt::Display| ModuleError::new(format!("Failed to lookup user {}: {why}", args.user.0));
        let path = match (&args.path, &user) {
            (Some(path), _) => path.path(system)?,
            (None, Some(user)) => Path::new(&user.home).join(".ssh/authorized_keys"),
            (None, None) => return Err(missing(&"there is no such user")),
        };
        let path = if *args.follow { system.canonicalize(&path).unwrap_or(path) } else { path };
        let keys = args.keys(system)?;
        let meta = system.metadata(&path)?;
        if meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Directory) {
            return Err(ModuleError::new(format!("{} is a directory", path.display())));
        }
        let before = if meta.is_some() { system.read_text(&path)? } else { String::new() };
        let after = edited(args, &before, &keys);
        // Only keys count: a last line without an end is left alone.
        if after.trim_end_matches('\n') == before.trim_end_matches('\n') {
            return Ok(Checked::unchanged(args.output(&path)));
        }
        let owner = user.as_ref().map(|user| (user.uid, user.gid));
        if owner.is_none() && meta.is_none() {
            return Err(missing(&"there is no such user"));
        }
        let directory = path.parent().filter(|_| *args.manage_dir).map(Path::to_owned);
        let directory = match directory {
            Some(directory) if !system.exists(&directory)? => Some(directory),
            _ => None,
        };
        let mode = meta.is_none().then_some(0o600);
        let owner = owner.filter(|_| meta.is_none() || directory.is_some());
        let output = args.output(&path);
        Ok(Checked::changed(output, Change { path, before, after, directory, owner, mode }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let ownership = change.owner.map(|(uid, gid)| Ownership { uid: Some(uid), gid: Some(gid) }).unwrap_or_default();
        if let Some(directory) = &change.directory {
            system.create_dir(directory, 0o700)?;
            system.set_mode(directory, 0o700)?;
            system.set_owner(directory, ownership, false)?;
        }
        let file = WriteFile { mode: change.mode, ownership, ..WriteFile::new(change.after) };
        system.write(&change.path, &file)?;
        Ok(args.output(&change.path))
    }

    fn made(change: &Change) -> Vec<Made> {
        let directory = change.directory.iter().map(|path| Made::Directory(path.clone()));
        // The mode is for a file that is new.
        let before = change.mode.is_none().then_some(&*change.before);
        directory.chain(Made::of_text(&change.path, before, &change.after)).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::texts(change.path.display().to_string(), change.before.clone(), change.after.clone())]
    }
}
