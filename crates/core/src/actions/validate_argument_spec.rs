//! `validate_argument_spec`: checks variables against a role's specification of its arguments.
//!
//! Messages are Ansible's. What is only known after apply is taken to be right.

use super::{Action, ActionError, Context, Reply};
use crate::template::Templar;
use crate::value::{Key, Map, Value, parse_bool};
use schemars::JsonSchema;
use serde::Deserialize;

pub(super) struct ValidateArgumentSpec;

/// Checks variables against a specification of arguments.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "read with their own types")]
pub(super) struct Args {
    /// Options by name, each with `type`, `required`, `choices`, `elements`, `options`, `aliases`.
    argument_spec: serde_json::Value,
    /// Values that count instead of variables.
    provided_arguments: Option<serde_json::Value>,
    /// Handed back in the result.
    validate_args_context: Option<serde_json::Value>,
}

impl Action for ValidateArgumentSpec {
    const NAME: &'static str = "ansible.builtin.validate_argument_spec";
    const ONLY_LOOKS: bool = true;
    const ACCEPTS_UNKNOWN: bool = true;
    type Args = Args;

    fn run(context: &Context<'_>, _: Args, args: Map) -> Result<Reply, ActionError> {
        let Some(Value::Map(spec)) = args.get("argument_spec") else {
            return Err("\"argument_spec\" arg is required in args: it must be a mapping of options".into());
        };
        let mut given = Map::default();
        for (name, option) in spec.iter() {
            for name in names(name, option) {
                if let Some(value) = context.templar.variable(&name)? {
                    given.insert(Key::from(name), value);
                }
            }
        }
        if let Some(Value::Map(provided)) = args.get("provided_arguments") {
            given.extend(provided.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let mut check = Check::default();
        check.options(spec, &given, &[], false);
        let told = args.get("validate_args_context").cloned().unwrap_or_else(|| Map::default().into());
        let mut errors = check.errors;
        if !check.unsupported.is_empty() {
            let names = check.unsupported.join(", ");
            errors.push(format!("{names}. Supported parameters include: {}.", check.supported));
        }
        if errors.is_empty() {
            let message = Value::from("The arg spec validation passed");
            return Ok(Reply::ok([("msg", message), ("validate_args_context", told)]));
        }
        let message = format!("Validation of arguments failed:\n{}", errors.join("\n"));
        let errors = Value::list(errors.iter().map(|error| Value::from(error.as_str())));
        let spec = Value::Map(std::sync::Arc::clone(spec));
        let fields = [("argument_spec_data", spec), ("argument_errors", errors), ("validate_args_context", told)];
        Ok(Reply::failure(message, fields))
    }
}

/// An option's name and its aliases.
fn names(name: &Key, option: &Value) -> Vec<String> {
    let aliases = option.get("aliases").and_then(Value::as_list).unwrap_or_default();
    std::iter::once(name.to_string()).chain(aliases.iter().map(Templar::text_of)).collect()
}

fn flag(option: &Value, name: &str) -> bool {
    option.get(name).and_then(Value::as_bool).unwrap_or(false)
}

#[derive(Default)]
struct Check {
    errors: Vec<String>,
    unsupported: Vec<String>,
    supported: String,
}

impl Check {
    /// Checks one level. `path` are the options around it.
    fn options(&mut self, spec: &Map, given: &Map, path: &[&str], closed: bool) {
        let value =
            |name: &Key, option: &Value| names(name, option).into_iter().find_map(|name| given.get(&*name).cloned());
        let mut missing: Vec<String> = spec
            .iter()
            .filter(|(name, option)| flag(option, "required") && value(name, option).is_none())
            .map(|(name, _)| name.to_string())
            .collect();
        missing.sort();
        if !missing.is_empty() {
            let place = if path.is_empty() { String::new() } else { format!(" found in {}", path.join(" -> ")) };
            self.errors.push(format!("missing required arguments: {}{place}", missing.join(", ")));
        }
        if closed {
            let known: Vec<String> = spec.iter().flat_map(|(name, option)| names(name, option)).collect();
            let unknown = given.keys().map(ToString::to_string).filter(|name| !known.contains(name));
            let unknown: Vec<String> = unknown.map(|name| format!("{}.{name}", path.join("."))).collect();
            if !unknown.is_empty() {
                let mut supported: Vec<String> = spec.keys().map(ToString::to_string).collect();
                supported.sort();
                self.supported = supported.join(", ");
                self.unsupported.extend(unknown);
            }
        }
        let mut converted = Vec::new();
        for (name, option) in spec {
            let needless = |value: &Value| match value {
                Value::Unknown(_) => true,
                // Nothing at all is right for what need not be there.
                Value::Null => !flag(option, "required") && option.get("default").is_none_or(|it| *it == Value::Null),
                _ => false,
            };
            if let Some(value) = value(name, option).filter(|value| !needless(value)) {
                converted.push((name.to_string(), option, self.typed(&name.to_string(), option, value, path)));
            }
        }
        for (name, option, value) in &converted {
            self.choices(name, option, value);
        }
        for (name, option, value) in &converted {
            let Some(Value::Map(inner)) = option.get("options") else { continue };
            let inside: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            let many = [value.clone()];
            for entry in value.as_list().unwrap_or(&many).iter().filter_map(Value::as_map) {
                self.options(inner, entry, &inside, true);
            }
        }
    }

    /// The value as its type has it; where it cannot be, as it is.
    fn typed(&mut self, name: &str, option: &Value, value: Value, path: &[&str]) -> Value {
        let kind = option.get("type").map_or_else(|| "str".to_owned(), Templar::text_of);
        let place = if path.is_empty() { String::new() } else { format!(" found in '{}'.", path.join(" -> ")) };
        let failed = |what: &str, value: &Value, kind: &str, reason: String| {
            format!(
                "{what} '{name}' is of type {}{place} and we were unable to convert to {kind}: {reason}",
                value.type_name()
            )
        };
        let value = match convert(&value, &kind) {
            Ok(value) => value,
            Err(reason) => {
                self.errors.push(failed("argument", &value, &kind, reason));
                return value;
            }
        };
        let (Some(element), Value::List(items)) = (option.get("elements").map(Templar::text_of), &value) else {
            return value;
        };
        let mut typed = Vec::with_capacity(items.len());
        for item in items.iter() {
            match convert(item, &element) {
                Ok(item) => typed.push(item),
                Err(reason) => {
                    self.errors.push(failed("Elements value for option", item, &element, reason));
                    typed.push(item.clone());
                }
            }
        }
        Value::from(typed)
    }

    fn choices(&mut self, name: &str, option: &Value, value: &Value) {
        let Some(choices) = option.get("choices").and_then(Value::as_list) else { return };
        let listed = choices.iter().map(Templar::text_of).collect::<Vec<_>>().join(", ");
        let fits = |value: &Value| {
            choices.contains(value)
                || choices.iter().any(|choice| {
                    matches!((choice, value), (Value::Bool(_), Value::Str(_))) && choice.as_bool() == value.as_bool()
                })
        };
        match value {
            Value::List(items) => {
                let wrong: Vec<_> = items.iter().filter(|item| !fits(item)).map(Templar::text_of).collect();
                if !wrong.is_empty() {
                    let wrong = wrong.join(", ");
                    self.errors
                        .push(format!("value of {name} must be one or more of: {listed}. Got no match for: {wrong}"));
                }
            }
            value if !fits(value) => {
                let got = Templar::text_of(value);
                self.errors.push(format!("value of {name} must be one of: {listed}, got: {got}"));
            }
            _ => {}
        }
    }
}

const BOOLEANS: &str = "'0', 1, 'yes', 0, 'y', 'on', '1', 'false', 'no', 'f', 'off', 'n', 'true', 't'";

/// A value as another type, as far as Ansible converts it; else why not.
fn convert(value: &Value, kind: &str) -> Result<Value, String> {
    let cannot = |what: &str| Err(format!("<class '{}'> cannot be converted to {what}", value.type_name()));
    let text = Templar::text_of(value);
    match (kind, value) {
        (_, Value::Unknown(_)) | ("raw" | "any", _) => Ok(value.clone()),
        ("str" | "path" | "json" | "jsonarg" | "bytes" | "bits", Value::Str(_)) => Ok(value.clone()),
        ("json" | "jsonarg", Value::List(_) | Value::Map(_)) => Ok(value.clone()),
        ("str", Value::Null) => Ok(Value::from("")),
        ("str" | "path" | "json" | "jsonarg" | "bytes" | "bits", _) => Ok(Value::from(text)),
        ("bool", Value::Bool(_)) => Ok(value.clone()),
        ("bool", Value::Str(_) | Value::Int(_) | Value::Float(_)) => match parse_bool(&text) {
            Some(parsed) => Ok(Value::Bool(parsed)),
            None => Err(format!("The value '{text}' is not a valid boolean. Valid booleans include: {BOOLEANS}")),
        },
        ("bool", _) => cannot("a bool"),
        ("int", Value::Int(_)) => Ok(value.clone()),
        ("int", Value::Str(_)) => match text.trim().parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(format!("\"'{text}'\" cannot be converted to an int")),
        },
        ("int", Value::Float(number)) if number.fract() == 0.0 => Ok(Value::Int(*number as i64)),
        ("int", Value::Null) => Err("\"None\" cannot be converted to an int".to_owned()),
        ("int", _) => Err(format!("\"{text}\" cannot be converted to an int")),
        ("float", Value::Float(_)) => Ok(value.clone()),
        ("float", Value::Int(number)) => Ok(Value::Float(*number as f64)),
        ("float", Value::Str(_)) => text.trim().parse().map(Value::Float).or_else(|_| cannot("a float")),
        ("float", _) => cannot("a float"),
        ("list", Value::List(_)) => Ok(value.clone()),
        ("list", Value::Str(_)) => Ok(Value::list(text.split(',').map(|item| Value::from(item.trim())))),
        ("list", Value::Int(_) | Value::Float(_)) => Ok(Value::list([Value::from(text)])),
        ("list", _) => cannot("a list"),
        ("dict", Value::Map(_)) => Ok(value.clone()),
        ("dict", Value::Str(_)) => mapping(&text),
        ("dict", _) => cannot("a dict"),
        (other, _) => Err(format!("there is no type `{other}`")),
    }
}

/// JSON, or `a=1, b=2`.
fn mapping(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with('{') {
        let parsed = serde_json::from_str::<serde_json::Value>(text);
        return parsed.map(Value::from).map_err(|_| "unable to evaluate string as dictionary".to_owned());
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let pairs = text.split([',', ' ']).filter(|pair| !pair.trim().is_empty());
    let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    Ok(pairs.map(|(name, value)| (Key::from(name), Value::from(value))).collect::<Map>().into())
}
