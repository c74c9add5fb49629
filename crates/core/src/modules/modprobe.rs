//! `community.general.modprobe`: a kernel module, loaded now and at every start.

use super::support::tool;
use crate::module::types::LooseString;
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// A kernel module.
pub struct Modprobe;

/// Whether it should be loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

/// What happens at every start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Persistent {
    /// It is loaded, with its parameters.
    Present,
    /// It is not.
    Absent,
    /// That is left as it is.
    #[default]
    Disabled,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The module.
    pub name: LooseString,
    /// Parameters to load it with.
    #[serde(default)]
    pub params: LooseString,
    /// Whether it should be loaded.
    #[serde(default)]
    pub state: State,
    /// What happens at every start: files in `/etc/modules-load.d` and `/etc/modprobe.d`.
    #[serde(default)]
    pub persistent: Persistent,
}

default_args!(name);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The module.
    name: String,
    /// Its parameters.
    params: String,
    /// Whether it should be loaded.
    state: State,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// Load or remove it.
    load: bool,
    /// Files before and after.
    files: Vec<(PathBuf, String, String)>,
}

/// Under this kind a simulation keeps what it would have loaded.
const RESOURCE: &str = "kernel_module";

const MODULES_LOAD: &str = "/etc/modules-load.d";
const MODPROBE: &str = "/etc/modprobe.d";

/// Modules have one name with dashes and one with underscores.
fn plain(name: &str) -> String {
    name.replace('-', "_")
}

fn is_loaded(system: &dyn System, name: &str) -> Result<bool, ModuleError> {
    let name = plain(name);
    if let Some(loaded) = system.resource(RESOURCE, &name) {
        return Ok(loaded == json!(true));
    }
    let text = match system.read_text(Path::new("/proc/modules")) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Err(error.into()),
    };
    if text.lines().any(|line| line.split(' ').next().is_some_and(|found| plain(found) == name)) {
        return Ok(true);
    }
    let release = system.uname()?.release;
    let builtin =
        system.read_text(&Path::new("/lib/modules").join(release).join("modules.builtin")).unwrap_or_default();
    let file = |line: &str| plain(line.rsplit('/').next().unwrap_or_default().split(".ko").next().unwrap_or_default());
    Ok(builtin.lines().any(|line| file(line) == name))
}

/// Files of a directory whose names end in `.conf`, with their text.
fn configuration(system: &dyn System, dir: &str) -> Result<Vec<(PathBuf, String)>, ModuleError> {
    let dir = Path::new(dir);
    if !system.exists(dir)? {
        return Ok(Vec::new());
    }
    let names = system.read_dir(dir)?.into_iter().filter(|name| name.to_string_lossy().ends_with(".conf"));
    names.map(|name| Ok((dir.join(&name), system.read_text(&dir.join(name))?))).collect()
}

/// The lines that `pick` wants become comments.
fn commented(text: &str, pick: impl Fn(&str) -> bool) -> String {
    text.split_inclusive('\n').map(|line| if pick(line) { format!("#{line}") } else { line.to_owned() }).collect()
}

impl Args {
    fn loads(&self, line: &str) -> bool {
        let word = line.split(['#', ';']).next().unwrap_or_default().trim();
        plain(word) == plain(&self.name)
    }

    fn sets(&self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        words.next() == Some("options") && words.next().is_some_and(|name| plain(name) == plain(&self.name))
    }

    /// What has to change so that it is loaded, or not, at every start.
    fn files(&self, system: &dyn System) -> Result<Vec<(PathBuf, String, String)>, ModuleError> {
        let mut files = Vec::new();
        if self.persistent == Persistent::Disabled {
            return Ok(files);
        }
        let loads = configuration(system, MODULES_LOAD)?;
        let options = configuration(system, MODPROBE)?;
        let own = |dir: &str| Path::new(dir).join(format!("{}.conf", self.name.0));
        let mut put = |path: PathBuf, before: String, after: String| {
            if before != after {
                files.push((path, before, after));
            }
        };
        let wanted: Vec<&str> = self.params.split_whitespace().collect();
        let params = |line: &str| line.split_whitespace().skip(2).map(str::to_owned).collect::<Vec<_>>();
        if self.persistent == Persistent::Present {
            if !loads.iter().any(|(_, text)| text.lines().any(|line| self.loads(line))) {
                put(own(MODULES_LOAD), String::new(), format!("{}\n", self.name.0));
            }
            let set: Vec<String> = options
                .iter()
                .flat_map(|(_, text)| text.lines().filter(|line| self.sets(line)).flat_map(params))
                .collect();
            let is_set = set.len() == wanted.len() && wanted.iter().all(|param| set.iter().any(|found| found == param));
            if !is_set {
                let lines: String = wanted.iter().map(|param| format!("options {} {param}\n", self.name.0)).collect();
                for (path, text) in options.into_iter().filter(|(path, _)| *path != own(MODPROBE)) {
                    let after = commented(&text, |line| self.sets(line));
                    put(path, text, after);
                }
                let before = system.read_text(&own(MODPROBE)).unwrap_or_default();
                if !(wanted.is_empty() && before.is_empty()) {
                    put(own(MODPROBE), before, lines);
                }
            }
            return Ok(files);
        }
        for (path, text) in loads {
            let after = commented(&text, |line| self.loads(line));
            put(path, text, after);
        }
        for (path, text) in options {
            let after = commented(&text, |line| self.sets(line));
            put(path, text, after);
        }
        Ok(files)
    }

    fn output(&self) -> Output {
        Output { name: self.name.0.clone(), params: self.params.0.clone(), state: self.state }
    }
}

impl Module for Modprobe {
    const NAME: &'static str = "community.general.modprobe";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let load = is_loaded(system, &args.name)? != (args.state == State::Present);
        let files = args.files(system)?;
        if load || !files.is_empty() {
            return Ok(Checked::changed(args.output(), Change { load, files }));
        }
        Ok(Checked::unchanged(args.output()))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        if change.load {
            let mut argv = vec!["modprobe".to_owned()];
            if args.state == State::Absent {
                argv.push("-r".to_owned());
            }
            argv.push(args.name.0.clone());
            if args.state == State::Present {
                argv.extend(args.params.split_whitespace().map(str::to_owned));
            }
            tool::run(system, &Command::new(argv))?;
        }
        write(&change.files, system)?;
        Ok(args.output())
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if change.load {
            system.set_resource(RESOURCE, &plain(&args.name), json!(args.state == State::Present));
        }
        write(&change.files, system)?;
        Ok(Simulated::known(args.output()))
    }

    fn made(change: &Change) -> Vec<Made> {
        let files = change.files.iter();
        let files = files.filter(|(_, before, _)| before.is_empty()).map(|(path, ..)| Made::File(path.clone()));
        change.load.then_some(Made::Itself).into_iter().chain(files).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut diffs: Vec<Diff> = change
            .files
            .iter()
            .map(|(path, before, after)| Diff::texts(path.display().to_string(), before.clone(), after.clone()))
            .collect();
        if change.load {
            diffs.push(Diff::prepared("load or remove the kernel module\n"));
        }
        diffs
    }
}

fn write(files: &[(PathBuf, String, String)], system: &mut dyn System) -> Result<(), ModuleError> {
    for (path, _, text) in files {
        if let Some(dir) = path.parent()
            && !system.exists(dir)?
        {
            system.create_dir(dir, 0o755)?;
        }
        system.write(path, &WriteFile::new(text.clone()))?;
    }
    Ok(())
}
