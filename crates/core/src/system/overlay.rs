//! A simulated machine: reads see the machine below, changes stay in memory. What plans run on.
//!
//! It never runs a command that may change something, and sends no request that may.

use super::http::{HttpRequest, HttpResponse};
use super::planned_sql::{self, SERVER, Server};
use super::sql::{SqlAnswer, SqlRequest, SqlResult};
use super::tree::{Body, Maker, Node, Tree, TreeEdit, own};
use super::{
    Access, Command, CommandOutput, FileFlags, FileKind, FilesystemUsage, InterfaceAddress, Metadata, Mime, Ownership,
    Result, Stream, System, SystemError, Uname, WriteFile,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Changes in memory on top of `B`.
pub struct Overlay<B> {
    below: B,
    tree: Tree,
    resources: BTreeMap<(String, String), Value>,
    touched: BTreeSet<(String, String)>,
    commands: Vec<Command>,
}

/// What a simulation has changed: for other simulations of the same machine, which other users' helpers have.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Delta {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<TreeEdit>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<(String, String, Value)>,
}

/// Packages that bring a database server.
const PACKAGES: &[&str] = &["mariadb-server", "mysql-server", "default-mysql-server"];
/// Kinds of resources that are no host's own: what one host's simulation makes of them, all others see.
const SHARED: &[&str] = &["docker_swarm_member"];

impl Delta {
    /// What other hosts have to know of it.
    #[cfg(feature = "controller")]
    pub(crate) fn shared(&self) -> Option<Self> {
        let resources: Vec<_> =
            self.resources.iter().filter(|(kind, ..)| SHARED.contains(&kind.as_str())).cloned().collect();
        (!resources.is_empty()).then_some(Self { files: Vec::new(), resources })
    }
}

/// A simulated machine that shares what is changed with others like it.
pub trait Simulation: System {
    /// What was changed here since this was last asked, if anything.
    fn take_delta(&mut self) -> Option<Delta>;

    /// Makes changes that were made elsewhere.
    fn merge(&mut self, delta: &Delta);
}

impl<B: System> Simulation for Overlay<B> {
    fn take_delta(&mut self) -> Option<Delta> {
        let resources = std::mem::take(&mut self.touched).into_iter().map(|key| {
            let state = self.resources.get(&key).cloned().unwrap_or_default();
            (key.0, key.1, state)
        });
        let delta = Delta { files: self.tree.take_edits(), resources: resources.collect() };
        (!delta.files.is_empty() || !delta.resources.is_empty()).then_some(delta)
    }

    fn merge(&mut self, delta: &Delta) {
        self.tree.make_edits(&delta.files);
        for (kind, key, state) in &delta.resources {
            self.resources.insert((kind.clone(), key.clone()), state.clone());
        }
    }
}

impl<B: System> Overlay<B> {
    /// Nothing changed yet on top of `below`.
    pub fn new(below: B) -> Self {
        Self {
            below,
            tree: Tree::default(),
            resources: BTreeMap::new(),
            touched: BTreeSet::new(),
            commands: Vec::new(),
        }
    }

    /// The machine below.
    pub fn below(&self) -> &B {
        &self.below
    }

    /// The machine below, to set it up for the next call.
    pub fn below_mut(&mut self) -> &mut B {
        &mut self.below
    }

    /// The commands that would have been run.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Paths that were changed, made or removed.
    #[cfg(feature = "controller")]
    pub fn changed_paths(&self) -> impl Iterator<Item = &Path> {
        self.tree.iter().map(|(path, _)| path.as_path())
    }

    fn maker(&self) -> Maker {
        Maker { uid: self.below.effective_uid(), umask: self.below.umask(), now: self.below.now() }
    }

    /// What a plan knows of a database server: what was made of it, or that it comes with a package and is new.
    fn server(&self, request: &SqlRequest) -> Option<Server> {
        let key = planned_sql::key(&request.host, request.port);
        if let Some(state) = self.resource(SERVER, &key) {
            return serde_json::from_value(state).ok();
        }
        let comes = |name: &&str| self.resource("package", name).is_some_and(|package| package["installed"] == true);
        let new = key == planned_sql::key("localhost", 3306)
            && PACKAGES.iter().any(comes)
            && matches!(self.metadata(Path::new("/var/lib/mysql")), Ok(None));
        new.then(|| Server::new([]))
    }

    fn node(&self, path: &Path, follow: bool) -> Result<Option<Node>> {
        self.tree.node(Some(&self.below), path, follow)
    }
}

impl<B: System> System for Overlay<B> {
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        if self.tree.is_empty() {
            return self.below.metadata(path);
        }
        Ok(self.node(path, true)?.map(|node| node.meta))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        if self.tree.is_empty() {
            return self.below.symlink_metadata(path);
        }
        Ok(self.node(path, false)?.map(|node| node.meta))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read + '_>> {
        if self.tree.is_empty() {
            return self.below.open(path);
        }
        self.tree.open(Some(&self.below), path, |sha256| self.below.blob(sha256))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<OsString>> {
        if self.tree.is_empty() {
            return self.below.read_dir(path);
        }
        self.tree.read_dir(Some(&self.below), path)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        match self.node(path, false)? {
            Some(Node { body: Body::Link(target), .. }) => Ok(target),
            _ => self.below.read_link(path),
        }
    }

    fn canonicalize(&self, path: &Path) -> Result<PathBuf> {
        if self.tree.is_empty() {
            return self.below.canonicalize(path);
        }
        let real = self.tree.resolve(Some(&self.below), path, true)?;
        match self.tree.lookup(Some(&self.below), &real)? {
            Some(_) => Ok(real),
            None => Err(SystemError::io("resolve", path, std::io::ErrorKind::NotFound.into())),
        }
    }

    /// A command sees the machine below: what it would say about files that a plan makes is not known.
    fn query(&self, command: &Command) -> Result<CommandOutput> {
        if !self.tree.is_empty() {
            let words = command.argv.iter().map(Path::new).filter(|word| word.is_absolute());
            let mut paths = words.chain(command.cwd.as_deref());
            if let Some(path) = paths.find(|path| self.tree.is_another(&self.below, path)) {
                return Err(SystemError::NotKnownYet(path.to_owned()));
            }
        }
        self.below.query(command)
    }

    fn env(&self, name: &str) -> Option<String> {
        self.below.env(name)
    }

    fn home(&self) -> PathBuf {
        self.below.home()
    }

    fn directory(&self) -> PathBuf {
        self.below.directory()
    }

    fn umask(&self) -> u32 {
        self.below.umask()
    }

    fn now(&self) -> f64 {
        self.below.now()
    }

    fn sleep(&self, _: Duration) {}

    fn environment(&self) -> BTreeMap<String, String> {
        self.below.environment()
    }

    fn uname(&self) -> Result<Uname> {
        self.below.uname()
    }

    fn interface_addresses(&self) -> Result<Vec<InterfaceAddress>> {
        self.below.interface_addresses()
    }

    fn filesystem_usage(&self, path: &Path) -> Result<Option<FilesystemUsage>> {
        self.below.filesystem_usage(path)
    }

    fn effective_uid(&self) -> u32 {
        self.below.effective_uid()
    }

    fn may(&self, path: &Path, access: Access) -> Result<bool> {
        let real = self.tree.resolve(Some(&self.below), path, true)?;
        if self.tree.is_changed(&real) {
            return Ok(self.node(path, true)?.is_some_and(|node| permits(&node.meta, self.effective_uid(), access)));
        }
        self.below.may(path, access)
    }

    fn mime(&self, path: &Path) -> Result<Option<Mime>> {
        match self.node(path, false)? {
            Some(Node { body: Body::Below(original), .. }) => self.below.mime(&original),
            // Only a real content can be looked into.
            _ => Ok(None),
        }
    }

    fn file_flags(&self, path: &Path) -> Result<Option<FileFlags>> {
        match self.node(path, false)? {
            Some(Node { body: Body::Below(original), .. }) => self.below.file_flags(&original),
            _ => Ok(None),
        }
    }

    fn security_context(&self, path: &Path) -> Result<Option<String>> {
        match self.node(path, false)? {
            Some(Node { context: Some(context), .. }) => Ok(Some(context)),
            Some(Node { body: Body::Below(original), .. }) => self.below.security_context(&original),
            _ if self.below.symlink_metadata(path)?.is_some() => self.below.security_context(path),
            // The root directory tells whether SELinux is on at all.
            _ => self.below.security_context(Path::new("/")),
        }
    }

    fn resource(&self, kind: &str, key: &str) -> Option<Value> {
        let found = self.resources.get(&(kind.to_owned(), key.to_owned())).cloned();
        found.or_else(|| self.below.resource(kind, key))
    }

    fn resources(&self, kind: &str) -> Vec<(String, Value)> {
        let mut found: BTreeMap<String, Value> = self.below.resources(kind).into_iter().collect();
        let own = self.resources.iter().filter(|((of, _), _)| of == kind);
        found.extend(own.map(|((_, key), state)| (key.clone(), state.clone())));
        found.into_iter().collect()
    }

    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + '_>> {
        self.below.blob(sha256)
    }

    fn http(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.below.http(request)
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> Result<Box<dyn Stream>> {
        self.below.connect(host, port, timeout)
    }

    fn write(&mut self, path: &Path, file: &WriteFile) -> Result<()> {
        let maker = self.maker();
        self.tree.write(Some(&self.below), path, file, maker)
    }

    fn spool(&mut self, path: &Path, content: &mut dyn Read) -> Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| SystemError::io("write", path, error))?;
        self.write(path, &WriteFile { mode: Some(0o600), ..WriteFile::new(bytes) })
    }

    fn create_dir(&mut self, path: &Path, mode: u32) -> Result<()> {
        let maker = self.maker();
        self.tree.create_dir(Some(&self.below), path, mode, maker)
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        self.tree.remove(Some(&self.below), path, false)
    }

    fn remove_dir_all(&mut self, path: &Path) -> Result<()> {
        self.tree.remove(Some(&self.below), path, true)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.tree.rename(Some(&self.below), from, to)
    }

    fn symlink(&mut self, target: &Path, link: &Path) -> Result<()> {
        let maker = self.maker();
        self.tree.symlink(Some(&self.below), target, link, maker)
    }

    fn hard_link(&mut self, existing: &Path, link: &Path) -> Result<()> {
        self.tree.hard_link(Some(&self.below), existing, link)
    }

    fn set_mode(&mut self, path: &Path, mode: u32) -> Result<()> {
        self.tree.update(Some(&self.below), "set the mode of", path, true, |node| node.meta.mode = mode)
    }

    fn set_owner(&mut self, path: &Path, ownership: Ownership, follow: bool) -> Result<()> {
        self.tree.update(Some(&self.below), "set the owner of", path, follow, |node| own(&mut node.meta, ownership))
    }

    fn set_times(&mut self, path: &Path, accessed: Option<f64>, modified: Option<f64>) -> Result<()> {
        self.tree.update(Some(&self.below), "set the times of", path, true, |node| {
            node.meta.accessed = accessed.unwrap_or(node.meta.accessed);
            node.meta.modified = modified.unwrap_or(node.meta.modified);
        })
    }

    fn set_security_context(&mut self, path: &Path, context: &str) -> Result<()> {
        self.tree.update(Some(&self.below), "set the context of", path, false, |node| {
            node.context = Some(context.to_owned());
        })
    }

    fn sql(&self, request: &SqlRequest) -> SqlResult {
        match self.server(request).and_then(|server| server.answer(request)) {
            Some(answer) => answer,
            None => self.below.sql(request),
        }
    }

    fn sql_send(&mut self, request: &SqlRequest) -> SqlResult {
        let mut server = self.server(request).unwrap_or_default();
        server.play(request);
        let state = serde_json::to_value(server).unwrap_or_default();
        self.set_resource(SERVER, &planned_sql::key(&request.host, request.port), state);
        Ok(vec![SqlAnswer::default(); request.statements.len()])
    }

    fn http_send(&mut self, request: HttpRequest) -> Result<HttpResponse> {
        Ok(HttpResponse::new(200, request.url, Vec::new(), Vec::new()))
    }

    fn run(&mut self, command: &Command) -> Result<CommandOutput> {
        self.commands.push(command.clone());
        Ok(CommandOutput::default())
    }

    fn set_resource(&mut self, kind: &str, key: &str, state: Value) {
        let key = (kind.to_owned(), key.to_owned());
        self.touched.insert(key.clone());
        self.resources.insert(key, state);
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

/// What the permission bits say to `uid`, groups aside.
pub(super) fn permits(meta: &Metadata, uid: u32, access: Access) -> bool {
    let bit = match access {
        Access::Read => 4,
        Access::Write => 2,
        Access::Execute => 1,
    };
    if uid == 0 {
        return access != Access::Execute || meta.kind == FileKind::Directory || meta.mode & 0o111 != 0;
    }
    let bits = if meta.uid == uid { meta.mode >> 6 } else { meta.mode };
    bits & bit != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;
    use crate::system::{Content, SystemError};

    fn overlay() -> Overlay<Fake> {
        Overlay::new(Fake::from_json(serde_json::json!({"files": {
            "/srv/a": "A", "/srv/d/x": "X", "/srv/d/sub/y": "Y", "/srv/link": {"link": "d"},
        }})))
    }

    fn text(system: &dyn System, path: &str) -> String {
        system.read_text(Path::new(path)).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn changes_stay_in_memory_and_links_lead_into_them() {
        let mut overlay = overlay();
        overlay.write(Path::new("/srv/link/x"), &WriteFile::new("new")).unwrap();
        assert_eq!(text(&overlay, "/srv/d/x"), "new");
        assert_eq!(text(overlay.below(), "/srv/d/x"), "X");
        assert_eq!(overlay.canonicalize(Path::new("/srv/link/../a")).unwrap(), Path::new("/srv/a"));
        overlay.symlink(Path::new("/srv/link/sub"), Path::new("/srv/a")).unwrap();
        assert_eq!(text(&overlay, "/srv/a/y"), "Y");
        overlay.set_mode(Path::new("/srv/a/y"), 0o600).unwrap();
        assert_eq!(overlay.metadata(Path::new("/srv/d/sub/y")).unwrap().unwrap().mode, 0o600);
        assert_eq!(text(&overlay, "/srv/d/sub/y"), "Y");
    }

    #[test]
    fn nothing_shows_through_what_was_removed() {
        let mut overlay = overlay();
        let directory = Path::new("/srv/d");
        assert!(overlay.remove(directory).is_err(), "it is not empty");
        overlay.remove_dir_all(directory).unwrap();
        assert_eq!(overlay.metadata(Path::new("/srv/d/x")).unwrap(), None);
        overlay.create_dir(directory, 0o755).unwrap();
        assert!(overlay.read_dir(directory).unwrap().is_empty());
        assert_eq!(overlay.metadata(Path::new("/srv/d/sub/y")).unwrap(), None);
        assert_eq!(overlay.read_dir(Path::new("/srv")).unwrap(), ["a", "d", "link"]);
    }

    #[test]
    fn a_renamed_directory_takes_its_content_along() {
        let mut overlay = overlay();
        overlay.rename(Path::new("/srv/d"), Path::new("/srv/e")).unwrap();
        assert_eq!(text(&overlay, "/srv/e/sub/y"), "Y");
        assert_eq!(overlay.read_dir(Path::new("/srv")).unwrap(), ["a", "e", "link"]);
    }

    #[test]
    fn another_simulation_follows() {
        let (mut one, mut other) = (overlay(), overlay());
        one.write(Path::new("/srv/d/x"), &WriteFile::new("new")).unwrap();
        one.remove_dir_all(Path::new("/srv/d")).unwrap();
        one.create_dir(Path::new("/srv/d"), 0o755).unwrap();
        one.write(Path::new("/srv/d/z"), &WriteFile::new("Z")).unwrap();
        one.set_resource("unit", "ssh", Value::from("running"));
        let delta = serde_json::to_string(&one.take_delta().unwrap()).unwrap();
        assert!(one.take_delta().is_none());
        other.merge(&serde_json::from_str(&delta).unwrap());
        assert_eq!(other.read_dir(Path::new("/srv/d")).unwrap(), ["z"]);
        assert_eq!(text(&other, "/srv/d/z"), "Z");
        assert_eq!(other.resource("unit", "ssh"), Some(Value::from("running")));
        assert!(other.take_delta().is_none(), "what came from elsewhere is not told again");
    }

    #[test]
    fn unknown_content_is_an_error_of_its_own() {
        let mut overlay = overlay();
        overlay.write(Path::new("/srv/a"), &WriteFile::of(Content::NotKnownYet)).unwrap();
        let Err(error) = overlay.open(Path::new("/srv/a")) else { panic!("it was read") };
        assert!(matches!(error, SystemError::NotKnownYet(_)));
    }
}
