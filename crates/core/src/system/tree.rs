//! A file tree in memory, alone or on top of a machine's: what [`overlay`](super::overlay) and the fake machine are made of.
//!
//! Nothing below a removed or freshly made directory shows through; everything else does until it is changed.

use super::{Content, FileKind, Metadata, Ownership, Result, System, SystemError, WriteFile};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// What a changed path holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Body {
    /// Bytes of a file.
    #[serde(with = "base64_bytes")]
    Bytes(Arc<[u8]>),
    /// Content of a file of the machine below.
    Below(PathBuf),
    /// Content that the controller has.
    Blob(String),
    /// Content that only apply will know.
    NotKnownYet,
    /// A directory; an opaque one hides what the machine below has in it.
    Directory { opaque: bool },
    /// A symbolic link.
    Link(PathBuf),
    /// A device, FIFO or socket.
    Special,
}

/// A changed path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Node {
    pub meta: Metadata,
    pub body: Body,
    pub context: Option<String>,
}

/// Changed paths by their real (link-free) path; `None` where something was removed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    nodes: BTreeMap<PathBuf, Option<Node>>,
    inodes: u64,
    log: Vec<Touched>,
}

/// A place that was changed, in the order of the changes.
#[derive(Debug, Clone)]
enum Touched {
    /// What is at the path now.
    Node(PathBuf),
    /// All that was changed there and below was forgotten.
    Cut(PathBuf),
}

/// A change of a tree, complete in itself: it can be made to another tree over the same machine without looking there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum TreeEdit {
    /// This is at the path, or nothing.
    Node(PathBuf, Option<Box<Node>>),
    /// Nothing is known to be changed there and below.
    Cut(PathBuf),
}

/// The machine below, if any.
pub(super) type Below<'a> = Option<&'a dyn System>;

/// Who makes a file, and when.
#[derive(Clone, Copy)]
pub(super) struct Maker {
    pub uid: u32,
    pub umask: u32,
    pub now: f64,
}

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

fn failed<T>(operation: &'static str, path: &Path, errno: Errno) -> Result<T> {
    Err(SystemError::io(operation, path, io::Error::from_raw_os_error(errno.raw_os_error())))
}

impl Tree {
    /// Whether nothing was changed yet.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn put_node(&mut self, real: PathBuf, node: Option<Node>) {
        self.log.push(Touched::Node(real.clone()));
        self.nodes.insert(real, node);
    }

    fn cut(&mut self, real: &Path) {
        self.log.push(Touched::Cut(real.to_owned()));
        self.nodes.retain(|child, _| !child.starts_with(real));
    }

    /// What was changed since this was last asked.
    pub fn take_edits(&mut self) -> Vec<TreeEdit> {
        let touched = std::mem::take(&mut self.log);
        let edit = |touched| match touched {
            // A node that is not there any more was cut later: that follows.
            Touched::Node(path) => {
                let node = self.nodes.get(&path)?.clone();
                Some(TreeEdit::Node(path, node.map(Box::new)))
            }
            Touched::Cut(path) => Some(TreeEdit::Cut(path)),
        };
        touched.into_iter().filter_map(edit).collect()
    }

    /// Makes changes that were made to another tree over the same machine.
    pub fn make_edits(&mut self, edits: &[TreeEdit]) {
        for edit in edits {
            match edit {
                TreeEdit::Node(path, node) => {
                    self.nodes.insert(path.clone(), node.as_deref().cloned());
                }
                TreeEdit::Cut(path) => self.nodes.retain(|child, _| !child.starts_with(path)),
            }
        }
    }

    /// Whether what is at a real path was changed, made or removed.
    pub fn is_changed(&self, path: &Path) -> bool {
        path.ancestors().any(|path| match self.nodes.get(path) {
            Some(Some(Node { body: Body::Directory { opaque: false }, .. })) | None => false,
            Some(_) => true,
        }) || self.nodes.contains_key(path)
    }

    /// Whether the machine below has something else at a path, or nothing, as far as content goes.
    pub fn is_another(&self, below: &dyn System, path: &Path) -> bool {
        let Ok(real) = self.resolve(Some(below), path, true) else { return false };
        real.ancestors().any(|at| match self.nodes.get(at) {
            None | Some(Some(Node { body: Body::Directory { opaque: false } | Body::Special, .. })) => false,
            Some(Some(Node { body: Body::Below(original), .. })) => original != at,
            Some(_) => true,
        })
    }

    /// All changed paths.
    #[cfg(feature = "controller")]
    pub fn iter(&self) -> impl Iterator<Item = (&PathBuf, Option<&Node>)> {
        self.nodes.iter().map(|(path, node)| (path, node.as_ref()))
    }

    /// `path` with links resolved in all components but, unless `follow`, the last one. Missing components are kept.
    pub fn resolve(&self, below: Below<'_>, path: &Path, follow: bool) -> Result<PathBuf> {
        let mut pending = Vec::new();
        push_components(&mut pending, path);
        let mut current = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                current.pop();
                continue;
            }
            current.push(name);
            if pending.is_empty() && !follow {
                break;
            }
            if let Some(Node { body: Body::Link(target), .. }) = self.lookup(below, &current)? {
                links += 1;
                if links > MAX_LINKS {
                    return failed("follow", path, Errno::LOOP);
                }
                current.pop();
                if target.is_absolute() {
                    current = PathBuf::from("/");
                }
                push_components(&mut pending, &target);
            }
        }
        Ok(current)
    }

    /// What is at a real path.
    pub fn lookup(&self, below: Below<'_>, path: &Path) -> Result<Option<Node>> {
        if let Some(node) = self.nodes.get(path) {
            return Ok(node.clone());
        }
        for ancestor in path.ancestors().skip(1) {
            match self.nodes.get(ancestor) {
                Some(Some(Node { body: Body::Directory { opaque: false }, .. })) => break,
                Some(_) => return Ok(None),
                None => {}
            }
        }
        let Some(below) = below else { return Ok(None) };
        let Some(meta) = below.symlink_metadata(path)? else { return Ok(None) };
        let body = match meta.kind {
            FileKind::File => Body::Below(path.to_owned()),
            FileKind::Directory => Body::Directory { opaque: false },
            FileKind::Link => Body::Link(below.read_link(path)?),
            _ => Body::Special,
        };
        Ok(Some(Node { meta, body, context: None }))
    }

    /// What is at `path`.
    pub fn node(&self, below: Below<'_>, path: &Path, follow: bool) -> Result<Option<Node>> {
        let path = self.resolve(below, path, follow)?;
        self.lookup(below, &path)
    }

    /// A reader over a file's content; `blob` gives what the controller holds.
    pub fn open<'a>(
        &'a self,
        below: Option<&'a dyn System>,
        path: &Path,
        blob: impl FnOnce(&str) -> Result<Box<dyn Read + 'a>>,
    ) -> Result<Box<dyn Read + 'a>> {
        let Some(node) = self.node(below, path, true)? else { return failed("read", path, Errno::NOENT) };
        match node.body {
            Body::Bytes(bytes) => Ok(Box::new(io::Cursor::new(bytes))),
            Body::Below(original) => match below {
                Some(below) => below.open(&original),
                None => failed("read", path, Errno::NOENT),
            },
            Body::Blob(sha256) => blob(&sha256),
            Body::NotKnownYet => Err(SystemError::NotKnownYet(path.to_owned())),
            Body::Directory { .. } => failed("read", path, Errno::ISDIR),
            Body::Link(_) => failed("read", path, Errno::LOOP),
            Body::Special => match below {
                Some(below) if node.meta.kind == FileKind::CharDevice => below.open(path),
                _ => failed("read", path, Errno::NXIO),
            },
        }
    }

    /// Names in a directory.
    pub fn read_dir(&self, below: Below<'_>, path: &Path) -> Result<Vec<OsString>> {
        let real = self.resolve(below, path, true)?;
        let opaque = match self.lookup(below, &real)? {
            None => return failed("list", path, Errno::NOENT),
            Some(Node { body: Body::Directory { opaque }, .. }) => opaque,
            Some(_) => return failed("list", path, Errno::NOTDIR),
        };
        let mut names = BTreeSet::new();
        if let (Some(below), false) = (below, opaque) {
            names.extend(below.read_dir(&real)?);
        }
        for (child, node) in self.below_path(&real).filter(|(child, _)| child.parent() == Some(&real)) {
            if let Some(name) = child.file_name() {
                if node.is_some() {
                    names.insert(name.to_owned());
                } else {
                    names.remove(name);
                }
            }
        }
        Ok(names.into_iter().collect())
    }

    fn below_path<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Option<Node>)> {
        self.nodes
            .range(path.to_owned()..)
            .take_while(move |(child, _)| child.starts_with(path))
            .filter(move |(child, _)| *child != path)
    }

    fn parent(&self, below: Below<'_>, operation: &'static str, real: &Path) -> Result<()> {
        let parent = real.parent().unwrap_or(real);
        match self.lookup(below, parent)? {
            Some(Node { body: Body::Directory { .. }, .. }) => Ok(()),
            Some(_) => failed(operation, real, Errno::NOTDIR),
            None => failed(operation, real, Errno::NOENT),
        }
    }

    fn new_meta(&mut self, kind: FileKind, mode: u32, maker: Maker) -> Metadata {
        self.inodes += 1;
        Metadata {
            kind,
            mode,
            uid: maker.uid,
            gid: maker.uid,
            size: if kind == FileKind::Directory { 4096 } else { 0 },
            // Away from real ones.
            inode: 0x7000_0000_0000 + self.inodes,
            device: 1,
            rdev: 0,
            links: if kind == FileKind::Directory { 2 } else { 1 },
            blocks: 0,
            block_size: 4096,
            accessed: maker.now,
            modified: maker.now,
            changed: maker.now,
        }
    }

    /// Writes a file as [`System::write`] does.
    pub fn write(&mut self, below: Below<'_>, path: &Path, file: &WriteFile, maker: Maker) -> Result<()> {
        let real = self.resolve(below, path, false)?;
        self.parent(below, "write", &real)?;
        let (body, size) = match &file.content {
            Content::Bytes(bytes) => (Body::Bytes(bytes.as_slice().into()), bytes.len() as u64),
            Content::Blob { sha256, size } => (Body::Blob(sha256.clone()), *size),
            Content::NotKnownYet => (Body::NotKnownYet, 0),
            Content::CopyOf(original) => match self.node(below, original, true)? {
                Some(node) if node.meta.kind == FileKind::File => (node.body, node.meta.size),
                Some(_) => return failed("copy", original, Errno::INVAL),
                None => return failed("copy", original, Errno::NOENT),
            },
        };
        let new = self.new_meta(FileKind::File, 0o666 & !maker.umask, maker);
        let mut meta = match self.lookup(below, &real)? {
            Some(Node { meta, .. }) if meta.kind == FileKind::Directory => return failed("write", path, Errno::ISDIR),
            Some(Node { meta, .. }) if meta.kind == FileKind::File => {
                Metadata { mode: meta.mode, uid: meta.uid, gid: meta.gid, ..new }
            }
            _ => new,
        };
        meta.size = size;
        meta.blocks = size.div_ceil(512);
        meta.mode = file.mode.unwrap_or(meta.mode);
        meta.uid = file.ownership.uid.unwrap_or(meta.uid);
        meta.gid = file.ownership.gid.unwrap_or(meta.gid);
        self.put_node(real, Some(Node { meta, body, context: None }));
        Ok(())
    }

    /// Makes a directory.
    pub fn create_dir(&mut self, below: Below<'_>, path: &Path, mode: u32, maker: Maker) -> Result<()> {
        let real = self.resolve(below, path, false)?;
        if self.lookup(below, &real)?.is_some() {
            return failed("make", path, Errno::EXIST);
        }
        self.parent(below, "make", &real)?;
        let meta = self.new_meta(FileKind::Directory, mode & !maker.umask, maker);
        self.put_node(real, Some(Node { meta, body: Body::Directory { opaque: true }, context: None }));
        Ok(())
    }

    /// Removes a file, a link, an empty directory or, if `recursive`, any directory.
    pub fn remove(&mut self, below: Below<'_>, path: &Path, recursive: bool) -> Result<()> {
        let real = self.resolve(below, path, false)?;
        let Some(node) = self.lookup(below, &real)? else { return failed("remove", path, Errno::NOENT) };
        let directory = node.meta.kind == FileKind::Directory;
        if directory && !recursive && !self.read_dir(below, &real)?.is_empty() {
            return failed("remove", path, Errno::NOTEMPTY);
        }
        self.cut(&real);
        if below.is_some() {
            self.put_node(real, None);
        }
        Ok(())
    }

    /// Renames, replacing what is there.
    pub fn rename(&mut self, below: Below<'_>, from: &Path, to: &Path) -> Result<()> {
        let (from, to) = (self.resolve(below, from, false)?, self.resolve(below, to, false)?);
        self.parent(below, "rename to", &to)?;
        let mut moved = Vec::new();
        self.collect(below, &from, &mut moved)?;
        if moved.is_empty() {
            return failed("rename", &from, Errno::NOENT);
        }
        if self.lookup(below, &to)?.is_some() {
            self.remove(below, &to, false)?;
        }
        self.remove(below, &from, true)?;
        for (path, node) in moved {
            let rest = path.strip_prefix(&from).unwrap_or(&path);
            let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
            self.put_node(target, Some(node));
        }
        Ok(())
    }

    fn collect(&self, below: Below<'_>, path: &Path, found: &mut Vec<(PathBuf, Node)>) -> Result<()> {
        let Some(mut node) = self.lookup(below, path)? else { return Ok(()) };
        let directory = node.meta.kind == FileKind::Directory;
        if directory {
            node.body = Body::Directory { opaque: true };
        }
        found.push((path.to_owned(), node));
        if directory {
            for name in self.read_dir(below, path)? {
                self.collect(below, &path.join(name), found)?;
            }
        }
        Ok(())
    }

    /// Makes a symbolic link, replacing a file or link.
    pub fn symlink(&mut self, below: Below<'_>, target: &Path, link: &Path, maker: Maker) -> Result<()> {
        let real = self.resolve(below, link, false)?;
        self.parent(below, "link", &real)?;
        if self.lookup(below, &real)?.is_some_and(|node| node.meta.kind == FileKind::Directory) {
            return failed("link", link, Errno::ISDIR);
        }
        let mut meta = self.new_meta(FileKind::Link, 0o777, maker);
        meta.size = target.as_os_str().len() as u64;
        self.put_node(real, Some(Node { meta, body: Body::Link(target.to_owned()), context: None }));
        Ok(())
    }

    /// Makes a hard link, replacing a file or link.
    pub fn hard_link(&mut self, below: Below<'_>, existing: &Path, link: &Path) -> Result<()> {
        let existing = self.resolve(below, existing, false)?;
        let real = self.resolve(below, link, false)?;
        self.parent(below, "link", &real)?;
        let Some(mut node) = self.lookup(below, &existing)? else { return failed("link", &existing, Errno::NOENT) };
        if node.meta.kind == FileKind::Directory {
            return failed("link", &existing, Errno::PERM);
        }
        node.meta.links += 1;
        self.put_node(existing, Some(node.clone()));
        self.put_node(real, Some(node));
        Ok(())
    }

    /// Changes a path's attributes.
    pub fn update(
        &mut self,
        below: Below<'_>,
        operation: &'static str,
        path: &Path,
        follow: bool,
        change: impl FnOnce(&mut Node),
    ) -> Result<()> {
        let real = self.resolve(below, path, follow)?;
        let Some(mut node) = self.lookup(below, &real)? else { return failed(operation, path, Errno::NOENT) };
        change(&mut node);
        self.put_node(real, Some(node));
        Ok(())
    }

    /// Puts a node where a test wants it, making the directories above.
    #[cfg(feature = "controller")]
    pub fn put(&mut self, path: &Path, kind: FileKind, body: Body, maker: Maker) -> &mut Metadata {
        for ancestor in path.ancestors().skip(1) {
            if !self.nodes.contains_key(ancestor) {
                let meta = self.new_meta(FileKind::Directory, 0o755, maker);
                let node = Node { meta, body: Body::Directory { opaque: true }, context: None };
                self.nodes.insert(ancestor.to_owned(), Some(node));
            }
        }
        let mode = match kind {
            FileKind::Directory => 0o755,
            FileKind::Link => 0o777,
            _ => 0o644,
        };
        let mut meta = self.new_meta(kind, mode, maker);
        match &body {
            Body::Bytes(bytes) => meta.size = bytes.len() as u64,
            Body::Link(target) => meta.size = target.as_os_str().len() as u64,
            _ => {}
        }
        let fresh = Node { meta, body, context: None };
        let slot = self.nodes.entry(path.to_owned()).or_insert(None);
        &mut slot.insert(fresh).meta
    }
}

/// Sets what `ownership` gives.
pub(super) fn own(meta: &mut Metadata, ownership: Ownership) {
    meta.uid = ownership.uid.unwrap_or(meta.uid);
    meta.gid = ownership.gid.unwrap_or(meta.gid);
}

/// Components of `path` onto a stack, the first one on top.
fn push_components(stack: &mut Vec<OsString>, path: &Path) {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => stack.push(name.to_owned()),
            Component::ParentDir => stack.push("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
}

/// Contents as text.
mod base64_bytes {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};
    use std::sync::Arc;

    pub fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Into::into).map_err(D::Error::custom)
    }
}
