//! `ansible.builtin.get_url`: a file from an HTTP server.
//!
//! Deviations: only http, https and file URLs; owner and permissions are set even where the server says that nothing is
//! new; a missing file is a change without asking the server first.

use super::support::file_attributes::{AttributeChange, file_args};
use super::support::hash::Algorithm;
use super::support::path_info::PathInfo;
use super::support::replace::{Replace, replace, temporary_path};
use super::support::time::http_date;
use super::support::web::{Follow, Web, disposition_name, headers, message, url_name};
use crate::module::types::{LooseBool, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::http::Tls;
use crate::system::{Access, Content, FileKind, HttpResponse, Ownership, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// Downloads a file.
pub struct GetUrl;

file_args! {
    /// Parameters.
    pub struct Args {
        /// What to download: an http, https or file URL.
        pub url: String,
        /// File to write, or directory to write into.
        pub dest: PathArg,
        /// Keep a copy of the old file, with the time in its name.
        #[serde(default)]
        pub backup: LooseBool,
        /// Download even if there is a file.
        #[serde(default)]
        pub force: LooseBool,
        /// What the file must have: `ALGORITHM:DIGEST`, or `ALGORITHM:URL` of a list of digests.
        #[serde(default)]
        pub checksum: String,
        /// Headers to send.
        #[serde(default)]
        pub headers: Map<String, Value>,
        /// Headers not to send after a redirect.
        #[serde(default)]
        pub unredirected_headers: StringList,
        /// Directory for the temporary file.
        pub tmp_dest: Option<PathArg>,
        /// Seconds to wait for the server.
        #[serde(default = "timeout")]
        pub timeout: LooseInt,
        /// User.
        #[serde(alias = "username")]
        pub url_username: Option<LooseString>,
        /// Password.
        #[serde(alias = "password")]
        pub url_password: Option<LooseString>,
        /// Send user and password without being asked.
        #[serde(default)]
        pub force_basic_auth: LooseBool,
        /// Use the proxy that the environment names.
        #[serde(default = "LooseBool::yes")]
        pub use_proxy: LooseBool,
        /// Refuse servers without a valid certificate.
        #[serde(default = "LooseBool::yes")]
        pub validate_certs: LooseBool,
        /// PEM file with our certificate.
        pub client_cert: Option<PathArg>,
        /// PEM file with our key.
        pub client_key: Option<PathArg>,
        /// Unpack a body that is compressed for the way.
        #[serde(default = "LooseBool::yes")]
        pub decompress: LooseBool,
        /// Name to send as `User-Agent`.
        #[serde(default = "agent")]
        pub http_agent: String,
        /// Take user and password from `~/.netrc`.
        #[serde(default = "LooseBool::yes")]
        pub use_netrc: LooseBool,
        /// Not supported.
        #[serde(default)]
        pub use_gssapi: LooseBool,
        /// Not supported.
        pub ciphers: Option<StringList>,
    }
}

default_args!(url, dest);

fn timeout() -> LooseInt {
    LooseInt(10)
}

/// What Ansible sends, which some servers know.
pub(super) fn agent() -> String {
    "ansible-httpget".to_owned()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The file.
    dest: String,
    /// The URL, without its password.
    url: String,
    /// SHA-1 of what the server has.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum_src: Option<String>,
    /// SHA-1 of the file before.
    checksum_dest: Option<String>,
    /// MD5 of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    md5sum: Option<String>,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// What the server said.
    msg: String,
    /// Seconds it took.
    elapsed: u64,
    /// Copy of the old file.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<String>,
    #[serde(flatten)]
    info: PathInfo,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    dest: PathBuf,
    /// `dest` is a directory; the server names the file.
    into_directory: bool,
    /// To be downloaded; only attributes change otherwise.
    download: bool,
    /// Algorithm and digest that the file must have.
    checksum: Option<(String, String)>,
    attributes: AttributeChange,
    was_there: bool,
}

/// Under this kind a simulation keeps what it would have downloaded.
const RESOURCE: &str = "get_url";

/// `http://user:…@host` without the secret.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{}@{host}{}", "********", &rest[end..]),
        None => url.to_owned(),
    }
}

impl Args {
    fn refuse_unsupported(&self) -> Result<(), ModuleError> {
        let name = if *self.use_gssapi {
            "use_gssapi"
        } else if self.ciphers.is_some() {
            "ciphers"
        } else {
            return Ok(());
        };
        Err(ModuleError::new(format!("parameter `{name}` is not supported: leave it out")))
    }

    fn web(&self, system: &dyn System, url: &str, newer_than: Option<f64>) -> Result<Web, ModuleError> {
        let mut headers = headers(&self.headers);
        headers.push(("User-Agent".to_owned(), self.http_agent.clone()));
        if *self.force {
            headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        } else if let Some(time) = newer_than {
            headers.push(("If-Modified-Since".to_owned(), http_date(time)));
        }
        let path = |arg: &Option<PathArg>| arg.as_ref().map(|arg| arg.path(system)).transpose();
        let password = || self.url_password.as_ref().map(|password| password.0.clone()).unwrap_or_default();
        Ok(Web {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers,
            unredirected: self.unredirected_headers.0.clone(),
            body: None,
            credentials: self.url_username.as_ref().map(|user| (user.0.clone(), password())),
            force_basic_auth: *self.force_basic_auth,
            follow: Follow::All,
            timeout: f64::from(i32::try_from(self.timeout.0).unwrap_or(i32::MAX)),
            tls: Tls {
                insecure: !*self.validate_certs,
                ca_path: None,
                client_cert: path(&self.client_cert)?,
                client_key: path(&self.client_key)?,
            },
            unix_socket: None,
            use_proxy: *self.use_proxy,
            use_netrc: *self.use_netrc,
            raw: !*self.decompress,
        })
    }

    /// What the URL gives now; 304 only if `newer_than` is given.
    fn fetch(&self, system: &dyn System, url: &str, newer_than: Option<f64>) -> Result<HttpResponse, ModuleError> {
        let fail = |msg: String| ModuleError::new(msg).field("url", masked(url)).field("dest", self.dest.raw());
        if let Some(path) = url.strip_prefix("file://") {
            let content = system.read(Path::new(path)).map_err(|error| fail(format!("Request failed: {error}")))?;
            return Ok(HttpResponse::new(200, url, Vec::new(), content));
        }
        let web = self.web(system, url, newer_than)?;
        let response = web.look(system).map_err(|error| fail(format!("Request failed: {}", error.msg)))?;
        if matches!(response.status, 200 | 304) {
            return Ok(response);
        }
        Err(fail("Request failed".to_owned())
            .field("status_code", response.status)
            .field("response", message(&response)))
    }

    /// Algorithm and digest that the file must have.
    fn wanted(&self, system: &dyn System) -> Result<Option<(String, String)>, ModuleError> {
        if self.checksum.is_empty() {
            return Ok(None);
        }
        let Some((algorithm, digest)) = self.checksum.split_once(':') else {
            return Err(ModuleError::new("The checksum parameter has to be in format <algorithm>:<checksum>"));
        };
        Algorithm::named(algorithm)?;
        let digest = if digest.contains("://") {
            let list = self
                .fetch(system, digest, None)?
                .read()
                .map_err(|error| ModuleError::new(format!("failed to read the checksums at {digest}: {error}")))?;
            let name = url_name(&self.url);
            find_digest(&String::from_utf8_lossy(&list), &name).ok_or_else(|| {
                ModuleError::new(format!("Unable to find a checksum for file '{name}' in '{}'", masked(digest)))
            })?
        } else {
            digest.to_owned()
        };
        let digest: String = digest.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        if digest.is_empty() || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ModuleError::new("The checksum format is invalid"));
        }
        Ok(Some((algorithm.to_owned(), digest)))
    }

    fn output(&self, system: &dyn System, dest: &Path) -> Result<Output, ModuleError> {
        let info = PathInfo::of(system, dest)?;
        Ok(Output { dest: dest.to_string_lossy().into_owned(), url: masked(&self.url), info, ..Output::default() })
    }
}

/// The digest of `name` in the output of `sha256sum` or BSD's `sha256`, or the only word there is.
fn find_digest(list: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = list.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [line] = lines.as_slice()
        && !line.contains(char::is_whitespace)
    {
        return Some((*line).to_owned());
    }
    lines.iter().find_map(|line| {
        if let Some((left, digest)) = line.rsplit_once('=')
            && let Some((_, path)) = left.trim_end().strip_suffix(')').and_then(|left| left.split_once('('))
        {
            return (path == name).then(|| digest.trim().to_owned());
        }
        let (digest, path) = line.split_once(char::is_whitespace)?;
        let path = path.trim_start().trim_start_matches('*').trim_start_matches("./");
        (path == name).then(|| digest.to_owned())
    })
}

/// Whether what is at `dest` has to be fetched (again).
enum Verdict {
    Download,
    Keep { msg: String, status: Option<u16> },
}

fn judge(
    args: &Args,
    system: &dyn System,
    dest: &Path,
    wanted: Option<&(String, String)>,
) -> Result<Verdict, ModuleError> {
    let Some(meta) = system.metadata(dest)? else { return Ok(Verdict::Download) };
    let resource = system.resource(RESOURCE, &dest.to_string_lossy());
    if resource.is_some_and(|url| url == json!(args.url)) {
        return Ok(Verdict::Keep { msg: "file already exists".to_owned(), status: None });
    }
    if !system.may(dest, Access::Read)? {
        return Err(ModuleError::new(format!("Destination {} is not readable", dest.display())));
    }
    let mut newer_than = Some(meta.modified);
    if let Some((algorithm, digest)) = wanted.filter(|_| !*args.force) {
        if Algorithm::named(algorithm)?.of_file(system, dest)? == *digest {
            return Ok(Verdict::Keep { msg: "file already exists".to_owned(), status: None });
        }
        // It may be newer than the server's and wrong nevertheless.
        newer_than = None;
    }
    let mut response = args.fetch(system, &args.url, newer_than)?;
    let (msg, status) = (message(&response), Some(response.status));
    if response.status == 304 {
        return Ok(Verdict::Keep { msg, status });
    }
    let there = Algorithm::Sha1
        .of(&mut *response.body)
        .map_err(|error| ModuleError::new(format!("failed to download {}: {error}", masked(&args.url))))?;
    Ok(if there == Algorithm::Sha1.of_file(system, dest)? { Verdict::Keep { msg, status } } else { Verdict::Download })
}

impl Module for GetUrl {
    const NAME: &'static str = "ansible.builtin.get_url";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.get_url"];
    const SECRETS: &'static [&'static str] = &["url_password"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.refuse_unsupported()?;
        let given = args.dest.path(system)?;
        let checksum = args.wanted(system)?;
        let into_directory = system.metadata(&given)?.is_some_and(|meta| meta.kind == FileKind::Directory);
        let mut dest = given.clone();
        if into_directory {
            // Only the server knows the name; a simulation of ours knows it too.
            dest = given.join(url_name(&args.url));
            if system.resource(RESOURCE, &dest.to_string_lossy()).is_none() {
                let response = args.fetch(system, &args.url, None)?;
                dest = given.join(disposition_name(&response).unwrap_or_else(|| url_name(&response.url)));
            }
        }
        let parent = dest.parent().unwrap_or(Path::new("/"));
        if !system.exists(parent)? {
            return Err(ModuleError::new(format!("Destination {} does not exist", parent.display())));
        }
        if !*args.unsafe_writes && !system.may(parent, Access::Write)? {
            return Err(ModuleError::new(format!("Destination {} is not writable", parent.display())));
        }
        let resolved = args.file_attributes().resolve(system)?;
        let meta = system.symlink_metadata(&dest)?;
        let verdict = judge(args, system, &dest, checksum.as_ref())?;
        let mut output = args.output(system, &dest)?;
        let attributes = match &meta {
            Some(meta) => resolved.against(system, &dest, meta)?,
            None => resolved.for_new(system, &dest, FileKind::File)?,
        };
        let download = match verdict {
            Verdict::Download => true,
            Verdict::Keep { msg, status } => {
                (output.msg, output.status_code) = (msg, status);
                false
            }
        };
        if !download && attributes.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        if !download && output.status_code.is_none() {
            output.msg = "file already exists but file attributes changed".to_owned();
        }
        let was_there = meta.is_some();
        Ok(Checked::changed(output, Change { dest, into_directory, download, checksum, attributes, was_there }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let started = system.now();
        if !change.download {
            change.attributes.apply(&change.dest, system)?;
            let mut output = args.output(system, &change.dest)?;
            output.msg = "file already exists but file attributes changed".to_owned();
            return Ok(output);
        }
        let before = Algorithm::Sha1.of_file(system, &change.dest).ok();
        let mut temporary = temporary_path(system, None);
        if let Some(directory) = &args.tmp_dest {
            let directory = directory.path(system)?;
            if system.metadata(&directory)?.is_none_or(|meta| meta.kind != FileKind::Directory) {
                return Err(ModuleError::new(format!("{} directory does not exist.", directory.display())));
            }
            temporary = directory.join(temporary.file_name().unwrap_or_default());
        }
        let mut response = args.fetch(system, &args.url, None)?;
        system.spool(&temporary, &mut *response.body)?;
        let result = install(args, &change, &temporary, system);
        system.remove(&temporary)?;
        let (checksum, backup_file) = result?;
        let mut output = args.output(system, &change.dest)?;
        output.md5sum = Algorithm::Md5.of_file(system, &change.dest).ok();
        output.checksum_src = Some(checksum);
        output.checksum_dest = before;
        output.status_code = Some(response.status);
        output.msg = message(&response);
        output.backup_file = backup_file;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
        {
            output.elapsed = (system.now() - started).max(0.0) as u64;
        }
        Ok(output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if !change.download {
            return Self::apply(args, change, system).map(Simulated::known);
        }
        system.write(&change.dest, &new_file(args, &change, Content::NotKnownYet))?;
        rest(&change).apply(&change.dest, system)?;
        system.set_resource(RESOURCE, &change.dest.to_string_lossy(), json!(args.url));
        let output = args.output(system, &change.dest)?;
        let unknown = &["checksum_src", "checksum_dest", "md5sum", "status_code", "msg", "elapsed", "size"];
        Ok(Simulated::with_unknown(output, unknown))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut properties = Vec::new();
        if change.download {
            let before = if change.was_there { "other content" } else { "absent" };
            properties.push(("state", before.to_owned(), "downloaded".to_owned()));
        }
        properties.extend(change.attributes.properties());
        vec![Diff::properties(change.dest.to_string_lossy(), properties)]
    }
}

fn new_file(args: &Args, change: &Change, content: Content) -> WriteFile {
    let after = |delta: Option<super::support::file_attributes::Delta>| delta.map(|delta| delta.after);
    WriteFile {
        mode: after(change.attributes.mode),
        ownership: Ownership { uid: after(change.attributes.uid), gid: after(change.attributes.gid) },
        in_place: *args.unsafe_writes,
        ..WriteFile::of(content)
    }
}

/// Attributes that are not set by writing.
fn rest(change: &Change) -> AttributeChange {
    AttributeChange { uid: None, gid: None, mode: None, ..change.attributes.clone() }
}

/// Checks what was downloaded and puts it in place. Returns its SHA-1 and the backup's path.
fn install(
    args: &Args,
    change: &Change,
    temporary: &Path,
    system: &mut dyn System,
) -> Result<(String, Option<String>), ModuleError> {
    if let Some((algorithm, wanted)) = &change.checksum {
        let found = Algorithm::named(algorithm)?.of_file(system, temporary)?;
        if found != *wanted {
            let what = format!("The checksum for {} did not match {wanted}; it was {found}.", masked(&args.url));
            return Err(ModuleError::new(what)
                .field("dest", change.dest.to_string_lossy())
                .field("url", masked(&args.url)));
        }
    }
    let sha1 = Algorithm::Sha1.of_file(system, temporary)?;
    let file = new_file(args, change, Content::CopyOf(temporary.to_owned()));
    let backup = replace(system, &change.dest, &file, Replace { backup: *args.backup, validate: None })?;
    rest(change).apply(&change.dest, system)?;
    Ok((sha1, backup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_in_lists() {
        assert_eq!(find_digest("abc\n", "x").as_deref(), Some("abc"));
        assert_eq!(find_digest("aa  ./x\nbb *y\n", "y").as_deref(), Some("bb"));
        assert_eq!(find_digest("SHA256 (x) = cc\nSHA256 (y) = dd\n", "y").as_deref(), Some("dd"));
        assert_eq!(find_digest("aa  x\nbb  y\n", "z"), None);
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        assert_eq!(masked("https://u:p@h/x@y"), "https://********@h/x@y");
        assert_eq!(masked("https://h/x"), "https://h/x");
    }
}
