//! What differs between the user that is wanted and the one that is there.

use super::super::group::State;
use super::{Args, Change, Fate, UpdatePassword, ssh_key};
use crate::dpkg;
use crate::module::ModuleError;
use crate::system::System;
use crate::system::accounts::{self, Shadow};
use crate::system::users::{self, Group, User};
use std::collections::BTreeSet;
use std::path::Path;

/// The user that is there.
pub(super) struct Current {
    pub user: User,
    shadow: Option<Shadow>,
    /// Names of further groups.
    groups: BTreeSet<String>,
}

/// The user, where the parameters say to look.
pub(super) fn find(args: &Args, system: &dyn System) -> Result<Option<User>, ModuleError> {
    let local = args.local.is_some_and(|local| local.0);
    Ok(if local { accounts::local_user(system, &args.name)? } else { users::user(system, &args.name)? })
}

/// A group by name or number.
pub(super) fn group(args: &Args, name: &str, system: &dyn System) -> Result<Option<Group>, ModuleError> {
    if let Ok(gid) = name.parse()
        && let Some(group) = users::group_by_gid(system, gid)?
    {
        return Ok(Some(group));
    }
    let local = args.local.is_some_and(|local| local.0);
    Ok(if local { accounts::local_group(system, name)? } else { users::group(system, name)? })
}

/// The name of a group that must exist, or may come with a package that an earlier task is planned to install.
fn group_name(args: &Args, name: &str, system: &dyn System) -> Result<String, ModuleError> {
    match group(args, name, system)? {
        Some(group) => Ok(group.name),
        None if system.resource(dpkg::RESOURCE, dpkg::ANY).is_some() => Ok(name.to_owned()),
        None => Err(ModuleError::new(format!("Group {name} does not exist"))),
    }
}

impl Current {
    pub fn read(args: &Args, system: &dyn System) -> Result<Option<Self>, ModuleError> {
        let Some(user) = find(args, system)? else { return Ok(None) };
        let groups = users::groups(system)?.into_iter();
        let groups = groups.filter(|group| group.members.contains(&user.name)).map(|group| group.name).collect();
        Ok(Some(Self { shadow: accounts::shadow(system, &user.name), user, groups }))
    }
}

/// All that has to be done.
pub(super) fn decide(args: &Args, current: Option<&Current>, system: &dyn System) -> Result<Change, ModuleError> {
    let name = args.name.0.clone();
    match (args.state, current) {
        (State::Absent, None) => Ok(Change { name, ..Change::default() }),
        (State::Absent, Some(_)) => {
            let shown = vec![("state".to_owned(), "present".to_owned(), "absent".to_owned())];
            Ok(Change { name, fate: Fate::Removed, shown, ..Change::default() })
        }
        (State::Present, None) => new_user(args, system),
        (State::Present, Some(current)) => differences(args, current, system),
    }
}

fn wanted_uid(args: &Args) -> Result<Option<u32>, ModuleError> {
    let number = |uid: i64| u32::try_from(uid).map_err(|_| ModuleError::new(format!("invalid user number: {uid}")));
    args.uid.map(|uid| number(uid.0)).transpose()
}

/// Names of the groups asked for, sorted.
fn wanted_groups(args: &Args, system: &dyn System) -> Result<Option<BTreeSet<String>>, ModuleError> {
    let Some(groups) = &args.groups else { return Ok(None) };
    let names = groups.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
    names.map(|name| group_name(args, name, system)).collect::<Result<_, _>>().map(Some)
}

/// The day on which the account expires.
fn wanted_expiry(args: &Args) -> Option<i64> {
    args.expires.map(|seconds| if seconds.0 < 0.0 { -1 } else { (seconds.0 / 86400.0).floor() as i64 })
}

fn new_user(args: &Args, system: &dyn System) -> Result<Change, ModuleError> {
    let mut change = Change {
        name: args.name.0.clone(),
        fate: Fate::Made,
        uid: wanted_uid(args)?,
        group: args.group.as_ref().map(|name| group_name(args, name, system)).transpose()?,
        groups: wanted_groups(args, system)?.map(|groups| groups.into_iter().collect()),
        comment: args.comment.as_ref().map(|comment| comment.0.clone()),
        home: args.home.as_ref().map(|home| home.text(system)).transpose()?,
        shell: args.shell.as_ref().map(|shell| shell.text(system)).transpose()?,
        expires: wanted_expiry(args),
        inactive: args.password_expire_account_disable.map(|days| days.0),
        password: args.password.is_some(),
        aging: wanted_aging(args),
        ..Change::default()
    };
    let mut shown = vec![("state".to_owned(), "absent".to_owned(), "present".to_owned())];
    let mut show = |name: &str, value: Option<String>| {
        shown.extend(value.map(|value| (name.to_owned(), String::new(), value)));
    };
    show("uid", change.uid.map(|uid| uid.to_string()));
    show("group", change.group.clone());
    show("groups", change.groups.as_ref().map(|groups| groups.join(",")));
    show("comment", change.comment.clone());
    show("home", change.home.clone());
    show("shell", change.shell.clone());
    if args.generate_ssh_key.is_some_and(|wanted| wanted.0) {
        let home = change.home.clone().unwrap_or_else(|| super::planned::usual_home(&args.name, system));
        change.ssh_key = ssh_key::missing(args, &home, system)?;
        show("ssh_key", change.ssh_key.clone());
    }
    change.shown = shown;
    Ok(change)
}

fn wanted_aging(args: &Args) -> [Option<i64>; 3] {
    [args.password_expire_min, args.password_expire_max, args.password_expire_warn].map(|days| days.map(|days| days.0))
}

fn differences(args: &Args, current: &Current, system: &dyn System) -> Result<Change, ModuleError> {
    let mut change = Change { name: args.name.0.clone(), ..Change::default() };
    let mut shown = Vec::new();
    let user = &current.user;
    let mut differs = |name: &str, old: &str, new: &str| {
        let differs = old != new;
        if differs {
            shown.push((name.to_owned(), old.to_owned(), new.to_owned()));
        }
        differs
    };
    change.uid = wanted_uid(args)?.filter(|uid| differs("uid", &user.uid.to_string(), &uid.to_string()));
    if let Some(name) = &args.group {
        let gid = group(args, name, system)?.map(|group| group.gid);
        if gid != Some(user.gid) {
            let name = group_name(args, name, system)?;
            let old = users::group_by_gid(system, user.gid)?.map_or_else(|| user.gid.to_string(), |group| group.name);
            differs("group", &old, &name);
            change.group = Some(name);
        }
    }
    if let Some(wanted) = wanted_groups(args, system)? {
        let after: BTreeSet<String> =
            if args.append.0 { wanted.union(&current.groups).cloned().collect() } else { wanted.clone() };
        let list = |groups: &BTreeSet<String>| groups.iter().cloned().collect::<Vec<_>>().join(",");
        if differs("groups", &list(&current.groups), &list(&after)) {
            change.groups = Some(wanted.into_iter().collect());
        }
    }
    let comment = args.comment.as_ref().map(|comment| comment.0.clone());
    change.comment = comment.filter(|comment| differs("comment", &user.gecos, comment));
    let home = args.home.as_ref().map(|home| home.text(system)).transpose()?;
    change.home = home.filter(|home| differs("home", &user.home, home));
    let shell = args.shell.as_ref().map(|shell| shell.text(system)).transpose()?;
    change.shell = shell.filter(|shell| differs("shell", &user.shell, shell));

    let empty = Shadow::default();
    let shadow = current.shadow.as_ref().unwrap_or(&empty);
    let day = |day: Option<i64>| day.map_or_else(|| "never".to_owned(), |day| day.to_string());
    // Only what is said of it makes an account that has no entry one with a date.
    let now = current.shadow.as_ref().map_or_else(String::new, |shadow| day(shadow.expires.filter(|day| *day >= 0)));
    change.expires =
        wanted_expiry(args).filter(|wanted| differs("expires", &now, &day(Some(*wanted).filter(|day| *day >= 0))));
    let inactive = args.password_expire_account_disable.map(|days| days.0);
    change.inactive = inactive.filter(|wanted| shadow.inactive.unwrap_or(-1) != *wanted);
    if let Some(wanted) = change.inactive {
        differs("password_expire_account_disable", &day(shadow.inactive), &wanted.to_string());
    }
    password(args, shadow, &mut change, &mut differs);
    // Without the right to read them, nothing is known about days, and nothing is changed.
    if let Some(shadow) = &current.shadow {
        let names = ["password_expire_min", "password_expire_max", "password_expire_warn"];
        for (index, (wanted, now)) in
            wanted_aging(args).into_iter().zip([shadow.min, shadow.max, shadow.warn]).enumerate()
        {
            change.aging[index] = wanted.filter(|wanted| now != Some(*wanted));
            if let Some(wanted) = change.aging[index] {
                differs(names[index], &now.map(|days| days.to_string()).unwrap_or_default(), &wanted.to_string());
            }
        }
    }
    let home = change.home.clone().unwrap_or_else(|| user.home.clone());
    let moved = change.home.is_some() && args.move_home.0;
    change.make_home = args.create_home.0 && !moved && !home.is_empty() && !system.exists(Path::new(&home))?;
    if change.make_home {
        differs("home directory", "absent", &home);
    }
    if args.generate_ssh_key.is_some_and(|wanted| wanted.0) {
        change.ssh_key = ssh_key::missing(args, &home, system)?;
        if let Some(file) = &change.ssh_key {
            differs("ssh_key", "", file);
        }
    }
    change.shown = shown;
    Ok(change)
}

fn password(args: &Args, shadow: &Shadow, change: &mut Change, differs: &mut impl FnMut(&str, &str, &str) -> bool) {
    let locked = shadow.password.starts_with('!');
    if let Some(lock) = args.password_lock.map(|lock| lock.0).filter(|lock| *lock != locked) {
        change.lock = Some(lock);
        let word = |locked: bool| if locked { "locked" } else { "unlocked" };
        differs("password_lock", word(locked), word(lock));
    }
    let wanted = args.password.as_ref().filter(|_| args.update_password == UpdatePassword::Always);
    if wanted.is_some_and(|wanted| wanted.expose().trim_start_matches('!') != shadow.password.trim_start_matches('!')) {
        change.password = true;
        differs("password", "(hidden)", "(another)");
    }
}

/// Whether a text can be what a password is after encryption.
pub(super) fn looks_encrypted(password: &str) -> bool {
    if matches!(password, "" | "*" | "!" | "*************") {
        return true;
    }
    let fields: Vec<&str> = password.split('$').collect();
    let [_, kind, .., hash] = fields.as_slice() else { return false };
    let length = match *kind {
        "1" => Some(22),
        "5" | "y" => Some(43),
        "6" => Some(86),
        _ => None,
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "./".contains(letter);
    !password.contains([':', '*', '!']) && hash.chars().all(plain) && length.is_none_or(|length| hash.len() == length)
}
