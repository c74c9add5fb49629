//! Running other programs, with errors that show what was run and what it said.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// A command with its arguments.
pub fn command<I, S>(program: &str, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<std::ffi::OsStr>,
{
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs the command and returns what it printed, without the last line break.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| failed_to_run(command))?;
    text(command, output)
}

/// As [`output`], with `input` on its standard input.
pub fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| failed_to_run(command))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading everything says why by its exit code.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    text(command, output)
}

/// Whether the command runs and succeeds; what it prints is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Does the work and prints how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work().with_context(|| format!("failed to {what}"))?;
    println!("{:6.1} s  {what}", start.elapsed().as_secs_f64());
    Ok(result)
}

fn text(command: &Command, output: Output) -> Result<String> {
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
        if said.trim().is_empty() {
            said = String::from_utf8_lossy(&output.stdout).into_owned();
        }
        bail!("{}: {}: {}", shown(command), output.status, last_lines(&said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn failed_to_run(command: &Command) -> String {
    format!("failed to run {}; is it installed?", command.get_program().to_string_lossy())
}

fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    let words: Vec<_> = std::iter::once(command.get_program().to_string_lossy()).chain(arguments).collect();
    words.join(" ")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
