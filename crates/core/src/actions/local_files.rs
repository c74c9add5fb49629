//! Files of the controller that a module on a host needs: found, measured, hashed, and handed out by their hash.

use super::{ActionError, Context};
use crate::connection::BlobSource;
use crate::system::local_files::{self, Opened, Stamp};
use crate::vars::Decrypt;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Files up to this size travel inside the request.
const INLINE: u64 = 64 * 1024;

/// Contents by hash, for the helper to ask for.
#[derive(Clone, Default)]
pub(super) struct Blobs(HashMap<String, Content>);

#[derive(Clone)]
enum Content {
    Bytes(Arc<[u8]>),
    File(PathBuf),
}

impl BlobSource for Blobs {
    fn open(&self, sha256: &str) -> Option<(u64, Box<dyn Read + Send>)> {
        match self.0.get(sha256)? {
            Content::Bytes(bytes) => Some((bytes.len() as u64, Box::new(std::io::Cursor::new(Arc::clone(bytes))))),
            Content::File(path) => {
                let file = local_files::open(path).ok()?;
                Some((file.size, file.reader()))
            }
        }
    }

    fn keep(&self) -> Box<dyn BlobSource> {
        Box::new(self.clone())
    }
}

impl Blobs {
    /// A file's description for the helper: where it goes, what it is, and its content if it is small. With `decrypt` the
    /// content of a vault is what is in it.
    pub(super) fn file(
        &mut self,
        context: &Context<'_>,
        path: &Path,
        relative: &str,
        decrypt: bool,
    ) -> Result<Json, ActionError> {
        let file = open(path)?;
        if decrypt && file.starts_with(VAULT) {
            let mode = file.mode;
            return Ok(self.bytes(&plain(context, path, file)?, relative, mode));
        }
        let (size, mode) = (file.size, file.mode);
        if size > INLINE {
            let hashes = Hashes::of(path).map_err(|error| unreadable(path, &error))?;
            self.0.insert(hashes.sha256.clone(), Content::File(path.to_owned()));
            return Ok(json!({
                "path": relative, "sha256": hashes.sha256, "sha1": hashes.sha1, "size": size, "mode": mode,
            }));
        }
        Ok(inline(relative, &file.read().map_err(|error| unreadable(path, &error))?, mode))
    }

    /// The same for content that is in memory.
    pub(super) fn bytes(&mut self, bytes: &[u8], relative: &str, mode: u32) -> Json {
        if bytes.len() as u64 <= INLINE {
            return inline(relative, bytes, mode);
        }
        let sha256 = crate::text::hex(&Sha256::digest(bytes));
        self.0.insert(sha256.clone(), Content::Bytes(bytes.into()));
        json!({"path": relative, "sha256": sha256, "size": bytes.len(), "mode": mode})
    }
}

/// What vaults begin with.
const VAULT: &[u8] = b"$ANSIBLE_VAULT;";

/// All of a file, and its permissions. With `decrypt` the content of a vault is what is in it.
pub(super) fn read(context: &Context<'_>, path: &Path, decrypt: bool) -> Result<(Vec<u8>, u32), ActionError> {
    let file = open(path)?;
    let mode = file.mode;
    let bytes = match decrypt && file.starts_with(VAULT) {
        true => plain(context, path, file)?,
        false => file.read().map_err(|error| unreadable(path, &error))?,
    };
    Ok((bytes, mode))
}

fn open(path: &Path) -> Result<Opened, ActionError> {
    local_files::open(path).map_err(|error| ActionError::Failed(format!("failed to {error}")))
}

fn unreadable(path: &Path, error: &io::Error) -> ActionError {
    ActionError::Failed(format!("failed to read {}: {error}", path.display()))
}

/// What is in a vault.
fn plain(context: &Context<'_>, path: &Path, file: Opened) -> Result<Vec<u8>, ActionError> {
    let envelope = file.read().map_err(|error| unreadable(path, &error))?;
    let vault: &dyn Decrypt = &**context.vault;
    vault.decrypt(&String::from_utf8_lossy(&envelope)).map_err(|error| {
        let path = path.display();
        ActionError::Failed(match error.contains("no vault secrets found") {
            true => format!("A vault password or secret must be specified to decrypt {path}"),
            false => format!("failed to open the vault {path}: {error}"),
        })
    })
}

/// The description of a content that travels with it.
fn inline(relative: &str, bytes: &[u8], mode: u32) -> Json {
    let sha256 = crate::text::hex(&Sha256::digest(bytes));
    json!({"path": relative, "sha256": sha256, "size": bytes.len(), "mode": mode, "_inline": BASE64.encode(bytes)})
}

/// What a file hashes to: by SHA-256 for us, by SHA-1 for results, which tell it as Ansible does.
struct Hashes {
    sha256: String,
    sha1: String,
}

/// Hashes that are made, or being made, by what tells a file from another and from what it was before.
type Known = Mutex<HashMap<Stamp, Arc<Mutex<Option<Arc<Hashes>>>>>>;

impl Hashes {
    /// Those of a file. It is read once, however many hosts it goes to.
    fn of(path: &Path) -> io::Result<Arc<Self>> {
        static KNOWN: LazyLock<Known> = LazyLock::new(Mutex::default);
        let stamp = local_files::stamp(path)?;
        let place = Arc::clone(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).entry(stamp).or_default());
        // Other hosts' threads wait here for the first one.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*place {
            return Ok(Arc::clone(known));
        }
        let (sha256, sha1) = std::thread::scope(|scope| {
            let sha1 = scope.spawn(|| digest::<Sha1>(path));
            (digest::<Sha256>(path), sha1.join())
        });
        let sha1 = sha1.unwrap_or_else(|_| Err(io::Error::other("hashing ended early")))?;
        Ok(Arc::clone(place.insert(Arc::new(Self { sha256: sha256?, sha1 }))))
    }
}

fn digest<D: Digest>(path: &Path) -> io::Result<String> {
    let mut reader = local_files::open(path).map_err(io::Error::other)?.reader();
    let (mut digest, mut piece) = (D::new(), vec![0; 256 << 10]);
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(crate::text::hex(&digest.finalize())),
            count => digest.update(&piece[..count]),
        }
    }
}
