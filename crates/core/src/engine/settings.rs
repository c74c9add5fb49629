//! How one task runs on one host: connection, become, environment, mode, decided from variables, keywords and options.

use super::{RunMode, RunOptions};
use crate::connection::{Become, ConnectionError, ConnectionKind, HostKeyChecking, Target};
use crate::module::Mode;
use crate::playbook::{Keywords, Scope, Spanned};
use crate::plugins::Plugins;
use crate::secret::Secret;
use crate::system::local_files;
use crate::template::{Templar, TemplateError};
use crate::value::{Map, Value, parse_bool};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What cannot be evaluated, and what was being done then.
type Result<T> = std::result::Result<T, (TemplateError, String)>;

fn processing(error: TemplateError, keyword: &str) -> (TemplateError, String) {
    (error, format!("Error processing keyword '{keyword}': "))
}

/// Everything decided for one task on one host.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The host that does it, as the inventory calls it.
    pub(super) reached: Arc<str>,
    pub(super) mode: Mode,
    /// The task only looks, by its own word, in a run that acts or plans.
    pub(super) only_checks: bool,
    pub(super) diff: bool,
    pub(super) no_log: bool,
    pub(super) ignore_errors: bool,
    pub(super) ignore_unreachable: bool,
    pub(super) timeout: Option<f64>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) target: Target,
    pub(super) become_: Option<Become>,
}

/// Reads keywords and connection variables for a task.
pub(super) struct Resolver<'a> {
    /// Knows what connections of collections have become.
    pub(super) plugins: &'a Plugins,
    pub(super) options: &'a RunOptions,
    pub(super) scope: &'a Scope,
    /// The task's variables.
    pub(super) templar: &'a Templar,
    /// The variables of the host that is connected to, where the task is delegated.
    pub(super) connection: &'a Templar,
    /// Directory of the playbook, where this machine's programs run.
    pub(super) directory: &'a Path,
    /// Name of that host.
    pub(super) host: &'a Arc<str>,
    /// The task gathers facts.
    pub(super) gathers: bool,
    /// It is not in the inventory and means this machine.
    pub(super) implicit_local: bool,
}

impl Resolver<'_> {
    pub(super) fn settings(&self) -> Result<Settings> {
        let check_mode = self.flag("check_mode", |keywords| &keywords.check_mode)?;
        let mode = match (self.options.mode, check_mode) {
            (_, Some(false)) | (RunMode::Apply, None) => Mode::Apply,
            (RunMode::Apply, Some(true)) | (RunMode::Check, _) => Mode::Check,
            (RunMode::Plan, None) => Mode::Simulate,
            (RunMode::Plan, Some(true)) => Mode::Foresee,
        };
        let plan = self.options.mode == RunMode::Plan;
        Ok(Settings {
            reached: Arc::clone(self.host),
            mode,
            only_checks: check_mode == Some(true) && self.options.mode != RunMode::Check,
            diff: self.flag("diff", |keywords| &keywords.diff)?.unwrap_or(self.options.diff || plan),
            no_log: self.flag("no_log", |keywords| &keywords.no_log)?.unwrap_or(self.options.no_log),
            ignore_errors: self.flag("ignore_errors", |keywords| &keywords.ignore_errors)?.unwrap_or(false),
            ignore_unreachable: self
                .flag("ignore_unreachable", |keywords| &keywords.ignore_unreachable)?
                .unwrap_or(false),
            timeout: self.timeout()?.filter(|seconds| *seconds > 0.0),
            environment: self.environment()?,
            target: self.target()?,
            become_: self.become_()?,
        })
    }

    /// A keyword's value, evaluated.
    pub(super) fn keyword(
        &self,
        name: &str,
        keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>,
    ) -> Result<Option<Value>> {
        for written in self.scope.levels().filter_map(|level| keyword(&level.keywords).as_ref()) {
            let value = self.templar.resolve(&written.value).map_err(|error| processing(error, name))?;
            // Left out here, it is what it is around.
            if value != Value::Omit {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    pub(super) fn flag(
        &self,
        name: &str,
        keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>,
    ) -> Result<Option<bool>> {
        match self.keyword(name, keyword)?.filter(|value| *value != Value::Null) {
            None => Ok(None),
            Some(value) if value.as_bool().is_some() => Ok(value.as_bool()),
            Some(value) => {
                let message = format!("The value '{}' could not be converted to 'bool'.", Templar::text_of(&value));
                Err(processing(TemplateError::new(message, None), name))
            }
        }
    }

    /// Seconds that the task may take.
    fn timeout(&self) -> Result<Option<f64>> {
        const LARGEST: f64 = 100_000_000.0;
        let timeout = self.number("timeout", |keywords| &keywords.timeout)?.or(self.options.task_timeout);
        match timeout.filter(|seconds| !(0.0..=LARGEST).contains(seconds)) {
            Some(seconds) => {
                let message = format!("Timeout {seconds} is invalid, it must be between 0 and {LARGEST}.");
                Err((TemplateError::new(message, None), String::new()))
            }
            None => Ok(timeout),
        }
    }

    fn number(&self, name: &str, keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>) -> Result<Option<f64>> {
        Ok(self.keyword(name, keyword)?.and_then(|value| match value {
            Value::Int(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            Value::Str(text) => text.trim().parse().ok(),
            _ => None,
        }))
    }

    fn text(&self, name: &str, keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>) -> Result<Option<String>> {
        Ok(self.keyword(name, keyword)?.filter(|value| *value != Value::Null).map(|value| Templar::text_of(&value)))
    }

    /// The first of these variables that the connected host has.
    fn variable(&self, names: &[&str]) -> Result<Option<Value>> {
        for name in names {
            if let Some(value) = self.connection.variable(name).map_err(plainly)?
                && !matches!(value, Value::Null | Value::Omit)
            {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn variable_text(&self, names: &[&str]) -> Result<Option<String>> {
        Ok(self.variable(names)?.map(|value| Templar::text_of(&value)))
    }

    fn variable_secret(&self, names: &[&str]) -> Result<Option<Secret>> {
        Ok(self.variable_text(names)?.map(Secret::new))
    }

    /// Outer levels first, so that inner ones replace by name.
    fn environment(&self) -> Result<BTreeMap<String, String>> {
        let mut environment = BTreeMap::new();
        let mut levels: Vec<&Spanned<Value>> =
            self.scope.levels().filter_map(|level| level.keywords.environment.as_ref()).collect();
        levels.reverse();
        for written in levels {
            let value = match self.resolve_environment(&written.value) {
                // Facts are gathered in the environment that is made of them.
                Err(error) if self.gathers && error.undefined.is_some() => continue,
                value => value.map_err(|error| processing(error, "environment"))?,
            };
            let maps: Vec<&Value> = match &value {
                Value::List(items) => items.iter().collect(),
                other => vec![other],
            };
            for map in maps.into_iter().filter_map(Value::as_map) {
                environment.extend(map.iter().map(|(key, value)| (key.to_string(), Templar::text_of(value))));
            }
        }
        Ok(environment)
    }

    /// A mapping's values one by one, so that one of them can be left out while facts are gathered.
    fn resolve_environment(&self, written: &Value) -> std::result::Result<Value, TemplateError> {
        let Value::Map(map) = written else { return self.templar.resolve(written) };
        let mut resolved = Map::default();
        for (name, value) in map.iter() {
            match self.templar.resolve(value) {
                Err(error) if self.gathers && error.undefined.is_some() => {}
                Ok(Value::Omit) => {}
                value => {
                    resolved.insert(name.clone(), value?);
                }
            }
        }
        Ok(resolved.into())
    }

    fn target(&self) -> Result<Target> {
        let options = self.options;
        let default = if self.implicit_local { Some("local".to_owned()) } else { None };
        let connection = match self.variable_text(&["ansible_connection"])? {
            Some(connection) => Some(connection),
            None => default
                .or(self.text("connection", |keywords| &keywords.connection)?)
                .or_else(|| options.connection.clone()),
        };
        let connection = self.plugins.connection(connection.as_deref().unwrap_or("ssh"));
        let connection = &*connection;
        let out_of_reach = self.out_of_reach(connection);
        let kind = if out_of_reach.is_some() { ConnectionKind::default() } else { self.kind(connection)? };
        // As in Ansible, the older names win where both are set.
        let address = self.variable_text(&["ansible_ssh_host", "ansible_host"])?;
        let port = match self.variable_text(&["ansible_ssh_port", "ansible_port"])? {
            Some(port) => Some(port),
            None => self
                .text("port", |keywords| &keywords.port)?
                .or_else(|| options.remote_port.map(|port| port.to_string())),
        };
        let user = match self.variable_text(&["ansible_ssh_user", "ansible_user"])? {
            Some(user) => Some(user),
            None => self.text("remote_user", |keywords| &keywords.remote_user)?.or_else(|| options.remote_user.clone()),
        };
        let mut ssh_args = match self.variable_text(&["ansible_ssh_args"])? {
            Some(args) => split_args(&args),
            None => options.ssh_args.clone(),
        };
        for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            ssh_args.extend(self.variable_text(&[name])?.iter().flat_map(|args| split_args(args)));
        }
        let key = self.variable_text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?;
        let checking = self.variable(&["ansible_ssh_host_key_checking", "ansible_host_key_checking"])?;
        let timeout = self.variable_text(&["ansible_ssh_timeout", "ansible_timeout"])?;
        Ok(Target {
            name: self.host.to_string(),
            out_of_reach,
            directory: (kind == ConnectionKind::Local).then(|| local_files::absolute(self.directory)),
            kind,
            address: address.unwrap_or_else(|| self.host.to_string()),
            port: port.and_then(|port| port.trim().parse().ok()),
            user,
            password: self
                .variable_secret(&["ansible_ssh_password", "ansible_ssh_pass", "ansible_password"])?
                .or_else(|| options.connection_password.clone()),
            private_key: key.map(|key| self.expand(&key)).or_else(|| options.private_key_file.clone()),
            private_key_passphrase: self
                .variable_secret(&["ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase"])?,
            ssh_args,
            ssh_executable: self
                .variable_text(&["ansible_ssh_executable"])?
                .map(PathBuf::from)
                .or_else(|| options.ssh_executable.clone()),
            host_key_checking: match checking.and_then(|value| value.as_bool()) {
                Some(false) => HostKeyChecking::Off,
                _ => options.host_key_checking,
            },
            timeout: Some(
                timeout.and_then(|text| text.trim().parse().ok()).map_or(options.timeout, Duration::from_secs_f64),
            ),
            retries: match self.variable_text(&["ansible_ssh_retries"])? {
                Some(text) => text.trim().parse().unwrap_or(options.retries),
                None => options.retries,
            },
            helper_dir: self.variable_text(&["ansible_remote_tmp"])?.or_else(|| options.remote_tmp.clone()),
            shell: self.variable_text(&["ansible_shell_executable"])?.or_else(|| options.executable.clone()),
        })
    }

    /// Why a host with this connection is out of reach: by a plug-in in Python, or one for other systems.
    fn out_of_reach(&self, name: &str) -> Option<ConnectionError> {
        let name = crate::module::short_name(name);
        if matches!(name, "winrm" | "psrp") {
            return Some(ConnectionError::Failed(format!("the connection plugin '{name}' is not built in")));
        }
        let paths = self.options.connection_plugins.iter().map(|dir| dir.join(format!("{name}.py")));
        let path = paths.into_iter().find(|path| local_files::is_file(path))?;
        let why = "is made for Ansible's Python library, which is not used";
        Some(ConnectionError::Unreachable(format!("connection plug-in '{name}' ({}) {why}", path.display())))
    }

    fn kind(&self, name: &str) -> Result<ConnectionKind> {
        match crate::module::short_name(name) {
            "ssh" | "smart" | "paramiko" | "paramiko_ssh" => Ok(ConnectionKind::Ssh),
            "libssh2" => Ok(ConnectionKind::Libssh2),
            "openssh" => Ok(ConnectionKind::OpenSsh),
            "local" => Ok(ConnectionKind::Local),
            other => {
                let known = "ssh, openssh, libssh2 and local are there";
                let message = format!("the connection plugin '{other}' was not found: {known}, for host {}", self.host);
                Err(plainly(TemplateError::new(message, None)))
            }
        }
    }

    fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.options.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }

    fn become_(&self) -> Result<Option<Become>> {
        let options = self.options;
        let wanted = match self.variable(&["ansible_become", "ansible_sudo", "ansible_su"])? {
            Some(value) => value.as_bool().unwrap_or(false),
            None => self.flag("become", |keywords| &keywords.become_)?.unwrap_or(options.become_),
        };
        if !wanted {
            return Ok(None);
        }
        let method = match self.variable_text(&["ansible_become_method"])? {
            Some(method) => method,
            None => self
                .text("become_method", |keywords| &keywords.become_method)?
                .unwrap_or_else(|| options.become_method.clone()),
        };
        let user = match self.variable_text(&["ansible_become_user", "ansible_sudo_user"])? {
            Some(user) => Some(user),
            None => self.text("become_user", |keywords| &keywords.become_user)?.or_else(|| options.become_user.clone()),
        };
        let flags = match self.variable_text(&["ansible_become_flags", "ansible_sudo_flags"])? {
            Some(flags) => Some(flags),
            None => {
                self.text("become_flags", |keywords| &keywords.become_flags)?.or_else(|| options.become_flags.clone())
            }
        };
        let executable = match self.variable_text(&["ansible_become_exe", "ansible_sudo_exe"])? {
            Some(executable) => Some(executable),
            None => self.text("become_exe", |keywords| &keywords.become_exe)?.or_else(|| options.become_exe.clone()),
        };
        let password = self.variable_secret(&[
            "ansible_become_password",
            "ansible_become_pass",
            "ansible_sudo_pass",
            "ansible_sudo_password",
        ])?;
        Ok(Some(Become {
            method,
            user: user.filter(|user| !user.is_empty()).unwrap_or_else(|| "root".to_owned()),
            flags,
            executable,
            password: password.or_else(|| options.become_password.clone()),
            even_same_user: options.become_allow_same_user,
            directory: self.variable_text(&["ansible_sudo_chdir"])?,
        }))
    }
}

fn plainly(error: TemplateError) -> (TemplateError, String) {
    (error, String::new())
}

/// Shell-like splitting; text with unbalanced quotes is split at spaces.
fn split_args(text: &str) -> Vec<String> {
    shlex::split(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect())
}

/// Loose booleans in places that are not keywords.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Str(text) => parse_bool(text).unwrap_or(false),
        other => other.as_bool().unwrap_or(false),
    }
}
