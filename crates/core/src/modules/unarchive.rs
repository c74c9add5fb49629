//! `ansible.builtin.unarchive`: unpacks an archive, by GNU tar and `unzip` of the host.
//!
//! Archives of the controller come as content: tar reads them from standard input, unzip from a temporary file. Deviations:
//! times of members of zip archives count only with `keep_newer`; `io_buffer_size` has no buffer to size.

mod zip;

use super::copy::SourceFile;
use super::support::file_attributes::file_args;
use super::support::glob;
use super::support::path_info::PathInfo;
use super::support::replace::temporary_path;
use super::support::{time, tool, web};
use crate::module::types::{LooseBool, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, Content, FileKind, System, WriteFile};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Unpacks an archive.
pub struct Unarchive;

file_args! {
    /// Parameters.
    pub struct Args {
        /// The archive: on the controller, or on the host or a URL with `remote_src`.
        pub src: LooseString,
        /// Directory to unpack into; it must be there.
        pub dest: PathArg,
        /// Whether `src` is on the host.
        #[serde(default)]
        pub remote_src: LooseBool,
        /// The opposite of `remote_src`, its older name.
        pub copy: Option<LooseBool>,
        /// Not done if this path exists.
        pub creates: Option<PathArg>,
        /// Return the names of all members.
        #[serde(default)]
        pub list_files: LooseBool,
        /// Leave files that are newer than those in the archive.
        #[serde(default)]
        pub keep_newer: LooseBool,
        /// Patterns of members to leave out.
        #[serde(default)]
        pub exclude: StringList,
        /// Members to take, and no others.
        #[serde(default)]
        pub include: StringList,
        /// Options for tar or unzip.
        #[serde(default)]
        pub extra_opts: StringList,
        /// Check the certificate of an `https` URL.
        #[serde(default = "LooseBool::yes")]
        pub validate_certs: LooseBool,
        /// Size of a buffer that is not needed here.
        pub io_buffer_size: Option<LooseInt>,
        /// Open an archive on the controller that is a vault.
        #[serde(default = "LooseBool::yes")]
        pub decrypt: LooseBool,
        /// What the controller sends.
        #[serde(rename = "_file")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub file: Option<SourceFile>,
    }
}

default_args!(src, dest);

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The directory.
    dest: String,
    /// The archive.
    src: String,
    /// What unpacks it: `TgzArchive`, `TarArchive`, `ZipArchive`.
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<&'static str>,
    /// What the program said.
    #[serde(skip_serializing_if = "Option::is_none")]
    extract_results: Option<ExtractResults>,
    /// Names of all members, with `list_files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
    /// True if `creates` exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<bool>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<String>,
    #[serde(flatten)]
    info: PathInfo,
}

/// What a program said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ExtractResults {
    /// Its command line.
    cmd: Vec<String>,
    /// Its exit code.
    rc: i32,
    /// Its output.
    out: String,
    /// Its complaints.
    err: String,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    dest: PathBuf,
    /// Whether members are unpacked; only attributes change otherwise.
    extract: bool,
    files: Vec<String>,
    /// The uppermost paths that are not there yet.
    created: Vec<PathBuf>,
    /// Members that stay as they are.
    newer: Vec<String>,
    /// What differs.
    differences: String,
}

/// Under this kind a simulation keeps what it would have unpacked.
const RESOURCE: &str = "unarchive";

/// How an archive is packed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Zip,
    Tar(&'static [&'static str]),
    Gzip,
}

impl Format {
    fn of(start: &[u8]) -> Self {
        let starts = |magic: &[u8]| start.starts_with(magic);
        if starts(b"PK\x03\x04") || starts(b"PK\x05\x06") {
            Self::Zip
        } else if starts(b"\x1f\x8b") {
            Self::Gzip
        } else if starts(b"BZh") {
            Self::Tar(&["-j"])
        } else if starts(b"\xfd7zXZ") {
            Self::Tar(&["-J"])
        } else if starts(b"\x28\xb5\x2f\xfd") {
            Self::Tar(&["--zstd"])
        } else {
            Self::Tar(&[])
        }
    }

    fn handler(self) -> &'static str {
        match self {
            Self::Zip => "ZipArchive",
            Self::Gzip => "TgzArchive",
            Self::Tar(_) => "TarArchive",
        }
    }

    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Zip => &[],
            Self::Gzip => &["-z"],
            Self::Tar(flags) => flags,
        }
    }
}

/// Where an archive is.
enum Source {
    Host(PathBuf),
    Here(Vec<u8>),
}

impl Source {
    fn open(args: &Args, system: &dyn System) -> Result<Self, ModuleError> {
        let failed = |what: &str| ModuleError::new(format!("Source '{}' {what}", args.src.0));
        let source = if let Some(file) = &args.file {
            let (sha256, inline) = file.content();
            Self::Here(match inline {
                Some(text) => STANDARD.decode(text).map_err(|error| ModuleError::new(error.to_string()))?,
                None => {
                    let mut bytes = Vec::new();
                    let read = system.blob(sha256)?.read_to_end(&mut bytes);
                    read.map_err(|_| failed("failed to transfer"))?;
                    bytes
                }
            })
        } else if args.src.contains("://") {
            let got = web::download(system, &args.src, *args.validate_certs);
            Self::Here(got.map_err(|error| ModuleError::new(format!("Failure downloading {}, {error}", args.src.0)))?)
        } else {
            let path = PathArg::from(&*args.src).path(system)?;
            let meta = system.metadata(&path)?.ok_or_else(|| failed("does not exist"))?;
            if meta.kind == FileKind::Directory {
                return Err(failed("is a directory"));
            }
            if meta.size == 0 {
                return Err(empty(&args.src));
            }
            Self::Host(path)
        };
        if matches!(&source, Self::Here(bytes) if bytes.is_empty()) {
            return Err(empty(&args.src));
        }
        Ok(source)
    }

    fn start(&self, system: &dyn System) -> Result<Vec<u8>, ModuleError> {
        match self {
            Self::Here(bytes) => Ok(bytes[..bytes.len().min(8)].to_vec()),
            Self::Host(path) => {
                let mut start = Vec::new();
                let read = system.open(path)?.take(8).read_to_end(&mut start);
                read.map_err(|error| ModuleError::new(format!("Source '{}' not readable, {error}", path.display())))?;
                Ok(start)
            }
        }
    }

    fn bytes(&self, system: &dyn System) -> Result<Vec<u8>, ModuleError> {
        match self {
            Self::Here(bytes) => Ok(bytes.clone()),
            Self::Host(path) => Ok(system.read(path)?),
        }
    }
}

fn empty(src: &str) -> ModuleError {
    ModuleError::new(format!("Invalid archive '{src}', the file is 0 bytes"))
}

/// An archive and what is to be done with it.
struct Job<'a> {
    args: &'a Args,
    source: Source,
    format: Format,
    dest: PathBuf,
}

impl Job<'_> {
    fn refused(&self, why: &str) -> ModuleError {
        ModuleError::new(format!(
            "Failed to find handler for \"{}\". Make sure the required command to extract the file is installed.\n{why}",
            self.args.src.0
        ))
    }

    /// tar with what all of its uses have in common.
    fn tar(&self, verb: &str) -> Command {
        let args = self.args;
        let mut argv = vec!["tar".to_owned(), verb.to_owned()];
        if verb != "--list" {
            argv.extend(["-C".to_owned(), self.dest.to_string_lossy().into_owned()]);
        }
        argv.extend(self.format.flags().iter().map(|flag| (*flag).to_owned()));
        if !args.extra_opts.is_empty() {
            argv.push("--show-transformed-names".to_owned());
            argv.extend(args.extra_opts.iter().cloned());
        }
        if verb != "--list" {
            argv.extend(args.owner.iter().map(|owner| format!("--owner={}", owner.0)));
            argv.extend(args.group.iter().map(|group| format!("--group={}", group.0)));
            argv.extend(args.keep_newer.then(|| "--keep-newer-files".to_owned()));
        }
        argv.extend(args.exclude.iter().map(|pattern| format!("--exclude={}", pattern.trim_end_matches('/'))));
        let mut command = match &self.source {
            Source::Host(path) => {
                argv.extend(["-f".to_owned(), path.to_string_lossy().into_owned()]);
                Command::new(argv)
            }
            Source::Here(bytes) => {
                argv.extend(["-f".to_owned(), "-".to_owned()]);
                Command::new(argv).stdin(bytes.clone())
            }
        };
        command.argv.extend(args.include.iter().cloned());
        // A list is of the archive alone.
        command.cwd = Some(self.dest.clone()).filter(|_| verb != "--list");
        command.env("LC_ALL", "C").env("LANGUAGE", "C")
    }

    fn list_tar(&self, system: &dyn System) -> Result<Vec<String>, ModuleError> {
        let version = system.query(&Command::new(["tar", "--version"]));
        let version =
            version.map_err(|_| self.refused("Unable to find required 'gtar' or 'tar' binary in the path"))?;
        if !version.stdout_text().contains("GNU") {
            return Err(self.refused("Command \"tar\" detected as another tar. GNU tar required."));
        }
        let mut command = self.tar("--list");
        command.argv.insert(2, "--quoting-style=literal".to_owned());
        let answer = tool::ask(system, &command)?;
        if !answer.success() {
            let why = format!("Command \"tar\" could not handle archive: {}", answer.stderr_text().trim());
            return Err(self.refused(&why));
        }
        let excluded =
            |name: &str| self.args.exclude.iter().any(|pattern| glob::matches(pattern.trim_end_matches('/'), name));
        let text = answer.stdout_text();
        let names = text.lines().map(|name| name.strip_prefix('/').unwrap_or(name));
        let names: Vec<String> = names.filter(|name| !excluded(name)).map(str::to_owned).collect();
        if names.is_empty() {
            return Err(
                self.refused("Command \"tar\" found no files in archive. Empty archive files are not supported.")
            );
        }
        Ok(names)
    }

    /// What tar says is different, as far as it matters.
    fn differences_tar(&self, system: &dyn System, files: &[String]) -> Result<String, ModuleError> {
        // Where nothing is, a plan may have made the folder: tar need not be asked.
        if system.read_dir(&self.dest)?.is_empty() {
            let missing = |name: &String| format!("tar: {name}: Warning: Cannot stat: No such file or directory\n");
            return Ok(files.iter().map(missing).collect());
        }
        let answer = tool::ask(system, &self.tar("--diff"))?;
        let is_root = system.effective_uid() == 0;
        let mut ends = vec![
            ": Mod time differs",
            ": Warning: Cannot stat: No such file or directory",
            ": Symlink differs",
            ": Contents differ",
            ": Size differs",
        ];
        ends.extend((is_root && self.args.owner.is_none()).then_some(": Uid differs"));
        ends.extend((is_root && self.args.group.is_none()).then_some(": Gid differs"));
        ends.extend(self.args.mode.is_none().then_some(": Mode differs"));
        let counts = |line: &str| {
            let is_nameless = line.ends_with(": : Warning: Cannot stat: No such file or directory");
            let is_invalid = line.contains(": Invalid owner") || line.contains(": Invalid group");
            !is_nameless && (is_invalid || ends.iter().any(|end| line.ends_with(end)))
        };
        let text = format!("{}{}", answer.stdout_text(), answer.stderr_text());
        Ok(text.lines().filter(|line| counts(line)).map(|line| format!("{line}\n")).collect())
    }

    fn list_zip(&self, system: &dyn System) -> Result<Vec<zip::Member>, ModuleError> {
        let members = zip::members(&self.source.bytes(system)?);
        let mut members = members.ok_or_else(|| self.refused("it is no whole zip archive"))?;
        let (include, exclude) = (&self.args.include, &self.args.exclude);
        let matches = |list: &[String], name: &str| list.iter().any(|pattern| glob::matches(pattern, name));
        members.retain(|member| {
            if include.is_empty() { !matches(exclude, &member.name) } else { matches(include, &member.name) }
        });
        Ok(members)
    }

    /// What is different from the members, and which are to stay as they are.
    fn differences_zip(
        &self,
        system: &dyn System,
        members: &[zip::Member],
    ) -> Result<(String, Vec<String>), ModuleError> {
        let (mut text, mut newer) = (String::new(), Vec::new());
        for member in members {
            let path = self.dest.join(&member.name);
            let name = &member.name;
            let Some(meta) = system.symlink_metadata(&path)? else {
                text.push_str(&format!("Path {name} is missing\n"));
                continue;
            };
            let kind = match member.mode.map(|mode| mode & 0o170_000) {
                _ if name.ends_with('/') => FileKind::Directory,
                Some(0o120_000) => FileKind::Link,
                _ => FileKind::File,
            };
            if meta.kind != kind {
                text.push_str(&format!("Path {name} is of another kind\n"));
                continue;
            }
            let bits = member.mode.map(|mode| mode & 0o777).filter(|_| self.args.mode.is_none());
            if kind != FileKind::File {
                continue;
            }
            if *self.args.keep_newer && meta.modified > time::parse(&member.modified, "%Y-%m-%d %H:%M:%S")? {
                newer.push(name.clone());
                continue;
            }
            if meta.size != member.size || crc(system, &path)? != member.crc {
                text.push_str(&format!("File {name} differs in content\n"));
            }
            if let Some(bits) = bits.filter(|bits| *bits != meta.mode) {
                text.push_str(&format!("Path {name} differs in permissions ({bits:o} vs {:o})\n", meta.mode));
            }
        }
        Ok((text, newer))
    }

    fn extract(&self, change: &Change, system: &mut dyn System) -> Result<ExtractResults, ModuleError> {
        if self.format != Format::Zip {
            let command = self.tar("--extract");
            let answer = system.run(&command)?;
            return Ok(results(command, &answer));
        }
        let (path, temporary) = match &self.source {
            Source::Host(path) => (path.clone(), false),
            Source::Here(bytes) => {
                let path = temporary_path(system, Some("zip"));
                system.spool(&path, &mut bytes.as_slice())?;
                (path, true)
            }
        };
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut argv = vec!["unzip".to_owned(), "-o".to_owned()];
        argv.extend(self.args.extra_opts.iter().cloned());
        argv.push(text(&path));
        argv.extend(self.args.include.iter().cloned());
        let excluded: Vec<String> = self.args.exclude.iter().chain(&change.newer).cloned().collect();
        if !excluded.is_empty() {
            argv.push("-x".to_owned());
            argv.extend(excluded);
        }
        argv.extend(["-d".to_owned(), text(&self.dest)]);
        let command = Command::new(argv).env("LC_ALL", "C.UTF-8");
        let answer = system.run(&command);
        if temporary {
            system.remove(&path)?;
        }
        match answer {
            Ok(answer) => Ok(results(command, &answer)),
            Err(error) if error.is_not_found() => {
                Err(self.refused("Unable to find required 'unzip' or 'zipinfo' binary in the path."))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn results(command: Command, answer: &crate::system::CommandOutput) -> ExtractResults {
    ExtractResults { cmd: command.argv, rc: answer.rc, out: answer.stdout_text(), err: answer.stderr_text() }
}

fn crc(system: &dyn System, path: &Path) -> Result<u32, ModuleError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut reader = system.open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = reader
            .read(&mut buffer)
            .map_err(|error| ModuleError::new(format!("failed to read {}: {error}", path.display())))?;
        if count == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer[..count]);
    }
}

/// Members and the folders at their top, whose attributes are set.
fn described(files: &[String]) -> Vec<&str> {
    let mut paths: Vec<&str> = files.iter().map(|name| name.trim_end_matches('/')).collect();
    paths.extend(files.iter().filter_map(|name| name.split_once('/').map(|(top, _)| top)));
    let mut seen = std::collections::HashSet::new();
    paths.retain(|path| !path.is_empty() && *path != "." && seen.insert(*path));
    paths
}

/// Whether attributes of what was unpacked are not those asked for.
fn attributes_differ(args: &Args, dest: &Path, files: &[String], system: &dyn System) -> Result<bool, ModuleError> {
    let attributes = args.file_attributes().resolve(system)?;
    for name in described(files) {
        let path = dest.join(name);
        if let Some(meta) = system.symlink_metadata(&path)?
            && !attributes.against(system, &path, &meta)?.is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Module for Unarchive {
    const NAME: &'static str = "ansible.builtin.unarchive";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.unarchive"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if !args.include.is_empty() && !args.exclude.is_empty() {
            return Err(ModuleError::new("parameters are mutually exclusive: include|exclude"));
        }
        if let Some(creates) = &args.creates
            && system.exists(&creates.path(system)?)?
        {
            let msg = Some(format!("skipped, since {} exists", creates.raw()));
            return Ok(Checked::unchanged(Output { skipped: Some(true), msg, ..Output::default() }));
        }
        let dest = args.dest.path(system)?;
        if system.metadata(&dest)?.is_none_or(|meta| meta.kind != FileKind::Directory) {
            return Err(ModuleError::new(format!("dest '{}' must be an existing dir", args.dest.raw())));
        }
        let source = Source::open(args, system)?;
        let format = Format::of(&source.start(system)?);
        let job = Job { args, source, format, dest };
        let key = format!("{} {}", job.dest.display(), args.src.0);
        let is_planned =
            |files: &[String]| system.resource(RESOURCE, &key).is_some_and(|planned| planned == json!(files));
        let (files, differences, newer) = if format == Format::Zip {
            let members = job.list_zip(system)?;
            let (differences, newer) = job.differences_zip(system, &members)?;
            (members.into_iter().map(|member| member.name).collect(), differences, newer)
        } else {
            let files = job.list_tar(system)?;
            // tar does not see what a plan unpacks.
            let differences = if is_planned(&files) { String::new() } else { job.differences_tar(system, &files)? };
            (files, differences, Vec::new())
        };
        let mut output = output(args, format, &job.dest, &files, system)?;
        let planned = is_planned(&files);
        let extract = !differences.is_empty() && !planned;
        if !extract && (planned || !attributes_differ(args, &job.dest, &files, system)?) {
            return Ok(Checked::unchanged(output));
        }
        output.extract_results = None;
        let members = files.iter().filter(|_| extract).map(|name| job.dest.join(name.trim_end_matches('/')));
        let created = system.uppermost_missing(members);
        Ok(Checked::changed(output, Change { dest: job.dest, extract, files, created, newer, differences }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let source = Source::open(args, system)?;
        let format = Format::of(&source.start(system)?);
        let job = Job { args, source, format, dest: change.dest.clone() };
        let extracted = if change.extract { Some(job.extract(&change, system)?) } else { None };
        if let Some(results) = extracted.as_ref().filter(|results| results.rc != 0) {
            let msg = format!("failed to unpack {} to {}", args.src.0, args.dest.raw());
            return Err(ModuleError::new(msg)
                .field("handler", format.handler())
                .field("extract_results", serde_json::to_value(results).unwrap_or_default()));
        }
        let attributes = args.file_attributes().resolve(system)?;
        for name in described(&change.files) {
            let path = job.dest.join(name);
            if let Some(meta) = system.symlink_metadata(&path)? {
                attributes.against(system, &path, &meta)?.apply(&path, system)?;
            }
        }
        Ok(Output { extract_results: extracted, ..output(args, format, &job.dest, &change.files, system)? })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        for name in &change.files {
            let path = change.dest.join(name);
            let missing: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
            for directory in missing.iter().rev() {
                if !system.exists(directory)? {
                    system.create_dir(directory, 0o777)?;
                }
            }
            if name.ends_with('/') {
                if !system.exists(&path)? {
                    system.create_dir(&path, 0o777)?;
                }
            } else if change.extract && system.metadata(&path)?.is_none_or(|meta| meta.kind != FileKind::Directory) {
                system.write(&path, &WriteFile::of(Content::NotKnownYet))?;
            }
        }
        let key = format!("{} {}", change.dest.display(), args.src.0);
        system.set_resource(RESOURCE, &key, json!(change.files));
        let source = Source::open(args, system)?;
        let format = Format::of(&source.start(system)?);
        let output = output(args, format, &change.dest, &change.files, system)?;
        Ok(Simulated::with_unknown(output, if change.extract { &["extract_results"] } else { &[] }))
    }

    fn made(change: &Change) -> Vec<Made> {
        change.created.iter().map(|path| Made::Tree(path.clone())).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(if change.extract { change.differences.clone() } else { "attributes\n".to_owned() })]
    }
}

fn output(
    args: &Args,
    format: Format,
    dest: &Path,
    files: &[String],
    system: &dyn System,
) -> Result<Output, ModuleError> {
    Ok(Output {
        dest: args.dest.text(system)?,
        src: args.src.0.clone(),
        handler: Some(format.handler()),
        files: args.list_files.then(|| files.to_vec()),
        info: PathInfo::of(system, dest)?,
        ..Output::default()
    })
}
