//! `ansible.builtin.pip`: Python packages, by pip of the host or of a virtual environment.
//!
//! What is installed is compared with the versions asked for, so that pip runs only where it has something to do. URLs, paths
//! and requirements files with options always go to pip, whose word counts. Deviation: without `executable` or `virtualenv`
//! it is `pip3` or `pip` of PATH, as there is no Python of Ansible's own.

use super::support::split::split;
use super::support::tool;
use crate::module::types::{LooseBool, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, CommandOutput, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Python packages.
pub struct Pip;

/// How packages should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not installed.
    Absent,
    /// Installed anew each time.
    ForceReinstall,
    /// The newest there is.
    Latest,
    /// Installed.
    #[default]
    Present,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Packages, with versions if wanted (`name>=1`), or URLs.
    pub name: Option<StringList>,
    /// Version of the one package.
    pub version: Option<LooseString>,
    /// File of requirements on the host.
    pub requirements: Option<LooseString>,
    /// Directory of a virtual environment, which is made if it is missing.
    pub virtualenv: Option<PathArg>,
    /// Whether a new one sees the system's packages.
    #[serde(default)]
    pub virtualenv_site_packages: LooseBool,
    /// Command that makes virtual environments.
    #[serde(default = "virtualenv")]
    pub virtualenv_command: LooseString,
    /// Python of a new one.
    pub virtualenv_python: Option<LooseString>,
    /// How packages should be.
    #[serde(default)]
    pub state: State,
    /// More arguments for pip.
    pub extra_args: Option<LooseString>,
    /// Install from a working directory.
    #[serde(default)]
    pub editable: LooseBool,
    /// Directory to run in.
    pub chdir: Option<PathArg>,
    /// The pip to run, by name or path.
    pub executable: Option<LooseString>,
    /// File mode creation mask, as octal text.
    pub umask: Option<LooseString>,
    /// Install beside the system's own packages.
    #[serde(default)]
    pub break_system_packages: LooseBool,
}

default_args!();

fn virtualenv() -> LooseString {
    "virtualenv".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<Vec<String>>,
    /// Packages.
    name: Option<Vec<String>>,
    /// Version.
    version: Option<String>,
    /// How they should be.
    state: State,
    /// File of requirements.
    requirements: Option<String>,
    /// Virtual environment.
    virtualenv: Option<String>,
    /// What pip said.
    stdout: String,
    /// What pip complained of.
    stderr: String,
    /// Lines of `stdout`.
    stdout_lines: Vec<String>,
    /// Lines of `stderr`.
    stderr_lines: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    changed: Option<bool>,
}

/// What will be done.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// The virtual environment that is made.
    environment: Option<PathBuf>,
    /// Packages for pip.
    packages: Vec<String>,
    /// The file of requirements too.
    requirements: bool,
    /// Whether anything changes is certain, not left to pip.
    certain: bool,
    /// Names of packages that are not there yet.
    new: Vec<String>,
}

/// Under this kind a simulation keeps what pip would have done.
const RESOURCE: &str = "pip";

/// A package with the versions that will do.
struct Requirement {
    name: String,
    /// Comparison and version, all of which must hold.
    versions: Vec<(String, String)>,
}

/// Names are compared without case, and with one kind of separator.
pub(crate) fn canonical(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().to_lowercase().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(c);
        }
    }
    out
}

impl Requirement {
    /// Nothing if it is no simple one: a URL, a path, with conditions.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains("://") || text.contains(['@', ';', '/']) || text.starts_with(['-', '.']) {
            return None;
        }
        let end = text.find(['=', '<', '>', '!', '~']).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        // Extras come with the package; they cannot be seen from outside.
        let name = name.split('[').next().unwrap_or_default().trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(plain) {
            return None;
        }
        let mut versions = Vec::new();
        for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let length = part.find(|c: char| !"=<>!~".contains(c))?;
            let (comparison, version) = part.split_at(length);
            if !matches!(comparison, "==" | "===" | "!=" | "<" | "<=" | ">" | ">=" | "~=") {
                return None;
            }
            versions.push((comparison.to_owned(), version.trim().to_owned()));
        }
        Some(Self { name: canonical(name), versions })
    }

    fn accepts(&self, version: &str) -> bool {
        self.versions.iter().all(|(comparison, wanted)| {
            if let Some(prefix) = wanted.strip_suffix(".*") {
                let starts = starts_with(version, prefix);
                return if comparison == "!=" { !starts } else { starts };
            }
            let order = compare(version, wanted);
            match comparison.as_str() {
                "==" | "===" => order == Ordering::Equal,
                "!=" => order != Ordering::Equal,
                "<" => order == Ordering::Less,
                "<=" => order != Ordering::Greater,
                ">" => order == Ordering::Greater,
                ">=" => order != Ordering::Less,
                _ => {
                    let prefix = wanted.rsplit_once('.').map_or(wanted.as_str(), |(prefix, _)| prefix);
                    order != Ordering::Less && starts_with(version, prefix)
                }
            }
        })
    }
}

/// A version's numbers, and how far what follows them comes before or after the release.
fn parts(version: &str) -> (Vec<u64>, i8, Vec<u64>) {
    let version = version.trim().trim_start_matches('v').to_lowercase();
    let version = version.split('+').next().unwrap_or_default().to_owned();
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (release, suffix) = version.split_at(end);
    let mut numbers: Vec<u64> =
        release.split('.').filter(|part| !part.is_empty()).map(|part| part.parse().unwrap_or(0)).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    let suffix = suffix.trim_start_matches(['-', '_', '.']);
    let rank = match suffix.chars().next() {
        None => 0,
        Some('d') => -4,
        Some('a') => -3,
        Some('b') => -2,
        Some('c') => -1,
        Some('r') if suffix.starts_with("rc") => -1,
        Some(_) => 1,
    };
    let rest = suffix.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    (numbers, rank, rest.map(|part| part.parse().unwrap_or(0)).collect())
}

fn compare(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other))
}

fn starts_with(version: &str, prefix: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|part| part.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>();
    let (version, prefix) = (numbers(version), numbers(prefix));
    prefix.iter().enumerate().all(|(index, wanted)| version.get(index).unwrap_or(&0) == wanted)
}

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let names = self.name.as_ref().map_or(0, |names| names.len());
        let problem = if self.name.is_none() && self.requirements.is_none() && self.virtualenv.is_none() {
            "one of the following is required: name, requirements, virtualenv"
        } else if self.name.is_some() && self.requirements.is_some() {
            "parameters are mutually exclusive: name|requirements"
        } else if self.executable.is_some() && self.virtualenv.is_some() {
            "parameters are mutually exclusive: executable|virtualenv"
        } else if self.version.is_some() && self.state == State::Latest {
            "version is incompatible with state=latest"
        } else if self.version.is_some() && names != 1 {
            "'version' argument is ambiguous when installing multiple package distributions. Please specify version restrictions next to each package in 'name' argument."
        } else {
            return self.mask().map(drop);
        };
        Err(ModuleError::new(problem))
    }

    fn mask(&self) -> Result<Option<u32>, ModuleError> {
        let parse = |text: &LooseString| {
            u32::from_str_radix(text, 8).map_err(|_| ModuleError::new("umask must be an octal integer"))
        };
        self.umask.as_ref().map(parse).transpose()
    }

    fn environment(&self, system: &dyn System) -> Result<Option<PathBuf>, ModuleError> {
        Ok(self.virtualenv.as_ref().map(|path| path.path(system)).transpose()?)
    }

    fn command(&self, system: &dyn System, words: &[&str]) -> Result<Command, ModuleError> {
        let program = match (self.environment(system)?, &self.executable) {
            (Some(environment), _) => environment.join("bin/pip").to_string_lossy().into_owned(),
            (None, Some(executable)) => executable.0.clone(),
            (None, None) => {
                let has_pip3 = system.query(&Command::new(["pip3", "--version"])).is_ok_and(|answer| answer.success());
                if has_pip3 { "pip3" } else { "pip" }.to_owned()
            }
        };
        let argv = std::iter::once(program).chain(words.iter().map(|word| (*word).to_owned()));
        let mut command = Command::new(argv).env("LC_ALL", "C.UTF-8").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        if *self.break_system_packages {
            command = command.env("PIP_BREAK_SYSTEM_PACKAGES", "1");
        }
        command.umask = self.mask()?;
        command.cwd = self.chdir.as_ref().map(|path| path.path(system)).transpose()?;
        Ok(command)
    }

    /// Packages as they go to pip.
    fn packages(&self) -> Vec<String> {
        let mut names: Vec<String> = self.name.as_ref().map(|names| names.0.clone()).unwrap_or_default();
        if let (Some(version), [name]) = (&self.version, names.as_mut_slice()) {
            let version = version.trim();
            let has_comparison = version.starts_with(['=', '<', '>', '!', '~']);
            *name = if has_comparison { format!("{name}{version}") } else { format!("{name}=={version}") };
        }
        names
    }

    fn output(&self, ran: Option<(Vec<String>, CommandOutput)>) -> Output {
        let text = |text: &Option<LooseString>| text.as_ref().map(|text| text.0.clone());
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let mut output = Output {
            name: self.name.as_ref().map(|names| names.0.clone()),
            version: text(&self.version),
            state: self.state,
            requirements: text(&self.requirements),
            virtualenv: self.virtualenv.as_ref().map(|path| path.raw().to_owned()),
            ..Output::default()
        };
        if let Some((cmd, answer)) = ran {
            (output.stdout, output.stderr) = (answer.stdout_text(), answer.stderr_text());
            (output.stdout_lines, output.stderr_lines) = (lines(&output.stdout), lines(&output.stderr));
            output.cmd = Some(cmd);
        }
        output
    }

    fn installed(&self, system: &dyn System, words: &[&str]) -> Result<HashMap<String, String>, ModuleError> {
        let command = self.command(system, words)?;
        let answer = tool::look(system, &command)?;
        let text = answer.stdout_text();
        let entries = text.lines().filter_map(|line| line.split_once("=="));
        Ok(entries.map(|(name, version)| (canonical(name), version.trim().to_owned())).collect())
    }
}

impl Module for Pip {
    const NAME: &'static str = "ansible.builtin.pip";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.pip"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let environment = match args.environment(system)? {
            Some(path) if !system.exists(&path.join("bin/activate"))? => Some(path),
            _ => None,
        };
        let packages = args.packages();
        let key = format!("{:?} {packages:?} {:?} {:?}", args.virtualenv, args.requirements, args.state);
        if system.resource(RESOURCE, &key).is_some() {
            return Ok(Checked::unchanged(args.output(None)));
        }
        let mut change = Change { environment, certain: true, ..Change::default() };
        if change.environment.is_some() {
            change.packages = packages;
            change.requirements = args.requirements.is_some();
            return Ok(Checked::changed(args.output(None), change));
        }
        let installed = args.installed(system, &["list", "--format=freeze"])?;
        let outdated = if args.state == State::Latest && packages.iter().any(|name| Requirement::parse(name).is_some())
        {
            args.installed(system, &["list", "--outdated", "--format=freeze"])?
        } else {
            HashMap::new()
        };
        for package in packages {
            let requirement = Requirement::parse(&package).filter(|_| !*args.editable);
            let has = |name: &str| installed.get(name);
            let needed = match (&requirement, args.state) {
                (Some(one), State::Absent) => has(&one.name).is_some(),
                (Some(one), State::Present) => !has(&one.name).is_some_and(|version| one.accepts(version)),
                (Some(one), State::Latest) => has(&one.name).is_none() || outdated.contains_key(&one.name),
                (None, State::Absent) => {
                    return Err(ModuleError::new(format!("failed to remove `{package}`: give its name")));
                }
                (_, State::ForceReinstall) => true,
                (None, _) => {
                    change.certain = false;
                    true
                }
            };
            if needed {
                let new = requirement.filter(|one| args.state != State::Absent && has(&one.name).is_none());
                change.new.extend(new.map(|one| one.name));
                change.packages.push(package);
            }
        }
        if let Some(file) = &args.requirements {
            look_at_requirements(args, system, file, &installed, &mut change)?;
        }
        let nothing = change.packages.is_empty() && !change.requirements;
        Ok(if nothing { Checked::unchanged(args.output(None)) } else { Checked::changed(args.output(None), change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut said = None;
        if change.environment.is_some() {
            let command = new_environment(args, system)?;
            let answer = tool::run(system, &command)?;
            said = Some((command.argv, answer));
        }
        if !change.packages.is_empty() || change.requirements {
            let mut command =
                args.command(system, &[if args.state == State::Absent { "uninstall" } else { "install" }])?;
            let argv = &mut command.argv;
            match args.state {
                State::Absent => argv.push("-y".to_owned()),
                State::Latest => argv.push("-U".to_owned()),
                State::ForceReinstall => argv.extend(["-U".to_owned(), "--force-reinstall".to_owned()]),
                State::Present => {}
            }
            argv.extend(split(args.extra_args.as_deref().unwrap_or_default())?);
            argv.extend(args.editable.then(|| "-e".to_owned()));
            argv.extend(change.packages.iter().cloned());
            if let (true, Some(file)) = (change.requirements, &args.requirements) {
                argv.extend(["-r".to_owned(), file.0.clone()]);
            }
            let answer = tool::run(system, &command).map_err(|error| {
                let msg = format!("\n:stderr: {}", error.msg);
                ModuleError { msg, fields: error.fields }
            })?;
            said = Some((command.argv, answer));
        }
        let did = said.as_ref().is_some_and(|(_, answer)| {
            let text = answer.stdout_text();
            text.contains("Successfully installed") || text.contains("Successfully uninstalled")
        });
        let changed = (!change.certain && change.environment.is_none()).then_some(did);
        Ok(Output { changed, ..args.output(said) })
    }

    fn simulate(args: &Args, _: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let key = format!("{:?} {:?} {:?} {:?}", args.virtualenv, args.packages(), args.requirements, args.state);
        system.set_resource(RESOURCE, &key, json!(true));
        let unknown = &["cmd", "stdout", "stderr", "stdout_lines", "stderr_lines"];
        Ok(Simulated::with_unknown(args.output(None), unknown))
    }

    fn made(change: &Change) -> Vec<Made> {
        let environment = change.environment.iter().map(|path| Made::Tree(path.clone()));
        environment.chain(change.new.iter().map(|name| Made::Named(name.clone()))).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut lines = String::new();
        if change.environment.is_some() {
            lines.push_str("make the virtual environment\n");
        }
        change.packages.iter().for_each(|package| lines.push_str(&format!("{package}\n")));
        if change.requirements {
            lines.push_str("requirements\n");
        }
        vec![Diff::prepared(lines)]
    }
}

/// Whether a file of requirements has something that is not installed.
fn look_at_requirements(
    args: &Args,
    system: &dyn System,
    file: &str,
    installed: &HashMap<String, String>,
    change: &mut Change,
) -> Result<(), ModuleError> {
    let base = args.chdir.as_ref().map(|path| path.path(system)).transpose()?.unwrap_or_else(|| system.home());
    let text = if file.contains("://") { None } else { system.read_text(&base.join(Path::new(file))).ok() };
    let lines: Option<Vec<Requirement>> = text.and_then(|text| {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Requirement::parse).collect()
    });
    let fits = |one: &Requirement| installed.get(&one.name).is_some_and(|version| one.accepts(version));
    match (lines, args.state) {
        (Some(lines), State::Present) => change.requirements = !lines.iter().all(fits),
        (Some(lines), State::Absent) => change.requirements = lines.iter().any(|one| installed.contains_key(&one.name)),
        _ => {
            change.requirements = true;
            change.certain = false;
        }
    }
    Ok(())
}

fn new_environment(args: &Args, system: &dyn System) -> Result<Command, ModuleError> {
    let mut argv = split(&args.virtualenv_command)?;
    let is_module = argv.iter().any(|word| word == "venv") || argv.first().is_some_and(|word| word.ends_with("pyvenv"));
    if *args.virtualenv_site_packages {
        argv.push("--system-site-packages".to_owned());
    }
    if let Some(python) = &args.virtualenv_python {
        if is_module {
            let msg = "virtualenv_python should not be used when using the venv module or pyvenv as virtualenv_command";
            return Err(ModuleError::new(msg));
        }
        argv.push(format!("-p{}", python.0));
    }
    let path = args.environment(system)?.unwrap_or_default();
    argv.push(path.to_string_lossy().into_owned());
    let mut command = Command::new(argv).env("LC_ALL", "C.UTF-8");
    command.umask = args.mask()?;
    command.cwd = args.chdir.as_ref().map(|path| path.path(system)).transpose()?;
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_pythons() {
        let fits = |requirement: &str, version: &str| Requirement::parse(requirement).unwrap().accepts(version);
        assert!(fits("a==1.0", "1") && fits("a>=1.9,<2", "1.10") && fits("a~=1.4.2", "1.4.9") && fits("a==1.*", "1.7"));
        assert!(!fits("a~=1.4.2", "1.5") && !fits("a<2", "2.0") && !fits("a!=1.*", "1.2") && !fits("a>=2", "2.0rc1"));
        assert!(fits("a[x]", "9") && fits("a>1", "1.0.post1"));
        assert_eq!(Requirement::parse("A__b.c >= 1").unwrap().name, "a-b-c");
        assert!(Requirement::parse("git+https://h/x").is_none() && Requirement::parse("./x").is_none());
    }
}
