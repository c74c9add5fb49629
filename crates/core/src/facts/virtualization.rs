//! Whether the machine is a guest or a host of others, and of which kind.

use super::{Facts, look::Look};
use serde_json::json;
use std::collections::BTreeSet;

/// What has been found; the first finding names type and role.
#[derive(Default)]
struct Found {
    kind: Option<(String, &'static str)>,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Found {
    fn guest(&mut self, kind: &str) {
        self.guest.insert(kind.to_owned());
        self.kind.get_or_insert_with(|| (kind.to_owned(), "guest"));
    }

    fn host(&mut self, kind: &str) {
        self.host.insert(kind.to_owned());
        self.kind.get_or_insert_with(|| (kind.to_owned(), "host"));
    }
}

pub(super) fn virtualization(look: Look<'_>, facts: &mut Facts) {
    let mut found = Found::default();
    containers(look, &mut found);
    if look.exists("/proc/xen") {
        if look.raw("/proc/xen/capabilities").contains("control_d") {
            found.host("xen");
        } else {
            found.kind.get_or_insert_with(|| ("xen".to_owned(), "guest"));
        }
    }
    firmware(look, &mut found);
    processor(look, &mut found);
    kernel_modules(look, &mut found);
    if look.exists("/dev/kvm") {
        found.host("kvm");
    }
    let (kind, role) = found.kind.unwrap_or_else(|| ("NA".to_owned(), "NA"));
    facts.insert("virtualization_type".into(), json!(kind));
    facts.insert("virtualization_role".into(), json!(role));
    facts.insert("virtualization_tech_guest".into(), json!(found.guest));
    facts.insert("virtualization_tech_host".into(), json!(found.host));
}

fn containers(look: Look<'_>, found: &mut Found) {
    let groups = look.raw("/proc/1/cgroup");
    for line in groups.lines() {
        if line.contains("/docker/") || line.contains("/docker-") && line.contains(".scope") {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    let environment = look.raw("/proc/1/environ");
    for kind in environment.split('\0').filter_map(|variable| variable.strip_prefix("container=")) {
        match kind {
            "" => {}
            "lxc" | "podman" => {
                found.guest(kind);
                found.guest("container");
            }
            _ => found.guest("container"),
        }
    }
    if look.exists("/proc/vz") && !look.exists("/proc/lve") {
        if look.exists("/proc/bc") { found.host("openvz") } else { found.guest("openvz") }
    }
    let systemd = look.text("/run/systemd/container");
    if let Some(kind) = &systemd {
        found.guest(kind);
    }
    // cgroups with a parent of their own, or a namespace, do not show it.
    if look.exists("/.dockerenv") || look.exists("/.dockerinit") {
        found.guest("docker");
    }
    let kinds = ["docker", "lxc", "podman", "openvz", "containerd"];
    if systemd.is_some() || kinds.iter().any(|kind| found.guest.contains(*kind)) {
        found.guest.insert("container".to_owned());
    }
}

fn firmware(look: Look<'_>, found: &mut Found) {
    let read = |file: &str| look.text(format!("/sys/devices/virtual/dmi/id/{file}")).unwrap_or_default();
    let (product, vendor, bios) = (read("product_name"), read("sys_vendor"), read("bios_vendor"));
    if matches!(product.as_str(), "KVM" | "KVM Server" | "Bochs" | "AHV" | "CloudStack KVM Hypervisor") {
        found.guest("kvm");
    }
    match (vendor.as_str(), product.as_str()) {
        ("oVirt", _) => found.guest("oVirt"),
        ("Red Hat", _) if read("product_family") == "RHV" => found.guest("RHV"),
        ("Red Hat", "RHEV Hypervisor") => found.guest("RHEV"),
        _ => {}
    }
    if product.starts_with("VMware") {
        found.guest("VMware");
    }
    if matches!(product.as_str(), "OpenStack Compute" | "OpenStack Nova") {
        found.guest("openstack");
    }
    match bios.as_str() {
        "Xen" => found.guest("xen"),
        "innotek GmbH" => found.guest("virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode" => found.guest("kvm"),
        _ => {}
    }
    match vendor.as_str() {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => found.guest("kvm"),
        "KubeVirt" => found.guest("KubeVirt"),
        "Microsoft Corporation" => found.guest("VirtualPC"),
        "Parallels Software International Inc." => found.guest("parallels"),
        "OpenStack Foundation" => found.guest("openstack"),
        _ => {}
    }
}

fn processor(look: Look<'_>, found: &mut Found) {
    let status = look.raw("/proc/self/status");
    if let Some(id) = status.lines().find_map(|line| line.strip_prefix("VxID:")) {
        if id.trim() == "0" { found.host("linux_vserver") } else { found.guest("linux_vserver") }
    }
    for line in look.raw("/proc/cpuinfo").lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        match key.trim() {
            "model name" if value.contains("QEMU Virtual CPU") => found.guest("kvm"),
            "model name" if value.contains("UML") => found.guest("uml"),
            "machine" if value.contains("CHRP IBM pSeries (emulated by qemu)") => found.guest("kvm"),
            "vendor_id" if value.contains("User Mode Linux") => found.guest("uml"),
            "vendor_id" if value.contains("PowerVM Lx86") => found.guest("powervm_lx86"),
            "vendor_id" if value.contains("IBM/S390") => {
                found.guest.insert("PR/SM".to_owned());
                found.kind.get_or_insert_with(|| ("PR/SM".to_owned(), "LPAR"));
            }
            _ => {}
        }
    }
}

fn kernel_modules(look: Look<'_>, found: &mut Found) {
    let text = look.raw("/proc/modules");
    let has = |name: &str| text.lines().any(|line| line.split(' ').next() == Some(name));
    if has("kvm") {
        found.host("kvm");
    }
    if has("vboxdrv") {
        found.host("virtualbox");
    }
    if has("virtio") {
        found.host.insert("kvm".to_owned());
        found.kind.get_or_insert_with(|| ("kvm".to_owned(), "guest"));
    }
}
