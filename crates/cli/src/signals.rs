//! Ctrl-C and SIGTERM: once politely, twice at once, three times regardless.

use anyhow::Context;
use hostler_core::engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Exit code of a process that a Ctrl-C ends.
const KILLED: i32 = 130;

/// From now on signals ask `cancel` to stop.
///
/// # Errors
/// If the system refuses.
#[allow(clippy::print_stderr, reason = "the answer to a key that was pressed")]
pub fn listen(cancel: &Cancel) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("listen for Ctrl-C")?;
    let cancel = cancel.clone();
    let listen = move || {
        for _ in signals.forever() {
            if cancel.is_immediate() {
                std::process::exit(KILLED);
            }
            let again = cancel.is_requested();
            cancel.request();
            match again {
                false => eprintln!("\nfinishing what runs; Ctrl-C again cuts it off"),
                true => eprintln!("\ncutting off what runs; Ctrl-C again exits at once"),
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(listen).context("listen for Ctrl-C")?;
    Ok(())
}
