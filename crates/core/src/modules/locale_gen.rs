//! `community.general.locale_gen`: locales of glibc, by `/etc/locale.gen` and `locale-gen`.
//!
//! Deviation: Ubuntu's older way, `/var/lib/locales/supported.d`, is refused by name.

use super::support::tool;
use crate::module::types::StringList;
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;

/// Locales.
pub struct LocaleGen;

/// Whether the locales should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// They should.
    #[default]
    Present,
    /// They should not.
    Absent,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Their names, such as `de_CH.UTF-8`.
    pub name: StringList,
    /// Whether they should be there.
    #[serde(default)]
    pub state: State,
}

default_args!(name);

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// `glibc`.
    mechanism: &'static str,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    before: String,
    after: String,
    /// Those that come or go.
    names: Vec<String>,
}

/// Under this kind a simulation keeps locales.
const RESOURCE: &str = "locale";
const FILE: &str = "/etc/locale.gen";
const OUTPUT: Output = Output { mechanism: "glibc" };

/// Names are compared as `locale -a` shows them.
fn normal(name: &str) -> String {
    let (name, modifier) =
        name.split_once('@').map_or((name, String::new()), |(name, rest)| (name, format!("@{rest}")));
    match name.split_once('.') {
        Some((language, charset)) => {
            let charset: String = charset.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{language}.{}{modifier}", charset.to_lowercase())
        }
        None => format!("{name}{modifier}"),
    }
}

/// The locale that a line names, and whether it counts.
fn entry(line: &str) -> Option<(bool, &str)> {
    let line = line.trim();
    let (counts, rest) = match line.strip_prefix('#') {
        Some(rest) => (false, rest),
        None => (true, line),
    };
    let mut words = rest.split_whitespace();
    let (name, charset) = (words.next()?, words.next()?);
    let is_entry =
        words.next().is_none() && charset.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    is_entry.then_some((counts, name))
}

fn edited(text: &str, names: &[String], state: State) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        match (entry(line), state) {
            (Some((false, name)), State::Present) if names.iter().any(|wanted| wanted == name) => {
                out.push_str(line.trim_start().trim_start_matches('#').trim_start());
            }
            (Some((true, name)), State::Absent) if names.iter().any(|wanted| wanted == name) => {
                out.push_str(&format!("# {line}"));
            }
            _ => out.push_str(line),
        }
    }
    out
}

impl Module for LocaleGen {
    const NAME: &'static str = "community.general.locale_gen";
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let file = Path::new(FILE);
        if !system.exists(file)? {
            let legacy = system.exists(Path::new("/var/lib/locales/supported.d"))?;
            let what = if legacy {
                "/var/lib/locales/supported.d is not supported"
            } else {
                "is the package \"locales\" installed?"
            };
            return Err(ModuleError::new(format!("{FILE} is missing: {what}")));
        }
        let before = system.read_text(file)?;
        let supported = system.read_text(Path::new("/usr/share/i18n/SUPPORTED")).unwrap_or_default();
        let all = |name: &str| before.lines().filter_map(entry).any(|(_, known)| known == name);
        let known = |name: &str| supported.lines().filter_map(entry).any(|(_, known)| known == name);
        let missing: Vec<&String> = args.name.iter().filter(|name| !all(name) && !known(name)).collect();
        if !missing.is_empty() {
            let missing: Vec<String> = missing.into_iter().cloned().collect();
            let msg = format!(
                "The following locales you have entered are not available on your system: {}",
                missing.join(", ")
            );
            return Err(ModuleError::new(msg));
        }
        let answer = tool::look(system, &Command::new(["locale", "-a"]))?;
        let there: Vec<String> = answer.stdout_text().lines().map(|line| normal(line.trim())).collect();
        let is_there = |name: &String| match system.resource(RESOURCE, name) {
            Some(planned) => planned == json!(true),
            None => there.contains(&normal(name)),
        };
        let wanted = args.state == State::Present;
        let names: Vec<String> = args.name.iter().filter(|name| is_there(name) != wanted).cloned().collect();
        if names.is_empty() {
            return Ok(Checked::unchanged(OUTPUT));
        }
        let mut after = edited(&before, &names, args.state);
        if wanted {
            // What the file does not name, the list of all tells.
            for name in names.iter().filter(|name| !all(name)) {
                let line = supported.lines().find(|line| entry(line).is_some_and(|(_, known)| known == *name));
                if !after.ends_with('\n') {
                    after.push('\n');
                }
                after.push_str(&format!("{}\n", line.unwrap_or_default().trim()));
            }
        }
        Ok(Checked::changed(OUTPUT, Change { before, after, names }))
    }

    fn apply(_: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        system.write(Path::new(FILE), &WriteFile::new(change.after))?;
        tool::run(system, &Command::new(["locale-gen"]))?;
        Ok(OUTPUT)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        system.write(Path::new(FILE), &WriteFile::new(change.after))?;
        for name in &change.names {
            system.set_resource(RESOURCE, name, json!(args.state == State::Present));
        }
        Ok(Simulated::known(OUTPUT))
    }

    fn made(change: &Change) -> Vec<Made> {
        change.names.iter().map(|name| Made::Named(name.clone())).collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::texts(FILE, change.before.clone(), change.after.clone())]
    }
}
