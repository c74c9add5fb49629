//! The settings: name, type, where they may be set. One line each.

use super::find::Places;
use super::ini::{self, Entry};
use super::known::{Verdict, judge};
use super::parse::{boolean, choice, inventories, list, number, path, search_path, switch, text, vault_ids};
use super::sources::{Setting, Sources};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::inventory::{GroupNames, HostPatternMismatch};
use crate::system::local_files;
use crate::vars::combine::HashBehaviour;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// When facts are gathered (`gathering`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// At the beginning of every play that does not say otherwise.
    Implicit,
    /// Only where a play asks.
    Explicit,
    /// Once a host.
    Smart,
}

/// How results are shown (`callback_result_format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// As JSON.
    Json,
    /// As YAML.
    Yaml,
}

/// Each line: field, type, reader, names in the file, names in the environment.
macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $parse:expr, [$($ini:literal),*], [$($env:literal),*];)*) => {
        /// All settings. What is not set has no value: defaults are up to whoever uses them.
        #[derive(Debug, Default)]
        pub struct Config {
            /// The file that was read.
            pub file: Option<PathBuf>,
            /// What is odd about file and environment: settings that are unknown or not supported, a file left out.
            pub warnings: Vec<Diagnostic>,
            $($(#[$doc])* pub $field: Setting<$type>,)*
        }

        /// Names in the file that have an effect.
        const IN_FILE: &[&str] = &[$($($ini),*),*];

        impl Config {
            fn read(sources: &Sources<'_>) -> Result<Self, Diagnostic> {
                Ok(Self {
                    file: None,
                    warnings: Vec::new(),
                    $($field: sources.find(&[$($ini),*], &[$($env),*], $parse)?,)*
                })
            }
        }
    };
}

settings! {
    // Where things are.
    /// Inventory sources; paths are absolute.
    inventory: Vec<String> = inventories, ["defaults.inventory"], ["ANSIBLE_INVENTORY"];
    /// Where roles are looked for after the playbook's own folder.
    roles_path: Vec<PathBuf> = search_path, ["defaults.roles_path"], ["ANSIBLE_ROLES_PATH"];
    /// Where modules of one's own are looked for besides `library/`.
    library: Vec<PathBuf> = search_path, ["defaults.library"], ["ANSIBLE_LIBRARY"];
    /// Where collections are looked for.
    collections_path: Vec<PathBuf> = search_path, ["defaults.collections_paths", "defaults.collections_path"], ["ANSIBLE_COLLECTIONS_PATHS", "ANSIBLE_COLLECTIONS_PATH"];
    /// Ansible's own directory (`~/.ansible`).
    home: PathBuf = path, ["defaults.home"], ["ANSIBLE_HOME"];
    /// Directory whose `group_vars` and roles count for tools without a playbook.
    playbook_dir: PathBuf = path, ["defaults.playbook_dir"], ["ANSIBLE_PLAYBOOK_DIR"];
    /// A file that everything shown is added to.
    log_path: PathBuf = path, ["defaults.log_path"], ["ANSIBLE_LOG_PATH"];

    // Inventory and variables.
    /// Endings of files in inventory directories that are left out.
    inventory_ignore_extensions: Vec<String> = list, ["defaults.inventory_ignore_extensions", "inventory.ignore_extensions"], ["ANSIBLE_INVENTORY_IGNORE"];
    /// Regular expressions of names in inventory directories that are left out.
    inventory_ignore_patterns: Vec<String> = list, ["defaults.inventory_ignore_patterns", "inventory.ignore_patterns"], ["ANSIBLE_INVENTORY_IGNORE_REGEX"];
    /// A file in an inventory directory that cannot be read fails the run.
    inventory_any_unparsed_is_failed: bool = boolean, ["inventory.any_unparsed_is_failed"], ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"];
    /// `inventory --list` leaves variables with their groups.
    inventory_export: bool = boolean, ["inventory.export"], ["ANSIBLE_INVENTORY_EXPORT"];
    /// What becomes of a pattern that matches nothing.
    host_pattern_mismatch: HostPatternMismatch = choice(&[("warning", HostPatternMismatch::Warning), ("error", HostPatternMismatch::Error), ("ignore", HostPatternMismatch::Ignore)]), ["inventory.host_pattern_mismatch"], ["ANSIBLE_HOST_PATTERN_MISMATCH"];
    /// What becomes of odd names of groups.
    force_valid_group_names: GroupNames = choice(&[("never", GroupNames::Never), ("always", GroupNames::Always), ("silently", GroupNames::Silently), ("ignore", GroupNames::Ignore)]), ["defaults.force_valid_group_names"], ["ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS"];
    /// Whether mappings replace each other or are merged.
    hash_behaviour: HashBehaviour = choice(&[("replace", HashBehaviour::Replace), ("merge", HashBehaviour::Merge)]), ["defaults.hash_behaviour"], ["ANSIBLE_HASH_BEHAVIOUR"];
    /// The text of `ansible_managed`.
    ansible_managed: String = text, ["defaults.ansible_managed"], [];
    /// Conditions that are neither true nor false are taken for one or the other, with a warning.
    allow_broken_conditionals: bool = boolean, ["defaults.allow_broken_conditionals"], ["ANSIBLE_ALLOW_BROKEN_CONDITIONALS"];
    /// Undefined variables in templates fail.
    error_on_undefined_vars: bool = boolean, ["defaults.error_on_undefined_vars"], ["ANSIBLE_ERROR_ON_UNDEFINED_VARS"];
    /// Jinja extensions to load.
    jinja2_extensions: Vec<String> = list, ["defaults.jinja2_extensions"], ["ANSIBLE_JINJA2_EXTENSIONS"];
    /// A role's variables stay with the role.
    private_role_vars: bool = boolean, ["defaults.private_role_vars"], ["ANSIBLE_PRIVATE_ROLE_VARS"];

    // Facts.
    /// When facts are gathered.
    gathering: Gathering = choice(&[("implicit", Gathering::Implicit), ("explicit", Gathering::Explicit), ("smart", Gathering::Smart)]), ["defaults.gathering"], ["ANSIBLE_GATHERING"];
    /// Facts are variables of their own (`ansible_distribution`) too.
    inject_facts_as_vars: bool = boolean, ["defaults.inject_facts_as_vars"], ["ANSIBLE_INJECT_FACT_VARS"];
    /// Where facts are kept between runs: `memory`, `jsonfile`, `yaml` …
    fact_caching: String = text, ["defaults.fact_caching"], ["ANSIBLE_CACHE_PLUGIN"];
    /// Its directory or address, as written.
    fact_caching_connection: String = text, ["defaults.fact_caching_connection"], ["ANSIBLE_CACHE_PLUGIN_CONNECTION"];
    /// What its names begin with.
    fact_caching_prefix: String = text, ["defaults.fact_caching_prefix"], ["ANSIBLE_CACHE_PLUGIN_PREFIX"];
    /// Seconds until kept facts are too old; 0 is never.
    fact_caching_timeout: u64 = number, ["defaults.fact_caching_timeout"], ["ANSIBLE_CACHE_PLUGIN_TIMEOUT"];

    // The run.
    /// How many hosts at once.
    forks: usize = number, ["defaults.forks"], ["ANSIBLE_FORKS"];
    /// `linear`, `free` or `host_pinned`.
    strategy: String = text, ["defaults.strategy"], ["ANSIBLE_STRATEGY"];
    /// One host's failure ends the play for all.
    any_errors_fatal: bool = boolean, ["defaults.any_errors_fatal"], ["ANSIBLE_ANY_ERRORS_FATAL"];
    /// Notified handlers run even if the play failed.
    force_handlers: bool = boolean, ["defaults.force_handlers"], ["ANSIBLE_FORCE_HANDLERS"];
    /// Notifying a handler that is not there fails.
    error_on_missing_handler: bool = boolean, ["defaults.error_on_missing_handler"], ["ANSIBLE_ERROR_ON_MISSING_HANDLER"];
    /// Seconds a task may take; 0 is no limit.
    task_timeout: u64 = number, ["defaults.task_timeout"], ["ANSIBLE_TASK_TIMEOUT"];
    /// Seconds between looks at an asynchronous task.
    poll_interval: u64 = number, ["defaults.poll_interval"], ["ANSIBLE_POLL_INTERVAL"];
    /// The module of ad-hoc commands.
    module_name: String = text, ["defaults.module_name"], [];
    /// Its arguments.
    module_args: String = text, ["defaults.module_args"], ["ANSIBLE_MODULE_ARGS"];
    /// The shell that modules use.
    executable: String = text, ["defaults.executable"], ["ANSIBLE_EXECUTABLE"];
    /// Tags to run.
    tags_run: Vec<String> = list, ["tags.run"], ["ANSIBLE_RUN_TAGS"];
    /// Tags to skip.
    tags_skip: Vec<String> = list, ["tags.skip"], ["ANSIBLE_SKIP_TAGS"];

    // Connections.
    /// Connection of hosts that name none.
    transport: String = text, ["defaults.transport"], ["ANSIBLE_TRANSPORT"];
    /// User to log in as.
    remote_user: String = text, ["defaults.remote_user"], ["ANSIBLE_REMOTE_USER"];
    /// Port to connect to.
    remote_port: u16 = number, ["defaults.remote_port"], ["ANSIBLE_REMOTE_PORT"];
    /// Key to log in with.
    private_key_file: PathBuf = path, ["defaults.private_key_file"], ["ANSIBLE_PRIVATE_KEY_FILE"];
    /// Unknown and changed host keys are refused.
    host_key_checking: bool = boolean, ["defaults.host_key_checking", "ssh_connection.host_key_checking"], ["ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING"];
    /// Seconds a connection may take to open.
    timeout: u64 = number, ["defaults.timeout", "ssh_connection.timeout"], ["ANSIBLE_TIMEOUT", "ANSIBLE_SSH_TIMEOUT"];
    /// How often a connection is tried again.
    ssh_retries: u32 = number, ["connection.retries", "ssh_connection.retries"], ["ANSIBLE_SSH_RETRIES"];
    /// Arguments for ssh, instead of the usual ones.
    ssh_args: String = text, ["ssh_connection.ssh_args"], ["ANSIBLE_SSH_ARGS"];
    /// Arguments for ssh, scp and sftp, added.
    ssh_common_args: String = text, ["ssh_connection.ssh_common_args"], ["ANSIBLE_SSH_COMMON_ARGS"];
    /// Arguments for ssh, added.
    ssh_extra_args: String = text, ["ssh_connection.ssh_extra_args"], ["ANSIBLE_SSH_EXTRA_ARGS"];
    /// The ssh program.
    ssh_executable: String = text, ["ssh_connection.ssh_executable"], ["ANSIBLE_SSH_EXECUTABLE"];
    /// Ask for the connection's password.
    ask_pass: bool = boolean, ["defaults.ask_pass"], ["ANSIBLE_ASK_PASS"];
    /// File with the connection's password.
    connection_password_file: PathBuf = path, ["defaults.connection_password_file"], ["ANSIBLE_CONNECTION_PASSWORD_FILE"];

    // Becoming another user.
    /// Become another user everywhere.
    become_: bool = boolean, ["privilege_escalation.become"], ["ANSIBLE_BECOME"];
    /// Which user.
    become_user: String = text, ["privilege_escalation.become_user", "sudo_become_plugin.user"], ["ANSIBLE_BECOME_USER", "ANSIBLE_SUDO_USER"];
    /// How: `sudo`, `su` …
    become_method: String = text, ["privilege_escalation.become_method"], ["ANSIBLE_BECOME_METHOD"];
    /// The program.
    become_exe: String = text, ["privilege_escalation.become_exe", "sudo_become_plugin.executable"], ["ANSIBLE_BECOME_EXE", "ANSIBLE_SUDO_EXE"];
    /// Its options.
    become_flags: String = text, ["privilege_escalation.become_flags", "sudo_become_plugin.flags"], ["ANSIBLE_BECOME_FLAGS", "ANSIBLE_SUDO_FLAGS"];
    /// Ask for its password.
    become_ask_pass: bool = boolean, ["privilege_escalation.become_ask_pass"], ["ANSIBLE_BECOME_ASK_PASS"];
    /// File with its password.
    become_password_file: PathBuf = path, ["defaults.become_password_file"], ["ANSIBLE_BECOME_PASSWORD_FILE"];
    /// Become even the user one is.
    become_allow_same_user: bool = boolean, ["privilege_escalation.become_allow_same_user"], ["ANSIBLE_BECOME_ALLOW_SAME_USER"];

    // Vaults.
    /// File or script with the vault password.
    vault_password_file: PathBuf = path, ["defaults.vault_password_file"], ["ANSIBLE_VAULT_PASSWORD_FILE"];
    /// `LABEL@SOURCE` items, for [`crate::vars::vault::parse_vault_id`]; paths are absolute.
    vault_identity_list: Vec<String> = vault_ids, ["defaults.vault_identity_list"], ["ANSIBLE_VAULT_IDENTITY_LIST"];
    /// The vault id of passwords without one.
    vault_identity: String = text, ["defaults.vault_identity"], ["ANSIBLE_VAULT_IDENTITY"];
    /// The vault id to encrypt with.
    vault_encrypt_identity: String = text, ["defaults.vault_encrypt_identity"], ["ANSIBLE_VAULT_ENCRYPT_IDENTITY"];
    /// Only a password of the id that a vault names may open it.
    vault_id_match: bool = boolean, ["defaults.vault_id_match"], ["ANSIBLE_VAULT_ID_MATCH"];
    /// What vaults are salted with instead of random bytes.
    vault_encrypt_salt: String = text, ["defaults.vault_encrypt_salt"], ["ANSIBLE_VAULT_ENCRYPT_SALT"];
    /// The editor of vaults.
    editor: String = text, ["defaults.editor"], ["ANSIBLE_EDITOR", "EDITOR"];
    /// What shows long texts.
    pager: String = text, ["defaults.pager"], ["ANSIBLE_PAGER", "PAGER"];
    /// Ask for the vault password.
    ask_vault_pass: bool = boolean, ["defaults.ask_vault_pass"], ["ANSIBLE_ASK_VAULT_PASS"];

    // What is shown.
    /// Form of the output: `default`, `json`, `yaml`, `minimal` …
    stdout_callback: String = text, ["defaults.stdout_callback"], ["ANSIBLE_STDOUT_CALLBACK"];
    /// Further reports: `timer`, `profile_tasks`, `junit` …
    callbacks_enabled: Vec<String> = list, ["defaults.callback_whitelist", "defaults.callback_enabled", "defaults.callbacks_enabled"], ["ANSIBLE_CALLBACK_WHITELIST", "ANSIBLE_CALLBACKS_ENABLED"];
    /// Form of results.
    result_format: ResultFormat = choice(&[("json", ResultFormat::Json), ("yaml", ResultFormat::Yaml)]), ["defaults.result_format", "defaults.callback_result_format"], ["ANSIBLE_CALLBACK_RESULT_FORMAT"];
    /// Skipped hosts are shown.
    display_skipped_hosts: bool = boolean, ["defaults.display_skipped_hosts"], ["DISPLAY_SKIPPED_HOSTS", "ANSIBLE_DISPLAY_SKIPPED_HOSTS"];
    /// Hosts that are as they should be are shown.
    display_ok_hosts: bool = boolean, ["defaults.display_ok_hosts"], ["ANSIBLE_DISPLAY_OK_HOSTS"];
    /// Tasks are shown with their arguments.
    display_args_to_stdout: bool = boolean, ["defaults.display_args_to_stdout"], ["ANSIBLE_DISPLAY_ARGS_TO_STDOUT"];
    /// Custom statistics are shown.
    show_custom_stats: bool = boolean, ["defaults.show_custom_stats"], ["ANSIBLE_SHOW_CUSTOM_STATS"];
    /// Failures are shown on stderr.
    display_failed_stderr: bool = boolean, ["defaults.display_failed_stderr"], ["ANSIBLE_DISPLAY_FAILED_STDERR"];
    /// Headings say that a run only looks.
    check_mode_markers: bool = boolean, ["defaults.check_mode_markers"], ["ANSIBLE_CHECK_MODE_MARKERS"];
    /// A failure is shown with its task's place.
    show_task_path_on_failure: bool = boolean, ["defaults.show_task_path_on_failure"], ["ANSIBLE_SHOW_TASK_PATH_ON_FAILURE"];
    /// The beginning of a task on a host is shown.
    show_per_host_start: bool = boolean, ["defaults.show_per_host_start"], ["ANSIBLE_SHOW_PER_HOST_START"];
    /// Results are indented.
    pretty_results: bool = boolean, ["defaults.callback_format_pretty"], ["ANSIBLE_CALLBACK_FORMAT_PRETTY"];
    /// Single tasks too are shown in the form of `stdout_callback`.
    bin_ansible_callbacks: bool = boolean, ["defaults.bin_ansible_callbacks"], ["ANSIBLE_LOAD_CALLBACK_PLUGINS"];
    /// An inventory without hosts is warned of.
    localhost_warning: bool = boolean, ["defaults.localhost_warning"], ["ANSIBLE_LOCALHOST_WARNING"];
    /// That no inventory was read is warned of.
    inventory_unparsed_warning: bool = boolean, ["inventory.inventory_unparsed_warning"], ["ANSIBLE_INVENTORY_UNPARSED_WARNING"];
    /// `--diff` always.
    diff_always: bool = boolean, ["diff.always"], ["ANSIBLE_DIFF_ALWAYS"];
    /// Unchanged lines around a difference.
    diff_context: usize = number, ["diff.context"], ["ANSIBLE_DIFF_CONTEXT"];
    /// Bytes; larger files' differences are not shown.
    max_diff_size: u64 = number, ["defaults.max_diff_size"], ["ANSIBLE_MAX_DIFF_SIZE"];
    /// No task shows its arguments or results.
    no_log: bool = boolean, ["defaults.no_log"], ["ANSIBLE_NO_LOG"];
    /// Colours even where the output is no terminal.
    force_color: bool = boolean, ["defaults.force_color"], ["ANSIBLE_FORCE_COLOR"];
    /// No colours.
    nocolor: bool = switch, ["defaults.nocolor"], ["ANSIBLE_NOCOLOR", "NO_COLOR"];
    /// As many `-v`.
    verbosity: u8 = number, ["defaults.verbosity"], ["ANSIBLE_VERBOSITY"];
}

impl Config {
    /// Finds and reads the file, and takes what the environment says over it.
    ///
    /// # Errors
    /// If the file is not there though named, is malformed, or a value does not fit its setting.
    pub fn load(places: &Places<'_>, env: impl IntoIterator<Item = (String, String)>) -> Result<Self, Diagnostic> {
        let env: HashMap<String, String> = env.into_iter().collect();
        let mut warnings = Vec::new();
        let named = env.get("ANSIBLE_CONFIG").filter(|path| !path.is_empty()).map(Path::new);
        let file = places.find(named, &mut warnings)?;
        let entries = match &file {
            Some(path) => {
                let text = local_files::read_to_string(path).map_err(|error| Diagnostic::error(error.to_string()))?;
                ini::parse(&SourceFile::new(path, text))?
            }
            None => Vec::new(),
        };
        let file_dir =
            file.as_deref().and_then(Path::parent).map(|dir| local_files::canonicalize(dir).unwrap_or(dir.into()));
        let sources =
            Sources { entries: &entries, env: &env, cwd: places.cwd, home: places.home, file_dir: file_dir.as_deref() };
        let mut config = Self::read(&sources)?;
        warnings.extend(without_effect(&entries));
        config.file = file;
        config.warnings = warnings;
        Ok(config)
    }
}

/// One warning for all settings in the file that change nothing but were meant to.
fn without_effect(entries: &[Entry]) -> Option<Diagnostic> {
    let mut odd = entries
        .iter()
        .filter(|entry| !IN_FILE.contains(&entry.name.as_str()))
        .map(|entry| (entry, judge(&entry.name)))
        .filter(|(_, verdict)| *verdict != Verdict::Silent);
    let (first, verdict) = odd.next()?;
    let describe = |entry: &Entry, verdict| match verdict {
        Verdict::Unsupported => format!("`{}` is not supported", entry.name),
        _ => match crate::text::nearest(&entry.name, IN_FILE.iter().copied()) {
            Some(near) => format!("`{}` is unknown, did you mean `{near}`?", entry.name),
            None => format!("`{}` is unknown", entry.name),
        },
    };
    let warning = Diagnostic::warning(format!("settings without effect: {}", describe(first, verdict))).at(&first.span);
    Some(odd.fold(warning, |warning, (entry, verdict)| warning.related(&entry.span, describe(entry, verdict))))
}
