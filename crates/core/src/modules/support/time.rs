//! Times in the machine's own zone.

use crate::module::ModuleError;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

#[allow(clippy::cast_possible_truncation, reason = "microseconds of any date fit")]
fn local(seconds: f64) -> Zoned {
    let timestamp = Timestamp::from_microsecond((seconds * 1e6) as i64).unwrap_or_default();
    timestamp.to_zoned(TimeZone::system())
}

/// Seconds since 1970 as local time, in a `strftime` format.
pub fn format(seconds: f64, format: &str) -> String {
    local(seconds).strftime(format).to_string()
}

/// Seconds since 1970 as an HTTP date.
pub fn http_date(seconds: f64) -> String {
    local(seconds).with_time_zone(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Local time in a `strptime` format to seconds since 1970.
///
/// # Errors
/// If text and format do not fit.
#[allow(clippy::cast_precision_loss, reason = "seconds")]
pub fn parse(text: &str, format: &str) -> Result<f64, ModuleError> {
    let failed = |error: jiff::Error| {
        let what = format!("failed to obtain the timestamp for time {text} using format {format}: {error}");
        ModuleError::new(what)
    };
    let civil = DateTime::strptime(format, text).map_err(failed)?;
    let zoned = civil.to_zoned(TimeZone::system()).map_err(failed)?;
    Ok(zoned.timestamp().as_second() as f64)
}
