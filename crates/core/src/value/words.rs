//! Text, and whether the user's own files have it just so.
//!
//! What a text says may be used as an expression (`that: "{{ list }}"`, `var: "{{ name }}"`) only if it is trusted: it
//! came from a file of the user's, word by word, and was passed on as a whole. Whatever makes new text makes it
//! untrusted, as do a host's answers and `!unsafe`.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

/// One text. Cheap to clone; equal to another by what it says alone.
#[derive(Clone)]
pub struct Text {
    text: Arc<str>,
    from: Source,
}

/// Where a text comes from, as far as anybody asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Anywhere,
    /// A file of the user's has it just so.
    User,
    /// A vault that was opened.
    Vault,
    /// A variable of the environment, by its number in [`VARIABLES`].
    Environment(u32),
}

/// The variables of the environment that texts come from: few, and looked up by name.
static VARIABLES: RwLock<Vec<Arc<str>>> = RwLock::new(Vec::new());

impl Text {
    /// Text as it stands in a file of the user's.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), from: Source::User }
    }

    /// Whether it may be used as an expression.
    pub fn is_trusted(&self) -> bool {
        self.from == Source::User
    }

    /// What a vault held.
    pub fn from_vault(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), from: Source::Vault }
    }

    /// Whether a vault held it, and nothing was made of it since.
    pub fn is_from_vault(&self) -> bool {
        self.from == Source::Vault
    }

    /// What the environment's variable `name` holds.
    pub fn from_environment(name: &str, text: impl Into<Arc<str>>) -> Self {
        let mut known = VARIABLES.write().unwrap_or_else(PoisonError::into_inner);
        let number = known.iter().position(|known| &**known == name).unwrap_or_else(|| {
            known.push(name.into());
            known.len() - 1
        });
        Self { text: text.into(), from: Source::Environment(number as u32) }
    }

    /// The environment's variable that it comes from.
    pub fn environment_variable(&self) -> Option<Arc<str>> {
        let Source::Environment(number) = self.from else { return None };
        VARIABLES.read().unwrap_or_else(PoisonError::into_inner).get(number as usize).cloned()
    }

    /// The same as data, not to be evaluated.
    #[must_use]
    pub fn distrusted(&self) -> Self {
        match self.from {
            Source::Environment(_) => self.clone(),
            _ => Self::from(self.arc()),
        }
    }

    /// The text itself, shared.
    pub fn arc(&self) -> Arc<str> {
        Arc::clone(&self.text)
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// From anywhere else: untrusted.
impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self { text, from: Source::Anywhere }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(Arc::<str>::from(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(Arc::<str>::from(text))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Text> for Arc<str> {
    fn from(text: Text) -> Self {
        text.text
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Text {}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(f)
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
