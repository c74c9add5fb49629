//! What a task about packages has to do, asked of dpkg's database and of `apt-get --simulate`.

use super::{Args, Change, Operation, State, Upgrade, apt_get, download};
use crate::dpkg::{self, Action, Comparison, LISTS_RESOURCE, PackageSpec, PackageState, Packages, RESOURCE, Step};
use crate::module::ModuleError;
use crate::system::{Command, System};
use std::path::Path;

/// Everything about packages that has to be done. `unsure` if lists are fetched before: what cannot be found may come then.
pub(super) fn decide(args: &Args, system: &dyn System, unsure: bool) -> Result<Change, ModuleError> {
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
            if !fulfilled && !self.is_stood_for(spec, packages)? {
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

    /// Whether it is the name of no package, but of what installed ones provide.
    fn is_stood_for(&self, spec: &PackageSpec, packages: &Packages) -> Result<bool, ModuleError> {
        if self.args.state == State::BuildDep
            || !packages.is_provided(&spec.name)
            || packages.installed(&spec.name).is_some()
        {
            return Ok(false);
        }
        Ok(self.candidate(spec)?.is_none())
    }

    /// The version that apt would install.
    fn candidate(&self, spec: &PackageSpec) -> Result<Option<String>, ModuleError> {
        let answer = self.system.ask(["apt-cache", "policy", &spec.name])?.stdout_text();
        let candidate = answer.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
        Ok(candidate.filter(|version| *version != "(none)").map(str::to_owned))
    }

    /// That apt's candidate is as new as asked for, which `apt-get install` cannot be told.
    fn check_candidate(&self, spec: &PackageSpec) -> Result<(), ModuleError> {
        let Some((Comparison::AtLeast, version)) = &spec.version else { return Ok(()) };
        if self.unsure || self.candidate(spec)?.is_some_and(|candidate| dpkg::compare(&candidate, version).is_ge()) {
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

fn lists_are_empty(system: &dyn System) -> bool {
    let names = system.read_dir(Path::new("/var/lib/apt/lists")).unwrap_or_default();
    !names.iter().any(|name| name.to_string_lossy().contains("_Packages"))
}
