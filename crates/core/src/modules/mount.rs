//! Mounted file systems and their lines in `fstab`. Answers to `ansible.posix.mount`.
//!
//! Deviation: `absent` also unmounts what is mounted without a line in `fstab`.

mod fstab;

use super::support::replace;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::secret::REDACTED;
use crate::system::{Command, CommandOutput, System, WriteFile};
use fstab::{Entry, escape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The module.
pub struct Mount;

/// The kind of resource by which plans record what became of a mount point.
const RESOURCE: &str = "mount";

/// Mounted file systems and their lines in `fstab`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Where it is mounted; `none` for swap.
    #[serde(alias = "name")]
    pub path: PathArg,
    /// What is wanted of it.
    pub state: State,
    /// Device, share or folder. Needed for `mounted`, `present` and `ephemeral`.
    #[serde(default)]
    pub src: Option<LooseString>,
    /// Kind of file system. Needed for `mounted`, `present` and `ephemeral`.
    #[serde(default)]
    pub fstype: Option<LooseString>,
    /// Options, separated by commas.
    #[serde(default)]
    pub opts: Option<LooseString>,
    /// Do not show the options.
    #[serde(default)]
    pub opts_no_log: LooseBool,
    /// Whether `dump` saves it: fifth field of its line.
    #[serde(default = "zero")]
    pub dump: LooseString,
    /// Order of checks at boot: sixth field of its line.
    #[serde(default = "zero")]
    pub passno: LooseString,
    /// The file with the lines; `/etc/fstab` if not given.
    #[serde(default)]
    pub fstab: Option<PathArg>,
    /// Mount it at boot; otherwise `noauto` is among its options.
    #[serde(default = "LooseBool::yes")]
    pub boot: LooseBool,
    /// Keep a copy of the file before it is changed.
    #[serde(default)]
    pub backup: LooseBool,
}

default_args!(path, state = "mounted");

fn zero() -> LooseString {
    "0".into()
}

/// What is wanted of a mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In `fstab` and mounted; remounted if its line changed.
    Mounted,
    /// In `fstab`, whether or not it is mounted.
    Present,
    /// Not in `fstab`, not mounted, and the mount point removed.
    Absent,
    /// Not in `fstab`, whether or not it is mounted.
    AbsentFromFstab,
    /// Not mounted, whether or not it is in `fstab`.
    Unmounted,
    /// Mounted anew, every time.
    Remounted,
    /// Mounted, without `fstab`; mounted anew every time.
    Ephemeral,
}

/// What `register` gets.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Output {
    /// Where.
    pub name: String,
    /// What.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// Kind of file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fstype: Option<String>,
    /// Options.
    pub opts: String,
    /// Fifth field.
    pub dump: String,
    /// Sixth field.
    pub passno: String,
    /// The file with the lines.
    pub fstab: String,
    /// `yes` or `no`.
    pub boot: &'static str,
    /// The copy of the file, if one was asked for and made.
    pub backup_file: String,
    /// What is contradictory in the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// The file with the lines, if it changes.
    pub fstab: Option<PathBuf>,
    /// Lines that go.
    pub old_lines: String,
    /// Lines that come.
    pub new_lines: String,
    /// What happens to the mount point, in this order.
    pub steps: Vec<Step>,
    /// The mount point.
    pub path: String,
}

/// What happens to a mount point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The directory is made.
    MakeDirectory,
    /// It is mounted.
    Mount,
    /// It is mounted anew.
    Remount,
    /// It is unmounted.
    Unmount,
    /// The directory is removed.
    RemoveDirectory,
}

impl Module for Mount {
    const NAME: &'static str = "ansible.posix.mount";
    const ALIASES: &'static [&'static str] = &["ansible.builtin.mount"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let plan = Plan::new(args, system)?;
        let edit = plan.edit(system)?;
        let steps = plan.steps(edit.is_some(), system)?;
        if edit.is_none() && steps.is_empty() {
            return Ok(Checked::unchanged(plan.output));
        }
        let hide =
            |lines: String| if args.opts_no_log.0 { lines.replace(&escape(&plan.opts), REDACTED) } else { lines };
        let fstab = edit.is_some().then(|| plan.fstab.clone());
        let (_, old_lines, new_lines) = edit.unwrap_or_default();
        let (old_lines, new_lines) = (hide(old_lines), hide(new_lines));
        let change = Change { fstab, old_lines, new_lines, steps, path: plan.path.clone() };
        Ok(Checked::changed(plan.output, change))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut plan = Plan::new(args, &*system)?;
        let made = if change.steps.contains(&Step::MakeDirectory) {
            make_directories(Path::new(&plan.path), system)?
        } else {
            Vec::new()
        };
        let before = plan.text(&*system)?;
        if let Some(edit) = plan.edit(&*system)? {
            if args.backup.0 {
                plan.output.backup_file = replace::backup(system, &plan.fstab)?.unwrap_or_default();
            }
            system.write(&plan.fstab, &WriteFile::new(edit.0))?;
        }
        for step in &change.steps {
            let problem = match plan.step(*step, system)? {
                None => continue,
                Some(problem) => problem,
            };
            let path = &plan.path;
            if matches!(args.state, State::Mounted | State::Ephemeral) {
                // A line that cannot be mounted may keep the machine from booting.
                if change.fstab.is_some() {
                    system.write(&plan.fstab, &WriteFile::new(before))?;
                }
                for directory in made.iter().rev() {
                    system.remove(directory)?;
                }
                return Err(ModuleError::new(format!("Error mounting {path}: {problem}")));
            }
            let doing = if *step == Step::Unmount { "unmounting" } else { "remounting" };
            return Err(ModuleError::new(format!("Error {doing} {path}: {problem}")));
        }
        Ok(plan.output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let plan = Plan::new(args, &*system)?;
        if let Some((text, ..)) = plan.edit(&*system)? {
            system.write(&plan.fstab, &WriteFile::new(text))?;
        }
        for step in &change.steps {
            match step {
                Step::MakeDirectory => drop(make_directories(Path::new(&plan.path), system)?),
                Step::RemoveDirectory => system.remove(Path::new(&plan.path))?,
                Step::Mount | Step::Remount | Step::Unmount => {
                    system.set_resource(RESOURCE, &plan.path, json!({"mounted": *step != Step::Unmount}));
                }
            }
        }
        Ok(Simulated::known(plan.output))
    }

    fn made(change: &Change) -> Vec<Made> {
        let is_new = !change.new_lines.is_empty() && change.old_lines.is_empty();
        let mounted = change.fstab.is_none() && change.steps.contains(&Step::Mount);
        let directory =
            change.steps.contains(&Step::MakeDirectory).then(|| Made::Directory(change.path.clone().into()));
        (is_new || mounted).then_some(Made::Itself).into_iter().chain(directory).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let file = change
            .fstab
            .as_ref()
            .map(|file| Diff::texts(file.display().to_string(), change.old_lines.clone(), change.new_lines.clone()));
        let steps: String = change.steps.iter().map(|step| format!("{} {}\n", step.words(), change.path)).collect();
        file.into_iter().chain((!steps.is_empty()).then(|| Diff::prepared(steps))).collect()
    }
}

impl Step {
    fn words(self) -> &'static str {
        match self {
            Self::MakeDirectory => "mkdir",
            Self::Mount => "mount",
            Self::Remount => "mount -o remount",
            Self::Unmount => "umount",
            Self::RemoveDirectory => "rmdir",
        }
    }
}

/// The parameters, understood.
struct Plan<'a> {
    args: &'a Args,
    path: String,
    opts: String,
    fstab: PathBuf,
    output: Output,
}

impl<'a> Plan<'a> {
    fn new(args: &'a Args, system: &dyn System) -> Result<Self, ModuleError> {
        if matches!(args.state, State::Mounted | State::Present | State::Ephemeral) {
            let given = [("src", args.src.is_some()), ("fstype", args.fstype.is_some())];
            let missing: Vec<&str> = given.iter().filter(|(_, given)| !given).map(|(name, _)| *name).collect();
            if !missing.is_empty() {
                let state = json!(args.state);
                let state = state.as_str().unwrap_or_default();
                let missing = missing.join(", ");
                return Err(ModuleError::new(format!(
                    "state is {state} but all of the following are missing: {missing}"
                )));
            }
        }
        let path = args.path.text(system)?;
        let path = if path.len() > 1 { path.trim_end_matches('/').to_owned() } else { path };
        let mut opts = args.opts.as_ref().map_or("defaults", |opts| opts.0.as_str()).to_owned();
        let noauto = opts.split(',').any(|option| option == "noauto");
        let mut warnings = Vec::new();
        if args.boot.0 && noauto {
            warnings.push("Ignore the 'boot' due to 'opts' contains 'noauto'.".to_owned());
        } else if !args.boot.0 && !noauto {
            opts.push_str(",noauto");
        }
        let fstab = match &args.fstab {
            Some(file) => file.path(system)?,
            None => PathBuf::from("/etc/fstab"),
        };
        let text = |value: &Option<LooseString>| value.as_ref().map(|value| value.0.clone());
        let output = Output {
            name: path.clone(),
            src: text(&args.src),
            fstype: text(&args.fstype),
            opts: if args.opts_no_log.0 { REDACTED.to_owned() } else { opts.clone() },
            dump: args.dump.0.clone(),
            passno: args.passno.0.clone(),
            fstab: fstab.display().to_string(),
            boot: if args.boot.0 { "yes" } else { "no" },
            backup_file: String::new(),
            warnings,
        };
        Ok(Self { args, path, opts, fstab, output })
    }

    fn src(&self) -> &str {
        self.args.src.as_ref().map_or("", |src| src.0.as_str())
    }

    fn fstype(&self) -> &str {
        self.args.fstype.as_ref().map_or("", |fstype| fstype.0.as_str())
    }

    fn text(&self, system: &dyn System) -> Result<String, ModuleError> {
        Ok(if system.exists(&self.fstab)? { system.read_text(&self.fstab)? } else { String::new() })
    }

    /// The new text of `fstab` with the lines that go and come, if it changes.
    fn edit(&self, system: &dyn System) -> Result<Option<(String, String, String)>, ModuleError> {
        let wanted = match self.args.state {
            State::Mounted | State::Present => Some(Entry {
                src: escape(self.src()),
                path: escape(&self.path),
                fstype: escape(self.fstype()),
                opts: escape(&self.opts),
                dump: self.args.dump.0.clone(),
                passno: self.args.passno.0.clone(),
            }),
            State::Absent | State::AbsentFromFstab => None,
            State::Unmounted | State::Remounted | State::Ephemeral => return Ok(None),
        };
        let text = self.text(system)?;
        let src = self.args.src.as_ref().map(|src| escape(src));
        let (edited, old, new) = fstab::edit(&text, &escape(&self.path), src.as_deref(), wanted.as_ref());
        Ok((edited != text).then_some((edited, old, new)))
    }

    fn steps(&self, line_changes: bool, system: &dyn System) -> Result<Vec<Step>, ModuleError> {
        let mounted = self.mounted_source(system)?;
        let directory = Path::new(&self.path);
        let mut steps = Vec::new();
        match self.args.state {
            State::Present | State::AbsentFromFstab => {}
            State::Unmounted => steps.extend(mounted.is_some().then_some(Step::Unmount)),
            State::Remounted => steps.push(Step::Remount),
            State::Absent => {
                steps.extend(mounted.is_some().then_some(Step::Unmount));
                let any = line_changes || mounted.is_some();
                steps.extend((any && system.exists(directory)?).then_some(Step::RemoveDirectory));
            }
            State::Mounted | State::Ephemeral => {
                steps.extend((!system.exists(directory)?).then_some(Step::MakeDirectory));
                match &mounted {
                    None => steps.push(Step::Mount),
                    Some(_) if self.args.state == State::Mounted => steps.extend(line_changes.then_some(Step::Remount)),
                    Some(sources) if sources.is_empty() || sources.iter().any(|source| source == self.src()) => {
                        steps.push(Step::Remount);
                    }
                    Some(sources) => {
                        return Err(ModuleError::new(format!(
                            "{} is already mounted from {}, not from {}: unmount it first, or use another path",
                            self.path,
                            sources.join(" or "),
                            self.src()
                        )));
                    }
                }
            }
        }
        Ok(steps)
    }

    /// What is mounted at the path, under its possible names; `None` where nothing is.
    fn mounted_source(&self, system: &dyn System) -> Result<Option<Vec<String>>, ModuleError> {
        if let Some(state) = system.resource(RESOURCE, &self.path) {
            return Ok((state["mounted"] == json!(true)).then(Vec::new));
        }
        let real = system.canonicalize(Path::new(&self.path));
        let real = real.map_or_else(|_| self.path.clone(), |path| path.to_string_lossy().into_owned());
        let info = system.read_text(Path::new("/proc/self/mountinfo"))?;
        // The last one is on top.
        Ok(info.lines().rev().find_map(|line| mount_line(line, &real)))
    }

    /// Does one step; what went wrong, if something did.
    fn step(&self, step: Step, system: &mut dyn System) -> Result<Option<String>, ModuleError> {
        let mut problem = |argv: Vec<&str>| -> Result<Option<String>, ModuleError> {
            let output = system.run(&Command::new(argv))?;
            Ok((!output.success()).then(|| both(&output)))
        };
        let file = self.fstab.to_string_lossy().into_owned();
        let other_file = self.args.fstab.is_some() && file != "/etc/fstab" && self.args.state != State::Ephemeral;
        let table = if other_file { vec!["-T", &file] } else { Vec::new() };
        let mut what = Vec::new();
        if self.args.state == State::Ephemeral {
            what.extend(["-t", self.fstype()]);
            if self.opts != "defaults" {
                what.extend(["-o", self.opts.as_str()]);
            }
            what.push(self.src());
        }
        what.push(&self.path);
        let mount = || [vec!["mount"], table.clone(), what.clone()].concat();
        match step {
            // Made before the line was written.
            Step::MakeDirectory => Ok(None),
            Step::Mount => problem(mount()),
            Step::Unmount => problem(vec!["umount", &self.path]),
            Step::Remount => {
                let with_options = self.args.state == State::Remounted && self.opts != "defaults";
                let option = if with_options { format!("remount,{}", self.opts) } else { "remount".to_owned() };
                let first = problem([vec!["mount", "-o", &option], table.clone(), what.clone()].concat())?;
                if first.is_none() || with_options {
                    return Ok(first);
                }
                // Some file systems cannot be remounted.
                match problem(vec!["umount", &self.path])? {
                    None => problem(mount()),
                    failed => Ok(failed),
                }
            }
            Step::RemoveDirectory => {
                system.remove(Path::new(&self.path)).map_err(|error| {
                    ModuleError::new(format!("Error rmdir {}: {error}", self.path)).field("changed", true)
                })?;
                Ok(None)
            }
        }
    }
}

fn both(output: &CommandOutput) -> String {
    format!("{}{}", output.stdout_text(), output.stderr_text()).trim().to_owned()
}

/// Makes a directory and those above it; returns those that were not there, outermost first.
fn make_directories(path: &Path, system: &mut dyn System) -> Result<Vec<PathBuf>, ModuleError> {
    let above: Vec<&Path> = path.ancestors().collect();
    let mut made = Vec::new();
    for directory in above.into_iter().rev() {
        if !system.exists(directory)? {
            system.create_dir(directory, 0o777)?;
            made.push(directory.to_owned());
        }
    }
    Ok(made)
}

/// The sources of a line of mountinfo (device, and folder if only a part is mounted), if it is about `path`.
fn mount_line(line: &str, path: &str) -> Option<Vec<String>> {
    let fields: Vec<&str> = line.split(' ').collect();
    let unescape = crate::facts::unescape;
    if unescape(fields.get(4)?) != path {
        return None;
    }
    let after = fields.iter().position(|field| *field == "-")?;
    let (root, source) = (unescape(fields.get(3)?), unescape(fields.get(after + 2)?));
    Some(if root == "/" { vec![source] } else { vec![root, source] })
}
