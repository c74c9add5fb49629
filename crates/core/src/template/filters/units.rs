//! Sizes for people.

use super::Table;
use super::basic::{flag, text_of};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, round_half_even};

pub(super) const TABLE: Table =
    &[("human_readable", human_readable), ("human_to_bytes", human_to_bytes), ("filesizeformat", file_size)];

/// Letters of the sizes, from the largest.
const UNITS: [(char, &str, i32); 9] = [
    ('Y', "yotta", 80),
    ('Z', "zetta", 70),
    ('E', "exa", 60),
    ('P', "peta", 50),
    ('T', "tera", 40),
    ('G', "giga", 30),
    ('M', "mega", 20),
    ('K', "kilo", 10),
    ('B', "", 0),
];

fn human_readable(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [bits, unit] = args.bind(["isbits", "unit"])?;
    let bits = flag(bits.as_ref(), false)?;
    let unit = text_of(context, unit.as_ref())?.map(|unit| unit.to_uppercase());
    let Some(size) = value.as_float() else { return Err(Fault::error("human_readable() failed on bad input")) };
    let fits = |letter: char, power: i32| match &unit {
        Some(unit) => unit.starts_with(letter) && unit.len() == 1 || unit == &letter.to_string(),
        None => size >= 2_f64.powi(power),
    };
    let (letter, _, power) = UNITS.into_iter().find(|(letter, _, power)| fits(*letter, *power)).unwrap_or(UNITS[8]);
    let base = if bits { "bits" } else { "Bytes" };
    let name = if power == 0 { base.to_owned() } else { format!("{letter}{}", &base[..1]) };
    Ok(Py::str(format!("{:.2} {name}", size / 2_f64.powi(power))))
}

fn human_to_bytes(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [default, bits] = args.bind(["default_unit", "isbits"])?;
    let bits = flag(bits.as_ref(), false)?;
    let text = context.text(&value)?;
    let bad = || Fault::error(format!("human_to_bytes() can't interpret '{text}'"));
    let trimmed = text.trim_end();
    let at = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(at);
    let number: f64 = number.parse().map_err(|_| bad())?;
    let unit = match unit.trim_start() {
        "" => text_of(context, default.as_ref())?.map(|unit| unit.to_string()),
        unit => Some(unit.to_owned()),
    };
    let Some(unit) = unit else { return Ok(Py::Int(round_half_even(number, 0) as i64)) };
    let letter = unit.chars().next().map(|c| c.to_ascii_uppercase()).unwrap_or_default();
    let (_, name, power) = UNITS.into_iter().find(|(known, ..)| *known == letter).ok_or_else(bad)?;
    let short = if bits { "b" } else { "B" };
    let long = format!("{name}{}", if bits { "bit" } else { "byte" });
    let expected = if power == 0 { short.to_owned() } else { format!("{letter}{short}") };
    if unit.len() > 1 && unit.to_lowercase() != long && unit != expected {
        let hint = format!("expect {expected} or {letter}");
        return Err(Fault::error(format!("human_to_bytes() failed to convert {text}: not a valid unit ({hint})")));
    }
    Ok(Py::Int(round_half_even(number * 2_f64.powi(power), 0) as i64))
}

fn file_size(_: &Context, value: Py, args: Args) -> Result<Py> {
    let [binary] = args.bind(["binary"])?;
    let binary = flag(binary.as_ref(), false)?;
    let size = match &value {
        Py::Str(text) => text.trim().parse().ok(),
        other => other.as_float(),
    };
    let Some(size) = size else { return Err(Fault::error("filesizeformat needs a number")) };
    let (base, names) = if binary {
        (1024.0, ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"])
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    if size == 1.0 {
        return Ok(Py::str("1 Byte"));
    }
    if size < base {
        return Ok(Py::str(format!("{} Bytes", size as i64)));
    }
    let mut unit = base;
    for (index, name) in names.iter().enumerate() {
        unit *= base;
        if size < unit || index + 1 == names.len() {
            return Ok(Py::str(format!("{:.1} {name}", base * size / unit)));
        }
    }
    Ok(Py::None)
}
