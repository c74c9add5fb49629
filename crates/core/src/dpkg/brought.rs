//! What packages that a plan is going to install may bring: nobody knows exactly before they are there.

use super::{ANY, RESOURCE, contents};
use crate::module::ModuleError;
use crate::system::{Result, System};
use std::path::{Component, Path};

/// Packages that a plan installs and that are not there yet.
pub fn planned(system: &dyn System) -> Vec<String> {
    let planned = system.resources(RESOURCE).into_iter();
    let new = planned.filter(|(name, state)| name != ANY && state["installed"] == true && state["old"].is_null());
    new.map(|(name, _)| name).collect()
}

/// The planned package among whose usual places `path` is: `/etc/nginx` and what is below it are nginx's.
pub fn bringer(system: &dyn System, path: &Path) -> Option<String> {
    let names: Vec<&str> = path
        .components()
        .filter_map(|part| if let Component::Normal(name) = part { name.to_str() } else { None })
        .collect();
    let own = match names.as_slice() {
        ["etc" | "run", own, ..] => own,
        ["usr", "share", "doc", own, ..] => own,
        ["usr", "share" | "lib" | "libexec" | "bin" | "sbin", own, ..] => own,
        ["var", "lib" | "log" | "cache" | "spool" | "run", own, ..] => own,
        ["bin" | "sbin", own] => own,
        _ => return None,
    };
    planned(system).into_iter().find(|package| is_of(own, package))
}

/// The planned package that may bring a file at `path`, where nothing is known to come: none whose files are known.
pub fn bringer_of_file(system: &dyn System, path: &Path) -> Option<String> {
    bringer(system, path).filter(|package| system.resource(contents::RESOURCE, package).is_none())
}

/// That no planned package may bring `path`.
///
/// # Errors
/// One may: only apply knows what is there then.
pub fn not_brought(system: &dyn System, path: &Path) -> Result<(), ModuleError> {
    let Some(package) = bringer(system, path) else { return Ok(()) };
    Err(ModuleError::new(format!("{} may be brought by package {package}", path.display())).not_known_yet())
}

/// In a simulation: makes the folders that lead to `path`, where a planned package brings them.
///
/// # Errors
/// They cannot be made.
pub fn bring(system: &mut dyn System, path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !matches!(system.exists(path), Ok(true))).collect();
    if missing.is_empty() || bringer(&*system, folder).is_none() {
        return Ok(());
    }
    missing.into_iter().rev().try_for_each(|path| system.create_dir(path, 0o755))
}

/// The planned package that a unit seems to belong to; any planned package may bring any unit.
pub fn bringer_of_unit(system: &dyn System, unit: &str) -> Option<String> {
    let planned = planned(system);
    let name = unit.split(['.', '@']).next().unwrap_or(unit);
    let same = planned.iter().find(|package| is_of(name, package)).cloned();
    same.or_else(|| planned.into_iter().next())
}

/// Whether `own` is a package's name, as far as packages of one program are called alike: `nginx-common`, `php8.2-fpm`.
fn is_of(own: &str, package: &str) -> bool {
    let package = package.split(':').next().unwrap_or(package);
    let versionless =
        |name: &str| name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.').to_owned();
    let stem = |name: &str| versionless(name.split('-').next().unwrap_or(name));
    own == package
        || own.starts_with(&format!("{package}-"))
        || stem(own) == stem(package.split('.').next().unwrap_or(package))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn places_of_a_package_are_its_own() {
        let system = Fake::from_json(serde_json::json!({"resources": {"package": {
            "nginx": {"installed": true}, "docker.io": {"installed": true}, "curl": {"installed": true, "old": "1"},
        }}}));
        let bringer = |path: &str| bringer(&system, Path::new(path));
        assert_eq!(bringer("/etc/nginx/sites-enabled/default").as_deref(), Some("nginx"));
        assert_eq!(bringer("/etc/docker").as_deref(), Some("docker.io"));
        assert_eq!(bringer("/etc/curl/x"), None, "it is there and only replaced");
        assert_eq!(bringer("/etc/other/x"), None);
        assert_eq!(bringer_of_unit(&system, "docker.service").as_deref(), Some("docker.io"));
    }

    #[test]
    fn what_a_package_may_bring_is_not_said_to_be_missing() {
        use crate::module::Mode;
        use crate::system::overlay::Overlay;
        use serde_json::json;
        let registry = crate::modules::builtin();
        let unknown = |module: &str, args: serde_json::Value| {
            let resources = json!({"resources": {"package": {"nginx": {"installed": true}}}});
            let mut plan = Overlay::new(Fake::from_json(resources));
            let outcome = registry.get(module).unwrap().call(args, Mode::Simulate, true, &mut plan);
            assert!(!outcome.failed, "{module}: {:?}", outcome.output);
            outcome.unknown == ["*"]
        };
        assert!(unknown("stat", json!({"path": "/usr/sbin/nginx"})));
        assert!(!unknown("stat", json!({"path": "/usr/sbin/other"})));
        assert!(unknown("command", json!({"cmd": "touch x", "creates": "/etc/nginx/nginx.conf"})));
        assert!(unknown("find", json!({"paths": ["/etc/nginx/conf.d"]})));
        assert!(unknown("lineinfile", json!({"path": "/etc/nginx/nginx.conf", "line": "x", "create": true})));
        assert!(!unknown("lineinfile", json!({"path": "/tmp/x", "line": "x", "create": true})));
    }
}
