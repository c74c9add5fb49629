//! The settings: name, type, where they may be set. One line each.

use super::entry::{Entry, Shown};
use super::find::Places;
use super::ini;
use super::known::{PLUGINS, Verdict, judge, python_plugin};
use super::parse::{boolean, choice, inventories, list, number, path, search_path, switch, text, vault_ids};
use super::sources::{Origin, Setting, Sources};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::inventory::{GroupNames, HostPatternMismatch, VarsStage};
use crate::system::local_files;
use crate::vars::VarsRoot;
use crate::vars::combine::HashBehaviour;
use crate::yaml::DuplicateKeys;
use serde_json::json;
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

/// Order of the tasks that `profile_tasks` lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The slowest first.
    Descending,
    /// The fastest first.
    Ascending,
    /// As they ran.
    None,
}

/// Each line: field, type, reader, Ansible's name with the default here, names in the file, names in the environment.
macro_rules! settings {
    ($(
        #[doc = $doc:literal]
        $field:ident: $type:ty = $parse:expr, $($name:ident)/+($default:tt), [$($ini:literal),*], [$($env:literal),*];
    )*) => {
        /// All settings. What is not set has no value: defaults are up to whoever uses them.
        #[derive(Debug, Default)]
        pub struct Config {
            /// The file that was read.
            pub file: Option<PathBuf>,
            /// What is odd about file and environment: settings that are unknown or not supported, a file left out.
            pub warnings: Vec<Diagnostic>,
            /// `SECTION.KEY` of what the file sets and nobody knows.
            pub unknown: Vec<String>,
            $(#[doc = $doc] pub $field: Setting<$type>,)*
        }

        /// Names in the file that have an effect.
        const IN_FILE: &[&str] = &[$($($ini,)*)*];

        impl Config {
            fn read(sources: &Sources<'_>) -> Result<Self, Diagnostic> {
                Ok(Self {
                    file: None,
                    warnings: Vec::new(),
                    unknown: Vec::new(),
                    $($field: sources.find(&[$($ini),*], &[$($env),*], $parse)?,)*
                })
            }

            /// All settings, as they are written here.
            pub fn entries(&self) -> Vec<Entry<'_>> {
                vec![$(Entry {
                    name: concat!($("/", stringify!($name)),+),
                    description: $doc,
                    kind: <$type as Shown>::KIND,
                    default: json!($default),
                    in_file: &[$($ini),*],
                    in_env: &[$($env),*],
                    value: self.$field.get().map(Shown::shown),
                    origin: self.$field.origin(),
                }),*]
            }
        }
    };
}

settings! {
    // Where things are.
    /// Inventory sources; paths are absolute.
    inventory: Vec<String> = inventories, DEFAULT_HOST_LIST(["/etc/ansible/hosts"]), ["defaults.inventory"], ["ANSIBLE_INVENTORY"];
    /// Where roles are looked for after the playbook's own folder.
    roles_path: Vec<PathBuf> = search_path, DEFAULT_ROLES_PATH(["~/.ansible/roles", "/usr/share/ansible/roles", "/etc/ansible/roles"]), ["defaults.roles_path"], ["ANSIBLE_ROLES_PATH"];
    /// Where action plug-ins in Python are, besides `action_plugins/`.
    action_plugins: Vec<PathBuf> = search_path, DEFAULT_ACTION_PLUGIN_PATH(["~/.ansible/plugins/action", "/usr/share/ansible/plugins/action"]), ["defaults.action_plugins"], ["ANSIBLE_ACTION_PLUGINS"];
    /// Where callbacks in Python are, besides `callback_plugins/`.
    callback_plugins: Vec<PathBuf> = search_path, DEFAULT_CALLBACK_PLUGIN_PATH(["~/.ansible/plugins/callback", "/usr/share/ansible/plugins/callback"]), ["defaults.callback_plugins"], ["ANSIBLE_CALLBACK_PLUGINS"];
    /// Where filter plug-ins in Python are, besides `filter_plugins/`.
    filter_plugins: Vec<PathBuf> = search_path, DEFAULT_FILTER_PLUGIN_PATH(["~/.ansible/plugins/filter", "/usr/share/ansible/plugins/filter"]), ["defaults.filter_plugins"], ["ANSIBLE_FILTER_PLUGINS"];
    /// Where lookup plug-ins in Python are, besides `lookup_plugins/`.
    lookup_plugins: Vec<PathBuf> = search_path, DEFAULT_LOOKUP_PLUGIN_PATH(["~/.ansible/plugins/lookup", "/usr/share/ansible/plugins/lookup"]), ["defaults.lookup_plugins"], ["ANSIBLE_LOOKUP_PLUGINS"];
    /// Where test plug-ins in Python are, besides `test_plugins/`.
    test_plugins: Vec<PathBuf> = search_path, DEFAULT_TEST_PLUGIN_PATH(["~/.ansible/plugins/test", "/usr/share/ansible/plugins/test"]), ["defaults.test_plugins"], ["ANSIBLE_TEST_PLUGINS"];
    /// Where what modules in Python share is, besides `module_utils/`.
    module_utils: Vec<PathBuf> = search_path, DEFAULT_MODULE_UTILS_PATH(["~/.ansible/plugins/module_utils", "/usr/share/ansible/plugins/module_utils"]), ["defaults.module_utils"], ["ANSIBLE_MODULE_UTILS"];
    /// Where connection plug-ins are: a host that needs one of them is out of reach here.
    connection_plugins: Vec<PathBuf> = search_path, DEFAULT_CONNECTION_PLUGIN_PATH(["~/.ansible/plugins/connection", "/usr/share/ansible/plugins/connection"]), ["defaults.connection_plugins"], ["ANSIBLE_CONNECTION_PLUGINS"];
    /// Where modules of one's own are looked for besides `library/`.
    library: Vec<PathBuf> = search_path, DEFAULT_MODULE_PATH(["~/.ansible/plugins/modules", "/usr/share/ansible/plugins/modules"]), ["defaults.library"], ["ANSIBLE_LIBRARY"];
    /// Where collections are looked for.
    collections_path: Vec<PathBuf> = search_path, COLLECTIONS_PATHS(["~/.ansible/collections", "/usr/share/ansible/collections"]), ["defaults.collections_paths", "defaults.collections_path"], ["ANSIBLE_COLLECTIONS_PATHS", "ANSIBLE_COLLECTIONS_PATH"];
    /// Ansible's own directory (`~/.ansible`).
    home: PathBuf = path, ANSIBLE_HOME("~/.ansible"), ["defaults.home"], ["ANSIBLE_HOME"];
    /// Directory whose `group_vars` and roles count for tools without a playbook.
    playbook_dir: PathBuf = path, PLAYBOOK_DIR(null), ["defaults.playbook_dir"], ["ANSIBLE_PLAYBOOK_DIR"];
    /// A file that everything shown is added to.
    log_path: PathBuf = path, DEFAULT_LOG_PATH(null), ["defaults.log_path"], ["ANSIBLE_LOG_PATH"];

    // Inventory and variables.
    /// Endings of files in inventory directories that are left out.
    inventory_ignore_extensions: Vec<String> = list, INVENTORY_IGNORE_EXTS([".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"]), ["defaults.inventory_ignore_extensions", "inventory.ignore_extensions"], ["ANSIBLE_INVENTORY_IGNORE"];
    /// Regular expressions of names in inventory directories that are left out.
    inventory_ignore_patterns: Vec<String> = list, INVENTORY_IGNORE_PATTERNS([]), ["defaults.inventory_ignore_patterns", "inventory.ignore_patterns"], ["ANSIBLE_INVENTORY_IGNORE_REGEX"];
    /// A file in an inventory directory that cannot be read fails the run.
    inventory_any_unparsed_is_failed: bool = boolean, INVENTORY_ANY_UNPARSED_IS_FAILED(false), ["inventory.any_unparsed_is_failed"], ["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"];
    /// `inventory --list` leaves variables with their groups.
    inventory_export: bool = boolean, INVENTORY_EXPORT(false), ["inventory.export"], ["ANSIBLE_INVENTORY_EXPORT"];
    /// What becomes of a pattern that matches nothing.
    host_pattern_mismatch: HostPatternMismatch = choice(&[("warning", HostPatternMismatch::Warning), ("error", HostPatternMismatch::Error), ("ignore", HostPatternMismatch::Ignore)]), HOST_PATTERN_MISMATCH("warning"), ["inventory.host_pattern_mismatch"], ["ANSIBLE_HOST_PATTERN_MISMATCH"];
    /// What becomes of odd names of groups.
    force_valid_group_names: GroupNames = choice(&[("never", GroupNames::Never), ("always", GroupNames::Always), ("silently", GroupNames::Silently), ("ignore", GroupNames::Ignore)]), TRANSFORM_INVALID_GROUP_CHARS("never"), ["defaults.force_valid_group_names"], ["ANSIBLE_TRANSFORM_INVALID_GROUP_CHARS"];
    /// Whether mappings replace each other or are merged.
    hash_behaviour: HashBehaviour = choice(&[("replace", HashBehaviour::Replace), ("merge", HashBehaviour::Merge)]), DEFAULT_HASH_BEHAVIOUR("replace"), ["defaults.hash_behaviour"], ["ANSIBLE_HASH_BEHAVIOUR"];
    /// Where groups' variables come from, the last one wins.
    precedence: Vec<String> = list, VARIABLE_PRECEDENCE(["all_inventory", "groups_inventory", "all_plugins_inventory", "all_plugins_play", "groups_plugins_inventory", "groups_plugins_play"]), ["defaults.precedence"], ["ANSIBLE_PRECEDENCE"];
    /// Which directories' `group_vars` and `host_vars` a play's tasks see.
    playbook_vars_root: VarsRoot = choice(&[("top", VarsRoot::Top), ("bottom", VarsRoot::Bottom), ("all", VarsRoot::All)]), PLAYBOOK_VARS_ROOT("top"), ["defaults.playbook_vars_root"], ["ANSIBLE_PLAYBOOK_VARS_ROOT"];
    /// When files of variables are read: `start` is with the inventory, and only beside its sources.
    run_vars_plugins: VarsStage = choice(&[("demand", VarsStage::Demand), ("start", VarsStage::Start)]), RUN_VARS_PLUGINS("demand"), ["defaults.run_vars_plugins"], ["ANSIBLE_RUN_VARS_PLUGINS"];
    /// The plug-ins that read files of variables.
    vars_plugins_enabled: Vec<String> = list, VARIABLE_PLUGINS_ENABLED(["host_group_vars"]), ["defaults.vars_plugins_enabled"], ["ANSIBLE_VARS_ENABLED"];
    /// Endings of files of variables, in the order they are tried.
    yaml_valid_extensions: Vec<String> = list, YAML_FILENAME_EXTENSIONS([".yml", ".yaml", ".json"]), ["defaults.yaml_valid_extensions"], ["ANSIBLE_YAML_FILENAME_EXT"];
    /// Keywords that are not for this kind of task fail; else they are warned of.
    invalid_task_attribute_failed: bool = boolean, INVALID_TASK_ATTRIBUTE_FAILED(true), ["defaults.invalid_task_attribute_failed"], ["ANSIBLE_INVALID_TASK_ATTRIBUTE_FAILED"];
    /// What becomes of keys that a mapping has twice.
    duplicate_dict_key: DuplicateKeys = choice(&[("warn", DuplicateKeys::Warn), ("error", DuplicateKeys::Error), ("ignore", DuplicateKeys::Ignore)]), DUPLICATE_YAML_DICT_KEY("warn"), ["defaults.duplicate_dict_key"], ["ANSIBLE_DUPLICATE_YAML_DICT_KEY"];
    /// Odd entries in collections' groups of actions are warned of.
    validate_action_group_metadata: bool = boolean, VALIDATE_ACTION_GROUP_METADATA(true), ["defaults.validate_action_group_metadata"], ["ANSIBLE_VALIDATE_ACTION_GROUP_METADATA"];
    /// The plug-ins that may read an inventory source, in this order.
    inventory_plugins: Vec<String> = list, INVENTORY_ENABLED(["host_list", "script", "auto", "yaml", "ini", "toml"]), ["inventory.enable_plugins"], ["ANSIBLE_INVENTORY_ENABLED"];
    /// What inventory scripts print on stderr is shown.
    inventory_script_stderr: bool = boolean, inventory/script/always_show_stderr(true), ["inventory_plugin_script.always_show_stderr"], ["ANSIBLE_INVENTORY_PLUGIN_SCRIPT_STDERR"];
    /// What will go from Ansible is warned of.
    deprecation_warnings: bool = boolean, DEPRECATION_WARNINGS(true), ["defaults.deprecation_warnings"], ["ANSIBLE_DEPRECATION_WARNINGS"];
    /// The text of `ansible_managed`.
    ansible_managed: String = text, DEFAULT_MANAGED_STR("Ansible managed"), ["defaults.ansible_managed"], [];
    /// Conditions that are neither true nor false are taken for one or the other, with a warning.
    allow_broken_conditionals: bool = boolean, ALLOW_BROKEN_CONDITIONALS(false), ["defaults.allow_broken_conditionals"], ["ANSIBLE_ALLOW_BROKEN_CONDITIONALS"];
    /// Undefined variables in templates fail.
    error_on_undefined_vars: bool = boolean, DEFAULT_UNDEFINED_VAR_BEHAVIOR(true), ["defaults.error_on_undefined_vars"], ["ANSIBLE_ERROR_ON_UNDEFINED_VARS"];
    /// Jinja extensions to load.
    jinja2_extensions: Vec<String> = list, DEFAULT_JINJA2_EXTENSIONS([]), ["defaults.jinja2_extensions"], ["ANSIBLE_JINJA2_EXTENSIONS"];
    /// A role's variables stay with the role.
    private_role_vars: bool = boolean, DEFAULT_PRIVATE_ROLE_VARS(false), ["defaults.private_role_vars"], ["ANSIBLE_PRIVATE_ROLE_VARS"];

    // Facts.
    /// When facts are gathered.
    gathering: Gathering = choice(&[("implicit", Gathering::Implicit), ("explicit", Gathering::Explicit), ("smart", Gathering::Smart)]), DEFAULT_GATHERING("implicit"), ["defaults.gathering"], ["ANSIBLE_GATHERING"];
    /// Modules that gather facts: `smart` is the one that fits.
    facts_modules: Vec<String> = list, FACTS_MODULES(["smart"]), ["defaults.facts_modules"], ["ANSIBLE_FACTS_MODULES"];
    /// Facts are variables of their own (`ansible_distribution`) too.
    inject_facts_as_vars: bool = boolean, INJECT_FACTS_AS_VARS(true), ["defaults.inject_facts_as_vars"], ["ANSIBLE_INJECT_FACT_VARS"];
    /// Where facts are kept between runs: `memory`, `jsonfile`, `yaml` …
    fact_caching: String = text, CACHE_PLUGIN("memory"), ["defaults.fact_caching"], ["ANSIBLE_CACHE_PLUGIN"];
    /// Its directory or address, as written.
    fact_caching_connection: String = text, CACHE_PLUGIN_CONNECTION(null), ["defaults.fact_caching_connection"], ["ANSIBLE_CACHE_PLUGIN_CONNECTION"];
    /// What its names begin with.
    fact_caching_prefix: String = text, CACHE_PLUGIN_PREFIX("ansible_facts"), ["defaults.fact_caching_prefix"], ["ANSIBLE_CACHE_PLUGIN_PREFIX"];
    /// Seconds until kept facts are too old; 0 is never.
    fact_caching_timeout: u64 = number, CACHE_PLUGIN_TIMEOUT(86400), ["defaults.fact_caching_timeout"], ["ANSIBLE_CACHE_PLUGIN_TIMEOUT"];

    // The run.
    /// How many hosts at once.
    forks: usize = number, DEFAULT_FORKS(256), ["defaults.forks"], ["ANSIBLE_FORKS"];
    /// `linear`, `free` or `host_pinned`.
    strategy: String = text, DEFAULT_STRATEGY("linear"), ["defaults.strategy"], ["ANSIBLE_STRATEGY"];
    /// What fails is looked at in the debugger, where tasks do not say.
    enable_task_debugger: bool = boolean, ENABLE_TASK_DEBUGGER(false), ["defaults.enable_task_debugger"], ["ANSIBLE_ENABLE_TASK_DEBUGGER"];
    /// What fails and is ignored is not.
    task_debugger_ignore_errors: bool = boolean, TASK_DEBUGGER_IGNORE_ERRORS(true), ["defaults.task_debugger_ignore_errors"], ["ANSIBLE_TASK_DEBUGGER_IGNORE_ERRORS"];
    /// One host's failure ends the play for all.
    any_errors_fatal: bool = boolean, ANY_ERRORS_FATAL(false), ["defaults.any_errors_fatal"], ["ANSIBLE_ANY_ERRORS_FATAL"];
    /// Notified handlers run even if the play failed.
    force_handlers: bool = boolean, DEFAULT_FORCE_HANDLERS(false), ["defaults.force_handlers"], ["ANSIBLE_FORCE_HANDLERS"];
    /// Notifying a handler that is not there fails.
    error_on_missing_handler: bool = boolean, ERROR_ON_MISSING_HANDLER(true), ["defaults.error_on_missing_handler"], ["ANSIBLE_ERROR_ON_MISSING_HANDLER"];
    /// Seconds a task may take; 0 is no limit.
    task_timeout: u64 = number, TASK_TIMEOUT(0), ["defaults.task_timeout"], ["ANSIBLE_TASK_TIMEOUT"];
    /// Seconds between looks at an asynchronous task.
    poll_interval: u64 = number, DEFAULT_POLL_INTERVAL(15), ["defaults.poll_interval"], ["ANSIBLE_POLL_INTERVAL"];
    /// The module of ad-hoc commands.
    module_name: String = text, DEFAULT_MODULE_NAME("command"), ["defaults.module_name"], [];
    /// Its arguments.
    module_args: String = text, DEFAULT_MODULE_ARGS(null), ["defaults.module_args"], ["ANSIBLE_MODULE_ARGS"];
    /// The shell that modules use.
    executable: String = text, DEFAULT_EXECUTABLE("/bin/sh"), ["defaults.executable"], ["ANSIBLE_EXECUTABLE"];
    /// Tags to run.
    tags_run: Vec<String> = list, TAGS_RUN([]), ["tags.run"], ["ANSIBLE_RUN_TAGS"];
    /// Tags to skip.
    tags_skip: Vec<String> = list, TAGS_SKIP([]), ["tags.skip"], ["ANSIBLE_SKIP_TAGS"];

    // Connections.
    /// Connection of hosts that name none.
    transport: String = text, DEFAULT_TRANSPORT("ssh"), ["defaults.transport"], ["ANSIBLE_TRANSPORT"];
    /// User to log in as.
    remote_user: String = text, DEFAULT_REMOTE_USER(null), ["defaults.remote_user"], ["ANSIBLE_REMOTE_USER"];
    /// Port to connect to.
    remote_port: u16 = number, DEFAULT_REMOTE_PORT(null), ["defaults.remote_port"], ["ANSIBLE_REMOTE_PORT"];
    /// Key to log in with.
    private_key_file: PathBuf = path, DEFAULT_PRIVATE_KEY_FILE(null), ["defaults.private_key_file"], ["ANSIBLE_PRIVATE_KEY_FILE"];
    /// Unknown and changed host keys are refused.
    host_key_checking: bool = boolean, HOST_KEY_CHECKING(true), ["defaults.host_key_checking", "ssh_connection.host_key_checking"], ["ANSIBLE_HOST_KEY_CHECKING", "ANSIBLE_SSH_HOST_KEY_CHECKING"];
    /// Seconds a connection may take to open.
    timeout: u64 = number, DEFAULT_TIMEOUT(10), ["defaults.timeout", "ssh_connection.timeout"], ["ANSIBLE_TIMEOUT", "ANSIBLE_SSH_TIMEOUT"];
    /// How often a connection is tried again.
    ssh_retries: u32 = number, connection/ssh/reconnection_retries(0), ["connection.retries", "ssh_connection.retries"], ["ANSIBLE_SSH_RETRIES"];
    /// Arguments for ssh, instead of the usual ones.
    ssh_args: String = text, connection/ssh/ssh_args(null), ["ssh_connection.ssh_args"], ["ANSIBLE_SSH_ARGS"];
    /// Arguments for ssh, scp and sftp, added.
    ssh_common_args: String = text, connection/ssh/ssh_common_args(""), ["ssh_connection.ssh_common_args"], ["ANSIBLE_SSH_COMMON_ARGS"];
    /// Means nothing here: no file is sent by `sftp`.
    sftp_extra_args: String = text, connection/ssh/sftp_extra_args(""), ["ssh_connection.sftp_extra_args"], ["ANSIBLE_SFTP_EXTRA_ARGS"];
    /// Means nothing here: no file is sent by `scp`.
    scp_extra_args: String = text, connection/ssh/scp_extra_args(""), ["ssh_connection.scp_extra_args"], ["ANSIBLE_SCP_EXTRA_ARGS"];
    /// Arguments for ssh, added.
    ssh_extra_args: String = text, connection/ssh/ssh_extra_args(""), ["ssh_connection.ssh_extra_args"], ["ANSIBLE_SSH_EXTRA_ARGS"];
    /// The ssh program.
    ssh_executable: String = text, connection/ssh/ssh_executable("ssh"), ["ssh_connection.ssh_executable"], ["ANSIBLE_SSH_EXECUTABLE"];
    /// Ask for the connection's password.
    ask_pass: bool = boolean, DEFAULT_ASK_PASS(false), ["defaults.ask_pass"], ["ANSIBLE_ASK_PASS"];
    /// File with the connection's password.
    connection_password_file: PathBuf = path, CONNECTION_PASSWORD_FILE(null), ["defaults.connection_password_file"], ["ANSIBLE_CONNECTION_PASSWORD_FILE"];

    // Becoming another user.
    /// Become another user everywhere.
    become_: bool = boolean, DEFAULT_BECOME(false), ["privilege_escalation.become"], ["ANSIBLE_BECOME"];
    /// Which user.
    become_user: String = text, DEFAULT_BECOME_USER("root"), ["privilege_escalation.become_user", "sudo_become_plugin.user"], ["ANSIBLE_BECOME_USER", "ANSIBLE_SUDO_USER"];
    /// How: `sudo`, `su` …
    become_method: String = text, DEFAULT_BECOME_METHOD("sudo"), ["privilege_escalation.become_method"], ["ANSIBLE_BECOME_METHOD"];
    /// The program.
    become_exe: String = text, DEFAULT_BECOME_EXE(null), ["privilege_escalation.become_exe", "sudo_become_plugin.executable"], ["ANSIBLE_BECOME_EXE", "ANSIBLE_SUDO_EXE"];
    /// Its options.
    become_flags: String = text, DEFAULT_BECOME_FLAGS(""), ["privilege_escalation.become_flags", "sudo_become_plugin.flags"], ["ANSIBLE_BECOME_FLAGS", "ANSIBLE_SUDO_FLAGS"];
    /// Ask for its password.
    become_ask_pass: bool = boolean, DEFAULT_BECOME_ASK_PASS(false), ["privilege_escalation.become_ask_pass"], ["ANSIBLE_BECOME_ASK_PASS"];
    /// File with its password.
    become_password_file: PathBuf = path, BECOME_PASSWORD_FILE(null), ["defaults.become_password_file"], ["ANSIBLE_BECOME_PASSWORD_FILE"];
    /// Become even the user one is.
    become_allow_same_user: bool = boolean, BECOME_ALLOW_SAME_USER(false), ["privilege_escalation.become_allow_same_user"], ["ANSIBLE_BECOME_ALLOW_SAME_USER"];

    // Vaults.
    /// File or script with the vault password.
    vault_password_file: PathBuf = path, DEFAULT_VAULT_PASSWORD_FILE(null), ["defaults.vault_password_file"], ["ANSIBLE_VAULT_PASSWORD_FILE"];
    /// `LABEL@SOURCE` items, for [`crate::vars::vault::parse_vault_id`]; paths are absolute.
    vault_identity_list: Vec<String> = vault_ids, DEFAULT_VAULT_IDENTITY_LIST([]), ["defaults.vault_identity_list"], ["ANSIBLE_VAULT_IDENTITY_LIST"];
    /// The vault id of passwords without one.
    vault_identity: String = text, DEFAULT_VAULT_IDENTITY("default"), ["defaults.vault_identity"], ["ANSIBLE_VAULT_IDENTITY"];
    /// The vault id to encrypt with.
    vault_encrypt_identity: String = text, DEFAULT_VAULT_ENCRYPT_IDENTITY(null), ["defaults.vault_encrypt_identity"], ["ANSIBLE_VAULT_ENCRYPT_IDENTITY"];
    /// Only a password of the id that a vault names may open it.
    vault_id_match: bool = boolean, DEFAULT_VAULT_ID_MATCH(false), ["defaults.vault_id_match"], ["ANSIBLE_VAULT_ID_MATCH"];
    /// What vaults are salted with instead of random bytes.
    vault_encrypt_salt: String = text, VAULT_ENCRYPT_SALT(null), ["defaults.vault_encrypt_salt"], ["ANSIBLE_VAULT_ENCRYPT_SALT"];
    /// The editor of vaults.
    editor: String = text, EDITOR("vi"), ["defaults.editor"], ["ANSIBLE_EDITOR", "EDITOR"];
    /// What shows long texts.
    pager: String = text, PAGER("less"), ["defaults.pager"], ["ANSIBLE_PAGER", "PAGER"];
    /// Ask for the vault password.
    ask_vault_pass: bool = boolean, DEFAULT_ASK_VAULT_PASS(false), ["defaults.ask_vault_pass"], ["ANSIBLE_ASK_VAULT_PASS"];

    // What is shown.
    /// Form of the output: `default`, `json`, `yaml`, `minimal` …
    stdout_callback: String = text, DEFAULT_STDOUT_CALLBACK("default"), ["defaults.stdout_callback"], ["ANSIBLE_STDOUT_CALLBACK"];
    /// Further reports: `timer`, `profile_tasks`, `junit` …
    callbacks_enabled: Vec<String> = list, CALLBACKS_ENABLED([]), ["defaults.callback_whitelist", "defaults.callback_enabled", "defaults.callbacks_enabled"], ["ANSIBLE_CALLBACK_WHITELIST", "ANSIBLE_CALLBACKS_ENABLED"];
    /// Tasks that `profile_tasks` lists at the end: a number, or `all`.
    profile_tasks_output_limit: String = text, callback/profile_tasks/output_limit("20"), ["callback_profile_tasks.task_output_limit"], ["PROFILE_TASKS_TASK_OUTPUT_LIMIT"];
    /// Their order.
    profile_tasks_sort_order: SortOrder = choice(&[("descending", SortOrder::Descending), ("ascending", SortOrder::Ascending), ("none", SortOrder::None)]), callback/profile_tasks/sort_order("descending"), ["callback_profile_tasks.sort_order"], ["PROFILE_TASKS_SORT_ORDER"];
    /// `profile_tasks` prints the list only.
    profile_tasks_summary_only: bool = boolean, callback/profile_tasks/summary_only(false), ["callback_profile_tasks.summary_only"], ["PROFILE_TASKS_SUMMARY_ONLY"];
    /// `profile_roles` prints the list only.
    profile_roles_summary_only: bool = boolean, callback/profile_roles/summary_only(false), ["callback_profile_roles.summary_only"], ["PROFILE_ROLES_SUMMARY_ONLY"];
    /// Directory of `tree`.
    tree_directory: PathBuf = path, callback/tree/directory("~/.ansible/tree"), ["callback_tree.directory"], ["ANSIBLE_CALLBACK_TREE_DIR"];
    /// Directory of `junit`.
    junit_output_dir: PathBuf = path, callback/junit/output_dir("~/.ansible.log"), [], ["JUNIT_OUTPUT_DIR"];
    /// `junit` has a class a file, not a line.
    junit_task_class: String = text, callback/junit/task_class("False"), [], ["JUNIT_TASK_CLASS"];
    /// Directory that places in `junit` are relative to.
    junit_task_relative_path: PathBuf = path, callback/junit/task_relative_path(null), [], ["JUNIT_TASK_RELATIVE_PATH"];
    /// What stands in `junit` for the directories of places outside of it.
    junit_replace_out_of_tree_path: String = text, callback/junit/replace_out_of_tree_path(null), [], ["JUNIT_REPLACE_OUT_OF_TREE_PATH"];
    /// What changes something fails in `junit`.
    junit_fail_on_change: String = text, callback/junit/fail_on_change("False"), [], ["JUNIT_FAIL_ON_CHANGE"];
    /// Failures that are ignored fail in `junit`.
    junit_fail_on_ignore: String = text, callback/junit/fail_on_ignore("False"), [], ["JUNIT_FAIL_ON_IGNORE"];
    /// Tasks that gather facts are in `junit`.
    junit_include_setup_tasks_in_report: String = text, callback/junit/include_setup_tasks_in_report("True"), [], ["JUNIT_INCLUDE_SETUP_TASKS_IN_REPORT"];
    /// Names in `junit` are without the task's arguments.
    junit_hide_task_arguments: String = text, callback/junit/hide_task_arguments("False"), [], ["JUNIT_HIDE_TASK_ARGUMENTS"];
    /// What the names of test cases in `junit` begin with.
    junit_test_case_prefix: String = text, callback/junit/test_case_prefix(""), [], ["JUNIT_TEST_CASE_PREFIX"];
    /// Form of results.
    result_format: ResultFormat = choice(&[("json", ResultFormat::Json), ("yaml", ResultFormat::Yaml)]), callback/default/result_format("json"), ["defaults.result_format", "defaults.callback_result_format"], ["ANSIBLE_CALLBACK_RESULT_FORMAT"];
    /// Colour of what was changed.
    color_changed: String = text, COLOR_CHANGED("yellow"), ["colors.changed"], ["ANSIBLE_COLOR_CHANGED"];
    /// Colour of details.
    color_debug: String = text, COLOR_DEBUG("dark gray"), ["colors.debug"], ["ANSIBLE_COLOR_DEBUG"];
    /// Colour of what will go.
    color_deprecate: String = text, COLOR_DEPRECATE("purple"), ["colors.deprecate"], ["ANSIBLE_COLOR_DEPRECATE"];
    /// Colour of lines that come.
    color_diff_add: String = text, COLOR_DIFF_ADD("green"), ["colors.diff_add"], ["ANSIBLE_COLOR_DIFF_ADD"];
    /// Colour of places of lines.
    color_diff_lines: String = text, COLOR_DIFF_LINES("cyan"), ["colors.diff_lines"], ["ANSIBLE_COLOR_DIFF_LINES"];
    /// Colour of lines that go.
    color_diff_remove: String = text, COLOR_DIFF_REMOVE("red"), ["colors.diff_remove"], ["ANSIBLE_COLOR_DIFF_REMOVE"];
    /// Colour of errors and failures.
    color_error: String = text, COLOR_ERROR("red"), ["colors.error"], ["ANSIBLE_COLOR_ERROR"];
    /// Colour of what was included.
    color_included: String = text, COLOR_INCLUDED("cyan"), ["colors.included"], ["ANSIBLE_COLOR_INCLUDED"];
    /// Colour of what is as it should be.
    color_ok: String = text, COLOR_OK("green"), ["colors.ok"], ["ANSIBLE_COLOR_OK"];
    /// Colour of what was skipped.
    color_skip: String = text, COLOR_SKIP("cyan"), ["colors.skip"], ["ANSIBLE_COLOR_SKIP"];
    /// Colour of hosts that cannot be reached.
    color_unreachable: String = text, COLOR_UNREACHABLE("bright red"), ["colors.unreachable"], ["ANSIBLE_COLOR_UNREACHABLE"];
    /// Colour of what `-v` shows.
    color_verbose: String = text, COLOR_VERBOSE("blue"), ["colors.verbose"], ["ANSIBLE_COLOR_VERBOSE"];
    /// Colour of warnings.
    color_warn: String = text, COLOR_WARN("bright purple"), ["colors.warn"], ["ANSIBLE_COLOR_WARN"];
    /// Runs of handlers that no task asks for are shown.
    debug: bool = boolean, DEFAULT_DEBUG(false), ["defaults.debug"], ["ANSIBLE_DEBUG"];
    /// Skipped hosts are shown.
    display_skipped_hosts: bool = boolean, DISPLAY_SKIPPED_HOSTS(true), ["defaults.display_skipped_hosts"], ["DISPLAY_SKIPPED_HOSTS", "ANSIBLE_DISPLAY_SKIPPED_HOSTS"];
    /// Hosts that are as they should be are shown.
    display_ok_hosts: bool = boolean, callback/default/display_ok_hosts(true), ["defaults.display_ok_hosts"], ["ANSIBLE_DISPLAY_OK_HOSTS"];
    /// Tasks are shown with their arguments.
    display_args_to_stdout: bool = boolean, DISPLAY_ARGS_TO_STDOUT(false), ["defaults.display_args_to_stdout"], ["ANSIBLE_DISPLAY_ARGS_TO_STDOUT"];
    /// Custom statistics are shown.
    show_custom_stats: bool = boolean, SHOW_CUSTOM_STATS(false), ["defaults.show_custom_stats"], ["ANSIBLE_SHOW_CUSTOM_STATS"];
    /// Failures are shown on stderr.
    display_failed_stderr: bool = boolean, callback/default/display_failed_stderr(false), ["defaults.display_failed_stderr"], ["ANSIBLE_DISPLAY_FAILED_STDERR"];
    /// Headings say that a run only looks.
    check_mode_markers: bool = boolean, callback/default/check_mode_markers(false), ["defaults.check_mode_markers"], ["ANSIBLE_CHECK_MODE_MARKERS"];
    /// A failure is shown with its task's place.
    show_task_path_on_failure: bool = boolean, callback/default/show_task_path_on_failure(false), ["defaults.show_task_path_on_failure"], ["ANSIBLE_SHOW_TASK_PATH_ON_FAILURE"];
    /// The beginning of a task on a host is shown.
    show_per_host_start: bool = boolean, callback/default/show_per_host_start(false), ["defaults.show_per_host_start"], ["ANSIBLE_SHOW_PER_HOST_START"];
    /// Columns that a level of `json` and `jsonl` is indented by.
    json_indent: i64 = number, callback/json/json_indent(null), ["defaults.json_indent"], ["ANSIBLE_JSON_INDENT"];
    /// Results are indented.
    pretty_results: bool = boolean, callback/default/pretty_results(null), ["defaults.callback_format_pretty"], ["ANSIBLE_CALLBACK_FORMAT_PRETTY"];
    /// Single tasks too are shown in the form of `stdout_callback`.
    bin_ansible_callbacks: bool = boolean, DEFAULT_LOAD_CALLBACK_PLUGINS(false), ["defaults.bin_ansible_callbacks"], ["ANSIBLE_LOAD_CALLBACK_PLUGINS"];
    /// An inventory without hosts is warned of.
    localhost_warning: bool = boolean, LOCALHOST_WARNING(true), ["defaults.localhost_warning"], ["ANSIBLE_LOCALHOST_WARNING"];
    /// That no inventory was read is warned of.
    inventory_unparsed_warning: bool = boolean, INVENTORY_UNPARSED_WARNING(true), ["inventory.inventory_unparsed_warning"], ["ANSIBLE_INVENTORY_UNPARSED_WARNING"];
    /// `--diff` always.
    diff_always: bool = boolean, DIFF_ALWAYS(false), ["diff.always"], ["ANSIBLE_DIFF_ALWAYS"];
    /// Unchanged lines around a difference.
    diff_context: usize = number, DIFF_CONTEXT(3), ["diff.context"], ["ANSIBLE_DIFF_CONTEXT"];
    /// Bytes; larger files' differences are not shown.
    max_diff_size: u64 = number, MAX_FILE_SIZE_FOR_DIFF(104448), ["defaults.max_diff_size"], ["ANSIBLE_MAX_DIFF_SIZE"];
    /// No task shows its arguments or results.
    no_log: bool = boolean, DEFAULT_NO_LOG(false), ["defaults.no_log"], ["ANSIBLE_NO_LOG"];
    /// Colours even where the output is no terminal.
    force_color: bool = boolean, ANSIBLE_FORCE_COLOR(false), ["defaults.force_color"], ["ANSIBLE_FORCE_COLOR"];
    /// No colours.
    nocolor: bool = switch, ANSIBLE_NOCOLOR(false), ["defaults.nocolor"], ["ANSIBLE_NOCOLOR", "NO_COLOR"];
    /// As many `-v`.
    verbosity: u8 = number, DEFAULT_VERBOSITY(0), ["defaults.verbosity"], ["ANSIBLE_VERBOSITY"];
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
        warnings.extend(python_plugins(&sources)?);
        let unknown =
            |entry: &&ini::Entry| !IN_FILE.contains(&entry.name.as_str()) && judge(&entry.name) == Verdict::Unknown;
        config.unknown = entries.iter().filter(unknown).map(|entry| entry.name.clone()).collect();
        config.file = file;
        config.warnings = warnings;
        Ok(config)
    }
}

/// A warning for each setting that names directories with plug-ins in Python.
fn python_plugins(sources: &Sources<'_>) -> Result<Vec<Diagnostic>, Diagnostic> {
    let mut warnings = Vec::new();
    for name in PLUGINS {
        let short = name.trim_start_matches("defaults.");
        let variable = format!("ANSIBLE_{}", short.to_uppercase());
        let set = sources.find(&[name], &[&variable], search_path)?;
        if let Some(path) = set.get().and_then(|directories| python_plugin(directories)) {
            let message = format!("`{short}`: {} is a plug-in in Python, which is not run", path.display());
            let warning = Diagnostic::warning(message);
            warnings.push(match set.origin() {
                Some(Origin::File(span)) => warning.at(span),
                _ => warning.help(format!("it is set by {variable} in the environment")),
            });
        }
    }
    Ok(warnings)
}

/// One warning for all settings in the file that change nothing but were meant to.
fn without_effect(entries: &[ini::Entry]) -> Option<Diagnostic> {
    let mut odd = entries
        .iter()
        .filter(|entry| !IN_FILE.contains(&entry.name.as_str()))
        .map(|entry| (entry, judge(&entry.name)))
        .filter(|(_, verdict)| *verdict != Verdict::Silent);
    let (first, verdict) = odd.next()?;
    let describe = |entry: &ini::Entry, verdict| match verdict {
        Verdict::Unsupported => format!("`{}` is not supported", entry.name),
        _ => match crate::text::nearest(&entry.name, IN_FILE.iter().copied()) {
            Some(near) => format!("`{}` is unknown, did you mean `{near}`?", entry.name),
            None => format!("`{}` is unknown", entry.name),
        },
    };
    let warning = Diagnostic::warning(format!("settings without effect: {}", describe(first, verdict))).at(&first.span);
    Some(odd.fold(warning, |warning, (entry, verdict)| warning.related(&entry.span, describe(entry, verdict))))
}
