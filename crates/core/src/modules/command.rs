//! `ansible.builtin.command`: a program with arguments, without a shell.
//!
//! Deviation: in a plan a command without `creates` and `removes` counts as a change; Ansible skips it, as checks do here.

use super::support::run::{Conditions, Run, RunOutput, UNKNOWN};
use super::support::split::split;
use crate::module::types::{LooseBool, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Runs a program.
pub struct Command;

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The command line, given as the task's text.
    #[serde(rename = "_raw_params")]
    #[schemars(skip)]
    pub raw_params: Option<LooseString>,
    /// The command line. Quotes and backslashes protect, nothing else is special.
    pub cmd: Option<LooseString>,
    /// Program and arguments as a list.
    pub argv: Option<StringList>,
    /// Directory to run it in.
    pub chdir: Option<PathArg>,
    /// Not run if this path or pattern exists.
    pub creates: Option<PathArg>,
    /// Only run if this path or pattern exists.
    pub removes: Option<PathArg>,
    /// Nothing: `shell` has it.
    pub executable: Option<LooseString>,
    /// Standard input.
    pub stdin: Option<LooseString>,
    /// Add a line end to `stdin`.
    #[serde(default = "LooseBool::yes")]
    pub stdin_add_newline: LooseBool,
    /// Drop line ends at the end of stdout and stderr.
    #[serde(default = "LooseBool::yes")]
    pub strip_empty_ends: LooseBool,
    /// Expand `$VARIABLE` and `~` in arguments.
    #[serde(default = "LooseBool::yes")]
    pub expand_argument_vars: LooseBool,
}

default_args!();

impl Args {
    fn argv(&self) -> Result<Vec<String>, ModuleError> {
        let line = self.raw_params.as_ref().or(self.cmd.as_ref());
        let argv = match (line, &self.argv) {
            (Some(_), Some(_)) => {
                let given = if self.raw_params.is_some() { "_raw_params" } else { "cmd" };
                return Err(ModuleError::new(format!("parameters are mutually exclusive: {given}|argv")));
            }
            (Some(line), None) => split(line)?,
            (None, Some(argv)) => argv.0.clone(),
            (None, None) => {
                return Err(ModuleError::new("one of the following is required: _raw_params, cmd, argv"));
            }
        };
        if self.raw_params.is_some() && self.cmd.is_some() {
            return Err(ModuleError::new("parameters are mutually exclusive: _raw_params|cmd"));
        }
        if argv.is_empty() { Err(ModuleError::new("no command given")) } else { Ok(argv) }
    }
}

impl Args {
    fn warnings(&self) -> Vec<String> {
        let text = |shell: &LooseString| {
            let what = "the parameter 'executable' is no longer supported with the 'command' module";
            format!("As of Ansible 2.4, {what}. Not using '{}'.", shell.0)
        };
        self.executable.iter().map(text).collect()
    }
}

/// The text for standard input.
pub(super) fn stdin(text: Option<&LooseString>, add_newline: LooseBool) -> Option<String> {
    text.map(|text| if *add_newline { format!("{}\n", text.0) } else { text.0.clone() })
}

impl Module for Command {
    const NAME: &'static str = "ansible.builtin.command";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.command"];
    type Args = Args;
    type Output = RunOutput;
    type Change = Run;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let mut argv = args.argv()?;
        let cmd = json!(argv);
        let conditions =
            Conditions { creates: args.creates.as_ref(), removes: args.removes.as_ref(), chdir: args.chdir.as_ref() };
        let cwd = conditions.directory(system, &cmd)?;
        if let Some(skipped) = conditions.skip(system, cwd.as_deref())? {
            return Ok(Checked::unchanged(RunOutput { cmd: Some(cmd), ..skipped }));
        }
        if *args.expand_argument_vars {
            for word in &mut argv {
                *word = PathArg::from(word.as_str()).text(system)?;
            }
        }
        let creates = conditions.made(system, cwd.as_deref())?;
        let stdin = stdin(args.stdin.as_ref(), args.stdin_add_newline);
        let output = RunOutput {
            cmd: Some(cmd.clone()),
            rc: Some(0),
            msg: "Command would have run if not in check mode".to_owned(),
            check_skipped: conditions.are_none(),
            warnings: args.warnings(),
            ..RunOutput::default()
        };
        Ok(Checked::changed(output, Run { cmd, argv, cwd, stdin, strip: *args.strip_empty_ends, creates }))
    }

    fn apply(args: &Args, run: Run, system: &mut dyn System) -> Result<RunOutput, ModuleError> {
        Ok(RunOutput { warnings: args.warnings(), ..run.run(system)? })
    }

    fn simulate(_: &Args, run: Run, system: &mut dyn System) -> Result<Simulated<RunOutput>, ModuleError> {
        Ok(Simulated::with_unknown(run.simulate(system)?, UNKNOWN))
    }

    fn diff(run: &Run) -> Vec<Diff> {
        run.diff()
    }
}
