//! Text that must not be seen: passwords, tokens, vault texts.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

/// Secret text. `Debug` and `Serialize` never show it; only [`Secret::expose`] does.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = if EXPOSED.get() { self.expose() } else { REDACTED };
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

thread_local! {
    static EXPOSED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `serialize` with secrets in clear: for the wire to the host that needs them, and nothing else.
pub fn exposed<T>(serialize: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            EXPOSED.set(self.0);
        }
    }
    let _restore = Restore(EXPOSED.replace(true));
    serialize()
}

/// What is shown in a secret's place.
pub const REDACTED: &str = "********";

/// All secrets that a run has seen, to be kept out of everything that is shown or stored.
#[derive(Default)]
pub struct Redactor(RwLock<Vec<String>>);

impl Redactor {
    /// Texts shorter than this are not replaced: that would garble everything and protect nothing.
    const SHORTEST: usize = 4;

    /// From now on `text` is replaced wherever it occurs.
    pub fn add(&self, text: &str) {
        let text = text.trim();
        if text.len() < Self::SHORTEST {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|secret| secret == text) {
            known.push(text.to_owned());
            // Longest first, so that a secret inside another does not leave the rest of it.
            known.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// `text` with every known secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), REDACTED)) } else { text }
        })
    }

    /// Redacts every text inside `value`.
    pub fn redact_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                if let Cow::Owned(redacted) = self.redact(text) {
                    *text = redacted;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item)),
            serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| self.redact_json(field)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_replaced_and_only_exposed_on_purpose() {
        let redactor = Redactor::default();
        redactor.add("hunter2");
        redactor.add("hunter2-long");
        redactor.add("no");
        assert_eq!(redactor.redact("x hunter2-long y hunter2 no"), "x ******** y ******** no");
        let secret = Secret::new("s3cret");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
        assert_eq!(exposed(|| serde_json::to_string(&secret).unwrap()), "\"s3cret\"");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
    }
}
