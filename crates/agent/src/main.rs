//! The helper that Hostler runs on its hosts: modules, told what to do over standard input.

use hostler_core::modules::builtin;
use hostler_core::wire::{OsMachines, serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    let abandon = || std::process::exit(1);
    match serve(&builtin(), &mut OsMachines::default(), std::io::stdin(), std::io::stdout(), abandon) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The controller shows what comes on standard error when a helper ends unexpectedly.
            let _nobody_listens = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}
