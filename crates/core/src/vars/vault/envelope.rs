//! One envelope: its header, and the cipher inside (PBKDF2 and AES-256-CTR, authenticated by HMAC-SHA256).
//!
//! Formats 1.1 and 1.2 as `ansible-vault` writes them; 1.0 (SHA-1) is refused.

use super::VaultError;
use crate::secret::Secret;
use crate::text::hex;
use aes::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const HEADER: &str = "$ANSIBLE_VAULT";
const ROUNDS: u32 = 10_000;
const BLOCK: usize = 16;
const SALT: usize = 32;

type Cipher = ctr::Ctr128BE<aes::Aes256>;

/// Whether a file's content is a vault as a whole.
pub fn is_encrypted(content: &[u8]) -> bool {
    content.starts_with(HEADER.as_bytes())
}

/// An envelope taken apart.
pub(super) struct Envelope<'a> {
    /// The vault id that version 1.2 names.
    pub id: Option<&'a str>,
    salt: Vec<u8>,
    signature: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl<'a> Envelope<'a> {
    pub fn parse(text: &'a str) -> Result<Self, VaultError> {
        let damaged = |what: &str| VaultError::Damaged(what.to_owned());
        let mut lines = text.trim().lines();
        let header = lines.next().unwrap_or_default().trim();
        let mut fields = header.split(';').map(str::trim);
        if fields.next() != Some(HEADER) {
            return Err(damaged("it does not begin with `$ANSIBLE_VAULT;`"));
        }
        let (version, cipher) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if !matches!(version, "1.1" | "1.2") || cipher != "AES256" {
            return Err(damaged(&format!("format `{header}` is not known; 1.1 and 1.2 with AES256 are")));
        }
        let id = fields.next().filter(|id| version == "1.2" && !id.is_empty());
        let body: String = lines.flat_map(str::chars).filter(|char| !char.is_whitespace()).collect();
        let inner = unhex(body.as_bytes())?;
        let mut parts = inner.split(|byte| *byte == b'\n').map(unhex);
        match (parts.next(), parts.next(), parts.next()) {
            (Some(salt), Some(signature), Some(ciphertext)) => {
                Ok(Self { id, salt: salt?, signature: signature?, ciphertext: ciphertext? })
            }
            _ => Err(damaged("it is cut off")),
        }
    }

    /// The plain text, or `None` if this is not its password.
    pub fn open(&self, password: &Secret) -> Result<Option<Vec<u8>>, VaultError> {
        let keys = Keys::derive(password, &self.salt);
        if keys.signer()?.chain_update(&self.ciphertext).verify_slice(&self.signature).is_err() {
            return Ok(None);
        }
        let mut plain = self.ciphertext.clone();
        keys.apply(&mut plain)?;
        let padding = usize::from(plain.last().copied().unwrap_or(0));
        if padding == 0 || padding > BLOCK || padding > plain.len() {
            return Err(VaultError::Damaged("its padding is wrong".to_owned()));
        }
        plain.truncate(plain.len() - padding);
        Ok(Some(plain))
    }
}

/// Makes an envelope of version 1.2 if there is an id to name, else 1.1. Without a salt of the user's it is random.
pub(super) fn seal(
    plain: &[u8],
    password: &Secret,
    id: Option<&str>,
    salt: Option<&[u8]>,
) -> Result<String, VaultError> {
    let mut random = [0_u8; SALT];
    getrandom::fill(&mut random).map_err(|error| VaultError::Other(format!("get random bytes: {error}")))?;
    let salt = salt.unwrap_or(&random);
    let keys = Keys::derive(password, salt);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut ciphertext = plain.to_vec();
    ciphertext.resize(plain.len() + padding, u8::try_from(padding).unwrap_or_default());
    keys.apply(&mut ciphertext)?;
    let signature = keys.signer()?.chain_update(&ciphertext).finalize().into_bytes();
    let inner = [hex(salt), hex(&signature), hex(&ciphertext)].join("\n");
    let header = match id {
        Some(id) => format!("{HEADER};1.2;AES256;{id}"),
        None => format!("{HEADER};1.1;AES256"),
    };
    let body = hex(inner.as_bytes());
    let mut text = header;
    for line in body.as_bytes().chunks(80) {
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(line));
    }
    text.push('\n');
    Ok(text)
}

struct Keys {
    cipher: [u8; 32],
    signature: [u8; 32],
    iv: [u8; BLOCK],
}

impl Keys {
    fn derive(password: &Secret, salt: &[u8]) -> Self {
        let derived: [u8; 80] = pbkdf2::pbkdf2_hmac_array::<Sha256, 80>(password.expose().as_bytes(), salt, ROUNDS);
        let mut keys = Self { cipher: [0; 32], signature: [0; 32], iv: [0; BLOCK] };
        keys.cipher.copy_from_slice(&derived[..32]);
        keys.signature.copy_from_slice(&derived[32..64]);
        keys.iv.copy_from_slice(&derived[64..]);
        keys
    }

    fn apply(&self, data: &mut [u8]) -> Result<(), VaultError> {
        let mut cipher = Cipher::new_from_slices(&self.cipher, &self.iv)
            .map_err(|error| VaultError::Other(format!("set up the cipher: {error}")))?;
        cipher.apply_keystream(data);
        Ok(())
    }

    fn signer(&self) -> Result<Hmac<Sha256>, VaultError> {
        Hmac::new_from_slice(&self.signature)
            .map_err(|error| VaultError::Other(format!("set up the signature: {error}")))
    }
}

/// With the messages that Ansible has from Python.
fn unhex(text: &[u8]) -> Result<Vec<u8>, VaultError> {
    if !text.len().is_multiple_of(2) {
        return Err(VaultError::NotHexadecimal("Odd-length string"));
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = text.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect::<Option<_>>();
    bytes.ok_or(VaultError::NotHexadecimal("Non-hexadecimal digit found"))
}
