//! Users and groups of a machine.
//!
//! Read from `/etc/passwd` and `/etc/group`, then asked of `getent` where `nsswitch.conf` names other sources. Never by
//! libc's functions: in a static program they load the machine's name service modules and crash.

use super::{Command, Result, System};
use std::path::Path;

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Full name and such.
    pub gecos: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    /// Users that have it as a further group.
    pub members: Vec<String>,
}

impl User {
    /// A line of `/etc/passwd`, if it is one.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let (gecos, home, shell) = (fields.next()?, fields.next()?, fields.next()?);
        let owned = str::to_owned;
        Some(Self { name: owned(name), uid, gid, gecos: owned(gecos), home: owned(home), shell: owned(shell) })
    }
}

impl Group {
    /// A line of `/etc/group`, if it is one.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let (name, _password) = (fields.next()?, fields.next()?);
        let gid = fields.next()?.parse().ok()?;
        let members = fields.next()?.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some(Self { name: name.to_owned(), gid, members: members.map(str::to_owned).collect() })
    }
}

/// The user called `name`.
pub fn user(system: &dyn System, name: &str) -> Result<Option<User>> {
    find(system, &PASSWD, name, User::parse, |user| user.name == name)
}

/// The user with this id.
pub fn user_by_uid(system: &dyn System, uid: u32) -> Result<Option<User>> {
    find(system, &PASSWD, &uid.to_string(), User::parse, |user| user.uid == uid)
}

/// The group called `name`.
pub fn group(system: &dyn System, name: &str) -> Result<Option<Group>> {
    find(system, &GROUP, name, Group::parse, |group| group.name == name)
}

/// The group with this id.
pub fn group_by_gid(system: &dyn System, gid: u32) -> Result<Option<Group>> {
    find(system, &GROUP, &gid.to_string(), Group::parse, |group| group.gid == gid)
}

/// All users that the machine lists.
pub fn users(system: &dyn System) -> Result<Vec<User>> {
    all(system, &PASSWD, User::parse)
}

/// All groups that the machine lists.
pub fn groups(system: &dyn System) -> Result<Vec<Group>> {
    all(system, &GROUP, Group::parse)
}

struct Database {
    name: &'static str,
    file: &'static str,
}

const PASSWD: Database = Database { name: "passwd", file: "/etc/passwd" };
const GROUP: Database = Database { name: "group", file: "/etc/group" };

fn find<T>(
    system: &dyn System,
    database: &Database,
    key: &str,
    parse: fn(&str) -> Option<T>,
    matches: impl Fn(&T) -> bool,
) -> Result<Option<T>> {
    if let Some(found) = read(system, database.file)?.lines().filter_map(parse).find(&matches) {
        return Ok(Some(found));
    }
    if !has_other_sources(system, database.name)? {
        return Ok(None);
    }
    Ok(getent(system, &["getent", database.name, key])?.lines().filter_map(parse).find(matches))
}

fn all<T>(system: &dyn System, database: &Database, parse: fn(&str) -> Option<T>) -> Result<Vec<T>> {
    if has_other_sources(system, database.name)? {
        let listed: Vec<T> = getent(system, &["getent", database.name])?.lines().filter_map(parse).collect();
        if !listed.is_empty() {
            return Ok(listed);
        }
    }
    Ok(read(system, database.file)?.lines().filter_map(parse).collect())
}

fn read(system: &dyn System, file: &str) -> Result<String> {
    match system.read_text(Path::new(file)) {
        Err(error) if error.is_not_found() => Ok(String::new()),
        result => result,
    }
}

/// Whether `nsswitch.conf` names more for `database` than the file itself.
fn has_other_sources(system: &dyn System, database: &str) -> Result<bool> {
    let config = read(system, "/etc/nsswitch.conf")?;
    let sources = config.lines().find_map(|line| line.trim().strip_prefix(database)?.trim_start().strip_prefix(':'));
    Ok(sources.is_some_and(|sources| {
        let sources = sources.split('#').next().unwrap_or_default();
        sources.split_whitespace().any(|source| !matches!(source, "files" | "compat") && !source.starts_with('['))
    }))
}

fn getent(system: &dyn System, argv: &[&str]) -> Result<String> {
    match system.query(&Command::new(argv.iter().copied())) {
        Err(error) if error.is_not_found() => Ok(String::new()),
        // 2 means that there is no such entry.
        result => result.map(|output| output.stdout_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn files_come_first_and_getent_where_configured() {
        let fake = Fake::from_json(serde_json::json!({
            "files": {
                "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nbroken\n",
                "/etc/group": "wheel:x:10:alice, bob\n",
                "/etc/nsswitch.conf": "passwd: files sss\ngroup: files\n",
            },
            "commands": [{"line": "getent passwd alice", "stdout": "alice:*:1000:1000::/home/alice:/bin/bash\n"}],
        }));
        assert_eq!(user(&fake, "root").unwrap().unwrap().uid, 0);
        assert_eq!(user(&fake, "alice").unwrap().unwrap().home, "/home/alice");
        assert_eq!(user_by_uid(&fake, 77).unwrap(), None);
        assert_eq!(group(&fake, "wheel").unwrap().unwrap().members, ["alice", "bob"]);
        assert_eq!(group_by_gid(&fake, 11).unwrap(), None);
    }
}
