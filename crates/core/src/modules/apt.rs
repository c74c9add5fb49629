//! Packages of Debian and its relatives. Answers to `ansible.builtin.apt`.
//!
//! Installed packages are read from dpkg's database; what would happen is asked of `apt-get --simulate`, so that a plan
//! lists the very packages. Python and python-apt are not needed, so `auto_install_module_deps` has nothing to do.
//! Deviations: aptitude is never used (`upgrade: full` is `apt-get dist-upgrade`); a pattern for the version of an
//! installed package is fulfilled by every version it matches; `deb` is installed by apt-get with what it depends on.

use crate::dpkg::{
    self, ANY, Action, AptGet, Comparison, LISTS_RESOURCE, PackageSpec, PackageState, Packages, RESOURCE, Step,
    unattended,
};
use crate::module::types::{LooseBool, LooseInt, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::{Command, CommandOutput, HttpRequest, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The module.
pub struct Apt;

/// Packages of Debian and its relatives.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Packages: `name`, `name=version` (shell patterns allowed), `name>=version`, `name/release`, `name:arch`, or
    /// a pattern for names. `*` with `state: latest` is every installed package.
    #[serde(default, alias = "pkg", alias = "package")]
    pub name: StringList,
    /// What is wanted of them.
    #[serde(default)]
    pub state: State,
    /// Fetch the package lists first, unless they are younger than `cache_valid_time`.
    #[serde(default, alias = "update-cache")]
    pub update_cache: Option<LooseBool>,
    /// How often fetching the lists is tried.
    #[serde(default = "five")]
    pub update_cache_retries: LooseInt,
    /// Longest pause between two tries, in seconds.
    #[serde(default = "twelve")]
    pub update_cache_retry_max_delay: LooseInt,
    /// Age in seconds up to which package lists count as fresh. Implies `update_cache`.
    #[serde(default)]
    pub cache_valid_time: LooseInt,
    /// Remove configuration files too.
    #[serde(default)]
    pub purge: LooseBool,
    /// Package files to install: paths on the host or URLs, separated by commas.
    #[serde(default)]
    pub deb: Option<String>,
    /// Release to prefer, as with `apt-get -t`.
    #[serde(default, alias = "default-release")]
    pub default_release: Option<String>,
    /// Install recommended packages too; the host's configuration decides if not given.
    #[serde(default, alias = "install-recommends")]
    pub install_recommends: Option<LooseBool>,
    /// Allow unauthenticated packages, downgrades, changes of held packages and removal of essential ones.
    #[serde(default)]
    pub force: LooseBool,
    /// Upgrade all packages: `yes` or `safe` removes none, `full` or `dist` may.
    #[serde(default)]
    pub upgrade: Upgrade,
    /// Options for dpkg without their leading dashes, separated by commas.
    #[serde(default = "dpkg_options")]
    pub dpkg_options: String,
    /// Remove packages that nothing needs any more.
    #[serde(default)]
    pub autoremove: LooseBool,
    /// Remove package files that can no longer be downloaded.
    #[serde(default)]
    pub autoclean: LooseBool,
    /// Fail if packages would be removed.
    #[serde(default)]
    pub fail_on_autoremove: LooseBool,
    /// What services' packages are answered when they ask to start them: 101 forbids it.
    #[serde(default)]
    pub policy_rc_d: Option<LooseInt>,
    /// Only upgrade packages that are installed, install none.
    #[serde(default)]
    pub only_upgrade: LooseBool,
    /// Use apt-get even if aptitude is there: always the case.
    #[serde(default)]
    pub force_apt_get: LooseBool,
    /// Remove all downloaded package files.
    #[serde(default)]
    pub clean: LooseBool,
    /// Install packages whose origin is not proven.
    #[serde(default, alias = "allow-unauthenticated")]
    pub allow_unauthenticated: LooseBool,
    /// Allow older versions to replace newer ones.
    #[serde(default, alias = "allow-downgrade", alias = "allow_downgrades", alias = "allow-downgrades")]
    pub allow_downgrade: LooseBool,
    /// Change packages that are on hold.
    #[serde(default)]
    pub allow_change_held_packages: LooseBool,
    /// How long to wait for other package tools to finish, in seconds.
    #[serde(default = "sixty")]
    pub lock_timeout: LooseInt,
    /// Nothing has to be installed for this module to work.
    #[serde(default)]
    pub auto_install_module_deps: Option<LooseBool>,
}

fn five() -> LooseInt {
    LooseInt(5)
}

fn twelve() -> LooseInt {
    LooseInt(12)
}

fn sixty() -> LooseInt {
    LooseInt(60)
}

fn dpkg_options() -> String {
    "force-confdef,force-confold".to_owned()
}

/// What is wanted of packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Installed.
    #[default]
    #[serde(alias = "installed")]
    Present,
    /// Installed in the newest version there is.
    Latest,
    /// Not installed.
    #[serde(alias = "removed")]
    Absent,
    /// What is needed to build them is installed.
    BuildDep,
    /// Installed, broken dependencies corrected.
    Fixed,
}

/// Which upgrade of all packages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    /// None.
    #[default]
    No,
    /// Removes no packages.
    Safe,
    /// May remove packages.
    Full,
}

impl<'de> Deserialize<'de> for Upgrade {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(value) => if value { "yes" } else { "no" }.to_owned(),
            serde_json::Value::String(word) => word.to_lowercase(),
            other => other.to_string(),
        };
        match word.as_str() {
            "no" | "false" | "" => Ok(Self::No),
            "yes" | "true" | "safe" => Ok(Self::Safe),
            "full" | "dist" => Ok(Self::Full),
            _ => Err(serde::de::Error::unknown_variant(&word, &["dist", "full", "no", "safe", "yes"])),
        }
    }
}

/// What `register` gets.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Whether the lists were fetched and came out newer.
    pub cache_updated: bool,
    /// When the lists were last fetched, in seconds since 1970.
    pub cache_update_time: i64,
    /// What apt-get wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// What apt-get complained about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Set where only work was done that leaves the packages as they were, such as fetching lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// Downloaded package files are removed.
    #[serde(default)]
    pub clean: bool,
    /// Package lists are fetched. What follows is decided again with the new ones.
    #[serde(default)]
    pub refresh: bool,
    /// apt-get's operations with the packages they change, as far as is known.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// Packages that are there because others need them, and are wanted by themselves from now on.
    #[serde(default)]
    pub mark_manual: Vec<String>,
}

/// One call of apt-get.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Operation {
    /// Its arguments, such as `install nginx`.
    pub arguments: Vec<String>,
    /// What it does to packages.
    pub steps: Vec<Step>,
    /// Package files that are downloaded before: their URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<String>,
}

impl Module for Apt {
    const NAME: &'static str = "ansible.builtin.apt";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.apt"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let updated = lists_age(system);
        let mut output = Output { cache_update_time: updated as i64, ..Output::default() };
        let refresh = refresh_due(args, updated, system);
        let mut change = decide(args, system, refresh)?;
        change.clean = args.clean.0;
        change.refresh = refresh;
        if !change.clean && !refresh && change.operations.is_empty() && change.mark_manual.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        // Fetching lists alone is a change only where it is all that was asked for.
        if change.operations.is_empty() && !change.clean && (!refresh || asks_for_packages(args)) {
            output.changed = Some(false);
        }
        output.cache_updated = refresh;
        Ok(Checked::changed(output, change))
    }

    fn apply(args: &Args, mut change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let before = lists_age(system) as i64;
        let mut run = Run { stdout: String::new(), stderr: String::new(), changed: change.clean };
        if change.clean {
            run.command(&unattended(["apt-get", "clean"]), system)?;
        }
        if change.refresh {
            fetch_lists(args, system)?;
            change = decide(args, system, false)?;
        }
        let update_time = lists_age(system) as i64;
        let updated = update_time != before;
        let policy = args.policy_rc_d.as_ref().filter(|_| !change.operations.is_empty());
        let restore = policy.map(|code| forbid_starts(code.0, system)).transpose()?;
        let done = change.operations.iter().try_for_each(|operation| run.operation(args, operation, system));
        if let Some(restore) = restore {
            restore.undo(system)?;
        }
        done?;
        if !change.mark_manual.is_empty() {
            let argv = ["apt-mark", "manual"].into_iter().map(str::to_owned).chain(change.mark_manual.iter().cloned());
            run.command(&unattended(argv), system)?;
        }
        let changed = run.changed || updated && !asks_for_packages(args);
        Ok(Output {
            cache_updated: updated,
            cache_update_time: update_time,
            stdout: Some(run.stdout),
            stderr: Some(run.stderr),
            changed: (!changed).then_some(false),
        })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if change.refresh {
            system.set_resource(LISTS_RESOURCE, "lists", json!("planned"));
        }
        for step in change.operations.iter().flat_map(|operation| &operation.steps) {
            let installed = step.action == Action::Install;
            system.set_resource(RESOURCE, &step.name, json!({"installed": installed, "version": step.new}));
        }
        if change.operations.iter().any(|operation| !operation.steps.is_empty()) {
            system.set_resource(RESOURCE, ANY, json!({"planned": true}));
        }
        let nothing = change.operations.is_empty() && !change.clean && (!change.refresh || asks_for_packages(args));
        let output = Output {
            cache_updated: change.refresh,
            cache_update_time: lists_age(system) as i64,
            changed: nothing.then_some(false),
            ..Output::default()
        };
        Ok(Simulated::with_unknown(output, &["stdout", "stderr"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut text = String::new();
        if change.clean {
            text.push_str("apt-get clean\n");
        }
        if change.refresh {
            text.push_str("apt-get update\n");
        }
        for operation in &change.operations {
            if operation.steps.is_empty() {
                text.push_str(&format!("apt-get {}\n", operation.arguments.join(" ")));
            }
            text.extend(operation.steps.iter().map(|step| format!("{step}\n")));
        }
        if text.is_empty() { Vec::new() } else { vec![Diff::prepared(text)] }
    }
}

fn asks_for_packages(args: &Args) -> bool {
    !args.name.0.is_empty()
        || args.deb.is_some()
        || args.upgrade != Upgrade::No
        || args.autoremove.0
        || args.autoclean.0
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    let given =
        [("deb", args.deb.is_some()), ("package", !args.name.0.is_empty()), ("upgrade", args.upgrade != Upgrade::No)];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    if given.len() > 1 {
        return Err(ModuleError::new(format!("parameters are mutually exclusive: {}", given.join("|"))));
    }
    let asks = asks_for_packages(args) || args.clean.0 || args.update_cache.is_some() || args.cache_valid_time.0 > 0;
    if !asks && args.state != State::Fixed {
        let needed = "autoremove, deb, package, update_cache, upgrade";
        return Err(ModuleError::new(format!("one of the following is required: {needed}")));
    }
    if args.deb.is_some() && args.state != State::Present {
        return Err(ModuleError::new("deb only supports state=present"));
    }
    Ok(())
}

/// When package lists were last fetched, in seconds since 1970; 0 if never.
fn lists_age(system: &dyn System) -> f64 {
    let modified = |path: &str| system.metadata(Path::new(path)).ok().flatten().map(|found| found.modified);
    modified("/var/lib/apt/periodic/update-success-stamp").or_else(|| modified("/var/lib/apt/lists")).unwrap_or(0.0)
}

fn refresh_due(args: &Args, updated: f64, system: &dyn System) -> bool {
    let asked = args.update_cache.as_ref().is_some_and(|asked| asked.0) || args.cache_valid_time.0 > 0;
    let planned = system.resource(LISTS_RESOURCE, "lists").is_some() && args.cache_valid_time.0 > 0;
    asked && !planned && updated + (args.cache_valid_time.0 as f64) < system.now()
}

/// Everything about packages that has to be done. `unsure` if lists are fetched before: what cannot be found may come then.
fn decide(args: &Args, system: &dyn System, unsure: bool) -> Result<Change, ModuleError> {
    let unsure = unsure || system.resource(LISTS_RESOURCE, "lists").is_some();
    let ask = Ask { args, system, unsure };
    let names: Vec<&str> = args.name.0.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    let all = names.contains(&"*");
    let mut change = Change::default();
    if args.upgrade != Upgrade::No || all && args.state == State::Latest {
        if names.len() > 1 {
            let msg = "unable to install additional packages when upgrading all installed packages";
            return Err(ModuleError::new(msg));
        }
        let mut arguments = vec![if args.upgrade == Upgrade::Full { "dist-upgrade" } else { "upgrade" }.to_owned()];
        if args.upgrade != Upgrade::Full {
            arguments.push("--with-new-pkgs".to_owned());
        }
        change.operations.extend(ask.operation(arguments, Vec::new())?);
        return Ok(change);
    }
    if let Some(deb) = &args.deb {
        change.operations.extend(ask.package_files(deb)?);
        return Ok(change);
    }
    let specs = names.iter().filter(|name| **name != "*").map(|name| PackageSpec::parse(name));
    let specs = specs.collect::<Result<Vec<_>, _>>().map_err(ModuleError::new)?;
    if specs.is_empty() {
        if args.autoclean.0 {
            change.operations.extend(ask.autoclean()?);
        }
        if args.autoremove.0 {
            let purge = args.purge.0.then(|| "--purge".to_owned());
            let arguments = std::iter::once("autoremove".to_owned()).chain(purge).collect();
            change.operations.extend(ask.operation(arguments, Vec::new())?);
        }
        if args.state != State::Fixed {
            return Ok(change);
        }
    }
    let packages = Packages::read(system)?;
    let specs = ask.expand(specs, &packages)?;
    if args.state == State::Absent {
        change.operations.extend(ask.removal(&specs, &packages)?);
    } else {
        change.operations.extend(ask.installation(&specs, &packages)?);
        if args.state != State::BuildDep {
            let automatic = dpkg::automatic(system)?;
            let names = specs.iter().map(|spec| spec.name.clone());
            change.mark_manual =
                names.filter(|name| automatic.contains(name) && packages.installed(name).is_some()).collect();
        }
    }
    Ok(change)
}

/// Questions to apt on behalf of one task.
struct Ask<'a> {
    args: &'a Args,
    system: &'a dyn System,
    unsure: bool,
}

impl Ask<'_> {
    /// The operation with its steps, if it would do anything. `expected` are the steps to assume where lists are to come.
    fn operation(&self, arguments: Vec<String>, expected: Vec<Step>) -> Result<Option<Operation>, ModuleError> {
        let simulation = apt_get(self.args).simulate(&arguments, self.system)?;
        let (steps, downloads) = (simulation.steps, Vec::new());
        if simulation.rc == 0 {
            // What an earlier task is planned to install is not to be done again.
            let steps: Vec<Step> = steps.into_iter().filter(|step| !self.is_planned(step)).collect();
            return Ok((!steps.is_empty()).then_some(Operation { arguments, steps, downloads }));
        }
        if self.unsure {
            return Ok(Some(Operation { arguments, steps: expected, downloads }));
        }
        let failed = || format!("'apt-get {}' failed: {}", arguments.join(" "), simulation.stderr.trim());
        let mut msg = dpkg::unavailable(&simulation.stderr).unwrap_or_else(failed);
        if lists_are_empty(self.system) {
            msg.push_str(" (there are no package lists yet: set update_cache)");
        }
        let error = ModuleError::new(msg).field("rc", simulation.rc).field("stdout", simulation.stdout);
        Err(error.field("stderr", simulation.stderr))
    }

    /// What plans made of package `name`: installed or not.
    fn planned(&self, name: &str) -> Option<bool> {
        self.system.resource(RESOURCE, name)?.get("installed")?.as_bool()
    }

    fn is_planned(&self, step: &Step) -> bool {
        self.planned(&step.name) == Some(step.action == Action::Install)
    }

    /// Patterns for names replaced by what they match: installed packages, or all that apt knows.
    fn expand(&self, specs: Vec<PackageSpec>, packages: &Packages) -> Result<Vec<PackageSpec>, ModuleError> {
        let mut expanded = Vec::new();
        for spec in specs {
            let pattern = glob::Pattern::new(&spec.name).ok().filter(|_| spec.is_pattern());
            let Some(pattern) = pattern else {
                expanded.push(spec);
                continue;
            };
            let known = if self.args.state == State::Absent {
                packages.names().into_iter().map(str::to_owned).collect::<Vec<_>>()
            } else {
                let fixed: String = spec.name.chars().take_while(|letter| !"*?[".contains(*letter)).collect();
                let answer = self.system.ask(["apt-cache".to_owned(), "pkgnames".to_owned(), fixed])?.stdout_text();
                let mut names: Vec<String> = answer.lines().map(str::to_owned).collect();
                names.sort_unstable();
                names
            };
            let matching = known.into_iter().filter(|name| pattern.matches(name));
            let found = matching.map(|name| PackageSpec { name, ..spec.clone() }).collect::<Vec<_>>();
            if found.is_empty() && self.args.state != State::Absent {
                return Err(ModuleError::new(format!("No package(s) matching '{}' available", spec.name)));
            }
            expanded.extend(found);
        }
        Ok(expanded)
    }

    fn installation(&self, specs: &[PackageSpec], packages: &Packages) -> Result<Option<Operation>, ModuleError> {
        let mut wanted = Vec::new();
        for spec in specs {
            let installed = packages.installed(&spec.name).filter(|_| self.planned(&spec.name) != Some(false));
            let there = installed.is_some() || self.planned(&spec.name) == Some(true);
            let fulfilled = match self.args.state {
                State::BuildDep => false,
                _ if !there => self.args.only_upgrade.0,
                // A planned installation takes the version that is newest then.
                State::Latest => installed.is_none(),
                _ => installed.is_none_or(|version| spec.accepts(version)) && self.args.state != State::Fixed,
            };
            if !fulfilled {
                self.check_candidate(spec)?;
                wanted.push(spec);
            }
        }
        if wanted.is_empty() && self.args.state != State::Fixed {
            return Ok(None);
        }
        let verb = if self.args.state == State::BuildDep { "build-dep" } else { "install" };
        let names = wanted.iter().map(|spec| spec.for_apt());
        let arguments = std::iter::once(verb.to_owned()).chain(names).collect();
        let expected = wanted.iter().map(|spec| Step::unversioned(Action::Install, &spec.name)).collect();
        self.operation(arguments, expected)
    }

    /// That apt's candidate is as new as asked for, which `apt-get install` cannot be told.
    fn check_candidate(&self, spec: &PackageSpec) -> Result<(), ModuleError> {
        let Some((Comparison::AtLeast, version)) = &spec.version else { return Ok(()) };
        let answer = self.system.ask(["apt-cache", "policy", &spec.name])?.stdout_text();
        let candidate = answer.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        if self.unsure || candidate.is_some_and(|candidate| dpkg::compare(candidate, version).is_ge()) {
            return Ok(());
        }
        Err(ModuleError::new(format!("no available installation candidate for {}>={version}", spec.name)))
    }

    fn removal(&self, specs: &[PackageSpec], packages: &Packages) -> Result<Option<Operation>, ModuleError> {
        let there = |spec: &&PackageSpec| match (self.planned(&spec.name), packages.get(&spec.name)) {
            (Some(planned), _) => planned,
            (None, None) => false,
            (None, Some(found)) if found.state == PackageState::ConfigFiles => self.args.purge.0,
            (None, Some(found)) => spec.accepts(&found.version),
        };
        let wanted: Vec<&PackageSpec> = specs.iter().filter(there).collect();
        if wanted.is_empty() {
            return Ok(None);
        }
        let action = if self.args.purge.0 { Action::Purge } else { Action::Remove };
        let purge = self.args.purge.0.then(|| "--purge".to_owned());
        let names = wanted.iter().map(|spec| spec.name.clone());
        let arguments: Vec<String> = std::iter::once("remove".to_owned()).chain(purge).chain(names).collect();
        let steps: Vec<Step> = wanted.iter().map(|spec| Step::unversioned(action, &spec.name)).collect();
        if wanted.iter().any(|spec| self.planned(&spec.name) == Some(true)) {
            // apt-get does not know yet of what is to be removed.
            return Ok(Some(Operation { arguments, steps, downloads: Vec::new() }));
        }
        self.operation(arguments, steps)
    }

    fn autoclean(&self) -> Result<Option<Operation>, ModuleError> {
        let arguments = vec!["autoclean".to_owned()];
        let simulation = apt_get(self.args).simulate(&arguments, self.system)?;
        let any = simulation.stdout.lines().any(|line| line.starts_with("Del "));
        Ok(any.then_some(Operation { arguments, steps: Vec::new(), downloads: Vec::new() }))
    }

    /// Package files: those whose version is not the installed one.
    fn package_files(&self, files: &str) -> Result<Option<Operation>, ModuleError> {
        let packages = Packages::read(self.system)?;
        let (mut arguments, mut steps, mut downloads) = (vec!["install".to_owned()], Vec::new(), Vec::new());
        for file in files.split(',').map(str::trim).filter(|file| !file.is_empty()) {
            let (name, version) = self.describe(file)?;
            let old = packages.installed(&name);
            if old == Some(version.as_str()) || self.planned(&name) == Some(true) {
                continue;
            }
            let old = old.map(str::to_owned);
            steps.push(Step { action: Action::Install, name, old, new: Some(version) });
            if file.contains("://") { downloads.push(file.to_owned()) } else { arguments.push(file.to_owned()) }
        }
        if steps.is_empty() {
            return Ok(None);
        }
        if !downloads.is_empty() {
            return Ok(Some(Operation { arguments, steps, downloads }));
        }
        self.operation(arguments, steps)
    }

    /// Name and version of a package file or URL.
    fn describe(&self, file: &str) -> Result<(String, String), ModuleError> {
        let unreadable = |why: String| ModuleError::new(format!("Unable to install package: {file}: {why}"));
        let question = |path: &str| Command::new(["dpkg-deb", "--field", path, "Package", "Version"]);
        let question =
            if file.contains("://") { question("-").stdin(download(file, self.system)?) } else { question(file) };
        let answer = self.system.query(&question)?;
        if !answer.success() {
            return Err(unreadable(answer.stderr_text().trim().to_owned()));
        }
        let text = answer.stdout_text();
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        field("Package:")
            .zip(field("Version:"))
            .ok_or_else(|| unreadable("it has no package name and version".to_owned()))
    }
}

fn download(url: &str, system: &dyn System) -> Result<Vec<u8>, ModuleError> {
    let failed = |why: String| ModuleError::new(format!("Failure downloading {url}, {why}"));
    let mut response = system.http(HttpRequest::new("GET", url))?;
    if response.status != 200 {
        return Err(failed(format!("HTTP status {}", response.status)));
    }
    response.read().map_err(|error| failed(error.to_string()))
}

fn lists_are_empty(system: &dyn System) -> bool {
    let names = system.read_dir(Path::new("/var/lib/apt/lists")).unwrap_or_default();
    !names.iter().any(|name| name.to_string_lossy().contains("_Packages"))
}

/// `apt-get` with the options that the parameters ask for.
fn apt_get(args: &Args) -> AptGet {
    let mut apt = AptGet::default();
    for option in args.dpkg_options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
        apt.set("Dpkg::Options::", &format!("--{option}"));
    }
    apt.set("DPkg::Lock::Timeout", &args.lock_timeout.0.to_string());
    if let Some(release) = &args.default_release {
        apt.set("APT::Default-Release", release);
    }
    if let Some(recommends) = &args.install_recommends {
        apt.set("APT::Install-Recommends", if recommends.0 { "yes" } else { "no" });
    }
    let force = args.force.0;
    apt.flag(args.only_upgrade.0, "--only-upgrade");
    apt.flag(args.state == State::Fixed, "--fix-broken");
    apt.flag(args.autoremove.0, "--auto-remove");
    apt.flag(args.fail_on_autoremove.0, "--no-remove");
    apt.flag(args.allow_unauthenticated.0 || force, "--allow-unauthenticated");
    apt.flag(args.allow_downgrade.0 || force, "--allow-downgrades");
    apt.flag(args.allow_change_held_packages.0 || force, "--allow-change-held-packages");
    apt.flag(force, "--allow-remove-essential");
    apt
}

fn fetch_lists(args: &Args, system: &mut dyn System) -> Result<(), ModuleError> {
    // Without the mode, a source that cannot be reached is only warned about.
    let command = unattended(["apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"]);
    let deadline = system.now() + args.lock_timeout.0 as f64;
    let (mut tries, mut problem) = (0, String::new());
    while tries < args.update_cache_retries.0.max(1) {
        let output = system.run(&command)?;
        if output.success() {
            return Ok(());
        }
        problem = output.stderr_text().trim().to_owned();
        if problem.contains("Could not get lock") && system.now() < deadline {
            system.sleep(Duration::from_secs(1));
            continue;
        }
        let pause = 2_u64.saturating_pow(tries as u32).min(args.update_cache_retry_max_delay.0.max(0) as u64);
        tries += 1;
        if tries < args.update_cache_retries.0 {
            system.sleep(Duration::from_secs(pause));
        }
    }
    Err(ModuleError::new(format!("Failed to update apt cache after {tries} retries: {problem}")))
}

/// What apt-get's calls of one task said.
struct Run {
    stdout: String,
    stderr: String,
    changed: bool,
}

impl Run {
    fn command(&mut self, command: &Command, system: &mut dyn System) -> Result<CommandOutput, ModuleError> {
        let output = system.run(command)?;
        self.stdout.push_str(&output.stdout_text());
        self.stderr.push_str(&output.stderr_text());
        if output.success() {
            return Ok(output);
        }
        let (shown, problem) = (command.argv.join(" "), output.stderr_text());
        let msg = dpkg::unavailable(&problem).unwrap_or_else(|| format!("'{shown}' failed: {}", problem.trim()));
        let error = ModuleError::new(msg).field("rc", output.rc).field("stdout", self.stdout.clone());
        Err(error.field("stderr", self.stderr.clone()))
    }

    fn operation(&mut self, args: &Args, operation: &Operation, system: &mut dyn System) -> Result<(), ModuleError> {
        let mut arguments = operation.arguments.clone();
        let mut files = Vec::new();
        for (number, url) in operation.downloads.iter().enumerate() {
            let name = url.rsplit('/').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
            let name = if name.ends_with(".deb") { name.to_owned() } else { format!("{number}.deb") };
            let path = PathBuf::from(format!("/var/cache/apt/archives/hostler-{}-{name}", system.now() as u64));
            system.write(&path, &WriteFile::new(download(url, &*system)?))?;
            arguments.push(path.to_string_lossy().into_owned());
            files.push(path);
        }
        let done = self.command(&apt_get(args).command(&arguments), system);
        for file in files {
            system.remove(&file)?;
        }
        done?;
        self.changed = true;
        Ok(())
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// What stood in the place of the policy that this task needs.
struct Restore(Option<(Vec<u8>, u32)>);

/// Makes packages' scripts get `code` when they ask whether to start a service.
fn forbid_starts(code: i64, system: &mut dyn System) -> Result<Restore, ModuleError> {
    let path = Path::new(POLICY);
    let before = match system.metadata(path)? {
        Some(found) => Some(((*system).read(path)?, found.mode)),
        None => None,
    };
    let mut file = WriteFile::new(format!("#!/bin/sh\nexit {code}\n"));
    file.mode = Some(0o755);
    system.write(path, &file)?;
    Ok(Restore(before))
}

impl Restore {
    fn undo(self, system: &mut dyn System) -> Result<(), ModuleError> {
        let path = Path::new(POLICY);
        match self.0 {
            Some((content, mode)) => {
                let mut file = WriteFile::new(content);
                file.mode = Some(mode);
                system.write(path, &file)?;
            }
            None => system.remove(path)?,
        }
        Ok(())
    }
}
