//! Lookups of variables and of the environment.

use super::{Call, Function};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::filters::compile_regex;
use crate::template::python::Py;

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
                (Some(value), _) => Ok(Py::str(value.as_str())),
                (None, Some(Py::Marker(marker))) => Err(Fault::Error(std::rc::Rc::clone(marker))),
                (None, Some(default)) => Ok(default.clone()),
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
                return Err(Fault::error(format!("variable names must be text, not '{}'", term.type_name())));
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
    for term in call.term_texts(context)? {
        let regex = compile_regex(&term, false, false)?;
        found.extend(
            names.iter().filter(|name| regex.is_match(name).unwrap_or_default()).map(|name| Py::Str(name.clone())),
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
    Ok(hosts(&pattern).map_err(Fault::error)?.into_iter().map(Py::str).collect())
}
