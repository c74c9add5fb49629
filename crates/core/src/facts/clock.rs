//! Date and time in the host's own zone.

use super::{Facts, look::Look};
use jiff::{Timestamp, ToSpan, Zoned, tz::TimeZone};
use serde_json::json;
use std::path::Path;

pub(super) fn date_time(look: Look<'_>, facts: &mut Facts) {
    let Ok(timestamp) = Timestamp::from_microsecond((look.0.now() * 1e6) as i64) else { return };
    let zone = zone(look);
    let local = timestamp.to_zoned(zone.clone());
    let utc = timestamp.to_zoned(TimeZone::UTC);
    let epoch = timestamp.as_second().to_string();
    let form = |time: &Zoned, format: &str| time.strftime(format).to_string();
    let mut clock = Facts::new();
    for (name, format) in [
        ("year", "%Y"),
        ("month", "%m"),
        ("weekday", "%A"),
        ("weekday_number", "%w"),
        ("weeknumber", "%W"),
        ("day", "%d"),
        ("hour", "%H"),
        ("minute", "%M"),
        ("second", "%S"),
        ("date", "%Y-%m-%d"),
        ("time", "%H:%M:%S"),
        ("iso8601_basic", "%Y%m%dT%H%M%S%6f"),
        ("iso8601_basic_short", "%Y%m%dT%H%M%S"),
        ("tz", "%Z"),
        ("tz_offset", "%z"),
    ] {
        clock.insert(name.into(), json!(form(&local, format)));
    }
    clock.insert("epoch".into(), json!(epoch));
    clock.insert("epoch_int".into(), json!(epoch));
    clock.insert("iso8601".into(), json!(form(&utc, "%Y-%m-%dT%H:%M:%SZ")));
    clock.insert("iso8601_micro".into(), json!(form(&utc, "%Y-%m-%dT%H:%M:%S.%6fZ")));
    clock.insert("tz_dst".into(), json!(summer_name(&zone, &local)));
    facts.insert("date_time".into(), json!(clock));
}

/// The zone that `TZ` or `/etc/localtime` names; UTC without either.
fn zone(look: Look<'_>) -> TimeZone {
    let named = look.0.env("TZ").filter(|name| !name.is_empty());
    let path = match named.as_deref().map(|name| name.trim_start_matches(':')) {
        Some(name) if name.starts_with('/') => name.to_owned(),
        Some(name) => format!("/usr/share/zoneinfo/{name}"),
        None => "/etc/localtime".to_owned(),
    };
    let data = look.0.read(Path::new(&path)).ok();
    data.and_then(|data| TimeZone::tzif("local", &data).ok()).unwrap_or(TimeZone::UTC)
}

/// The zone's name in summer time, or its only name.
fn summer_name(zone: &TimeZone, now: &Zoned) -> String {
    let months = (0..12_i64).filter_map(|month| now.checked_add((month * 30).days()).ok());
    let summer = months.map(|time| time.timestamp()).find(|time| zone.to_offset_info(*time).dst().is_dst());
    zone.to_offset_info(summer.unwrap_or(now.timestamp())).abbreviation().to_owned()
}
