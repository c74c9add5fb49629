//! The helper that Hostler runs on its hosts: modules, told what to do over standard input.

use hostler_core::modules::builtin;
use hostler_core::system::os::Os;
use hostler_core::wire::{JOB, OsMachines, own_session, run_job, serve};
use std::io::{Write, stderr, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let (registry, mut machines) = (builtin(), OsMachines::default());
    let result = match (args.next(), args.next()) {
        (Some(first), Some(state)) if first == JOB => {
            own_session().and_then(|()| run_job(&registry, &mut machines, &mut Os::new(), Path::new(&state), stdin()))
        }
        _ => serve(&registry, &mut machines, stdin(), stdout(), || std::process::exit(1)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The controller shows what comes on standard error when a helper ends unexpectedly.
            let _nobody_listens = stderr().write_fmt(format_args!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}
