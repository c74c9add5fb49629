//! Dates.

use super::Table;
use super::basic::{flag, text_of};
use crate::template::context::Context;
use crate::template::dates;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) const TABLE: Table = &[("strftime", strftime), ("to_datetime", to_datetime)];

fn strftime(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [second, utc] = args.bind(["second", "utc"])?;
    if value.as_str().is_none() {
        return Err(Fault::error(format!("strftime() argument 1 must be str, not {}", value.type_name())));
    }
    let zone = if flag(utc.as_ref(), false)? { TimeZone::UTC } else { TimeZone::system() };
    let at = match second.filter(|second| !matches!(second, Py::None)) {
        None => Timestamp::now(),
        Some(second) => {
            let text = context.text(&second)?;
            let bad = || Fault::error(format!("Invalid value for epoch value ({text})"));
            let seconds: f64 = text.trim().parse().map_err(|_| bad())?;
            Timestamp::from_second(seconds.floor() as i64).map_err(|_| bad())?
        }
    };
    dates::strftime(&at.to_zoned(zone), &context.text(&value)?).map(Py::str)
}

fn to_datetime(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [format] = args.bind(["format"])?;
    let format = text_of(context, format.as_ref())?;
    dates::parse(&context.text(&value)?, format.as_deref().unwrap_or("%Y-%m-%d %H:%M:%S"))
}
