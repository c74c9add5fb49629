//! The helper's binaries that a controller has to offer, by architecture.

use super::ConnectionError;
use crate::text::nearest;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The architecture of the helper that comes with the controller: its own, as `uname -m` calls it.
pub const NATIVE: &str = std::env::consts::ARCH;

/// A static binary of the helper.
#[derive(Clone)]
pub struct Helper {
    bytes: Cow<'static, [u8]>,
    sha256: String,
}

impl Helper {
    /// `bytes` is an executable.
    pub fn new(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        let sha256 = crate::text::hex(&Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }

    /// `bytes` is an executable whose SHA-256, in lower-case hexadecimal, is known already.
    pub fn with_sha256(bytes: impl Into<Cow<'static, [u8]>>, sha256: impl Into<String>) -> Self {
        Self { bytes: bytes.into(), sha256: sha256.into() }
    }

    /// The executable.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its hash, in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// One helper an architecture: the one that was built in, and files called `hostler-helper-ARCHITECTURE` in a folder.
pub struct Helpers {
    folder: Option<PathBuf>,
    loaded: Mutex<HashMap<String, Arc<Helper>>>,
}

impl Helpers {
    /// `native` for [`NATIVE`] hosts, files in `folder` for others.
    pub fn new(native: Helper, folder: Option<PathBuf>) -> Self {
        Self { folder, loaded: Mutex::new(HashMap::from([(NATIVE.to_owned(), Arc::new(native))])) }
    }

    /// The helper for `architecture`.
    ///
    /// # Errors
    /// When there is none; says where it was looked for.
    pub fn get(&self, architecture: &str) -> Result<Arc<Helper>, ConnectionError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(helper) = loaded.get(architecture) {
            return Ok(Arc::clone(helper));
        }
        // The name goes into a path: it comes from the host, so only what an architecture may be called is let through.
        if !architecture.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
            return Err(ConnectionError::Failed(format!("the host calls its architecture {architecture:?}")));
        }
        let name = format!("hostler-helper-{architecture}");
        let Some(path) = self.folder.as_ref().map(|folder| folder.join(&name)) else {
            let hint = nearest(architecture, [NATIVE]).map(|near| format!(" (there is one for {near})"));
            return Err(ConnectionError::Failed(format!(
                "there is no helper for {architecture} hosts{}",
                hint.unwrap_or_default()
            )));
        };
        let bytes = std::fs::read(&path).map_err(|error| {
            ConnectionError::Failed(format!(
                "there is no helper for {architecture} hosts: failed to read {}: {error}; build crates/agent for \
                 {architecture} and put it there",
                path.display()
            ))
        })?;
        let helper = Arc::new(Helper::new(bytes));
        loaded.insert(architecture.to_owned(), Arc::clone(&helper));
        Ok(helper)
    }
}
