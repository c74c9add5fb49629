//! Text files in other encodings than UTF-8. What is not a few lines here is left to the host's `iconv`.

use crate::system::{Command, System};
use std::path::Path;

/// Why a file is no text.
#[derive(Debug)]
pub enum Failure {
    /// Nobody knows the encoding.
    Unknown,
    /// It is not in that encoding.
    Malformed,
    /// It cannot be read.
    Unreadable,
}

/// A few encodings under their usual names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// ASCII.
    Ascii,
    /// Latin-1: every byte is the character of the same number.
    Latin1,
}

impl Encoding {
    /// By one of its names.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "utf8" => Some(Self::Utf8),
            "ascii" | "usascii" => Some(Self::Ascii),
            "latin1" | "iso88591" => Some(Self::Latin1),
            _ => None,
        }
    }

    /// The text that `bytes` are.
    pub fn decode(self, bytes: Vec<u8>) -> Option<String> {
        match self {
            Self::Ascii if !bytes.is_ascii() => None,
            Self::Utf8 | Self::Ascii => String::from_utf8(bytes).ok(),
            Self::Latin1 => Some(bytes.into_iter().map(char::from).collect()),
        }
    }

    /// The bytes that `text` is.
    pub fn encode(self, text: String) -> Option<Vec<u8>> {
        match self {
            Self::Ascii if !text.is_ascii() => None,
            Self::Utf8 | Self::Ascii => Some(text.into_bytes()),
            Self::Latin1 => text.chars().map(|letter| u8::try_from(letter).ok()).collect(),
        }
    }
}

/// A file's text.
///
/// # Errors
/// If there is none.
pub fn read(system: &dyn System, path: &Path, encoding: &str) -> Result<String, Failure> {
    if let Some(encoding) = Encoding::named(encoding) {
        return encoding.decode(system.read(path).map_err(|_| Failure::Unreadable)?).ok_or(Failure::Malformed);
    }
    let iconv = |file: &str| {
        let argv = ["iconv", "-f", encoding, "-t", "UTF-8", file].map(str::to_owned);
        system.query(&Command::new(argv)).map_err(|_| Failure::Unknown)
    };
    let answer = iconv(&path.to_string_lossy())?;
    if answer.success() {
        return String::from_utf8(answer.stdout).map_err(|_| Failure::Malformed);
    }
    // It says no more than that it failed; with nothing to read only the name can be wrong.
    Err(if iconv("/dev/null")?.success() { Failure::Malformed } else { Failure::Unknown })
}

#[cfg(test)]
mod tests {
    use super::Encoding;

    #[test]
    fn latin_1_goes_there_and_back() {
        let latin = Encoding::named("ISO-8859-1").unwrap();
        assert_eq!(latin.decode(vec![0xe9]).as_deref(), Some("é"));
        assert_eq!(latin.encode("é".into()), Some(vec![0xe9]));
        assert_eq!(latin.encode("€".into()), None);
        assert_eq!(Encoding::Utf8.decode(vec![0xe9]), None);
        assert_eq!(Encoding::Ascii.decode(vec![0xe9]), None);
        assert_eq!(Encoding::named("gbk"), None);
    }
}
