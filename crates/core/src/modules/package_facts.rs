//! `ansible.builtin.package_facts`: installed packages of dpkg, rpm, apk and pacman, as facts.
//!
//! Deviations: packages of dpkg have no `origin`, which only apt's lists tell; portage and the BSDs' managers are refused by name.

use super::support::tool;
use crate::module::types::StringList;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Lists installed packages.
pub struct PackageFacts;

/// How many managers to ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The first that knows packages.
    #[default]
    First,
    /// All.
    All,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Package managers to ask, in order; `auto` for all there are.
    #[serde(default = "auto")]
    pub manager: StringList,
    /// How many of them to ask.
    #[serde(default)]
    pub strategy: Strategy,
}

default_args!();

fn auto() -> StringList {
    StringList(vec!["auto".to_owned()])
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `packages`: by name, each a list of what is installed, with `name`, `version`, `arch`, `source` and others.
    ansible_facts: Map<String, Value>,
    /// What could not be asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// There is never anything to do.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

/// Those there are, under their own names.
const MANAGERS: [&str; 4] = ["apk", "apt", "pacman", "rpm"];

fn own_name(name: &str) -> &str {
    match name {
        "yum" | "dnf" | "dnf5" | "zypper" => "rpm",
        other => other,
    }
}

fn field<'t>(stanza: &'t str, name: &str) -> Option<&'t str> {
    stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn dpkg(text: &str) -> Vec<Value> {
    let installed = |stanza: &&str| field(stanza, "Status").is_some_and(|status| status.ends_with(" installed"));
    let stanzas = text.split("\n\n").filter(installed);
    stanzas
        .filter_map(|stanza| {
            Some(json!({
                "name": field(stanza, "Package")?,
                "version": field(stanza, "Version")?,
                "arch": field(stanza, "Architecture")?,
                "category": field(stanza, "Section").unwrap_or_default(),
                "source": "apt",
            }))
        })
        .collect()
}

fn rpm(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    lines
        .filter_map(|fields| match fields.as_slice() {
            [name, version, release, epoch, arch] => {
                let epoch = epoch.parse::<i64>().map_or(Value::Null, Value::from);
                let (version, release, arch) = (*version, *release, *arch);
                Some(json!({"name": name, "version": version, "release": release, "epoch": epoch,
                    "arch": if arch == "(none)" { Value::Null } else { json!(arch) }, "source": "rpm"}))
            }
            _ => None,
        })
        .collect()
}

fn apk(text: &str) -> Vec<Value> {
    let package = |line: &str| {
        let mut parts = line.rsplitn(3, '-');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(release), Some(version), Some(name)) => {
                json!({"name": name, "version": version, "release": release, "source": "apk"})
            }
            _ => json!({"name": line, "version": "", "release": "", "source": "apk"}),
        }
    };
    text.lines().map(package).collect()
}

fn pacman(text: &str) -> Vec<Value> {
    let value = |stanza: &str, name: &str| {
        let mut lines = stanza.lines().skip_while(|line| line.split(" :").next().map(str::trim_end) != Some(name));
        let first = lines.next()?.split_once(" :")?.1.trim().to_owned();
        Some(
            lines.take_while(|line| line.starts_with(' ')).fold(first, |text, line| format!("{text}  {}", line.trim())),
        )
    };
    let package = |stanza: &str| {
        let provides = value(stanza, "Provides").filter(|provides| provides != "None");
        let provides: Option<Vec<String>> = provides
            .map(|text| text.split("  ").map(|name| name.split('=').next().unwrap_or_default().to_owned()).collect());
        Some(json!({
            "name": value(stanza, "Name")?,
            "version": value(stanza, "Version")?,
            "arch": value(stanza, "Architecture")?,
            "provides": provides,
            "source": "pacman",
        }))
    };
    text.split("\n\n").filter_map(package).collect()
}

fn installed(system: &dyn System, manager: &str) -> Result<Vec<Value>, ModuleError> {
    let said = |argv: &[&str]| {
        tool::look(system, &Command::new(argv.iter().copied()).env("LC_ALL", "C")).map(|answer| answer.stdout_text())
    };
    Ok(match manager {
        "apt" => match system.read_text(Path::new("/var/lib/dpkg/status")) {
            Ok(text) => with_planned(dpkg(&text), system),
            Err(error) if error.is_not_found() => return Err(ModuleError::new("there is no /var/lib/dpkg/status")),
            Err(error) => return Err(error.into()),
        },
        "rpm" => rpm(&said(&["rpm", "-qa", "--qf", "%{NAME}\\t%{VERSION}\\t%{RELEASE}\\t%{EPOCH}\\t%{ARCH}\\n"])?),
        "apk" => apk(&said(&["apk", "info", "-v"])?),
        _ => pacman(&said(&["pacman", "-Qi"])?),
    })
}

/// What a plan makes of packages.
fn with_planned(mut packages: Vec<Value>, system: &dyn System) -> Vec<Value> {
    let planned = system.resources(crate::dpkg::RESOURCE);
    for (name, state) in planned.iter().filter(|(name, _)| name != crate::dpkg::ANY) {
        packages.retain(|package| package["name"] != name.as_str());
        if state["installed"] == true {
            packages.push(
                json!({"name": name, "version": state["version"], "arch": null, "category": null, "source": "apt"}),
            );
        }
    }
    packages
}

impl Module for PackageFacts {
    const NAME: &'static str = "ansible.builtin.package_facts";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.package_facts"];
    const ONLY_LOOKS: bool = true;
    const BRINGS_FACTS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let is_auto = args.manager.iter().any(|name| name == "auto");
        let given: Vec<&str> = args.manager.iter().map(String::as_str).filter(|name| *name != "auto").collect();
        let mut managers: Vec<&str> = given.iter().map(|name| own_name(name)).collect();
        if let Some(unknown) = managers.iter().find(|name| !MANAGERS.contains(*name)) {
            return Err(ModuleError::new(format!("Unsupported package managers requested: {unknown}")));
        }
        if is_auto {
            managers.extend(MANAGERS);
        }
        let mut seen = Vec::new();
        let mut packages: Map<String, Value> = Map::new();
        let mut warnings = Vec::new();
        for manager in managers.iter().copied() {
            if seen.contains(&manager) {
                continue;
            }
            seen.push(manager);
            match installed(system, manager) {
                Ok(found) if found.is_empty() => {
                    warnings.push(format!("Found \"{manager}\" but no associated packages"));
                }
                Ok(found) => {
                    for package in found {
                        let name = package["name"].as_str().unwrap_or_default().to_owned();
                        match packages.entry(name).or_insert_with(|| json!([])) {
                            Value::Array(list) => list.push(package),
                            other => *other = json!([package]),
                        }
                    }
                    if args.strategy == Strategy::First {
                        break;
                    }
                }
                Err(error) if given.iter().any(|name| own_name(name) == manager) => warnings
                    .push(format!("Requested package manager {manager} was not usable by this module: {}", error.msg)),
                Err(_) => {}
            }
        }
        if packages.is_empty() {
            let msg = format!(
                "Could not detect a supported package manager from the following list: {managers:?}, or the required Python \
                 library is not installed. Check warnings for details."
            );
            return Err(ModuleError::new(msg).field("warnings", warnings));
        }
        let ansible_facts = Map::from_iter([("packages".to_owned(), Value::Object(packages))]);
        let unknown = &["ansible_facts.packages.*.*.version", "ansible_facts.packages.*.*.arch"];
        Ok(Checked { unknown, ..Checked::unchanged(Output { ansible_facts, warnings }) })
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}
