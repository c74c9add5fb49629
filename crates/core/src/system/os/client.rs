//! HTTP by ureq, with our own name resolution, the machine's certificates, and Unix sockets.

use super::{Os, resolve};
use crate::system::http::{HttpBody, HttpRequest, HttpResponse, Redirects, Tls};
use crate::system::{Result, System, SystemError};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout, RustlsConnector,
    TcpConnector, Transport,
};
use ureq::{Agent, Proxy, ResponseExt, SendBody};

/// Where distributions keep the authorities to trust, in one file.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Sends `request` and returns the response's head, its body still to be read.
pub(super) fn send(os: &Os, request: HttpRequest) -> Result<HttpResponse> {
    let target = request.url.clone();
    send_inner(os, request).map_err(|message| SystemError::Network { operation: "request", target, message })
}

fn send_inner(os: &Os, request: HttpRequest) -> Result<HttpResponse, String> {
    let uri: Uri = request.url.parse().map_err(|error| format!("invalid URL: {error}"))?;
    let config = configure(os, &request, &uri)?;
    let agent = match &request.unix_socket {
        Some(path) => Agent::with_parts(config, UnixConnector { path: path.clone() }, Anywhere),
        None => {
            let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
            Agent::with_parts(config, connector.chain(RustlsConnector::default()), Names)
        }
    };
    let mut outgoing = ureq::http::Request::builder().method(request.method.as_str()).uri(uri);
    for (name, value) in &request.headers {
        outgoing = outgoing.header(name, value);
    }
    let invalid = |error: ureq::http::Error| format!("invalid request: {error}");
    let response = match request.body {
        HttpBody::Empty => agent.run(outgoing.body(()).map_err(invalid)?),
        HttpBody::Bytes(bytes) => agent.run(outgoing.body(bytes).map_err(invalid)?),
        HttpBody::Stream(reader) => agent.run(outgoing.body(SendBody::from_owned_reader(reader)).map_err(invalid)?),
    };
    let response = response.map_err(|error| explain(&error))?;
    let url = response.get_uri().to_string();
    let (parts, body) = response.into_parts();
    let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    let body = Box::new(body.into_with_config().limit(u64::MAX).reader());
    Ok(HttpResponse { status: parts.status.as_u16(), url, headers, body })
}

fn configure(os: &Os, request: &HttpRequest, uri: &Uri) -> Result<Config, String> {
    let redirects = match request.redirects {
        Redirects::All => 10,
        Redirects::Safe if matches!(request.method.as_str(), "GET" | "HEAD") => 10,
        Redirects::Safe | Redirects::None => 0,
    };
    let mut config = Config::builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(redirects)
        .max_redirects_will_error(redirects > 0)
        .max_idle_connections(0)
        .save_redirect_history(true)
        .proxy(if request.use_proxy && request.unix_socket.is_none() { proxy(os, uri)? } else { None })
        .timeout_connect(request.timeout)
        .timeout_per_read(request.timeout)
        .timeout_per_write(request.timeout);
    if request.raw {
        config = config.accept_encoding("identity");
    }
    if uri.scheme_str() == Some("https") {
        config = config.tls_config(tls(&request.tls)?);
    }
    Ok(config.build())
}

fn explain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "timed out".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The proxy that the environment, the task's included, names for `uri`.
fn proxy(os: &Os, uri: &Uri) -> Result<Option<Proxy>, String> {
    let scheme = uri.scheme_str().unwrap_or("http");
    let get = |name: &str| os.env(name).or_else(|| os.env(&name.to_uppercase())).filter(|value| !value.is_empty());
    let Some(address) = get(&format!("{scheme}_proxy")).or_else(|| get("all_proxy")) else { return Ok(None) };
    let host = uri.host().unwrap_or_default();
    let excluded = get("no_proxy").unwrap_or_default().split(',').any(|pattern| {
        let pattern = pattern.trim().trim_start_matches('.');
        pattern == "*" || (!pattern.is_empty() && (host == pattern || host.ends_with(&format!(".{pattern}"))))
    });
    if excluded {
        return Ok(None);
    }
    Proxy::new(&address).map(Some).map_err(|error| format!("invalid proxy {address}: {error}"))
}

fn tls(spec: &Tls) -> Result<TlsConfig, String> {
    let mut config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .disable_verification(spec.insecure);
    if !spec.insecure {
        let file = match &spec.ca_path {
            Some(path) => path.clone(),
            None => match std::env::var_os("SSL_CERT_FILE") {
                Some(path) => PathBuf::from(path),
                None => AUTHORITIES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or(
                    "the machine has no CA certificates; install ca-certificates, or give ca_path or validate_certs: false",
                )?,
            },
        };
        let certificates = certificates(&file)?.0;
        config = config.root_certs(RootCerts::Specific(Arc::new(certificates)));
    }
    if let Some(path) = &spec.client_cert {
        let (chain, key) = certificates(path)?;
        let key = match &spec.client_key {
            Some(path) => certificates(path)?.1,
            None => key,
        };
        let key = key.ok_or_else(|| format!("no private key in {} (give client_key)", path.display()))?;
        config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(config.build())
}

type Pem = (Vec<Certificate<'static>>, Option<ureq::tls::PrivateKey<'static>>);

fn certificates(path: &Path) -> Result<Pem, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let (mut chain, mut key) = (Vec::new(), None);
    // One broken certificate among many must not spoil the others.
    for item in parse_pem(&pem).flatten() {
        match item {
            PemItem::Certificate(certificate) => chain.push(certificate),
            PemItem::PrivateKey(found) => key = Some(found),
            _ => {}
        }
    }
    Ok((chain, key))
}

/// Resolves names as the rest of the machine does.
#[derive(Debug)]
struct Names;

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found = resolve::addresses(&Os::new(), host)
            .map_err(|error| ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::NotFound, error.to_string())))?;
        let mut addresses = self.empty();
        for address in found.into_iter().take(16) {
            addresses.push(SocketAddr::new(address, port));
        }
        Ok(addresses)
    }
}

/// For Unix sockets, where addresses mean nothing.
#[derive(Debug)]
struct Anywhere;

impl Resolver for Anywhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from(([127, 0, 0, 1], 0)));
        Ok(addresses)
    }
}

#[derive(Debug)]
struct UnixConnector {
    path: PathBuf,
}

impl Connector for UnixConnector {
    type Out = UnixTransport;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<UnixTransport>, ureq::Error> {
        let stream = UnixStream::connect(&self.path)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(UnixTransport { stream, buffers }))
    }
}

struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl std::fmt::Debug for UnixTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnixTransport")
    }
}

fn limit(timeout: NextTimeout) -> Option<Duration> {
    timeout.not_zero().map(|duration| *duration)
}

fn or_timeout<T>(result: std::io::Result<T>, timeout: NextTimeout) -> Result<T, ureq::Error> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => ureq::Error::Io(error),
    })
}

impl Transport for UnixTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(limit(timeout))?;
        or_timeout(self.stream.write_all(&self.buffers.output()[..amount]), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(limit(timeout))?;
        let count = or_timeout(self.stream.read(self.buffers.input_append_buf()), timeout)?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // Connections are not kept for a second request.
        false
    }
}
