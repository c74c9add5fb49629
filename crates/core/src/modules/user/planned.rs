//! A change of users played into a simulated machine, as `useradd` and its relatives would do it.

use super::{Args, Change, Fate, decide};
use crate::module::ModuleError;
use crate::system::accounts::{self, GROUP, IdKind, PASSWD, SHADOW, Shadow};
use crate::system::users::{self, Group, User};
use crate::system::{Content, FileKind, Ownership, System, WriteFile};
use std::path::{Path, PathBuf};

/// Plays `change`; the user after it.
pub(super) fn play(args: &Args, change: &Change, system: &mut dyn System) -> Result<Option<User>, ModuleError> {
    let name = &change.name;
    if change.fate == Fate::Removed {
        let user = decide::find(args, &*system)?;
        for file in [PASSWD, SHADOW] {
            accounts::set_line(system, file, name, None)?;
        }
        accounts::set_membership(system, name, &[], false)?;
        // The group of the user's own goes too, unless others are in it.
        let own = accounts::local_group(&*system, name)?;
        if own.is_some_and(|group| group.members.is_empty()) && has_own_groups(&*system) {
            accounts::set_line(system, GROUP, name, None)?;
        }
        if let Some(user) = user.filter(|_| args.remove.0)
            && system.exists(Path::new(&user.home))?
        {
            system.remove_dir_all(Path::new(&user.home))?;
        }
        return Ok(None);
    }
    let user = if change.fate == Fate::Made {
        let user = make(args, change, system)?;
        accounts::set_line(system, PASSWD, name, Some(accounts::user_line(&user)))?;
        if args.create_home.0 && !system.exists(Path::new(&user.home))? {
            fill_home(args, &user, system)?;
        }
        user
    } else {
        let Some(user) = alter(args, change, system)? else { return Ok(None) };
        user
    };
    if let Some(groups) = &change.groups {
        let append = args.append.0 && change.fate == Fate::Kept;
        accounts::set_membership(system, name, groups, append)?;
    }
    if system.exists(Path::new(SHADOW))? {
        let shadow = shadow(args, change, &*system);
        accounts::set_line(system, SHADOW, name, Some(accounts::shadow_line(name, &shadow)))?;
    }
    if let Some(file) = &change.ssh_key {
        let owner = Ownership { uid: Some(user.uid), gid: Some(user.gid) };
        super::ssh_key::make_folder(Path::new(file), owner, system)?;
        for (file, mode) in [(file.clone(), 0o600), (format!("{file}.pub"), 0o644)] {
            let content = WriteFile { mode: Some(mode), ownership: owner, ..WriteFile::of(Content::NotKnownYet) };
            system.write(Path::new(&file), &content)?;
        }
    }
    Ok(Some(user))
}

/// Whether new users get groups of their own.
fn has_own_groups(system: &dyn System) -> bool {
    accounts::login_defs(system, "USERGROUPS_ENAB").as_deref() != Some("no")
}

/// Where `useradd` puts homes.
pub(super) fn usual_home(name: &str, system: &dyn System) -> String {
    format!("{}/{name}", default(system, "HOME").unwrap_or_else(|| "/home".to_owned()))
}

/// A setting of `/etc/default/useradd`.
fn default(system: &dyn System, name: &str) -> Option<String> {
    let text = system.read_text(Path::new("/etc/default/useradd")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(|value| value.trim().to_owned())
}

fn gid_of(args: &Args, name: &str, system: &dyn System) -> Result<u32, ModuleError> {
    match decide::group(args, name, system)? {
        Some(group) => Ok(group.gid),
        // It comes with a package; nobody knows its number yet.
        None => Ok(accounts::next_id(system, IdKind::Group, true, (None, None))?),
    }
}

fn make(args: &Args, change: &Change, system: &mut dyn System) -> Result<User, ModuleError> {
    let limit = |limit: Option<crate::module::types::LooseInt>| limit.and_then(|limit| u32::try_from(limit.0).ok());
    let range = (limit(args.uid_min), limit(args.uid_max));
    let uid = match change.uid {
        Some(uid) => uid,
        None => accounts::next_id(&*system, IdKind::User, args.system.0, range)?,
    };
    let gid = match &change.group {
        Some(group) => gid_of(args, group, &*system)?,
        None if decide::group(args, &change.name, &*system)?.is_some() || !has_own_groups(&*system) => {
            default(&*system, "GROUP").and_then(|gid| gid.parse().ok()).unwrap_or(100)
        }
        None => {
            let free = users::group_by_gid(&*system, uid)?.is_none();
            let gid = if free { uid } else { accounts::next_id(&*system, IdKind::Group, args.system.0, (None, None))? };
            let own = Group { name: change.name.clone(), gid, members: Vec::new() };
            accounts::set_line(system, GROUP, &own.name, Some(accounts::group_line(&own)))?;
            gid
        }
    };
    Ok(User {
        name: change.name.clone(),
        uid,
        gid,
        gecos: change.comment.clone().unwrap_or_default(),
        home: change.home.clone().unwrap_or_else(|| usual_home(&change.name, &*system)),
        shell: change.shell.clone().or_else(|| default(&*system, "SHELL")).unwrap_or_else(|| "/bin/sh".to_owned()),
    })
}

fn alter(args: &Args, change: &Change, system: &mut dyn System) -> Result<Option<User>, ModuleError> {
    let Some(mut user) = decide::find(args, &*system)? else { return Ok(None) };
    user.uid = change.uid.unwrap_or(user.uid);
    if let Some(group) = &change.group {
        user.gid = gid_of(args, group, &*system)?;
    }
    if let Some(comment) = &change.comment {
        user.gecos.clone_from(comment);
    }
    if let Some(shell) = &change.shell {
        user.shell.clone_from(shell);
    }
    if let Some(home) = &change.home {
        let old = std::mem::replace(&mut user.home, home.clone());
        if args.move_home.0 && system.exists(Path::new(&old))? && !system.exists(Path::new(home))? {
            system.rename(Path::new(&old), Path::new(home))?;
        }
    }
    accounts::set_line(system, PASSWD, &change.name, Some(accounts::user_line(&user)))?;
    if change.make_home {
        fill_home(args, &user, system)?;
    }
    Ok(Some(user))
}

fn shadow(args: &Args, change: &Change, system: &dyn System) -> Shadow {
    let made = Shadow { password: "!".to_owned(), min: Some(0), max: Some(99999), warn: Some(7), ..Shadow::default() };
    let mut shadow = accounts::shadow(system, &change.name).unwrap_or(made);
    if let Some(password) = args.password.as_ref().filter(|_| change.password) {
        let lock = if args.password_lock.is_some_and(|lock| lock.0) { "!" } else { "" };
        shadow.password = format!("{lock}{}", password.expose());
    } else if let Some(lock) = change.lock {
        let bare = shadow.password.trim_start_matches('!').to_owned();
        shadow.password = if lock { format!("!{bare}") } else { bare };
    }
    if let Some(day) = change.expires {
        shadow.expires = (day >= 0).then_some(day);
    }
    shadow.inactive = change.inactive.map_or(shadow.inactive, |days| (days >= 0).then_some(days));
    let [min, max, warn] = change.aging;
    (shadow.min, shadow.max, shadow.warn) = (min.or(shadow.min), max.or(shadow.max), warn.or(shadow.warn));
    shadow
}

/// Makes the directories above `path`.
pub(super) fn make_parents(path: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    let above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_owned).collect();
    for directory in above.into_iter().rev().filter(|directory| !directory.as_os_str().is_empty()) {
        if !system.exists(&directory)? {
            system.create_dir(&directory, 0o755)?;
        }
    }
    Ok(())
}

/// Permissions of new home directories.
pub(super) fn home_mode(system: &dyn System) -> u32 {
    let octal = |name: &str| accounts::login_defs(system, name).and_then(|text| u32::from_str_radix(&text, 8).ok());
    octal("HOME_MODE").or_else(|| octal("UMASK").map(|umask| 0o777 & !umask)).unwrap_or(0o755)
}

fn fill_home(args: &Args, user: &User, system: &mut dyn System) -> Result<(), ModuleError> {
    let home = Path::new(&user.home);
    make_parents(home, system)?;
    let skeleton = PathBuf::from(args.skeleton.as_deref().map_or("/etc/skel", |path| path));
    let owner = Ownership { uid: Some(user.uid), gid: Some(user.gid) };
    copy(&skeleton, home, owner, system)?;
    let umask = args.umask.as_deref().and_then(|umask| u32::from_str_radix(umask, 8).ok());
    let mode = umask.map_or_else(|| home_mode(&*system), |umask| 0o777 & !umask);
    system.set_mode(home, mode)?;
    Ok(())
}

fn copy(from: &Path, to: &Path, owner: Ownership, system: &mut dyn System) -> Result<(), ModuleError> {
    system.create_dir(to, 0o755)?;
    system.set_owner(to, owner, false)?;
    let is_directory = system.metadata(from)?.is_some_and(|found| found.kind == FileKind::Directory);
    for name in if is_directory { system.read_dir(from)? } else { Vec::new() } {
        let (from, to) = (from.join(&name), to.join(&name));
        let Some(found) = system.symlink_metadata(&from)? else { continue };
        match found.kind {
            FileKind::Directory => copy(&from, &to, owner, system)?,
            FileKind::Link => {
                let target = system.read_link(&from)?;
                system.symlink(&target, &to)?;
            }
            _ => {
                let file =
                    WriteFile { mode: Some(found.mode), ownership: owner, ..WriteFile::of(Content::CopyOf(from)) };
                system.write(&to, &file)?;
            }
        }
    }
    Ok(())
}
