//! `--version`: in the shape that programs look for `core 2.…` in.

use crate::setup::config_file;
use hostler_core::engine::ANSIBLE_VERSION;
use std::io::Write;

/// Prints it.
pub fn print(name: &str) {
    let file = config_file().map_or_else(|| "None".to_owned(), |file| file.display().to_string());
    let binary = std::env::args().next().unwrap_or_default();
    let text = format!(
        "{name} [core {ANSIBLE_VERSION}] (hostler {})\n  config file = {file}\n  executable location = {binary}\n",
        env!("CARGO_PKG_VERSION")
    );
    // Nobody to tell if the terminal is gone.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
