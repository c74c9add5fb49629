//! `ansible.builtin.hostname`: the host's name, now and at every start.
//!
//! By `hostnamectl` where systemd runs, else in the distribution's file and by `hostname`. Deviation: strategies of systems other
//! than Linux are refused by name.

use super::support::tool;
use crate::module::types::LooseString;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// The host's name.
pub struct Hostname;

/// How the name is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// `/etc/hostname`.
    Alpine,
    /// `/etc/hostname`.
    Debian,
    /// Nothing is kept.
    Generic,
    /// `/etc/conf.d/hostname`.
    OpenRc,
    /// `/etc/sysconfig/network`.
    RedHat,
    /// `/etc/HOSTNAME`.
    Sles,
    /// `hostnamectl`.
    Systemd,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name to have.
    pub name: LooseString,
    /// How it is kept; found out if not given.
    #[serde(rename = "use")]
    pub strategy: Option<Strategy>,
}

default_args!(name);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The name.
    name: String,
    /// `ansible_hostname`, `ansible_nodename`, `ansible_fqdn`, `ansible_domain`.
    ansible_facts: Map<String, Value>,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    strategy: Strategy,
    /// Name that the kernel has, if it changes.
    current: Option<String>,
    /// Name that is kept, if it changes.
    permanent: Option<String>,
    /// Name to have.
    name: String,
}

/// Under this kind a simulation keeps the name.
const RESOURCE: &str = "hostname";

/// The name that a plan gives the host.
pub(super) fn planned(system: &dyn System) -> Option<String> {
    system.resource(RESOURCE, "name")?.as_str().map(str::to_owned)
}

impl Strategy {
    fn find(system: &dyn System) -> Result<Self, ModuleError> {
        let is_there = |path: &str| system.exists(Path::new(path));
        Ok(if is_there("/run/systemd/system")? {
            Self::Systemd
        } else if is_there("/etc/conf.d/hostname")? {
            Self::OpenRc
        } else if is_there("/etc/HOSTNAME")? {
            Self::Sles
        } else if is_there("/etc/redhat-release")? {
            Self::RedHat
        } else if is_there("/etc/hostname")? || is_there("/etc/debian_version")? {
            Self::Debian
        } else {
            Self::Generic
        })
    }

    fn file(self) -> Option<&'static str> {
        match self {
            Self::Alpine | Self::Debian => Some("/etc/hostname"),
            Self::Sles => Some("/etc/HOSTNAME"),
            Self::OpenRc => Some("/etc/conf.d/hostname"),
            Self::RedHat => Some("/etc/sysconfig/network"),
            Self::Generic | Self::Systemd => None,
        }
    }

    /// How the line with the name begins, in files that hold more.
    fn assignment(self) -> Option<&'static str> {
        match self {
            Self::OpenRc => Some("hostname="),
            Self::RedHat => Some("HOSTNAME="),
            _ => None,
        }
    }

    /// The text of the file.
    fn read(self, system: &dyn System) -> Result<String, ModuleError> {
        match self.file().map(Path::new) {
            Some(path) if system.exists(path)? => Ok(system.read_text(path)?),
            _ => Ok(String::new()),
        }
    }

    fn permanent(self, system: &dyn System, name: &str) -> Result<String, ModuleError> {
        if self == Self::Generic {
            return Ok(name.to_owned());
        }
        if self == Self::Systemd {
            return status(system, "--static");
        }
        let text = self.read(system)?;
        let found = match self.assignment() {
            None => text.trim().to_owned(),
            Some(start) => {
                let value = text.lines().find_map(|line| line.trim().strip_prefix(start));
                value.unwrap_or_default().trim().trim_matches('"').to_owned()
            }
        };
        Ok(found)
    }

    /// The file with another name in it.
    fn write(self, system: &mut dyn System, name: &str) -> Result<(), ModuleError> {
        let Some(path) = self.file() else { return Ok(()) };
        let text = match self.assignment() {
            None => format!("{name}\n"),
            Some(start) => {
                let line = if self == Self::OpenRc { format!("{start}\"{name}\"") } else { format!("{start}{name}") };
                let old = self.read(system)?;
                let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
                match lines.iter_mut().find(|line| line.trim().starts_with(start)) {
                    Some(found) => *found = line,
                    None => lines.push(line),
                }
                format!("{}\n", lines.join("\n"))
            }
        };
        system.write(&PathBuf::from(path), &WriteFile::new(text))?;
        Ok(())
    }
}

fn status(system: &dyn System, kind: &str) -> Result<String, ModuleError> {
    let answer = tool::ask(system, &Command::new(["hostnamectl", kind, "status"]))?;
    if !answer.success() {
        let (stdout, stderr) = (answer.stdout_text(), answer.stderr_text());
        return Err(ModuleError::new(format!("Command failed rc={}, out={stdout}, err={stderr}", answer.rc)));
    }
    Ok(answer.stdout_text().trim().to_owned())
}

fn output(name: &str, system: &dyn System) -> Output {
    let hosts = system.read_text(Path::new("/etc/hosts")).unwrap_or_default();
    let full = hosts.lines().find_map(|line| {
        let names: Vec<&str> = line.split('#').next()?.split_whitespace().skip(1).collect();
        names.contains(&name).then(|| names.into_iter().find(|name| name.contains('.')).map(str::to_owned))?
    });
    let full = full.unwrap_or_else(|| name.to_owned());
    let facts = [
        ("ansible_hostname", name.split('.').next().unwrap_or_default()),
        ("ansible_nodename", name),
        ("ansible_domain", full.split_once('.').map_or("", |(_, domain)| domain)),
        ("ansible_fqdn", &full),
    ];
    let ansible_facts = facts.into_iter().map(|(fact, value)| (fact.to_owned(), json!(value))).collect();
    Output { name: name.to_owned(), ansible_facts }
}

impl Module for Hostname {
    const NAME: &'static str = "ansible.builtin.hostname";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.hostname"];
    const BRINGS_FACTS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let name = args.name.0.clone();
        let strategy = args.strategy.map_or_else(|| Strategy::find(system), Ok)?;
        let output = output(&name, system);
        if system.resource(RESOURCE, "name").is_some_and(|planned| planned == json!(name)) {
            return Ok(Checked::unchanged(output));
        }
        if strategy == Strategy::Systemd && name.len() > 64 {
            let msg = "name cannot be longer than 64 characters on systemd servers, try a shorter name";
            return Err(ModuleError::new(msg));
        }
        let current = match strategy {
            Strategy::Systemd => status(system, "--transient")?,
            _ => system.uname()?.nodename,
        };
        let permanent = strategy.permanent(system, &name)?;
        let differs = |found: String| Some(found).filter(|found| *found != name);
        let (current, permanent) = (differs(current), differs(permanent));
        let change = Change { strategy, current, permanent, name: name.clone() };
        Ok(match (&change.current, &change.permanent) {
            (None, None) => Checked::unchanged(output),
            _ => Checked::changed(output, change),
        })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let name = &args.name.0;
        let run =
            |system: &mut dyn System, argv: &[&str]| tool::run(system, &Command::new(argv.iter().copied())).map(drop);
        if change.strategy == Strategy::Systemd {
            // NetworkManager complains of the other order.
            if change.permanent.is_some() {
                run(system, &["hostnamectl", "--pretty", "--static", "set-hostname", name])?;
            }
            if change.current.is_some() {
                run(system, &["hostnamectl", "--transient", "set-hostname", name])?;
            }
            return Ok(output(name, system));
        }
        if change.current.is_some() {
            run(system, &["hostname", name])?;
        }
        if change.permanent.is_some() {
            change.strategy.write(system, name)?;
        }
        Ok(output(name, system))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if change.permanent.is_some() {
            change.strategy.write(system, &args.name)?;
        }
        system.set_resource(RESOURCE, "name", json!(args.name.0));
        Ok(Simulated::known(output(&args.name, system)))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let before = change.current.as_ref().or(change.permanent.as_ref()).cloned().unwrap_or_default();
        vec![Diff {
            before: format!("hostname = {before}\n"),
            after: format!("hostname = {}\n", change.name),
            ..Diff::default()
        }]
    }
}
