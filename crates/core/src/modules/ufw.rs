//! `community.general.ufw`: the firewall of that name, by the host's `ufw`.
//!
//! Whether a rule changes anything is asked of `ufw --dry-run`, whose answer is compared with the rules there are.

use super::support::tool;
use crate::module::types::{LooseBool, LooseInt, LooseString};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// The firewall ufw.
pub struct Ufw;

/// What the firewall does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is off, also at every start.
    Disabled,
    /// It is on, also at every start.
    Enabled,
    /// It reads its rules again.
    Reloaded,
    /// It is off, with its first rules.
    Reset,
}

/// What becomes of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They pass.
    Allow,
    /// They are dropped.
    Deny,
    /// They are refused.
    Reject,
    /// They pass, but not too many.
    Limit,
}

/// Which packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Those that come in.
    #[serde(alias = "incoming")]
    In,
    /// Those that go out.
    #[serde(alias = "outgoing")]
    Out,
    /// Those that go through.
    Routed,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "ufw's own names")]
pub enum Logging {
    On,
    Off,
    Low,
    Medium,
    High,
    Full,
}

/// Where a new rule is counted from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relative {
    /// The first rule.
    #[default]
    Zero,
    /// The first rule for IPv4.
    FirstIpv4,
    /// The last rule for IPv4.
    LastIpv4,
    /// The first rule for IPv6.
    FirstIpv6,
    /// The last rule for IPv6.
    LastIpv6,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// What the firewall does.
    pub state: Option<State>,
    /// What becomes of packets without a rule.
    #[serde(alias = "policy")]
    pub default: Option<Policy>,
    /// How much is logged.
    pub logging: Option<Logging>,
    /// Which packets the rule, or `default`, is about.
    pub direction: Option<Direction>,
    /// What becomes of packets that the rule is about.
    pub rule: Option<Policy>,
    /// Log new connections of the rule.
    #[serde(default)]
    pub log: LooseBool,
    /// Address they come from.
    #[serde(default = "any", alias = "from", alias = "src")]
    pub from_ip: LooseString,
    /// Port they come from.
    pub from_port: Option<LooseString>,
    /// Address they go to.
    #[serde(default = "any", alias = "dest", alias = "to")]
    pub to_ip: LooseString,
    /// Port they go to.
    #[serde(alias = "port")]
    pub to_port: Option<LooseString>,
    /// Protocol: `any`, `tcp`, `udp`, `ipv6`, `esp`, `ah`, `gre`, `igmp`, `vrrp`.
    #[serde(alias = "protocol")]
    pub proto: Option<LooseString>,
    /// Name of a profile in `/etc/ufw/applications.d`.
    #[serde(alias = "app")]
    pub name: Option<LooseString>,
    /// Remove the rule.
    #[serde(default)]
    pub delete: LooseBool,
    /// Interface, for rules that are not routed.
    #[serde(alias = "if")]
    pub interface: Option<LooseString>,
    /// Interface that routed packets come in by.
    #[serde(alias = "if_in")]
    pub interface_in: Option<LooseString>,
    /// Interface that routed packets go out by.
    #[serde(alias = "if_out")]
    pub interface_out: Option<LooseString>,
    /// The rule is about packets that go through.
    #[serde(default)]
    pub route: LooseBool,
    /// Number of the rule that a new one is put before.
    pub insert: Option<LooseInt>,
    /// What `insert` is counted from.
    #[serde(default)]
    pub insert_relative_to: Relative,
    /// Comment of the rule.
    pub comment: Option<LooseString>,
}

default_args!();

fn any() -> LooseString {
    "any".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was run.
    commands: Vec<String>,
    /// What `ufw status verbose` says.
    msg: String,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    /// Arguments of each call.
    calls: Vec<Vec<String>>,
}

/// Under this kind a simulation keeps what it would have run.
const RESOURCE: &str = "ufw";

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Reject => "reject",
            Self::Limit => "limit",
        }
    }
}

impl Logging {
    fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Full => "full",
        }
    }
}

fn ask(system: &dyn System, words: &[&str]) -> Result<String, ModuleError> {
    let argv = std::iter::once("ufw").chain(words.iter().copied());
    let answer = tool::look(system, &Command::new(argv).env("LC_ALL", "C"))?;
    Ok(answer.stdout_text())
}

/// The rules of a dump: lines for iptables that `### tuple` comments stand above.
fn tuples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with("### tuple")).collect()
}

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let problem = if self.state.is_none() && self.default.is_none() && self.rule.is_none() && self.logging.is_none()
        {
            "one of the following is required: state, default, rule, logging"
        } else if self.direction == Some(Direction::Routed) && self.default.is_none() {
            "direction \"routed\" is for default only: use route for rules"
        } else if self.interface.is_some() && (self.interface_in.is_some() || self.interface_out.is_some()) {
            "parameters are mutually exclusive: interface|interface_in|interface_out"
        } else if self.name.is_some() && (self.proto.is_some() || self.logging.is_some()) {
            "parameters are mutually exclusive: name|proto|logging"
        } else if self.interface.is_some() && self.direction.is_none() {
            "Direction must be specified when creating a rule on an interface."
        } else if !*self.route && self.interface_in.is_some() && self.interface_out.is_some() {
            "Only route rules can combine interface_in and interface_out"
        } else {
            return Ok(());
        };
        Err(ModuleError::new(problem))
    }

    /// The number that a rule is put before, as ufw counts.
    fn position(&self, system: &dyn System) -> Result<Option<i64>, ModuleError> {
        let Some(insert) = self.insert else { return Ok(None) };
        if self.insert_relative_to == Relative::Zero {
            return Ok(Some(insert.0));
        }
        let text = ask(system, &["status", "numbered"])?;
        let numbered: Vec<(i64, bool)> = text
            .lines()
            .filter_map(|line| {
                let number = line.trim_start().strip_prefix('[')?.split(']').next()?.trim().parse().ok()?;
                Some((
                    number,
                    line.contains("(v6)") || line.split_whitespace().any(|word| word.matches(':').count() > 1),
                ))
            })
            .collect();
        let (mut v4, mut v6) = (numbered.iter().filter(|(_, v6)| !v6), numbered.iter().filter(|(_, v6)| *v6));
        let last = numbered.len() as i64;
        let base = match self.insert_relative_to {
            Relative::FirstIpv4 | Relative::Zero => v4.next().map_or(1, |(number, _)| *number),
            Relative::LastIpv4 => v4.next_back().map_or(1, |(number, _)| *number),
            Relative::FirstIpv6 => v6.next().map_or(last + 1, |(number, _)| *number),
            Relative::LastIpv6 => v6.next_back().map_or(last + 1, |(number, _)| *number),
        };
        let position = base + insert.0;
        // Behind the last one it is only added.
        Ok((position <= last).then_some(position))
    }

    fn rule(&self, system: &dyn System, rule: Policy) -> Result<Vec<String>, ModuleError> {
        let mut words: Vec<String> = Vec::new();
        let mut push = |word: &str| words.push(word.to_owned());
        if *self.route {
            push("route");
        }
        if *self.delete {
            push("delete");
        }
        if let Some(position) = self.position(system)?.filter(|_| !*self.delete) {
            push("insert");
            push(&position.to_string());
        }
        push(rule.name());
        match self.direction {
            Some(Direction::In) => push("in"),
            Some(Direction::Out) => push("out"),
            _ => {}
        }
        let mut option = |name: &str, value: &Option<LooseString>| {
            if let Some(value) = value {
                words.extend(name.split(' ').map(str::to_owned));
                words.push(value.0.clone());
            }
        };
        option("on", &self.interface);
        option("in on", &self.interface_in);
        option("out on", &self.interface_out);
        if *self.log {
            words.push("log".to_owned());
        }
        let mut option = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
        option("from", &self.from_ip);
        if let Some(port) = &self.from_port {
            option("port", port);
        }
        option("to", &self.to_ip);
        if let Some(port) = &self.to_port {
            option("port", port);
        }
        if let Some(proto) = &self.proto {
            option("proto", proto);
        }
        if let Some(name) = &self.name {
            option("app", name);
        }
        if let Some(comment) = self.comment.as_ref().filter(|_| !*self.delete) {
            option("comment", comment);
        }
        Ok(words)
    }

    /// Whether the rule changes what there is.
    fn rule_changes(&self, system: &dyn System, words: &[String]) -> Result<bool, ModuleError> {
        let mut dry = vec!["--dry-run"];
        dry.extend(words.iter().map(String::as_str));
        let after = ask(system, &dry)?;
        if after.contains("Skipping") || after.contains("Could not delete non-existent rule") {
            return Ok(false);
        }
        let mut before = String::new();
        for name in ["/etc/ufw/user.rules", "/etc/ufw/user6.rules", "/lib/ufw/user.rules", "/lib/ufw/user6.rules"] {
            if system.exists(Path::new(name))? {
                before.push_str(&system.read_text(Path::new(name))?);
            }
        }
        let (mut before, mut after) = (tuples(&before), tuples(&after));
        // A dry run shows the rules of the protocols that it changes.
        let shown: Vec<bool> =
            [false, true].into_iter().filter(|v6| after.iter().any(|line| is_v6(line) == *v6)).collect();
        if !*self.delete || !after.is_empty() {
            before.retain(|line| shown.contains(&is_v6(line)));
        }
        if self.insert.is_none() {
            before.sort_unstable();
            after.sort_unstable();
        }
        Ok(before != after)
    }
}

fn is_v6(line: &str) -> bool {
    line.contains("::")
}

impl Module for Ufw {
    const NAME: &'static str = "community.general.ufw";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let status = ask(system, &["status", "verbose"])?;
        let active = status.lines().any(|line| line.trim() == "Status: active");
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
        let mut calls: Vec<Vec<String>> = Vec::new();
        let mut add = |words: &[&str]| calls.push(words.iter().map(|word| (*word).to_owned()).collect());
        if let Some(logging) = args.logging {
            let now = field("Logging:");
            let same = match logging {
                Logging::Off => now == "off",
                // `on` keeps the level, or begins with the lowest.
                Logging::On => now.starts_with("on"),
                level => now == format!("on ({})", level.name()),
            };
            if !(active && same) {
                add(&["logging", logging.name()]);
            }
        }
        if let Some(policy) = args.default {
            let direction = match args.direction {
                None | Some(Direction::In) => "incoming",
                Some(Direction::Out) => "outgoing",
                Some(Direction::Routed) => "routed",
            };
            let now = field("Default:");
            if !(active && now.split(", ").any(|part| part == format!("{} ({direction})", policy.name()))) {
                add(&["default", policy.name(), direction]);
            }
        }
        if let Some(rule) = args.rule {
            let words = args.rule(system, rule)?;
            if args.rule_changes(system, &words)? {
                calls.push(words);
            }
        }
        match args.state {
            Some(State::Enabled) if !active => calls.push(vec!["-f".to_owned(), "enable".to_owned()]),
            Some(State::Disabled) if active => calls.push(vec!["-f".to_owned(), "disable".to_owned()]),
            Some(State::Reloaded) => calls.push(vec!["-f".to_owned(), "reload".to_owned()]),
            Some(State::Reset) => calls.push(vec!["-f".to_owned(), "reset".to_owned()]),
            _ => {}
        }
        calls.retain(|call| system.resource(RESOURCE, &call.join(" ")).is_none());
        let output = Output { commands: shown(&calls), msg: status };
        Ok(if calls.is_empty() { Checked::unchanged(output) } else { Checked::changed(output, Change { calls }) })
    }

    fn apply(_: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        for call in &change.calls {
            let argv = std::iter::once("ufw".to_owned()).chain(call.iter().cloned());
            tool::run(system, &Command::new(argv).env("LC_ALL", "C"))?;
        }
        let msg = ask(system, &["status", "verbose"])?;
        Ok(Output { commands: shown(&change.calls), msg })
    }

    fn simulate(_: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        for call in &change.calls {
            system.set_resource(RESOURCE, &call.join(" "), json!(true));
        }
        Ok(Simulated::with_unknown(Output { commands: shown(&change.calls), msg: String::new() }, &["msg"]))
    }

    fn made(change: &Change) -> Vec<Made> {
        // Rules are looked at as a whole: one that changes what there is was not there.
        let adds =
            |call: &Vec<String>| !call.iter().any(|word| word == "delete" || word == "reload" || word == "disable");
        change.calls.iter().any(adds).then_some(Made::Itself).into_iter().collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(shown(&change.calls).iter().map(|call| format!("{call}\n")).collect::<String>())]
    }
}

fn shown(calls: &[Vec<String>]) -> Vec<String> {
    calls.iter().map(|call| format!("ufw {}", call.join(" "))).collect()
}
