//! Long texts: through the user's pager on a terminal, as they are elsewhere.

use crate::exit::Failure;
use anyhow::Context;
use hostler_core::config::Config;
use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

/// Shows a text.
///
/// # Errors
/// If nobody reads it.
pub fn show(text: &str, config: &Config) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() && through_pager(text, config.pager.get().map_or("less", String::as_str)) {
        return Ok(());
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write!(std::io::stdout(), "{text}{end}").context("print")?;
    Ok(())
}

/// Whether there was a pager that took it.
fn through_pager(text: &str, pager: &str) -> bool {
    let mut command = Command::new("sh");
    command.args(["-c", pager]).stdin(Stdio::piped()).env("LESS", "FRSX");
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Who leaves early has seen enough.
        let _ = input.write_all(text.as_bytes());
    }
    // 127: there is no such program.
    child.wait().is_ok_and(|status| status.code() != Some(127))
}
