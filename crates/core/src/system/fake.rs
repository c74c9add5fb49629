//! A machine in memory for tests: files, scripted answers of commands, canned HTTP responses.
//!
//! A command that no answer matches is a program that is not there.

mod spec;

use super::http::{HttpRequest, HttpResponse};
use super::overlay::permits;
use super::sql::{SqlAnswer, SqlFailure, SqlRequest, SqlResult};
use super::tree::{Body, Maker, Node, Tree, own};
use super::{
    Access, Command, CommandOutput, FileFlags, FileKind, FilesystemUsage, InterfaceAddress, Metadata, Mime, Ownership,
    Result, Stream, System, SystemError, Uname, WriteFile,
};
use serde_json::Value;
use spec::FakeFileSpec;
pub use spec::{Answer, FakeFile, FakeSpec, Response, Statement};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The machine.
#[derive(Debug, Clone)]
pub struct Fake {
    tree: Tree,
    spec: FakeSpec,
    flags: RefCell<BTreeSet<String>>,
    now: Cell<f64>,
    ran: Vec<Command>,
    touched: BTreeSet<PathBuf>,
}

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nalice:x:1000:1000:Alice:/home/alice:/bin/bash\n";
const GROUP: &str = "root:x:0:\ndaemon:x:1:\nadm:x:4:\nwww-data:x:33:\nalice:x:1000:\n";

impl Fake {
    /// The machine that `spec` describes. `/etc/passwd`, `/etc/group`, `/tmp` and the home directory are there anyway.
    pub fn new(spec: FakeSpec) -> Self {
        let mut fake = Self {
            tree: Tree::default(),
            flags: RefCell::new(spec.flags.clone()),
            now: Cell::new(spec.now.unwrap_or(1_700_000_000.0)),
            ran: Vec::new(),
            touched: BTreeSet::new(),
            spec,
        };
        let file = |content: &str| FakeFile(FakeFileSpec { content: Some(content.to_owned()), ..Default::default() });
        let directory = |mode: &str| {
            FakeFile(FakeFileSpec { kind: Some(FileKind::Directory), mode: Some(mode.into()), ..Default::default() })
        };
        fake.put(Path::new("/etc/passwd"), &file(PASSWD));
        fake.put(Path::new("/etc/group"), &file(GROUP));
        fake.put(Path::new("/tmp"), &directory("1777"));
        fake.put(&fake.home(), &directory("0700"));
        for (path, spec) in fake.spec.files.clone() {
            fake.put(&path, &spec);
        }
        fake
    }

    /// The machine that `spec` describes.
    ///
    /// # Panics
    /// If it is no valid [`FakeSpec`]: a test is wrong.
    #[allow(clippy::unwrap_used, reason = "only tests call it")]
    pub fn from_json(spec: Value) -> Self {
        Self::new(serde_json::from_value(spec).unwrap())
    }

    /// The commands that were run to change something.
    pub fn ran(&self) -> &[Command] {
        &self.ran
    }

    /// Paths that scripted commands changed.
    pub fn touched(&self) -> &BTreeSet<PathBuf> {
        &self.touched
    }

    /// All paths that are there.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.tree.iter().filter(|(_, node)| node.is_some()).map(|(path, _)| path.as_path())
    }

    /// Why what is at `path` of `system` is not what `expected` says.
    pub fn mismatch(system: &dyn System, path: &Path, expected: &FakeFile) -> Option<String> {
        let expected = &expected.0;
        let found = match system.symlink_metadata(path) {
            Ok(found) => found,
            Err(error) => return Some(error.to_string()),
        };
        let Some(meta) = found else { return (!expected.absent).then(|| "it is not there".to_owned()) };
        if expected.absent {
            return Some("it is there".to_owned());
        }
        let mut wrong = Vec::new();
        let mut compare = |what: &str, found: String, expected: Option<String>| {
            if let Some(expected) = expected.filter(|expected| *expected != found) {
                wrong.push(format!("{what} is {found:?}, not {expected:?}"));
            }
        };
        compare("kind", format!("{:?}", meta.kind), expected.kind.map(|kind| format!("{kind:?}")));
        let octal = |mode: &String| u32::from_str_radix(mode, 8).unwrap_or_default();
        compare(
            "mode",
            format!("{:04o}", meta.mode),
            expected.mode.as_ref().map(|mode| format!("{:04o}", octal(mode))),
        );
        compare("uid", meta.uid.to_string(), expected.uid.map(|uid| uid.to_string()));
        compare("gid", meta.gid.to_string(), expected.gid.map(|gid| gid.to_string()));
        compare("mtime", meta.modified.to_string(), expected.mtime.map(|time| time.to_string()));
        compare("atime", meta.accessed.to_string(), expected.atime.map(|time| time.to_string()));
        if expected.content.is_some() {
            let content = system.read_text(path).unwrap_or_else(|error| error.to_string());
            compare("content", content, expected.content.clone());
        }
        if let Some(target) = &expected.link {
            let found =
                system.read_link(path).map_or_else(|error| error.to_string(), |link| link.display().to_string());
            compare("link", found, Some(target.display().to_string()));
        }
        if let Some(context) = &expected.context {
            let found = system.security_context(path).ok().flatten().unwrap_or_default();
            compare("context", found, Some(context.clone()));
        }
        if let Some(other) = &expected.same_as {
            let other = system.symlink_metadata(other).ok().flatten().map(|meta| meta.inode);
            compare("inode", meta.inode.to_string(), Some(other.unwrap_or_default().to_string()));
        }
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    fn maker(&self) -> Maker {
        Maker { uid: self.spec.uid, umask: 0o022, now: self.now.get() }
    }

    fn put(&mut self, path: &Path, file: &FakeFile) {
        let (file, maker) = (&file.0, self.maker());
        if file.absent {
            // Removing what is not there is fine for a scripted command.
            let _ = self.tree.remove(None, path, true);
            return;
        }
        if let Some(other) = &file.same_as {
            let linked = self.tree.hard_link(None, other, path);
            assert!(linked.is_ok(), "{} is to be the same as {}", path.display(), other.display());
            return;
        }
        let (kind, body) = match (&file.link, file.kind) {
            (Some(target), _) => (FileKind::Link, Body::Link(target.clone())),
            (None, Some(FileKind::Directory)) => (FileKind::Directory, Body::Directory { opaque: true }),
            (None, None | Some(FileKind::File)) => {
                (FileKind::File, Body::Bytes(file.content.clone().unwrap_or_default().into_bytes().into()))
            }
            (None, Some(kind)) => (kind, Body::Special),
        };
        let meta = self.tree.put(path, kind, body, Maker { uid: 0, ..maker });
        if let Some(mode) = file.mode.as_ref().and_then(|mode| u32::from_str_radix(mode, 8).ok()) {
            meta.mode = mode;
        }
        own(meta, Ownership { uid: file.uid, gid: file.gid });
        meta.modified = file.mtime.unwrap_or(meta.modified);
        meta.accessed = file.atime.unwrap_or(meta.accessed);
        if let Some(context) = file.context.clone() {
            let _ = self.tree.update(None, "label", path, false, |node| node.context = Some(context));
        }
    }

    fn is_set(&self, condition: Option<&String>) -> bool {
        condition.is_none_or(|condition| match condition.strip_prefix('!') {
            Some(flag) => !self.flags.borrow().contains(flag),
            None => self.flags.borrow().contains(condition),
        })
    }

    fn set(&self, flags: &[String]) {
        for flag in flags {
            match flag.strip_prefix('!') {
                Some(flag) => self.flags.borrow_mut().remove(flag),
                None => self.flags.borrow_mut().insert(flag.clone()),
            };
        }
    }

    fn answer(&self, command: &Command) -> Result<Answer> {
        let argv = &command.argv;
        let line = |line: &String| line.split_whitespace().eq(argv.iter().map(String::as_str));
        let found = self.spec.commands.iter().find(|answer| {
            answer.line.as_ref().is_none_or(line)
                && answer.argv.as_ref().is_none_or(|known| known == argv)
                && answer.prefix.as_ref().is_none_or(|known| argv.starts_with(known))
                && answer.stdin.as_ref().is_none_or(|stdin| command.stdin.as_deref() == Some(stdin.as_bytes()))
                && self.is_set(answer.when.as_ref())
        });
        found.cloned().ok_or_else(|| SystemError::Spawn {
            program: argv.join(" "),
            source: io::Error::new(io::ErrorKind::NotFound, "no such program on this fake machine"),
        })
    }

    fn answer_sql(&self, request: &SqlRequest) -> SqlResult {
        let mut answers = Vec::new();
        let statements = request.statements.iter().map(String::as_str);
        for (at, statement) in
            std::iter::once((None, "connect")).chain(statements.enumerate().map(|(at, s)| (Some(at), s)))
        {
            let matches = |known: &&Statement| known.statement == statement && self.is_set(known.when.as_ref());
            let Some(known) = self.spec.sql.iter().find(matches) else {
                if at.is_none() {
                    continue;
                }
                return Err(SqlFailure { at, message: format!("(0, \"the test does not know {statement}\")") });
            };
            self.set(&known.set);
            match &known.error {
                Some(message) if !request.force => return Err(SqlFailure { at, message: message.clone() }),
                _ if at.is_none() => {}
                _ => {
                    let count = known.count.unwrap_or(known.rows.len() as u64);
                    answers.push(SqlAnswer { rows: known.rows.clone(), count });
                }
            }
        }
        Ok(answers)
    }

    fn respond(&self, request: HttpRequest) -> Result<HttpResponse> {
        let sent = match request.body {
            super::HttpBody::Empty => Vec::new(),
            super::HttpBody::Bytes(bytes) => bytes,
            super::HttpBody::Stream(mut reader) => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes).map_err(|error| SystemError::Other(error.to_string()))?;
                bytes
            }
        };
        let has = |(name, value): (&String, &String)| {
            request.headers.iter().any(|(known, other)| known.eq_ignore_ascii_case(name) && other == value)
        };
        let found = self.spec.http.iter().find(|response| {
            response.url == request.url
                && response.method.as_ref().is_none_or(|method| *method == request.method)
                && response.with.iter().all(has)
                && response.sent.as_ref().is_none_or(|body| body.as_bytes() == sent)
                && self.is_set(response.when.as_ref())
        });
        let Some(response) = found else {
            let message = "connection refused (nothing on this fake machine)".to_owned();
            return Err(SystemError::Network { operation: "request", target: request.url, message });
        };
        self.set(&response.set);
        let headers = response.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let status = if response.status == 0 { 200 } else { response.status };
        let body = if request.method == "HEAD" { Vec::new() } else { response.body.clone().into_bytes() };
        Ok(HttpResponse::new(status, request.url, headers, body))
    }
}

fn output(answer: &Answer) -> CommandOutput {
    CommandOutput {
        rc: answer.rc,
        stdout: answer.stdout.clone().into_bytes(),
        stderr: answer.stderr.clone().into_bytes(),
    }
}

/// A port that says something once.
struct Greeting(io::Cursor<Vec<u8>>);

impl Read for Greeting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl io::Write for Greeting {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl System for Fake {
    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        Ok(self.tree.node(None, path, true)?.map(|node| node.meta))
    }

    fn symlink_metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        Ok(self.tree.node(None, path, false)?.map(|node| node.meta))
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Read + '_>> {
        self.tree.open(None, path, |sha256| self.blob(sha256))
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<OsString>> {
        self.tree.read_dir(None, path)
    }

    fn read_link(&self, path: &Path) -> Result<PathBuf> {
        match self.tree.node(None, path, false)? {
            Some(Node { body: Body::Link(target), .. }) => Ok(target),
            _ => Err(SystemError::io("read the link", path, io::ErrorKind::InvalidInput.into())),
        }
    }

    fn canonicalize(&self, path: &Path) -> Result<PathBuf> {
        let real = self.tree.resolve(None, path, true)?;
        match self.tree.lookup(None, &real)? {
            Some(_) => Ok(real),
            None => Err(SystemError::io("resolve", path, io::ErrorKind::NotFound.into())),
        }
    }

    fn query(&self, command: &Command) -> Result<CommandOutput> {
        let answer = self.answer(command)?;
        assert!(answer.files.is_empty(), "a query changes files: {:?}", command.argv);
        self.set(&answer.set);
        Ok(output(&answer))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.spec.env.get(name).cloned()
    }

    fn home(&self) -> PathBuf {
        self.spec.home.clone().unwrap_or_else(|| PathBuf::from("/root"))
    }

    fn umask(&self) -> u32 {
        0o022
    }

    fn now(&self) -> f64 {
        self.now.get()
    }

    fn sleep(&self, duration: Duration) {
        self.now.set(self.now.get() + duration.as_secs_f64());
    }

    fn environment(&self) -> BTreeMap<String, String> {
        self.spec.env.clone()
    }

    fn uname(&self) -> Result<Uname> {
        Ok(self.spec.uname.clone())
    }

    fn interface_addresses(&self) -> Result<Vec<InterfaceAddress>> {
        Ok(self.spec.addresses.clone())
    }

    fn filesystem_usage(&self, path: &Path) -> Result<Option<FilesystemUsage>> {
        Ok(self.spec.usage.get(path).copied())
    }

    fn effective_uid(&self) -> u32 {
        self.spec.uid
    }

    fn may(&self, path: &Path, access: Access) -> Result<bool> {
        Ok(self.metadata(path)?.is_some_and(|meta| permits(&meta, self.spec.uid, access)))
    }

    /// What the scripted `file` says.
    fn mime(&self, path: &Path) -> Result<Option<Mime>> {
        let said = self.query(&Command::new(["file".to_owned(), path.to_string_lossy().into_owned()]));
        Ok(said.ok().and_then(|said| Mime::parse(&said.stdout_text())))
    }

    /// What the scripted `lsattr` says: the version, the letters.
    fn file_flags(&self, path: &Path) -> Result<Option<FileFlags>> {
        let said = self.query(&Command::new(["lsattr".to_owned(), path.to_string_lossy().into_owned()]));
        let text = said.map(|said| said.stdout_text()).unwrap_or_default();
        let flags = text.trim().split_once(' ');
        Ok(flags.map(|(version, letters)| FileFlags { letters: letters.to_owned(), version: version.parse().ok() }))
    }

    fn security_context(&self, path: &Path) -> Result<Option<String>> {
        if !self.spec.selinux {
            return Ok(None);
        }
        let context = self.tree.node(None, path, false)?.and_then(|node| node.context);
        Ok(Some(context.unwrap_or_else(|| "system_u:object_r:etc_t:s0".to_owned())))
    }

    fn resource(&self, kind: &str, key: &str) -> Option<Value> {
        self.spec.resources.get(kind)?.get(key).cloned()
    }

    fn resources(&self, kind: &str) -> Vec<(String, Value)> {
        self.spec.resources.get(kind).cloned().unwrap_or_default().into_iter().collect()
    }

    fn blob(&self, sha256: &str) -> Result<Box<dyn Read + '_>> {
        let hash = |blob: &String| crate::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(blob));
        match self.spec.blobs.iter().find(|blob| hash(blob) == sha256) {
            Some(blob) => Ok(Box::new(blob.as_bytes())),
            None => Err(SystemError::Other(format!("get content {sha256}: the test does not list it"))),
        }
    }

    fn http(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.respond(request)
    }

    fn connect(&self, host: &str, port: u16, _: Duration) -> Result<Box<dyn Stream>> {
        let target = format!("{host}:{port}");
        match self.spec.ports.get(&target) {
            Some(greeting) => Ok(Box::new(Greeting(io::Cursor::new(greeting.clone().into_bytes())))),
            None => Err(SystemError::Network { operation: "connect to", target, message: "connection refused".into() }),
        }
    }

    fn write(&mut self, path: &Path, file: &WriteFile) -> Result<()> {
        assert_ne!(file.content, super::Content::NotKnownYet, "{} is really written", path.display());
        let maker = self.maker();
        self.tree.write(None, path, file, maker)
    }

    fn spool(&mut self, path: &Path, content: &mut dyn Read) -> Result<()> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| SystemError::io("write", path, error))?;
        self.write(path, &WriteFile { mode: Some(0o600), ..WriteFile::new(bytes) })
    }

    fn create_dir(&mut self, path: &Path, mode: u32) -> Result<()> {
        let maker = self.maker();
        self.tree.create_dir(None, path, mode, maker)
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        self.tree.remove(None, path, false)
    }

    fn remove_dir_all(&mut self, path: &Path) -> Result<()> {
        self.tree.remove(None, path, true)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.tree.rename(None, from, to)
    }

    fn symlink(&mut self, target: &Path, link: &Path) -> Result<()> {
        let maker = self.maker();
        self.tree.symlink(None, target, link, maker)
    }

    fn hard_link(&mut self, existing: &Path, link: &Path) -> Result<()> {
        self.tree.hard_link(None, existing, link)
    }

    fn set_mode(&mut self, path: &Path, mode: u32) -> Result<()> {
        self.tree.update(None, "set the mode of", path, true, |node| node.meta.mode = mode)
    }

    fn set_owner(&mut self, path: &Path, ownership: Ownership, follow: bool) -> Result<()> {
        self.tree.update(None, "set the owner of", path, follow, |node| own(&mut node.meta, ownership))
    }

    fn set_times(&mut self, path: &Path, accessed: Option<f64>, modified: Option<f64>) -> Result<()> {
        self.tree.update(None, "set the times of", path, true, |node| {
            node.meta.accessed = accessed.unwrap_or(node.meta.accessed);
            node.meta.modified = modified.unwrap_or(node.meta.modified);
        })
    }

    fn set_security_context(&mut self, path: &Path, context: &str) -> Result<()> {
        self.tree.update(None, "set the context of", path, false, |node| node.context = Some(context.to_owned()))
    }

    fn sql(&self, request: &SqlRequest) -> SqlResult {
        self.answer_sql(request)
    }

    fn sql_send(&mut self, request: &SqlRequest) -> SqlResult {
        self.answer_sql(request)
    }

    fn http_send(&mut self, request: HttpRequest) -> Result<HttpResponse> {
        self.respond(request)
    }

    fn run(&mut self, command: &Command) -> Result<CommandOutput> {
        self.ran.push(command.clone());
        let answer = self.answer(command)?;
        self.set(&answer.set);
        for (path, file) in &answer.files {
            self.put(path, file);
            self.touched.insert(path.clone());
        }
        Ok(output(&answer))
    }

    fn set_resource(&mut self, _: &str, _: &str, _: Value) {}
}
