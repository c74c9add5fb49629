//! The command line. Options that Ansible's commands have are spelled as they are there.

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Brings machines to a described state over SSH
#[derive(Debug, Parser)]
#[command(name = "hostler", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what playbooks would change
    Plan(PlanArgs),
    /// Apply playbooks, or a plan that was saved
    Apply(ApplyArgs),
    /// Show what is not as it was applied
    Drift(DriftArgs),
    /// Show what was applied to a host
    History(HistoryArgs),
    /// Run one module on hosts
    Exec(ExecArgs),
    /// Show the inventory
    Inventory(InventoryArgs),
    /// Show a module's parameters and results
    Doc(DocArgs),
    /// Make links with the names of Ansible's commands
    Link(LinkArgs),
    /// Print completions for a shell
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Keep the plan in a file, for `hostler apply FILE`
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What `apply` has too.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Do not ask before anything is changed
    #[arg(short, long)]
    pub yes: bool,
    /// Where hosts have changed since a plan was saved, show what would be done now, and ask
    #[arg(long)]
    pub replan: bool,
    /// What `plan` has too.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What `plan` and `apply` share.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RunArgs {
    /// Playbooks, in order; for `apply`, instead of them, a plan that was saved
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
    /// Run notified handlers even if a task fails
    #[arg(long)]
    pub force_handlers: bool,
    /// List the hosts of each play, and do nothing else
    #[arg(long)]
    pub list_hosts: bool,
    /// List the tasks, and do nothing else
    #[arg(long)]
    pub list_tasks: bool,
    /// List the tags, and do nothing else
    #[arg(long)]
    pub list_tags: bool,
    /// Check the playbooks, and do nothing else
    #[arg(long)]
    pub syntax_check: bool,
    /// Options of every run.
    #[command(flatten)]
    pub run: RunOptionsArgs,
    /// What is about the hosts' ledgers.
    #[command(flatten)]
    #[serde(default)]
    pub ledger: LedgerArgs,
    /// Options of our own.
    #[command(flatten)]
    pub own: OwnArgs,
}

/// What is about the hosts' ledgers.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[command(next_help_heading = "What earlier runs did")]
pub struct LedgerArgs {
    /// Remove what earlier runs made and the playbook does not name any more
    #[arg(long)]
    pub prune: bool,
    /// Remove also what others have changed since, or put data into
    #[arg(long, requires = "prune")]
    pub force: bool,
    /// Do only what is missing since the last run failed or was cut off
    #[arg(long, conflicts_with = "prune")]
    pub resume: bool,
}

/// `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Only what these playbooks manage
    #[arg(value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// Options of every run.
    #[command(flatten)]
    pub run: RunOptionsArgs,
    /// Options of our own.
    #[command(flatten)]
    pub own: OwnArgs,
}

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Host, or pattern of hosts
    pub host: String,
    /// Options of every run.
    #[command(flatten)]
    pub run: RunOptionsArgs,
    /// Options of our own.
    #[command(flatten)]
    pub own: OwnArgs,
}

/// `exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Hosts to run on
    pub pattern: String,
    /// Module to run (default: command)
    #[arg(short, long = "module-name", value_name = "MODULE")]
    pub module: Option<String>,
    /// Its arguments: `k=v`, a command, or JSON
    #[arg(short, long, default_value = "", allow_hyphen_values = true, hide_default_value = true)]
    pub args: String,
    /// List the hosts, and do nothing else
    #[arg(long)]
    pub list_hosts: bool,
    /// Options of every run.
    #[command(flatten)]
    pub run: RunOptionsArgs,
    /// Options of our own.
    #[command(flatten)]
    pub own: OwnArgs,
}

/// What `plan`, `apply` and `exec` share.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct RunOptionsArgs {
    /// Where hosts and variables come from.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Look only, and say what would change
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show changes as diffs
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Hosts at a time
    #[arg(short, long, value_name = "NUMBER")]
    pub forks: Option<usize>,
    /// How to reach hosts.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Whom to become there.
    #[command(flatten)]
    pub become_: BecomeArgs,
    /// There is no cache of facts.
    #[arg(long, hide = true)]
    pub flush_cache: bool,
}

/// What Ansible's commands do not have.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct OwnArgs {
    /// Form of the output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", hide_possible_values = true)]
    pub output: Format,
    /// No colours
    #[arg(long)]
    pub no_color: bool,
    /// Accept and remember keys of hosts that are not known yet
    #[arg(long, help_heading = "Connection")]
    pub accept_new: bool,
}

/// Form of a run's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Format {
    /// For people, and for programs that read Ansible's.
    #[default]
    Default,
    /// One object a line; for `plan`, the last one is the plan as a whole.
    Json,
    /// A page to look through (`plan` only).
    Html,
    /// Text for a merge request (`plan` only).
    Markdown,
}

/// Inventory, variables, vaults.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct SourceArgs {
    /// Inventory file, directory, script, or hosts separated by commas (repeatable)
    #[arg(short, long, visible_alias = "inventory-file", value_name = "SOURCE")]
    pub inventory: Vec<String>,
    /// Only hosts that match this too
    #[arg(short, long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// Variables that win: `k=v`, YAML, JSON, or @FILE (repeatable)
    #[arg(short, long, value_name = "VARS")]
    pub extra_vars: Vec<String>,
    /// Passwords of vaults.
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Say more (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Passwords of vaults.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct VaultArgs {
    /// Vault password of a label: `LABEL@FILE` or `LABEL@prompt` (repeatable)
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// File or script with a vault password (repeatable)
    #[arg(long, visible_alias = "vault-pass-file", value_name = "FILE")]
    pub vault_password_file: Vec<PathBuf>,
    /// Ask for the vault password
    #[arg(short = 'J', long, visible_alias = "ask-vault-pass", conflicts_with = "vault_password_file")]
    pub ask_vault_password: bool,
}

/// How to reach hosts.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// User to log in as
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Kind of connection: ssh, openssh, libssh2, local
    #[arg(short, long, value_name = "KIND")]
    pub connection: Option<String>,
    /// Seconds a connection may take to open
    #[arg(short = 'T', long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Key to log in with
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Ask for the password to log in with
    #[arg(short = 'k', long, conflicts_with = "connection_password_file")]
    pub ask_pass: bool,
    /// File with the password to log in with
    #[arg(long, visible_alias = "conn-pass-file", value_name = "FILE")]
    pub connection_password_file: Option<PathBuf>,
    /// Arguments for ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_common_args: Option<String>,
    /// More arguments for ssh
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub ssh_extra_args: Option<String>,
}

/// Whom to become on the hosts.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Becoming another user")]
pub struct BecomeArgs {
    /// Become another user
    #[arg(short, long = "become")]
    pub become_: bool,
    /// Which one (default: root)
    #[arg(long, value_name = "USER")]
    pub become_user: Option<String>,
    /// How: sudo, su, doas (default: sudo)
    #[arg(long, value_name = "METHOD")]
    pub become_method: Option<String>,
    /// Ask for the password to become them with
    #[arg(short = 'K', long, conflicts_with = "become_password_file")]
    pub ask_become_pass: bool,
    /// File with the password to become them with
    #[arg(long, visible_alias = "become-pass-file", value_name = "FILE")]
    pub become_password_file: Option<PathBuf>,
}

/// `inventory`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["list", "graph", "host"]))]
pub struct InventoryArgs {
    /// All hosts and groups with their variables
    #[arg(long)]
    pub list: bool,
    /// The groups as a tree
    #[arg(long)]
    pub graph: bool,
    /// The variables of a host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Group to begin the tree with
    #[arg(value_name = "GROUP", default_value = "all", requires = "graph")]
    pub group: String,
    /// As YAML instead of JSON
    #[arg(short, long, conflicts_with = "graph")]
    pub yaml: bool,
    /// Variables in the tree
    #[arg(long, requires = "graph")]
    pub vars: bool,
    /// Leave variables with the groups that set them
    #[arg(long, requires = "list")]
    pub export: bool,
    /// Directory whose group_vars and host_vars count too
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Where hosts and variables come from.
    #[command(flatten)]
    pub sources: SourceArgs,
}

/// `link`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// Where to make them
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Replace links that lead elsewhere
    #[arg(short, long)]
    pub force: bool,
}

/// `doc`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct DocArgs {
    /// Modules to show
    #[arg(value_name = "MODULE")]
    pub modules: Vec<String>,
    /// List all modules
    #[arg(short, long)]
    pub list: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn reads_what_people_type_for_ansible() {
        let line = "hostler apply -i a -i b, -l web:!web1 -t x,y -t z -e a=1 -e @f.yml -CDbK -vvv -f 5 --start-at-task t p.yml";
        let Command::Apply(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else { panic!() };
        let args = args.run;
        assert_eq!(args.run.sources.inventory, ["a", "b,"]);
        assert_eq!(args.tags, ["x", "y", "z"]);
        assert_eq!(args.run.sources.verbose, 3);
        assert!(args.run.check && args.run.diff && args.run.become_.become_ && args.run.become_.ask_become_pass);
        assert!(Cli::try_parse_from(["hostler", "inventory", "web"]).is_err());
    }
}
