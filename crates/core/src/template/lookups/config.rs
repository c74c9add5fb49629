//! `config`: the settings of this run, as `ansible-config dump` has them.

use super::{Call, Function};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::Py;
use crate::value::Value;

pub(super) const TABLE: &[(&str, Function)] = &[("config", config)];

fn config(context: &Context, mut call: Call) -> Result<Vec<Py>> {
    let kind = call.text(context, "plugin_type")?;
    let plugin = call.text(context, "plugin_name")?;
    let with_origin = call.flag("show_origin", false)?;
    let on_missing = call.text(context, "on_missing")?.unwrap_or_else(|| "error".to_owned());
    call.finish()?;
    if !matches!(on_missing.as_str(), "error" | "warn" | "skip") {
        let message = format!("Invalid value '{on_missing}' for config 'on_missing' for 'config' lookup plugin.");
        return Err(Fault::error(message));
    }
    let prefix = match (kind, plugin) {
        (Some(kind), Some(plugin)) => format!("{kind}/{plugin}/"),
        (None, None) => String::new(),
        _ => {
            return Err(Fault::error(
                "Both plugin_type and plugin_name are required, cannot use one without the other.",
            ));
        }
    };
    let templates = &context.templar().templates;
    let mut found = Vec::new();
    for term in &call.terms {
        let Some(name) = term.as_str() else {
            let (text, kind) = (context.text(term)?, term.type_name());
            let message = format!("Invalid setting identifier, {text} is not a <class 'str'>, its a <class '{kind}'>.");
            return Err(Fault::error(message));
        };
        match templates.options.settings.get(&format!("{prefix}{name}")) {
            Some((value, origin)) => {
                let value = context.import(&Value::from(value.clone())).force();
                found.push(if with_origin { Py::tuple(vec![value, Py::str(origin.as_str())]) } else { value });
            }
            None => match on_missing.as_str() {
                "error" => return Err(Fault::error(format!("No config definition exists for '{name}'."))),
                "warn" => templates.warn(format!("Skipping, did not find setting '{name}'")),
                _ => {}
            },
        }
    }
    Ok(found)
}
