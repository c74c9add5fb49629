//! The Docker daemon's HTTP API, over its Unix socket or plain TCP.
//!
//! A machine on which Docker is only going to be installed, or started, has no daemon yet: a plan takes it for an empty one.

use super::Connection;
use crate::module::ModuleError;
use crate::system::http::reason;
use crate::system::{HttpBody, HttpRequest, HttpResponse, System, SystemError};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// What earlier tasks of a plan may have installed or started that brings a daemon.
const PLANNED: [(&str, &str); 9] = [
    ("package", "docker.io"),
    ("package", "docker-ce"),
    ("package", "docker-engine"),
    ("package", "docker"),
    ("package", "moby-engine"),
    ("unit", "docker"),
    ("unit", "docker.service"),
    ("unit", "docker.socket"),
    ("service", "docker"),
];

/// A connection to the daemon; each request opens its own.
#[derive(Debug, Clone)]
pub struct Docker {
    socket: Option<PathBuf>,
    base: String,
    timeout: Duration,
    /// There is none yet.
    planned: bool,
}

/// A response that is an error.
#[derive(Debug)]
pub struct Failure {
    /// HTTP status; 0 if there was no response.
    pub status: u16,
    /// The daemon's words.
    pub message: String,
}

impl Failure {
    /// The task's failure: what was tried, and why it did not work.
    pub fn error(self, what: &str) -> ModuleError {
        match self.status {
            0 => ModuleError::new(format!("Error {what}: {}", self.message)),
            status => ModuleError::new(format!("Error {what}: {status} {}: {}", reason(status), self.message)),
        }
    }
}

impl From<SystemError> for Failure {
    fn from(error: SystemError) -> Self {
        Self { status: 0, message: format!("failed to {error}") }
    }
}

impl From<Failure> for ModuleError {
    fn from(failure: Failure) -> Self {
        failure.error("talking to the Docker daemon")
    }
}

impl Docker {
    /// Finds the daemon.
    ///
    /// # Errors
    /// If it does not answer and no earlier task of a plan is going to bring it.
    pub fn open(connection: Connection<'_>, system: &dyn System) -> Result<Self, ModuleError> {
        let given = connection.docker_host.map(str::to_owned).or_else(|| system.env("DOCKER_HOST"));
        let host = given.filter(|host| !host.is_empty()).unwrap_or_else(|| "unix:///var/run/docker.sock".to_owned());
        let (socket, mut base) = if let Some(path) = host.strip_prefix("unix://") {
            (Some(PathBuf::from(format!("/{}", path.trim_start_matches('/')))), "http://localhost".to_owned())
        } else if let Some(address) = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) {
            (None, format!("http://{}", address.trim_end_matches('/')))
        } else {
            let message = format!("docker_host {host} is not supported; give unix://PATH or tcp://HOST:PORT");
            return Err(ModuleError::new(message));
        };
        match connection.api_version {
            None | Some("auto" | "") => {}
            Some(version) => base.push_str(&format!("/v{}", version.trim_start_matches('v'))),
        }
        let seconds = connection.timeout.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(60);
        let mut docker = Self { socket, base, timeout: Duration::from_secs(seconds), planned: false };
        if let Err(reason) = docker.ping(system) {
            if !PLANNED.iter().any(|(kind, key)| is_planned(system.resource(kind, key))) {
                let hint = "is Docker installed and running, and may this user use it?";
                return Err(ModuleError::new(format!(
                    "Error connecting to the Docker daemon at {host}: {reason}; {hint}"
                )));
            }
            docker.planned = true;
        }
        Ok(docker)
    }

    fn ping(&self, system: &dyn System) -> Result<(), String> {
        if let Some(socket) = &self.socket
            && !system.exists(socket).map_err(|error| error.to_string())?
        {
            return Err("no such socket".to_owned());
        }
        let response = system.http(self.request("GET", "/_ping")).map_err(|error| error.to_string())?;
        if response.status < 400 {
            Ok(())
        } else {
            Err(answer(response).err().map(|error| error.message).unwrap_or_default())
        }
    }

    /// Whether there is no daemon yet.
    pub fn is_planned(&self) -> bool {
        self.planned
    }

    fn request(&self, method: &str, path: &str) -> HttpRequest {
        HttpRequest {
            unix_socket: self.socket.clone(),
            timeout: Some(self.timeout),
            use_proxy: false,
            ..HttpRequest::new(method, format!("{}{path}", self.base))
        }
    }

    /// What is at `path`; `None` where there is nothing, or no daemon yet.
    pub fn get(&self, system: &dyn System, path: &str) -> Result<Option<Value>, Failure> {
        self.get_with(system, path, Vec::new())
    }

    /// What is at `path`, asked for with further headers.
    pub fn get_with(
        &self,
        system: &dyn System,
        path: &str,
        headers: Vec<(String, String)>,
    ) -> Result<Option<Value>, Failure> {
        if self.planned {
            return Ok(None);
        }
        match answer(system.http(HttpRequest { headers, ..self.request("GET", path) })?) {
            Ok(value) => Ok(Some(value)),
            Err(failure) if failure.status == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What is at `path`, as it is.
    pub fn get_bytes(&self, system: &dyn System, path: &str) -> Result<Vec<u8>, Failure> {
        let response = system.http(self.request("GET", path))?;
        if response.status >= 400 { answer(response).map(|_| Vec::new()) } else { bytes(response) }
    }

    /// What is known of a resource: by earlier tasks of a plan, then by the daemon.
    pub fn look(&self, system: &dyn System, kind: &str, key: &str, path: &str) -> Result<Option<Value>, Failure> {
        match system.resource(kind, key) {
            Some(Value::Null) => Ok(None),
            Some(state) => Ok(Some(state)),
            None => self.get(system, path),
        }
    }

    /// Sends `body` to `path`.
    pub fn post(&self, system: &mut dyn System, path: &str, body: &Value) -> Result<Value, Failure> {
        let mut request = self.request("POST", path).header("Content-Type", "application/json");
        request.body = HttpBody::Bytes(body.to_string().into_bytes());
        answer(system.http_send(request)?)
    }

    /// Asks for what `path` names, without sending anything.
    pub fn command(&self, system: &mut dyn System, path: &str) -> Result<Value, Failure> {
        self.post(system, path, &json!({}))
    }

    /// Asks for something that takes as long as it takes, and reports its progress line by line.
    pub fn stream(
        &self,
        system: &mut dyn System,
        path: &str,
        headers: Vec<(String, String)>,
        body: HttpBody,
        timeout: Option<Duration>,
    ) -> Result<Vec<Value>, Failure> {
        let mut request = self.request("POST", path);
        request.timeout = timeout;
        request.headers = headers;
        request.body = body;
        let response = system.http_send(request)?;
        if response.status >= 400 {
            return answer(response).map(|_| Vec::new());
        }
        let text = String::from_utf8_lossy(&bytes(response)?).into_owned();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        match lines.iter().find_map(|line| line.get("error")) {
            Some(error) => Err(Failure { status: 0, message: plain(error) }),
            None => Ok(lines),
        }
    }

    /// Removes what `path` names; it may be gone already.
    pub fn delete(&self, system: &mut dyn System, path: &str) -> Result<Value, Failure> {
        match answer(system.http_send(self.request("DELETE", path))?) {
            Err(failure) if failure.status == 404 => Ok(Value::Null),
            result => result,
        }
    }
}

fn is_planned(state: Option<Value>) -> bool {
    let Some(state) = state else { return false };
    !state.is_null() && state.get("installed") != Some(&Value::Bool(false)) && state != Value::String("absent".into())
}

fn bytes(mut response: HttpResponse) -> Result<Vec<u8>, Failure> {
    response.read().map_err(|error| Failure { status: 0, message: format!("failed to read the answer: {error}") })
}

fn answer(response: HttpResponse) -> Result<Value, Failure> {
    let status = response.status;
    let content = bytes(response)?;
    let value: Value = serde_json::from_slice(&content)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&content).trim().to_owned()));
    if status < 400 {
        return Ok(value);
    }
    let message = plain(value.get("message").unwrap_or(&value));
    Err(Failure { status, message })
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `text` for a part of a path or query of a URL.
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
