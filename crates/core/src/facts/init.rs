//! Which init runs the services.

use super::{Facts, look::Look};
use crate::system::System;
use serde_json::json;

pub(super) fn service_mgr(look: Look<'_>, facts: &mut Facts) {
    facts.insert("service_mgr".into(), json!(service_manager(look.0)));
}

pub(super) fn systemd(look: Look<'_>, facts: &mut Facts) {
    if !runs_systemd(look) {
        return;
    }
    let Some(answer) = look.answer("systemctl", &["--version"]) else { return };
    let version = answer.split_whitespace().nth(1).and_then(|word| word.parse::<u32>().ok());
    let features = answer.lines().nth(1).unwrap_or_default();
    facts.insert("systemd".into(), json!({"features": features, "version": version}));
}

fn runs_systemd(look: Look<'_>) -> bool {
    let marks = ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"];
    marks.iter().any(|mark| look.exists(mark)) && look.0.find_program("systemctl").is_some()
}

/// The fact `service_mgr`: `systemd`, `sysvinit`, `openrc`, `runit` …; process 1's own name where that is telling.
pub fn service_manager(system: &dyn System) -> String {
    let look = Look(system);
    let first_process = look.text("/proc/1/comm").or_else(|| look.link_name("/sbin/init"));
    match first_process.as_deref() {
        Some("procd") => return "openwrt_init".into(),
        Some("runit-init") => return "runit".into(),
        Some("svscan") => return "svc".into(),
        Some("openrc-init") => return "openrc".into(),
        // Many inits are called so, and a shell is most probably a container's.
        Some(name) if name == "init" || name.ends_with("sh") => {}
        Some(name) => return name.to_owned(),
        None => {}
    }
    let has = |program: &str| system.find_program(program).is_some();
    let name = if runs_systemd(look) {
        "systemd"
    } else if has("initctl") && look.exists("/etc/init") {
        "upstart"
    } else if look.exists("/sbin/openrc") {
        "openrc"
    } else if has("systemctl") && look.link_name("/sbin/init").as_deref() == Some("systemd") {
        "systemd"
    } else if look.exists("/etc/init.d") {
        "sysvinit"
    } else if look.exists("/etc/dinit.d") {
        "dinit"
    } else {
        "service"
    };
    name.to_owned()
}
