//! `ansible.builtin.wait_for`: waits for a port, a file, a text, or a time.
//!
//! Waiting is work for apply: check looks once. It never counts as a change.

use super::support::path_info::PathInfo;
use super::support::regex::{BytesRegex, to_chars};
use crate::module::types::{LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Waits.
pub struct WaitFor;

/// What to wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is there.
    Absent,
    /// No connection to the port is open.
    Drained,
    /// Something is there.
    Present,
    /// Something is there.
    #[default]
    Started,
    /// Nothing is there.
    Stopped,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name or address to connect to.
    #[serde(default = "host")]
    pub host: LooseString,
    /// Seconds to wait at most.
    #[serde(default = "seconds::<300>")]
    pub timeout: LooseInt,
    /// Seconds to wait for one connection.
    #[serde(default = "seconds::<5>")]
    pub connect_timeout: LooseInt,
    /// Seconds to wait before the first look.
    #[serde(default)]
    pub delay: LooseInt,
    /// Port to connect to.
    pub port: Option<LooseInt>,
    /// States in which a connection counts as open, for `drained`.
    #[serde(default = "active_states")]
    pub active_connection_states: StringList,
    /// File to wait for.
    pub path: Option<PathArg>,
    /// Expression for a text in the file, or in what the port says.
    pub search_regex: Option<String>,
    /// What to wait for.
    #[serde(default)]
    pub state: State,
    /// Hosts whose connections do not count, for `drained`.
    pub exclude_hosts: Option<StringList>,
    /// Seconds between looks.
    #[serde(default = "seconds::<1>")]
    pub sleep: LooseInt,
    /// Message for when the time is over.
    pub msg: Option<String>,
}

default_args!();

fn host() -> LooseString {
    "127.0.0.1".into()
}

fn seconds<const N: i64>() -> LooseInt {
    LooseInt(N)
}

/// Names and numbers in `/proc/net/tcp`.
const CONNECTION_STATES: [(&str, &str); 6] = [
    ("ESTABLISHED", "01"),
    ("SYN_SENT", "02"),
    ("SYN_RECV", "03"),
    ("FIN_WAIT1", "04"),
    ("FIN_WAIT2", "05"),
    ("TIME_WAIT", "06"),
];

fn active_states() -> StringList {
    StringList(CONNECTION_STATES.iter().map(|(name, _)| (*name).to_owned()).collect())
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    changed: bool,
    /// Seconds waited.
    elapsed: u64,
    /// What was waited for.
    state: State,
    /// The port.
    port: Option<i64>,
    /// The file.
    path: Option<String>,
    /// The expression.
    search_regex: Option<String>,
    /// Groups of the match.
    match_groups: Vec<Option<String>>,
    /// Named groups of the match.
    match_groupdict: Map<String, Value>,
    #[serde(flatten)]
    info: PathInfo,
}

/// It is not as it should be yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    what: String,
}

/// What is looked at.
enum Target {
    Time,
    Port(u16),
    Path(PathBuf),
}

struct Waiting<'a> {
    args: &'a Args,
    target: Target,
    search: Option<BytesRegex>,
}

/// Groups of a match.
#[derive(Default)]
struct Found {
    groups: Vec<Option<String>>,
    named: Map<String, Value>,
}

impl<'a> Waiting<'a> {
    fn new(args: &'a Args, system: &dyn System) -> Result<Self, ModuleError> {
        let fail = |msg: String| Err(ModuleError::new(msg).field("elapsed", 0));
        let only_ports =
            |state| format!("state={state} should only be used for checking a port in the wait_for module");
        let target = match (&args.port, &args.path) {
            (Some(_), Some(_)) => return fail("port and path parameter can not both be passed to wait_for".into()),
            (None, Some(_)) if args.state == State::Stopped => return fail(only_ports("stopped")),
            (_, Some(_)) if args.state == State::Drained => return fail(only_ports("drained")),
            (None, None) if args.state == State::Drained => return fail("state=drained needs a port".into()),
            (None, Some(path)) => Target::Path(path.path(system)?),
            (Some(port), None) => match u16::try_from(port.0) {
                Ok(port) => Target::Port(port),
                Err(_) => return fail(format!("{} is no port", port.0)),
            },
            (None, None) => Target::Time,
        };
        if args.exclude_hosts.is_some() && args.state != State::Drained {
            return fail("exclude_hosts should only be with state=drained".into());
        }
        for state in args.active_connection_states.iter() {
            if !CONNECTION_STATES.iter().any(|(name, _)| name == state) {
                return fail(format!("unknown active_connection_state ({state}) defined"));
            }
        }
        let search = args.search_regex.as_deref().map(BytesRegex::multiline).transpose()?;
        Ok(Self { args, target, search })
    }

    /// Looks once: whether it is as it should be.
    fn look(&self, system: &dyn System, left: f64) -> Result<Option<Found>, ModuleError> {
        let found = |is: bool| is.then(Found::default);
        Ok(match (&self.target, self.args.state) {
            (Target::Time, _) => None,
            (Target::Path(path), State::Absent | State::Stopped | State::Drained) => found(!system.exists(path)?),
            (Target::Path(path), State::Present | State::Started) => self.look_at_file(system, path)?,
            (Target::Port(port), State::Drained) => found(self.open_connections(system, *port)? == 0),
            (Target::Port(port), State::Absent | State::Stopped) => found(self.connect(system, *port, left).is_none()),
            (Target::Port(port), State::Present | State::Started) => {
                self.connect(system, *port, left).and_then(|stream| self.listen(system, stream, left))
            }
        })
    }

    fn look_at_file(&self, system: &dyn System, path: &Path) -> Result<Option<Found>, ModuleError> {
        if !system.exists(path)? {
            return Ok(None);
        }
        let Some(search) = &self.search else { return Ok(Some(Found::default())) };
        Ok(system.read(path).ok().and_then(|content| find(search, &content)))
    }

    fn connect(&self, system: &dyn System, port: u16, left: f64) -> Option<Box<dyn crate::system::Stream>> {
        let limit = Duration::from_secs_f64(clamp(self.args.connect_timeout).min(left.ceil()).max(0.1));
        system.connect(&self.args.host, port, limit).ok()
    }

    /// Listens for the text; done at once if there is none to listen for.
    fn listen(&self, system: &dyn System, mut stream: Box<dyn crate::system::Stream>, left: f64) -> Option<Found> {
        let Some(search) = &self.search else { return Some(Found::default()) };
        let end = system.now() + left;
        let (mut heard, mut buffer) = (Vec::new(), [0; 1024]);
        while system.now() < end {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                }
                Err(_) => break,
            }
            if let Some(found) = find(search, &heard) {
                return Some(found);
            }
        }
        None
    }

    fn open_connections(&self, system: &dyn System, port: u16) -> Result<usize, ModuleError> {
        let states: Vec<&str> = CONNECTION_STATES
            .iter()
            .filter(|(name, _)| self.args.active_connection_states.iter().any(|state| state == name))
            .map(|(_, number)| *number)
            .collect();
        let excluded = self.args.exclude_hosts.as_deref().unwrap_or_default();
        let mut excluded_addresses = Vec::new();
        for host in excluded {
            match host.parse::<IpAddr>() {
                Ok(address) => excluded_addresses.push(address),
                Err(_) => excluded_addresses.extend(crate::system::os::addresses(system, host)?),
            }
        }
        let local = crate::system::os::addresses(system, &self.args.host)?;
        let any = local.iter().any(IpAddr::is_unspecified);
        let mut count = 0;
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let table = system.read_text(Path::new(file)).unwrap_or_default();
            count += table
                .lines()
                .skip(1)
                .filter_map(parse_connection)
                .filter(|connection| {
                    connection.local.1 == port
                        && states.contains(&connection.state)
                        && (any || local.contains(&connection.local.0) || connection.local.0.is_unspecified())
                        && !excluded_addresses.contains(&connection.remote)
                })
                .count();
        }
        Ok(count)
    }

    /// What is said when the time is over.
    fn failure(&self) -> String {
        if let Some(msg) = &self.args.msg {
            return msg.clone();
        }
        let place = match &self.target {
            Target::Time => String::new(),
            Target::Port(port) => format!("{}:{port}", self.args.host.0),
            Target::Path(path) => path.display().to_string(),
        };
        match (&self.target, self.args.state, &self.args.search_regex) {
            (_, State::Drained, _) => format!("Timeout when waiting for {place} to drain"),
            (Target::Path(_), State::Absent | State::Stopped, _) => {
                format!("Timeout when waiting for {place} to be absent.")
            }
            (_, State::Absent | State::Stopped, _) => format!("Timeout when waiting for {place} to stop."),
            (_, _, Some(text)) => format!("Timeout when waiting for search string {text} in {place}"),
            (Target::Path(_), ..) => format!("Timeout when waiting for file {place}"),
            _ => format!("Timeout when waiting for {place}"),
        }
    }

    fn output(&self, system: &dyn System, started: f64, found: Found) -> Result<Output, ModuleError> {
        let (path, info) = match &self.target {
            Target::Path(path) => (Some(path.to_string_lossy().into_owned()), PathInfo::of(system, path)?),
            _ => (None, PathInfo::default()),
        };
        Ok(Output {
            changed: false,
            elapsed: elapsed(system, started),
            state: self.args.state,
            port: self.args.port.map(|port| port.0),
            path,
            search_regex: self.args.search_regex.clone(),
            match_groups: found.groups,
            match_groupdict: found.named,
            info: PathInfo { state: None, ..info },
        })
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole seconds")]
fn elapsed(system: &dyn System, started: f64) -> u64 {
    (system.now() - started).max(0.0) as u64
}

#[allow(clippy::cast_precision_loss, reason = "seconds")]
fn clamp(seconds: LooseInt) -> f64 {
    seconds.0.max(0) as f64
}

fn find(search: &BytesRegex, content: &[u8]) -> Option<Found> {
    let text = to_chars(content);
    let found = search.search(&text)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let groups = (1..=found.groups()).map(|index| found.group(index).map(text)).collect();
    let named = search.names().map(|name| (name.to_owned(), json!(found.named_group(name).map(text)))).collect();
    Some(Found { groups, named })
}

struct Connection<'a> {
    local: (IpAddr, u16),
    remote: IpAddr,
    state: &'a str,
}

fn parse_connection(line: &str) -> Option<Connection<'_>> {
    let mut words = line.split_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    Some(Connection { local: parse_address(local)?, remote: parse_address(remote)?.0, state })
}

/// An address of `/proc/net/tcp`: words of four bytes in the machine's order, in hex.
fn parse_address(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for start in (0..address.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(address.get(start..start + 8)?, 16).ok()?.to_ne_bytes());
    }
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

impl Module for WaitFor {
    const NAME: &'static str = "ansible.builtin.wait_for";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.wait_for"];
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let waiting = Waiting::new(args, system)?;
        let started = system.now();
        if args.delay.0 <= 0
            && let Some(found) = waiting.look(system, 0.1)?
        {
            return Ok(Checked::unchanged(waiting.output(system, started, found)?));
        }
        let output = waiting.output(system, started, Found::default())?;
        Ok(Checked::changed(output, Change { what: waiting.failure() }))
    }

    fn apply(args: &Args, _: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let system: &dyn System = system;
        let waiting = Waiting::new(args, system)?;
        let (started, timeout) = (system.now(), clamp(args.timeout));
        system.sleep(Duration::from_secs_f64(clamp(args.delay)));
        if matches!(waiting.target, Target::Time) {
            system.sleep(Duration::from_secs_f64(timeout));
            return waiting.output(system, started, Found::default());
        }
        let end = started + timeout;
        while system.now() < end {
            if let Some(found) = waiting.look(system, end - system.now())? {
                return waiting.output(system, started, found);
            }
            system.sleep(Duration::from_secs_f64(clamp(args.sleep).max(0.05)));
            if system.given_up() {
                break;
            }
        }
        Err(ModuleError::new(waiting.failure()).field("elapsed", elapsed(system, started)))
    }

    fn simulate(args: &Args, _: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let waiting = Waiting::new(args, system)?;
        let output = waiting.output(system, system.now(), Found::default())?;
        let simulated = Simulated::with_unknown(output, &["elapsed", "match_groups", "match_groupdict"]);
        // Time passes for certain; the rest may not come.
        let unsure = (!matches!(waiting.target, Target::Time)).then(|| "it waits for what is not so yet".to_owned());
        Ok(Simulated { unsure, ..simulated })
    }

    fn diff(_: &Change) -> Vec<Diff> {
        Vec::new()
    }
}
