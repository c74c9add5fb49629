//! `community.general.timezone`: the host's time zone, and whether its hardware clock has local time.
//!
//! Deviation: Linux only, by `timedatectl` where systemd runs, else by `/etc/timezone` and `/etc/localtime`, where `hwclock` is
//! refused by name.

use super::support::tool;
use crate::module::types::LooseString;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// The host's time zone.
pub struct Timezone;

/// What the hardware clock has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Clock {
    /// Local time.
    #[serde(rename = "local")]
    Local,
    /// Universal time.
    #[serde(rename = "UTC")]
    Utc,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name of the zone, such as `Europe/Berlin`.
    pub name: Option<LooseString>,
    /// What the hardware clock has.
    #[serde(alias = "rtc")]
    pub hwclock: Option<Clock>,
}

default_args!();

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    systemd: bool,
    /// Zone before and after.
    zone: Option<(String, String)>,
    /// What the hardware clock has to get.
    clock: Option<Clock>,
}

/// Under this kind a simulation keeps what it would have set.
const RESOURCE: &str = "timezone";
const LOCALTIME: &str = "/etc/localtime";
const TIMEZONE: &str = "/etc/timezone";
const ZONES: &str = "/usr/share/zoneinfo";

fn is_zone(system: &dyn System, name: &str) -> Result<bool, ModuleError> {
    let is_plain = !name.is_empty() && !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    Ok(is_plain
        && system
            .metadata(&Path::new(ZONES).join(name))?
            .is_some_and(|meta| meta.kind == crate::system::FileKind::File))
}

/// The zone that the machine has.
fn current(system: &dyn System) -> Result<String, ModuleError> {
    if let Some(zone) = system.resource(RESOURCE, "zone") {
        return Ok(zone.as_str().unwrap_or_default().to_owned());
    }
    if let Ok(target) = system.read_link(Path::new(LOCALTIME)) {
        let target = target.to_string_lossy().into_owned();
        if let Some((_, zone)) = target.split_once("zoneinfo/") {
            return Ok(zone.to_owned());
        }
    }
    let text = system.read_text(Path::new(TIMEZONE)).unwrap_or_default();
    Ok(text.trim().to_owned())
}

impl Module for Timezone {
    const NAME: &'static str = "community.general.timezone";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if args.name.is_none() && args.hwclock.is_none() {
            return Err(ModuleError::new("one of the following is required: hwclock, name"));
        }
        let systemd = system.exists(Path::new("/run/systemd/system"))?;
        let mut change = Change { systemd, zone: None, clock: None };
        if let Some(name) = &args.name {
            if !is_zone(system, name)? {
                let msg = format!("given timezone \"{}\" is not available", name.0);
                return Err(ModuleError::new(msg));
            }
            let now = current(system)?;
            change.zone = (now != name.0).then(|| (now, name.0.clone()));
        }
        if let Some(clock) = args.hwclock {
            if !systemd {
                return Err(ModuleError::new("parameter `hwclock` is not supported without systemd: leave it out"));
            }
            let answer = tool::look(system, &Command::new(["timedatectl", "show", "--property=LocalRTC", "--value"]))?;
            let now = if answer.stdout_text().trim() == "yes" { Clock::Local } else { Clock::Utc };
            let planned = system.resource(RESOURCE, "clock").is_some_and(|planned| planned == json!(clock));
            change.clock = Some(clock).filter(|clock| now != *clock && !planned);
        }
        let nothing = change.zone.is_none() && change.clock.is_none();
        Ok(if nothing { Checked::unchanged(Output {}) } else { Checked::changed(Output {}, change) })
    }

    fn apply(_: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        if let Some(clock) = change.clock {
            let local = if clock == Clock::Local { "yes" } else { "no" };
            tool::run(system, &Command::new(["timedatectl", "set-local-rtc", local]))?;
        }
        match &change.zone {
            Some((_, zone)) if change.systemd => {
                tool::run(system, &Command::new(["timedatectl", "set-timezone", zone]))?;
            }
            Some((_, zone)) => set_files(zone, system)?,
            None => {}
        }
        Ok(Output {})
    }

    fn simulate(_: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if let Some((_, zone)) = &change.zone {
            if change.systemd {
                system.set_resource(RESOURCE, "zone", json!(zone));
            } else {
                set_files(zone, system)?;
            }
        }
        if let Some(clock) = change.clock {
            system.set_resource(RESOURCE, "clock", json!(clock));
        }
        Ok(Simulated::known(Output {}))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut properties: Vec<(&str, String, String)> = Vec::new();
        if let Some((before, after)) = &change.zone {
            properties.push(("name", before.clone(), after.clone()));
        }
        match change.clock {
            Some(Clock::Local) => properties.push(("hwclock", "UTC".to_owned(), "local".to_owned())),
            Some(Clock::Utc) => properties.push(("hwclock", "local".to_owned(), "UTC".to_owned())),
            None => {}
        }
        vec![Diff::properties("timezone", properties)]
    }
}

fn set_files(zone: &str, system: &mut dyn System) -> Result<(), ModuleError> {
    system.symlink(&Path::new(ZONES).join(zone), Path::new(LOCALTIME))?;
    if system.exists(Path::new(TIMEZONE))? {
        system.write(Path::new(TIMEZONE), &WriteFile::new(format!("{zone}\n")))?;
    }
    Ok(())
}
