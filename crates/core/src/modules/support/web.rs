//! HTTP as get_url and uri speak it: credentials, redirects, and what Ansible says of a response.

use super::json::dumps;
use crate::module::ModuleError;
use crate::system::http::{Redirects, Tls, reason};
use crate::system::{HttpBody, HttpRequest, HttpResponse, System};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

/// Which redirects a task follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// All.
    All,
    /// Those of GET and HEAD.
    Safe,
    /// Those of GET, HEAD and POST, as Python's own client does.
    Python,
    /// None.
    None,
}

/// A request as a task describes it.
pub struct Web {
    /// Method, in capitals.
    pub method: String,
    /// URL, possibly with credentials.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Names of headers that a redirect loses.
    pub unredirected: Vec<String>,
    /// Body.
    pub body: Option<Vec<u8>>,
    /// User and password.
    pub credentials: Option<(String, String)>,
    /// Send them without being asked.
    pub force_basic_auth: bool,
    /// Redirects.
    pub follow: Follow,
    /// Seconds for each step.
    pub timeout: f64,
    /// Certificates.
    pub tls: Tls,
    /// Socket instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Use the proxy that the environment names.
    pub use_proxy: bool,
    /// Look into `~/.netrc` for credentials.
    pub use_netrc: bool,
    /// Leave a compressed body compressed.
    pub raw: bool,
}

/// Most redirects in a row.
const MAX_REDIRECTS: usize = 10;

impl Web {
    /// Sends it, follows redirects, answers a demand for credentials.
    ///
    /// # Errors
    /// If there is no response.
    pub fn send(mut self, system: &mut dyn System) -> Result<HttpResponse, ModuleError> {
        self.prepare(system)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = self.request();
            let looks = matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && self.body.is_none();
            let response = if looks { system.http(request) } else { system.http_send(request) }?;
            if !self.goes_on(&response)? {
                return Ok(HttpResponse { url: self.url, ..response });
            }
        }
        Err(ModuleError::new(format!("failed to request {}: too many redirects", self.url)))
    }

    /// [`send`](Self::send) for a request that only looks.
    ///
    /// # Errors
    /// If there is no response.
    pub fn look(mut self, system: &dyn System) -> Result<HttpResponse, ModuleError> {
        self.prepare(system)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = system.http(self.request())?;
            if !self.goes_on(&response)? {
                return Ok(HttpResponse { url: self.url, ..response });
            }
        }
        Err(ModuleError::new(format!("failed to request {}: too many redirects", self.url)))
    }

    /// Takes credentials out of the URL, or from `~/.netrc`.
    fn prepare(&mut self, system: &dyn System) -> Result<(), ModuleError> {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return Err(ModuleError::new(format!("{:?} is no URL: it needs http:// or https://", self.url)));
        };
        if !matches!(scheme, "http" | "https") {
            return Err(ModuleError::new(format!("URLs of {scheme}: are not supported (http and https are)")));
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if let Some((user, host)) = authority.rsplit_once('@') {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            self.credentials.get_or_insert((percent_decode(name), percent_decode(password)));
            self.force_basic_auth = true;
            self.url = format!("{scheme}://{host}{path}");
        } else if self.credentials.is_none() && self.use_netrc && !self.has_header("authorization") {
            let host = authority.split(':').next().unwrap_or_default();
            if let Ok(netrc) = system.read_text(&system.home().join(".netrc")) {
                self.credentials = from_netrc(&netrc, host);
                self.force_basic_auth |= self.credentials.is_some();
            }
        }
        if let Some(end) = self.url.find('#') {
            self.url.truncate(end);
        }
        if self.force_basic_auth {
            self.authorize();
        }
        Ok(())
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    fn authorize(&mut self) {
        if let Some((user, password)) = self.credentials.take()
            && !self.has_header("authorization")
        {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            self.headers.push(("Authorization".to_owned(), value));
        }
    }

    fn request(&self) -> HttpRequest {
        HttpRequest {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone().map_or(HttpBody::Empty, HttpBody::Bytes),
            timeout: Some(Duration::from_secs_f64(self.timeout.max(0.1))),
            redirects: Redirects::None,
            tls: self.tls.clone(),
            unix_socket: self.unix_socket.clone(),
            use_proxy: self.use_proxy,
            raw: self.raw,
        }
    }

    /// Whether another request has to be sent after `response`; then it is ready.
    fn goes_on(&mut self, response: &HttpResponse) -> Result<bool, ModuleError> {
        if response.status == 401 && self.credentials.is_some() {
            let demand = response.header("www-authenticate").unwrap_or_default().to_lowercase();
            if demand.starts_with("digest") {
                let msg = format!("{} asks for digest authentication, which is not supported", self.url);
                return Err(ModuleError::new(msg));
            }
            self.authorize();
            return Ok(true);
        }
        let (301 | 302 | 303 | 307 | 308) = response.status else { return Ok(false) };
        let Some(location) = response.header("location") else { return Ok(false) };
        let is_safe = matches!(self.method.as_str(), "GET" | "HEAD");
        let follows = match self.follow {
            Follow::All => true,
            Follow::Safe => is_safe,
            Follow::Python => is_safe || (self.method == "POST" && response.status < 304),
            Follow::None => false,
        };
        if !follows {
            return Ok(false);
        }
        let next = join(&self.url, location);
        let dropped = |name: &str| {
            self.unredirected.iter().any(|lost| lost.eq_ignore_ascii_case(name))
                || (name.eq_ignore_ascii_case("authorization") && authority(&next) != authority(&self.url))
        };
        self.headers.retain(|(name, _)| !dropped(name));
        let becomes_get = match response.status {
            301 | 302 => self.method == "POST",
            303 => self.method != "HEAD",
            _ => false,
        };
        if becomes_get {
            self.method = "GET".to_owned();
            self.body = None;
            self.headers.retain(|(name, _)| !name.to_lowercase().starts_with("content-"));
        }
        self.url = next;
        Ok(true)
    }
}

fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]
}

/// A possibly relative `location` seen from `base`.
pub fn join(base: &str, location: &str) -> String {
    if location.contains("://") {
        return location.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    if let Some(location) = location.strip_prefix("//") {
        return format!("{scheme}://{location}");
    }
    let path_start = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(path_start);
    if location.starts_with('/') {
        return format!("{scheme}://{authority}{location}");
    }
    let path = path.split('?').next().unwrap_or_default();
    if location.starts_with('?') {
        return format!("{scheme}://{authority}{path}{location}");
    }
    let directory = path.rfind('/').map_or("/", |end| &path[..=end]);
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in location.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{scheme}://{authority}/{}", parts.join("/"))
}

/// Login and password for `host`.
fn from_netrc(text: &str, host: &str) -> Option<(String, String)> {
    let mut words = text.split_whitespace();
    let (mut here, mut login, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" if here && login.is_some() => break,
            "machine" => here = words.next() == Some(host),
            "default" => here = true,
            "login" => login = words.next().filter(|_| here).or(login),
            "password" => password = words.next().filter(|_| here).or(password),
            _ => {}
        }
    }
    Some((login?.to_owned(), password.unwrap_or_default().to_owned()))
}

/// `%41` as `A`.
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// `text` as a form has it.
pub fn form_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A mapping, or a list of pairs, as a form.
///
/// # Errors
/// If it is neither.
pub fn form(body: &Value) -> Result<String, ModuleError> {
    let pairs: Vec<(String, &Value)> = match body {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(pairs) => {
            let pair = |pair: &'_ Value| -> Option<usize> { pair.as_array().map(Vec::len).filter(|len| *len == 2) };
            if !pairs.iter().all(|item| pair(item).is_some()) {
                return Err(ModuleError::new("failed to parse body as form_urlencoded: a list must have pairs"));
            }
            pairs.iter().map(|pair| (plain(&pair[0]), &pair[1])).collect()
        }
        _ => return Err(ModuleError::new("failed to parse body as form_urlencoded: expected a list or mapping")),
    };
    let mut encoded = Vec::new();
    for (name, value) in pairs {
        let values = match value {
            Value::Array(values) => values.iter().collect(),
            value => vec![value],
        };
        for value in values.into_iter().filter(|value| !value.is_null()) {
            encoded.push(format!("{}={}", form_encode(&name), form_encode(&plain(value))));
        }
    }
    Ok(encoded.join("&"))
}

/// A value as text.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Null => String::new(),
        other => dumps(other),
    }
}

/// Headers of a task.
pub fn headers(given: &Map<String, Value>) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// What Ansible says of a response.
pub fn message(response: &HttpResponse) -> String {
    if response.status < 400 && response.status / 100 != 3 {
        let size = response.header("content-length").unwrap_or("unknown");
        return format!("OK ({size} bytes)");
    }
    format!("HTTP Error {}: {}", response.status, reason(response.status))
}

/// The name in a `Content-Disposition` header, without directories.
pub fn disposition_name(response: &HttpResponse) -> Option<String> {
    let header = response.header("content-disposition")?;
    let name = header.split(';').find_map(|part| part.trim().strip_prefix("filename="))?;
    let name = name.trim_matches('"').rsplit('/').next()?;
    (!name.is_empty() && name != "..").then(|| name.to_owned())
}

/// The file's name at the end of a URL.
pub fn url_name(url: &str) -> String {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.split_once('/').and_then(|(_, path)| path.rsplit('/').next()) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "index.html".to_owned(),
    }
}

/// What `url` gives, as a whole. `file://` reads from the machine.
///
/// # Errors
/// In words, if it cannot be had.
pub fn download(system: &dyn System, url: &str, validate_certs: bool) -> Result<Vec<u8>, String> {
    if let Some(path) = url.strip_prefix("file://") {
        return system.read(std::path::Path::new(path)).map_err(|error| error.to_string());
    }
    let web = Web {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        unredirected: Vec::new(),
        body: None,
        credentials: None,
        force_basic_auth: false,
        follow: Follow::All,
        timeout: 10.0,
        tls: Tls { insecure: !validate_certs, ca_path: None, client_cert: None, client_key: None },
        unix_socket: None,
        use_proxy: true,
        use_netrc: true,
        raw: false,
    };
    let mut response = web.look(system).map_err(|error| error.msg)?;
    if response.status != 200 {
        return Err(message(&response));
    }
    response.read().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(join("http://h/a/b?c", "../d"), "http://h/d");
        assert_eq!(join("http://h/a/b", "c"), "http://h/a/c");
        assert_eq!(join("https://h:1/a", "//i/j"), "https://i/j");
        assert_eq!(join("https://h:1/a", "/j?k"), "https://h:1/j?k");
        assert_eq!(url_name("http://h/a/b.tgz?x=/y"), "b.tgz");
        assert_eq!(url_name("http://h"), "index.html");
        assert_eq!(percent_decode("a%40b%zz"), "a@b%zz");
    }

    #[test]
    fn forms_and_netrc() {
        let body = serde_json::json!({"a": "x y&", "b": [1, true], "c": null});
        assert_eq!(form(&body).unwrap(), "a=x+y%26&b=1&b=True");
        assert_eq!(form(&serde_json::json!([["a", 1], ["a", 2]])).unwrap(), "a=1&a=2");
        let netrc = "machine a login x password y\nmachine b\n login u\n password p\n";
        assert_eq!(from_netrc(netrc, "b"), Some(("u".to_owned(), "p".to_owned())));
        assert_eq!(from_netrc(netrc, "c"), None);
    }
}
