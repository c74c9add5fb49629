//! Numbers and chance.

use super::Table;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, long, round_half_even};
use crate::template::random::Random;
use crate::value::Key;

pub(super) const TABLE: Table = &[
    ("abs", abs),
    ("round", round),
    ("log", log),
    ("pow", pow),
    ("root", root),
    ("random", random),
    ("shuffle", shuffle),
];

fn number(value: &Py, filter: &str) -> Result<f64> {
    value.as_float().ok_or_else(|| Fault::error(format!("{filter}() can only be used on numbers")))
}

fn abs(_: &Context, value: Py, _: Args) -> Result<Py> {
    match &value {
        Py::Float(value) => Ok(Py::Float(value.abs())),
        other => match long::long(other) {
            Some(value) => Ok(long::whole(value.magnitude().clone().into())),
            None => Err(Fault::error(format!("bad operand type for abs(): '{}'", other.type_name()))),
        },
    }
}

fn round(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [precision, method] = args.bind(["precision", "method"])?;
    let precision = precision.and_then(|precision| precision.as_int()).unwrap_or(0);
    let method = method.as_ref().and_then(Py::as_str).unwrap_or("common");
    if long::is_long(&value) && method == "common" && precision >= 0 {
        return Ok(value);
    }
    if let (Py::Int(_) | Py::Bool(_), "common") = (&value, method) {
        let whole = value.as_int().unwrap_or_default();
        return Ok(Py::Int(if precision < 0 { round_half_even(whole as f64, precision) as i64 } else { whole }));
    }
    let Some(value) = value.as_float() else {
        return Err(Fault::error(format!("type {} doesn't define __round__ method", value.type_name())));
    };
    let factor = 10_f64.powi(i32::try_from(precision).unwrap_or(0));
    Ok(Py::Float(match method {
        "common" => round_half_even(value, precision),
        // Python rounds to whole numbers on the way, which know no negative zero.
        "ceil" => ((value * factor).ceil() + 0.0) / factor,
        "floor" => ((value * factor).floor() + 0.0) / factor,
        _ => return Err(Fault::error("method must be common, ceil or floor")),
    }))
}

fn log(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [base] = args.bind(["base"])?;
    let value = number(&value, "log")?;
    if value <= 0.0 {
        return Err(Fault::error("math domain error"));
    }
    Ok(Py::Float(match base {
        None => value.ln(),
        Some(base) if base.as_float() == Some(10.0) => value.log10(),
        Some(base) => value.ln() / number(&base, "log")?.ln(),
    }))
}

fn pow(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [power] = args.bind(["y"])?;
    let power = number(&power.unwrap_or(Py::None), "pow")?;
    Ok(Py::Float(number(&value, "pow")?.powf(power)))
}

fn root(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [base] = args.bind(["base"])?;
    let value = number(&value, "root")?;
    let base = base.map(|base| number(&base, "root")).transpose()?.unwrap_or(2.0);
    if value < 0.0 && base == 2.0 {
        return Err(Fault::error("root() can only be used on numbers"));
    }
    if base != 2.0 && value < 0.0 && (1.0 / base).fract() != 0.0 {
        return Err(Fault::error("math domain error"));
    }
    Ok(Py::Float(if base == 2.0 { value.sqrt() } else { value.powf(1.0 / base) }))
}

fn random(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [start, step, seed] = args.bind(["start", "step", "seed"])?;
    let given = |value: &Option<Py>| value.clone().filter(|value| !matches!(value, Py::None));
    let mut random = match given(&seed) {
        Some(seed) => Random::seeded(&seed)?,
        None => Random::fresh(),
    };
    if let Some(end) = value.as_int() {
        let start = given(&start).and_then(|start| start.as_int()).unwrap_or(0);
        let step = given(&step).and_then(|step| step.as_int()).filter(|step| *step != 0).unwrap_or(1);
        let len = Py::Range(start, end, step).len()? as u64;
        if len == 0 {
            return Err(Fault::error(format!("empty range in randrange({start}, {end}, {step})")));
        }
        return Ok(Py::Int(start + random.below(len) as i64 * step));
    }
    if given(&start).is_some() || given(&step).is_some() {
        return Err(Fault::error("start and step can only be used with integer values"));
    }
    let items =
        value.iterate_lazily().map_err(|_| Fault::error("random can only be used on sequences and integers"))?;
    if items.is_empty() {
        return Err(Fault::error("Cannot choose from an empty sequence"));
    }
    let chosen = random.below(items.len() as u64) as usize;
    if !value.is_mapping() {
        return Ok(items[chosen].clone());
    }
    // Python asks a mapping for the value under the number.
    let found = value.entries(context)?.and_then(|entries| entries.get(&Key::Int(chosen as i64)).cloned());
    found.ok_or_else(|| Fault::error(format!("the mapping has no key {chosen}")))
}

fn shuffle(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [seed] = args.bind(["seed"])?;
    let Ok(mut items) = value.iterate() else { return Ok(value) };
    let mut random = match seed {
        // What can be no seed leaves the order as it is.
        Some(seed) if seed.truth()? => match Random::seeded(&seed) {
            Ok(random) => random,
            Err(_) => return Ok(Py::list(items)),
        },
        _ => Random::fresh(),
    };
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last as u64 + 1) as usize);
    }
    Ok(Py::list(items))
}
