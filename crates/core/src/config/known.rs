//! Settings of Ansible's that change nothing here, and those that would but are not supported.

use crate::system::local_files;
use std::path::PathBuf;

/// Accepted in silence: they tune machinery that is not here (Python, forks of ssh, cows) or only how things look.
/// A name that ends with a dot stands for the whole section.
const WITHOUT_EFFECT: &[&str] = &[
    "colors.console_prompt",
    "colors.doc_constant",
    "colors.doc_deprecated",
    "colors.doc_link",
    "colors.doc_module",
    "colors.doc_plugin",
    "colors.doc_reference",
    "colors.highlight",
    "galaxy.",
    "netconf_connection.",
    "paramiko_connection.",
    "persistent_connection.",
    "selinux.",
    "accelerate.",
    "connection.pipelining",
    "defaults.action_warnings",
    "defaults.agnostic_become_prompt",
    "defaults.allow_embedded_templates",
    "defaults.allow_world_readable_tmpfiles",
    "defaults.collections_on_ansible_version_mismatch",
    "defaults.collections_scan_sys_path",
    "defaults.command_warnings",
    "defaults.cow_selection",
    "defaults.cowpath",
    "defaults.cowsay_enabled_stencils",
    "defaults.devel_warning",
    "defaults.display_traceback",
    "defaults.docsite_root_url",
    "defaults.interpreter_python",
    "defaults.internal_poll_interval",
    "defaults.jinja2_native",
    "defaults.keep_remote_files",
    "defaults.local_tmp",
    "defaults.log_filter",
    "defaults.log_verbosity",
    "defaults.module_compression",
    "defaults.module_lang",
    "defaults.module_set_locale",
    "defaults.module_strict_utf8_response",
    "defaults.no_target_syslog",
    "defaults.nocows",
    "defaults.pipelining",
    "defaults.python_module_rlimit_nofile",
    "defaults.remote_tmp",
    "defaults.retry_files_enabled",
    "defaults.retry_files_save_path",
    "defaults.squash_actions",
    "defaults.sudo_flags",
    "defaults.syslog_facility",
    "defaults.system_warnings",
    "defaults.system_tmpdirs",
    "defaults.use_persistent_connections",
    "defaults.verbose_to_stderr",
    "defaults.win_async_startup_timeout",
    "inventory.cache",
    // A source that cannot be read always fails the run.
    "inventory.unparsed_is_failed",
    "privilege_escalation.agnostic_become_prompt",
    "ssh_connection.control_path",
    "ssh_connection.control_path_dir",
    "ssh_connection.pipelining",
    "ssh_connection.scp_if_ssh",
    "ssh_connection.sftp_batch_mode",
    "ssh_connection.ssh_transfer_method",
    "ssh_connection.transfer_method",
    "ssh_connection.usetty",
];

/// Where plug-ins are. Those in Python are not run.
pub(super) const PLUGINS: &[&str] = &[
    "defaults.become_plugins",
    "defaults.cache_plugins",
    "defaults.cliconf_plugins",
    "defaults.doc_fragment_plugins",
    "defaults.httpapi_plugins",
    "defaults.inventory_plugins",
    "defaults.netconf_plugins",
    "defaults.strategy_plugins",
    "defaults.terminal_plugins",
    "defaults.vars_plugins",
];

/// Real settings that a user would miss.
const UNSUPPORTED: &[&str] = &["defaults.plugin_filters_cfg"];

/// The first plug-in in Python in these directories, which are those of a setting in [`PLUGINS`].
pub(super) fn python_plugin(directories: &[PathBuf]) -> Option<PathBuf> {
    let files = directories.iter().filter_map(|dir| local_files::read_dir(dir).ok()).flatten();
    let is_plugin = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "py")
            && path.file_name().is_some_and(|name| name != "__init__.py")
    };
    files.into_iter().find(is_plugin)
}

/// What is to be said about a setting that has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it would change nothing.
    Silent,
    /// It exists, but not here.
    Unsupported,
    /// Nobody knows it.
    Unknown,
}

/// Whether Ansible has a variable of the environment like this, going by the names of its settings.
pub fn is_variable(name: &str) -> bool {
    let key = name.trim_start_matches("ANSIBLE_").to_lowercase();
    let sections = ["color_", "galaxy_", "paramiko_", "persistent_", "netconf_", "selinux_"];
    let known = |listed: &str| listed.rsplit('.').next() == Some(&*key);
    WITHOUT_EFFECT.iter().chain(UNSUPPORTED).chain(PLUGINS).any(|listed| known(listed))
        || sections.iter().any(|section| key.starts_with(section))
        || matches!(key.as_str(), "config" | "force_color")
}

pub(super) fn judge(name: &str) -> Verdict {
    let (section, _) = name.split_once('.').unwrap_or((name, ""));
    let whole_section = WITHOUT_EFFECT.iter().any(|known| known.strip_suffix('.') == Some(section))
        || section.starts_with("galaxy_server.")
        || section.starts_with("callback_");
    if whole_section || WITHOUT_EFFECT.contains(&name) || PLUGINS.contains(&name) {
        Verdict::Silent
    } else if UNSUPPORTED.contains(&name) {
        Verdict::Unsupported
    } else {
        Verdict::Unknown
    }
}
