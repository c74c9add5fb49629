//! `config`: the settings of this run, as `ansible-config dump` has them.

use super::{Call, Function};
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::Py;
use crate::value::Value;

pub(super) const TABLE: &[(&str, Function)] = &[("config", config)];

/// Options of plug-ins that variables set too: the variables, the last one first, and the setting or the value where none does.
const BY_VARIABLE: &[(&str, &[&str], Otherwise)] = &[
    ("connection/ssh/remote_user", &["ansible_ssh_user", "ansible_user"], Otherwise::Setting("DEFAULT_REMOTE_USER")),
    ("connection/ssh/port", &["ansible_ssh_port", "ansible_port"], Otherwise::Setting("DEFAULT_REMOTE_PORT")),
    ("connection/ssh/ssh_transfer_method", &["ansible_ssh_transfer_method"], Otherwise::Text("smart")),
    ("connection/ssh/ssh_args", &["ansible_ssh_args"], Otherwise::Setting("connection/ssh/ssh_args")),
    (
        "connection/ssh/ssh_common_args",
        &["ansible_ssh_common_args"],
        Otherwise::Setting("connection/ssh/ssh_common_args"),
    ),
    ("connection/ssh/ssh_extra_args", &["ansible_ssh_extra_args"], Otherwise::Setting("connection/ssh/ssh_extra_args")),
    (
        "connection/ssh/sftp_extra_args",
        &["ansible_sftp_extra_args"],
        Otherwise::Setting("connection/ssh/sftp_extra_args"),
    ),
    ("connection/ssh/scp_extra_args", &["ansible_scp_extra_args"], Otherwise::Setting("connection/ssh/scp_extra_args")),
    ("connection/ssh/ssh_executable", &["ansible_ssh_executable"], Otherwise::Setting("connection/ssh/ssh_executable")),
    (
        "connection/ssh/host_key_checking",
        &["ansible_ssh_host_key_checking", "ansible_host_key_checking"],
        Otherwise::Setting("HOST_KEY_CHECKING"),
    ),
    (
        "connection/ssh/private_key_file",
        &["ansible_ssh_private_key_file", "ansible_private_key_file"],
        Otherwise::Setting("DEFAULT_PRIVATE_KEY_FILE"),
    ),
    ("connection/ssh/timeout", &["ansible_ssh_timeout"], Otherwise::Setting("DEFAULT_TIMEOUT")),
    ("shell/sh/remote_tmp", &["ansible_remote_tmp"], Otherwise::Text("~/.ansible/tmp")),
];

/// What an option is that no variable sets.
enum Otherwise {
    Setting(&'static str),
    Text(&'static str),
}

/// An option's value and where it comes from.
fn option(context: &Context, name: &str) -> Result<Option<(Py, String)>> {
    let settings = &context.templar().templates.options.settings;
    let set = |name: &str| {
        let (value, origin) = settings.get(name)?;
        Some((context.import(&Value::from(value.clone())).force(), origin.clone()))
    };
    let Some((_, variables, otherwise)) = BY_VARIABLE.iter().find(|(known, ..)| *known == name) else {
        return Ok(set(name));
    };
    for variable in *variables {
        if let Some(value) = context.variable(variable) {
            return Ok(Some((value.used()?, format!("var: {variable}"))));
        }
    }
    Ok(Some(match otherwise {
        Otherwise::Setting(name) => set(name).unwrap_or_else(|| (Py::None, "default".to_owned())),
        Otherwise::Text(text) => (Py::str(*text), "default".to_owned()),
    }))
}

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
        match option(context, &format!("{prefix}{name}"))? {
            Some((value, origin)) => {
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
