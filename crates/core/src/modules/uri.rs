//! `ansible.builtin.uri`: an HTTP request.
//!
//! The request is work for apply: check and plans send nothing. Unless `dest` is written it never counts as a change.
//! Not supported, and refused: digest authentication, `use_gssapi`, `ciphers`.

mod body;

use super::get_url::agent;
use super::support::file_attributes::file_args;
use super::support::hash::Algorithm;
use super::support::path_info::PathInfo;
use super::support::time::http_date;
use super::support::web::{Follow, Web, disposition_name, headers, join, message, url_name};
use crate::module::types::{LooseBool, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::http::Tls;
use crate::system::{FileKind, HttpResponse, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Sends an HTTP request.
pub struct Uri;

/// How `body` is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BodyFormat {
    /// A form.
    FormUrlencoded,
    /// A form with files.
    FormMultipart,
    /// JSON, unless it is text already.
    Json,
    /// As it is.
    #[default]
    Raw,
}

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FollowRedirects {
    /// All.
    #[serde(alias = "yes")]
    All,
    /// None.
    #[serde(alias = "no")]
    None,
    /// Those of GET and HEAD.
    #[default]
    Safe,
    /// Those of GET, HEAD and POST.
    Urllib2,
}

file_args! {
    /// Parameters.
    pub struct Args {
        /// An http or https URL.
        pub url: String,
        /// Method.
        #[serde(default = "get")]
        pub method: String,
        /// What to send.
        pub body: Option<Value>,
        /// How `body` is sent.
        #[serde(default)]
        pub body_format: BodyFormat,
        /// File to send.
        pub src: Option<PathArg>,
        /// `src` is on the host.
        #[serde(default)]
        pub remote_src: LooseBool,
        #[serde(default, rename = "_files")]
        #[schemars(skip)]
        #[doc(hidden)]
        pub files: BTreeMap<String, body::Blob>,
        /// File to write the response to, or directory to write into.
        pub dest: Option<PathArg>,
        /// Statuses that are a success.
        #[serde(default = "ok")]
        pub status_code: StringList,
        /// Return the response's body as `content`.
        #[serde(default)]
        pub return_content: LooseBool,
        /// Headers to send.
        #[serde(default)]
        pub headers: Map<String, Value>,
        /// Headers not to send after a redirect.
        #[serde(default)]
        pub unredirected_headers: StringList,
        /// Not sent if this exists.
        pub creates: Option<PathArg>,
        /// Only sent if this exists.
        pub removes: Option<PathArg>,
        /// Which redirects are followed.
        #[serde(default)]
        pub follow_redirects: FollowRedirects,
        /// Seconds to wait for the server.
        #[serde(default = "timeout")]
        pub timeout: LooseInt,
        /// Socket to connect to instead of the URL's host.
        pub unix_socket: Option<PathArg>,
        /// Refuse servers without a valid certificate.
        #[serde(default = "LooseBool::yes")]
        pub validate_certs: LooseBool,
        /// PEM file with the authorities to trust.
        pub ca_path: Option<PathArg>,
        /// PEM file with our certificate.
        pub client_cert: Option<PathArg>,
        /// PEM file with our key.
        pub client_key: Option<PathArg>,
        /// User.
        #[serde(alias = "user")]
        pub url_username: Option<LooseString>,
        /// Password.
        #[serde(alias = "password")]
        pub url_password: Option<LooseString>,
        /// Send user and password without being asked.
        #[serde(default)]
        pub force_basic_auth: LooseBool,
        /// Ask for what no cache has.
        #[serde(default)]
        pub force: LooseBool,
        /// Name to send as `User-Agent`.
        #[serde(default = "agent")]
        pub http_agent: String,
        /// Use the proxy that the environment names.
        #[serde(default = "LooseBool::yes")]
        pub use_proxy: LooseBool,
        /// Unpack a body that is compressed for the way.
        #[serde(default = "LooseBool::yes")]
        pub decompress: LooseBool,
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

default_args!(url);

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> StringList {
    StringList(vec!["200".to_owned()])
}

fn timeout() -> LooseInt {
    LooseInt(30)
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    changed: bool,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The URL that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Whether that is another one than asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirected: Option<bool>,
    /// What the server said.
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<String>,
    /// Seconds it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed: Option<u64>,
    /// The body as JSON, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The body, if asked for or the status is no success.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// Cookies by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Map<String, Value>>,
    /// Cookies as a header for the next request.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies_string: Option<String>,
    /// The file written.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Why nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    /// Headers of the response, in lower case with `_` for `-`.
    #[serde(flatten)]
    headers: Map<String, Value>,
    #[serde(flatten)]
    info: PathInfo,
}

/// The request has to be sent.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    method: String,
    url: String,
    writes: bool,
}

impl Args {
    fn refuse(&self) -> Result<(), ModuleError> {
        let fail = |msg: &str| Err(ModuleError::new(msg));
        if *self.use_gssapi {
            return fail("parameter `use_gssapi` is not supported: leave it out");
        }
        if self.ciphers.is_some() {
            return fail("parameter `ciphers` is not supported: leave it out");
        }
        if self.body.is_some() && self.src.is_some() {
            return fail("parameters are mutually exclusive: body|src");
        }
        if self.method.is_empty() || !self.method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return fail("Parameter 'method' needs to be a single word in uppercase, like GET or POST.");
        }
        self.statuses().map(drop)
    }

    fn statuses(&self) -> Result<Vec<u16>, ModuleError> {
        let parse = |text: &String| {
            text.trim().parse().map_err(|_| ModuleError::new(format!("parameter `status_code`: {text:?} is no status")))
        };
        self.status_code.iter().map(parse).collect()
    }

    fn web(&self, system: &dyn System) -> Result<Web, ModuleError> {
        let mut headers = headers(&self.headers);
        let body = body::body(self, system, &mut headers)?;
        headers.push(("User-Agent".to_owned(), self.http_agent.clone()));
        if *self.force {
            headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        } else if let Some(dest) = &self.dest
            && let Some(meta) = system.metadata(&dest.path(system)?)?
            && meta.kind == FileKind::File
        {
            headers.push(("If-Modified-Since".to_owned(), http_date(meta.modified)));
        }
        let path = |arg: &Option<PathArg>| arg.as_ref().map(|arg| arg.path(system)).transpose();
        let password = || self.url_password.as_ref().map(|password| password.0.clone()).unwrap_or_default();
        Ok(Web {
            method: self.method.to_uppercase(),
            url: self.url.clone(),
            headers,
            unredirected: self.unredirected_headers.0.clone(),
            body,
            credentials: self.url_username.as_ref().map(|user| (user.0.clone(), password())),
            force_basic_auth: *self.force_basic_auth,
            follow: match self.follow_redirects {
                FollowRedirects::All => Follow::All,
                FollowRedirects::None => Follow::None,
                FollowRedirects::Safe => Follow::Safe,
                FollowRedirects::Urllib2 => Follow::Python,
            },
            timeout: f64::from(i32::try_from(self.timeout.0).unwrap_or(i32::MAX)),
            tls: Tls {
                insecure: !*self.validate_certs,
                ca_path: path(&self.ca_path)?,
                client_cert: path(&self.client_cert)?,
                client_key: path(&self.client_key)?,
            },
            unix_socket: path(&self.unix_socket)?,
            use_proxy: *self.use_proxy,
            use_netrc: *self.use_netrc,
            raw: !*self.decompress,
        })
    }

    /// Why nothing needs to be sent.
    fn skip(&self, system: &dyn System) -> Result<Option<String>, ModuleError> {
        if let Some(creates) = &self.creates
            && system.exists(&creates.path(system)?)?
        {
            return Ok(Some(format!("skipped, since '{}' exists", creates.raw())));
        }
        if let Some(removes) = &self.removes
            && !system.exists(&removes.path(system)?)?
        {
            return Ok(Some(format!("skipped, since '{}' does not exist", removes.raw())));
        }
        Ok(None)
    }
}

/// Type of a body, and its encoding.
impl Args {
    /// Whether the status is one that is wanted.
    fn accepts(&self, output: &Output) -> Result<bool, ModuleError> {
        let wanted = self.statuses()?;
        Ok(output.status.is_some_and(|status| wanted.contains(&status)))
    }

    /// Nobody answered.
    fn unanswered(&self, error: &ModuleError) -> ModuleError {
        let wanted: Vec<String> = self.status_code.iter().map(|code| code.trim().to_owned()).collect();
        let msg = format!("Status code was -1 and not [{}]: Request failed: {}", wanted.join(", "), error.msg);
        ModuleError::new(msg).field("status", -1).field("url", self.url.as_str()).field("redirected", false)
    }

    /// Reads the body. Gives it together with the name that a file of it would have.
    fn receive(&self, mut response: HttpResponse) -> Result<(Output, Vec<u8>, String), ModuleError> {
        let content = response
            .read()
            .map_err(|error| ModuleError::new(format!("failed to read the response of {}: {error}", response.url)))?;
        let mut output = Output::of(self, &response);
        let (is_json, charset) = content_type(&response);
        let text = decode(&content, &charset);
        if is_json {
            output.json = serde_json::from_str(&text).ok();
        }
        if *self.return_content {
            output.content = Some(text);
        }
        let name = disposition_name(&response).unwrap_or_else(|| url_name(&response.url));
        Ok((output, content, name))
    }

    /// Fails where the status is none of those that are wanted.
    fn judge(&self, mut output: Output) -> Result<Output, ModuleError> {
        let wanted = self.statuses()?;
        let status = output.status.unwrap_or_default();
        if wanted.contains(&status) {
            return Ok(output);
        }
        let said = output.msg.take().unwrap_or_default();
        let codes = wanted.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        Err(ModuleError::with_output(format!("Status code was {status} and not [{codes}]: {said}"), &output))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
fn whole_seconds(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}

fn content_type(response: &HttpResponse) -> (bool, String) {
    let header = response.header("content-type").unwrap_or("application/octet-stream").to_lowercase();
    let (kind, parameters) = header.split_once(';').unwrap_or((&header, ""));
    let subtype = kind.trim().split_once('/').map_or("", |(_, subtype)| subtype);
    let last = subtype.rsplit('+').next().unwrap_or_default();
    let charset = parameters.split(';').find_map(|part| part.trim().strip_prefix("charset="));
    let charset = charset.map_or("utf-8", |charset| charset.trim_matches('"'));
    (matches!(last, "json" | "javascript"), charset.to_owned())
}

fn decode(content: &[u8], charset: &str) -> String {
    match charset {
        "iso-8859-1" | "latin-1" | "latin1" => content.iter().map(|byte| char::from(*byte)).collect(),
        _ => String::from_utf8_lossy(content).into_owned(),
    }
}

impl Output {
    fn of(args: &Args, response: &HttpResponse) -> Self {
        let mut headers = Map::new();
        let mut cookies = Map::new();
        for (name, value) in response.header_map() {
            let value = if name == "location" { join(&args.url, &value) } else { value };
            headers.insert(name.replace('-', "_"), json!(value));
        }
        for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let pair = value.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.trim().to_owned(), json!(value.trim()));
            }
        }
        let text: Vec<_> =
            cookies.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
        // These names are ours.
        for name in ["status", "url", "msg", "changed", "json", "content", "path", "elapsed"] {
            headers.remove(name);
        }
        Self {
            status: Some(response.status),
            url: Some(response.url.clone()),
            redirected: Some(response.url != args.url),
            msg: Some(message(response)),
            cookies: Some(cookies),
            cookies_string: Some(text.join("; ")),
            headers,
            ..Self::default()
        }
    }
}

/// Writes the response's body, and says where and whether that changed anything.
fn save(args: &Args, dest: &Path, content: &[u8], system: &mut dyn System) -> Result<bool, ModuleError> {
    let same = system.exists(dest)? && Algorithm::Sha1.of_file(system, dest)? == Algorithm::Sha1.of_bytes(content);
    if !same {
        let file = WriteFile { in_place: *args.unsafe_writes, ..WriteFile::new(content) };
        system.write(dest, &file)?;
    }
    let resolved = args.file_attributes().resolve(system)?;
    if let Some(meta) = system.symlink_metadata(dest)? {
        resolved.against(system, dest, &meta)?.apply(dest, system)?;
    }
    // As in Ansible: having written is a change, whatever was there.
    Ok(true)
}

impl Module for Uri {
    const NAME: &'static str = "ansible.builtin.uri";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.uri"];
    const SECRETS: &'static [&'static str] = &["url_password"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.refuse()?;
        if let Some(stdout) = args.skip(system)? {
            return Ok(Checked::unchanged(Output { stdout: Some(stdout), ..Output::default() }));
        }
        let writes = args.dest.is_some();
        let method = args.method.to_uppercase();
        if Self::only_looks(args) {
            let started = system.now();
            let response = args.web(system)?.look(system).map_err(|error| args.unanswered(&error))?;
            let (mut output, _, _) = args.receive(response)?;
            output.elapsed = Some(whole_seconds(system.now() - started));
            return args.judge(output).map(Checked::unchanged);
        }
        let change = Change { method, url: args.url.clone(), writes };
        Ok(Checked::changed(Output { changed: writes, ..Output::default() }, change))
    }

    fn only_looks(args: &Args) -> bool {
        let method = args.method.to_uppercase();
        args.dest.is_none() && args.body.is_none() && matches!(method.as_str(), "GET" | "HEAD")
    }

    fn apply(args: &Args, _: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let started = system.now();
        let response = args.web(system)?.send(system).map_err(|error| args.unanswered(&error))?;
        let (mut output, content, name) = args.receive(response)?;
        output.elapsed = Some(whole_seconds(system.now() - started));
        if let Some(dest) = &args.dest {
            let mut dest: PathBuf = dest.path(system)?;
            if system.metadata(&dest)?.is_some_and(|meta| meta.kind == FileKind::Directory) {
                dest = dest.join(name);
            }
            if args.accepts(&output)? && output.status != Some(304) {
                output.changed = save(args, &dest, &content, system)?;
            }
            output.info = PathInfo::of(system, &dest)?;
            output.path = Some(dest.to_string_lossy().into_owned());
        }
        args.judge(output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if let Some(dest) = &args.dest {
            let dest = dest.path(system)?;
            if system.metadata(&dest)?.is_none_or(|meta| meta.kind == FileKind::File) {
                system.write(&dest, &WriteFile::of(crate::system::Content::NotKnownYet))?;
            }
        }
        Ok(Simulated::with_unknown(Output { changed: change.writes, ..Output::default() }, &["*"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(format!("{} {}\n", change.method, change.url))]
    }
}
