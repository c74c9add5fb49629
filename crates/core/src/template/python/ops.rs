//! Operators.

use super::format::percent;
use super::long;
use super::text::text;
use super::value::Py;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::syntax::{BinaryOp, CompareOp};
use std::cmp::Ordering;
use std::rc::Rc;

/// Longest text or list that `*` may make.
const LARGEST: usize = 100_000_000;

/// `left op right`.
pub(crate) fn binary(context: &Context, op: BinaryOp, left: Py, right: Py) -> Result<Py> {
    let left = left.force().used()?;
    if let (BinaryOp::Mod, Py::Str(format)) = (op, &left) {
        return percent(context, format, &right.force());
    }
    let right = right.force().used()?;
    match op {
        BinaryOp::Concat => Ok(Py::str(text(context, &left)? + &text(context, &right)?)),
        BinaryOp::Add => add(left, right),
        BinaryOp::Mul => multiply(left, right),
        BinaryOp::Sub => subtract(left, right),
        _ => arithmetic(op, &left, &right),
    }
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "** or pow()",
        BinaryOp::Concat => "~",
    }
}

fn unsupported(op: BinaryOp, left: &Py, right: &Py) -> Fault {
    Fault::error(format!(
        "unsupported operand type(s) for {}: '{}' and '{}'",
        symbol(op),
        left.type_name(),
        right.type_name()
    ))
}

fn add(left: Py, right: Py) -> Result<Py> {
    match (&left, &right) {
        (Py::Str(a), Py::Str(b)) => Ok(Py::str(format!("{a}{b}"))),
        (Py::Str(_), other) => {
            Err(Fault::error(format!("can only concatenate str (not \"{}\") to str", other.type_name())))
        }
        (Py::List(a), Py::List(b)) => Ok(Py::list(a.borrow().iter().chain(b.borrow().iter()).cloned().collect())),
        (Py::List(_), other) => {
            Err(Fault::error(format!("can only concatenate list (not \"{}\") to list", other.type_name())))
        }
        (Py::Tuple(a), Py::Tuple(b)) => Ok(Py::tuple(a.iter().chain(b.iter()).cloned().collect())),
        (Py::Object(a), Py::Object(b)) => match (a.as_date(), b.as_date()) {
            (Some(a), Some(b)) => a.add(b),
            _ => arithmetic(BinaryOp::Add, &left, &right),
        },
        _ => arithmetic(BinaryOp::Add, &left, &right),
    }
}

fn subtract(left: Py, right: Py) -> Result<Py> {
    if let (Py::Object(a), Py::Object(b)) = (&left, &right)
        && let (Some(a), Some(b)) = (a.as_date(), b.as_date())
    {
        return a.subtract(b);
    }
    arithmetic(BinaryOp::Sub, &left, &right)
}

fn multiply(left: Py, right: Py) -> Result<Py> {
    let (sequence, times) = match (&left, &right) {
        (Py::Str(_) | Py::List(_) | Py::Tuple(_), other) => (&left, other.as_int()),
        (other, Py::Str(_) | Py::List(_) | Py::Tuple(_)) => (&right, other.as_int()),
        _ => return arithmetic(BinaryOp::Mul, &left, &right),
    };
    let Some(times) = times else {
        let other = if matches!(left, Py::Str(_) | Py::List(_) | Py::Tuple(_)) { &right } else { &left };
        return Err(Fault::error(format!("can't multiply sequence by non-int of type '{}'", other.type_name())));
    };
    let times = usize::try_from(times).unwrap_or(0);
    if sequence.len()?.saturating_mul(times) > LARGEST {
        return Err(Fault::error("the result of * is too large"));
    }
    Ok(match sequence {
        Py::Str(text) => Py::str(text.repeat(times)),
        Py::List(items) => {
            let items = items.borrow();
            Py::list((0..times).flat_map(|_| items.iter().cloned()).collect())
        }
        Py::Tuple(items) => Py::tuple((0..times).flat_map(|_| items.iter().cloned()).collect()),
        _ => return Err(unsupported(BinaryOp::Mul, &left, &right)),
    })
}

fn arithmetic(op: BinaryOp, left: &Py, right: &Py) -> Result<Py> {
    let zero = || Err(Fault::error(if op == BinaryOp::Mod { "integer modulo by zero" } else { "division by zero" }));
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        let value = match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod if b == 0 => return zero(),
            BinaryOp::Div => return Ok(Py::Float(a as f64 / b as f64)),
            BinaryOp::FloorDiv => {
                a.checked_div_euclid(b).map(|q| if b < 0 && a.rem_euclid(b) != 0 { q - 1 } else { q })
            }
            BinaryOp::Mod => a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r }),
            BinaryOp::Pow if a == 0 && b < 0 => {
                return Err(Fault::error("0.0 cannot be raised to a negative power"));
            }
            BinaryOp::Pow if b < 0 => return Ok(Py::Float((a as f64).powi(b as i32))),
            BinaryOp::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
            BinaryOp::Concat => None,
        };
        return match value {
            Some(value) => Ok(Py::Int(value)),
            None => long::arithmetic(op, &a.into(), &b.into()),
        };
    }
    if let (Some(a), Some(b)) = (long::long(left), long::long(right)) {
        return long::arithmetic(op, &a, &b);
    }
    let (Some(a), Some(b)) = (left.as_float(), right.as_float()) else {
        return Err(unsupported(op, left, right));
    };
    Ok(Py::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod if b == 0.0 => {
            return Err(Fault::error(match op {
                BinaryOp::Div => "float division by zero",
                BinaryOp::Mod => "float modulo",
                _ => "float floor division by zero",
            }));
        }
        BinaryOp::Div => a / b,
        BinaryOp::FloorDiv => (a / b).floor(),
        BinaryOp::Mod => {
            let r = a % b;
            match r {
                0.0 => 0.0_f64.copysign(b),
                r if (r < 0.0) != (b < 0.0) => r + b,
                r => r,
            }
        }
        BinaryOp::Pow if a == 0.0 && b < 0.0 => {
            return Err(Fault::error("0.0 cannot be raised to a negative power"));
        }
        BinaryOp::Pow => a.powf(b),
        BinaryOp::Concat => return Err(unsupported(op, left, right)),
    }))
}

/// `left op right` for comparisons.
pub(crate) fn compare(context: &Context, op: CompareOp, left: &Py, right: &Py) -> Result<bool> {
    // Whether something undefined is in a list is for the list to say.
    let looks = matches!(op, CompareOp::In | CompareOp::NotIn);
    let left = if looks { left.clone() } else { left.clone().force().used()? };
    let right = right.clone().force().used()?;
    match op {
        CompareOp::Eq => equal(context, &left, &right),
        CompareOp::Ne => Ok(!equal(context, &left, &right)?),
        CompareOp::In => contains(context, &right, &left),
        CompareOp::NotIn => Ok(!contains(context, &right, &left)?),
        CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => {
            if [&left, &right].iter().any(|value| matches!(value, Py::Float(value) if value.is_nan())) {
                return Ok(false);
            }
            let sign = match op {
                CompareOp::Lt => "<",
                CompareOp::Le => "<=",
                CompareOp::Gt => ">",
                _ => ">=",
            };
            let order = order(context, &left, &right, sign)?;
            Ok(match op {
                CompareOp::Lt => order.is_lt(),
                CompareOp::Le => order.is_le(),
                CompareOp::Gt => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

/// Python's `==`.
pub(crate) fn equal(context: &Context, left: &Py, right: &Py) -> Result<bool> {
    let left = left.clone().force().used()?;
    let right = right.clone().force().used()?;
    Ok(match (&left, &right) {
        (Py::None, Py::None) | (Py::Omit, Py::Omit) => true,
        (Py::Str(a), Py::Str(b)) => a == b,
        (Py::Tuple(a), Py::Tuple(b)) => all_equal(context, a, b)?,
        (Py::List(a), Py::List(b)) => Rc::ptr_eq(a, b) || all_equal(context, &a.borrow(), &b.borrow())?,
        (Py::Range(..), Py::Range(..)) => all_equal(context, &left.iterate()?, &right.iterate()?)?,
        _ if long::is_long(&left) || long::is_long(&right) => match (long::long(&left), long::long(&right)) {
            (Some(a), Some(b)) => a == b,
            _ => left.as_float().zip(right.as_float()).is_some_and(|(a, b)| a == b),
        },
        (Py::Object(a), Py::Object(b)) if a.keys().is_none() || b.keys().is_none() => {
            match (a.as_date(), b.as_date()) {
                (Some(a), Some(b)) => a.order(b) == Some(Ordering::Equal),
                _ => std::ptr::addr_eq(Rc::as_ptr(a), Rc::as_ptr(b)),
            }
        }
        _ => match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => a == b,
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => a == b,
                _ => equal_maps(context, &left, &right)?,
            },
        },
    })
}

fn equal_maps(context: &Context, left: &Py, right: &Py) -> Result<bool> {
    if !left.is_mapping() || !right.is_mapping() {
        return Ok(false);
    }
    let (Some(a), Some(b)) = (left.entries(context)?, right.entries(context)?) else { return Ok(false) };
    if a.len() != b.len() {
        return Ok(false);
    }
    for (key, value) in &a {
        match b.get(key) {
            Some(other) if equal(context, value, other)? => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

fn all_equal(context: &Context, left: &[Py], right: &[Py]) -> Result<bool> {
    if left.len() != right.len() {
        return Ok(false);
    }
    for (a, b) in left.iter().zip(right) {
        if !equal(context, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How two values compare; `sign` is for the message where they do not.
pub(crate) fn order(context: &Context, left: &Py, right: &Py, sign: &str) -> Result<Ordering> {
    let left = left.clone().force().used()?;
    let right = right.clone().force().used()?;
    let refused = || {
        Fault::error(format!(
            "'{sign}' not supported between instances of '{}' and '{}'",
            left.type_name(),
            right.type_name()
        ))
    };
    if let (true, Some(a), Some(b)) =
        (long::is_long(&left) || long::is_long(&right), long::long(&left), long::long(&right))
    {
        return Ok(a.cmp(&b));
    }
    match (&left, &right) {
        (Py::Str(a), Py::Str(b)) => Ok(a.chars().cmp(b.chars())),
        (Py::List(_), Py::List(_)) | (Py::Tuple(_), Py::Tuple(_)) => {
            // What comes after the first that differ is not looked at.
            let (a, b) = (left.iterate_lazily()?, right.iterate_lazily()?);
            for (x, y) in a.iter().zip(&b) {
                if !equal(context, x, y)? {
                    return order(context, x, y, sign);
                }
            }
            Ok(a.len().cmp(&b.len()))
        }
        (Py::Object(_), Py::Object(_)) if left.is_sequence() && right.is_sequence() => {
            order(context, &Py::tuple(left.iterate()?), &Py::tuple(right.iterate()?), sign)
        }
        (Py::Object(a), Py::Object(b)) => match (a.as_date(), b.as_date()) {
            (Some(a), Some(b)) => a.order(b).ok_or_else(refused),
            _ => Err(refused()),
        },
        _ => match (left.as_int(), right.as_int()) {
            (Some(a), Some(b)) => Ok(a.cmp(&b)),
            _ => match (left.as_float(), right.as_float()) {
                (Some(a), Some(b)) => a.partial_cmp(&b).ok_or_else(refused),
                _ => Err(refused()),
            },
        },
    }
}

/// `needle in haystack`.
pub(crate) fn contains(context: &Context, haystack: &Py, needle: &Py) -> Result<bool> {
    let haystack = haystack.clone().force().used()?;
    // Nothing is in an empty list, not even what is undefined: nobody looks at it.
    if haystack.is_sequence() && haystack.len().is_ok_and(|len| len == 0) {
        return Ok(false);
    }
    let needle = needle.clone().force().used()?;
    match haystack {
        Py::Str(text) => match &needle {
            Py::Str(part) => Ok(text.contains(&**part)),
            other => {
                Err(Fault::error(format!("'in <string>' requires string as left operand, not {}", other.type_name())))
            }
        },
        Py::Dict(map) => Ok(map.borrow().contains_key(&needle.to_key()?)),
        Py::Object(object) => match object.keys() {
            Some(keys) => Ok(needle.as_str().is_some_and(|name| keys.iter().any(|key| &**key == name))),
            None => Err(Fault::error(format!("argument of type '{}' is not iterable", object.type_name()))),
        },
        sequence if sequence.is_sequence() => {
            for item in sequence.iterate()? {
                if equal(context, &item, &needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        other => Err(Fault::error(format!("argument of type '{}' is not iterable", other.type_name()))),
    }
}

/// `value[start:stop:step]`.
pub(crate) fn slice(value: &Py, bounds: [Option<Py>; 3]) -> Result<Py> {
    let value = value.clone().force().used()?;
    let [start, stop, step] = bounds;
    let number = |bound: Option<Py>| match bound.map(Py::force) {
        None | Some(Py::None) => Ok(None),
        Some(bound) => match bound.used()?.as_int() {
            Some(bound) => Ok(Some(bound)),
            None => Err(Fault::error("slice indices must be integers or None or have an __index__ method")),
        },
    };
    let (start, stop, step) = (number(start)?, number(stop)?, number(step)?.unwrap_or(1));
    if step == 0 {
        return Err(Fault::error("slice step cannot be zero"));
    }
    let items = match &value {
        Py::Str(_) | Py::List(_) | Py::Tuple(_) | Py::Range(..) => match &value {
            Py::List(items) => items.borrow().clone(),
            Py::Tuple(items) => items.to_vec(),
            other => other.iterate()?,
        },
        other => return Err(Fault::error(format!("'{}' object is not subscriptable", other.type_name()))),
    };
    let len = items.len() as i64;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: i64| (if bound < 0 { bound + len } else { bound }).clamp(low, high);
    let start = start.map_or(if step > 0 { low } else { high }, clamp);
    let stop = stop.map_or(if step > 0 { high } else { low }, clamp);
    let mut taken = Vec::new();
    let mut index = start;
    while (step > 0 && index < stop) || (step < 0 && index > stop) {
        taken.push(items[index as usize].clone());
        index += step;
    }
    Ok(match value {
        Py::Str(_) => Py::str(taken.iter().filter_map(Py::as_str).collect::<String>()),
        Py::Tuple(_) => Py::tuple(taken),
        _ => Py::list(taken),
    })
}
