//! Which files packages will bring, as far as apt's Contents lists are there: `apt-file update` fetches them.
//!
//! They name files and packages, no more: modes are those that places have, and what packages' scripts make is not in them.

use crate::system::{Command, Content, Result, System, WriteFile};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Under this kind a simulation keeps the packages whose files it knows.
pub(super) const RESOURCE: &str = "package_contents";

const LISTS: &str = "/var/lib/apt/lists";
/// The lists are packed in one of several ways, which apt's own helper knows.
const SEARCH: &str = r#"/usr/lib/apt/apt-helper cat-file "$@" | LC_ALL=C grep -E "$PATTERN""#;
/// What no task looks at: most of the files of most packages.
const PASSED: &[&str] = &[
    "boot/",
    "usr/include/",
    "usr/lib/modules/",
    "usr/lib/python3/",
    "usr/share/bug/",
    "usr/share/doc/",
    "usr/share/info/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
];

/// In a simulation: makes the files that these new packages bring, and the folders that lead there. Their content is not known.
///
/// # Errors
/// The lists cannot be read, or a file cannot be made.
pub fn bring_files(system: &mut dyn System, packages: &[&str]) -> Result<()> {
    for (package, paths) in listed(system, packages)? {
        for path in paths {
            let path = Path::new("/").join(path);
            if system.symlink_metadata(&path)?.is_some() {
                continue;
            }
            for folder in (*system).missing_above(&path) {
                system.create_dir(&folder, 0o755)?;
            }
            let mode = if is_program(&path) { 0o755 } else { 0o644 };
            system.write(&path, &WriteFile { mode: Some(mode), ..WriteFile::of(Content::NotKnownYet) })?;
        }
        system.set_resource(RESOURCE, &package, true.into());
    }
    Ok(())
}

fn is_program(path: &Path) -> bool {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    folder == "bin" || folder == "sbin" || path.starts_with("/etc/init.d")
}

/// The files of packages that the lists know, by package.
fn listed(system: &dyn System, packages: &[&str]) -> Result<BTreeMap<String, Vec<String>>> {
    let names = system.read_dir(Path::new(LISTS)).unwrap_or_default();
    let names = names.iter().map(|name| name.to_string_lossy()).filter(|name| name.contains("_Contents-"));
    let lists: Vec<String> = names.map(|name| format!("{LISTS}/{name}")).collect();
    if lists.is_empty() || packages.is_empty() {
        return Ok(BTreeMap::new());
    }
    let wanted: HashSet<&str> = packages.iter().map(|name| name.split(':').next().unwrap_or(name)).collect();
    let mut either: Vec<String> = wanted.iter().map(|name| name.replace('.', r"\.").replace('+', r"\+")).collect();
    either.sort_unstable();
    let script = ["/bin/sh", "-c", SEARCH, "sh"].into_iter().map(str::to_owned);
    let search = Command::new(script.chain(lists)).env("PATTERN", format!("/({})(,|$)", either.join("|")));
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for line in system.query(&search)?.stdout_text().lines() {
        // A path may have blanks, the packages have none.
        let Some((path, owners)) = line.trim_end().rsplit_once(char::is_whitespace) else { continue };
        let path = path.trim_end();
        if PASSED.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        let mut owners = owners.split(',').filter_map(|owner| owner.rsplit('/').next());
        if let Some(owner) = owners.find(|owner| wanted.contains(owner)) {
            found.entry(owner.to_owned()).or_default().push(path.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;
    use crate::system::overlay::Overlay;
    use crate::system::{FileKind, SystemError};

    #[test]
    fn files_come_from_the_lists() {
        let list = "/var/lib/apt/lists/deb.example_dists_stable_main_Contents-all.lz4";
        let fake = Fake::from_json(serde_json::json!({
            "files": {list: "packed", "/etc/g++": {"kind": "directory"}, "/usr/bin": {"kind": "directory"}},
            "commands": [{"argv": ["/bin/sh", "-c", SEARCH, "sh", list], "stdout":
                "etc/nginx/nginx.conf    httpd/nginx-common\n\
                 usr/sbin/a b            admin/other,httpd/g++\n\
                 usr/share/doc/g++/x     httpd/g++\n\
                 etc/no/nginx,           x/other\n"}],
        }));
        let mut plan = Overlay::new(fake);
        bring_files(&mut plan, &["nginx-common", "g++:amd64"]).unwrap();
        let meta = |path: &str| plan.metadata(Path::new(path)).unwrap();
        assert_eq!(meta("/etc/nginx").unwrap().kind, FileKind::Directory);
        assert_eq!(meta("/usr/sbin/a b").unwrap().mode, 0o755);
        assert!(meta("/usr/share/doc/g++/x").is_none() && meta("/etc/no").is_none());
        let read = plan.open(Path::new("/etc/nginx/nginx.conf")).map(drop);
        assert!(matches!(read, Err(SystemError::NotKnownYet(_))), "what is in it is not in the lists");
        assert!(plan.resource(RESOURCE, "g++").is_some());
    }
}
