//! Mandatory access control, capabilities, FIPS, chroot, and the keys that identify the host.

use super::{Facts, look::Look};
use serde_json::json;
use std::path::Path;

pub(super) fn selinux(look: Look<'_>, facts: &mut Facts) {
    let mut selinux = Facts::new();
    if look.exists("/sys/fs/selinux/enforce") {
        let config = look.raw("/etc/selinux/config");
        let setting = |name: &str| {
            let value = config.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
            value.map_or("unknown", str::trim).to_owned()
        };
        let mode = match look.text("/sys/fs/selinux/enforce").as_deref() {
            Some("1") => "enforcing",
            Some("0") => "permissive",
            _ => "unknown",
        };
        let version = look.text("/sys/fs/selinux/policyvers").and_then(|text| text.parse::<u32>().ok());
        selinux.insert("status".into(), json!("enabled"));
        selinux.insert("policyvers".into(), version.map_or(json!("unknown"), |version| json!(version)));
        selinux.insert("config_mode".into(), json!(setting("SELINUX")));
        selinux.insert("mode".into(), json!(mode));
        selinux.insert("type".into(), json!(setting("SELINUXTYPE")));
    } else {
        selinux.insert("status".into(), json!("disabled"));
    }
    facts.insert("selinux".into(), json!(selinux));
    // No Python is needed to tell, so that it is never missing.
    facts.insert("selinux_python_present".into(), json!(true));
}

pub(super) fn apparmor(look: Look<'_>, facts: &mut Facts) {
    let status = if look.exists("/sys/kernel/security/apparmor") { "enabled" } else { "disabled" };
    facts.insert("apparmor".into(), json!({"status": status}));
}

pub(super) fn fips(look: Look<'_>, facts: &mut Facts) {
    facts.insert("fips".into(), json!(look.text("/proc/sys/crypto/fips_enabled").as_deref() == Some("1")));
}

pub(super) fn chroot(look: Look<'_>, facts: &mut Facts) {
    let named = look.0.env("debian_chroot").is_some_and(|name| !name.is_empty());
    let identity =
        |path: &str| look.0.metadata(Path::new(path)).ok().flatten().map(|found| (found.device, found.inode));
    let is_chroot = named
        || match (identity("/"), identity("/proc/1/root/.")) {
            (own, Some(first)) => own != Some(first),
            // Not allowed to look: a file system's root has inode 2 (btrfs 256, xfs 128).
            (Some((_, inode)), None) => ![2, 256, 128].contains(&inode),
            (None, None) => false,
        };
    facts.insert("is_chroot".into(), json!(is_chroot));
}

pub(super) fn capabilities(look: Look<'_>, facts: &mut Facts) {
    let answer = look.answer("capsh", &["--print"]);
    let Some(answer) = answer else {
        facts.insert("system_capabilities_enforced".into(), json!("N/A"));
        facts.insert("system_capabilities".into(), json!("N/A"));
        return;
    };
    let (mut enforced, mut list) = ("NA", Vec::new());
    if let Some(current) = answer.lines().find_map(|line| line.strip_prefix("Current:")) {
        if current.trim() == "=ep" {
            enforced = "False";
        } else {
            enforced = "True";
            // The text after the first `=`, as Ansible cuts it.
            let text = current.split('=').nth(1).unwrap_or_default();
            list = text.split(',').map(|name| name.trim().to_owned()).collect();
        }
    }
    facts.insert("system_capabilities_enforced".into(), json!(enforced));
    facts.insert("system_capabilities".into(), json!(list));
}

pub(super) fn host_keys(look: Look<'_>, facts: &mut Facts) {
    for folder in ["/etc/ssh", "/etc/openssh", "/etc"] {
        let before = facts.len();
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Some(text) = look.text(format!("{folder}/ssh_host_{kind}_key.pub")) else { continue };
            if let [key_type, key, ..] = text.split_whitespace().collect::<Vec<_>>().as_slice() {
                facts.insert(format!("ssh_host_key_{kind}_public"), json!(key));
                facts.insert(format!("ssh_host_key_{kind}_public_keytype"), json!(key_type));
            }
        }
        if facts.len() > before {
            return;
        }
    }
}
