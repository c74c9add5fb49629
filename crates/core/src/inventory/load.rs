//! Reads sources: which reader fits a file, directories of files, lists of hosts.

use super::model::Inventory;
use super::vars_options::{GroupSource, VarsStage, is_own};
use super::{ini, names, script, toml, yaml};
use crate::config::Config;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::system::local_files;
use crate::vars::combine::HashBehaviour;
use crate::vars::vault::is_encrypted;
use crate::vars::{Decrypt, VaultSecrets};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to do about names of groups that are no variable names (`force_valid_group_names`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupNames {
    /// Leave them, with a warning.
    #[default]
    Never,
    /// Replace the characters, with a warning.
    Always,
    /// Replace the characters.
    Silently,
    /// Leave them.
    Ignore,
}

/// How sources are read.
#[derive(Clone)]
pub struct LoadOptions {
    /// Opens vaults in sources and in `group_vars` and `host_vars`.
    pub vaults: Arc<dyn Decrypt>,
    /// Endings of files that are left out of a directory (`inventory_ignore_extensions`).
    pub ignore_extensions: Vec<String>,
    /// Regular expressions of names that are left out of a directory (`inventory_ignore_patterns`).
    pub ignore_patterns: Vec<String>,
    /// What becomes of a mapping that two sources have.
    pub hash_behaviour: HashBehaviour,
    /// What becomes of odd names of groups.
    pub group_names: GroupNames,
    /// What becomes of keys that a mapping has twice.
    pub duplicate_keys: crate::yaml::DuplicateKeys,
    /// The plug-ins that may read a source (`enable_plugins`).
    pub plugins: Vec<String>,
    /// What a script prints on stderr is shown (`script_stderr`).
    pub script_stderr: bool,
    /// What becomes of a pattern that matches nothing.
    pub pattern_mismatch: HostPatternMismatch,
    /// A file in a directory that cannot be read is an error, not just warned of.
    pub any_unparsed_is_failed: bool,
    /// Where groups' variables come from, the last one wins.
    pub precedence: Vec<GroupSource>,
    /// When files of variables are read.
    pub vars_stage: VarsStage,
    /// `group_vars` and `host_vars` count.
    pub vars_files: bool,
    /// Endings of YAML files, in the order they are tried.
    pub yaml_extensions: Vec<String>,
    /// Nothing is done on the hosts: a source that cannot be read is only warned of.
    pub only_shown: bool,
}

/// What becomes of a host pattern that matches nothing (`host_pattern_mismatch`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostPatternMismatch {
    /// It is warned of.
    #[default]
    Warning,
    /// It is an error.
    Error,
    /// Nothing.
    Ignore,
}

impl LoadOptions {
    /// What a configuration says, with the passwords of the run.
    pub fn from_config(config: &Config, vaults: Arc<dyn Decrypt>) -> Self {
        let default = Self::default();
        Self {
            vaults,
            ignore_extensions: config.inventory_ignore_extensions.or(default.ignore_extensions),
            ignore_patterns: config.inventory_ignore_patterns.or(default.ignore_patterns),
            hash_behaviour: config.hash_behaviour.or(default.hash_behaviour),
            group_names: config.force_valid_group_names.or(default.group_names),
            duplicate_keys: config.duplicate_dict_key.or(default.duplicate_keys),
            plugins: config.inventory_plugins.or(default.plugins),
            script_stderr: config.inventory_script_stderr.or(default.script_stderr),
            pattern_mismatch: config.host_pattern_mismatch.or(default.pattern_mismatch),
            any_unparsed_is_failed: config.inventory_any_unparsed_is_failed.or(default.any_unparsed_is_failed),
            precedence: match config.precedence.get() {
                Some(names) => names.iter().filter_map(|name| GroupSource::named(name)).collect(),
                None => default.precedence,
            },
            vars_stage: config.run_vars_plugins.or(default.vars_stage),
            vars_files: config.vars_plugins_enabled.get().is_none_or(|names| names.iter().any(|name| is_own(name))),
            yaml_extensions: config.yaml_valid_extensions.or(default.yaml_extensions),
            only_shown: default.only_shown,
        }
    }
}

impl Default for LoadOptions {
    /// Ansible's defaults, without vault passwords.
    fn default() -> Self {
        let extensions =
            [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
        Self {
            vaults: Arc::new(VaultSecrets::default()),
            ignore_extensions: extensions.map(String::from).to_vec(),
            ignore_patterns: Vec::new(),
            hash_behaviour: HashBehaviour::default(),
            group_names: GroupNames::default(),
            duplicate_keys: crate::yaml::DuplicateKeys::default(),
            plugins: ["host_list", "script", "auto", "yaml", "ini", "toml"].map(String::from).to_vec(),
            script_stderr: true,
            pattern_mismatch: HostPatternMismatch::default(),
            any_unparsed_is_failed: false,
            precedence: GroupSource::ALL.map(|(_, source)| source).to_vec(),
            vars_stage: VarsStage::Demand,
            vars_files: true,
            yaml_extensions: [".yml", ".yaml", ".json"].map(String::from).to_vec(),
            only_shown: false,
        }
    }
}

impl Inventory {
    /// Reads sources in order: files, directories, executable scripts, lists of hosts (`a,b,`).
    ///
    /// # Errors
    /// The first source that cannot be read, with the place of the mistake. Files in a directory that cannot be read are
    /// only warned of.
    pub fn load(sources: &[&str], options: &LoadOptions) -> Result<Self, Diagnostic> {
        let mut inventory = Self::new(options.clone());
        for source in sources {
            if options.only_shown && !options.any_unparsed_is_failed {
                inventory.try_source(source);
            } else {
                inventory.read_source(source)?;
            }
        }
        inventory.current_source = None;
        inventory.reconcile();
        Ok(inventory)
    }

    /// Reads a source as a whole, or nothing of it with a warning.
    fn try_source(&mut self, source: &str) {
        let before = (self.groups.clone(), self.hosts.clone(), self.parsed);
        if let Err(error) = self.read_source(source) {
            (self.groups, self.hosts, self.parsed) = before;
            self.warn(Diagnostic { severity: crate::diagnostic::Severity::Warning, ..error });
            let path = local_files::absolute(Path::new(source));
            self.warn(Diagnostic::warning(format!("Unable to parse {} as an inventory source", path.display())));
        }
    }

    fn read_source(&mut self, source: &str) -> Result<(), Diagnostic> {
        let path = Path::new(source);
        self.parsed |= local_files::exists(path) || source.contains(',');
        if local_files::is_dir(path) {
            self.var_dirs.push(path.to_owned());
            return self.read_directory(path);
        }
        if local_files::exists(path) {
            self.var_dirs.push(parent_dir(path));
            return self.read_file(path);
        }
        if source.contains(',') {
            self.current_source = Some(Path::new(source).into());
            return self.read_host_list(source);
        }
        let help = format!("there is no such file; a list of hosts needs a comma: `{source},`");
        let message = format!("Unable to parse {} as an inventory source", local_files::absolute(path).display());
        if self.options.any_unparsed_is_failed {
            return Err(Diagnostic::error(message).help(help));
        }
        self.warn(Diagnostic::warning(message).help(help));
        Ok(())
    }

    fn read_host_list(&mut self, list: &str) -> Result<(), Diagnostic> {
        let plugin = |name: &str| self.options.plugins.iter().position(|known| known.ends_with(name));
        let plain = plugin("host_list").filter(|at| !self.options.plugins[*at].ends_with("advanced_host_list"));
        let advanced = plugin("advanced_host_list").is_some_and(|at| plain.is_none_or(|plain| at < plain));
        for host in list.split(',').map(str::trim).filter(|host| !host.is_empty()) {
            let (hosts, port) = if advanced { self.ranged(host)? } else { single(host)? };
            for name in hosts {
                if self.host(&name).is_none() {
                    self.ensure_host(&name, Some("ungrouped"), port)?;
                }
            }
        }
        Ok(())
    }

    /// The hosts that a range in a list stands for; what is no range stays as it is.
    fn ranged(&self, host: &str) -> Result<(Vec<String>, Option<u16>), Diagnostic> {
        match names::expand(host) {
            Ok(hosts) => Ok(hosts),
            Err(reason) if reason.ends_with("has no end") => {
                self.warn(Diagnostic::warning(format!(
                    "Unable to parse address from hostname, leaving unchanged: host range must specify end value: {host}"
                )));
                single(host)
            }
            Err(reason) => Err(Diagnostic::error(format!(
                "Failed to parse inventory with 'advanced_host_list' plugin: Invalid data from string, could not parse: {reason}"
            ))),
        }
    }

    fn read_directory(&mut self, dir: &Path) -> Result<(), Diagnostic> {
        let entries = local_files::read_dir(dir).map_err(|error| Diagnostic::error(error.to_string()))?;
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if self.is_ignored(&name)? {
                continue;
            }
            if local_files::is_dir(&path) {
                self.read_directory(&path)?;
            } else if let Err(error) = self.read_file(&path) {
                if self.options.any_unparsed_is_failed {
                    return Err(error);
                }
                let warning = Diagnostic { severity: crate::diagnostic::Severity::Warning, ..error };
                let help = warning.help.clone().map_or_else(String::new, |help| format!("{help}; "));
                self.warn(warning.help(format!("{help}this file is left out of the inventory {}", dir.display())));
            }
        }
        Ok(())
    }

    fn is_ignored(&self, name: &str) -> Result<bool, Diagnostic> {
        let always = name.starts_with('.') || matches!(name, "host_vars" | "group_vars" | "vars_plugins");
        if always || self.options.ignore_extensions.iter().any(|extension| name.ends_with(extension.as_str())) {
            return Ok(true);
        }
        for pattern in &self.options.ignore_patterns {
            let regex = fancy_regex::Regex::new(pattern).map_err(|error| {
                Diagnostic::error(format!("`{pattern}` of inventory_ignore_patterns is no regular expression: {error}"))
            })?;
            if regex.is_match(name).unwrap_or(false) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), Diagnostic> {
        self.current_source = Some(local_files::canonicalize(path).unwrap_or_else(|_| path.to_owned()).into());
        let content = local_files::read(path).map_err(|error| Diagnostic::error(error.to_string()))?;
        if local_files::is_executable(path) && !is_encrypted(&content) {
            // A plain file that happens to be executable is still read as what it is.
            let looks_like_program = content.starts_with(b"#!") || content.starts_with(b"\x7fELF");
            match script::read(self, path) {
                Ok(()) => return Ok(()),
                Err(error) if looks_like_program => return Err(error),
                Err(_) => {}
            }
        }
        let not_text = || Diagnostic::error(format!("read the inventory {}: it is not UTF-8", path.display()));
        let (file, text) = if is_encrypted(&content) {
            let plain = self.options.vaults.decrypt(&String::from_utf8_lossy(&content));
            let plain = plain.map_err(|error| Diagnostic::error(format!("{}: {error}", path.display())))?;
            let text = String::from_utf8(plain).map_err(|_| not_text())?;
            (SourceFile::new(path, ""), text)
        } else {
            let text = String::from_utf8(content).map_err(|_| not_text())?;
            (SourceFile::new(path, text.clone()), text)
        };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(extension) if self.is_yaml_extension(extension) => yaml::read(self, &file, &text),
            Some("toml") => toml::read(self, &file, &text),
            None if is_yaml(&file, &text) => yaml::read(self, &file, &text),
            _ => ini::read(self, &file, &text),
        }
    }
}

/// A file without an extension is YAML if it reads as a mapping.
fn is_yaml(file: &Arc<SourceFile>, text: &str) -> bool {
    let looks_like_yaml = || {
        let mut lines =
            text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
        lines.next().is_some_and(|first| first == "---" || (first.ends_with(':') && !first.starts_with('[')))
    };
    let hidden = SourceFile::new(file.path(), text);
    match crate::yaml::load(&hidden, &mut Vec::new()) {
        Ok(Some(tree)) => tree.as_map().is_some() || looks_like_yaml(),
        Ok(None) => false,
        Err(_) => looks_like_yaml(),
    }
}

/// A host of a list, perhaps with its port.
fn single(host: &str) -> Result<(Vec<String>, Option<u16>), Diagnostic> {
    let (name, port) = names::split_port(host).map_err(Diagnostic::error)?;
    Ok((vec![name.to_owned()], port))
}

fn parent_dir(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Where in a source something is, for errors that have no place yet.
pub(super) fn at_line(file: &Arc<SourceFile>, line: usize, column: usize) -> Span {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span::new(file, number(line), number(column))
}
