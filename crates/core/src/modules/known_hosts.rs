//! `ansible.builtin.known_hosts`: host keys that `ssh` knows.
//!
//! Needs no `ssh-keygen`. Deviation: no copy `known_hosts.old` is kept when all keys of a host are removed.

use super::support::glob;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, default_args};
use crate::system::{System, WriteFile};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::path::PathBuf;

/// A host's key.
pub struct KnownHosts;

/// Whether the key should be there.
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
    /// The host, as `key` names it; `[host]:port` for other ports.
    #[serde(alias = "host")]
    pub name: LooseString,
    /// The line to have: host, kind, key. Without one, all keys of the host are removed.
    pub key: Option<LooseString>,
    /// The file.
    #[serde(default = "path")]
    pub path: PathArg,
    /// Hide the host's name in the file.
    #[serde(default)]
    pub hash_host: LooseBool,
    /// Whether the key should be there.
    #[serde(default)]
    pub state: State,
}

default_args!(name);

fn path() -> PathArg {
    "~/.ssh/known_hosts".into()
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The host.
    name: String,
    /// The line.
    key: Option<String>,
    /// The file.
    path: String,
    /// Whether the host's name is hidden.
    hash_host: bool,
    /// Whether the key should be there.
    state: State,
    /// The file before and after.
    diff: Diff,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    path: PathBuf,
    before: Option<String>,
    after: String,
}

impl Change {
    fn diff(&self) -> Diff {
        let path = self.path.display().to_string();
        let mut diff = Diff::texts(path, self.before.clone().unwrap_or_default(), self.after.clone());
        if self.before.is_none() {
            diff.before_header = "/dev/null".to_owned();
        }
        diff
    }
}

/// A line, taken apart.
#[derive(Clone, PartialEq, Eq)]
struct Entry<'t> {
    marker: Option<&'t str>,
    hosts: &'t str,
    kind: &'t str,
    key: &'t str,
}

impl<'t> Entry<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        Some(Self { marker, hosts: words.next()?, kind: words.next()?, key: words.next()? })
    }

    /// Whether it is about `host` (in small letters).
    fn names(&self, host: &str) -> bool {
        if let Some(hashed) = self.hosts.strip_prefix("|1|") {
            let Some((salt, hash)) = hashed.split_once('|') else { return false };
            let decoded = STANDARD.decode(salt).ok().and_then(|salt| digest(&salt, host));
            return decoded.is_some_and(|digest| STANDARD.encode(digest) == hash);
        }
        let matches = |pattern: &str| glob_matches(&pattern.to_lowercase(), host);
        let (mut found, patterns) = (false, self.hosts.split(','));
        for pattern in patterns {
            match pattern.strip_prefix('!') {
                Some(pattern) if matches(pattern) => return false,
                Some(_) => {}
                None => found |= matches(pattern),
            }
        }
        found
    }
}

/// Brackets stand around a host with a port, they are no class.
fn glob_matches(pattern: &str, host: &str) -> bool {
    glob::matches(&pattern.replace('[', "[[]"), host)
}

fn digest(salt: &[u8], host: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(host.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// The line with the host's name hidden. The salt follows from the key, which stands beside it and differs from host to host:
/// names are as hard to find as with a random one, and a plan shows the line that is written.
fn hidden(entry: &Entry<'_>, host: &str) -> String {
    let salt = digest(b"known_hosts", entry.key).unwrap_or_default();
    let hash = digest(&salt, host).unwrap_or_default();
    let marker = entry.marker.map(|marker| format!("{marker} ")).unwrap_or_default();
    let (salt, hash) = (STANDARD.encode(salt), STANDARD.encode(hash));
    format!("{marker}|1|{salt}|{hash} {} {}", entry.kind, entry.key)
}

/// The file without the lines `drop`, and with another one at its end.
fn edited(text: &str, drop: impl Fn(usize) -> bool, add: Option<&str>) -> String {
    let mut out: String =
        text.split_inclusive('\n').enumerate().filter(|(index, _)| !drop(*index)).map(|(_, line)| line).collect();
    if let Some(line) = add {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(line.trim_end_matches('\n'));
        out.push('\n');
    }
    out
}

impl Args {
    fn output(&self, diff: Diff) -> Output {
        Output {
            name: self.name.0.clone(),
            key: self.key.as_ref().map(|key| key.0.clone()),
            path: self.path.raw().to_owned(),
            hash_host: *self.hash_host,
            state: self.state,
            diff,
        }
    }
}

impl Module for KnownHosts {
    const NAME: &'static str = "ansible.builtin.known_hosts";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.known_hosts"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let host = args.name.to_lowercase();
        let key = args.key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        if key.is_none() && args.state == State::Present {
            return Err(ModuleError::new("No key specified when adding a host"));
        }
        let path = args.path.path(system)?;
        let before = if system.exists(&path)? { Some(system.read_text(&path)?) } else { None };
        let text = before.as_deref().unwrap_or_default();
        let entries: Vec<(usize, Entry<'_>)> = text
            .lines()
            .enumerate()
            .filter_map(|(index, line)| Some((index, Entry::parse(line)?)))
            .filter(|(_, entry)| entry.names(&host))
            .collect();
        let change = |after: String| Change { path: path.clone(), before: before.clone(), after };
        let changed = |after: String| {
            let change = change(after);
            Checked::changed(args.output(change.diff()), change)
        };
        let unchanged = || Checked::unchanged(args.output(change(text.to_owned()).diff()));
        let Some(key) = key else {
            // Keys of authorities and revoked ones stay.
            let drop: Vec<usize> =
                entries.iter().filter(|(_, entry)| entry.marker.is_none()).map(|(index, _)| *index).collect();
            if drop.is_empty() {
                return Ok(unchanged());
            }
            let after = edited(text, |index| drop.contains(&index), None);
            return Ok(changed(after));
        };
        if host.contains(',') {
            let msg = "Comma separated list of names is not supported. Please pass a single name to lookup in the known_hosts file.";
            return Err(ModuleError::new(msg));
        }
        let wanted = Entry::parse(key).filter(|entry| entry.names(&host));
        let Some(wanted) = wanted else {
            return Err(ModuleError::new("Host parameter does not match hashed host field in supplied key"));
        };
        let is_hidden = |hosts: &str| hosts.starts_with("|1|");
        let hide = *args.hash_host && !is_hidden(wanted.hosts);
        let same = |entry: &Entry<'_>| {
            let same_hosts = entry.hosts == wanted.hosts || is_hidden(entry.hosts) && (hide || is_hidden(wanted.hosts));
            same_hosts
                && (!hide || is_hidden(entry.hosts))
                && (entry.marker, entry.kind, entry.key) == (wanted.marker, wanted.kind, wanted.key)
        };
        let exact = entries.iter().find(|(_, entry)| same(entry)).map(|(index, _)| *index);
        if args.state == State::Absent {
            let Some(line) = exact.or_else(|| {
                entries
                    .iter()
                    .find(|(_, entry)| entry.marker.is_none() && entry.kind == wanted.kind)
                    .map(|(index, _)| *index)
            }) else {
                return Ok(unchanged());
            };
            return Ok(changed(edited(text, |index| index == line, None)));
        }
        if exact.is_some() {
            return Ok(unchanged());
        }
        let line = if hide { hidden(&wanted, &host) } else { key.to_owned() };
        let old = entries
            .iter()
            .find(|(_, entry)| entry.marker.is_none() && entry.kind == wanted.kind)
            .map(|(index, _)| *index);
        let after = edited(text, |index| Some(index) == old, Some(&line));
        Ok(changed(after))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let diff = change.diff();
        system.write(&change.path, &WriteFile::new(change.after))?;
        Ok(args.output(diff))
    }

    fn made(change: &Change) -> Vec<Made> {
        Made::of_text(&change.path, change.before.as_deref(), &change.after)
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![change.diff()]
    }
}
