//! `ansible.builtin.shell`: a command line for a shell.
//!
//! Deviation: in a plan a command without `creates` and `removes` counts as a change; Ansible skips it, as checks do here.

use super::command::stdin;
use super::support::run::{Conditions, Run, RunOutput, UNKNOWN};
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Runs a command line in a shell.
pub struct Shell;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The command line, given as the task's text.
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    pub raw_params: Option<LooseString>,
    /// The command line.
    pub cmd: Option<LooseString>,
    /// Directory to run it in.
    pub chdir: Option<PathArg>,
    /// Not run if this path or pattern exists.
    pub creates: Option<PathArg>,
    /// Only run if this path or pattern exists.
    pub removes: Option<PathArg>,
    /// The shell, instead of `/bin/sh`.
    pub executable: Option<PathArg>,
    /// Standard input.
    pub stdin: Option<LooseString>,
    /// Add a line end to `stdin`.
    #[serde(default = "LooseBool::yes")]
    pub stdin_add_newline: LooseBool,
    /// Drop line ends at the end of stdout and stderr.
    #[serde(default = "LooseBool::yes")]
    pub strip_empty_ends: LooseBool,
    /// Refused: the shell expands.
    #[schemars(skip)]
    pub expand_argument_vars: Option<LooseBool>,
}

default_args!();

impl Module for Shell {
    const NAME: &'static str = "ansible.builtin.shell";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.shell"];
    type Args = Args;
    type Output = RunOutput;
    type Change = Run;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if args.expand_argument_vars.is_some() {
            return Err(ModuleError::new("Unsupported parameters for (shell) module: expand_argument_vars"));
        }
        let line = match (&args.raw_params, &args.cmd) {
            (Some(_), Some(_)) => return Err(ModuleError::new("parameters are mutually exclusive: _raw_params|cmd")),
            (Some(line), None) | (None, Some(line)) if !line.trim().is_empty() => line.0.clone(),
            _ => return Err(ModuleError::new("no command given")),
        };
        let cmd = json!(line);
        let conditions =
            Conditions { creates: args.creates.as_ref(), removes: args.removes.as_ref(), chdir: args.chdir.as_ref() };
        let cwd = conditions.directory(system, &cmd)?;
        if let Some(skipped) = conditions.skip(system, cwd.as_deref())? {
            return Ok(Checked::unchanged(RunOutput { cmd: Some(cmd), ..skipped }));
        }
        let shell = match &args.executable {
            Some(shell) => shell.text(system)?,
            None => "/bin/sh".to_owned(),
        };
        let creates = conditions.made(system, cwd.as_deref())?;
        let output = RunOutput {
            cmd: Some(cmd.clone()),
            rc: Some(0),
            msg: "Command would have run if not in check mode".to_owned(),
            check_skipped: conditions.are_none(),
            ..RunOutput::default()
        };
        let argv = vec![shell, "-c".to_owned(), line];
        let stdin = stdin(args.stdin.as_ref(), args.stdin_add_newline);
        Ok(Checked::changed(output, Run { cmd, argv, cwd, stdin, strip: *args.strip_empty_ends, creates }))
    }

    fn apply(_: &Args, run: Run, system: &mut dyn System) -> Result<RunOutput, ModuleError> {
        run.run(system)
    }

    fn simulate(_: &Args, run: Run, system: &mut dyn System) -> Result<Simulated<RunOutput>, ModuleError> {
        Ok(Simulated::with_unknown(run.simulate(system)?, UNKNOWN))
    }

    fn diff(run: &Run) -> Vec<Diff> {
        run.diff()
    }
}
