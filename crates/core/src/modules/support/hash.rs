//! Checksums of files, in hex.

use crate::module::ModuleError;
use crate::system::{System, SystemError};
use crate::text::hex;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::io::Read;
use std::path::Path;

/// A way to make a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5.
    Md5,
    /// SHA-1, Ansible's usual one.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// By its usual name.
    ///
    /// # Errors
    /// Names those there are.
    pub fn named(name: &str) -> Result<Self, ModuleError> {
        Ok(match name.to_lowercase().replace('-', "").as_str() {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => {
                return Err(ModuleError::new(format!(
                    "unknown checksum algorithm {name:?} (known: md5, sha1, sha224, sha256, sha384, sha512)"
                )));
            }
        })
    }

    /// The checksum of all that `reader` gives.
    ///
    /// # Errors
    /// What reading gave.
    pub fn of(self, reader: &mut dyn Read) -> std::io::Result<String> {
        match self {
            Self::Md5 => digest::<Md5>(reader),
            Self::Sha1 => digest::<Sha1>(reader),
            Self::Sha224 => digest::<Sha224>(reader),
            Self::Sha256 => digest::<Sha256>(reader),
            Self::Sha384 => digest::<Sha384>(reader),
            Self::Sha512 => digest::<Sha512>(reader),
        }
    }

    /// The checksum of `bytes`.
    pub fn of_bytes(self, mut bytes: &[u8]) -> String {
        // Reading from memory cannot fail.
        self.of(&mut bytes).unwrap_or_default()
    }

    /// The checksum of a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_file(self, system: &dyn System, path: &Path) -> Result<String, SystemError> {
        self.of(&mut *system.open(path)?).map_err(|error| SystemError::io("read", path, error))
    }
}

fn digest<D: Digest>(reader: &mut dyn Read) -> std::io::Result<String> {
    let mut digest = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hex(&digest.finalize()))
}
