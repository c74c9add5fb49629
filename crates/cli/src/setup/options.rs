//! Settings of the configuration and options of the command line as what a run is told.

use super::{Base, passwords};
use crate::args::{BecomeArgs, ConnectionArgs, RunOptionsArgs};
use crate::ask;
use crate::exit::Failure;
use crate::report::ansible::Callback;
use hostler_core::config::{self, Config, Origin, Setting};
use hostler_core::connection::HostKeyChecking;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::{Gathering, RunMode, RunOptions};
use hostler_core::inventory::{GroupSource, is_own_vars_plugin};
use hostler_core::secret::Secret;
use hostler_core::vars::{CacheForm, FactCache};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What only some commands have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Overrides<'a> {
    /// A plan, whatever `--check` says.
    pub plan: bool,
    /// `--tags`.
    pub tags: &'a [String],
    /// `--skip-tags`.
    pub skip_tags: &'a [String],
    /// `--start-at-task`.
    pub start_at_task: Option<&'a str>,
    /// `--step`.
    pub step: bool,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// `--accept-new`.
    pub accept_new: bool,
    /// Nothing will be connected: nobody is asked for passwords.
    pub offline: bool,
}

pub(super) fn of(base: &Base, args: &RunOptionsArgs, overrides: Overrides<'_>) -> Result<RunOptions, Failure> {
    let config = &base.config;
    let default = RunOptions::default();
    let listed = |given: &[String], set: &Setting<Vec<String>>| {
        if given.is_empty() { set.get().cloned().unwrap_or_default() } else { given.to_vec() }
    };
    let (login, escalation) =
        if overrides.offline { (None, None) } else { passwords(&args.connection, &args.become_, config)? };
    for secret in login.iter().chain(&escalation) {
        base.redactor.add(secret.expose());
    }
    let ConnectionArgs { user, connection, timeout, private_key, .. } = &args.connection;
    let BecomeArgs { become_, become_user, become_method, .. } = &args.become_;
    Ok(RunOptions {
        mode: match () {
            () if overrides.plan => RunMode::Plan,
            () if args.check && base.voice.ansible => RunMode::Check,
            () if args.check => RunMode::Plan,
            () => RunMode::Apply,
        },
        diff: overrides.plan || args.diff || config.diff_always.or(false),
        max_diff_size: config.max_diff_size.get().copied(),
        forks: args.forks.or(config.forks.get().copied()).unwrap_or(default.forks).max(1),
        tags: listed(overrides.tags, &config.tags_run),
        skip_tags: listed(overrides.skip_tags, &config.tags_skip),
        limit: args.sources.limit.clone(),
        start_at_task: overrides.start_at_task.map(str::to_owned),
        step: overrides.step,
        debugger: config.enable_task_debugger.or(false),
        debugger_ignores_errors: config.task_debugger_ignore_errors.or(true),
        extra_vars: Arc::clone(&base.extra_vars),
        verbosity: base.verbosity,
        force_handlers: overrides.force_handlers || config.force_handlers.or(false),
        any_errors_fatal: config.any_errors_fatal.or(false),
        strategy: config.strategy.get().cloned(),
        error_on_missing_handler: config.error_on_missing_handler.or(true),
        gathering: match config.gathering.get() {
            Some(config::Gathering::Explicit) => Gathering::Explicit,
            Some(config::Gathering::Smart) => Gathering::Smart,
            Some(config::Gathering::Implicit) | None => Gathering::Implicit,
        },
        facts_modules: config.facts_modules.or(default.facts_modules),
        connection_plugins: config.connection_plugins.get().cloned().unwrap_or_default(),
        connection: connection.clone().or_else(|| config.transport.get().cloned()),
        remote_user: user.clone().or_else(|| config.remote_user.get().cloned()),
        private_key_file: private_key.clone().or_else(|| config.private_key_file.get().cloned()),
        remote_port: config.remote_port.get().copied(),
        connection_password: login,
        ssh_args: ssh_args(&args.connection, config)?,
        executable: config.executable.get().filter(|shell| !shell.trim().is_empty()).cloned(),
        ssh_executable: config.ssh_executable.get().map(PathBuf::from),
        host_key_checking: match config.host_key_checking.or(true) {
            false => HostKeyChecking::Off,
            true if overrides.accept_new => HostKeyChecking::AcceptNew,
            true => HostKeyChecking::Strict,
        },
        timeout: timeout.or(config.timeout.get().copied()).map_or(default.timeout, Duration::from_secs),
        retries: config.ssh_retries.or(default.retries),
        // 0 is no limit, as for Ansible.
        task_timeout: config.task_timeout.get().filter(|seconds| **seconds > 0).map(|seconds| *seconds as f64),
        poll_interval: config.poll_interval.get().map_or(default.poll_interval, |seconds| *seconds as f64),
        become_: *become_ || config.become_.or(false),
        become_method: become_method.clone().unwrap_or_else(|| config.become_method.or(default.become_method)),
        become_user: become_user.clone().or_else(|| config.become_user.get().cloned()),
        become_exe: config.become_exe.get().cloned(),
        become_flags: config.become_flags.get().cloned(),
        become_password: escalation,
        become_allow_same_user: config.become_allow_same_user.or(false),
        no_log: config.no_log.or(false),
        hide_private_answers: !base.voice.ansible,
        inject_facts: config.inject_facts_as_vars.or(true),
        merge_hashes: config.hash_behaviour.get() == Some(&hostler_core::vars::combine::HashBehaviour::Merge),
        vars_root: config.playbook_vars_root.or(default.vars_root),
        fact_cache: fact_cache(base, args.flush_cache)?,
        config_file: config.file.clone(),
        ..default
    })
}

/// What files of facts are written in; `None` where facts are not kept in files.
fn cache_form(kind: &str) -> Option<CacheForm> {
    match kind {
        "jsonfile" | "ansible.builtin.jsonfile" | "ansible.legacy.jsonfile" => Some(CacheForm::Json),
        "yaml" | "community.general.yaml" | "ansible.builtin.yaml" => Some(CacheForm::Yaml),
        _ => None,
    }
}

fn is_memory(kind: &str) -> bool {
    matches!(kind, "memory" | "ansible.builtin.memory" | "ansible.legacy.memory")
}

/// Where facts are kept between runs, if they are. `flush` forgets those of this inventory.
fn fact_cache(base: &Base, flush: bool) -> Result<Option<FactCache>, Failure> {
    let config = &base.config;
    let Some(form) = config.fact_caching.get().and_then(|kind| cache_form(kind)) else { return Ok(None) };
    let Some(dir) = config.fact_caching_connection.get() else {
        let message =
            "facts are to be kept in files (`fact_caching`), but `fact_caching_connection` names no directory";
        return Err(Failure::Usage(message.to_owned()));
    };
    let dir = match (dir.strip_prefix("~/"), &base.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.cwd.join(dir),
    };
    let seconds = config.fact_caching_timeout.get().copied().unwrap_or(86_400);
    let timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
    let prefix = config.fact_caching_prefix.get().cloned().unwrap_or_default();
    let cache = FactCache { form, dir, prefix, timeout };
    if flush {
        base.inventory()?.hosts().iter().for_each(|host| cache.remove(host));
    }
    Ok(Some(cache))
}

/// The passwords to log in with and to become another user with.
fn passwords(
    connection: &ConnectionArgs,
    become_: &BecomeArgs,
    config: &Config,
) -> anyhow::Result<(Option<Secret>, Option<Secret>)> {
    let login_file = connection.connection_password_file.as_ref().or(config.connection_password_file.get());
    let login = match login_file {
        Some(path) if !connection.ask_pass => Some(passwords::of_file(path)?),
        _ if connection.ask_pass || config.ask_pass.or(false) => Some(ask::password("SSH password: ")?),
        _ => None,
    };
    let become_file = become_.become_password_file.as_ref().or(config.become_password_file.get());
    let escalation = match become_file {
        Some(path) if !become_.ask_become_pass => Some(passwords::of_file(path)?),
        _ if become_.ask_become_pass || config.become_ask_pass.or(false) => {
            let same = if login.is_some() { " [the SSH password]" } else { "" };
            let answer = ask::password(&format!("BECOME password{same}: "))?;
            if answer.expose().is_empty() { login.clone() } else { Some(answer) }
        }
        _ => None,
    };
    Ok((login, escalation))
}

fn ssh_args(args: &ConnectionArgs, config: &Config) -> Result<Vec<String>, Failure> {
    let parts = [
        ("ssh_args", config.ssh_args.get()),
        ("--ssh-common-args", args.ssh_common_args.as_ref().or(config.ssh_common_args.get())),
        ("--ssh-extra-args", args.ssh_extra_args.as_ref().or(config.ssh_extra_args.get())),
    ];
    let mut all = Vec::new();
    for (name, text) in parts {
        let Some(text) = text else { continue };
        let words = shlex::split(text);
        all.extend(words.ok_or_else(|| Failure::Usage(format!("`{text}` of {name} has an open quote")))?);
    }
    Ok(all)
}

/// Jinja's extensions that are always on, or were taken into the language, or have nothing that a template could use
/// without more: `i18n` has no translations.
const EXTENSIONS: [&str; 5] =
    ["jinja2.ext.do", "jinja2.ext.loopcontrols", "jinja2.ext.i18n", "jinja2.ext.with_", "jinja2.ext.autoescape"];

/// Refuses what a setting asks for and nobody can give.
pub(super) fn check(config: &Config) -> Result<(), Diagnostic> {
    let mut plugins = config.vars_plugins_enabled.get().into_iter().flatten();
    if let Some(odd) = plugins.find(|name| !is_own_vars_plugin(name)) {
        let error = Diagnostic::error(format!("the vars plug-in `{odd}` (`vars_plugins_enabled`) is not built"));
        return Err(at(error, config.vars_plugins_enabled.origin()));
    }
    let mut extensions = config.jinja2_extensions.get().into_iter().flatten();
    let Some(odd) = extensions.find(|name| !EXTENSIONS.contains(&name.as_str())) else { return Ok(()) };
    let error = Diagnostic::error(format!("the Jinja extension `{odd}` (`jinja2_extensions`) is not built"));
    Err(at(error, config.jinja2_extensions.origin()))
}

/// Settings that are read but change nothing: saying nothing would be worse.
pub(super) fn without_effect(config: &Config, ansible: bool) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    // Ansible's command refuses one that is not built.
    let callback = unless(&config.stdout_callback, |name| ansible || Callback::named(name).is_some());
    if callback.is_some() {
        let warning = Diagnostic::warning("the setting `stdout_callback` has no effect here");
        found.push(at(warning, callback));
    }
    let cache = unless(&config.fact_caching, |kind| is_memory(kind) || cache_form(kind).is_some());
    if let (Some(kind), Some(origin)) = (config.fact_caching.get(), cache) {
        let warning = Diagnostic::warning(format!("Unable to load the cache plugin '{kind}'."));
        found.push(at(warning, Some(origin)).help("facts can be kept by `jsonfile` and `yaml`"));
    }
    for odd in config.precedence.get().into_iter().flatten().filter(|name| GroupSource::named(name).is_none()) {
        let warning = Diagnostic::warning(format!("Ignoring unknown variable precedence entry: {odd}"));
        found.push(at(warning, config.precedence.origin()));
    }
    let undefined = unless(&config.error_on_undefined_vars, |on| *on);
    if undefined.is_some() {
        let warning =
            Diagnostic::warning("the setting `error_on_undefined_vars` has no effect any more, as in Ansible");
        found.push(
            at(warning, undefined).help("what is undefined always fails: `default` and `is defined` are for that"),
        );
    }
    found
}

/// A diagnostic at the place where a setting is set.
fn at(diagnostic: Diagnostic, origin: Option<&Origin>) -> Diagnostic {
    match origin {
        Some(Origin::File(span)) => diagnostic.at(span),
        Some(Origin::Environment(variable)) => diagnostic.help(format!("it is set by {variable} in the environment")),
        None => diagnostic,
    }
}

/// Where a setting is set, unless it says what is done anyway.
fn unless<T>(setting: &Setting<T>, harmless: impl Fn(&T) -> bool) -> Option<&Origin> {
    setting.get().filter(|value| !harmless(value)).and(setting.origin())
}
