//! Truths, numbers and texts in any of the forms that Ansible takes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A truth: `true`, `yes`, `on`, `1`, `y`, `t` and their opposites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LooseBool(pub bool);

impl From<bool> for LooseBool {
    fn from(value: bool) -> Self {
        Self(value)
    }
}

impl LooseBool {
    /// For `#[serde(default = "LooseBool::yes")]`.
    pub fn yes() -> Self {
        Self(true)
    }
}

impl std::ops::Deref for LooseBool {
    type Target = bool;

    fn deref(&self) -> &bool {
        &self.0
    }
}

struct BoolVisitor;

impl Visitor<'_> for BoolVisitor {
    type Value = LooseBool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boolean (yes, no, true, false, on, off, 1, 0)")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<LooseBool, E> {
        Ok(LooseBool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<LooseBool, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LooseBool, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<LooseBool, E> {
        if value == 1.0 || value == 0.0 { Ok(LooseBool(value == 1.0)) } else { self.visit_str(&value.to_string()) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<LooseBool, E> {
        match value.trim().to_lowercase().as_str() {
            "yes" | "true" | "on" | "1" | "y" | "t" => Ok(LooseBool(true)),
            "no" | "false" | "off" | "0" | "n" | "f" => Ok(LooseBool(false)),
            _ => Err(E::custom(format!(
                "{value:?} is not a boolean (yes, no, true, false, on, off, 1, 0): unable to convert to bool, it is not a valid boolean"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for LooseBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoolVisitor)
    }
}

impl JsonSchema for LooseBool {
    fn schema_name() -> Cow<'static, str> {
        "Bool".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["boolean", "string", "integer"]})
    }
}

/// A whole number, or its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LooseInt(pub i64);

impl From<i64> for LooseInt {
    fn from(value: i64) -> Self {
        Self(value)
    }
}

struct IntVisitor;

impl Visitor<'_> for IntVisitor {
    type Value = LooseInt;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<LooseInt, E> {
        Ok(LooseInt(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LooseInt, E> {
        i64::try_from(value).map(LooseInt).map_err(|_| E::custom(format!("{value} is too large")))
    }

    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole")]
    fn visit_f64<E: Error>(self, value: f64) -> Result<LooseInt, E> {
        if value.fract() == 0.0 && value.abs() < 9e15 {
            return Ok(LooseInt(value as i64));
        }
        Err(E::custom(format!("{value} is not an integer: unable to convert to int")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<LooseInt, E> {
        let digits = value.trim().replace('_', "");
        digits
            .parse()
            .map(LooseInt)
            .map_err(|_| E::custom(format!("{value:?} is not an integer: unable to convert to int")))
    }
}

impl<'de> Deserialize<'de> for LooseInt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntVisitor)
    }
}

impl JsonSchema for LooseInt {
    fn schema_name() -> Cow<'static, str> {
        "Int".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["integer", "string"]})
    }
}

/// A number, or its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct LooseFloat(pub f64);

impl From<f64> for LooseFloat {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = LooseFloat;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    #[allow(clippy::cast_precision_loss, reason = "as Python does")]
    fn visit_i64<E: Error>(self, value: i64) -> Result<LooseFloat, E> {
        Ok(LooseFloat(value as f64))
    }

    #[allow(clippy::cast_precision_loss, reason = "as Python does")]
    fn visit_u64<E: Error>(self, value: u64) -> Result<LooseFloat, E> {
        Ok(LooseFloat(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<LooseFloat, E> {
        Ok(LooseFloat(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<LooseFloat, E> {
        value
            .trim()
            .parse()
            .map(LooseFloat)
            .map_err(|_| E::custom(format!("{value:?} is not a number: unable to convert to int or float")))
    }
}

impl<'de> Deserialize<'de> for LooseFloat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FloatVisitor)
    }
}

impl JsonSchema for LooseFloat {
    fn schema_name() -> Cow<'static, str> {
        "Float".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["number", "string"]})
    }
}

/// A text; numbers and truths become text as in Python.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LooseString(pub String);

impl std::ops::Deref for LooseString {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for LooseString {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for LooseString {
    fn from(text: String) -> Self {
        Self(text)
    }
}

struct StringVisitor;

impl Visitor<'_> for StringVisitor {
    type Value = LooseString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<LooseString, E> {
        Ok(LooseString(if value { "True" } else { "False" }.to_owned()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<LooseString, E> {
        Ok(LooseString(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<LooseString, E> {
        Ok(LooseString(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<LooseString, E> {
        Ok(LooseString(format!("{value:?}")))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<LooseString, E> {
        Ok(LooseString(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<LooseString, E> {
        Ok(LooseString(value))
    }
}

impl<'de> Deserialize<'de> for LooseString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StringVisitor)
    }
}

impl JsonSchema for LooseString {
    fn schema_name() -> Cow<'static, str> {
        "String".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn takes_ansibles_forms() {
        for value in [json!(true), json!("Yes"), json!(1), json!("ON"), json!(1.0)] {
            assert_eq!(from_value::<LooseBool>(value).unwrap(), LooseBool(true));
        }
        assert_eq!(from_value::<LooseBool>(json!("no")).unwrap(), LooseBool(false));
        assert!(
            from_value::<LooseBool>(json!("maybe")).unwrap_err().to_string().contains("\"maybe\" is not a boolean")
        );
        assert_eq!(from_value::<LooseInt>(json!(" 12 ")).unwrap(), LooseInt(12));
        assert!(from_value::<LooseInt>(json!("1.5")).is_err());
        assert_eq!(from_value::<LooseFloat>(json!("1.5")).unwrap(), LooseFloat(1.5));
        assert_eq!(from_value::<LooseString>(json!(true)).unwrap().0, "True");
        assert_eq!(from_value::<LooseString>(json!(1.0)).unwrap().0, "1.0");
        assert!(from_value::<LooseString>(json!([])).is_err());
    }
}
