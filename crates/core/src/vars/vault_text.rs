//! One encrypted value (`!vault |`), opened only where it is used.

use crate::diagnostic::{Diagnostic, Span};
use std::sync::{Arc, OnceLock};

/// Opens vaults.
pub trait Decrypt: Send + Sync {
    /// The plain text of an envelope (`$ANSIBLE_VAULT;1.1;AES256` and the lines after it).
    ///
    /// # Errors
    /// In words: no password fits, or the envelope is damaged.
    fn decrypt(&self, envelope: &str) -> Result<Vec<u8>, String>;

    /// Keeps a decrypted text out of everything that is shown from now on. Called for each value that is revealed.
    fn hide(&self, plain: &str) {
        let _ = plain;
    }
}

/// An encrypted value.
pub struct VaultText {
    envelope: String,
    span: Option<Span>,
    opener: Arc<dyn Decrypt>,
    plain: OnceLock<Result<Arc<str>, String>>,
}

impl VaultText {
    /// An envelope that `opener` may be able to open.
    pub fn new(envelope: impl Into<String>, span: Option<Span>, opener: Arc<dyn Decrypt>) -> Self {
        Self { envelope: envelope.into(), span, opener, plain: OnceLock::new() }
    }

    /// The envelope as it stands in the file.
    pub fn envelope(&self) -> &str {
        &self.envelope
    }

    /// The plain text. Opened once.
    ///
    /// # Errors
    /// Points at the value.
    pub fn reveal(&self) -> Result<Arc<str>, Diagnostic> {
        let plain = self.plain.get_or_init(|| {
            let bytes = self.opener.decrypt(&self.envelope)?;
            let text = String::from_utf8(bytes).map_err(|_| "the vault's text is not UTF-8".to_owned())?;
            self.opener.hide(&text);
            Ok(Arc::from(text))
        });
        plain.clone().map_err(|message| {
            let diagnostic = Diagnostic::error(message);
            match &self.span {
                Some(span) => diagnostic.at(span),
                None => diagnostic,
            }
        })
    }
}

impl PartialEq for VaultText {
    fn eq(&self, other: &Self) -> bool {
        self.envelope == other.envelope
    }
}

impl std::fmt::Debug for VaultText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultText(…)")
    }
}
