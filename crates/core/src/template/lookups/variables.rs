//! Lookups of variables and of the environment.

use super::{Call, Function};
use crate::template::context::Context;
use crate::template::eval::NO_HINT;
use crate::template::fault::{Fault, Result};
use crate::template::filters::compile_regex;
use crate::template::python::Py;
use crate::value::Text;

pub(super) const TABLE: &[(&str, Function)] =
    &[("env", env), ("vars", vars), ("varnames", var_names), ("inventory_hostnames", inventory_hostnames)];

fn env(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let default = call.options.take("default");
    call.finish()?;
    let known = &context.templar().templates.options.env;
    call.term_texts(context)?
        .iter()
        .map(|term| {
            let name = term.split_whitespace().next().unwrap_or_default();
            match (known.get(name), &default) {
                (Some(value), _) => Ok(Py::Str(Text::from_environment(name, value.as_str()))),
                // `undef()` without a hint of its own says what is missing.
                (None, Some(Py::Marker(marker))) if &*marker.message == NO_HINT => {
                    Py::undefined(format!("The environment variable '{name}' is not set."), name).used()
                }
                (None, Some(default)) => default.clone().used(),
                (None, None) => Ok(Py::str("")),
            }
        })
        .collect()
}

fn vars(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let default = call.options.take("default");
    call.finish()?;
    call.terms
        .iter()
        .map(|term| {
            let Some(name) = term.as_str() else {
                return Err(Fault::error(format!("Variable name must be 'str' not '{}'.", term.type_name())));
            };
            match (context.variable(name), &default) {
                (Some(value), _) => value.used(),
                (None, Some(default)) => Ok(default.clone()),
                (None, None) => Py::undefined(format!("No variable named '{name}' was found."), name).used(),
            }
        })
        .collect()
}

fn var_names(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let mut names = context.names();
    names.sort();
    let mut found = Vec::new();
    for term in &call.terms {
        let Some(term) = term.as_str() else {
            let (text, kind) = (context.text(term)?, term.type_name());
            let message = format!("Invalid setting identifier, \"{text}\" is not a string, it is a <class '{kind}'>");
            return Err(Fault::error(message));
        };
        let regex = compile_regex(term, false, false).map_err(|fault| match fault {
            Fault::Error(marker) => {
                Fault::error(format!("Unable to use \"{term}\" as a search parameter: {}", marker.message))
            }
            other => other,
        })?;
        found.extend(
            names.iter().filter(|name| regex.is_match(name).unwrap_or_default()).map(|name| Py::str(name.clone())),
        );
    }
    Ok(found)
}

fn inventory_hostnames(context: &Context, call: Call) -> Result<Vec<Py>> {
    call.finish()?;
    let Some(hosts) = &context.templar().templates.options.host_pattern else {
        return Err(Fault::error("there is no inventory to look in"));
    };
    let pattern = call.term_texts(context)?.join(",");
    // As in Ansible, a pattern that means no host gives nothing; a wrong one is an error all the same.
    match hosts(&pattern) {
        Err(message) if message.contains("Could not match supplied host pattern") => Ok(Vec::new()),
        other => Ok(other.map_err(Fault::error)?.into_iter().map(Py::str).collect()),
    }
}
