//! What `ssh` would do for a host, as `ssh -G` tells: read where we can do the same in process, and named where we can't.

use super::effective::{Question, Unanswered, Values, baseline};
use crate::connection::{ConnectionError, HostKeyChecking, Target};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Keys of `ssh -G` whose values are followed in process, or make no difference to us.
const FOLLOWED: &[&str] = &[
    "host",
    "hostname",
    "user",
    "port",
    "addressfamily",
    "batchmode",
    "checkhostip",
    "compression",
    "connecttimeout",
    "connectionattempts",
    "identityfile",
    "identitiesonly",
    "identityagent",
    "userknownhostsfile",
    "globalknownhostsfile",
    "stricthostkeychecking",
    "hostkeyalias",
    "hashknownhosts",
    "preferredauthentications",
    "passwordauthentication",
    "kbdinteractiveauthentication",
    "challengeresponseauthentication",
    "pubkeyauthentication",
    "numberofpasswordprompts",
    // Of no effect for commands without a terminal, forwardings, or our own lifetime.
    "loglevel",
    "logverbose",
    "serveraliveinterval",
    "serveralivecountmax",
    "tcpkeepalive",
    "sendenv",
    "requesttty",
    "escapechar",
    "enableescapecommandline",
    "visualhostkey",
    "updatehostkeys",
    "addkeystoagent",
    "fingerprinthash",
    "exitonforwardfailure",
    "forwardx11",
    "forwardx11trusted",
    "forwardx11timeout",
    "xauthlocation",
    "rekeylimit",
    "ipqos",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "clearallforwardings",
    "stdinnull",
    "forkafterauthentication",
    "syslogfacility",
    "controlmaster",
    "controlpersist",
    "gatewayports",
    "casignaturealgorithms",
    "gssapikexalgorithms",
    "gssapiauthentication",
    "gssapikeyexchange",
    "gssapidelegatecredentials",
    "gssapitrustdns",
    "gssapirenewalforcesrekey",
    "gssapiserveridentity",
    "gssapiclientidentity",
    "hostbasedacceptedalgorithms",
    "ignoreunknown",
    "obscurekeystroketiming",
    "channeltimeout",
];

/// Letters of `ssh` that take no value and change nothing for us beyond what `ssh -G` shows.
const PLAIN_FLAGS: &str = "46ACTakqtvx";
/// Letters that take a value and do the same.
const VALUE_FLAGS: &str = "FJilop";

/// How to connect in process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub hostname: String,
    pub port: u16,
    pub user: String,
    pub family: Family,
    pub identities: Vec<PathBuf>,
    pub identities_only: bool,
    pub agent: Agent,
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    pub checking: HostKeyChecking,
    pub alias: Option<String>,
    pub hash_names: bool,
    pub compression: bool,
    pub timeout: Option<Duration>,
    pub methods: Methods,
}

/// Which addresses to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// All.
    #[default]
    Any,
    /// IPv4 only.
    Inet,
    /// IPv6 only.
    Inet6,
}

/// Which agent holds keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Agent {
    /// The one that `SSH_AUTH_SOCK` names, if any.
    #[default]
    Environment,
    /// This socket's.
    Socket(PathBuf),
    /// None.
    None,
}

/// Which ways to authenticate may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    pub publickey: bool,
    pub password: bool,
    pub keyboard_interactive: bool,
}

impl Default for Methods {
    fn default() -> Self {
        Self { publickey: true, password: true, keyboard_interactive: true }
    }
}

/// What the effective configuration asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// Nothing that we can't do.
    InProcess(Box<Settings>),
    /// Something that only the system's `ssh` does: what.
    System(String),
}

/// Asks `ssh` for the host's effective configuration.
///
/// # Errors
/// When `ssh` refuses the configuration or arguments.
pub fn choose(target: &Target) -> Result<Choice, ConnectionError> {
    let arguments = match known_arguments(&target.ssh_args) {
        Ok(arguments) => arguments,
        Err(argument) => return Ok(Choice::System(format!("argument {argument}"))),
    };
    let executable = target.ssh_executable.clone().unwrap_or_else(|| PathBuf::from("ssh"));
    let own = own_options(target);
    let question = Question { executable, arguments, own, port: target.port };
    // Two processes, at once.
    let (answer, baseline) = std::thread::scope(|scope| {
        let baseline = scope.spawn(|| baseline(&question.executable));
        (question.ask(&target.address), baseline.join().unwrap_or_default())
    });
    let values = match answer {
        Ok(values) => values,
        // Without `ssh` there is no one whose configuration it would be.
        Err(Unanswered::NoProgram) if target.ssh_executable.is_none() => {
            return Ok(Choice::InProcess(Box::new(without_ssh(target))));
        }
        Err(Unanswered::NoProgram) => {
            let path = question.executable.display();
            let reason = format!("Failed to connect to the host via ssh: {path}: there is no such program");
            return Err(ConnectionError::Unreachable(reason));
        }
        Err(Unanswered::Refused(error)) => return Err(error),
    };
    if let Some(reason) = beyond_us(&values, &baseline) {
        return Ok(Choice::System(reason));
    }
    Ok(Choice::InProcess(Box::new(settings(&values, target))))
}

/// Our own wishes in `ssh`'s words; they stand behind the user's arguments, which win.
pub fn own_arguments(target: &Target) -> Vec<String> {
    let port = target.port.into_iter().flat_map(|port| ["-o".to_owned(), format!("Port={port}")]);
    own_options(target).into_iter().chain(port).collect()
}

/// The same without the port.
fn own_options(target: &Target) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut option = |text: String| arguments.extend(["-o".to_owned(), text]);
    match target.host_key_checking {
        HostKeyChecking::Strict => {}
        HostKeyChecking::AcceptNew => option("StrictHostKeyChecking=accept-new".to_owned()),
        HostKeyChecking::Off => option("StrictHostKeyChecking=no".to_owned()),
    }
    if let Some(key) = &target.private_key {
        option(format!("IdentityFile=\"{}\"", key.display()));
    }
    if let Some(user) = &target.user {
        option(format!("User=\"{user}\""));
    }
    if let Some(timeout) = target.timeout {
        option(format!("ConnectTimeout={}", timeout.as_secs().max(1)));
    }
    arguments
}

/// The arguments without those for connection sharing, which one connection a host has no use for. `Err` names one
/// that we don't know.
fn known_arguments(arguments: &[String]) -> Result<Vec<String>, String> {
    let mut known = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(letters) = argument.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            return Err(argument.clone());
        };
        let mut left = letters;
        while let Some(letter) = left.chars().next() {
            left = &left[letter.len_utf8()..];
            if PLAIN_FLAGS.contains(letter) {
                known.push(format!("-{letter}"));
            } else if letter == 'S' || VALUE_FLAGS.contains(letter) {
                let value = match left {
                    "" => rest.next().cloned().ok_or_else(|| argument.clone())?,
                    value => value.to_owned(),
                };
                left = "";
                let sharing =
                    letter == 'S' || letter == 'o' && value.trim_start().to_lowercase().starts_with("control");
                if !sharing {
                    known.extend([format!("-{letter}"), value]);
                }
            } else if letter != 'M' {
                return Err(argument.clone());
            }
        }
    }
    Ok(known)
}

/// The first thing in `values` that we can't do.
fn beyond_us(values: &Values, baseline: &Values) -> Option<String> {
    let is = |key: &str, wanted: &str| values.get(key).is_some_and(|found| found.iter().any(|value| value == wanted));
    if is("gssapiauthentication", "yes") && has_kerberos_ticket() {
        return Some("GSSAPIAuthentication (there is a Kerberos ticket)".to_owned());
    }
    // libssh2 has no hardware-backed keys: where there are some, they are probably meant to be used.
    let key = values.get("identityfile").into_iter().flatten().find(|path| {
        let path = expand_home(path);
        is_security_key(&path) || with_suffix(&path, "-cert.pub").exists()
    });
    if let Some(key) = key {
        return Some(format!("IdentityFile {key} (a security key, or one with a certificate)"));
    }
    let files = ["userknownhostsfile", "globalknownhostsfile"].into_iter().filter_map(|key| values.get(key));
    for path in files.flatten().flat_map(|paths| paths.split_whitespace()) {
        let text = std::fs::read_to_string(expand_home(path)).unwrap_or_default();
        if text.lines().any(|line| line.starts_with("@cert-authority")) {
            return Some(format!("@cert-authority in {path}"));
        }
    }
    let different = values.iter().find(|(key, value)| {
        let harmless = matches!(value.as_slice(), [only] if only == "none" || only.is_empty());
        !FOLLOWED.contains(&key.as_str()) && !harmless && baseline.get(*key) != Some(*value)
    });
    different.map(|(key, value)| format!("{key} {}", value.join(" ")))
}

fn has_kerberos_ticket() -> bool {
    let default = || format!("/tmp/krb5cc_{}", rustix::process::getuid().as_raw());
    let cache = std::env::var("KRB5CCNAME").unwrap_or_else(|_| default());
    match cache.split_once(':') {
        Some(("FILE" | "DIR", path)) => Path::new(path).exists(),
        // The kernel's keyring and the like cannot be looked at: whoever names one has it.
        Some(_) => true,
        None => Path::new(&cache).exists(),
    }
}

fn is_security_key(path: &Path) -> bool {
    let public = std::fs::read_to_string(with_suffix(path, ".pub")).unwrap_or_default();
    let named = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("_sk"));
    path.exists() && (named || public.starts_with("sk-"))
}

/// `path` with `suffix` behind its name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// `~` as the home directory.
pub fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn settings(values: &Values, target: &Target) -> Settings {
    let get = |key: &str| values.get(key).and_then(|found| found.first()).map(String::as_str);
    let is_yes = |key: &str, default: bool| get(key).map_or(default, |value| matches!(value, "yes" | "true"));
    let paths = |key: &str| -> Vec<PathBuf> {
        let listed = get(key).unwrap_or_default().split_whitespace().filter(|path| *path != "none");
        listed.map(expand_home).collect()
    };
    let preferred = get("preferredauthentications").map(|list| list.split(',').collect::<Vec<_>>());
    let allowed = |name: &str| preferred.as_ref().is_none_or(|list| list.contains(&name));
    let mut identities: Vec<PathBuf> = Vec::new();
    let named = values.get("identityfile").into_iter().flatten().filter(|path| *path != "none");
    for path in target.private_key.iter().cloned().chain(named.map(|path| expand_home(path))) {
        if !identities.contains(&path) {
            identities.push(path);
        }
    }
    Settings {
        hostname: get("hostname").unwrap_or(&target.address).to_owned(),
        port: get("port").and_then(|port| port.parse().ok()).unwrap_or(22),
        user: get("user").unwrap_or_default().to_owned(),
        family: match get("addressfamily") {
            Some("inet") => Family::Inet,
            Some("inet6") => Family::Inet6,
            _ => Family::Any,
        },
        identities,
        identities_only: is_yes("identitiesonly", false),
        agent: match get("identityagent") {
            None | Some("SSH_AUTH_SOCK") => Agent::Environment,
            Some("none") => Agent::None,
            Some(path) => match path.strip_prefix('$') {
                Some(name) => std::env::var_os(name).map_or(Agent::None, |path| Agent::Socket(path.into())),
                None => Agent::Socket(expand_home(path)),
            },
        },
        user_known_hosts: paths("userknownhostsfile"),
        global_known_hosts: paths("globalknownhostsfile"),
        checking: match get("stricthostkeychecking") {
            Some("no" | "false" | "off") => HostKeyChecking::Off,
            Some("accept-new") => HostKeyChecking::AcceptNew,
            _ => HostKeyChecking::Strict,
        },
        alias: get("hostkeyalias").filter(|alias| *alias != "none").map(str::to_owned),
        hash_names: is_yes("hashknownhosts", false),
        compression: is_yes("compression", false),
        timeout: get("connecttimeout").and_then(|value| value.parse().ok()).map(Duration::from_secs),
        methods: Methods {
            publickey: is_yes("pubkeyauthentication", true) && allowed("publickey"),
            password: is_yes("passwordauthentication", true) && allowed("password"),
            keyboard_interactive: is_yes("kbdinteractiveauthentication", true) && allowed("keyboard-interactive"),
        },
    }
}

/// What `ssh` would do without configuration, where it is not installed.
fn without_ssh(target: &Target) -> Settings {
    let own = ["id_ed25519", "id_ecdsa", "id_rsa"].map(|name| expand_home(&format!("~/.ssh/{name}")));
    Settings {
        hostname: target.address.clone(),
        port: target.port.unwrap_or(22),
        user: target.user.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "root".to_owned()),
        identities: target.private_key.iter().cloned().chain(own).collect(),
        user_known_hosts: vec![expand_home("~/.ssh/known_hosts")],
        global_known_hosts: vec![PathBuf::from("/etc/ssh/ssh_known_hosts")],
        checking: target.host_key_checking,
        timeout: target.timeout,
        ..Settings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::effective::parse;
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn sharing_is_dropped_and_unknown_arguments_are_named() {
        let args =
            words("-C -o ControlMaster=auto -oControlPersist=60s -S /x -o UserKnownHostsFile=/dev/null -vvi key");
        let known = known_arguments(&args).unwrap();
        assert_eq!(known, words("-C -o UserKnownHostsFile=/dev/null -v -v -i key"));
        assert_eq!(known_arguments(&words("-C -L 1:b:2")), Err("-L".to_owned()));
        assert_eq!(known_arguments(&words("-o")), Err("-o".to_owned()));
    }

    #[test]
    fn what_differs_and_is_not_ours_needs_ssh() {
        let baseline = parse("ciphers a,b\nproxyjump none\nport 22\nforwardagent no\n");
        let reason = |text: &str| beyond_us(&parse(text), &baseline);
        assert_eq!(reason("ciphers a,b\nport 2222\nforwardagent no\nproxycommand none"), None);
        assert_eq!(reason("proxyjump bastion").unwrap(), "proxyjump bastion");
        assert_eq!(reason("ciphers b").unwrap(), "ciphers b");
        assert_eq!(reason("controlpath /tmp/x").unwrap(), "controlpath /tmp/x");
        assert_eq!(reason("forwardagent yes").unwrap(), "forwardagent yes");
    }

    #[test]
    fn settings_follow_the_configuration() {
        let values = parse(
            "hostname 10.0.0.1\nport 2222\nuser deploy\nidentityfile /k1\nidentityfile /k2\nidentitiesonly yes\n\
             stricthostkeychecking accept-new\nuserknownhostsfile /a /b\nconnecttimeout 7\nidentityagent none\n\
             preferredauthentications publickey,password\npasswordauthentication no\n",
        );
        let target = Target { private_key: Some("/k2".into()), ..Target::default() };
        let settings = settings(&values, &target);
        assert_eq!(settings.identities, [PathBuf::from("/k2"), PathBuf::from("/k1")]);
        assert_eq!(settings.user_known_hosts, [PathBuf::from("/a"), PathBuf::from("/b")]);
        assert_eq!((settings.port, settings.user.as_str(), settings.agent), (2222, "deploy", Agent::None));
        assert_eq!((settings.checking, settings.timeout), (HostKeyChecking::AcceptNew, Some(Duration::from_secs(7))));
        assert_eq!(settings.methods, Methods { publickey: true, password: false, keyboard_interactive: false });
    }
}
