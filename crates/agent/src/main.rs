//! The helper that Hostler runs on its hosts: modules, told what to do over standard input.

use hostler_core::modules::builtin;
use hostler_core::system::os::Os;
use hostler_core::wire::{JOB, NEW, OsMachines, fail_job, keep_program, own_session, program_size, run_job, serve};
use std::io::{Write, stderr, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().unwrap_or_default();
    let job = if first == JOB { args.next().map(PathBuf::from) } else { None };
    end_on_panic(job.clone());
    if first == NEW {
        keep_program();
    }
    let (registry, mut machines) = (builtin(), OsMachines::default());
    let result = match job {
        Some(state) => own_session().and_then(|()| run_job(&registry, &mut machines, &mut Os::new(), &state, stdin())),
        None => serve(program_size(), &registry, &mut machines, stdin(), stdout(), || std::process::exit(1)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Whatever thread it is in, a panic ends the helper: its task fails by these words, the next one starts another helper.
fn end_on_panic(job: Option<PathBuf>) {
    std::panic::set_hook(Box::new(move |panic| {
        let words = format!("{panic} (this is a bug in Hostler)");
        complain(format_args!("{words}\n"));
        if let Some(Err(error)) = job.as_deref().map(|state| fail_job(state, &words, &mut Os::new())) {
            complain(format_args!("{error}\n"));
        }
        std::process::exit(101);
    }));
}

/// The controller shows what comes on standard error when a helper ends unexpectedly.
fn complain(words: std::fmt::Arguments<'_>) {
    let _nobody_listens = stderr().write_fmt(words);
}
