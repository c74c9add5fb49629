//! Methods of lists, mappings and numbers; those of strings are next door.

use super::ops::{equal, order};
use super::string_methods;
use super::value::{Args, Py, PyMap};
use crate::template::context::Context;
use crate::template::eval::call_filter;
use crate::template::fault::{Fault, Result};
use crate::value::Key;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: &[&str] = &["count", "index"];
const DICT: &[&str] =
    &["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values", "fromkeys"];
const INT: &[&str] = &["bit_length", "__and__", "__or__", "__xor__", "__lshift__", "__rshift__"];

/// Whether values of this type have the method `name`.
pub(crate) fn has_method(value: &Py, name: &str) -> bool {
    match value {
        Py::Str(_) => string_methods::NAMES.contains(&name),
        Py::List(_) => LIST.contains(&name),
        Py::Tuple(_) | Py::Range(..) => TUPLE.contains(&name),
        Py::Dict(_) => DICT.contains(&name),
        Py::Int(_) | Py::Bool(_) => INT.contains(&name),
        Py::Float(_) => name == "is_integer",
        _ => false,
    }
}

/// Calls `value.name(…)`.
pub(crate) fn call_method(context: &Context, value: &Py, name: &str, args: Args) -> Result<Py> {
    let result = match value {
        Py::Str(text) => string_methods::call(context, text, name, args),
        Py::List(items) => list_method(context, items, name, args),
        Py::Tuple(_) | Py::Range(..) => {
            let items = RefCell::new(value.iterate()?);
            list_method(context, &Rc::new(items), name, args)
        }
        Py::Dict(map) => dict_method(context, map, name, args),
        Py::Float(value) => Ok(Py::Bool(value.fract() == 0.0)),
        Py::Object(_) => match value.entries(context)? {
            Some(entries) => dict_method(context, &Rc::new(RefCell::new(entries)), name, args),
            None => Err(Fault::error(format!("'{}' object has no method '{name}'", value.type_name()))),
        },
        other => int_method(other, name, args),
    };
    result.map_err(|fault| match fault {
        Fault::Error(marker) if marker.undefined.is_none() && marker.message.starts_with("takes at most") => {
            Fault::error(format!("{}() {}", name, marker.message))
        }
        other => other,
    })
}

fn int_method(value: &Py, name: &str, args: Args) -> Result<Py> {
    let number = value.as_int().unwrap_or_default();
    let other = args.positional.first().and_then(Py::as_int);
    let needed = || Fault::error(format!("{name}() takes a whole number"));
    let shift = |other: Option<i64>| other.and_then(|by| u32::try_from(by).ok()).ok_or_else(needed);
    Ok(Py::Int(match name {
        "bit_length" => i64::from(64 - number.unsigned_abs().leading_zeros()),
        "__and__" => number & other.ok_or_else(needed)?,
        "__or__" => number | other.ok_or_else(needed)?,
        "__xor__" => number ^ other.ok_or_else(needed)?,
        "__lshift__" => number.checked_shl(shift(other)?).ok_or_else(needed)?,
        "__rshift__" => number.checked_shr(shift(other)?).unwrap_or(if number < 0 { -1 } else { 0 }),
        _ => return Err(Fault::error(format!("'{}' object has no method '{name}'", value.type_name()))),
    }))
}

/// Where Python finds index `at` among `len` items.
fn position(at: i64, len: usize) -> Option<usize> {
    let at = if at < 0 { at + len as i64 } else { at };
    usize::try_from(at).ok().filter(|at| *at < len)
}

fn required(value: Option<Py>, name: &str) -> Result<Py> {
    value.ok_or_else(|| Fault::error(format!("{name}() is missing a required argument")))
}

fn list_method(context: &Context, list: &Rc<RefCell<Vec<Py>>>, name: &str, mut args: Args) -> Result<Py> {
    if name == "sort" {
        let reverse = args.take("reverse").is_some_and(|value| value.truth().unwrap_or_default());
        let mut items: Vec<Py> = list.borrow().iter().cloned().map(Py::force).collect();
        sort(&mut items, |a, b| order(context, a, b, "<"))?;
        if reverse {
            items.reverse();
        }
        *list.borrow_mut() = items;
        return Ok(Py::None);
    }
    let [first, second] = args.bind(["x", "y"])?;
    match name {
        "append" => list.borrow_mut().push(required(first, name)?),
        "extend" => {
            let items = required(first, name)?.iterate()?;
            list.borrow_mut().extend(items);
        }
        "insert" => {
            let at = required(first, name)?.as_int().unwrap_or_default();
            let mut list = list.borrow_mut();
            let len = list.len() as i64;
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            list.insert(at as usize, required(second, name)?);
        }
        "pop" => {
            let mut list = list.borrow_mut();
            if list.is_empty() {
                return Err(Fault::error("pop from empty list"));
            }
            let at = first.and_then(|at| at.as_int()).unwrap_or(-1);
            let at = position(at, list.len()).ok_or_else(|| Fault::error("pop index out of range"))?;
            return Ok(list.remove(at).force());
        }
        "remove" | "index" => {
            let wanted = required(first, name)?;
            let items = list.borrow().clone();
            for (at, item) in items.iter().enumerate() {
                if equal(context, item, &wanted)? {
                    if name == "index" {
                        return Ok(Py::Int(at as i64));
                    }
                    list.borrow_mut().remove(at);
                    return Ok(Py::None);
                }
            }
            return Err(Fault::error(match name {
                "index" => format!("{} is not in list", super::repr(context, &wanted)?),
                _ => "list.remove(x): x not in list".to_owned(),
            }));
        }
        "count" => {
            let wanted = required(first, name)?;
            let mut count = 0;
            for item in list.borrow().iter() {
                count += i64::from(equal(context, item, &wanted)?);
            }
            return Ok(Py::Int(count));
        }
        "reverse" => list.borrow_mut().reverse(),
        "clear" => list.borrow_mut().clear(),
        "copy" => return Ok(Py::list(list.borrow().clone())),
        _ => return Err(Fault::error(format!("'list' object has no method '{name}'"))),
    }
    Ok(Py::None)
}

fn dict_method(context: &Context, dict: &Rc<RefCell<PyMap>>, name: &str, args: Args) -> Result<Py> {
    if name == "update" {
        let Py::Dict(new) = call_dict(context, args)? else { return Ok(Py::None) };
        let new = new.borrow().clone();
        dict.borrow_mut().extend(new);
        return Ok(Py::None);
    }
    let [first, second] = args.bind(["key", "default"])?;
    Ok(match name {
        "get" => {
            let key = required(first, name)?.to_key()?;
            let found = dict.borrow().get(&key).cloned();
            found.map(Py::force).or(second).unwrap_or(Py::None)
        }
        "keys" => Py::list(dict.borrow().keys().map(Py::from).collect()),
        "values" => Py::list(dict.borrow().values().cloned().map(Py::force).collect()),
        "items" => {
            let entries = dict.borrow().clone();
            Py::list(entries.into_iter().map(|(key, value)| Py::tuple(vec![Py::from(&key), value.force()])).collect())
        }
        "pop" => {
            let key = required(first, name)?.to_key()?;
            let removed = dict.borrow_mut().shift_remove(&key);
            match removed.or(second) {
                Some(value) => value.force(),
                None => return Err(Fault::error(super::repr(context, &Py::from(&key))?)),
            }
        }
        "popitem" => match dict.borrow_mut().pop() {
            Some((key, value)) => Py::tuple(vec![Py::from(&key), value.force()]),
            None => return Err(Fault::error("popitem(): dictionary is empty")),
        },
        "setdefault" => {
            let key = required(first, name)?.to_key()?;
            let mut dict = dict.borrow_mut();
            dict.entry(key).or_insert(second.unwrap_or(Py::None)).clone().force()
        }
        "fromkeys" => {
            let keys = required(first, name)?.iterate()?;
            let value = second.unwrap_or(Py::None);
            let keys = keys.iter().map(|key| Ok((key.to_key()?, value.clone())));
            Py::dict(keys.collect::<Result<PyMap>>()?)
        }
        "clear" => {
            dict.borrow_mut().clear();
            Py::None
        }
        "copy" => Py::dict(dict.borrow().clone()),
        _ => return Err(Fault::error(format!("'dict' object has no method '{name}'"))),
    })
}

fn call_dict(context: &Context, mut args: Args) -> Result<Py> {
    let mut map = PyMap::default();
    if let Some(source) = args.positional.pop() {
        match source.entries(context)? {
            Some(entries) => map = entries,
            None => {
                let dict = call_filter(context, "community.general.dict", source, Args::default())?;
                map = dict.entries(context)?.unwrap_or_default();
            }
        }
    }
    map.extend(args.named.into_iter().map(|(name, value)| (Key::Str(name), value)));
    Ok(Py::dict(map))
}

/// Sorts with a comparison that can fail; the first failure is returned.
pub(crate) fn sort(items: &mut [Py], mut compare: impl FnMut(&Py, &Py) -> Result<Ordering>) -> Result<()> {
    let mut failed = None;
    items.sort_by(|a, b| {
        if failed.is_some() {
            return Ordering::Equal;
        }
        compare(a, b).unwrap_or_else(|fault| {
            failed = Some(fault);
            Ordering::Equal
        })
    });
    failed.map_or(Ok(()), Err)
}
