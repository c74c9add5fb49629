//! Hardware addresses: `hwaddr`, `macaddr`.

use super::super::Table;
use super::super::basic::text_of;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};

pub(super) const TABLE: Table = &[
    ("hwaddr", |context, value, args| ask(context, &value, args, "hwaddr")),
    ("macaddr", |context, value, args| ask(context, &value, args, "macaddr")),
];

/// A hardware address of 48 bits, in any of its forms.
pub(super) fn parse(text: &str) -> Option<u64> {
    let separator = text.chars().find(|c| !c.is_ascii_hexdigit());
    let digits: String = match separator {
        None if text.len() == 12 => text.to_owned(),
        Some(separator @ (':' | '-' | '.')) => {
            let parts: Vec<&str> = text.split(separator).collect();
            let width = 12 / parts.len();
            let fits = |part: &&str| !part.is_empty() && part.len() <= width;
            if ![2, 3, 6].contains(&parts.len()) || !parts.iter().all(fits) {
                return None;
            }
            parts.iter().map(|part| format!("{part:0>width$}")).collect()
        }
        _ => return None,
    };
    u64::from_str_radix(&digits, 16).ok()
}

fn ask(context: &Context, value: &Py, args: Args, alias: &str) -> Result<Py> {
    let [query] = args.bind(["query"])?;
    let query = text_of(context, query.as_ref())?.unwrap_or_default();
    let text = context.text(value)?;
    let Some(mac) = parse(&text) else {
        return match &*query {
            "" | "bool" => Ok(Py::None),
            _ => Err(Fault::error(format!("{alias}: not a hardware address: {text}"))),
        };
    };
    let digits = format!("{mac:012x}");
    let parts = |width: usize, separator: &str| {
        let parts: Vec<&str> = (0..12 / width).map(|at| &digits[at * width..(at + 1) * width]).collect();
        parts.join(separator)
    };
    Ok(match &*query {
        "" => value.clone(),
        "bool" => Py::Bool(true),
        "int" => Py::Int(mac as i64),
        "bare" => Py::str(digits.to_uppercase()),
        "cisco" => Py::str(parts(4, ".")),
        "eui48" | "win" => Py::str(parts(2, "-").to_uppercase()),
        "linux" => Py::str(parts(2, ":")),
        "unix" => {
            let short = parts(2, ":");
            let short = short.split(':').map(|part| part.strip_prefix('0').unwrap_or(part));
            Py::str(short.collect::<Vec<_>>().join(":"))
        }
        "pgsql" | "postgresql" | "psql" => Py::str(parts(6, ":")),
        other => return Err(Fault::error(format!("{alias}: unknown filter type: {other}"))),
    })
}
