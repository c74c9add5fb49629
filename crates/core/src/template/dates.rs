//! Dates and spans of time, as `now()` and `to_datetime` give them.

use super::context::Context;
use super::fault::{Fault, Result};
use super::python::{Object, Py};
use crate::value::Value;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::cmp::Ordering;

/// A date, or the span between two.
#[derive(Debug, Clone)]
pub(crate) enum Date {
    At(DateTime),
    Span(SignedDuration),
}

/// The moment, in local time unless `utc`.
pub(crate) fn now(_: &Context, utc: bool, format: Option<&str>) -> Result<Py> {
    let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
    let now = Timestamp::now().to_zoned(zone);
    match format {
        Some(format) => strftime(&now, format).map(Py::str),
        None => {
            let micros = now.datetime().round(jiff::Unit::Microsecond).unwrap_or_else(|_| now.datetime());
            Ok(Py::object(Date::At(micros)))
        }
    }
}

/// `strftime` at a moment in a zone.
pub(crate) fn strftime(at: &Zoned, format: &str) -> Result<String> {
    jiff::fmt::strtime::format(python_format(format), at)
        .map_err(|error| Fault::error(format!("cannot write a time as '{format}': {error}")))
}

/// Python's `%f` has always six digits.
fn python_format(format: &str) -> String {
    format.replace("%f", "%6f")
}

/// `strptime`.
pub(crate) fn parse(text: &str, format: &str) -> Result<Py> {
    let failed = |_| Fault::error(format!("time data '{text}' does not match format '{format}'"));
    let parsed = jiff::fmt::strtime::parse(format, text).map_err(failed)?;
    let date = parsed.to_date().or_else(|_| jiff::civil::Date::new(1900, 1, 1)).map_err(failed)?;
    let time = parsed.to_time().map_err(failed).unwrap_or_else(|_| jiff::civil::Time::midnight());
    Ok(Py::object(Date::At(date.to_datetime(time))))
}

impl Date {
    pub fn strftime(&self, format: &str) -> Result<String> {
        match self {
            Self::At(at) => {
                let zoned = at.to_zoned(TimeZone::UTC).map_err(|error| Fault::error(error.to_string()))?;
                strftime(&zoned, format)
            }
            Self::Span(_) => Err(Fault::error("a span of time has no date to write")),
        }
    }

    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Some(a.cmp(b)),
            (Self::Span(a), Self::Span(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    pub fn add(&self, other: &Self) -> Result<Py> {
        let date = match (self, other) {
            (Self::At(at), Self::Span(span)) | (Self::Span(span), Self::At(at)) => {
                at.checked_add(*span).ok().map(Self::At)
            }
            (Self::Span(a), Self::Span(b)) => a.checked_add(*b).map(Self::Span),
            (Self::At(_), Self::At(_)) => None,
        };
        date.map(Py::object).ok_or_else(|| Fault::error("these dates cannot be added"))
    }

    pub fn subtract(&self, other: &Self) -> Result<Py> {
        let date = match (self, other) {
            (Self::At(a), Self::At(b)) => Some(Self::Span(a.duration_since(*b))),
            (Self::At(at), Self::Span(span)) => at.checked_sub(*span).ok().map(Self::At),
            (Self::Span(a), Self::Span(b)) => a.checked_sub(*b).map(Self::Span),
            (Self::Span(_), Self::At(_)) => None,
        };
        date.map(Py::object).ok_or_else(|| Fault::error("these dates cannot be subtracted"))
    }

    /// Seconds since 1970, the date taken as local time.
    fn timestamp(at: DateTime) -> Result<f64> {
        let zoned = at.to_zoned(TimeZone::system()).map_err(|error| Fault::error(error.to_string()))?;
        Ok(zoned.timestamp().as_microsecond() as f64 / 1e6)
    }

    fn shown(&self) -> String {
        match self {
            Self::At(at) => {
                let micros = at.subsec_nanosecond() / 1000;
                let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
                format!("{} {:02}:{:02}:{:02}{fraction}", at.date(), at.hour(), at.minute(), at.second())
            }
            Self::Span(span) => {
                let (days, seconds, micros) = parts(*span);
                let plural = if days.abs() == 1 { "" } else { "s" };
                let days = if days == 0 { String::new() } else { format!("{days} day{plural}, ") };
                let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
                let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                format!("{days}{hours}:{minutes:02}:{seconds:02}{fraction}")
            }
        }
    }
}

/// Days, seconds and microseconds, of which only the days may be negative.
fn parts(span: SignedDuration) -> (i128, i128, i128) {
    let micros = span.as_micros();
    let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
    (days, rest / 1_000_000, rest % 1_000_000)
}

impl Object for Date {
    fn type_name(&self) -> &'static str {
        match self {
            Self::At(_) => "datetime",
            Self::Span(_) => "timedelta",
        }
    }

    fn attribute(&self, _: &Context, name: &str) -> Result<Option<Py>> {
        let number = |value: i128| Some(Py::Int(i64::try_from(value).unwrap_or(i64::MAX)));
        Ok(match (self, name) {
            (Self::At(at), "year") => number(at.year().into()),
            (Self::At(at), "month") => number(at.month().into()),
            (Self::At(at), "day") => number(at.day().into()),
            (Self::At(at), "hour") => number(at.hour().into()),
            (Self::At(at), "minute") => number(at.minute().into()),
            (Self::At(at), "second") => number(at.second().into()),
            (Self::At(at), "microsecond") => number((at.subsec_nanosecond() / 1000).into()),
            (Self::At(at), "strftime") => {
                let date = Self::At(*at);
                Some(Py::function("strftime", move |_, args| {
                    let [format] = args.bind(["format"])?;
                    let format = format.ok_or_else(|| Fault::error("strftime() needs a format"))?;
                    date.strftime(format.as_str().unwrap_or_default()).map(Py::str)
                }))
            }
            (Self::At(at), "isoformat") => {
                let text = Self::At(*at).shown().replacen(' ', "T", 1);
                Some(Py::function("isoformat", move |_, _| Ok(Py::str(text.as_str()))))
            }
            (Self::At(at), "timestamp") => {
                let at = *at;
                Some(Py::function("timestamp", move |_, _| Self::timestamp(at).map(Py::Float)))
            }
            (Self::At(at), "weekday" | "isoweekday") => {
                let first = i64::from(name == "isoweekday");
                let day = i64::from(at.weekday().to_monday_zero_offset()) + first;
                Some(Py::function("weekday", move |_, _| Ok(Py::Int(day))))
            }
            (Self::At(at), "date") => {
                let date = at.date();
                Some(Py::function("date", move |_, _| Ok(Py::str(date.to_string()))))
            }
            (Self::Span(span), "days") => number(parts(*span).0),
            (Self::Span(span), "seconds") => number(parts(*span).1),
            (Self::Span(span), "microseconds") => number(parts(*span).2),
            (Self::Span(span), "total_seconds") => {
                let seconds = span.as_secs_f64();
                Some(Py::function("total_seconds", move |_, _| Ok(Py::Float(seconds))))
            }
            _ => None,
        })
    }

    fn text(&self, _: &Context) -> Result<String> {
        Ok(self.shown())
    }

    fn export(&self, _: &Context) -> Result<Value> {
        Ok(Value::from(self.shown()))
    }

    fn as_date(&self) -> Option<&Date> {
        Some(self)
    }
}
