//! Ansible's commands: the one binary answers to each by the name it is called with.
//!
//! Options, exit codes and output are Ansible's. What an option means is the same as for the command of our own that
//! does the work, so each of these files only says what differs.

mod adhoc;
mod args;
mod config;
mod config_text;
mod doc;
mod doc_library;
mod doc_page;
mod inventory;
mod link;
mod pager;
mod playbook;
mod vault;
mod vault_files;
mod version;

pub use link::link;

use crate::exit::{Exit, Failure, Voice};
use crate::setup::early_voice;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use hostler_core::diagnostic::Diagnostic;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Names that the binary answers to.
pub const NAMES: [&str; 6] =
    ["ansible", "ansible-config", "ansible-doc", "ansible-inventory", "ansible-playbook", "ansible-vault"];

/// The exit code of a command line that cannot be understood, as Python's argparse has it.
const UNPARSED: u8 = 2;

/// The command that is meant by the name the binary is called with.
pub fn called(argv0: Option<&OsStr>) -> Option<&'static str> {
    let name = Path::new(argv0?).file_name()?.to_str()?;
    NAMES.into_iter().find(|known| *known == name)
}

/// Runs a command.
pub fn run(name: &'static str, words: Vec<OsString>) -> ExitCode {
    let voice = early_voice(true);
    match name {
        "ansible" => answer::<args::AdHoc>(name, words, voice, adhoc::run),
        "ansible-config" => answer::<config::ConfigArgs>(name, words, voice, config::run),
        "ansible-doc" => answer::<doc::Doc>(name, words, voice, doc::run),
        "ansible-inventory" => answer::<inventory::Inventory>(name, words, voice, inventory::run),
        "ansible-vault" => answer::<vault::Vault>(name, words, voice, vault::run),
        _ => answer::<args::Playbook>(name, words, voice, playbook::run),
    }
}

fn answer<T: CommandFactory + FromArgMatches>(
    name: &'static str,
    words: Vec<OsString>,
    voice: Voice,
    work: impl FnOnce(&T) -> Result<Exit, Failure>,
) -> ExitCode {
    if words.iter().skip(1).take_while(|word| *word != "--").any(|word| word == "--version") {
        version::print(name);
        return Exit::Done.into();
    }
    match parse::<T>(name, words) {
        Ok(args) => work(&args).unwrap_or_else(|failure| failure.tell(voice)).into(),
        Err(error) => {
            // Nobody to tell if the terminal is gone.
            let _ = error.print();
            if error.kind() == ErrorKind::DisplayHelp { Exit::Done.into() } else { UNPARSED.into() }
        }
    }
}

/// As argparse does it: of an option that is given twice the last counts, and names may be cut short.
fn parse<T: CommandFactory + FromArgMatches>(name: &'static str, words: Vec<OsString>) -> Result<T, clap::Error> {
    let mut command = command(T::command(), name);
    let matches: ArgMatches = command.try_get_matches_from_mut(words)?;
    T::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn command(command: Command, name: &'static str) -> Command {
    command.name(name).bin_name(name).args_override_self(true).infer_long_args(true).disable_version_flag(true)
}

/// A warning for each option that is given and means nothing here.
fn without_meaning(given: &[(&str, bool)]) -> Vec<Diagnostic> {
    let warning = |(option, _): &(&str, bool)| Diagnostic::warning(format!("the option {option} has no effect here"));
    given.iter().filter(|(_, given)| *given).map(warning).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_well_formed() {
        command(args::Playbook::command(), "ansible-playbook").debug_assert();
        command(args::AdHoc::command(), "ansible").debug_assert();
        command(config::ConfigArgs::command(), "ansible-config").debug_assert();
        command(doc::Doc::command(), "ansible-doc").debug_assert();
        command(inventory::Inventory::command(), "ansible-inventory").debug_assert();
        command(vault::Vault::command(), "ansible-vault").debug_assert();
    }

    #[test]
    fn is_known_by_its_name() {
        assert_eq!(called(Some(OsStr::new("/usr/bin/ansible-playbook"))), Some("ansible-playbook"));
        assert_eq!(called(Some(OsStr::new("ansible"))), Some("ansible"));
        assert_eq!(called(Some(OsStr::new("hostler"))), None);
    }

    #[test]
    fn reads_options_as_argparse_does() {
        let line = "ansible-playbook -f 2 --forks 3 --inv a -t x --tags y,z -vv --scp-extra-args -l p.yml q.yml";
        let words = line.split(' ').map(OsString::from).collect();
        let args: args::Playbook = parse("ansible-playbook", words).unwrap();
        assert_eq!(args.shared.run.forks, Some(3));
        assert_eq!(args.shared.run.sources.inventory, ["a"]);
        assert_eq!(args.tags, ["x", "y", "z"]);
        assert_eq!(args.playbooks.len(), 2);
        assert!(parse::<args::Playbook>("ansible-playbook", vec!["ansible-playbook".into(), "--nope".into()]).is_err());
    }
}
