//! What `file` decides to do, how a result tells of it, and doing it.

use super::{Args, State};
use crate::module::{Diff, Made, ModuleError};
use crate::modules::support::file_attributes::AttributeChange;
use crate::system::{FileKind, System, WriteFile, users};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A property that changes: name, before, after.
pub type Property = (String, Value, Value);

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    MakeDirectory { path: PathBuf, attributes: AttributeChange },
    MakeFile { path: PathBuf, attributes: AttributeChange },
    Link { path: PathBuf, target: String, instead_of_directory: bool },
    HardLink { path: PathBuf, target: PathBuf, instead_of_directory: bool },
    Remove { path: PathBuf, directory: bool },
    Attributes { path: PathBuf, attributes: AttributeChange },
    Touch { path: PathBuf },
    Times { path: PathBuf, accessed: Option<f64>, modified: Option<f64> },
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    pub(super) path: PathBuf,
    pub(super) state: State,
    pub(super) was: String,
    pub(super) content: Option<Value>,
    pub(super) properties: Vec<Property>,
    /// Attributes that only the new link's target has: set once it is there.
    pub(super) steps: Vec<Step>,
}

impl Change {
    /// Directories that are made on the way.
    pub(super) fn made(&self) -> Vec<Made> {
        let directory = |step: &Step| match step {
            Step::MakeDirectory { path, .. } if *path != self.path => Some(Made::Directory(path.clone())),
            _ => None,
        };
        self.steps.iter().filter_map(directory).collect()
    }

    /// The change for people.
    pub(super) fn shown(&self) -> Vec<Diff> {
        let path = self.path.to_string_lossy();
        let state = state_name(self.state);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut properties = vec![("path", path.to_string(), path.to_string())];
        if self.was != state {
            properties.push(("state", self.was.clone(), state.to_owned()));
        }
        let more = self.properties.iter().map(|(name, old, new)| (name.as_str(), text(old), text(new)));
        properties.extend(more);
        vec![Diff::properties(path, properties)]
    }

    /// The properties that differ, as the result has them.
    pub(super) fn diff(&self) -> Value {
        let (mut before, mut after) = (Map::new(), Map::new());
        for side in [&mut before, &mut after] {
            side.insert("path".to_owned(), json!(self.path));
        }
        let state = state_name(self.state);
        if self.was != state {
            before.insert("state".to_owned(), json!(self.was));
            after.insert("state".to_owned(), json!(state));
        }
        before.extend(self.content.clone().map(|content| ("path_content".to_owned(), content)));
        for (name, old, new) in &self.properties {
            before.insert(name.clone(), old.clone());
            after.insert(name.clone(), new.clone());
        }
        json!({"before": before, "after": after})
    }
}

/// Its name in tasks.
pub(super) fn state_name(state: State) -> &'static str {
    match state {
        State::Absent => "absent",
        State::Directory => "directory",
        State::File => "file",
        State::Hard => "hard",
        State::Link => "link",
        State::Touch => "touch",
    }
}

/// An owner or a group that is not there may be made by an earlier task: a check only warns of it.
pub(super) fn check_warnings(args: &Args, system: &dyn System) -> Result<Vec<String>, ModuleError> {
    let mut warnings = Vec::new();
    let later = |what: &str, id: &str, name: &str| {
        let what = what.to_owned() + id;
        let kind = what.split(' ').next().unwrap_or_default();
        format!("failed to look up {what} {name}. Create {kind} up to this point in real play")
    };
    if let Some(owner) = &args.owner {
        match owner.parse() {
            Ok(uid) if users::user_by_uid(system, uid)?.is_none() => warnings.push(later("user", " with uid", owner)),
            Err(_) if users::user(system, owner)?.is_none() => warnings.push(later("user", "", owner)),
            _ => {}
        }
    }
    if let Some(group) = &args.group {
        match group.parse() {
            Ok(gid) if users::group_by_gid(system, gid)?.is_none() => warnings.push(later("group", " with gid", group)),
            Err(_) if users::group(system, group)?.is_none() => warnings.push(later("group", "", group)),
            _ => {}
        }
    }
    Ok(warnings)
}

/// Does it.
///
/// # Errors
/// What the system refuses.
pub(super) fn take(step: Step, system: &mut dyn System) -> Result<(), ModuleError> {
    match step {
        Step::MakeDirectory { path, attributes } => {
            match system.create_dir(&path, 0o777) {
                // Made by somebody else meanwhile.
                Err(_) if system.metadata(&path)?.is_some_and(|meta| meta.kind == FileKind::Directory) => {}
                result => result?,
            }
            attributes.apply(&path, system)?;
        }
        Step::MakeFile { path, attributes } => {
            system.write(&path, &WriteFile::new(""))?;
            if let Err(error) = attributes.apply(&path, system) {
                system.remove(&path)?;
                return Err(error);
            }
        }
        Step::Link { path, target, instead_of_directory } => {
            if instead_of_directory {
                system.remove(&path)?;
            }
            system.symlink(Path::new(&target), &path)?;
        }
        Step::HardLink { path, target, instead_of_directory } => {
            if instead_of_directory {
                system.remove(&path)?;
            }
            system.hard_link(&target, &path)?;
        }
        Step::Remove { path, directory: true } => system.remove_dir_all(&path)?,
        Step::Remove { path, directory: false } => match system.remove(&path) {
            Err(error) if error.is_not_found() => {}
            result => result?,
        },
        Step::Attributes { path, attributes } => attributes.apply(&path, system)?,
        Step::Touch { path } => system.touch(&path)?,
        Step::Times { path, accessed, modified } => system.set_times(&path, accessed, modified)?,
    }
    Ok(())
}
