//! Files of the controller that a module on a host needs: found, measured, hashed, and handed out by their hash.

use super::ActionError;
use crate::connection::BlobSource;
use crate::system::local_files;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
                let (size, reader) = local_files::open(path).ok()?;
                Some((size, reader))
            }
        }
    }

    fn keep(&self) -> Box<dyn BlobSource> {
        Box::new(self.clone())
    }
}

impl Blobs {
    /// A file's description for the helper: where it goes, what it is, and its content if it is small.
    pub(super) fn file(&mut self, path: &Path, relative: &str) -> Result<Json, ActionError> {
        let failed = |error: crate::system::SystemError| ActionError::Failed(format!("failed to {error}"));
        let (size, mut reader) = local_files::open(path).map_err(failed)?;
        let mode = local_files::mode(path).map_err(failed)?;
        let read_error =
            |error: std::io::Error| ActionError::Failed(format!("failed to read {}: {error}", path.display()));
        let mut hash = Sha256::new();
        let mut inline = None;
        if size <= INLINE {
            let mut bytes = Vec::with_capacity(size as usize);
            reader.read_to_end(&mut bytes).map_err(read_error)?;
            hash.update(&bytes);
            inline = Some(bytes);
        } else {
            let mut chunk = vec![0; 256 * 1024];
            loop {
                let count = reader.read(&mut chunk).map_err(read_error)?;
                if count == 0 {
                    break;
                }
                hash.update(&chunk[..count]);
            }
        }
        let sha256 = crate::wire::hex(&hash.finalize());
        if inline.is_none() {
            self.0.insert(sha256.clone(), Content::File(path.to_owned()));
        }
        Ok(description(relative, &sha256, size, mode, inline.as_deref()))
    }

    /// The same for content that is in memory.
    pub(super) fn bytes(&mut self, bytes: &[u8], relative: &str, mode: u32) -> Json {
        let sha256 = crate::wire::hex(&Sha256::digest(bytes));
        let inline = (bytes.len() as u64 <= INLINE).then_some(bytes);
        if inline.is_none() {
            self.0.insert(sha256.clone(), Content::Bytes(bytes.into()));
        }
        description(relative, &sha256, bytes.len() as u64, mode, inline)
    }
}

fn description(relative: &str, sha256: &str, size: u64, mode: u32, inline: Option<&[u8]>) -> Json {
    use base64::Engine as _;
    let mut file = json!({"path": relative, "sha256": sha256, "size": size, "mode": mode});
    if let (Some(bytes), Some(fields)) = (inline, file.as_object_mut()) {
        fields.insert("_inline".into(), base64::engine::general_purpose::STANDARD.encode(bytes).into());
    }
    file
}
