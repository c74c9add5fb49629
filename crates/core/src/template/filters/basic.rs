//! Defaults, conversions and other small ones.

use super::Table;
use crate::template::context::Context;
use crate::template::eval;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap, long, parse_whole, repr};
use crate::value::{Text, parse_bool};
use std::rc::Rc;

pub(super) const TABLE: Table = &[
    ("default", default),
    ("d", default),
    ("mandatory", mandatory),
    ("bool", to_bool),
    ("int", int),
    ("float", float),
    ("string", string),
    ("ternary", ternary),
    ("type_debug", type_debug),
    ("list", list),
    ("length", length),
    ("count", length),
    ("attr", attr),
    ("safe", string),
    ("pprint", pprint),
    ("ansible._protomatter.finalize", |context, value, _| Ok(context.import(&context.export(&value)?).force())),
    ("ansible._protomatter.dump_object", dump_object),
    ("ansible._protomatter.origin", origin),
    ("ansible._protomatter.apply_trust", |_, value, _| Ok(trusted(value))),
];

fn default(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [replacement, falsy] = args.bind(["default_value", "boolean"])?;
    let replacement = replacement.unwrap_or_else(|| Py::str(""));
    let falsy = falsy.map(|falsy| falsy.truth()).transpose()?.unwrap_or_default();
    match &value {
        Py::Marker(marker) if marker.undefined.is_some() => Ok(replacement),
        Py::Marker(_) => Ok(value),
        other if falsy && !other.truth()? => Ok(replacement),
        _ => Ok(value),
    }
}

fn mandatory(context: &Context, value: Py, args: Args) -> Result<Py> {
    let Py::Marker(marker) = &value else { return Ok(value) };
    let Some(name) = &marker.undefined else { return Ok(value) };
    let [message] = args.bind(["msg"])?;
    match message {
        Some(message) if !matches!(message, Py::None) => Err(Fault::error(context.text(&message)?)),
        _ => Err(Fault::error(format!("Mandatory variable '{name}' not defined."))),
    }
}

fn to_bool(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [] = args.bind([])?;
    Ok(Py::Bool(match &value {
        Py::Bool(value) => *value,
        Py::Int(value) => *value == 1,
        Py::Float(value) => *value == 1.0,
        Py::Str(text) => match &*text.to_lowercase() {
            "yes" | "on" | "true" | "1" => true,
            // Words of other dialects are false, as all else is.
            _ => false,
        },
        Py::List(_) | Py::Tuple(_) | Py::Dict(_) => match repr(context, &value) {
            Err(Fault::Error(marker)) => return Err(Fault::Error(marker)),
            _ => false,
        },
        _ => false,
    }))
}

fn int(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [default, base] = args.bind(["default", "base"])?;
    let default = default.unwrap_or(Py::Int(0));
    let base = base.and_then(|base| base.as_int()).and_then(|base| u32::try_from(base).ok()).unwrap_or(10);
    let _ = context;
    Ok(match &value {
        Py::Int(_) => value,
        Py::Object(object) if object.as_long().is_some() => value,
        Py::Bool(value) => Py::Int(i64::from(*value)),
        Py::Float(value) if value.is_finite() => truncated(*value)?,
        Py::Str(text) => match parse_whole(text, base) {
            Some(value) => value,
            None => match text.trim().parse::<f64>() {
                Ok(value) if value.is_finite() => truncated(value)?,
                _ => default,
            },
        },
        _ => default,
    })
}

fn truncated(value: f64) -> Result<Py> {
    long::truncated(value).ok_or_else(|| Fault::error("cannot convert float infinity to integer"))
}

fn float(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [default] = args.bind(["default"])?;
    let default = default.unwrap_or(Py::Float(0.0));
    Ok(match &value {
        Py::Str(text) => text.trim().replace('_', "").parse().map_or(default, Py::Float),
        other => other.as_float().map_or(default, Py::Float),
    })
}

fn string(context: &Context, value: Py, _: Args) -> Result<Py> {
    context.text(&value).map(Py::str)
}

fn ternary(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [yes, no, none] = args.bind(["true_val", "false_val", "none_val"])?;
    let (Some(yes), Some(no)) = (yes, no) else {
        return Err(Fault::error("needs 'true_val' and 'false_val'"));
    };
    match (&value, none) {
        (Py::None, Some(none)) if !matches!(none, Py::None) => Ok(none),
        _ => Ok(if value.truth()? { yes } else { no }),
    }
}

fn type_debug(_: &Context, value: Py, _: Args) -> Result<Py> {
    Ok(Py::str(match &value {
        Py::Marker(marker) if marker.undefined.is_some() => "UndefinedMarker",
        Py::Marker(_) => "CapturedExceptionMarker",
        other => other.type_name(),
    }))
}

fn list(_: &Context, value: Py, _: Args) -> Result<Py> {
    value.iterate().map(Py::list)
}

fn length(_: &Context, value: Py, _: Args) -> Result<Py> {
    value.len().map(|len| Py::Int(len as i64))
}

fn attr(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [name] = args.bind(["name"])?;
    let name = name.unwrap_or(Py::None);
    match name.as_str() {
        Some(name) => Ok(eval::attribute(context, &value, name)),
        None => Err(Fault::error("needs a name")),
    }
}

/// What an error says, as a mapping; other values as they are.
fn dump_object(_: &Context, value: Py, _: Args) -> Result<Py> {
    let Py::Marker(marker) = &value else { return Ok(value) };
    let message = PyMap::from_iter([("message".into(), Py::str(marker.message.as_str()))]);
    Ok(Py::dict(PyMap::from_iter([("exception".into(), Py::dict(message))])))
}

/// Text that is used as if the user's own files had it.
fn trusted(value: Py) -> Py {
    match value {
        Py::Str(text) => Py::Str(Text::trusted(text)),
        other => other,
    }
}

fn pprint(context: &Context, value: Py, _: Args) -> Result<Py> {
    repr(context, &value).map(Py::str)
}

/// The value of a flag argument.
pub(super) fn flag(value: Option<&Py>, missing: bool) -> Result<bool> {
    match value {
        None => Ok(missing),
        Some(Py::Str(text)) => Ok(parse_bool(text).unwrap_or(!text.is_empty())),
        Some(value) => value.truth(),
    }
}

/// The text of an argument, if it is given.
pub(super) fn text_of(context: &Context, value: Option<&Py>) -> Result<Option<Rc<str>>> {
    match value {
        None | Some(Py::None) => Ok(None),
        Some(value) => context.text(value).map(|text| Some(text.into())),
    }
}

/// Where a text comes from, as far as that is remembered: of variables of the environment.
fn origin(_: &Context, value: Py, _: Args) -> Result<Py> {
    let variable = match &value {
        Py::Str(text) => text.environment_variable(),
        _ => None,
    };
    let variable = variable.ok_or_else(|| Fault::error("the origin of this value is not remembered"))?;
    Ok(Py::str(format!("<environment variable '{variable}'>")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_do_not_fit_are_not_other_numbers() {
        assert!(matches!(truncated(-9_223_372_036_854_775_808.0), Ok(Py::Int(i64::MIN))));
        assert!(matches!(truncated(2.9), Ok(Py::Int(2))));
        let digits = |value| long::long(&truncated(value).unwrap()).unwrap().to_string();
        assert_eq!(digits(9_223_372_036_854_775_808.0), "9223372036854775808");
        assert_eq!(digits(1e30), "1000000000000000019884624838656");
        assert!(truncated(f64::INFINITY).is_err());
    }
}
