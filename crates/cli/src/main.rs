//! The `hostler` command: arguments in, events and exit codes out. The library does the work.

mod args;
mod ask;
mod commands;
mod dropin;
mod exit;
mod extra_vars;
mod helper;
mod report;
mod setup;
mod signals;

use args::{Cli, Command};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    brief_panics();
    let mut words = std::env::args_os().peekable();
    if let Some(name) = dropin::called(words.peek().map(AsRef::as_ref)) {
        return dropin::run(name, words.collect());
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody to tell if the terminal is gone.
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Done } else { Exit::Usage }.into();
        }
    };
    let voice = setup::early_voice(false);
    let result = match &cli.command {
        Command::Plan(args) => commands::plan::run(args),
        Command::Apply(args) => commands::apply::run(args),
        Command::Drift(args) => commands::drift::run(args),
        Command::History(args) => commands::history::run(args),
        Command::Exec(args) => commands::exec::run(args),
        Command::Inventory(args) => commands::inventory::run(args),
        Command::Doc(args) => commands::doc::run(args),
        Command::Link(args) => dropin::link(args),
        Command::Completions { shell } => commands::completions::run(*shell),
    };
    result.unwrap_or_else(|failure| failure.tell(voice)).into()
}

/// A panic is a mistake of ours: one line that can be reported, and no core dump, which may hold secrets.
#[allow(clippy::print_stderr, reason = "there is no other way out")]
fn brief_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!(" at {place}")).unwrap_or_default();
        let payload = info.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let message = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        eprintln!("hostler {} made a mistake{place}: {message}", env!("CARGO_PKG_VERSION"));
        std::process::exit(Exit::Unexpected as i32);
    }));
}
