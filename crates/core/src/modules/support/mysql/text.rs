//! Values and names as SQL text, and arguments put into statements as Python's client does.

use crate::module::ModuleError;
use serde_json::{Map, Value};

/// A name in backquotes.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text in quotes.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for char in text.chars() {
        match char {
            '\0' => quoted.push_str("\\0"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{1a}' => quoted.push_str("\\Z"),
            '\\' | '\'' | '"' => quoted.extend(['\\', char]),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// A word for the shell.
pub fn shell_word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_@%+=:,./-".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn literal(value: &Value) -> Result<String, ModuleError> {
    match value {
        Value::Null => Ok("NULL".to_owned()),
        Value::Bool(value) => Ok(i32::from(*value).to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(quote(text)),
        Value::Array(items) => Ok(format!("({})", items.iter().map(literal).collect::<Result<Vec<_>, _>>()?.join(","))),
        Value::Object(_) => Err(ModuleError::new("a mapping cannot be an argument of a statement")),
    }
}

/// Puts arguments where `query` has `%s`.
pub fn with_positions(query: &str, arguments: &[Value]) -> Result<String, ModuleError> {
    let mut left = arguments.iter();
    let text = fill(query, |kind| match kind {
        Place::Next => {
            left.next().map(literal).unwrap_or_else(|| Err(ModuleError::new("not enough arguments for format string")))
        }
        Place::Named(name) => Err(ModuleError::new(format!("%({name})s needs named_args"))),
    })?;
    if left.next().is_some() {
        return Err(ModuleError::new("not all arguments converted during string formatting"));
    }
    Ok(text)
}

/// Puts arguments where `query` has `%(name)s`.
pub fn with_names(query: &str, arguments: &Map<String, Value>) -> Result<String, ModuleError> {
    fill(query, |place| match place {
        Place::Named(name) => match arguments.get(name) {
            Some(value) => literal(value),
            None => Err(ModuleError::new(format!("named_args has no {name}"))),
        },
        Place::Next => Err(ModuleError::new("%s needs positional_args")),
    })
}

enum Place<'a> {
    Next,
    Named(&'a str),
}

fn fill(query: &str, mut value: impl FnMut(Place<'_>) -> Result<String, ModuleError>) -> Result<String, ModuleError> {
    let (mut text, mut rest) = (String::new(), query);
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            text.push('%');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('s') {
            text.push_str(&value(Place::Next)?);
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(")s")) {
            text.push_str(&value(Place::Named(name))?);
            rest = after;
        } else {
            return Err(ModuleError::new("unsupported format character after %; write %% for a percent sign"));
        }
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn puts_arguments_in() {
        let positions = |query: &str, arguments: Value| {
            with_positions(query, arguments.as_array().unwrap()).unwrap_or_else(|error| error.msg)
        };
        assert_eq!(
            positions("a = %s AND b LIKE '%%x' AND c IN %s", json!(["it's", [1, null]])),
            "a = 'it\\'s' AND b LIKE '%x' AND c IN (1,NULL)"
        );
        assert!(positions("%s", json!([])).contains("not enough"));
        assert!(positions("", json!([1])).contains("not all"));
        let names = json!({"n": "a\\b"});
        assert_eq!(with_names("n = %(n)s", names.as_object().unwrap()).unwrap(), "n = 'a\\\\b'");
        assert_eq!(quote_name("a`b"), "`a``b`");
    }
}
