//! Services under whichever init runs them. Answers to `ansible.builtin.service`.
//!
//! systemd's are those of `systemd_service`; others are System V's init scripts, through `service` and `update-rc.d` or
//! `chkconfig`. OpenRC, runit, upstart and others are refused by name.

use super::systemd_service::{self, State, SystemdService};
use crate::facts;
use crate::module::types::{LooseBool, LooseInt};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// The module.
pub struct Service;

/// Services: started, stopped, enabled.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The service.
    pub name: String,
    /// Whether it runs. `restarted` and `reloaded` act every time.
    #[serde(default)]
    pub state: Option<State>,
    /// Whether it starts with the machine.
    #[serde(default)]
    pub enabled: Option<LooseBool>,
    /// Seconds between stopping and starting when it is restarted. Not for systemd.
    #[serde(default)]
    pub sleep: Option<LooseInt>,
    /// It counts as running if this text is in a process's command line, where its script cannot tell. Not for systemd.
    #[serde(default)]
    pub pattern: Option<String>,
    /// OpenRC's runlevel; no other init knows it.
    #[serde(default)]
    pub runlevel: Option<String>,
    /// Further words for the service's script. Not for systemd.
    #[serde(default, alias = "args")]
    pub arguments: Option<String>,
    /// Which init to speak to: `auto`, `systemd`, `sysvinit` or `service`.
    #[serde(default, rename = "use")]
    pub init: Option<String>,
    /// systemd only: read all unit files again, before anything else.
    #[serde(default, alias = "daemon-reload")]
    pub daemon_reload: LooseBool,
    /// systemd only: restart systemd itself, before anything else.
    #[serde(default, alias = "daemon-reexec")]
    pub daemon_reexec: LooseBool,
    /// systemd only: whether starting it is made impossible.
    #[serde(default)]
    pub masked: Option<LooseBool>,
    /// systemd only: replace conflicting links when it is enabled.
    #[serde(default)]
    pub force: Option<LooseBool>,
    /// systemd only: whose systemd.
    #[serde(default)]
    pub scope: systemd_service::Scope,
    /// systemd only: do not wait until it has been started or stopped.
    #[serde(default)]
    pub no_block: LooseBool,
}

default_args!(name);

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// By systemd.
    Systemd(systemd_service::Change),
    /// By an init script: its verbs, in order (`enable` and `disable` are links).
    Script(Vec<String>),
}

impl Module for Service {
    const NAME: &'static str = "ansible.builtin.service";
    const ALIASES: &'static [&'static str] =
        &["ansible.legacy.service", "ansible.builtin.sysvinit", "ansible.legacy.sysvinit"];
    type Args = Args;
    type Output = systemd_service::Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        if uses_systemd(args, system)? {
            let Checked { mut output, change, unknown } = SystemdService::check(&for_systemd(args), system)?;
            output.warnings.extend(ignored(args));
            return Ok(Checked { output, change: change.map(Change::Systemd), unknown });
        }
        let verbs = script_verbs(args, system)?;
        let output = script_output(args);
        Ok(if verbs.is_empty() { Checked::unchanged(output) } else { Checked::changed(output, Change::Script(verbs)) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Self::Output, ModuleError> {
        let verbs = match change {
            Change::Systemd(change) => {
                let mut output = SystemdService::apply(&for_systemd(args), change, system)?;
                output.warnings.extend(ignored(args));
                return Ok(output);
            }
            Change::Script(verbs) => verbs,
        };
        let pause = args.sleep.as_ref().map(|seconds| seconds.0.max(0) as u64);
        for verb in &verbs {
            match (verb.as_str(), pause) {
                ("enable" | "disable", _) => run(&link_command(args, verb, &*system), verb, args, system)?,
                ("restart", Some(pause)) => {
                    run(&script_command(args, "stop"), "stop", args, system)?;
                    system.sleep(Duration::from_secs(pause));
                    run(&script_command(args, "start"), "start", args, system)?;
                }
                _ => run(&script_command(args, verb), verb, args, system)?,
            }
        }
        Ok(script_output(args))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Self::Output>, ModuleError> {
        let verbs = match change {
            Change::Systemd(change) => return SystemdService::simulate(&for_systemd(args), change, system),
            Change::Script(verbs) => verbs,
        };
        let mut state = system.resource(systemd_service::RESOURCE, &args.name).unwrap_or_else(|| json!({}));
        for verb in &verbs {
            match verb.as_str() {
                "enable" | "disable" => state["enabled"] = json!(verb == "enable"),
                _ => state["active"] = json!(verb != "stop"),
            }
        }
        system.set_resource(systemd_service::RESOURCE, &args.name, state);
        Ok(Simulated::known(script_output(args)))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match change {
            Change::Systemd(change) => SystemdService::diff(change),
            Change::Script(verbs) => {
                vec![Diff::prepared(verbs.iter().map(|verb| format!("{verb}\n")).collect::<String>())]
            }
        }
    }
}

fn uses_systemd(args: &Args, system: &dyn System) -> Result<bool, ModuleError> {
    let manager = match args.init.as_deref().unwrap_or("auto") {
        "auto" => facts::service_manager(system),
        named => named.rsplit('.').next().unwrap_or(named).to_owned(),
    };
    match manager.as_str() {
        "systemd" => return Ok(true),
        "openrc" | "runit" | "upstart" | "svc" | "openwrt_init" | "dinit" | "smf" | "src" | "bsdinit" => {
            return Err(ModuleError::new(format!(
                "services of {manager} are not supported: only systemd and init scripts are"
            )));
        }
        // Containers have a program of their own as process 1.
        _ => {}
    }
    if args.runlevel.as_deref().is_some_and(|level| level != "default") {
        return Err(ModuleError::new("parameter `runlevel` is for OpenRC, which is not supported"));
    }
    for (name, given) in [("masked", args.masked.is_some()), ("daemon_reload", args.daemon_reload.0)] {
        if given {
            return Err(ModuleError::new(format!("parameter `{name}` needs systemd, and this host has {manager}")));
        }
    }
    Ok(false)
}

fn for_systemd(args: &Args) -> systemd_service::Args {
    systemd_service::Args {
        name: Some(args.name.clone()),
        state: args.state,
        enabled: args.enabled,
        force: args.force,
        masked: args.masked,
        daemon_reload: args.daemon_reload,
        daemon_reexec: args.daemon_reexec,
        scope: args.scope,
        no_block: args.no_block,
    }
}

/// Parameters that mean nothing to systemd, said so as Ansible does.
fn ignored(args: &Args) -> Vec<String> {
    let given = [
        ("pattern", args.pattern.is_some()),
        ("runlevel", args.runlevel.is_some()),
        ("sleep", args.sleep.is_some()),
        ("arguments", args.arguments.is_some()),
    ];
    let given = given.into_iter().filter(|(_, given)| *given);
    given.map(|(name, _)| format!("Ignoring \"{name}\" as it is not used in \"systemd\"")).collect()
}

fn script_output(args: &Args) -> systemd_service::Output {
    systemd_service::Output {
        name: Some(args.name.clone()),
        enabled: args.enabled.as_ref().map(|enabled| enabled.0),
        state: args.state.map(|state| if state == State::Stopped { "stopped" } else { "started" }),
        ..Default::default()
    }
}

fn script_command(args: &Args, verb: &str) -> Command {
    let words = args.arguments.iter().flat_map(|words| words.split_whitespace());
    Command::new(["service", args.name.as_str(), verb].into_iter().chain(words))
}

fn link_command(args: &Args, verb: &str, system: &dyn System) -> Command {
    if system.find_program("update-rc.d").is_some() {
        return match verb {
            // Links are made where there are none, then switched on.
            "enable" => Command::shell(format!("update-rc.d '{0}' defaults && update-rc.d '{0}' enable", args.name)),
            _ => Command::new(["update-rc.d", &args.name, "disable"]),
        };
    }
    Command::new(["chkconfig", &args.name, if verb == "enable" { "on" } else { "off" }])
}

fn run(command: &Command, verb: &str, args: &Args, system: &mut dyn System) -> Result<(), ModuleError> {
    let output = system.run(command)?;
    if output.success() {
        return Ok(());
    }
    let error = ModuleError::new(format!("Unable to {verb} service {}: {}", args.name, output.stderr_text().trim()));
    Err(error.field("rc", output.rc).field("stdout", output.stdout_text()).field("stderr", output.stderr_text()))
}

fn script_verbs(args: &Args, system: &dyn System) -> Result<Vec<String>, ModuleError> {
    let name = &args.name;
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-@+".contains(letter)) {
        return Err(ModuleError::new(format!("invalid service name: '{name}'")));
    }
    let planned = system.resource(systemd_service::RESOURCE, name);
    let flag = |field: &str| planned.as_ref()?.get(field)?.as_bool();
    let there = system.exists(&Path::new("/etc/init.d").join(name))?;
    let comes = planned.is_some() || system.resource(crate::dpkg::RESOURCE, crate::dpkg::ANY).is_some();
    if !there && !comes {
        return Err(ModuleError::new(format!("Could not find the requested service {name}: host")));
    }
    let mut verbs = Vec::new();
    if let Some(enabled) = &args.enabled {
        let now = flag("enabled").unwrap_or_else(|| has_start_link(name, system));
        if now != enabled.0 {
            verbs.push(if enabled.0 { "enable" } else { "disable" }.to_owned());
        }
    }
    if let Some(state) = args.state {
        let running = match flag("active") {
            Some(active) => active,
            None => there && is_running(args, system)?,
        };
        let verb = match (state, running) {
            (State::Stopped, true) => Some("stop"),
            (State::Started, true) | (State::Stopped, false) => None,
            (_, false) => Some("start"),
            (State::Restarted, true) => Some("restart"),
            (State::Reloaded, true) => Some("reload"),
        };
        verbs.extend(verb.map(str::to_owned));
    }
    Ok(verbs)
}

fn has_start_link(name: &str, system: &dyn System) -> bool {
    ["2", "3", "4", "5", "S"].iter().any(|level| {
        let names = system.read_dir(Path::new(&format!("/etc/rc{level}.d"))).unwrap_or_default();
        // `S20name`
        names.iter().filter_map(|link| link.to_str()).any(|link| link.starts_with('S') && link.get(3..) == Some(name))
    })
}

fn is_running(args: &Args, system: &dyn System) -> Result<bool, ModuleError> {
    if let Some(pattern) = &args.pattern {
        let processes = system.read_dir(Path::new("/proc"))?;
        let numbers = processes.iter().filter_map(|name| name.to_str()).filter(|name| name.parse::<u32>().is_ok());
        return Ok(numbers.into_iter().any(|number| {
            let line = system.read_text(&Path::new("/proc").join(number).join("cmdline")).unwrap_or_default();
            line.replace('\0', " ").contains(pattern.as_str())
        }));
    }
    let output = system.query(&Command::new(["service", &args.name, "status"]))?;
    // LSB: 0 runs, 1 and 2 died, 3 does not run. Some scripts answer 0 and say that it does not.
    let text = output.stdout_text().to_lowercase();
    let denies = ["not running", "is stopped", "is not started", "inactive"].iter().any(|words| text.contains(words));
    Ok(output.success() && !denies)
}
