//! What becomes of keys that a mapping has twice.

use crate::diagnostic::{Diagnostic, Severity};

/// What becomes of keys that a mapping has twice (`duplicate_dict_key`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// They are warned of.
    #[default]
    Warn,
    /// They are an error.
    Error,
    /// The last one counts, and nothing is said.
    Ignore,
}

impl DuplicateKeys {
    /// What is left of the warnings of [`super::load`], which are about nothing else.
    ///
    /// # Errors
    /// The first of them, where duplicates are errors.
    pub fn judge(self, warnings: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Diagnostic> {
        match self {
            Self::Warn => Ok(warnings),
            Self::Ignore => Ok(Vec::new()),
            Self::Error => match warnings.into_iter().next() {
                Some(first) => {
                    let message = first.message.replace("; using the last one only", "");
                    Err(Diagnostic { severity: Severity::Error, message, ..first })
                }
                None => Ok(Vec::new()),
            },
        }
    }
}
