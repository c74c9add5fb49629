//! `ansible-vault`'s format: envelopes, and the passwords that open them.

mod envelope;
mod secrets;

pub use envelope::is_encrypted;
pub use secrets::{Sealer, VaultError, VaultSecrets, VaultSource, parse_vault_id};

/// The id of passwords that were given without one.
pub const DEFAULT_VAULT_ID: &str = "default";
