//! `ansible.builtin.async_status`: what became of a task in the background.

use crate::module::types::PathArg;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{System, SystemError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Asks for the state of a task that runs in the background.
pub struct AsyncStatus;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The job, as `ansible_job_id` names it.
    pub jid: String,
    /// What to do with its state.
    #[serde(default)]
    pub mode: Mode,
    /// Where states are.
    #[serde(rename = "_async_dir")]
    #[schemars(skip)]
    pub directory: Option<PathArg>,
}

/// What to do with a job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Return it.
    #[default]
    Status,
    /// Remove it.
    Cleanup,
}

default_args!(jid);

/// Result: what the task itself returned once it has ended, and these.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The job.
    ansible_job_id: String,
    /// Whether it was started.
    started: bool,
    /// Whether it has ended.
    finished: bool,
    /// File that its state is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    results_file: Option<String>,
    /// File that was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<String>,
    #[serde(flatten)]
    #[schemars(skip)]
    result: Map<String, Value>,
}

/// The state is removed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    path: PathBuf,
}

impl Module for AsyncStatus {
    const NAME: &'static str = "ansible.builtin.async_status";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.async_status"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if args.jid.is_empty() || args.jid.contains('/') {
            return Err(ModuleError::new(format!("`jid` must be the name of a job, not `{}`", args.jid)));
        }
        let path = match &args.directory {
            Some(directory) => directory.path(system)?,
            None => system.home().join(".ansible_async"),
        };
        let path = path.join(&args.jid);
        let shown = path.to_string_lossy().into_owned();
        let mut output = Output {
            ansible_job_id: args.jid.clone(),
            started: true,
            finished: true,
            results_file: Some(shown.clone()),
            erased: None,
            result: Map::from_iter([("stdout".to_owned(), json!("")), ("stderr".to_owned(), json!(""))]),
        };
        let content = match system.read(&path) {
            Ok(content) => content,
            Err(error) if error.is_not_found() => {
                return Err(ModuleError::with_output("could not find job", &output));
            }
            Err(error) => return Err(error.into()),
        };
        if args.mode == Mode::Cleanup {
            (output.started, output.finished) = (false, false);
            (output.results_file, output.erased) = (None, Some(shown));
            output.result.insert("changed".to_owned(), json!(false));
            // Removing a state is no change of the host.
            return Ok(Checked::changed(output, Change { path }));
        }
        let state = serde_json::from_slice(&content);
        let state: Map<String, Value> =
            state.map_err(|_| ModuleError::new(format!("Could not parse job output: {shown}")))?;
        output.finished =
            state.get("finished").is_some_and(|finished| finished.as_bool() == Some(true) || *finished == json!(1));
        for (name, value) in state {
            if !["ansible_job_id", "started", "finished"].contains(&name.as_str()) {
                output.result.insert(name, value);
            }
        }
        match output.result.shift_remove("failed") {
            Some(failed) if failed != json!(false) && failed != json!(0) => {
                let msg = output.result.get("msg").and_then(Value::as_str).unwrap_or_default().to_owned();
                Err(ModuleError::with_output(msg, &output))
            }
            _ => Ok(Checked::unchanged(output)),
        }
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        system
            .remove(&change.path)
            .or_else(|error: SystemError| if error.is_not_found() { Ok(()) } else { Err(error) })?;
        Ok(Output {
            ansible_job_id: args.jid.clone(),
            started: false,
            finished: false,
            results_file: None,
            erased: Some(change.path.to_string_lossy().into_owned()),
            result: Map::from_iter([("changed".to_owned(), json!(false))]),
        })
    }

    fn diff(_: &Change) -> Vec<Diff> {
        Vec::new()
    }
}
