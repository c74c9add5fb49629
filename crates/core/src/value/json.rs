//! To and from JSON: what travels to hosts and what comes back.

use super::{Key, Map, Value};
use serde_json::Value as Json;

impl From<Json> for Value {
    /// A host's answer: its text is never a template.
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Str(text.into()),
            Json::Array(items) => Self::list(items.into_iter().map(Self::from)),
            Json::Object(fields) => {
                Map::from_iter(fields.into_iter().map(|(key, value)| (Key::from(key), Self::from(value)))).into()
            }
        }
    }
}

impl Value {
    /// As JSON, for the wire and for `to_json`. Templates give their source, unknown values their reason in
    /// angle brackets: evaluate first where that matters.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::Str(text) => Json::String(text.to_string()),
            Self::Template(template) => Json::String(template.source.to_string()),
            Self::Vault(_) => Json::String("<vault>".into()),
            Self::Omit => Json::String("<omit>".into()),
            Self::Unknown(reason) => Json::String(format!("<known after apply: {reason}>")),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_hosts_are_never_templates() {
        let value = Value::from(serde_json::json!({"stdout": "{{ lookup('pipe', 'id') }}"}));
        assert_eq!(value.get("stdout"), Some(&Value::str("{{ lookup('pipe', 'id') }}")));
        assert!(!value.is_lazy());
    }
}
