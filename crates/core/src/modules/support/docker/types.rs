//! Ansible's loose inputs as Docker's modules take them: numbers as text, sizes and durations with units.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A schema that names the accepted JSON types.
macro_rules! schema {
    ($name:ident, $($schema:tt)*) => {
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)*)
            }
        }
    };
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        _ => None,
    }
}

/// A mapping to texts. Docker's own way for booleans: `true`, `false`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TextMap(pub BTreeMap<String, String>);

schema!(TextMap, { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean", "null"] } });

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let entries = map.into_iter().map(|(name, value)| match value {
            Value::Bool(value) => Ok((name, value.to_string())),
            Value::Null => Ok((name, String::new())),
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom(format!("{name}: expected a string"))),
            other => Ok((name, text(&other).unwrap_or_default())),
        });
        entries.collect::<Result<_, _>>().map(Self)
    }
}

/// A mapping whose values must be strings: what YAML makes of `yes` or `010` is seldom what was meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StringMap(pub BTreeMap<String, String>);

schema!(StringMap, { "type": "object", "additionalProperties": { "type": "string" } });

impl<'de> Deserialize<'de> for StringMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let entries = map.into_iter().map(|(name, value)| match value {
            Value::String(value) => Ok((name, value)),
            other => Err(D::Error::custom(format!(
                "the value of {name} is not a string but {other}; put it in quotes, or add `| string` to a template"
            ))),
        });
        entries.collect::<Result<_, _>>().map(Self)
    }
}

/// A command or a list of its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Words(pub Vec<String>);

schema!(Words, { "type": ["string", "array"], "items": { "type": ["string", "number", "boolean"] } });

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(items) => items
                .iter()
                .map(|item| text(item).ok_or_else(|| D::Error::custom(format!("expected a string, not {item}"))))
                .collect::<Result<_, _>>()
                .map(Self),
            other => {
                let line = text(&other).ok_or_else(|| D::Error::custom("expected a string or a list"))?;
                split_words(&line).map(Self).map_err(D::Error::custom)
            }
        }
    }
}

/// Splits a command line as a POSIX shell does, without expansions.
pub fn split_words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut chars) = (Vec::new(), None::<String>, line.chars());
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\\' => {
                let next = chars.next().ok_or_else(|| format!("no escaped character in {line:?}"))?;
                word.get_or_insert_default().push(next);
            }
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(|| format!("no closing quotation in {line:?}"))? {
                        next if next == char => break,
                        '\\' if char == '"' => match chars.next() {
                            Some(next @ ('"' | '\\')) => word.push(next),
                            Some(next) => word.extend(['\\', next]),
                            None => return Err(format!("no closing quotation in {line:?}")),
                        },
                        next => word.push(next),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// An amount of memory: a number of bytes, or a number with a unit (`512M`, `1.5g`, `64KiB`), all powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size(pub i64);

schema!(Size, { "type": ["string", "number"], "examples": ["512M", "1G", "unlimited"] });

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let given = text(&value).unwrap_or_default();
        parse_size(&given).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "cannot read {value} as an amount of memory; write a number and one of B, K, M, G, T"
            ))
        })
    }
}

fn parse_size(given: &str) -> Option<i64> {
    if matches!(given, "unlimited" | "-1") {
        return Some(-1);
    }
    let given = given.trim();
    let end = given.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(given.len());
    let number: f64 = given[..end].parse().ok()?;
    let unit = given[end..].trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches('B').trim_end_matches('I') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        _ => return None,
    };
    #[allow(clippy::cast_possible_truncation, reason = "memory of any machine fits")]
    Some((number * 1024_f64.powi(power)).round() as i64)
}

/// A duration with units (`1m30s`, `500ms`, `2h`), kept in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nanos(pub i64);

impl Serialize for Nanos {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}us", self.0 / 1_000))
    }
}

schema!(Nanos, { "type": "string", "examples": ["1m30s", "500ms"] });

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        value.as_str().and_then(parse_duration).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "invalid time duration {value}; write numbers with h, m, s, ms or us, such as 1m30s"
            ))
        })
    }
}

fn parse_duration(given: &str) -> Option<i64> {
    let (mut total, mut rest) = (0_i64, given.trim());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = rest.find(|char: char| char.is_ascii_digit()).unwrap_or(rest.len());
        let factor = match &rest[..units] {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            _ => return None,
        };
        total += number * factor;
        rest = &rest[units..];
    }
    Some(total)
}

/// A parameter that Ansible has and that is not built here: giving it a value is an error that names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Refused;

schema!(Refused, { "enum": [null, false], "description": "Not supported." });

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null | Value::Bool(false) => Ok(Self),
            _ => Err(D::Error::custom("Ansible has this parameter, Hostler does not support it; leave it out")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words() {
        assert_eq!(
            split_words(r#"sh -c 'echo "a b"' "x\"y" a\ b ''"#).unwrap(),
            ["sh", "-c", "echo \"a b\"", "x\"y", "a b", ""]
        );
        assert!(split_words("a 'b").is_err());
    }

    #[test]
    fn reads_sizes_and_durations() {
        assert_eq!(parse_size("1.5g"), Some(1_610_612_736));
        assert_eq!(parse_size("64KiB"), Some(65_536));
        assert_eq!(parse_size("64M"), parse_size("64 mb"));
        assert_eq!(parse_size("1x"), None);
        assert_eq!(parse_duration("1h1m1s1ms1us"), Some(3_661_001_001_000));
        assert_eq!(parse_duration("5"), None);
    }

    #[test]
    fn says_which_value_is_no_string() {
        let error = serde_json::from_str::<StringMap>(r#"{"A": true}"#).unwrap_err().to_string();
        assert!(error.contains("the value of A is not a string"), "{error}");
        assert!(serde_json::from_str::<Refused>("true").is_err());
        assert!(serde_json::from_str::<Refused>("false").is_ok());
    }
}
