//! Packages of Debian and its relatives. Answers to `ansible.builtin.apt`.
//!
//! Installed packages are read from dpkg's database; what would happen is asked of `apt-get --simulate`, so that a plan
//! lists the very packages. Python and python-apt are not needed, so `auto_install_module_deps` has nothing to do.
//! Deviations: aptitude is never used (`upgrade: full` is `apt-get dist-upgrade`); a pattern for the version of an
//! installed package is fulfilled by every version it matches; `deb` is installed by apt-get with what it depends on.

mod decide;

use crate::dpkg::{self, ANY, Action, AptGet, LISTS_RESOURCE, RESOURCE, Step, unattended};
use crate::module::types::{LooseBool, LooseInt, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, CommandOutput, HttpRequest, System, WriteFile};
use decide::decide;
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

default_args!();

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
        let steps = || change.operations.iter().flat_map(|operation| &operation.steps);
        let new: Vec<&str> = steps()
            .filter(|step| step.action == Action::Install && step.old.is_none())
            .map(|step| &*step.name)
            .collect();
        dpkg::bring_files(system, &new)?;
        for step in steps() {
            let installed = step.action == Action::Install;
            system.set_resource(
                RESOURCE,
                &step.name,
                json!({"installed": installed, "version": step.new, "old": step.old}),
            );
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
            if operation.steps.iter().any(|step| step.action == Action::Install && step.new.is_none()) {
                text.push_str("version, and what it needs: (known after apply)\n");
            }
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

fn download(url: &str, system: &dyn System) -> Result<Vec<u8>, ModuleError> {
    let failed = |why: String| ModuleError::new(format!("Failure downloading {url}, {why}"));
    let mut response = system.http(HttpRequest::new("GET", url))?;
    if response.status != 200 {
        return Err(failed(format!("HTTP status {}", response.status)));
    }
    response.read().map_err(|error| failed(error.to_string()))
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
