//! What a run came to: counts by host, and what `set_stats` said.

use super::look::{CHANGED, FAILED, Look, OK, SKIPPED, UNREACHABLE, WARNING};
use crate::report::python_json;
use hostler_core::event::{CustomStats, HostStats};
use serde_json::{Map, Value};

/// A host's counts.
pub fn line(look: &Look, host: &str, counts: &HostStats) -> String {
    counted(
        look,
        host,
        counts,
        &[
            ("ok", counts.ok, OK),
            ("changed", counts.changed, CHANGED),
            ("unreachable", counts.unreachable, UNREACHABLE),
            ("failed", counts.failed, FAILED),
            ("skipped", counts.skipped, SKIPPED),
            ("rescued", counts.rescued, OK),
            ("ignored", counts.ignored, WARNING),
        ],
    )
}

/// A host's counts, those of `cells`.
pub fn counted(look: &Look, host: &str, counts: &HostStats, cells: &[(&str, u32, &'static str)]) -> String {
    let colour = match counts {
        HostStats { failed: 1.., .. } | HostStats { unreachable: 1.., .. } => FAILED,
        HostStats { changed: 1.., .. } => CHANGED,
        _ => OK,
    };
    // The colours' codes count in Ansible's width.
    let mut line = match look.colour {
        true => format!("{:<37} :", look.paint(colour, host)),
        false => format!("{host:<26} :"),
    };
    for (name, count, colour) in cells {
        let text = format!("{name}={count:<4}");
        line.push(' ');
        line.push_str(&if *count == 0 { text } else { look.paint(colour, &text) });
    }
    line.push('\n');
    line
}

/// What `set_stats` said, where it is to be shown and said something.
pub fn custom(look: &Look, custom: &CustomStats) -> String {
    if !look.custom_stats || custom.is_empty() {
        return String::new();
    }
    let told = |stats: &Map<String, Value>| python_json::narrow(&Value::Object(stats.clone()));
    let mut text = look.banner("CUSTOM STATS:");
    for (host, stats) in custom.iter().filter(|(host, _)| &***host != "_run") {
        text.push_str(&format!("\t{host}: {}\n", told(stats)));
    }
    if let Some(stats) = custom.get("_run") {
        text.push_str(&format!("\n\tRUN: {}\n", told(stats)));
    }
    text.push('\n');
    text
}
