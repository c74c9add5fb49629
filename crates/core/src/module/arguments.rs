//! The deserializer that parameters are read by: JSON values in, errors that know which parameter they are about.
//!
//! There is one for all modules, and its steps are functions of their own rather than part of each module's code: with
//! general ones, reading parameters was the largest thing in the helper. Objects alone make structs, never lists.

use super::types::LooseString;
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde_json::{Map, Value, map};
use std::fmt;

/// A value to read.
pub(super) struct Argument(pub Value);

/// What is wrong, and with which parameter.
#[derive(Debug)]
pub(super) struct ArgumentError(Box<Failure>);

#[derive(Debug)]
struct Failure {
    path: String,
    message: String,
}

impl ArgumentError {
    /// The parameter's place, as `networks[0].name`; empty for all of them.
    pub(super) fn path(&self) -> &str {
        &self.0.path
    }

    #[cold]
    #[inline(never)]
    fn new(message: fmt::Arguments<'_>) -> Self {
        Self(Box::new(Failure { path: String::new(), message: message.to_string() }))
    }

    /// The same, inside of `name`.
    #[cold]
    #[inline(never)]
    fn inside(mut self, name: &str) -> Self {
        let separator = if self.0.path.is_empty() || self.0.path.starts_with('[') { "" } else { "." };
        self.0.path = format!("{name}{separator}{}", self.0.path);
        self
    }
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ArgumentError {}

impl Error for ArgumentError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(format_args!("{message}"))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unit => Self::new(format_args!("invalid type: null, expected {expected}")),
            found => Self::new(format_args!("invalid type: {found}, expected {expected}")),
        }
    }
}

#[cold]
#[inline(never)]
fn unfit(value: &Value, expected: &dyn Expected) -> ArgumentError {
    let found = match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Unexpected::Unsigned(number),
            (None, Some(number)) => Unexpected::Signed(number),
            (None, None) => Unexpected::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    };
    ArgumentError::invalid_type(found, expected)
}

type Result<T> = std::result::Result<T, ArgumentError>;

fn number<'de, V: Visitor<'de>>(number: &serde_json::Number, visitor: V) -> Result<V::Value> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => visitor.visit_u64(number),
        (None, Some(number)) => visitor.visit_i64(number),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
    }
}

/// Methods that take one kind of value, and refuse the others.
macro_rules! take {
    ($($method:ident$(($($rest:ident: $type:ty),+))?: $pattern:pat, $visitor:ident => $visit:expr;)*) => {
        $(
            #[inline(never)]
            fn $method<V: Visitor<'de>>(self, $($($rest: $type,)+)? $visitor: V) -> Result<V::Value> {
                match self.0 {
                    $pattern => $visit,
                    other => Err(unfit(&other, &$visitor)),
                }
            }
        )*
    };
}

impl<'de> Deserializer<'de> for Argument {
    type Error = ArgumentError;

    #[inline(never)]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(value) => number(&value, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items::new(items)),
            Value::Object(entries) => visitor.visit_map(Entries::new(entries)),
        }
    }

    #[inline(never)]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Self(value)),
        }
    }

    #[inline(never)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    #[inline(never)]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(Choice::new(self.0)?)
    }

    /// Numbers and booleans are text where text is asked for, as Python writes them.
    #[inline(never)]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            scalar @ (Value::Number(_) | Value::Bool(_)) => {
                visitor.visit_string(LooseString::deserialize(Self(scalar))?.0)
            }
            other => Err(unfit(&other, &visitor)),
        }
    }

    take! {
        deserialize_bool: Value::Bool(value), visitor => visitor.visit_bool(value);
        deserialize_i8: Value::Number(value), visitor => number(&value, visitor);
        deserialize_i16: Value::Number(value), visitor => number(&value, visitor);
        deserialize_i32: Value::Number(value), visitor => number(&value, visitor);
        deserialize_i64: Value::Number(value), visitor => number(&value, visitor);
        deserialize_u8: Value::Number(value), visitor => number(&value, visitor);
        deserialize_u16: Value::Number(value), visitor => number(&value, visitor);
        deserialize_u32: Value::Number(value), visitor => number(&value, visitor);
        deserialize_u64: Value::Number(value), visitor => number(&value, visitor);
        deserialize_f32: Value::Number(value), visitor => number(&value, visitor);
        deserialize_f64: Value::Number(value), visitor => number(&value, visitor);
        deserialize_char: Value::String(text), visitor => visitor.visit_string(text);
        deserialize_str: Value::String(text), visitor => visitor.visit_string(text);
        deserialize_unit: Value::Null, visitor => visitor.visit_unit();
        deserialize_unit_struct(_name: &'static str): Value::Null, visitor => visitor.visit_unit();
        deserialize_seq: Value::Array(items), visitor => visitor.visit_seq(Items::new(items));
        deserialize_tuple(_length: usize): Value::Array(items), visitor => visitor.visit_seq(Items::new(items));
        deserialize_tuple_struct(_name: &'static str, _length: usize): Value::Array(items), visitor =>
            visitor.visit_seq(Items::new(items));
        deserialize_map: Value::Object(entries), visitor => visitor.visit_map(Entries::new(entries));
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]): Value::Object(entries), visitor =>
            visitor.visit_map(Entries::new(entries));
    }

    serde::forward_to_deserialize_any! { bytes byte_buf identifier ignored_any }
}

struct Items {
    left: std::vec::IntoIter<Value>,
    at: usize,
}

impl Items {
    fn new(items: Vec<Value>) -> Self {
        Self { left: items.into_iter(), at: 0 }
    }
}

impl<'de> SeqAccess<'de> for Items {
    type Error = ArgumentError;

    #[inline(never)]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(value) = self.left.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Argument(value)).map(Some).map_err(|error| error.inside(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

struct Entries {
    left: map::IntoIter,
    entry: (String, Value),
}

impl Entries {
    fn new(entries: Map<String, Value>) -> Self {
        Self { left: entries.into_iter(), entry: Default::default() }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = ArgumentError;

    #[inline(never)]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(entry) = self.left.next() else { return Ok(None) };
        self.entry = entry;
        seed.deserialize(name(&self.entry.0)).map(Some)
    }

    #[inline(never)]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(Argument(self.entry.1.take())).map_err(|error| error.inside(&self.entry.0))
    }
}

fn name(text: &str) -> StrDeserializer<'_, ArgumentError> {
    text.into_deserializer()
}

/// A variant's name, and what it holds.
struct Choice {
    variant: String,
    content: Value,
}

impl Choice {
    fn new(value: Value) -> Result<Self> {
        match value {
            Value::String(variant) => Ok(Self { variant, content: Value::Null }),
            Value::Object(entries) if entries.len() == 1 => {
                let (variant, content) = entries.into_iter().next().unwrap_or_default();
                Ok(Self { variant, content })
            }
            Value::Object(_) => {
                Err(ArgumentError::new(format_args!("invalid value: map, expected map with a single key")))
            }
            other => Err(unfit(&other, &"string or map")),
        }
    }
}

impl<'de> EnumAccess<'de> for Choice {
    type Error = ArgumentError;
    type Variant = Self;

    #[inline(never)]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self)> {
        Ok((seed.deserialize(name(&self.variant))?, self))
    }
}

impl<'de> VariantAccess<'de> for Choice {
    type Error = ArgumentError;

    fn unit_variant(self) -> Result<()> {
        if self.content.is_null() { Ok(()) } else { Err(unfit(&self.content, &"unit variant")) }
    }

    #[inline(never)]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(Argument(self.content)).map_err(|error| error.inside(&self.variant))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value> {
        Argument(self.content).deserialize_tuple(length, visitor).map_err(|error| error.inside(&self.variant))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        Argument(self.content).deserialize_struct("", fields, visitor).map_err(|error| error.inside(&self.variant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::json;
    use std::collections::BTreeMap;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Shape {
        None,
        Round(f64),
        Edged { sides: u8 },
        Named(String, Option<bool>),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Drawing {
        shapes: Vec<Shape>,
        #[serde(default)]
        more: BTreeMap<String, Value>,
    }

    fn read<T: DeserializeOwned>(value: Value) -> std::result::Result<T, (String, String)> {
        T::deserialize(Argument(value)).map_err(|error| (error.path().to_owned(), error.to_string()))
    }

    #[test]
    fn reads_what_serde_json_reads() {
        for value in [
            json!({"shapes": []}),
            json!({"shapes": ["none", {"round": 1}, {"edged": {"sides": 3}}, {"named": ["a", null]}], "more": {"a": [1, -1, 1.5, null]}}),
        ] {
            assert_eq!(read::<Drawing>(value.clone()).unwrap(), serde_json::from_value(value).unwrap());
        }
    }

    #[test]
    fn errors_know_their_place() {
        let error = |shapes: Value| read::<Drawing>(json!({ "shapes": shapes })).unwrap_err();
        let expect = |shapes, path: &str, message: &str| {
            assert_eq!(error(shapes), (path.to_owned(), message.to_owned()));
        };
        expect(json!(null), "shapes", "invalid type: null, expected a sequence");
        expect(json!(["none", 5]), "shapes[1]", "invalid type: integer `5`, expected string or map");
        expect(json!([{"round": "x"}]), "shapes[0].round", "invalid type: string \"x\", expected f64");
        expect(json!([{"edged": {"sides": -1}}]), "shapes[0].edged.sides", "invalid value: integer `-1`, expected u8");
        expect(
            json!([{"edged": [3]}]),
            "shapes[0].edged",
            "invalid type: sequence, expected struct variant Shape::Edged",
        );
        expect(json!([{"none": 1}]), "shapes[0]", "invalid type: integer `1`, expected unit variant");
        expect(json!(["round"]), "shapes[0].round", "invalid type: null, expected f64");
        expect(json!([{"a": 1, "b": 2}]), "shapes[0]", "invalid value: map, expected map with a single key");
        assert!(error(json!(["oval"])).1.starts_with("unknown variant `oval`, expected one of `none`, `round`"));
        assert_eq!(read::<Drawing>(json!({})).unwrap_err(), (String::new(), "missing field `shapes`".to_owned()));
    }
}
