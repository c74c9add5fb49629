//! Which reports `callbacks_enabled` asks for.

use super::{Junit, ProfileRoles, ProfileTasks, Python, Timer};
use crate::report::ansible::{Callback, Look, Tree};
use crate::report::screen::Sink;
use hostler_core::actions::has_python_library;
use hostler_core::config::{Config, Origin};
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::Reporter;
use hostler_core::plugins::Plugins;
use std::collections::BTreeSet;
use std::path::Path;

/// Directory of `tree` below the user's own, where the settings name none.
const TREE: &str = ".ansible/tree";

/// A report that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enabled {
    /// `timer`.
    Timer,
    /// `profile_tasks`.
    ProfileTasks,
    /// `profile_roles`.
    ProfileRoles,
    /// `junit`.
    Junit,
    /// `tree`.
    Tree,
}

impl Enabled {
    fn of(name: &str) -> Option<Self> {
        let core = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|prefix| name.strip_prefix(prefix));
        match name.strip_prefix("ansible.posix.").or(core).unwrap_or(name) {
            "timer" => Some(Self::Timer),
            "profile_tasks" => Some(Self::ProfileTasks),
            "profile_roles" => Some(Self::ProfileRoles),
            "junit" if !name.starts_with("ansible.posix.") => Some(Self::Junit),
            "tree" if !name.starts_with("ansible.posix.") => Some(Self::Tree),
            _ => None,
        }
    }

    /// The reporters that the settings ask for, each once, in their order. `out` is where they print.
    ///
    /// # Errors
    /// An option of one of them that does not fit.
    pub fn reporters(
        config: &Config,
        home: Option<&Path>,
        look: &Look,
        out: &dyn Fn() -> Sink,
    ) -> Result<Vec<Box<dyn Reporter>>, Diagnostic> {
        let mut asked: Vec<Self> = Vec::new();
        for name in config.callbacks_enabled.get().into_iter().flatten() {
            asked.extend(Self::of(name).filter(|new| !asked.contains(new)));
        }
        asked.into_iter().map(|one| one.reporter(config, home, *look, out)).collect()
    }

    fn reporter(
        self,
        config: &Config,
        home: Option<&Path>,
        look: Look,
        out: &dyn Fn() -> Sink,
    ) -> Result<Box<dyn Reporter>, Diagnostic> {
        let err = || -> Sink { Box::new(std::io::stderr()) };
        Ok(match self {
            Self::Timer => Box::new(Timer::new(look, out())),
            Self::ProfileTasks => Box::new(ProfileTasks::new(config, look, out())?),
            Self::ProfileRoles => Box::new(ProfileRoles::new(config, look, out())),
            Self::Junit => Box::new(Junit::new(config, home, look, err()).map_err(|error| {
                Diagnostic::error(format!("failed to make the directory of the callback `junit`: {error}"))
            })?),
            Self::Tree => {
                let default = || home.unwrap_or(Path::new("/")).join(TREE);
                let directory = config.tree_directory.get().cloned().unwrap_or_else(default);
                Box::new(Tree::new(directory, look, err()))
            }
        })
    }
}

/// The user's own in Python that hear of a run: those that the settings enable, and those in directories that need not be;
/// with a warning for each that does not start.
pub fn own(
    config: &Config,
    plugins: &Plugins,
    dir: &Path,
    look: &Look,
    out: &dyn Fn() -> Sink,
) -> (Vec<Box<dyn Reporter>>, Vec<Diagnostic>) {
    let (mut reporters, mut warnings): (Vec<Box<dyn Reporter>>, _) = (Vec::new(), Vec::new());
    let output = config.stdout_callback.get();
    let enabled: Vec<&String> = config.callbacks_enabled.get().into_iter().flatten().collect();
    let mut names: Vec<String> =
        enabled.iter().map(|name| (*name).clone()).filter(|name| plugins.has_callback(name)).collect();
    names.extend(plugins.callbacks());
    // Two names may mean one file.
    let mut files = BTreeSet::new();
    names.retain(|name| plugins.callback_file(name).is_none_or(|file| files.insert(file)));
    names.retain(|name| Enabled::of(name).is_none() && Callback::named(name).is_none());
    let mut seen = BTreeSet::new();
    for name in names.into_iter().filter(|name| output != Some(name) && seen.insert(name.clone())) {
        let started = match has_python_library() {
            true => plugins.callback(&name, dir, look.verbosity, look.colour),
            false => Err("it is made for Ansible's Python library, which is not there".to_owned()),
        };
        match started {
            Ok(callback) if callback.is_output() || callback.needs_enabled() && !enabled.contains(&&name) => {}
            Ok(callback) => reporters.push(Box::new(Python::new(callback, out(), Box::new(std::io::stderr())))),
            Err(error) => {
                let warning = format!("Skipping callback plugin '{name}', unable to load");
                warnings.push(Diagnostic::warning(warning).help(error));
            }
        }
    }
    (reporters, warnings)
}

/// Refuses names in `callbacks_enabled` of what collections say they no longer have.
///
/// # Errors
/// What is gone.
pub fn refuse_removed(config: &Config, plugins: &Plugins) -> Result<(), Diagnostic> {
    let mut names = config.callbacks_enabled.get().into_iter().flatten();
    match names.find_map(|name| plugins.removed_callback(name)) {
        Some(removed) => Err(Diagnostic::error(removed)),
        None => Ok(()),
    }
}

/// A warning for each name in `callbacks_enabled` that is none here.
pub fn without_callback(config: &Config, plugins: &Plugins) -> Vec<Diagnostic> {
    let names = config.callbacks_enabled.get().into_iter().flatten();
    // Those that shape the output itself may be named here too, and have no other effect.
    let is_known =
        |name: &str| Enabled::of(name).is_some() || Callback::named(name).is_some() || plugins.has_callback(name);
    let missing = names.filter(|name| !is_known(name));
    let warning = |name: &String| {
        let warning = Diagnostic::warning(format!("Skipping callback plugin '{name}', unable to load"));
        match config.callbacks_enabled.origin() {
            Some(Origin::File(span)) => warning.at(span),
            _ => warning,
        }
    };
    missing.map(warning).collect()
}
