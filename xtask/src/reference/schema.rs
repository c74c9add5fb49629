//! JSON schemas as people read them.

use serde_json::Value;

/// One field of an object.
pub struct Field {
    pub name: String,
    pub kind: String,
    /// Values it may have, with what they mean.
    pub choices: Vec<(String, String)>,
    pub required: bool,
    pub default: Option<Value>,
    pub description: String,
    /// Fields of the object, or of the objects in the list, that it is.
    pub inner: Vec<Field>,
}

/// The fields of an object's schema.
pub fn fields(schema: &Value, root: &Value) -> Vec<Field> {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name));
    let properties = schema["properties"].as_object();
    properties.into_iter().flatten().map(|(name, field)| one(name, field, required(name), root)).collect()
}

fn one(name: &str, written: &Value, required: bool, root: &Value) -> Field {
    let schema = resolved(written, root);
    let described = written["description"].as_str().or_else(|| schema["description"].as_str());
    let items = resolved(&schema["items"], root);
    let inner = if items.is_object() { fields(items, root) } else { fields(schema, root) };
    Field {
        name: name.to_owned(),
        kind: kind(schema, root),
        choices: choices(if items.is_object() { items } else { schema }),
        required,
        default: written.get("default").filter(|default| !default.is_null()).cloned(),
        description: described.unwrap_or_default().replace('\n', " "),
        inner,
    }
}

/// The schema that is meant: references followed, "or nothing" left out.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return resolved(&root["$defs"][name], root);
    }
    for key in ["anyOf", "allOf"] {
        let variants = schema[key].as_array();
        let mut given = variants.into_iter().flatten().filter(|variant| variant["type"] != "null");
        if let (Some(only), None) = (given.next(), given.next()) {
            return resolved(only, root);
        }
    }
    schema
}

/// Types that are taken loosely are called by what they come to.
fn kind(schema: &Value, root: &Value) -> String {
    let named: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    };
    let word = match named.as_slice() {
        ["boolean", ..] => "bool",
        ["integer", ..] => "int",
        ["number", ..] => "float",
        ["object", ..] => "mapping",
        ["array", ..] => {
            let of = kind(resolved(&schema["items"], root), root);
            return if of == "any" { "list".to_owned() } else { format!("list of {of}") };
        }
        ["string", "integer", ..] => "text or int",
        ["string", ..] => "text",
        [] if schema.get("oneOf").is_some() || schema.get("enum").is_some() => "text",
        _ => "any",
    };
    word.to_owned()
}

fn choices(schema: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let plain = |schema: &Value| -> Vec<(String, String)> {
        let values = schema["enum"].as_array().into_iter().flatten().filter(|value| !value.is_null());
        values.map(|value| (text(value), String::new())).collect()
    };
    let mut all = plain(schema);
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        match variant.get("const") {
            Some(value) => {
                let meaning = variant["description"].as_str().unwrap_or_default().replace('\n', " ");
                all.push((text(value), meaning));
            }
            None => all.extend(plain(variant)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_schemars_writes() {
        let schema = json!({
            "required": ["path"],
            "properties": {
                "path": {"type": "string", "description": "Where."},
                "state": {"anyOf": [{"$ref": "#/$defs/State"}, {"type": "null"}], "description": "What."},
                "names": {"type": "array", "items": {"type": "string"}, "default": []},
            },
            "$defs": {"State": {"oneOf": [{"type": "string", "const": "absent", "description": "Gone."}]}},
        });
        let fields = fields(&schema, &schema);
        assert!(fields[0].required && fields[0].kind == "text" && fields[0].description == "Where.");
        assert_eq!(fields[1].choices, [("absent".to_owned(), "Gone.".to_owned())]);
        assert_eq!(fields[1].description, "What.");
        assert_eq!(fields[2].kind, "list of text");
    }
}
