//! The files of known host keys, as `sshd(8)` describes them under "SSH_KNOWN_HOSTS FILE FORMAT".

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One line that is about the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it stands.
    pub place: (PathBuf, usize),
    /// The key's type, as the line names it.
    pub algorithm: String,
    key: Vec<u8>,
    revoked: bool,
    /// Found under the host's name alone although the port is another than 22: it may vouch, but does not contradict.
    without_port: bool,
}

/// What is known of a host's key.
#[derive(Debug, PartialEq)]
pub enum Verdict<'a> {
    /// It is this one.
    Known,
    /// Nothing is known of the host.
    Unknown,
    /// Another key is known.
    Changed(&'a Entry),
    /// This key must not be trusted.
    Revoked(&'a Entry),
}

/// All that is known of one host.
#[derive(Debug, Default)]
pub struct Known(Vec<Entry>);

/// The name under which a host is known.
pub fn host_name(host: &str, port: u16) -> String {
    if port == 22 { host.to_lowercase() } else { format!("[{}]:{port}", host.to_lowercase()) }
}

impl Known {
    /// Reads what `files` say of `host` at `port`. Files that are not there say nothing.
    pub fn read<'a>(files: impl IntoIterator<Item = &'a PathBuf>, host: &str, port: u16) -> Self {
        let (full, bare) = (host_name(host, port), host.to_lowercase());
        let mut entries = Vec::new();
        for path in files {
            let Ok(bytes) = std::fs::read(path) else { continue };
            for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
                let with_port = parse(line, &full);
                let without_port = with_port.is_none() && full != bare;
                let found = with_port.or_else(|| if without_port { parse(line, &bare) } else { None });
                if let Some((algorithm, key, revoked)) = found {
                    let place = (path.clone(), number + 1);
                    entries.push(Entry { place, algorithm, key, revoked, without_port });
                }
            }
        }
        Self(entries)
    }

    /// Types of the known keys.
    pub fn algorithms(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|entry| !entry.revoked).map(|entry| entry.algorithm.as_str())
    }

    /// Whether the host may have `key`.
    pub fn check(&self, key: &[u8]) -> Verdict<'_> {
        if let Some(entry) = self.0.iter().find(|entry| entry.revoked && entry.key == key) {
            return Verdict::Revoked(entry);
        }
        let mut trusted = self.0.iter().filter(|entry| !entry.revoked);
        if trusted.clone().any(|entry| entry.key == key) {
            return Verdict::Known;
        }
        // Keys of the known types were asked for first: a host that shows another one has changed.
        trusted.find(|entry| !entry.without_port).map_or(Verdict::Unknown, Verdict::Changed)
    }
}

/// The line's key, if the line is about `name`.
fn parse(line: &str, name: &str) -> Option<(String, Vec<u8>, bool)> {
    let mut fields = line.split_whitespace();
    let mut hosts = fields.next().filter(|field| !field.starts_with('#'))?;
    let revoked = hosts == "@revoked";
    if revoked {
        hosts = fields.next()?;
    } else if hosts.starts_with('@') {
        return None;
    }
    if !names(hosts, name) {
        return None;
    }
    let algorithm = fields.next()?.to_owned();
    let key = BASE64.decode(fields.next()?).ok()?;
    Some((algorithm, key, revoked))
}

/// Whether the first field of a line means `name`.
fn names(field: &str, name: &str) -> bool {
    if let Some(hashed) = field.strip_prefix("|1|") {
        let Some((salt, hash)) = hashed.split_once('|') else { return false };
        let Ok(salt) = BASE64.decode(salt) else { return false };
        return hash_name(&salt, name).as_deref() == Some(hash);
    }
    let mut found = false;
    for pattern in field.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern.as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), name.as_bytes()),
        }
    }
    found
}

fn hash_name(salt: &[u8], name: &str) -> Option<String> {
    let mut hmac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    hmac.update(name.as_bytes());
    Some(BASE64.encode(hmac.finalize().into_bytes()))
}

/// `*` and `?`, in any case.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, name) || name.split_first().is_some_and(|(_, name)| matches(pattern, name))
        }
        (Some((b'?', pattern)), Some((_, name))) => matches(pattern, name),
        (Some((p, pattern)), Some((n, name))) => p.eq_ignore_ascii_case(n) && matches(pattern, name),
        _ => false,
    }
}

/// Remembers `key` for `name` in `file`.
///
/// # Errors
/// Those of making or writing the file.
pub fn remember(file: &Path, name: &str, algorithm: &str, key: &[u8], hashed: bool) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let name = if hashed {
        let mut salt = [0; 20];
        getrandom::fill(&mut salt).map_err(|error| io::Error::other(error.to_string()))?;
        let hash = hash_name(&salt, name).ok_or(io::ErrorKind::InvalidInput)?;
        format!("|1|{}|{hash}", BASE64.encode(salt))
    } else {
        name.to_owned()
    };
    let line = format!("{name} {algorithm} {}\n", BASE64.encode(key));
    // One write: lines of other writers stay whole.
    File::options().append(true).create(true).mode(0o600).open(file)?.write_all(line.as_bytes())
}

/// The name of a public key's type, which its encoding begins with (RFC 4253, 6.6).
pub fn key_type(blob: &[u8]) -> Option<&str> {
    let length = u32::from_be_bytes(*blob.first_chunk()?) as usize;
    std::str::from_utf8(blob.get(4..4 + length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str, host: &str, port: u16) -> (Known, PathBuf) {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("hostler-known-{}-{count}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let known = Known::read([&path], host, port);
        std::fs::remove_file(&path).unwrap();
        (known, path)
    }

    #[test]
    fn plain_pattern_port_and_hashed_names_are_found() {
        // Hashed by `ssh-keygen -H`: the name is `example.org`.
        let salt = [7; 20];
        let hashed = format!("|1|{}|{}", BASE64.encode(salt), hash_name(&salt, "example.org").unwrap());
        let text = format!(
            "# comment\n{hashed} ssh-rsa QUJD\n*.example.net,!bad.example.net ssh-ed25519 REVG\n[example.org]:2222 ssh-rsa R0hJ\n"
        );
        assert_eq!(known(&text, "Example.org", 22).0.check(b"ABC"), Verdict::Known);
        assert_eq!(known(&text, "a.example.net", 22).0.check(b"DEF"), Verdict::Known);
        assert_eq!(known(&text, "bad.example.net", 22).0.check(b"DEF"), Verdict::Unknown);
        assert_eq!(known(&text, "example.org", 2222).0.check(b"GHI"), Verdict::Known);
        assert_eq!(known(&text, "example.org", 2222).0.check(b"ABC"), Verdict::Known);
        assert_eq!(known(&text, "example.org", 2200).0.check(b"XYZ"), Verdict::Unknown);
        let (known, path) = known(&text, "example.org", 22);
        let Verdict::Changed(entry) = known.check(b"GHI") else { panic!("accepted") };
        assert_eq!(entry.place, (path, 2));
        assert_eq!(known.algorithms().collect::<Vec<_>>(), ["ssh-rsa"]);
    }

    #[test]
    fn revoked_keys_are_refused_even_if_known() {
        let (known, _) = known("h ssh-rsa QUJD\n@revoked * ssh-rsa QUJD\n@cert-authority h ssh-rsa QUJD\n", "h", 22);
        assert!(matches!(known.check(b"ABC"), Verdict::Revoked(entry) if entry.place.1 == 2));
    }

    #[test]
    fn remembered_keys_are_known() {
        for hashed in [false, true] {
            let path = std::env::temp_dir().join(format!("hostler-remember-{}-{hashed}", std::process::id()));
            remember(&path, "[h]:2222", "ssh-ed25519", b"KEY", hashed).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap().starts_with("|1|"), hashed);
            assert_eq!(Known::read([&path], "h", 2222).check(b"KEY"), Verdict::Known);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
