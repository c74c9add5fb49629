//! The options of Ansible's commands: those of our own, and those that only Ansible has.

use crate::args::RunOptionsArgs;
use clap::{Args, Parser};
use std::path::PathBuf;

/// Runs Ansible playbooks
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct Playbook {
    /// Playbooks, in order
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Only these tags (repeatable, or separated by commas)
    #[arg(short, long, value_delimiter = ',')]
    pub tags: Vec<String>,
    /// All but these tags (repeatable, or separated by commas)
    #[arg(long, value_delimiter = ',')]
    pub skip_tags: Vec<String>,
    /// Begin with the task of this name
    #[arg(long, value_name = "NAME")]
    pub start_at_task: Option<String>,
    /// Ask before each task
    #[arg(long)]
    pub step: bool,
    /// Run notified handlers even if a task fails
    #[arg(long)]
    pub force_handlers: bool,
    /// List the tasks, and do nothing else
    #[arg(long)]
    pub list_tasks: bool,
    /// List the tags, and do nothing else
    #[arg(long)]
    pub list_tags: bool,
    /// Check the playbooks, and do nothing else
    #[arg(long)]
    pub syntax_check: bool,
    /// What both commands have.
    #[command(flatten)]
    pub shared: Shared,
}

/// Runs one module on hosts
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct AdHoc {
    /// Hosts to run on
    pub pattern: String,
    /// Module to run (default: command)
    #[arg(short, long, value_name = "MODULE")]
    pub module_name: Option<String>,
    /// Its arguments: `k=v`, a command, or JSON
    #[arg(short, long, allow_hyphen_values = true)]
    pub args: Option<String>,
    /// Run in the background, for as many seconds at most
    #[arg(short = 'B', long, value_name = "SECONDS")]
    pub background: Option<u64>,
    /// Seconds between looks at what runs in the background
    #[arg(short = 'P', long, value_name = "SECONDS")]
    pub poll: Option<u64>,
    /// One line a host
    #[arg(short, long)]
    pub one_line: bool,
    /// Write each host's result to a file in this directory
    #[arg(short, long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// Directory whose group_vars, host_vars and roles count
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Seconds the task may take
    #[arg(long, value_name = "SECONDS")]
    pub task_timeout: Option<u64>,
    /// What both commands have.
    #[command(flatten)]
    pub shared: Shared,
}

/// What both commands have.
#[derive(Debug, Args)]
pub struct Shared {
    /// List the hosts, and do nothing else
    #[arg(long)]
    pub list_hosts: bool,
    /// Directories with modules, separated by colons
    #[arg(short = 'M', long, value_name = "PATH")]
    pub module_path: Vec<String>,
    /// Arguments for sftp, which is not used
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub sftp_extra_args: Option<String>,
    /// Arguments for scp, which is not used
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub scp_extra_args: Option<String>,
    /// Print the version
    #[arg(long)]
    pub version: bool,
    /// Options of every run.
    #[command(flatten)]
    pub run: RunOptionsArgs,
}

impl Shared {
    /// The directories of `--module-path`.
    pub fn module_path(&self) -> Vec<PathBuf> {
        let paths = self.module_path.iter().flat_map(|paths| paths.split(':'));
        paths.filter(|path| !path.is_empty()).map(PathBuf::from).collect()
    }

    /// Options that are given and mean nothing here.
    pub fn without_meaning(&self) -> [(&'static str, bool); 2] {
        [("--sftp-extra-args", self.sftp_extra_args.is_some()), ("--scp-extra-args", self.scp_extra_args.is_some())]
    }
}
