//! Groups of users. Answers to `ansible.builtin.group`.
//!
//! Deviation: `local` looks only at the machine's own files, and needs no libuser.

use crate::module::types::{LooseBool, LooseInt};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::accounts::{self, IdKind};
use crate::system::users::{self, Group as Entry};
use crate::system::{Command, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The module.
pub struct Group;

/// Groups of users.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name.
    pub name: String,
    /// Whether it is there.
    #[serde(default)]
    pub state: State,
    /// Number.
    #[serde(default)]
    pub gid: Option<LooseInt>,
    /// Make it one of the system's, with a low number.
    #[serde(default)]
    pub system: LooseBool,
    /// Remove it even if it is some user's primary group.
    #[serde(default)]
    pub force: LooseBool,
    /// Look only at the machine's own files, not at directory services.
    #[serde(default)]
    pub local: LooseBool,
    /// Allow a number that another group has.
    #[serde(default)]
    pub non_unique: LooseBool,
    /// Lowest number to choose.
    #[serde(default)]
    pub gid_min: Option<LooseInt>,
    /// Highest number to choose.
    #[serde(default)]
    pub gid_max: Option<LooseInt>,
}

default_args!(name);

/// Whether something is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    #[default]
    Present,
    /// It is not.
    Absent,
}

/// What `register` gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Whether it is there.
    pub state: State,
    /// Whether it was to be one of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<bool>,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

/// What happens to the group.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is made, with this number if one was asked for.
    Add(String, Option<u32>),
    /// It gets another number.
    Renumber(String, u32, u32),
    /// It is removed.
    Remove(String),
}

impl Module for Group {
    const NAME: &'static str = "ansible.builtin.group";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.group"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        for (name, limit) in [("gid_min", args.gid_min), ("gid_max", args.gid_max)] {
            if *args.local && limit.is_some() {
                return Err(ModuleError::new(format!("parameters are mutually exclusive: local|{name}")));
            }
        }
        validate(args)?;
        let found = find(args, system)?;
        let gid = args.gid.map(number).transpose()?;
        let name = args.name.clone();
        let change = match (args.state, &found) {
            (State::Absent, None) => None,
            (State::Absent, Some(_)) => Some(Change::Remove(name)),
            (State::Present, None) => Some(Change::Add(name, gid)),
            (State::Present, Some(group)) => {
                gid.filter(|gid| *gid != group.gid).map(|gid| Change::Renumber(name, group.gid, gid))
            }
        };
        Ok(Checked { output: output(args, found), change, unknown: &[] })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut argv = Vec::new();
        match &change {
            Change::Add(_, gid) => {
                argv.push("groupadd".to_owned());
                argv.extend(gid.iter().flat_map(|gid| ["-g".to_owned(), gid.to_string()]));
                argv.extend((args.non_unique.0 && gid.is_some()).then(|| "-o".to_owned()));
                for (name, limit) in [("GID_MIN", args.gid_min), ("GID_MAX", args.gid_max)] {
                    argv.extend(limit.iter().flat_map(|limit| ["-K".to_owned(), format!("{name}={}", limit.0)]));
                }
                argv.extend(args.system.0.then(|| "-r".to_owned()));
            }
            Change::Renumber(_, _, gid) => {
                argv.extend(["groupmod".to_owned(), "-g".to_owned(), gid.to_string()]);
                argv.extend(args.non_unique.0.then(|| "-o".to_owned()));
            }
            Change::Remove(_) => {
                argv.push("groupdel".to_owned());
                argv.extend(args.force.0.then(|| "-f".to_owned()));
            }
        }
        argv.push(args.name.clone());
        let answer = system.run(&Command::new(argv))?;
        if !answer.success() {
            let error = ModuleError::new(answer.stderr_text().trim()).field("name", args.name.clone());
            return Err(error.field("rc", answer.rc));
        }
        Ok(output(args, find(args, &*system)?))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let mut unknown: &[&str] = &[];
        let line = match change {
            Change::Remove(_) => None,
            Change::Renumber(_, _, gid) => {
                let members = find(args, &*system)?.map(|group| group.members).unwrap_or_default();
                Some(Entry { name: args.name.clone(), gid, members })
            }
            Change::Add(_, gid) => {
                let limit = |limit: Option<LooseInt>| limit.and_then(|limit| u32::try_from(limit.0).ok());
                let range = (limit(args.gid_min), limit(args.gid_max));
                let gid = match gid {
                    Some(gid) => gid,
                    None => {
                        // The likely one, so that later tasks find the group; only apply knows it for sure.
                        unknown = &["gid"];
                        accounts::next_id(&*system, IdKind::Group, args.system.0, range)?
                    }
                };
                Some(Entry { name: args.name.clone(), gid, members: Vec::new() })
            }
        };
        accounts::set_line(system, accounts::GROUP, &args.name, line.as_ref().map(accounts::group_line))?;
        Ok(Simulated::with_unknown(output(args, line), unknown))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let word = |there: bool| if there { "present" } else { "absent" }.to_owned();
        let (name, fields) = match change {
            Change::Add(name, gid) => {
                let gid = gid.map(|gid| ("gid", String::new(), gid.to_string()));
                (name, std::iter::once(("state", word(false), word(true))).chain(gid).collect())
            }
            Change::Renumber(name, old, new) => (name, vec![("gid", old.to_string(), new.to_string())]),
            Change::Remove(name) => (name, vec![("state", word(true), word(false))]),
        };
        vec![Diff::properties(format!("group {name}"), fields)]
    }
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    if args.force.0 && args.local.0 {
        return Err(ModuleError::new(
            "force is not a valid option for local, force=True and local=True are mutually exclusive",
        ));
    }
    if args.non_unique.0 && args.gid.is_none() {
        return Err(ModuleError::new("non_unique is True but all of the following are missing: gid"));
    }
    if args.name.is_empty() || args.name.starts_with('-') || args.name.contains([':', '\n']) {
        return Err(ModuleError::new(format!("invalid group name: '{}'", args.name)));
    }
    Ok(())
}

fn number(gid: LooseInt) -> Result<u32, ModuleError> {
    u32::try_from(gid.0).map_err(|_| ModuleError::new(format!("invalid group number: {}", gid.0)))
}

fn find(args: &Args, system: &dyn System) -> Result<Option<Entry>, ModuleError> {
    let found = if args.local.0 { accounts::local_group(system, &args.name) } else { users::group(system, &args.name) };
    Ok(found?)
}

fn output(args: &Args, found: Option<Entry>) -> Output {
    Output {
        name: args.name.clone(),
        state: args.state,
        system: found.as_ref().map(|_| args.system.0),
        gid: found.map(|group| group.gid),
    }
}
