//! What `ssh -G` answers for a host. It is asked once for all hosts where nothing in the configuration is about single
//! ones: a process for each of them would be a good part of what connecting costs.

use super::config::expand_home;
use super::kept::Kept;
use crate::connection::ConnectionError;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// Keys, and what they have: some can be given several times.
pub type Values = BTreeMap<String, Vec<String>>;

/// Stands for the port of a host's own, where all share an answer. Nobody's `sshd` listens there.
const ANY_PORT: &str = "1";

/// How deep files may include each other, as for `ssh`.
const DEPTH: usize = 16;

/// A question to `ssh`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Path of `ssh`.
    pub executable: PathBuf,
    /// What the user wants.
    pub arguments: Vec<String>,
    /// What we want; it stands behind.
    pub own: Vec<String>,
    /// The host's port, where it has one.
    pub port: Option<u16>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// There is no such program.
    NoProgram,
    /// It refused, or could not be run.
    Refused(ConnectionError),
}

type Answer = Arc<OnceLock<Option<Values>>>;

impl Question {
    /// The effective configuration for the host at `address`.
    pub fn ask(&self, address: &str) -> Result<Values, Unanswered> {
        static KNOWN: LazyLock<Mutex<HashMap<Question, Answer>>> = LazyLock::new(Mutex::default);
        let Some(files) = files_about_all(&self.arguments) else { return self.run(address) };
        let shared = Self { port: None, own: self.own_with(self.port.map(|_| ANY_PORT)), ..self.clone() };
        let answer =
            Arc::clone(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).entry(shared.clone()).or_default());
        // Other threads wait here for the first one.
        let Some(values) = answer.get_or_init(|| shared.known_or_asked(address, &files)) else {
            return self.run(address);
        };
        let mut values = values.clone();
        values.insert("hostname".to_owned(), vec![address.to_ascii_lowercase()]);
        if let (Some(port), Some(values)) = (self.port, values.get_mut("port"))
            && values.first().is_some_and(|value| value == ANY_PORT)
        {
            *values = vec![port.to_string()];
        }
        Ok(values)
    }

    fn known_or_asked(&self, address: &str, files: &[PathBuf]) -> Option<Values> {
        let kept = Kept::of(self, files);
        if let Some(text) = kept.as_ref().and_then(Kept::load) {
            return Some(parse(&text));
        }
        let text = self.text(address).ok()?;
        if let Some(kept) = kept {
            kept.save(&text);
        }
        Some(parse(&text))
    }

    fn run(&self, address: &str) -> Result<Values, Unanswered> {
        Ok(parse(&self.text(address)?))
    }

    fn text(&self, address: &str) -> Result<String, Unanswered> {
        let mut query = Command::new(&self.executable);
        let port = self.port.map(|port| port.to_string());
        query.arg("-G").args(&self.arguments).args(self.own_with(port.as_deref())).arg(address);
        let refused = |reason: String| {
            Unanswered::Refused(ConnectionError::Unreachable(format!(
                "Failed to connect to the host via ssh: {reason}"
            )))
        };
        match query.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(output) => Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Unanswered::NoProgram),
            Err(error) => Err(refused(format!("{}: {error}", self.executable.display()))),
        }
    }

    fn own_with(&self, port: Option<&str>) -> Vec<String> {
        let port = port.into_iter().flat_map(|port| ["-o".to_owned(), format!("Port={port}")]);
        self.own.iter().cloned().chain(port).collect()
    }
}

/// Keys and values out of what `ssh -G` prints.
pub fn parse(text: &str) -> Values {
    let mut values = Values::new();
    for line in text.lines() {
        let (key, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        values.entry(key.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
    }
    values
}

/// The files that count with these arguments, if neither they nor the arguments are about single hosts.
fn files_about_all(arguments: &[String]) -> Option<Arc<Vec<PathBuf>>> {
    type Known = HashMap<Vec<PathBuf>, Option<Arc<Vec<PathBuf>>>>;
    static READ: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let after =
        |flag: &str| arguments.iter().position(|argument| argument == flag).and_then(|at| arguments.get(at + 1));
    let options = arguments.iter().zip(arguments.iter().skip(1)).filter(|(flag, _)| *flag == "-o");
    if options.into_iter().any(|(_, option)| is_about_one(option)) {
        return None;
    }
    let files = match after("-F").map(String::as_str) {
        Some("none") => Vec::new(),
        Some(file) => vec![expand_home(file)],
        None => vec![expand_home("~/.ssh/config"), PathBuf::from("/etc/ssh/ssh_config")],
    };
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = read.get(&files) {
        return known.clone();
    }
    let mut all = Vec::new();
    let about_all = files.iter().all(|file| names_no_host(file, DEPTH, &mut all)).then(|| Arc::new(all));
    read.insert(files, about_all.clone());
    about_all
}

/// A file without conditions for single hosts and without values that depend on one. It and what it includes go to `read`.
fn names_no_host(file: &Path, depth: usize, read: &mut Vec<PathBuf>) -> bool {
    read.push(file.to_owned());
    let text = match std::fs::read(file) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => return error.kind() == std::io::ErrorKind::NotFound,
    };
    let directory = if file.starts_with("/etc/ssh") { PathBuf::from("/etc/ssh") } else { expand_home("~/.ssh") };
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).all(|line| {
        let (key, value) = key_and_value(line);
        match key.as_str() {
            "include" => {
                depth > 0 && included(value, &directory).iter().all(|file| names_no_host(file, depth - 1, read))
            }
            _ => !is_about_one(line),
        }
    })
}

fn included(value: &str, directory: &Path) -> Vec<PathBuf> {
    let patterns = value.split_whitespace().map(|word| directory.join(expand_home(word.trim_matches('"'))));
    patterns.filter_map(|pattern| glob::glob(&pattern.to_string_lossy()).ok()).flatten().flatten().collect()
}

/// Whether what an option does depends on the host, or on more than files.
fn is_about_one(option: &str) -> bool {
    let (key, value) = key_and_value(option);
    match key.as_str() {
        "host" => value != "*",
        "match" => value != "all",
        "hostname" | "include" => true,
        // One connection a host has no use for connection sharing.
        key if key.starts_with("control") => false,
        key => key.starts_with("canonical") || value.contains('%') || value.contains("${"),
    }
}

fn key_and_value(option: &str) -> (String, &str) {
    let end = option.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(option.len());
    let (key, value) = option.split_at(end);
    (
        key.to_ascii_lowercase(),
        value.trim_start_matches(|letter: char| letter == '=' || letter.is_whitespace()).trim_end(),
    )
}

/// What `ssh` does where nothing is configured.
pub fn baseline(executable: &Path) -> Values {
    let arguments = ["-F", "none"].map(str::to_owned).into();
    let question = Question { executable: executable.to_owned(), arguments, own: Vec::new(), port: None };
    question.ask("localhost").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about_all(files: &[(&str, &str)]) -> bool {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for (name, text) in files {
            std::fs::write(path(name), text.replace("DIR", directory.path().to_str().unwrap())).unwrap();
        }
        files_about_all(&["-F".to_owned(), path("config").display().to_string()]).is_some()
    }

    #[test]
    fn what_names_hosts_is_asked_for_each() {
        assert!(about_all(&[]));
        assert!(about_all(&[("config", "# Host a\nHost *\n  ControlPath ~/%h\n  User=deploy\nMatch all\n Port 22\n")]));
        assert!(!about_all(&[("config", "Host *\nHost a*\n  User me\n")]));
        assert!(!about_all(&[("config", "Match exec true\n")]));
        assert!(!about_all(&[("config", "HostKeyAlias %h\n")]));
        assert!(!about_all(&[("config", "CanonicalizeHostname yes\n")]));
        assert!(about_all(&[("config", "Include DIR/*.conf\n"), ("a.conf", "User me\n")]));
        assert!(!about_all(&[("config", "Include DIR/*.conf\n"), ("a.conf", "host b\n")]));
        assert!(!about_all(&[("config", "Include DIR/config\n")]));
        assert!(!about_all(&[("config", "IdentityFile ${KEYS}/id\n")]));
        let options = |option: &str| files_about_all(&["-F", "none", "-o", option].map(str::to_owned)).is_some();
        assert!(options("User=me") && !options("HostName=other") && !options("ProxyCommand nc %h 22"));
    }

    #[test]
    fn every_host_has_its_own_name_and_port() {
        let question = Question {
            executable: "ssh".into(),
            arguments: ["-F", "none"].map(str::to_owned).into(),
            own: ["-o", "User=\"me\""].map(str::to_owned).into(),
            port: Some(2201),
        };
        let Ok(first) = question.ask("Web1") else { return };
        let second = Question { port: Some(2202), ..question.clone() }.ask("web2").unwrap();
        let third = Question { port: None, ..question }.ask("web3").unwrap();
        let of = |values: &Values| ["hostname", "port", "user"].map(|key| values[key][0].clone());
        assert_eq!(of(&first), ["web1", "2201", "me"]);
        assert_eq!(of(&second), ["web2", "2202", "me"]);
        assert_eq!(of(&third), ["web3", "22", "me"]);
    }
}
