//! Units of systemd. Answers to `ansible.builtin.systemd_service` and `ansible.builtin.systemd`.
//!
//! Deviations: a static unit counts as fulfilling `enabled` either way, because there is nothing to enable or disable;
//! an alias counts as enabled when its unit is.

use crate::dpkg;
use crate::module::types::LooseBool;
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::{Command, CommandOutput, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// The module.
pub struct SystemdService;

/// The kind of resource by which plans record what became of a unit; keys are full names such as `nginx.service`.
pub const RESOURCE: &str = "unit";

/// Units of systemd: started, stopped, enabled, masked.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The unit; `.service` is understood where it has no suffix.
    #[serde(default, alias = "service", alias = "unit")]
    pub name: Option<String>,
    /// Whether it runs. `restarted` and `reloaded` act every time.
    #[serde(default)]
    pub state: Option<State>,
    /// Whether it starts with the machine.
    #[serde(default)]
    pub enabled: Option<LooseBool>,
    /// Replace conflicting links when it is enabled.
    #[serde(default)]
    pub force: Option<LooseBool>,
    /// Whether starting it is made impossible.
    #[serde(default)]
    pub masked: Option<LooseBool>,
    /// Read all unit files again, before anything else.
    #[serde(default, alias = "daemon-reload")]
    pub daemon_reload: LooseBool,
    /// Restart systemd itself, before anything else.
    #[serde(default, alias = "daemon-reexec")]
    pub daemon_reexec: LooseBool,
    /// Whose systemd: the machine's, the user's own, or the settings of all users'.
    #[serde(default)]
    pub scope: Scope,
    /// Do not wait until it has been started or stopped.
    #[serde(default)]
    pub no_block: LooseBool,
}

/// Whether a unit runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Running; started if it is not.
    #[serde(alias = "running")]
    Started,
    /// Not running; stopped if it is.
    Stopped,
    /// Restarted every time; started if it does not run.
    Restarted,
    /// Reloads its configuration every time; started if it does not run.
    Reloaded,
}

/// Whose systemd.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The machine's.
    #[default]
    System,
    /// The user's own.
    User,
    /// What holds for the systemd of every user.
    Global,
}

/// What `register` gets.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The unit.
    pub name: Option<String>,
    /// Whether it is enabled now, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `started` or `stopped`, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// The unit's properties before, as `systemctl show` has them.
    pub status: BTreeMap<String, String>,
    /// What is doubtful about the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Set where only systemd itself was told to look again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// What systemd has to be told, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Verbs for systemd itself: `daemon-reload`, `daemon-reexec`. What follows is decided again after them.
    #[serde(default)]
    pub manager: Vec<String>,
    /// Verbs for the unit: `unmask`, `enable`, `start` …
    #[serde(default)]
    pub verbs: Vec<String>,
    /// The unit.
    #[serde(default)]
    pub unit: String,
}

impl Module for SystemdService {
    const NAME: &'static str = "ansible.builtin.systemd_service";
    const ALIASES: &'static [&'static str] =
        &["ansible.builtin.systemd", "ansible.legacy.systemd", "ansible.legacy.systemd_service"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let manager = [(args.daemon_reload.0, "daemon-reload"), (args.daemon_reexec.0, "daemon-reexec")];
        let manager: Vec<String> = manager.iter().filter(|(on, _)| *on).map(|(_, verb)| (*verb).to_owned()).collect();
        let (mut output, verbs) = decide(args, !manager.is_empty(), system)?;
        if manager.is_empty() && verbs.is_empty() {
            return Ok(Checked::unchanged(output));
        }
        output.changed = verbs.is_empty().then_some(false);
        Ok(Checked::changed(output, Change { manager, verbs, unit: args.name.clone().unwrap_or_default() }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut warnings = Vec::new();
        for verb in &change.manager {
            let output = system.run(&systemctl(args, &[verb], &*system))?;
            if !output.success() {
                let (rc, err) = (output.rc, output.stderr_text());
                if !is_offline(&*system) {
                    return Err(ModuleError::new(format!("failure {rc} during {verb}: {err}")));
                }
                warnings.push(format!("{verb} failed, but systemd is offline here: {rc} / {err}"));
            }
        }
        let (mut output, verbs) = decide(args, false, &*system)?;
        for verb in &verbs {
            let answer = system.run(&systemctl(args, &[verb, &change.unit], &*system))?;
            if !answer.success() {
                return Err(refused(verb, &change.unit, &answer));
            }
        }
        settle(args, &mut output, &verbs);
        output.warnings.extend(warnings);
        Ok(output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let (mut output, verbs) = decide(args, !change.manager.is_empty(), &*system)?;
        settle(args, &mut output, &verbs);
        if verbs.is_empty() {
            return Ok(Simulated::known(output));
        }
        let key = full_name(&change.unit);
        let unsure = comes_as_wanted(&key, &verbs, &*system);
        let mut state = system.resource(RESOURCE, &key).unwrap_or_else(|| json!({}));
        for verb in &verbs {
            match verb.as_str() {
                "start" | "restart" | "reload" => state["active"] = json!(true),
                "stop" => state["active"] = json!(false),
                "enable" => state["enabled"] = json!(true),
                "disable" => state["enabled"] = json!(false),
                "mask" => state["masked"] = json!(true),
                "unmask" => state["masked"] = json!(false),
                _ => {}
            }
        }
        system.set_resource(RESOURCE, &key, state);
        Ok(Simulated { unsure, ..Simulated::known(output) })
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let manager = change.manager.iter().map(|verb| format!("systemctl {verb}\n"));
        let unit = change.verbs.iter().map(|verb| format!("systemctl {verb} {}\n", change.unit));
        vec![Diff::prepared(manager.chain(unit).collect::<String>())]
    }
}

/// Why a unit that a planned package brings may not have to be told: packages enable and start their units themselves,
/// unless they or the host's policy do not want it.
fn comes_as_wanted(key: &str, verbs: &[String], system: &dyn System) -> Option<String> {
    if !verbs.iter().all(|verb| verb == "start" || verb == "enable") || system.resource(RESOURCE, key).is_some() {
        return None;
    }
    let package = dpkg::bringer_of_unit(system, key)?;
    let shown = system.query(&Command::new(["systemctl", "show", "--property=LoadState", key])).ok()?;
    // Files whose content nobody knows yet may be the package's.
    let written = |path: &Path| system.read(path).is_ok();
    let there = shown.stdout_text().trim() == "LoadState=loaded" || has_file(key, SYSTEM_FOLDERS, written);
    (!there).then(|| format!("{key} is brought by package {package}, which may enable and start it"))
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    let asked =
        [("state", args.state.is_some()), ("enabled", args.enabled.is_some()), ("masked", args.masked.is_some())];
    if !args.daemon_reload.0 && !args.daemon_reexec.0 && !asked.iter().any(|(_, given)| *given) {
        let names = "state, enabled, masked, daemon_reload, daemon_reexec";
        return Err(ModuleError::new(format!("one of the following is required: {names}")));
    }
    let Some(name) = &args.name else {
        let by = asked.iter().find(|(_, given)| *given);
        return by
            .map_or(Ok(()), |(by, _)| Err(ModuleError::new(format!("missing parameter(s) required by '{by}': name"))));
    };
    match name.chars().find(|letter| "*?[".contains(*letter)) {
        Some(glob) => Err(ModuleError::new(format!(
            "This module does not currently support using glob patterns, found '{glob}' in service name: {name}"
        ))),
        None if name.is_empty() || name.starts_with('-') => {
            Err(ModuleError::new(format!("invalid unit name: '{name}'")))
        }
        None => Ok(()),
    }
}

fn systemctl(args: &Args, words: &[&str], system: &dyn System) -> Command {
    let mut argv = vec!["systemctl"];
    match args.scope {
        Scope::System => {}
        Scope::User => argv.push("--user"),
        Scope::Global => argv.push("--global"),
    }
    argv.extend(args.no_block.0.then_some("--no-block"));
    argv.extend(args.force.as_ref().is_some_and(|force| force.0).then_some("--force"));
    argv.extend(words);
    let command = Command::new(argv);
    if args.scope == Scope::User && system.env("XDG_RUNTIME_DIR").is_none() {
        return command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", system.effective_uid()));
    }
    command
}

/// What is known of a unit.
struct Unit {
    status: BTreeMap<String, String>,
    found: bool,
    /// Not on the host yet, but earlier planned tasks will or may bring it.
    planned: bool,
    active: Option<bool>,
    enabled: Enabled,
    masked: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Enabled {
    Yes,
    No,
    /// Nothing to enable or disable.
    Static,
}

fn look(args: &Args, name: &str, system: &dyn System) -> Result<Unit, ModuleError> {
    let show = system.query(&systemctl(args, &["show", name], system))?;
    let text = show.stdout_text();
    let answered = show.success() && text.contains('=');
    let status = if answered { parse_show(&text) } else { BTreeMap::new() };
    let get = |property: &str| status.get(property).map_or("", String::as_str);
    let load = get("LoadState");
    if let Some(problem) = status.get("LoadError").filter(|_| !matches!(load, "masked" | "not-found")) {
        return Err(ModuleError::new(format!("Error loading unit file '{name}': {problem}")));
    }
    let script = Path::new("/etc/init.d").join(name.strip_suffix(".service").unwrap_or(name));
    let is_script = system.exists(&script)?;
    let mut found = answered && !matches!(load, "" | "not-found") || is_script;
    let file_state = get("UnitFileState").to_owned();
    let mut enabled = match file_state.as_str() {
        "enabled" => Some(Enabled::Yes),
        "static" | "transient" => Some(Enabled::Static),
        "enabled-runtime" | "indirect" | "disabled" | "masked" | "masked-runtime" | "linked" | "linked-runtime" => {
            Some(Enabled::No)
        }
        _ => None,
    };
    if enabled.is_none() && (args.enabled.is_some() || !answered) && (found || !answered) {
        let answer = system.query(&systemctl(args, &["is-enabled", name], system))?;
        let word = answer.stdout_text();
        found |= !word.trim().is_empty() && word.trim() != "not-found";
        enabled = Some(if answer.success() { Enabled::Yes } else { Enabled::No });
    }
    let active = answered.then(|| matches!(get("ActiveState"), "active" | "activating" | "reloading"));
    let deactivating = get("ActiveState") == "deactivating";
    let active = if deactivating && args.state == Some(State::Stopped) { Some(true) } else { active };
    let masked = load == "masked" || file_state == "masked";
    let enabled = enabled.unwrap_or(Enabled::No);
    let unit = Unit { status, found, planned: false, active, enabled, masked };
    Ok(plan_over(unit, args, name, system))
}

/// What earlier planned tasks made of the unit.
fn plan_over(mut unit: Unit, args: &Args, name: &str, system: &dyn System) -> Unit {
    let key = full_name(name);
    if let Some(state) = system.resource(RESOURCE, &key) {
        let flag = |field: &str| state.get(field).and_then(serde_json::Value::as_bool);
        unit.planned |= !unit.found;
        unit.active = flag("active").or(unit.active);
        unit.masked = flag("masked").unwrap_or(unit.masked);
        if let Some(enabled) = flag("enabled") {
            unit.enabled = if enabled { Enabled::Yes } else { Enabled::No };
        }
    }
    if !unit.found {
        let folders: &[&str] = match args.scope {
            Scope::System => SYSTEM_FOLDERS,
            Scope::User | Scope::Global => &["/etc/systemd/user", "/usr/lib/systemd/user"],
        };
        // Written by an earlier task, or not noticed by systemd yet; or part of a package that is to be installed.
        let there = |path: &Path| matches!(system.exists(path), Ok(true));
        unit.planned |= has_file(&key, folders, there) || system.resource(dpkg::RESOURCE, dpkg::ANY).is_some();
    }
    unit
}

const SYSTEM_FOLDERS: &[&str] =
    &["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Whether a unit, or its template, has a file.
fn has_file(key: &str, folders: &[&str], there: impl Fn(&Path) -> bool) -> bool {
    let template = key.split_once('@').and_then(|(name, rest)| Some(format!("{name}@.{}", rest.rsplit_once('.')?.1)));
    let names = || std::iter::once(key).chain(template.as_deref());
    folders.iter().flat_map(|folder| names().map(move |name| Path::new(folder).join(name))).any(|path| there(&path))
}

/// The output if nothing had to be done, and the verbs for what has to be.
fn decide(args: &Args, reloads: bool, system: &dyn System) -> Result<(Output, Vec<String>), ModuleError> {
    let mut output = Output { name: args.name.clone(), ..Output::default() };
    let mut verbs: Vec<String> = Vec::new();
    let Some(name) = &args.name else { return Ok((output, verbs)) };
    let unit = look(args, name, system)?;
    let there = unit.found || unit.planned || reloads;
    output.status = unit.status;
    if let Some(masked) = &args.masked
        && masked.0 != unit.masked
    {
        verbs.push(if masked.0 { "mask" } else { "unmask" }.to_owned());
    }
    if !there && (args.enabled.is_some() || args.state.is_some()) {
        return Err(ModuleError::new(format!("Could not find the requested service {name}: host")));
    }
    if let Some(enabled) = &args.enabled {
        let now = unit.enabled == Enabled::Yes || unit.enabled == Enabled::Static && enabled.0;
        output.enabled = Some(now);
        if now != enabled.0 {
            verbs.push(if enabled.0 { "enable" } else { "disable" }.to_owned());
        }
    }
    let Some(state) = args.state else { return Ok((output, verbs)) };
    output.state = Some(if state == State::Stopped { "stopped" } else { "started" });
    let Some(active) = unit.active.or(unit.planned.then_some(false)) else {
        if is_offline(system) {
            let doubt =
                "systemd does not run here (a chroot, or offline): the state of the unit is neither known nor changed";
            output.warnings.push(doubt.to_owned());
            return Ok((output, verbs));
        }
        return Err(ModuleError::new("Service is in unknown state").field("status", json!(output.status)));
    };
    let verb = match (state, active) {
        (State::Stopped, true) => Some("stop"),
        (State::Started, true) | (State::Stopped, false) => None,
        (_, false) => Some("start"),
        (State::Restarted, true) => Some("restart"),
        (State::Reloaded, true) => Some("reload"),
    };
    verbs.extend(verb.map(str::to_owned));
    Ok((output, verbs))
}

/// The output after `verbs` have been followed.
fn settle(args: &Args, output: &mut Output, verbs: &[String]) {
    output.enabled = args.enabled.as_ref().map(|enabled| enabled.0);
    output.changed = verbs.is_empty().then_some(false);
}

fn refused(verb: &str, unit: &str, answer: &CommandOutput) -> ModuleError {
    let err = answer.stderr_text();
    let msg = match verb {
        "mask" | "unmask" => format!("Failed to {verb} the service ({unit}): {}", err.trim()),
        "enable" | "disable" => format!("Unable to {verb} service {unit}: {}{err}", answer.stdout_text()),
        _ => format!("Unable to {verb} service {unit}: {err}"),
    };
    ModuleError::new(msg)
}

fn is_offline(system: &dyn System) -> bool {
    system.env("SYSTEMD_OFFLINE").as_deref() == Some("1")
        || !matches!(system.exists(Path::new("/run/systemd/system")), Ok(true))
}

/// `nginx.service` for `nginx`.
fn full_name(name: &str) -> String {
    const SUFFIXES: [&str; 11] =
        ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];
    let has_suffix = name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
    if has_suffix { name.to_owned() } else { format!("{name}.service") }
}

/// `Name=value` lines; values of `Exec…` may go over several lines, in braces.
fn parse_show(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some((name, mut value)) = open.take() {
            value.push('\n');
            value.push_str(line);
            if line.trim_end().ends_with('}') {
                properties.insert(name, value.trim().to_owned());
            } else {
                open = Some((name, value));
            }
        } else if let Some((name, value)) = line.split_once('=') {
            let block = name.starts_with("Exec") && value.trim_start().starts_with('{');
            if block && !value.trim_end().ends_with('}') {
                open = Some((name.to_owned(), value.to_owned()));
            } else {
                properties.insert(name.to_owned(), value.trim().to_owned());
            }
        }
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_properties_over_several_lines() {
        let properties = parse_show(
            "Id=a.service\nExecStart={ path=/bin/sh ; argv[]=sh -c x\ny }\nDescription={ odd\nActiveState=active\n",
        );
        assert_eq!(properties["ExecStart"], "{ path=/bin/sh ; argv[]=sh -c x\ny }");
        assert_eq!(properties["Description"], "{ odd");
        assert_eq!(properties["ActiveState"], "active");
    }

    #[test]
    fn a_unit_that_a_package_brings_may_come_enabled_and_started() {
        use crate::system::{Content, WriteFile, fake::Fake, overlay::Overlay};
        let answer = |stdout: &str, rc: u8| json!({"prefix": ["systemctl"], "stdout": stdout, "rc": rc});
        let mut plan = Overlay::new(Fake::from_json(json!({
            "files": {"/run/systemd/system": {"kind": "directory"}, "/lib/systemd/system": {"kind": "directory"}},
            "resources": {"package": {"nginx": {"installed": true}, "*": {"planned": true}}},
            "commands": [answer("LoadState=not-found\n", 1)],
        })));
        let verbs = ["enable".to_owned(), "start".to_owned()];
        let mut unsure = |content: Content| {
            plan.write(Path::new("/lib/systemd/system/nginx.service"), &WriteFile::of(content)).unwrap();
            comes_as_wanted("nginx.service", &verbs, &plan)
        };
        assert!(unsure(Content::NotKnownYet).unwrap().contains("brought by package nginx"));
        assert_eq!(unsure(Content::Bytes(b"[Service]".to_vec())), None, "a task writes it");
    }

    #[test]
    fn completes_names() {
        assert_eq!(full_name("nginx"), "nginx.service");
        assert_eq!(full_name("apt-daily.timer"), "apt-daily.timer");
        assert_eq!(full_name("php8.2-fpm"), "php8.2-fpm.service");
    }
}
