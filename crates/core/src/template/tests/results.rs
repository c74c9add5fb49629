//! Tests on what tasks registered.

use super::Table;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py, PyMap};

pub(super) const TABLE: Table = &[
    ("failed", |context, value, _| flag(context, &value, "failed")),
    ("failure", |context, value, _| flag(context, &value, "failed")),
    ("succeeded", |context, value, _| flag(context, &value, "failed").map(|failed| !failed)),
    ("success", |context, value, _| flag(context, &value, "failed").map(|failed| !failed)),
    ("successful", |context, value, _| flag(context, &value, "failed").map(|failed| !failed)),
    ("unreachable", |context, value, _| flag(context, &value, "unreachable")),
    ("reachable", |context, value, _| flag(context, &value, "unreachable").map(|unreachable| !unreachable)),
    ("changed", changed),
    ("change", changed),
    ("skipped", |context, value, _| flag(context, &value, "skipped")),
    ("skip", |context, value, _| flag(context, &value, "skipped")),
    ("finished", |context, value, _| flag_or(context, &value, "finished", true)),
    ("started", |context, value, _| flag_or(context, &value, "started", true)),
    ("timedout", timed_out),
];

fn result(context: &Context, value: &Py, test: &str) -> Result<PyMap> {
    match value.entries(context)? {
        Some(entries) => Ok(entries),
        None => Err(Fault::error(format!("The '{test}' test expects a dictionary"))),
    }
}

fn flag(context: &Context, value: &Py, name: &str) -> Result<bool> {
    flag_or(context, value, name, false)
}

fn flag_or(context: &Context, value: &Py, name: &str, missing: bool) -> Result<bool> {
    match result(context, value, name)?.get(name) {
        Some(value) => value.truth(),
        None => Ok(missing),
    }
}

fn changed(context: &Context, value: Py, _: Args) -> Result<bool> {
    let fields = result(context, &value, "changed")?;
    if let Some(changed) = fields.get("changed") {
        return changed.truth();
    }
    match fields.get("results") {
        Some(results @ Py::List(_)) => {
            let results = results.iterate()?;
            if results.is_empty() {
                return Err(Fault::error("list index out of range"));
            }
            for result in results {
                let Some(fields) = result.entries(context)? else { return Ok(false) };
                if fields.get("changed").map(Py::truth).transpose()?.unwrap_or_default() {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

fn timed_out(context: &Context, value: Py, _: Args) -> Result<bool> {
    let fields = result(context, &value, "timedout")?;
    let Some(timedout) = fields.get("timedout") else { return Ok(false) };
    match timedout.entries(context)?.and_then(|fields| fields.get("period").cloned()) {
        Some(period) => period.truth(),
        None => Ok(false),
    }
}
