//! Which package manager the host has.

use super::{Facts, distribution, look::Look};
use crate::system::System;
use serde_json::json;

/// Where package managers are; a later one that exists wins.
const MANAGERS: [(&str, &str); 22] = [
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/usr/pkg/bin/pkgin", "pkgin"),
    ("/opt/local/bin/pkgin", "pkgin"),
    ("/opt/tools/bin/pkgin", "pkgin"),
    ("/opt/local/bin/port", "macports"),
    ("/usr/local/bin/brew", "homebrew"),
    ("/sbin/apk", "apk"),
    ("/usr/sbin/pkg", "pkgng"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/local/sbin/pkg", "pkgng"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
    ("/usr/bin/installp", "installp"),
];

pub(super) fn pkg_mgr(look: Look<'_>, facts: &mut Facts) {
    facts.insert("pkg_mgr".into(), json!(package_manager(look.0)));
}

/// The fact `pkg_mgr`: `apt`, `dnf`, `apk` …, or `unknown`.
pub fn package_manager(system: &dyn System) -> String {
    let look = Look(system);
    let family = distribution::os_family(look);
    let found = MANAGERS.iter().rev().find(|(path, _)| look.exists(path)).map_or("unknown", |(_, name)| *name);
    let name = match family.as_str() {
        "RedHat" => redhat(look),
        // Others can be installed beside it, but do not manage the system.
        "Debian" => "apt",
        "Altlinux" if found == "apt" => "apt_rpm",
        _ => found,
    };
    name.to_owned()
}

fn redhat(look: Look<'_>) -> &'static str {
    if look.exists("/run/ostree-booted") {
        return "atomic_container";
    }
    // Both names can lead to either generation of dnf.
    let Some(path) = ["/usr/bin/dnf", "/usr/bin/microdnf"].into_iter().find(|path| look.exists(path)) else {
        return "unknown";
    };
    match look.0.canonicalize(path.as_ref()) {
        Ok(target) if target.ends_with("dnf5") => "dnf5",
        _ => "dnf",
    }
}
