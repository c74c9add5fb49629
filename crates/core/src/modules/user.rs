//! Users. Answers to `ansible.builtin.user`, with what it has for Linux.
//!
//! Deviations: `local` looks only at the machine's own files, and needs no libuser; parameters for other systems
//! (`login_class`, `hidden`, `profile`, `authorization`, `role`) are refused.

mod decide;
mod planned;
mod ssh_key;

use super::group::State;
use crate::module::types::{LooseBool, LooseFloat, LooseInt, LooseString, PathArg, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::secret::Secret;
use crate::system::users::User as Entry;
use crate::system::{Command, System};
use decide::{Current, decide};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The module.
pub struct User;

/// Users.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Login name.
    #[serde(alias = "user")]
    pub name: LooseString,
    /// Whether the user is there.
    #[serde(default)]
    pub state: State,
    /// Number.
    #[serde(default)]
    pub uid: Option<LooseInt>,
    /// Allow a number that another user has.
    #[serde(default)]
    pub non_unique: LooseBool,
    /// Primary group, by name or number. It must exist.
    #[serde(default)]
    pub group: Option<LooseString>,
    /// Further groups, by name or number; an empty list takes the user out of all. They must exist.
    #[serde(default)]
    pub groups: Option<StringList>,
    /// Leave the user in other groups.
    #[serde(default)]
    pub append: LooseBool,
    /// Full name or other description.
    #[serde(default)]
    pub comment: Option<LooseString>,
    /// Home directory.
    #[serde(default)]
    pub home: Option<PathArg>,
    /// Make the home directory if it is not there.
    #[serde(default = "LooseBool::yes", alias = "createhome")]
    pub create_home: LooseBool,
    /// Move what is in the home directory to a new one.
    #[serde(default)]
    pub move_home: LooseBool,
    /// Directory whose files a new home directory gets.
    #[serde(default)]
    pub skeleton: Option<LooseString>,
    /// Mask for the permissions of a new home directory.
    #[serde(default)]
    pub umask: Option<LooseString>,
    /// Login shell.
    #[serde(default)]
    pub shell: Option<PathArg>,
    /// Encrypted password. `*` or `!` allows none.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub password: Option<Secret>,
    /// Set the password always, or only when the user is made.
    #[serde(default)]
    pub update_password: UpdatePassword,
    /// Lock or unlock the password.
    #[serde(default)]
    pub password_lock: Option<LooseBool>,
    /// Days after which the password must be changed.
    #[serde(default)]
    pub password_expire_max: Option<LooseInt>,
    /// Days that the password must be kept.
    #[serde(default)]
    pub password_expire_min: Option<LooseInt>,
    /// Days of warning before the password must be changed.
    #[serde(default)]
    pub password_expire_warn: Option<LooseInt>,
    /// Days after that on which the account is disabled.
    #[serde(default)]
    pub password_expire_account_disable: Option<LooseInt>,
    /// When the account expires, in seconds since 1970; negative is never.
    #[serde(default)]
    pub expires: Option<LooseFloat>,
    /// Make it one of the system's, with a low number. Does not change an existing user.
    #[serde(default)]
    pub system: LooseBool,
    /// Lowest number to choose.
    #[serde(default)]
    pub uid_min: Option<LooseInt>,
    /// Highest number to choose.
    #[serde(default)]
    pub uid_max: Option<LooseInt>,
    /// Look only at the machine's own files, not at directory services.
    #[serde(default)]
    pub local: Option<LooseBool>,
    /// SELinux user of a new user.
    #[serde(default)]
    pub seuser: Option<LooseString>,
    /// Remove the user even if logged in; with `generate_ssh_key`, make a new key every time.
    #[serde(default)]
    pub force: LooseBool,
    /// Remove the home directory and mail with the user.
    #[serde(default)]
    pub remove: LooseBool,
    /// Make an SSH key, unless there is one.
    #[serde(default)]
    pub generate_ssh_key: Option<LooseBool>,
    /// Its length; the type's default if 0.
    #[serde(default)]
    pub ssh_key_bits: LooseInt,
    /// Its type.
    #[serde(default = "rsa")]
    pub ssh_key_type: LooseString,
    /// Its file, from the home directory on; `.ssh/id_TYPE` if not given.
    #[serde(default)]
    pub ssh_key_file: Option<PathArg>,
    /// Its comment; `ansible-generated on HOST` if not given.
    #[serde(default)]
    pub ssh_key_comment: Option<LooseString>,
    /// What encrypts it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ssh_key_passphrase: Option<Secret>,
}

default_args!(name);

fn rsa() -> LooseString {
    "rsa".into()
}

/// When a password is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpdatePassword {
    /// Whenever it differs.
    #[default]
    Always,
    /// When the user is made.
    OnCreate,
}

/// What `register` gets.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Login name.
    pub name: String,
    /// Whether the user is there.
    pub state: State,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Number of the primary group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Further groups as asked for, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Home directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Login shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// `append`, for a user that was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub append: Option<bool>,
    /// `move_home`, for a user that was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_home: Option<bool>,
    /// `create_home`, for a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_home: Option<bool>,
    /// `system`, for a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<bool>,
    /// `force`, for a user that was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// `remove`, for a user that was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove: Option<bool>,
    /// In place of the password, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<&'static str>,
    /// File of the SSH key, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_key_file: Option<String>,
    /// Fingerprint of the SSH key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_fingerprint: Option<String>,
    /// Public part of the SSH key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_public_key: Option<String>,
    /// What is doubtful about the parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What happens to the user as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// There, and stays.
    #[default]
    Kept,
    /// Is made.
    Made,
    /// Is removed.
    Removed,
}

/// What has to be done. Fields that are `None` stay as they are.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Login name.
    pub name: String,
    /// What happens to the user as a whole.
    pub fate: Fate,
    /// New number.
    pub uid: Option<u32>,
    /// New primary group, as `usermod` takes it.
    pub group: Option<String>,
    /// Further groups from now on; with `append`, to be added.
    pub groups: Option<Vec<String>>,
    /// New description.
    pub comment: Option<String>,
    /// New home directory.
    pub home: Option<String>,
    /// New login shell.
    pub shell: Option<String>,
    /// Day since 1970 on which the account will expire; `-1` is never.
    pub expires: Option<i64>,
    /// New days until an account with an old password is disabled.
    pub inactive: Option<i64>,
    /// The password is set.
    pub password: bool,
    /// The password is locked (or unlocked).
    pub lock: Option<bool>,
    /// New days of `password_expire_min`, `_max`, `_warn`.
    pub aging: [Option<i64>; 3],
    /// The home directory is made, for a user that is there.
    pub make_home: bool,
    /// An SSH key is made in this file.
    pub ssh_key: Option<String>,
    /// What all that replaces, for people: property, before, after.
    pub shown: Vec<(String, String, String)>,
}

impl Module for User {
    const NAME: &'static str = "ansible.builtin.user";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.user"];
    const SECRETS: &'static [&'static str] = &["password", "ssh_key_passphrase"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let current = Current::read(args, system)?;
        let change = decide(args, current.as_ref(), system)?;
        let output = output(args, &change, current.map(|current| current.user), system)?;
        let nothing = Change { name: change.name.clone(), ..Change::default() };
        Ok(if change == nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        match change.fate {
            Fate::Removed => run(args, removal(args), system)?,
            Fate::Made => {
                if let Some(home) = change.home.as_deref().filter(|_| args.create_home.0) {
                    planned::make_parents(Path::new(home), system)?;
                }
                run(args, creation(args, &change, &*system)?, system)?;
            }
            Fate::Kept => {
                let argv = modification(args, &change);
                if argv.len() > 2 {
                    run(args, argv, system)?;
                }
            }
        }
        let user = decide::find(args, &*system)?;
        if let Some(user) = &user {
            if change.make_home {
                make_home(args, user, system)?;
            }
            if change.aging.iter().any(Option::is_some) {
                run(args, aging(args, change.aging), system)?;
            }
            if let Some(file) = &change.ssh_key {
                ssh_key::generate(args, user, Path::new(file), system)?;
            }
        }
        output(args, &change, user, &*system)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let user = planned::play(args, &change, system)?;
        let output = output(args, &change, user, &*system)?;
        let made = change.fate == Fate::Made;
        let unknown: &[&str] = match (made && args.uid.is_none(), change.ssh_key.is_some()) {
            (true, true) => &["uid", "group", "ssh_fingerprint", "ssh_public_key"],
            (true, false) => &["uid", "group"],
            (false, true) => &["ssh_fingerprint", "ssh_public_key"],
            (false, false) => &[],
        };
        Ok(Simulated::with_unknown(output, unknown))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let shown = change.shown.iter().map(|(name, old, new)| (name.as_str(), old.clone(), new.clone()));
        vec![Diff::properties(format!("user {}", change.name), shown)]
    }
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    let name = args.name.0.as_str();
    if name.is_empty() || name.starts_with('-') || name.contains([':', '\n', ',', '/']) {
        return Err(ModuleError::new(format!("invalid user name: '{name}'")));
    }
    if args.local.is_some_and(|local| local.0) {
        let given =
            [("umask", args.umask.is_some()), ("uid_min", args.uid_min.is_some()), ("uid_max", args.uid_max.is_some())];
        if let Some((name, _)) = given.iter().find(|(_, given)| *given) {
            return Err(ModuleError::new(format!("'{name}' can not be used with 'local'")));
        }
    }
    for (name, text) in [("comment", &args.comment), ("group", &args.group)] {
        if text.as_ref().is_some_and(|text| text.contains([':', '\n'])) {
            return Err(ModuleError::new(format!("parameter `{name}` cannot have colons or line breaks")));
        }
    }
    Ok(())
}

fn run(args: &Args, argv: Vec<String>, system: &mut dyn System) -> Result<(), ModuleError> {
    let answer = system.run(&Command::new(argv))?;
    if answer.success() {
        return Ok(());
    }
    let error = ModuleError::new(answer.stderr_text().trim()).field("name", args.name.0.clone());
    Err(error.field("rc", answer.rc))
}

/// Words of a command line, grown option by option.
fn option(argv: &mut Vec<String>, name: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        argv.extend([name.to_owned(), value.to_string()]);
    }
}

fn removal(args: &Args) -> Vec<String> {
    let mut argv = vec!["userdel".to_owned()];
    argv.extend(args.force.0.then(|| "-f".to_owned()));
    argv.extend(args.remove.0.then(|| "-r".to_owned()));
    argv.push(args.name.0.clone());
    argv
}

/// What `usermod` and `useradd` have in common.
fn properties(args: &Args, change: &Change, argv: &mut Vec<String>) {
    option(argv, "-u", change.uid);
    argv.extend((change.uid.is_some() && args.non_unique.0).then(|| "-o".to_owned()));
    option(argv, "-g", change.group.as_ref());
    option(argv, "-c", change.comment.as_ref());
    option(argv, "-d", change.home.as_ref());
    option(argv, "-s", change.shell.as_ref());
    option(argv, "-e", change.expires.map(expiry));
    option(argv, "-f", change.inactive);
    let lock = if args.password_lock.is_some_and(|lock| lock.0) { "!" } else { "" };
    let password = args.password.as_ref().filter(|_| change.password);
    option(argv, "-p", password.map(|password| format!("{lock}{}", password.expose())));
}

/// A day since 1970 as `-e` takes it.
fn expiry(day: i64) -> String {
    if day < 0 {
        return String::new();
    }
    let date = jiff::Timestamp::from_second(day * 86400).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
    date.strftime("%Y-%m-%d").to_string()
}

fn creation(args: &Args, change: &Change, system: &dyn System) -> Result<Vec<String>, ModuleError> {
    let mut argv = vec!["useradd".to_owned()];
    properties(args, change, &mut argv);
    option(&mut argv, "-Z", args.seuser.as_deref());
    // No group of its own if there is one of that name already.
    if change.group.is_none() && decide::group(args, &args.name, system)?.is_some() {
        argv.push("-N".to_owned());
    }
    let groups = change.groups.as_ref().filter(|groups| !groups.is_empty());
    option(&mut argv, "-G", groups.map(|groups| groups.join(",")));
    if args.create_home.0 {
        argv.push("-m".to_owned());
        option(&mut argv, "-k", args.skeleton.as_deref());
        option(&mut argv, "-K", args.umask.as_deref().map(|umask| format!("UMASK={umask}")));
    } else {
        argv.push("-M".to_owned());
    }
    argv.extend(args.system.0.then(|| "-r".to_owned()));
    option(&mut argv, "-K", args.uid_min.map(|limit| format!("UID_MIN={}", limit.0)));
    option(&mut argv, "-K", args.uid_max.map(|limit| format!("UID_MAX={}", limit.0)));
    argv.push(args.name.0.clone());
    Ok(argv)
}

fn modification(args: &Args, change: &Change) -> Vec<String> {
    let mut argv = vec!["usermod".to_owned()];
    properties(args, change, &mut argv);
    argv.extend((change.home.is_some() && args.move_home.0).then(|| "-m".to_owned()));
    if let Some(groups) = &change.groups {
        argv.extend(args.append.0.then(|| "-a".to_owned()));
        option(&mut argv, "-G", Some(groups.join(",")));
    }
    // With `-p` the lock is in the password itself.
    let lock = change.lock.filter(|_| !change.password);
    argv.extend(lock.map(|lock| if lock { "-L" } else { "-U" }.to_owned()));
    argv.push(args.name.0.clone());
    argv
}

fn aging(args: &Args, days: [Option<i64>; 3]) -> Vec<String> {
    let mut argv = vec!["chage".to_owned()];
    for (name, days) in ["-m", "-M", "-W"].into_iter().zip(days) {
        option(&mut argv, name, days);
    }
    argv.push(args.name.0.clone());
    argv
}

/// Makes the home directory of a user that is there, as `useradd -m` would have.
fn make_home(args: &Args, user: &Entry, system: &mut dyn System) -> Result<(), ModuleError> {
    let home = Path::new(&user.home);
    planned::make_parents(home, system)?;
    system.create_dir(home, 0o755)?;
    let skeleton = args.skeleton.as_deref().map_or("/etc/skel", |path| path);
    if skeleton != "/dev/null" && system.exists(Path::new(skeleton))? {
        run(args, vec!["cp".into(), "-a".into(), format!("{skeleton}/."), user.home.clone()], system)?;
    }
    let owner = format!("{}:{}", user.uid, user.gid);
    run(args, vec!["chown".into(), "-Rh".into(), owner, user.home.clone()], system)?;
    system.set_mode(home, planned::home_mode(&*system))?;
    Ok(())
}

fn output(args: &Args, change: &Change, user: Option<Entry>, system: &dyn System) -> Result<Output, ModuleError> {
    let mut output = Output { name: args.name.0.clone(), state: args.state, ..Output::default() };
    if args.state == State::Absent {
        if change.fate == Fate::Removed {
            (output.force, output.remove) = (Some(args.force.0), Some(args.remove.0));
        }
        return Ok(output);
    }
    if change.fate == Fate::Made {
        (output.system, output.create_home) = (Some(args.system.0), Some(args.create_home.0));
    } else {
        (output.append, output.move_home) = (Some(args.append.0), Some(args.move_home.0));
    }
    output.password = args.password.as_ref().map(|_| "NOT_LOGGING_PASSWORD");
    if args.password.as_ref().is_some_and(|password| !decide::looks_encrypted(password.expose())) {
        output.warnings.push(
            "The input password appears not to have been hashed. The 'password' argument must be encrypted for this module to work properly.".to_owned(),
        );
    }
    if args.append.0 && args.groups.is_none() {
        output
            .warnings
            .push("'append' is set, but no 'groups' are specified. Use 'groups' for appending new groups.".to_owned());
    }
    output.groups = args.groups.as_ref().map(|groups| groups.0.join(","));
    let Some(user) = user else { return Ok(output) };
    if args.generate_ssh_key.is_some_and(|wanted| wanted.0) {
        ssh_key::describe(args, &user, &mut output, system)?;
    }
    (output.uid, output.group) = (Some(user.uid), Some(user.gid));
    (output.comment, output.home, output.shell) = (Some(user.gecos), Some(user.home), Some(user.shell));
    Ok(output)
}
