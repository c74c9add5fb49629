//! What has to be done so that the destination is as the source.

use super::{Args, From, SourceFile, Step, Write};
use crate::dpkg;
use crate::module::ModuleError;
use crate::module::types::FileMode;
use crate::modules::support::diff::{New, file_diff};
use crate::modules::support::file_attributes::ResolvedAttributes;
use crate::modules::support::hash::Algorithm;
use crate::system::{Access, FileKind, Metadata, Ownership, System};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What has to be done.
pub(super) struct Planned {
    pub dest: String,
    pub single: bool,
    pub steps: Vec<Step>,
    pub msg: Option<String>,
}

struct Planner<'a> {
    args: &'a Args,
    system: &'a dyn System,
    attributes: ResolvedAttributes,
    steps: Vec<Step>,
    /// Directories that the steps make.
    made: BTreeSet<PathBuf>,
}

/// A file to bring.
struct Source {
    from: From,
    /// Its hash and the way it was made.
    hash: (Algorithm, String),
    /// Its permissions, for `mode: preserve`.
    mode: Option<u32>,
    size: u64,
    /// Permissions and owner of a file that is replaced are the source's, not the old one's.
    replaces_attributes: bool,
}

/// Compares source and destination.
pub(super) fn plan(args: &Args, system: &dyn System) -> Result<Planned, ModuleError> {
    let attributes = args.file_attributes().resolve(system)?;
    let planner = Planner { args, system, attributes, steps: Vec::new(), made: BTreeSet::new() };
    if *args.remote_src && args.content.is_none() {
        return planner.remote();
    }
    if args.directory {
        return planner.tree();
    }
    let (name, source) = match (args.text(), args.files.as_slice()) {
        (Some(text), _) => {
            let hash = (Algorithm::Sha256, Algorithm::Sha256.of_bytes(text.as_bytes()));
            let size = text.len() as u64;
            let from = From::Inline(text.into_bytes());
            (None, Source { from, hash, mode: None, size, replaces_attributes: false })
        }
        (None, [file]) => (Some(file.path.clone()), source(file)?),
        _ => return Err(ModuleError::new("src must be resolved by the controller before it gets here")),
    };
    planner.single(name.as_deref(), &source)
}

fn source(file: &SourceFile) -> Result<Source, ModuleError> {
    let from =
        match &file.inline {
            Some(text) => From::Inline(STANDARD.decode(text).map_err(|error| {
                ModuleError::new(format!("failed to decode the content of {}: {error}", file.path))
            })?),
            None => From::Blob { sha256: file.sha256.clone(), size: file.size },
        };
    let hash = (Algorithm::Sha256, file.sha256.clone());
    Ok(Source { from, hash, mode: file.mode, size: file.size, replaces_attributes: false })
}

impl Planner<'_> {
    fn done(self, dest: &Path, single: bool) -> Planned {
        Planned { dest: dest.to_string_lossy().into_owned(), single, steps: self.steps, msg: None }
    }

    fn kind(&self, path: &Path) -> Result<Option<FileKind>, ModuleError> {
        Ok(self.system.metadata(path)?.map(|meta| meta.kind))
    }

    /// One file, called `name` if it goes into a directory.
    fn single(mut self, name: Option<&str>, source: &Source) -> Result<Planned, ModuleError> {
        self.verify_checksum(source)?;
        let given = self.args.dest.path(self.system)?;
        let mut dest = given.clone();
        if given.to_string_lossy().ends_with('/') {
            self.make_directories(&given)?;
            dest = given.join(name.unwrap_or_default());
        } else if self.kind(&given)? == Some(FileKind::Directory) {
            let Some(name) = name else { return Err(ModuleError::new("can not use content with a dir as dest")) };
            dest = given.join(name);
        }
        if self.kind(&dest)? == Some(FileKind::Directory) {
            return Err(ModuleError::new(format!("failed to write {}: it is a directory", dest.display())));
        }
        let meta = self.system.symlink_metadata(&dest)?;
        if *self.args.follow && meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Link) {
            dest = follow(self.system, &dest)?;
        }
        if meta.is_some() && !*self.args.force {
            let mut planned = self.done(&dest, true);
            planned.steps.clear();
            planned.msg = Some("file already exists".to_owned());
            return Ok(planned);
        }
        self.check_parent(&dest)?;
        self.file(&dest, source)?;
        Ok(self.done(&dest, true))
    }

    fn verify_checksum(&self, source: &Source) -> Result<(), ModuleError> {
        let Some(expected) = &self.args.checksum else { return Ok(()) };
        let known = self.args.files.first().and_then(|file| file.sha1.clone());
        let found = match (known, &source.from) {
            (Some(sha1), _) => sha1,
            (None, From::Inline(bytes)) => Algorithm::Sha1.of_bytes(bytes),
            (None, From::Host(path)) => Algorithm::Sha1.of_file(self.system, path)?,
            (None, From::Blob { sha256, .. }) => Algorithm::Sha1
                .of(&mut *self.system.blob(sha256)?)
                .map_err(|error| ModuleError::new(format!("failed to read the source: {error}")))?,
        };
        if found == *expected {
            return Ok(());
        }
        Err(ModuleError::new("Copied file does not match the expected checksum. Transfer failed.")
            .field("checksum", found)
            .field("expected_checksum", expected.as_str()))
    }

    fn check_parent(&self, dest: &Path) -> Result<(), ModuleError> {
        let parent = dest.parent().unwrap_or(Path::new("/"));
        if self.made.contains(parent) {
            return Ok(());
        }
        let found = self.kind(parent)?;
        if found.is_none() && dpkg::bringer(self.system, parent).is_some() {
            return Ok(());
        }
        if found != Some(FileKind::Directory) {
            return Err(ModuleError::new(format!("Destination directory {} does not exist", parent.display())));
        }
        if !*self.args.unsafe_writes && !self.system.may(parent, Access::Write)? {
            return Err(ModuleError::new(format!("Destination {} not writable", parent.display())));
        }
        Ok(())
    }

    /// The permissions that `mode` means for this source.
    fn mode(&self, source: &Source) -> ResolvedAttributes {
        match (&self.args.mode, source.mode) {
            (Some(FileMode::Preserve), Some(mode)) => self.attributes.clone().with_mode(Some(FileMode::Bits(mode))),
            _ => self.attributes.clone(),
        }
    }

    fn file(&mut self, dest: &Path, source: &Source) -> Result<(), ModuleError> {
        let attributes = self.mode(source);
        let current = self.system.symlink_metadata(dest)?;
        let is_same = match &current {
            Some(meta) if meta.kind == FileKind::File => self.is_same(dest, meta, source)?,
            _ => false,
        };
        if let Some(meta) = current.as_ref().filter(|_| is_same) {
            let change = attributes.against(self.system, dest, meta)?;
            if !change.is_empty() {
                self.steps.push(Step::Attributes { path: dest.to_owned(), attributes: change });
            }
            return Ok(());
        }
        let regular = current.filter(|meta| meta.kind == FileKind::File);
        let umask = self.system.umask();
        let fresh = 0o666 & !umask;
        let base = match &regular {
            Some(_) if source.replaces_attributes => source.mode,
            Some(meta) => Some(meta.mode),
            None => None,
        };
        let mode = attributes.bits(base.unwrap_or(fresh), false, umask).or(base);
        let Ownership { mut uid, gid } = attributes.ownership();
        if source.replaces_attributes && regular.is_some() {
            uid = uid.or(Some(self.system.effective_uid()));
        }
        // Owner and mode are set while writing; what is left is for afterwards.
        let mut rest = attributes.for_new(self.system, dest, FileKind::File)?;
        (rest.uid, rest.gid, rest.mode) = (None, None, None);
        let diff = self.diff(dest, regular.as_ref(), source)?;
        let from = source.from.clone();
        let write = Write { path: dest.to_owned(), from, mode, uid, gid, attributes: rest, diff };
        self.steps.push(Step::Write(Box::new(write)));
        Ok(())
    }

    fn is_same(&self, dest: &Path, meta: &Metadata, source: &Source) -> Result<bool, ModuleError> {
        // What cannot be read is replaced.
        Ok(meta.size == source.size
            && self.system.may(dest, Access::Read)?
            && source.hash.0.of_file(self.system, dest)? == source.hash.1)
    }

    fn diff(&self, dest: &Path, old: Option<&Metadata>, source: &Source) -> Result<crate::module::Diff, ModuleError> {
        let named = dest.to_string_lossy();
        let after_header = self.args.src.as_ref().map_or(&*named, |src| src.raw());
        let content = || match &source.from {
            From::Inline(bytes) => Ok(bytes.clone()),
            From::Host(path) => Ok(self.system.read(path)?),
            From::Blob { sha256, .. } => {
                let mut bytes = Vec::new();
                let read = self.system.blob(sha256)?.read_to_end(&mut bytes);
                read.map_err(|error| ModuleError::new(format!("failed to read the source: {error}")))?;
                Ok(bytes)
            }
        };
        let new = New { header: after_header, size: source.size, content: &content };
        file_diff(self.system, dest, old, &new, self.args.max_diff_size)
    }

    /// Makes a directory with those above it.
    fn make_directories(&mut self, path: &Path) -> Result<(), ModuleError> {
        let mut missing = Vec::new();
        for ancestor in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            if self.made.contains(ancestor) {
                break;
            }
            match self.kind(ancestor)? {
                None => missing.push(ancestor.components().collect::<PathBuf>()),
                Some(FileKind::Directory) => break,
                Some(_) => {
                    let msg = format!("failed to make {}: {} is not a directory", path.display(), ancestor.display());
                    return Err(ModuleError::new(msg));
                }
            }
        }
        let attributes = self.attributes.clone().with_mode(self.args.directory_mode.clone());
        for path in missing.into_iter().rev() {
            let attributes = attributes.for_new(self.system, &path, FileKind::Directory)?;
            self.steps.push(Step::MakeDirectory { path: path.clone(), mode: None, attributes });
            self.made.insert(path);
        }
        Ok(())
    }

    /// A directory that is part of the source.
    fn directory(&mut self, path: &Path) -> Result<(), ModuleError> {
        let Some(meta) = self.system.metadata(path)?.filter(|meta| meta.kind == FileKind::Directory) else {
            return self.make_directories(path);
        };
        let wanted = self.attributes.clone().with_mode(self.args.directory_mode.clone());
        let attributes = wanted.against(self.system, path, &meta)?;
        if !attributes.is_empty() {
            self.steps.push(Step::Attributes { path: path.to_owned(), attributes });
        }
        Ok(())
    }

    fn link(&mut self, path: &Path, target: &str) -> Result<(), ModuleError> {
        let current = self.system.symlink_metadata(path)?;
        match current.map(|meta| meta.kind) {
            Some(FileKind::Link) if self.system.read_link(path)?.to_str() == Some(target) => return Ok(()),
            Some(FileKind::Directory) => {
                let msg = format!("refusing to convert from directory to symlink for {}", path.display());
                return Err(ModuleError::new(msg));
            }
            _ => {}
        }
        self.steps.push(Step::Link { path: path.to_owned(), target: target.to_owned() });
        Ok(())
    }

    /// A directory from the controller.
    fn tree(mut self) -> Result<Planned, ModuleError> {
        let args = self.args;
        let dest: PathBuf = self.args.dest.path(self.system)?.components().collect();
        self.make_directories(&dest)?;
        for directory in &args.dirs {
            self.directory(&dest.join(directory))?;
        }
        for file in &args.files {
            let path = dest.join(&file.path);
            if let Some(parent) = path.parent() {
                self.make_directories(parent)?;
            }
            if *args.force || self.system.symlink_metadata(&path)?.is_none() {
                self.file(&path, &source(file)?)?;
            }
        }
        for link in &args.links {
            let path = dest.join(&link.path);
            if let Some(parent) = path.parent() {
                self.make_directories(parent)?;
            }
            self.link(&path, &link.target)?;
        }
        let mut planned = self.done(&dest, false);
        planned.dest.push('/');
        Ok(planned)
    }

    /// A file or directory of the host itself.
    fn remote(mut self) -> Result<Planned, ModuleError> {
        let Some(src) = &self.args.src else { return Err(ModuleError::new("src (or content) is required")) };
        let path = src.path(self.system)?;
        let Some(meta) = self.system.metadata(&path)? else {
            return Err(ModuleError::new(format!("Source {} not found", src.raw())));
        };
        if !self.system.may(&path, Access::Read)? {
            return Err(ModuleError::new(format!("Source {} not readable", src.raw())));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        match meta.kind {
            FileKind::File => {
                let source = self.host_file(&path, &meta)?;
                self.single(name.as_deref(), &source)
            }
            FileKind::Directory => {
                let given = self.args.dest.path(self.system)?;
                let mut dest: PathBuf = given.components().collect();
                if !src.raw().ends_with('/') {
                    dest.push(name.unwrap_or_default());
                }
                let target = dest;
                // A destination that is made is what the result and the mode are about, even if the copy is inside.
                let given: PathBuf = given.components().collect();
                let dest = if self.kind(&given)?.is_some() { target.clone() } else { given };
                self.host_directory(&path, &target, &meta, 0)?;
                let change = match &self.system.metadata(&dest)? {
                    Some(top) => self.attributes.against(self.system, &dest, top)?,
                    None => self.attributes.for_new(self.system, &dest, FileKind::Directory)?,
                };
                if !change.is_empty() {
                    self.steps.push(Step::Attributes { path: dest.clone(), attributes: change });
                }
                Ok(self.done(&dest, false))
            }
            _ => Err(ModuleError::new(format!("Cannot copy invalid source '{}': not a file", src.raw()))),
        }
    }

    fn host_file(&self, path: &Path, meta: &Metadata) -> Result<Source, ModuleError> {
        let hash = (Algorithm::Sha1, Algorithm::Sha1.of_file(self.system, path)?);
        let from = From::Host(path.to_owned());
        Ok(Source { from, hash, mode: Some(meta.mode), size: meta.size, replaces_attributes: true })
    }

    fn host_directory(&mut self, src: &Path, dest: &Path, meta: &Metadata, depth: usize) -> Result<(), ModuleError> {
        if depth > 200 {
            return Err(ModuleError::new(format!("failed to copy {}: too deep", src.display())));
        }
        let owner = self.attributes.clone().with_mode(None);
        match self.system.metadata(dest)? {
            Some(there) if there.kind == FileKind::Directory => {
                let attributes = owner.against(self.system, dest, &there)?;
                if !attributes.is_empty() {
                    self.steps.push(Step::Attributes { path: dest.to_owned(), attributes });
                }
            }
            Some(_) => return Err(ModuleError::new(format!("failed to make {}: it is no directory", dest.display()))),
            None => {
                if let Some(parent) = dest.parent() {
                    self.make_directories(parent)?;
                }
                let attributes = owner.with_mode(Some(FileMode::Bits(meta.mode)));
                let attributes = attributes.for_new(self.system, dest, FileKind::Directory)?;
                self.steps.push(Step::MakeDirectory { path: dest.to_owned(), mode: Some(0o700), attributes });
                self.made.insert(dest.to_owned());
            }
        }
        let follow = self.args.local_follow.is_some_and(|follow| *follow);
        for name in self.system.read_dir(src)? {
            let (from, to) = (src.join(&name), dest.join(&name));
            let meta = if follow { self.system.metadata(&from)? } else { self.system.symlink_metadata(&from)? };
            let Some(meta) = meta else { continue };
            match meta.kind {
                FileKind::Directory => self.host_directory(&from, &to, &meta, depth + 1)?,
                FileKind::Link => {
                    let target = self.system.read_link(&from)?.to_string_lossy().into_owned();
                    self.link(&to, &target)?;
                    let owner = self.attributes.clone().with_mode(None);
                    let attributes = match self.system.symlink_metadata(&to)? {
                        Some(there) if there.kind == FileKind::Link => owner.against(self.system, &to, &there)?,
                        _ => owner.for_new(self.system, &to, FileKind::Link)?,
                    };
                    if !attributes.is_empty() {
                        self.steps.push(Step::Attributes { path: to, attributes });
                    }
                }
                FileKind::File => {
                    let source = self.host_file(&from, &meta)?;
                    // Files keep their own permissions; the owner is the task's.
                    let own = self.attributes.clone().with_mode(None);
                    let all = std::mem::replace(&mut self.attributes, own);
                    if self.system.symlink_metadata(&to)?.is_none() {
                        self.attributes = self.attributes.clone().with_mode(Some(FileMode::Bits(meta.mode)));
                    }
                    let planned = self.file(&to, &source);
                    self.attributes = all;
                    planned?;
                }
                _ => return Err(ModuleError::new(format!("failed to copy {}: not a file", from.display()))),
            }
        }
        Ok(())
    }
}

/// The end of a chain of links, there or not.
fn follow(system: &dyn System, path: &Path) -> Result<PathBuf, ModuleError> {
    match system.canonicalize(path) {
        Err(error) if error.is_not_found() => {
            let target = system.read_link(path)?;
            Ok(path.parent().unwrap_or(Path::new("/")).join(target))
        }
        result => Ok(result?),
    }
}
