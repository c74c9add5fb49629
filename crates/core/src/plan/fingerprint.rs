//! Hashes that tell whether two plans mean the same, without saying what.

use crate::text::hex;
use sha2::{Digest, Sha256};

/// Rounds for what holds a secret: enough that guessing short passwords from a saved plan is slow.
const ROUNDS: u32 = 100_000;

/// The hash of a change, of a task at `place`. Secrets in it make it slow to compute, and so to guess.
pub(crate) fn fingerprint(text: &str, place: &str, is_secret: bool) -> String {
    let salt = format!("hostler plan {place}");
    let hash: [u8; 32] = if is_secret {
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(text.as_bytes(), salt.as_bytes(), ROUNDS)
    } else {
        Sha256::new().chain_update(salt).chain_update(text).finalize().into()
    };
    hex(&hash)
}
