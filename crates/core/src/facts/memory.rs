//! Memory and uptime.

use super::{Facts, look::Look};
use serde_json::json;
use std::collections::HashMap;

pub(super) fn memory(look: Look<'_>, facts: &mut Facts) {
    let Some(text) = look.text("/proc/meminfo") else { return };
    let mb: HashMap<&str, i64> = text.lines().filter_map(megabytes).collect();
    let get = |name: &str| mb.get(name).copied();
    for (fact, name) in [
        ("memtotal_mb", "MemTotal"),
        ("memfree_mb", "MemFree"),
        ("swaptotal_mb", "SwapTotal"),
        ("swapfree_mb", "SwapFree"),
    ] {
        if let Some(value) = get(name) {
            facts.insert(fact.into(), json!(value));
        }
    }
    let less = |a: Option<i64>, b: Option<i64>| Some(a? - b?);
    let unused = (|| Some(get("Cached")? + get("MemFree")? + get("Buffers")?))();
    facts.insert(
        "memory_mb".into(),
        json!({
            "real": {"total": get("MemTotal"), "used": less(get("MemTotal"), get("MemFree")), "free": get("MemFree")},
            "nocache": {"free": unused, "used": less(get("MemTotal"), unused)},
            "swap": {
                "total": get("SwapTotal"),
                "free": get("SwapFree"),
                "used": less(get("SwapTotal"), get("SwapFree")),
                "cached": get("SwapCached"),
            },
        }),
    );
}

/// `MemTotal: 24683520 kB` in megabytes.
fn megabytes(line: &str) -> Option<(&str, i64)> {
    let (name, rest) = line.split_once(':')?;
    let kilobytes: i64 = rest.split_whitespace().next()?.parse().ok()?;
    Some((name, kilobytes / 1024))
}

pub(super) fn uptime(look: Look<'_>, facts: &mut Facts) {
    let seconds = look.text("/proc/uptime").and_then(|text| text.split(['.', ' ']).next()?.parse::<u64>().ok());
    if let Some(seconds) = seconds {
        facts.insert("uptime_seconds".into(), json!(seconds));
    }
}
