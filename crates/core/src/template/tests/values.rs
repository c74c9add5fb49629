//! Tests on what a value is and how it compares.

use super::Table;
use crate::plugins::Kind;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::compile_regex;
use crate::template::python::long::is_long;
use crate::template::python::{Args, Py, binary, compare, contains, equal};
use crate::template::syntax::{BinaryOp, CompareOp};
use crate::template::{filters, own, tests};
use crate::value::parse_bool;
use std::rc::Rc;
use std::sync::Arc;

pub(super) const TABLE: Table = &[
    ("defined", |_, value, _| defined(value)),
    ("undefined", |_, value, _| defined(value).map(|defined| !defined)),
    ("none", |_, value, _| Ok(matches!(value, Py::None))),
    ("boolean", |_, value, _| Ok(matches!(value, Py::Bool(_)))),
    ("ansible._protomatter.tagged_with", tagged_with),
    ("true", |_, value, _| Ok(matches!(value, Py::Bool(true)))),
    ("false", |_, value, _| Ok(matches!(value, Py::Bool(false)))),
    ("integer", |_, value, _| Ok(matches!(value, Py::Int(_)) || is_long(&value))),
    ("float", |_, value, _| Ok(matches!(value, Py::Float(_)))),
    ("number", |_, value, _| Ok(matches!(value, Py::Int(_) | Py::Float(_) | Py::Bool(_)) || is_long(&value))),
    ("string", |_, value, _| Ok(matches!(value, Py::Str(_)))),
    ("mapping", |_, value, _| Ok(value.is_mapping())),
    ("sequence", |_, value, _| Ok(value.is_sequence() || value.is_mapping() || matches!(value, Py::Str(_)))),
    ("iterable", |_, value, _| Ok(value.iterate().is_ok())),
    ("callable", |_, value, _| Ok(matches!(&value, Py::Object(object) if object.callable()))),
    ("escaped", |_, _, _| Ok(false)),
    ("lower", |context, value, _| context.text(&value).map(|text| letters(&text) && text == text.to_lowercase())),
    ("upper", |context, value, _| context.text(&value).map(|text| letters(&text) && text == text.to_uppercase())),
    ("odd", |_, value, _| rest_of_two(&value).map(|rest| rest == 1.0)),
    ("even", |_, value, _| rest_of_two(&value).map(|rest| rest == 0.0)),
    ("divisibleby", divisible_by),
    ("sameas", same_as),
    ("eq", |context, value, args| compared(context, CompareOp::Eq, value, args)),
    ("==", |context, value, args| compared(context, CompareOp::Eq, value, args)),
    ("equalto", |context, value, args| compared(context, CompareOp::Eq, value, args)),
    ("ne", |context, value, args| compared(context, CompareOp::Ne, value, args)),
    ("!=", |context, value, args| compared(context, CompareOp::Ne, value, args)),
    ("lt", |context, value, args| compared(context, CompareOp::Lt, value, args)),
    ("<", |context, value, args| compared(context, CompareOp::Lt, value, args)),
    ("lessthan", |context, value, args| compared(context, CompareOp::Lt, value, args)),
    ("le", |context, value, args| compared(context, CompareOp::Le, value, args)),
    ("<=", |context, value, args| compared(context, CompareOp::Le, value, args)),
    ("gt", |context, value, args| compared(context, CompareOp::Gt, value, args)),
    (">", |context, value, args| compared(context, CompareOp::Gt, value, args)),
    ("greaterthan", |context, value, args| compared(context, CompareOp::Gt, value, args)),
    ("ge", |context, value, args| compared(context, CompareOp::Ge, value, args)),
    (">=", |context, value, args| compared(context, CompareOp::Ge, value, args)),
    ("in", |context, value, args| compared(context, CompareOp::In, value, args)),
    ("contains", |context, value, args| contains(context, &value, &only(args)?)),
    ("any", |_, value, _| any(&value, true)),
    ("all", |_, value, _| any(&value, false).map(|some_false| !some_false)),
    ("truthy", truthy),
    ("falsy", |context, value, args| truthy(context, value, args).map(|truthy| !truthy)),
    ("match", |context, value, args| regex(context, &value, args, "match")),
    ("search", |context, value, args| regex(context, &value, args, "search")),
    ("regex", |context, value, args| regex(context, &value, args, "search")),
    ("subset", |context, value, args| subset(context, &value, &only(args)?)),
    ("issubset", |context, value, args| subset(context, &value, &only(args)?)),
    ("superset", |context, value, args| subset(context, &only(args)?, &value)),
    ("issuperset", |context, value, args| subset(context, &only(args)?, &value)),
    ("isnan", |_, value, _| Ok(value.as_float().is_some_and(f64::is_nan))),
    ("nan", |_, value, _| Ok(value.as_float().is_some_and(f64::is_nan))),
    ("filter", |context, value, _| is_there(context, Kind::Filter, &value)),
    ("test", |context, value, _| is_there(context, Kind::Test, &value)),
    ("vault_encrypted", |_, value, _| match value {
        Py::Marker(marker) if marker.vault.is_some() => Ok(true),
        Py::Marker(marker) => Err(Fault::Error(marker)),
        Py::Str(text) => Ok(text.is_from_vault() || text.starts_with("$ANSIBLE_VAULT;")),
        _ => Ok(false),
    }),
];

/// An error is neither defined nor undefined.
fn defined(value: Py) -> Result<bool> {
    match value {
        Py::Marker(marker) if marker.undefined.is_some() => Ok(false),
        Py::Marker(marker) => Err(Fault::Error(marker)),
        // It will have some value.
        Py::Unknown(_) => Ok(true),
        _ => Ok(true),
    }
}

fn letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

fn only(args: Args) -> Result<Py> {
    let [other] = args.bind(["other"])?;
    other.ok_or_else(|| Fault::error("needs an argument"))
}

fn rest_of_two(value: &Py) -> Result<f64> {
    match (value.as_int(), value.as_float()) {
        (Some(whole), _) => Ok(if whole.rem_euclid(2) == 1 { 1.0 } else { 0.0 }),
        (None, Some(number)) => Ok(number.rem_euclid(2.0)),
        (None, None) => {
            let kind = value.type_name();
            Err(Fault::error(format!("unsupported operand type(s) for %: '{kind}' and 'int'")))
        }
    }
}

fn divisible_by(context: &Context, value: Py, args: Args) -> Result<bool> {
    let rest = binary(context, BinaryOp::Mod, value, only(args)?)?;
    equal(context, &rest, &Py::Int(0))
}

fn same_as(context: &Context, value: Py, args: Args) -> Result<bool> {
    let other = only(args)?;
    match (&value, &other) {
        (Py::List(a), Py::List(b)) => Ok(Rc::ptr_eq(a, b)),
        (Py::Dict(a), Py::Dict(b)) => Ok(Rc::ptr_eq(a, b)),
        (a, b) if std::mem::discriminant(a) != std::mem::discriminant(b) => Ok(false),
        _ => equal(context, &value, &other),
    }
}

fn compared(context: &Context, op: CompareOp, value: Py, args: Args) -> Result<bool> {
    compare(context, op, &value, &only(args)?)
}

fn any(value: &Py, wanted: bool) -> Result<bool> {
    for item in value.iterate()? {
        if item.truth()? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether text is trusted; the other tags of Ansible's own tests are not there.
fn tagged_with(_: &Context, value: Py, args: Args) -> Result<bool> {
    match only(args)?.as_str() {
        Some("TrustedAsTemplate") => Ok(matches!(&value, Py::Str(text) if text.is_trusted())),
        other => Err(Fault::error(format!("Unknown tag type name {}", other.unwrap_or_default()))),
    }
}

fn truthy(_: &Context, value: Py, args: Args) -> Result<bool> {
    let [convert] = args.bind(["convert_bool"])?;
    if let (Py::Str(text), Some(true)) = (&value, convert.map(|convert| convert.truth()).transpose()?)
        && let Some(word) = parse_bool(text)
    {
        return Ok(word);
    }
    value.truth()
}

fn regex(context: &Context, value: &Py, args: Args, default: &str) -> Result<bool> {
    let [pattern, ignore_case, multiline, kind] = args.bind(["pattern", "ignorecase", "multiline", "match_type"])?;
    let flag = |value: Option<Py>| value.map(|value| value.truth()).transpose().map(Option::unwrap_or_default);
    let pattern: Arc<str> = match pattern {
        Some(pattern) => context.text(&pattern)?.into(),
        None => "".into(),
    };
    let pattern = match kind.as_ref().and_then(Py::as_str).unwrap_or(default) {
        "match" => format!("\\A(?:{pattern})"),
        "fullmatch" => format!("\\A(?:{pattern})\\Z"),
        _ => pattern.to_string(),
    };
    let regex = compile_regex(&pattern, flag(ignore_case)?, flag(multiline)?)?;
    let text = context.text(value)?;
    regex.is_match(&text).map_err(|error| Fault::error(format!("the regular expression failed: {error}")))
}

fn subset(context: &Context, value: &Py, other: &Py) -> Result<bool> {
    let other = Py::list(other.iterate()?);
    for item in value.iterate()? {
        if !contains(context, &other, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether there is a filter or test of this name.
fn is_there(context: &Context, kind: Kind, name: &Py) -> Result<bool> {
    let Py::Str(name) = name else {
        // As in Ansible, which finds no fault with names that are numbers.
        return if matches!(name, Py::Tuple(_)) { Ok(true) } else { name.to_key().map(|_| true) };
    };
    let is_own = if kind == Kind::Filter { filters::find(name).is_some() } else { tests::find(name).is_some() };
    Ok(is_own || own::find(context, kind, name, false).is_some())
}
