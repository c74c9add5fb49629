//! HTTP requests and responses as modules see them. The real client is in [`os`](super::os).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// Which redirects are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Redirects {
    /// All of them.
    All,
    /// Those of GET and HEAD.
    #[default]
    Safe,
    /// None: the redirect is the response.
    None,
}

/// What is sent with a request.
#[derive(Default)]
pub enum HttpBody {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes, with their length.
    Bytes(Vec<u8>),
    /// What the reader gives, in chunks.
    Stream(Box<dyn Read + Send>),
}

impl std::fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// How the server is authenticated, and how we are.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Accept any certificate.
    pub insecure: bool,
    /// PEM file with the authorities to trust instead of the machine's.
    pub ca_path: Option<PathBuf>,
    /// PEM file with our certificate, and the key where `client_key` is not given.
    pub client_cert: Option<PathBuf>,
    /// PEM file with our key.
    pub client_key: Option<PathBuf>,
}

/// A request.
#[derive(Debug, Default)]
pub struct HttpRequest {
    /// Method, in capitals.
    pub method: String,
    /// `http://` or `https://` URL. With `unix_socket` its host is only a name.
    pub url: String,
    /// Headers in the order to send them.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: HttpBody,
    /// Limit for connecting, and for each wait for the response's head.
    pub timeout: Option<Duration>,
    /// Redirects to follow.
    pub redirects: Redirects,
    /// Certificates.
    pub tls: Tls,
    /// Socket to connect to, instead of the URL's host.
    pub unix_socket: Option<PathBuf>,
    /// Ask the proxy that the environment names.
    pub use_proxy: bool,
    /// Leave a compressed body compressed.
    pub raw: bool,
}

impl HttpRequest {
    /// A request without a body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), use_proxy: true, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// A response; its body is read when asked for.
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// The URL that answered, after redirects.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Box<dyn Read + Send>,
}

impl HttpResponse {
    /// A response with all of its body at hand.
    pub fn new(status: u16, url: impl Into<String>, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, url: url.into(), headers, body: Box::new(std::io::Cursor::new(body)) }
    }

    /// The first header called `name` (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Headers by name; values of repeated ones are joined by commas.
    pub fn header_map(&self) -> BTreeMap<String, String> {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &self.headers {
            headers
                .entry(name.clone())
                .and_modify(|joined| {
                    joined.push_str(", ");
                    joined.push_str(value);
                })
                .or_insert_with(|| value.clone());
        }
        headers
    }

    /// The whole body.
    ///
    /// # Errors
    /// What reading it gave.
    pub fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.body.read_to_end(&mut content)?;
        Ok(content)
    }
}

impl std::fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpResponse({} {})", self.status, self.url)
    }
}

/// The standard words for a status code, where there are some.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        418 => "I'm a Teapot",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
