//! `ansible-playbook`: `hostler apply` in Ansible's words.

use super::{args, without_meaning};
use crate::args::{LedgerArgs, OwnArgs, RunArgs};
use crate::commands::{self, Face};
use crate::exit::{Exit, Failure};

/// Runs, lists or checks playbooks.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &args::Playbook) -> Result<Exit, Failure> {
    let run = args.shared.run.clone();
    let args_of_apply = RunArgs {
        playbooks: args.playbooks.clone(),
        tags: args.tags.clone(),
        skip_tags: args.skip_tags.clone(),
        start_at_task: args.start_at_task.clone(),
        force_handlers: args.force_handlers,
        list_hosts: args.shared.list_hosts,
        list_tasks: args.list_tasks,
        list_tags: args.list_tags,
        syntax_check: args.syntax_check,
        run,
        ledger: LedgerArgs::default(),
        own: OwnArgs::default(),
    };
    let warnings = without_meaning(&args.shared.without_meaning());
    let face = Face::Ansible { warnings, module_path: args.shared.module_path(), step: args.step };
    commands::run_playbooks(&args_of_apply, &face).map(|summary| summary.map_or(Exit::Done, commands::exit_of))
}
