//! Lists of texts.

use super::LooseString;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// A list of texts, or one text with commas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StringList(pub Vec<String>);

impl std::ops::Deref for StringList {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for StringList {
    fn from(texts: [T; N]) -> Self {
        Self(texts.into_iter().map(Into::into).collect())
    }
}

impl From<Vec<String>> for StringList {
    fn from(texts: Vec<String>) -> Self {
        Self(texts)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = StringList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<StringList, E> {
        Ok(StringList(vec![if value { "True" } else { "False" }.to_owned()]))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<StringList, E> {
        Ok(StringList(vec![value.to_string()]))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<StringList, E> {
        Ok(StringList(vec![value.to_string()]))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<StringList, E> {
        Ok(StringList(vec![format!("{value:?}")]))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<StringList, E> {
        if value.is_empty() {
            return Ok(StringList::default());
        }
        Ok(StringList(value.split(',').map(|item| item.trim().to_owned()).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StringList, A::Error> {
        let mut list = Vec::with_capacity(items.size_hint().unwrap_or_default());
        while let Some(LooseString(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(StringList(list))
    }
}

impl<'de> Deserialize<'de> for StringList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

impl JsonSchema for StringList {
    fn schema_name() -> Cow<'static, str> {
        "StringList".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["array", "string", "number"], "items": {"type": ["string", "number", "boolean"]}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn takes_lists_and_commas() {
        let list = |value| from_value::<StringList>(value).unwrap().0;
        assert_eq!(list(json!("a, b")), ["a", "b"]);
        assert_eq!(list(json!(["a,b", 1])), ["a,b", "1"]);
        assert_eq!(list(json!(5)), ["5"]);
        assert!(list(json!("")).is_empty());
        assert!(from_value::<StringList>(json!({})).is_err());
    }
}
