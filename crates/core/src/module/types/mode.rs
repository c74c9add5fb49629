//! Permission bits: octal, symbolic as `chmod` has them, or `preserve`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Permissions to give.
///
/// A number counts as it is: YAML's `0644` arrives as 420. A text is octal (`"0644"`, `"644"`), symbolic (`"u=rw,g+r"`) or `preserve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileMode {
    /// Exactly these bits.
    Bits(u32),
    /// Changes to what is there. Known to be well-formed.
    Symbolic(String),
    /// Those of the source.
    Preserve,
}

impl From<u32> for FileMode {
    fn from(bits: u32) -> Self {
        Self::Bits(bits)
    }
}

const MODE_HELP: &str = "mode must be in octal or symbolic form";

impl FileMode {
    /// The bits for something that has `current` now.
    pub fn bits(&self, current: u32, is_directory: bool, umask: u32) -> u32 {
        match self {
            Self::Bits(bits) => *bits,
            Self::Preserve => current,
            Self::Symbolic(text) => {
                text.split(',').fold(current, |mode, clause| apply_clause(clause, mode, is_directory, umask))
            }
        }
    }

    fn from_number(bits: u64) -> Result<Self, String> {
        match u32::try_from(bits) {
            Ok(bits) if bits <= 0o7777 => Ok(Self::Bits(bits)),
            _ => Err(format!("{bits:#o} has more than permission bits; {MODE_HELP}")),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "preserve" {
            return Ok(Self::Preserve);
        }
        let digits = text.strip_prefix("0o").unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u64::from_str_radix(digits, 8).map_err(|_| format!("{text:?} is not octal; {MODE_HELP}"))?;
            return Self::from_number(bits);
        }
        if text.split(',').all(is_clause) {
            return Ok(Self::Symbolic(text.to_owned()));
        }
        Err(format!("{text:?} is no mode; {MODE_HELP}"))
    }
}

fn is_operator(c: char) -> bool {
    matches!(c, '+' | '-' | '=')
}

/// `ugo` `+-=` `rwxXst`, where the last two may be repeated.
fn is_clause(clause: &str) -> bool {
    let Some(start) = clause.find(is_operator) else { return false };
    clause[..start].chars().all(|c| "ugoa".contains(c))
        && clause[start..].chars().all(|c| is_operator(c) || "rwxXstugo".contains(c))
}

fn apply_clause(clause: &str, mut mode: u32, is_directory: bool, umask: u32) -> u32 {
    let start = clause.find(is_operator).unwrap_or(clause.len());
    let (who, mut rest) = clause.split_at(start);
    // Without a class the umask protects what it masks.
    let mask = if who.is_empty() { !umask } else { !0 };
    let who = if who.is_empty() || who.contains('a') { "ugo" } else { who };
    while let Some(operator) = rest.chars().next() {
        rest = &rest[1..];
        let end = rest.find(is_operator).unwrap_or(rest.len());
        let (permissions, next) = rest.split_at(end);
        rest = next;
        for class in who.chars() {
            let bits = permission_bits(permissions, class, mode, is_directory, mask);
            mode = match operator {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => (mode & !class_bits(class)) | bits,
            };
        }
    }
    mode
}

fn class_bits(class: char) -> u32 {
    match class {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

fn permission_bits(permissions: &str, class: char, mode: u32, is_directory: bool, mask: u32) -> u32 {
    let shift = match class {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    permissions.chars().fold(0, |bits, permission| {
        bits | match permission {
            'r' => (4 << shift) & mask,
            'w' => (2 << shift) & mask,
            'x' => (1 << shift) & mask,
            'X' if is_directory || mode & 0o111 != 0 => 1 << shift,
            's' if class == 'u' => 0o4000,
            's' if class == 'g' => 0o2000,
            't' if class == 'o' => 0o1000,
            'u' => (mode >> 6 & 7) << shift,
            'g' => (mode >> 3 & 7) << shift,
            'o' => (mode & 7) << shift,
            _ => 0,
        }
    })
}

struct ModeVisitor;

impl Visitor<'_> for ModeVisitor {
    type Value = FileMode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permissions in octal or symbolic form, or `preserve`")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<FileMode, E> {
        u64::try_from(value).map_err(|_| E::custom(MODE_HELP)).and_then(|value| self.visit_u64(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<FileMode, E> {
        FileMode::from_number(value).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<FileMode, E> {
        FileMode::from_text(value).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

impl Serialize for FileMode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bits(bits) => serializer.serialize_str(&format!("{bits:04o}")),
            Self::Symbolic(text) => serializer.serialize_str(text),
            Self::Preserve => serializer.serialize_str("preserve"),
        }
    }
}

impl JsonSchema for FileMode {
    fn schema_name() -> Cow<'static, str> {
        "FileMode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn mode(value: Value) -> FileMode {
        from_value(value).unwrap()
    }

    #[test]
    fn takes_numbers_and_octal_text() {
        assert_eq!(mode(json!(420)), FileMode::Bits(0o644));
        assert_eq!(mode(json!("0644")), FileMode::Bits(0o644));
        assert_eq!(mode(json!("0o1755")), FileMode::Bits(0o1755));
        assert_eq!(mode(json!("preserve")), FileMode::Preserve);
        for wrong in [json!("0999"), json!("rw"), json!("u=q"), json!(0o100_644), json!(true), json!("")] {
            assert!(from_value::<FileMode>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn symbolic_modes_are_chmods() {
        let bits = |text: &str, current, is_directory| mode(json!(text)).bits(current, is_directory, 0o022);
        assert_eq!(bits("u=rw,g=r,o=", 0o777, false), 0o640);
        assert_eq!(bits("u-x,go-rwx", 0o755, false), 0o600);
        assert_eq!(bits("a+X", 0o644, false), 0o644);
        assert_eq!(bits("a+X", 0o644, true), 0o755);
        assert_eq!(bits("u=rwX,g=u", 0o744, false), 0o774);
        assert_eq!(bits("+w", 0o444, false), 0o644);
        assert_eq!(bits("g+s,o+t", 0o755, true), 0o3755);
        assert_eq!(bits("u=rw-w", 0o000, false), 0o400);
    }
}
