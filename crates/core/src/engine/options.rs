//! What a run is told besides its playbook and inventory.

use super::{Cancel, LedgerOptions};
use crate::connection::HostKeyChecking;
use crate::plan::Plan;
use crate::secret::Secret;
use crate::value::Map;
use crate::vars::{FactCache, VarsRoot};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a run does to hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunMode {
    /// Changes them.
    #[default]
    Apply,
    /// Looks at each task by itself, as Ansible's check mode does.
    Check,
    /// Looks, and plays the changes into a simulation that later tasks see.
    Plan,
}

/// When facts are gathered without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gathering {
    /// In each play, unless it says no.
    #[default]
    Implicit,
    /// Only where a play says so.
    Explicit,
    /// Where no facts of the host are known yet.
    Smart,
}

/// Questions to whoever started the run (`pause`, `vars_prompt`).
pub trait Prompter: Send + Sync {
    /// Shows `prompt` and returns the answer; `echo` says whether it may be seen while typed.
    ///
    /// # Errors
    /// In words, where nobody can be asked.
    fn ask(&self, prompt: &str, echo: bool) -> Result<String, String>;
    /// Shows `prompt` and waits for a key that ends it, or until its time is up.
    ///
    /// # Errors
    /// In words, where nobody can be asked.
    fn wait(&self, prompt: &str, wait: &Wait<'_>) -> Result<Typed, String>;
}

/// A wait for keys.
pub struct Wait<'a> {
    /// What is typed may be seen.
    pub echo: bool,
    /// How long at most.
    pub limit: Option<Duration>,
    /// Keys that complete it.
    pub completes: &'a str,
    /// Keys that interrupt it.
    pub interrupts: &'a str,
    /// Ends it too.
    pub stop: &'a Cancel,
}

/// How a wait for keys ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// Completed, or its time was up: what was typed.
    Text(String),
    /// Interrupted.
    Interrupted,
}

/// Talks with whoever steers the run while it waits for them. Unlike a [`Prompter`]'s, the answers may come from a file.
pub trait Console: Send + Sync {
    /// Shows `prompt` and returns the line that follows; `None` where nothing more comes.
    fn line(&self, prompt: &str) -> Option<String>;
    /// Shows lines.
    fn print(&self, text: &str);
    /// Shows a heading.
    fn heading(&self, title: &str);
}

/// What a run is told. `Default` is a plain apply of everything.
#[derive(Clone)]
#[allow(missing_docs, reason = "named as ansible-playbook's options and ansible.cfg's settings")]
pub struct RunOptions {
    pub mode: RunMode,
    /// Whether results carry diffs.
    pub diff: bool,
    /// Bytes: larger files are not shown in diffs. 0 is no limit.
    pub max_diff_size: Option<u64>,
    /// Whether what a plan tells of a task comes with its fingerprint.
    pub fingerprints: bool,
    /// A plan that was shown: nothing but what it says is done.
    pub held_to: Option<Arc<Plan>>,
    /// Hosts' ledgers are kept, or in plans compared.
    pub ledger: Option<LedgerOptions>,
    /// Hosts at a time.
    pub forks: usize,
    pub tags: Vec<String>,
    pub skip_tags: Vec<String>,
    pub limit: Option<String>,
    pub start_at_task: Option<String>,
    /// Each task is asked about before it runs.
    pub step: bool,
    /// What fails is looked at in the debugger, where tasks do not say.
    pub debugger: bool,
    /// What fails and is ignored is not.
    pub debugger_ignores_errors: bool,
    pub extra_vars: Arc<Map>,
    pub verbosity: u8,
    pub force_handlers: bool,
    pub any_errors_fatal: bool,
    /// Strategy of plays that name none.
    pub strategy: Option<String>,
    /// A handler that is not there fails the task that notifies it, as `error_on_missing_handler` says.
    pub error_on_missing_handler: bool,
    pub gathering: Gathering,
    pub gather_subset: Vec<String>,
    /// Modules that gather facts; `smart` stands for the one that fits.
    pub facts_modules: Vec<String>,
    /// Directories of connection plug-ins, which only Ansible can run: a host that needs one is out of reach.
    pub connection_plugins: Vec<PathBuf>,
    /// Default `-c`.
    pub connection: Option<String>,
    /// Default `-u`.
    pub remote_user: Option<String>,
    /// Where neither a variable nor a keyword says.
    pub remote_port: Option<u16>,
    pub private_key_file: Option<PathBuf>,
    pub connection_password: Option<Secret>,
    pub ssh_args: Vec<String>,
    /// The shell that command lines are run by.
    pub executable: Option<String>,
    /// Path of `ssh`.
    pub ssh_executable: Option<PathBuf>,
    pub host_key_checking: HostKeyChecking,
    pub timeout: Duration,
    pub retries: u32,
    /// Seconds a task may take, where it does not say.
    pub task_timeout: Option<f64>,
    /// Seconds between looks at a task with `async`, where it does not say.
    pub poll_interval: f64,
    pub become_: bool,
    pub become_method: String,
    pub become_user: Option<String>,
    pub become_exe: Option<String>,
    pub become_flags: Option<String>,
    pub become_password: Option<Secret>,
    /// Also where the connection's user is that user already.
    pub become_allow_same_user: bool,
    /// Results are not shown where tasks do not say.
    pub no_log: bool,
    /// Answers to `vars_prompt` that were typed unseen are kept out of all that is shown; Ansible shows them.
    pub hide_private_answers: bool,
    pub inject_facts: bool,
    pub merge_hashes: bool,
    pub fact_cache: Option<FactCache>,
    /// Which directories' `group_vars` and `host_vars` tasks see.
    pub vars_root: VarsRoot,
    pub remote_tmp: Option<String>,
    pub inventory_sources: Vec<String>,
    pub config_file: Option<PathBuf>,
    /// User that local paths like `~` and `ansible_user_id` without facts belong to.
    pub home: Option<PathBuf>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            mode: RunMode::Apply,
            diff: false,
            max_diff_size: None,
            fingerprints: false,
            held_to: None,
            ledger: None,
            forks: 256,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            limit: None,
            start_at_task: None,
            step: false,
            debugger: false,
            debugger_ignores_errors: true,
            extra_vars: Arc::default(),
            verbosity: 0,
            force_handlers: false,
            any_errors_fatal: false,
            strategy: None,
            error_on_missing_handler: true,
            gathering: Gathering::Implicit,
            gather_subset: Vec::new(),
            facts_modules: vec!["smart".to_owned()],
            connection_plugins: Vec::new(),
            connection: None,
            remote_user: None,
            remote_port: None,
            private_key_file: None,
            connection_password: None,
            ssh_args: Vec::new(),
            executable: None,
            ssh_executable: None,
            host_key_checking: HostKeyChecking::Strict,
            timeout: Duration::from_secs(10),
            retries: 0,
            task_timeout: None,
            poll_interval: 15.0,
            become_: false,
            become_method: "sudo".to_owned(),
            become_user: None,
            become_exe: None,
            become_flags: None,
            become_password: None,
            become_allow_same_user: false,
            no_log: false,
            hide_private_answers: true,
            inject_facts: true,
            merge_hashes: false,
            fact_cache: None,
            vars_root: VarsRoot::Top,
            remote_tmp: None,
            inventory_sources: Vec::new(),
            config_file: None,
            home: None,
        }
    }
}
