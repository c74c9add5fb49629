//! `ansible.builtin.file`: files, directories and links, their attributes, and that they are not there.
//!
//! Deviations: a symbolic link's own permissions are never a change; `attributes: -x` is none either once `x` is off.

mod change;

use super::support::file_attributes::{AttributeChange, ResolvedAttributes, file_args};
use super::support::path_info::PathInfo;
use super::support::time;
use crate::dpkg;
use crate::module::types::{LooseBool, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{FileKind, Metadata, System};
use change::{Change, Property, Step, check_warnings, state_name, take};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Files, directories, links.
pub struct File;

/// What should be at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing.
    Absent,
    /// A directory, with those above it.
    Directory,
    /// A file that is there already.
    File,
    /// A hard link to `src`.
    Hard,
    /// A symbolic link to `src`.
    Link,
    /// A file, made empty if it is missing; its times are set to now otherwise.
    Touch,
}

file_args! {
    /// Parameters.
    pub struct Args {
        /// Path to manage.
        #[serde(alias = "dest", alias = "name")]
        pub path: PathArg,
        /// What should be there. Without it: what is there, `directory` with `recurse`, else `file`.
        pub state: Option<State>,
        /// What a link points to.
        pub src: Option<PathArg>,
        /// Set attributes of all that is in the directory too.
        #[serde(default)]
        pub recurse: LooseBool,
        /// Make links to what does not exist, and put links in the place of files.
        #[serde(default)]
        pub force: LooseBool,
        /// Work on what a link at `path` points to.
        #[serde(default = "LooseBool::yes")]
        pub follow: LooseBool,
        /// Modification time: `preserve`, `now`, or in `modification_time_format`.
        pub modification_time: Option<String>,
        /// Format of `modification_time`.
        #[serde(default = "time_format")]
        pub modification_time_format: String,
        /// Access time: `preserve`, `now`, or in `access_time_format`.
        pub access_time: Option<String>,
        /// Format of `access_time`.
        #[serde(default = "time_format")]
        pub access_time_format: String,
        /// Name to use inside `path` if that is a directory.
        #[serde(default, rename = "_original_basename")]
        pub original_basename: Option<String>,
        /// Ansible's own question before it copies; nothing here needs it.
        #[serde(default, rename = "_diff_peek")]
        #[schemars(skip)]
        pub diff_peek: Option<LooseBool>,
    }
}

default_args!(path);

fn time_format() -> String {
    "%Y%m%d%H%M.%S".to_owned()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The path.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The path, for `link`, `hard` and `touch`.
    #[serde(skip_serializing_if = "Option::is_none")]
    dest: Option<String>,
    /// What a link points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    #[serde(flatten)]
    info: PathInfo,
    /// `before` and `after`: the properties that differ. Only where diffs are asked for.
    diff: Value,
    /// What a check should be told.
    #[serde(rename = "_check_warnings", skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    check_warnings: Vec<String>,
}

/// What is at a path, in Ansible's words.
fn state_word(meta: Option<&Metadata>) -> &'static str {
    match meta.map(|meta| (meta.kind, meta.links)) {
        None => "absent",
        Some((FileKind::Link, _)) => "link",
        Some((FileKind::Directory, _)) => "directory",
        Some((_, 2..)) => "hard",
        Some(_) => "file",
    }
}

/// A time to set: kept, now, or given.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Time {
    Preserve,
    Now,
    At(f64),
}

impl Time {
    fn parse(text: Option<&str>, format: &str, state: State) -> Result<Self, ModuleError> {
        Ok(match text {
            Some("preserve") => Self::Preserve,
            Some("now") => Self::Now,
            Some(text) => Self::At(time::parse(text, format)?),
            None if state == State::Touch => Self::Now,
            None => Self::Preserve,
        })
    }

    fn change(self, current: f64, now: f64) -> Option<f64> {
        match self {
            Self::Preserve => None,
            Self::Now => Some(now),
            Self::At(time) => Some(time).filter(|time| *time != current),
        }
    }
}

/// All that is known of a task before its state is looked at.
struct Plan<'a> {
    args: &'a Args,
    system: &'a dyn System,
    path: PathBuf,
    attributes: ResolvedAttributes,
    accessed: Time,
    modified: Time,
    was: &'static str,
    properties: Vec<Property>,
    /// What a directory that goes has in it.
    content: Option<Value>,
    steps: Vec<Step>,
}

impl Plan<'_> {
    fn decide(&mut self, state: State) -> Result<(), ModuleError> {
        let src = &self.args.src;
        match state {
            State::Absent => self.absent(),
            State::Directory => self.directory(),
            State::File => self.file(),
            State::Touch => self.touch(),
            State::Link => {
                let src = src.as_ref().map(|src| src.text(self.system)).transpose()?;
                self.link(src.as_deref())
            }
            State::Hard => {
                let src = src.as_ref().map(|src| src.path(self.system)).transpose()?;
                self.hard(src.as_deref())
            }
        }
    }

    fn fail(&self, msg: impl Into<String>) -> ModuleError {
        ModuleError::new(msg).field("path", self.path.to_string_lossy())
    }

    fn look(&self, path: &Path) -> Result<Option<Metadata>, ModuleError> {
        Ok(self.system.symlink_metadata(path)?)
    }

    /// Changes attributes and times of what is at `path`, not following links.
    fn set_existing(&mut self, path: &Path, show: bool) -> Result<(), ModuleError> {
        let Some(meta) = self.look(path)? else { return Ok(()) };
        let attributes = self.attributes.against(self.system, path, &meta)?;
        if show {
            self.show(&attributes);
        }
        if !attributes.is_empty() {
            self.steps.push(Step::Attributes { path: path.to_owned(), attributes });
        }
        self.set_times(path, &meta, show);
        Ok(())
    }

    fn set_times(&mut self, path: &Path, meta: &Metadata, show: bool) {
        let now = self.system.now();
        let (accessed, modified) = (self.accessed.change(meta.accessed, now), self.modified.change(meta.modified, now));
        if accessed.is_none() && modified.is_none() {
            return;
        }
        if show {
            let mut add = |name: &str, before: f64, after: Option<f64>| {
                let after = after.map(|after| (name.to_owned(), json!(before), json!(after)));
                self.properties.extend(after);
            };
            add("mtime", meta.modified, modified);
            add("atime", meta.accessed, accessed);
        }
        let path = path.to_owned();
        self.steps.push(match (self.accessed, self.modified) {
            (Time::Now, Time::Now) => Step::Touch { path },
            _ => Step::Times { path, accessed, modified },
        });
    }

    /// Times of something that is being made: only given ones matter.
    fn set_new_times(&mut self, path: &Path) {
        let given = |time| match time {
            Time::At(time) => Some(time),
            Time::Now | Time::Preserve => None,
        };
        let (accessed, modified) = (given(self.accessed), given(self.modified));
        if accessed.is_some() || modified.is_some() {
            self.steps.push(Step::Times { path: path.to_owned(), accessed, modified });
        }
    }

    fn show(&mut self, attributes: &AttributeChange) {
        // Ids are numbers, all else is text.
        let value = |name: &str, text: String| match text.parse::<u32>() {
            Ok(id) if matches!(name, "owner" | "group") => json!(id),
            _ => json!(text),
        };
        let properties = attributes.properties().into_iter();
        self.properties
            .extend(properties.map(|(name, old, new)| (name.to_owned(), value(name, old), value(name, new))));
    }

    /// Goes on with what a link at the path points to.
    fn follow(&mut self) -> Result<(), ModuleError> {
        if self.was == "link" && *self.args.follow {
            self.path = self
                .system
                .canonicalize(&self.path)
                .or_else(|error| if error.is_not_found() { self.dangling() } else { Err(error.into()) })?;
            self.was = state_word(self.look(&self.path)?.as_ref());
        }
        Ok(())
    }

    /// Where a link to nothing points.
    fn dangling(&self) -> Result<PathBuf, ModuleError> {
        let target = self.system.read_link(&self.path)?;
        Ok(self.path.parent().unwrap_or(Path::new("/")).join(target))
    }

    fn absent(&mut self) -> Result<(), ModuleError> {
        if self.was == "directory" {
            let (mut directories, mut files) = (Vec::new(), Vec::new());
            self.list(&self.path, &mut directories, &mut files)?;
            self.content = Some(json!({"directories": directories, "files": files}));
        }
        if self.was != "absent" {
            self.steps.push(Step::Remove { path: self.path.clone(), directory: self.was == "directory" });
        }
        Ok(())
    }

    fn list(
        &self,
        directory: &Path,
        directories: &mut Vec<PathBuf>,
        files: &mut Vec<PathBuf>,
    ) -> Result<(), ModuleError> {
        let mut inside = Vec::new();
        for name in self.system.read_dir(directory)? {
            let path = directory.join(name);
            match self.system.metadata(&path)?.map(|meta| meta.kind) {
                Some(FileKind::Directory) => directories.push(path.clone()),
                _ => files.push(path.clone()),
            }
            if self.look(&path)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
                inside.push(path);
            }
        }
        inside.iter().try_for_each(|path| self.list(path, directories, files))
    }

    fn file(&mut self) -> Result<(), ModuleError> {
        self.follow()?;
        if !matches!(self.was, "file" | "hard") {
            let msg = format!("file ({}) is {}, cannot continue", self.path.display(), self.was);
            return Err(self.fail(msg).field("state", self.was));
        }
        self.set_existing(&self.path.clone(), true)
    }

    fn touch(&mut self) -> Result<(), ModuleError> {
        if self.was == "absent" {
            let attributes = self.attributes.for_new(self.system, &self.path, FileKind::File)?;
            self.show(&attributes);
            self.steps.push(Step::MakeFile { path: self.path.clone(), attributes });
            self.set_new_times(&self.path.clone());
            return Ok(());
        }
        self.follow()?;
        if self.was == "absent" {
            return Err(self.fail("Error while updating modification or access time: the link points to nothing"));
        }
        self.set_existing(&self.path.clone(), true)
    }

    fn directory(&mut self) -> Result<(), ModuleError> {
        self.follow()?;
        match self.was {
            "absent" => self.make_directories(),
            "directory" => {
                self.set_existing(&self.path.clone(), true)?;
                if *self.args.recurse {
                    self.recurse(&self.path.clone(), 0)?;
                }
                Ok(())
            }
            was => Err(self.fail(format!("{} already exists as a {was}", self.path.display()))),
        }
    }

    fn make_directories(&mut self) -> Result<(), ModuleError> {
        let mut missing = Vec::new();
        for ancestor in self.path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            match self.system.metadata(ancestor)? {
                None => missing.push(ancestor.to_owned()),
                Some(meta) if meta.kind == FileKind::Directory => break,
                Some(_) => {
                    let what = format!("there was an issue creating {} as requested", self.path.display());
                    return Err(self.fail(format!("{what}: {} is not a directory", ancestor.display())));
                }
            }
        }
        for path in missing.into_iter().rev() {
            let attributes = self.attributes.for_new(self.system, &path, FileKind::Directory)?;
            if path == self.path {
                self.show(&attributes);
            }
            self.steps.push(Step::MakeDirectory { path, attributes });
        }
        self.set_new_times(&self.path.clone());
        Ok(())
    }

    fn recurse(&mut self, directory: &Path, depth: usize) -> Result<(), ModuleError> {
        if depth > 200 {
            return Err(self.fail(format!("could not recursively set attributes on {}: too deep", directory.display())));
        }
        for name in self.system.read_dir(directory)? {
            let path = directory.join(name);
            self.set_existing(&path, false)?;
            match self.look(&path)?.map(|meta| meta.kind) {
                Some(FileKind::Directory) => self.recurse(&path, depth + 1)?,
                Some(FileKind::Link) if *self.args.follow && self.system.exists(&path)? => {
                    let target = self.system.canonicalize(&path)?;
                    // A link to where we come from would go round for ever.
                    if !directory.starts_with(&target) {
                        self.set_existing(&target, false)?;
                        if self.look(&target)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
                            self.recurse(&target, depth + 1)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn link(&mut self, src: Option<&str>) -> Result<(), ModuleError> {
        let path = self.path.clone();
        let force = *self.args.force;
        let shown = path.display();
        if let Some(src) = src
            && !force
        {
            let base = if self.was == "directory" { Some(path.as_path()) } else { path.parent() };
            let target = base.unwrap_or(Path::new("/")).join(src);
            if !self.system.exists(&target)? {
                let msg = "src file does not exist, use 'force=yes' if you really want to create the link";
                return Err(self.fail(format!("{msg}: {}", target.display())).field("src", src));
            }
        }
        match self.was {
            "directory" if !force => {
                return Err(self.fail(format!("refusing to convert from directory to symlink for {shown}")));
            }
            "directory" if !self.system.read_dir(&path)?.is_empty() => {
                return Err(self.fail(format!("the directory {shown} is not empty, refusing to convert it")));
            }
            "file" | "hard" if !force => {
                return Err(self.fail(format!("refusing to convert from {} to symlink for {shown}", self.was)));
            }
            _ => {}
        }
        let old = (self.was == "link").then(|| self.system.read_link(&path)).transpose()?;
        let old = old.map(|target| target.to_string_lossy().into_owned());
        let target = match (src, &old) {
            (Some(src), _) => src.to_owned(),
            (None, Some(old)) => old.clone(),
            (None, None) => return Err(self.fail("src is required for creating new symlinks")),
        };
        if old.as_deref() != Some(&target) {
            if let Some(old) = old {
                self.properties.push(("src".into(), json!(old), json!(target)));
            }
            let instead_of_directory = self.was == "directory";
            self.steps.push(Step::Link { path: path.clone(), target: target.clone(), instead_of_directory });
        }
        if *self.args.follow {
            let end = path.parent().unwrap_or(Path::new("/")).join(&target);
            if self.system.exists(&end)? {
                let end = self.system.canonicalize(&end)?;
                self.set_existing(&end, true)?;
            }
        } else if self.steps.is_empty() {
            self.set_existing(&path, true)?;
        } else {
            let attributes = self.attributes.for_new(self.system, &path, FileKind::Link)?;
            if !attributes.is_empty() {
                self.steps.push(Step::Attributes { path, attributes });
            }
        }
        Ok(())
    }

    fn hard(&mut self, src: Option<&Path>) -> Result<(), ModuleError> {
        let (path, force) = (self.path.clone(), *self.args.force);
        let fail = |msg: &str| {
            let src = self.args.src.as_ref().map(PathArg::raw).unwrap_or_default();
            ModuleError::new(msg).field("dest", path.to_string_lossy()).field("src", src)
        };
        let Some(src) = src else {
            if self.was != "hard" {
                return Err(fail("src is required for creating new hardlinks"));
            }
            return self.set_existing(&path, true);
        };
        let Some(target) = self.system.metadata(src)? else { return Err(fail("src does not exist")) };
        let same = self.system.metadata(&path)?.is_some_and(|meta| meta.inode == target.inode);
        let needed = match self.was {
            "absent" => true,
            "link" => self.system.read_link(&path)? != src,
            "hard" if !same && !force => {
                return Err(fail("Cannot link, different hard link exists at destination"));
            }
            "hard" => !same,
            "directory" if same => false,
            "directory" if !force => return Err(fail("Cannot link: different hard link exists at destination")),
            "file" if !same && !force => return Err(fail("Cannot link, file exists at destination")),
            _ => !same,
        };
        if needed {
            let from = if *self.args.follow { self.system.canonicalize(src)? } else { src.to_owned() };
            let instead_of_directory = self.was == "directory";
            self.steps.push(Step::HardLink { path: path.clone(), target: from.clone(), instead_of_directory });
            let attributes = self.attributes.against(self.system, &from, &target)?;
            self.show(&attributes);
            if !attributes.is_empty() {
                self.steps.push(Step::Attributes { path: path.clone(), attributes });
            }
            self.set_times(&path, &target, true);
            return Ok(());
        }
        self.set_existing(&path, true)
    }
}

/// The path to work on: inside `path` where that is a directory and a name for it is given.
fn effective_path(args: &Args, state: Option<State>, system: &dyn System) -> Result<PathBuf, ModuleError> {
    let path = args.path.path(system)?;
    let inside = !matches!(state, Some(State::Link | State::Absent));
    if inside && system.metadata(&path)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
        let src = args.src.as_ref().map(PathArg::raw).and_then(|src| Path::new(src).file_name()?.to_str());
        if let Some(name) = args.original_basename.as_deref().or(src) {
            return Ok(path.join(name));
        }
    }
    // A trailing slash would make system calls follow a link.
    let text = path.to_string_lossy();
    let trimmed = text.trim_end_matches('/');
    Ok(PathBuf::from(if trimmed.is_empty() { "/" } else { trimmed }))
}

fn output(args: &Args, change: &Change, system: &dyn System) -> Result<Output, ModuleError> {
    let path = change.path.as_path();
    let text = Some(path.to_string_lossy().into_owned());
    let mut output = Output { info: PathInfo::of(system, path)?, diff: change.diff(), ..Output::default() };
    match change.state {
        State::Touch => output.dest = text,
        State::Link | State::Hard => {
            output.dest = text;
            output.src = match &args.src {
                Some(src) => Some(src.text(system)?),
                None => system.read_link(path).ok().map(|target| target.to_string_lossy().into_owned()),
            };
        }
        State::Absent => {
            output.path = text;
            output.info = PathInfo { state: Some("absent"), ..PathInfo::default() };
        }
        State::Directory | State::File => output.path = text,
    }
    Ok(output)
}

impl Module for File {
    const NAME: &'static str = "ansible.builtin.file";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.file"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let path = effective_path(args, args.state, system)?;
        let was = state_word(system.symlink_metadata(&path)?.as_ref());
        let state = args.state.unwrap_or(match was {
            "absent" if *args.recurse => State::Directory,
            "link" => State::Link,
            "directory" => State::Directory,
            "hard" => State::Hard,
            _ => State::File,
        });
        let fail = |msg: &str| ModuleError::new(msg).field("path", path.to_string_lossy());
        if was == "absent" && matches!(state, State::Absent | State::Directory) {
            dpkg::not_brought(system, &path)?;
        }
        if *args.recurse && state != State::Directory {
            return Err(fail("recurse option requires state to be 'directory'"));
        }
        if args.src.is_some() && !matches!(state, State::Link | State::Hard) {
            return Err(fail("src option requires state to be 'link' or 'hard'"));
        }
        let check_warnings = check_warnings(args, system)?;
        let warned = |error: ModuleError| {
            if check_warnings.is_empty() { error } else { error.field("_check_warnings", check_warnings.clone()) }
        };
        let attributes = if state == State::Absent { Default::default() } else { args.file_attributes() };
        let (accessed, modified) = (args.access_time.as_deref(), args.modification_time.as_deref());
        let mut plan = Plan {
            args,
            system,
            was,
            attributes: attributes.resolve(system).map_err(warned)?,
            accessed: Time::parse(accessed, &args.access_time_format, state)?,
            modified: Time::parse(modified, &args.modification_time_format, state)?,
            properties: Vec::new(),
            content: None,
            steps: Vec::new(),
            path,
        };
        plan.decide(state).map_err(warned)?;
        let Plan { path, was, properties, content, steps, .. } = plan;
        let unchanged = steps.is_empty();
        let was = if unchanged { state_name(state) } else { was };
        let change = Change { path, state, was: was.to_owned(), content, properties, steps };
        let output = Output { check_warnings, ..output(args, &change, system)? };
        Ok(if unchanged { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        dpkg::bring(system, &change.path)?;
        Self::apply(args, change, system).map(Simulated::known)
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let (steps, change) = (change.steps, Change { steps: Vec::new(), ..change });
        for step in steps {
            take(step, system)?;
        }
        output(args, &change, system)
    }

    fn made(change: &Change) -> Vec<Made> {
        change.made()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        change.shown()
    }
}
