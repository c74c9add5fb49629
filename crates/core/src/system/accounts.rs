//! The machine's own account files, `/etc/passwd`, `/etc/group` and `/etc/shadow`: what is in them, and edits that a plan
//! plays into a simulated machine. On a real one only `useradd` and its relatives write them.

use super::users::{Group, User};
use super::{Result, System, WriteFile};
use std::path::Path;

/// Users.
pub const PASSWD: &str = "/etc/passwd";
/// Groups.
pub const GROUP: &str = "/etc/group";
/// Passwords.
pub const SHADOW: &str = "/etc/shadow";

/// A line of `/etc/shadow`. Days count from 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shadow {
    /// Encrypted password; `!` in front locks it.
    pub password: String,
    /// Days that a password must be kept.
    pub min: Option<i64>,
    /// Days after which it must be changed.
    pub max: Option<i64>,
    /// Days before that on which the user is warned.
    pub warn: Option<i64>,
    /// Days after that on which the account is disabled.
    pub inactive: Option<i64>,
    /// Day on which the account expires.
    pub expires: Option<i64>,
}

/// What `/etc/shadow` has of user `name`; `None` also where it may not be read.
pub fn shadow(system: &dyn System, name: &str) -> Option<Shadow> {
    let text = system.read_text(Path::new(SHADOW)).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    let fields: Vec<&str> = line.split(':').collect();
    let days = |index: usize| fields.get(index).and_then(|text: &&str| text.parse().ok());
    Some(Shadow {
        password: fields.get(1).map_or_else(String::new, |text| (*text).to_owned()),
        min: days(3),
        max: days(4),
        warn: days(5),
        inactive: days(6),
        expires: days(7),
    })
}

/// A setting of `/etc/login.defs`.
pub fn login_defs(system: &dyn System, name: &str) -> Option<String> {
    let text = system.read_text(Path::new("/etc/login.defs")).ok()?;
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next()? == name).then(|| words.next().map(str::to_owned)).flatten()
    })
}

/// Which kind of number is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A user's.
    User,
    /// A group's.
    Group,
}

/// The number that `useradd` or `groupadd` would take: after the highest that is used, for system accounts below the lowest.
///
/// # Errors
/// Users or groups cannot be read.
pub fn next_id(system: &dyn System, kind: IdKind, is_system: bool, range: (Option<u32>, Option<u32>)) -> Result<u32> {
    let setting = |name: &str, default: u32| {
        let prefix = if is_system { "SYS_" } else { "" };
        let which = if kind == IdKind::User { "UID" } else { "GID" };
        login_defs(system, &format!("{prefix}{which}_{name}")).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let first = range.0.unwrap_or_else(|| setting("MIN", if is_system { 100 } else { 1000 }));
    let last = range.1.unwrap_or_else(|| setting("MAX", if is_system { 999 } else { 60000 }));
    let groups = super::users::groups(system)?.into_iter().map(|group| group.gid);
    let users = super::users::users(system)?.into_iter().map(|user| user.uid);
    // A new user's number should be free as a group's too.
    let used: Vec<u32> = if kind == IdKind::User { users.chain(groups).collect() } else { groups.collect() };
    let within = || used.iter().copied().filter(|id| (first..=last).contains(id));
    let candidate = if is_system {
        within().min().map_or(last, |lowest| lowest.saturating_sub(1))
    } else {
        within().max().map_or(first, |highest| highest + 1)
    };
    if (first..=last).contains(&candidate) {
        return Ok(candidate);
    }
    Ok((first..=last).find(|id| !used.contains(id)).unwrap_or(first))
}

/// Whether the machine's own files name a group, whatever other sources do.
///
/// # Errors
/// The file cannot be read.
pub fn local_group(system: &dyn System, name: &str) -> Result<Option<Group>> {
    Ok(lines(system, GROUP)?.iter().filter_map(|line| Group::parse(line)).find(|group| group.name == name))
}

/// Whether the machine's own files name a user.
///
/// # Errors
/// The file cannot be read.
pub fn local_user(system: &dyn System, name: &str) -> Result<Option<User>> {
    Ok(lines(system, PASSWD)?.iter().filter_map(|line| User::parse(line)).find(|user| user.name == name))
}

fn lines(system: &dyn System, path: &str) -> Result<Vec<String>> {
    match system.read_text(Path::new(path)) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Replaces the entry `name` of an account file by `line`, adds it, or (`None`) removes it.
///
/// # Errors
/// The file cannot be read or written.
pub fn set_line(system: &mut dyn System, path: &str, name: &str, line: Option<String>) -> Result<()> {
    let mut all = lines(&*system, path)?;
    let place = all.iter().position(|known| known.split(':').next() == Some(name));
    match (place, line) {
        (Some(place), Some(line)) => all[place] = line,
        (Some(place), None) => drop(all.remove(place)),
        (None, Some(line)) => all.push(line),
        (None, None) => return Ok(()),
    }
    write(system, path, &all)
}

/// Makes `name` a member of just `groups` among those of `/etc/group`, or of these too.
///
/// # Errors
/// The file cannot be read or written.
pub fn set_membership(system: &mut dyn System, name: &str, groups: &[String], append: bool) -> Result<()> {
    let mut all = lines(&*system, GROUP)?;
    for line in &mut all {
        let Some(mut group) = Group::parse(line) else { continue };
        let is_member = group.members.iter().any(|member| member == name);
        let wanted = groups.contains(&group.name);
        if wanted && !is_member {
            group.members.push(name.to_owned());
        } else if is_member && !wanted && !append {
            group.members.retain(|member| member != name);
        } else {
            continue;
        }
        *line = group_line(&group);
    }
    write(system, GROUP, &all)
}

fn write(system: &mut dyn System, path: &str, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    system.write(Path::new(path), &WriteFile::new(text))
}

/// A group as a line of `/etc/group`.
pub fn group_line(group: &Group) -> String {
    format!("{}:x:{}:{}", group.name, group.gid, group.members.join(","))
}

/// A user as a line of `/etc/passwd`.
pub fn user_line(user: &User) -> String {
    let User { name, uid, gid, gecos, home, shell } = user;
    format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{shell}")
}

/// A line of `/etc/shadow`.
pub fn shadow_line(name: &str, shadow: &Shadow) -> String {
    let days = |number: Option<i64>| number.map(|days| days.to_string()).unwrap_or_default();
    let Shadow { password, min, max, warn, inactive, expires } = shadow;
    let (min, max, warn) = (days(*min), days(*max), days(*warn));
    format!("{name}:{password}::{min}:{max}:{warn}:{}:{}:", days(*inactive), days(*expires))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn edits_and_counts() {
        let mut fake = Fake::from_json(serde_json::json!({
            "files": {"/etc/shadow": "root:*:19000:0:99999:7:::\nalice:!$6$x:19000:1:90:7:30:20000:\n"}
        }));
        let found = shadow(&fake, "alice").unwrap();
        assert_eq!((found.password.as_str(), found.min, found.inactive), ("!$6$x", Some(1), Some(30)));
        assert_eq!(next_id(&fake, IdKind::User, false, (None, None)).unwrap(), 1001);
        assert_eq!(next_id(&fake, IdKind::Group, true, (None, None)).unwrap(), 999);
        set_line(&mut fake, GROUP, "web", Some("web:x:998:".into())).unwrap();
        set_membership(&mut fake, "alice", &["adm".into(), "web".into()], false).unwrap();
        assert_eq!(local_group(&fake, "web").unwrap().unwrap().members, ["alice"]);
        set_membership(&mut fake, "alice", &["web".into()], false).unwrap();
        assert!(local_group(&fake, "adm").unwrap().unwrap().members.is_empty());
        assert_eq!(next_id(&fake, IdKind::Group, true, (None, None)).unwrap(), 997);
    }
}
