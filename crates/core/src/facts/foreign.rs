//! Facts that other programs know: `facter` and `ohai`, where a host has them.

use super::{Facts, look::Look};
use serde_json::Value;

/// A program that prints facts as a JSON object.
pub(super) struct Program {
    /// Its name, which is the collector's too and begins its facts' names.
    pub(super) name: &'static str,
    arguments: &'static [&'static str],
}

pub(super) const PROGRAMS: &[Program] =
    &[Program { name: "facter", arguments: &["--puppet", "--json"] }, Program { name: "ohai", arguments: &[] }];

/// Its facts; none where it is not there or says nothing that can be read.
pub(super) fn facts(look: Look<'_>, program: &Program) -> Facts {
    let places = [program.name.to_owned(), format!("/opt/puppetlabs/bin/{}", program.name)];
    let answer = places.iter().find_map(|place| look.answer(place, program.arguments));
    match answer.and_then(|answer| serde_json::from_str(&answer).ok()) {
        Some(Value::Object(facts)) => {
            facts.into_iter().map(|(name, value)| (format!("{}_{name}", program.name), value)).collect()
        }
        _ => Facts::new(),
    }
}
