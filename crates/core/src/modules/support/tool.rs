//! The host's own programs, which must be there and succeed.

use crate::module::ModuleError;
use crate::system::{Command, CommandOutput, System, SystemError};

/// Where a program is looked for, in messages.
const PATHS: &str = "/sbin, /usr/sbin, /usr/local/sbin and PATH";

fn explain(command: &Command, error: SystemError) -> ModuleError {
    let program = command.argv.first().cloned().unwrap_or_default();
    if error.is_not_found() {
        return ModuleError::new(format!("Failed to find required executable \"{program}\" in {PATHS}"));
    }
    error.into()
}

/// A failure with what the command said.
pub fn failed(command: &Command, answer: &CommandOutput) -> ModuleError {
    let (stdout, stderr) = (answer.stdout_text(), answer.stderr_text());
    let said = [stderr.trim(), stdout.trim()].into_iter().find(|text| !text.is_empty());
    let msg =
        said.map_or_else(|| format!("{} failed with exit code {}", command.argv.join(" "), answer.rc), str::to_owned);
    ModuleError::new(msg)
        .field("cmd", command.argv.join(" "))
        .field("rc", answer.rc)
        .field("stdout", stdout)
        .field("stderr", stderr)
}

/// Runs a command that only looks, whatever its exit code.
///
/// # Errors
/// If it is not there.
pub fn ask(system: &dyn System, command: &Command) -> Result<CommandOutput, ModuleError> {
    system.query(command).map_err(|error| explain(command, error))
}

/// Runs a command that only looks and must succeed.
///
/// # Errors
/// If it is not there or fails, with what it said.
pub fn look(system: &dyn System, command: &Command) -> Result<CommandOutput, ModuleError> {
    let answer = ask(system, command)?;
    if answer.success() { Ok(answer) } else { Err(failed(command, &answer)) }
}

/// Runs a command that must succeed.
///
/// # Errors
/// If it is not there or fails, with what it said.
pub fn run(system: &mut dyn System, command: &Command) -> Result<CommandOutput, ModuleError> {
    let answer = system.run(command).map_err(|error| explain(command, error))?;
    if answer.success() { Ok(answer) } else { Err(failed(command, &answer)) }
}
