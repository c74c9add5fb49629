//! Owner, group, mode, SELinux context and `chattr` flags: the parameters that all file modules share, and what they change.

use crate::module::ModuleError;
use crate::module::types::{FileMode, LooseString};
use crate::system::{Command, FileKind, Metadata, Ownership, System, users};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Declares a module's parameters with those of all file modules added, and `file_attributes()` to get at them.
macro_rules! file_args {
    ($(#[$meta:meta])* pub struct $name:ident { $($fields:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($fields)*
            /// Owner, by name or id.
            pub owner: Option<$crate::module::types::LooseString>,
            /// Group, by name or id.
            pub group: Option<$crate::module::types::LooseString>,
            /// Permissions: octal (`"0644"`), symbolic (`u=rw,g=r`) or `preserve`.
            pub mode: Option<$crate::module::types::FileMode>,
            /// Flags as `chattr` takes them, such as `+i`.
            #[serde(alias = "attr")]
            pub attributes: Option<String>,
            /// SELinux user. Ignored where SELinux is off; `_default` is what the policy says.
            pub seuser: Option<String>,
            /// SELinux role.
            pub serole: Option<String>,
            /// SELinux type.
            pub setype: Option<String>,
            /// SELinux level.
            pub selevel: Option<String>,
            /// Write in place where the file cannot be replaced, such as a file mounted into a container.
            #[serde(default)]
            pub unsafe_writes: $crate::module::types::LooseBool,
        }

        impl $name {
            fn file_attributes(&self) -> $crate::modules::support::file_attributes::FileAttributes {
                $crate::modules::support::file_attributes::FileAttributes {
                    owner: self.owner.clone(),
                    group: self.group.clone(),
                    mode: self.mode.clone(),
                    flags: self.attributes.clone(),
                    context: [self.seuser.clone(), self.serole.clone(), self.setype.clone(), self.selevel.clone()],
                }
            }
        }
    };
}
pub(crate) use file_args;

/// The attributes that a task asks for.
#[derive(Debug, Clone, Default)]
pub struct FileAttributes {
    /// User name or id.
    pub owner: Option<LooseString>,
    /// Group name or id.
    pub group: Option<LooseString>,
    /// Permissions.
    pub mode: Option<FileMode>,
    /// `chattr` flags.
    pub flags: Option<String>,
    /// SELinux user, role, type, level.
    pub context: [Option<String>; 4],
}

/// A number that changes; `before` is absent for something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Now.
    pub before: Option<u32>,
    /// Then.
    pub after: u32,
}

/// What has to change about a path's attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<Delta>,
    /// Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<Delta>,
    /// Permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Delta>,
    /// SELinux context, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<(String, String)>,
    /// Argument for `chattr`, flags before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<(String, String, String)>,
}

/// Under this kind a simulation keeps the flags that it would have set.
const FLAGS: &str = "file_flags";

/// Attributes with names looked up.
#[derive(Debug, Clone, Default)]
pub struct ResolvedAttributes {
    uid: Option<u32>,
    gid: Option<u32>,
    mode: Option<FileMode>,
    flags: Option<String>,
    context: [Option<String>; 4],
}

impl FileAttributes {
    /// Looks up owner and group.
    ///
    /// # Errors
    /// If there is no such user or group.
    pub fn resolve(self, system: &dyn System) -> Result<ResolvedAttributes, ModuleError> {
        let uid = match &self.owner {
            None => None,
            Some(name) => Some(match name.parse() {
                Ok(uid) => uid,
                Err(_) => users::user(system, name)?
                    .map(|user| user.uid)
                    .ok_or_else(|| ModuleError::new(format!("chown failed: failed to look up user {}", name.0)))?,
            }),
        };
        let gid = match &self.group {
            None => None,
            Some(name) => Some(match name.parse() {
                Ok(gid) => gid,
                Err(_) => users::group(system, name)?
                    .map(|group| group.gid)
                    .ok_or_else(|| ModuleError::new(format!("chgrp failed: failed to look up group {}", name.0)))?,
            }),
        };
        Ok(ResolvedAttributes { uid, gid, mode: self.mode, flags: self.flags, context: self.context })
    }
}

impl ResolvedAttributes {
    /// These with another mode.
    #[must_use]
    pub fn with_mode(mut self, mode: Option<FileMode>) -> Self {
        self.mode = mode;
        self
    }

    /// The owner and group to give.
    pub fn ownership(&self) -> Ownership {
        Ownership { uid: self.uid, gid: self.gid }
    }

    /// The permissions of a file made or replaced: `current` are those there are, or new ones' usual.
    pub fn bits(&self, current: u32, is_directory: bool, umask: u32) -> Option<u32> {
        self.mode.as_ref().map(|mode| mode.bits(current, is_directory, umask))
    }

    /// What has to change of something that is there. Links have no permissions of their own.
    ///
    /// # Errors
    /// If context or flags cannot be read.
    pub fn against(&self, system: &dyn System, path: &Path, meta: &Metadata) -> Result<AttributeChange, ModuleError> {
        let delta = |before: u32, after: Option<u32>| {
            after.filter(|after| *after != before).map(|after| Delta { before: Some(before), after })
        };
        let bits = self.bits(meta.mode, meta.kind == FileKind::Directory, system.umask());
        Ok(AttributeChange {
            uid: delta(meta.uid, self.uid),
            gid: delta(meta.gid, self.gid),
            mode: delta(meta.mode, bits.filter(|_| meta.kind != FileKind::Link)),
            context: self.context_change(system, path)?,
            flags: self.flag_change(system, path)?,
        })
    }

    /// What has to be set of something that is going to be made at `path`.
    ///
    /// # Errors
    /// If the policy's context cannot be had.
    pub fn for_new(&self, system: &dyn System, path: &Path, kind: FileKind) -> Result<AttributeChange, ModuleError> {
        let is_directory = kind == FileKind::Directory;
        let fresh = if is_directory { 0o777 } else { 0o666 } & !system.umask();
        let delta = |after: Option<u32>| after.map(|after| Delta { before: None, after });
        let bits = self.bits(fresh, is_directory, system.umask()).filter(|_| kind != FileKind::Link);
        Ok(AttributeChange {
            uid: delta(self.uid),
            gid: delta(self.gid),
            mode: delta(bits),
            context: self.context_change(system, path)?,
            flags: self.flag_change(system, path)?,
        })
    }

    fn context_change(&self, system: &dyn System, path: &Path) -> Result<Option<(String, String)>, ModuleError> {
        if self.context.iter().all(Option::is_none) {
            return Ok(None);
        }
        let existing = system.symlink_metadata(path)?.map(|_| path).or(path.parent()).unwrap_or(path);
        let Some(current) = system.security_context(existing)? else { return Ok(None) };
        let default = if self.context.iter().flatten().any(|part| part == "_default") {
            let path = path.to_string_lossy().into_owned();
            let answer = system.query(&Command::new(["matchpathcon".to_owned(), "-n".to_owned(), path]))?;
            answer.stdout_text().trim().to_owned()
        } else {
            String::new()
        };
        let mut parts: Vec<&str> = current.splitn(4, ':').collect();
        let defaults: Vec<&str> = default.splitn(4, ':').collect();
        for (index, part) in parts.iter_mut().enumerate() {
            match self.context[index].as_deref() {
                Some("_default") => *part = defaults.get(index).copied().unwrap_or(part),
                Some(wanted) => *part = wanted,
                None => {}
            }
        }
        let wanted = parts.join(":");
        Ok((wanted != current).then_some((current, wanted)))
    }

    fn flag_change(&self, system: &dyn System, path: &Path) -> Result<Option<(String, String, String)>, ModuleError> {
        let Some(flags) = self.flags.as_deref().filter(|flags| !flags.is_empty()) else { return Ok(None) };
        let current = current_flags(system, path)?;
        let (operator, wanted) = match flags.chars().next() {
            Some(operator @ ('+' | '-' | '=')) => (operator, &flags[1..]),
            _ => ('=', flags),
        };
        let mut after: Vec<char> = match operator {
            '=' => wanted.chars().collect(),
            '+' => current.chars().chain(wanted.chars()).collect(),
            _ => current.chars().filter(|flag| !wanted.contains(*flag)).collect(),
        };
        after.sort_unstable();
        after.dedup();
        let after: String = after.into_iter().collect();
        Ok((after != current).then(|| (format!("{operator}{wanted}"), current, after)))
    }
}

/// The flags at `path` without that of extents, which nobody sets; sorted.
fn current_flags(system: &dyn System, path: &Path) -> Result<String, ModuleError> {
    let text = path.to_string_lossy().into_owned();
    if let Some(serde_json::Value::String(flags)) = system.resource(FLAGS, &text) {
        return Ok(flags);
    }
    let Some(found) = system.file_flags(path)? else { return Ok(String::new()) };
    let mut flags: Vec<char> = found.letters.chars().filter(|flag| *flag != 'e').collect();
    flags.sort_unstable();
    Ok(flags.into_iter().collect())
}

impl AttributeChange {
    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Sets the attributes.
    ///
    /// # Errors
    /// If one cannot be set.
    pub fn apply(&self, path: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
        if let Some((_, context)) = &self.context {
            system.set_security_context(path, context)?;
        }
        let ownership = Ownership { uid: self.uid.map(|delta| delta.after), gid: self.gid.map(|delta| delta.after) };
        if ownership != Ownership::default() {
            system.set_owner(path, ownership, false)?;
        }
        if let Some(mode) = self.mode {
            system.set_mode(path, mode.after)?;
        } else if ownership != Ownership::default()
            && let Some(meta) = system.symlink_metadata(path)?
            && meta.kind == FileKind::Directory
            && meta.mode & 0o6000 != 0
        {
            // A new owner costs the setuid and setgid bits, which nobody asked for.
            system.set_mode(path, meta.mode)?;
        }
        if let Some((argument, _, after)) = &self.flags {
            let text = path.to_string_lossy().into_owned();
            let answer = system.run(&Command::new(["chattr".to_owned(), argument.clone(), text.clone()]))?;
            if !answer.success() {
                return Err(ModuleError::new("chattr failed").field("details", answer.stderr_text()));
            }
            system.set_resource(FLAGS, &text, serde_json::Value::String(after.clone()));
        }
        Ok(())
    }

    /// For diffs: name, before, after.
    pub fn properties(&self) -> Vec<(&'static str, String, String)> {
        let number = |name, delta: Option<Delta>| {
            delta.map(|delta| {
                (name, delta.before.map_or_else(String::new, |id| id.to_string()), delta.after.to_string())
            })
        };
        let octal = |mode: u32| format!("0{mode:03o}");
        let mode = self.mode.map(|mode| ("mode", mode.before.map_or_else(String::new, octal), octal(mode.after)));
        let context = self.context.clone().map(|(before, after)| ("secontext", before, after));
        let flags = self.flags.clone().map(|(_, before, after)| ("attributes", before, after));
        [number("owner", self.uid), number("group", self.gid), mode, context, flags].into_iter().flatten().collect()
    }
}
