//! Block devices, the links that name them, and LVM.

use super::{Facts, look::Look};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Links = BTreeMap<String, Vec<String>>;

/// Device name → names of the links in `folder` that lead to it.
pub(super) fn links(look: Look<'_>, folder: &str) -> Links {
    let mut links = Links::new();
    for name in look.names(folder) {
        if let Some(target) = look.link_name(format!("{folder}/{name}")) {
            links.entry(target).or_default().push(name);
        }
    }
    links
}

struct AllLinks([(&'static str, Links); 4]);

impl AllLinks {
    fn read(look: Look<'_>) -> Self {
        let mut masters = Links::new();
        for device in look.names("/sys/block") {
            for slave in look.names(format!("/sys/block/{device}/slaves")) {
                masters.entry(slave).or_default().push(device.clone());
            }
        }
        Self([
            ("ids", links(look, "/dev/disk/by-id")),
            ("labels", links(look, "/dev/disk/by-label")),
            ("masters", masters),
            ("uuids", links(look, "/dev/disk/by-uuid")),
        ])
    }

    fn of(&self, device: &str) -> Value {
        let lists = self
            .0
            .iter()
            .map(|(kind, links)| ((*kind).to_owned(), json!(links.get(device).cloned().unwrap_or_default())));
        Value::Object(lists.collect())
    }

    fn named(&self, kind: &str, device: &str) -> &[String] {
        let links = self.0.iter().find(|(known, _)| *known == kind).map(|(_, links)| links);
        links.and_then(|links| links.get(device)).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn devices(look: Look<'_>, facts: &mut Facts) {
    let links = AllLinks::read(look);
    let mut devices = Facts::new();
    for name in look.names("/sys/block") {
        devices.insert(name.clone(), device(look, &name, &links));
    }
    facts.insert("devices".into(), Value::Object(devices));
    let links = links.0.into_iter().map(|(kind, links)| (kind.to_owned(), json!(links)));
    facts.insert("device_links".into(), Value::Object(links.collect()));
}

fn device(look: Look<'_>, name: &str, links: &AllLinks) -> Value {
    let folder = format!("/sys/block/{name}");
    let text = |file: &str| look.text(format!("{folder}/{file}"));
    let (sectors, sector_size) = sectors(look, &folder);
    // A device that cannot discard at all may still name a granularity.
    let discard = if text("queue/discard_max_hw_bytes").as_deref() == Some("0") {
        Some("0".to_owned())
    } else {
        text("queue/discard_granularity")
    };
    let scheduler = text("queue/scheduler").unwrap_or_default();
    let scheduler = scheduler.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(name, _)| name);
    let mut facts = json!({
        "virtual": 1,
        "links": links.of(name),
        "vendor": text("device/vendor"),
        "model": text("device/model"),
        "sas_address": text("device/sas_address"),
        "sas_device_handle": text("device/sas_device_handle"),
        "removable": text("removable"),
        "support_discard": discard,
        "rotational": text("queue/rotational"),
        "scheduler_mode": scheduler,
        "sectorsize": sector_size.to_string(),
        "sectors": sectors,
        "size": human(sectors * sector_size),
        "host": "",
        "holders": holders(look, &folder),
    });
    let partitions = look.names(&folder).into_iter().filter(|entry| is_partition(name, entry));
    let partitions =
        partitions.map(|entry| (entry.clone(), partition(look, &format!("{folder}/{entry}"), &entry, links)));
    facts["partitions"] = Value::Object(partitions.collect());
    if let Some(serial) = text("device/serial") {
        facts["serial"] = json!(serial);
    }
    if let Some(wwn) = links.named("ids", name).iter().find_map(|link| link.strip_prefix("wwn-")) {
        facts["wwn"] = json!(wwn);
    }
    facts
}

fn is_partition(device: &str, entry: &str) -> bool {
    let rest = entry.strip_prefix(device).map(|rest| rest.strip_prefix('p').unwrap_or(rest));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn partition(look: Look<'_>, folder: &str, name: &str, links: &AllLinks) -> Value {
    let (sectors, sector_size) = sectors(look, folder);
    json!({
        "links": links.of(name),
        "start": look.text(format!("{folder}/start")).unwrap_or_else(|| "0".to_owned()),
        "sectors": sectors,
        "sectorsize": sector_size,
        "size": human(sectors * sector_size),
        "uuid": links.named("uuids", name).first(),
        "holders": holders(look, folder),
    })
}

/// Number and size of sectors; the kernel counts in 512 bytes whatever the size is.
fn sectors(look: Look<'_>, folder: &str) -> (u64, u64) {
    let number = |file: &str| look.text(format!("{folder}/{file}")).and_then(|text| text.parse::<u64>().ok());
    let size = number("queue/logical_block_size").or_else(|| number("queue/hw_sector_size")).unwrap_or(512).max(1);
    (number("size").unwrap_or(0) * 512 / size, size)
}

fn holders(look: Look<'_>, folder: &str) -> Vec<String> {
    let names = look.names(format!("{folder}/holders")).into_iter().filter(|name| name.starts_with("dm-"));
    names.map(|name| look.text(format!("{folder}/holders/{name}/dm/name")).unwrap_or(name)).collect()
}

/// Bytes as Ansible writes sizes: `10.00 GB`, `0.00 Bytes`.
fn human(bytes: u64) -> String {
    let units = ["Bytes", "KB", "MB", "GB", "TB", "PB", "EB"];
    let power = (1..units.len()).rev().find(|power| bytes >= 1 << (10 * power)).unwrap_or(0);
    format!("{:.2} {}", bytes as f64 / (1_u64 << (10 * power)) as f64, units[power])
}

const LVM_OPTIONS: [&str; 6] = ["--noheadings", "--nosuffix", "--units", "g", "--separator", ","];

pub(super) fn lvm(look: Look<'_>, facts: &mut Facts) {
    if look.0.find_program("vgs").is_none() {
        facts.insert("lvm".into(), json!("N/A"));
        return;
    }
    if look.0.effective_uid() != 0 {
        return;
    }
    let rows = |program: &str| -> Vec<Vec<String>> {
        let answer = look.answer(program, &LVM_OPTIONS).unwrap_or_default();
        answer.lines().map(|line| line.trim().split(',').map(str::to_owned).collect()).collect()
    };
    let table = |rows: Vec<Vec<String>>, row: fn(&[String]) -> Option<Value>| -> Value {
        Value::Object(rows.iter().filter_map(|items| Some((items.first()?.clone(), row(items)?))).collect())
    };
    // Columns: VG #PV #LV #SN Attr VSize VFree; LV VG Attr LSize …; PV VG Fmt Attr PSize PFree.
    let groups = table(rows("vgs"), |row| {
        Some(json!({"num_pvs": row.get(1)?, "num_lvs": row.get(2)?, "size_g": row.get(5)?, "free_g": row.get(6)?}))
    });
    let volumes = table(rows("lvs"), |row| Some(json!({"vg": row.get(1)?, "size_g": row.get(3)?})));
    let physical =
        table(rows("pvs"), |row| Some(json!({"vg": row.get(1)?, "size_g": row.get(4)?, "free_g": row.get(5)?})));
    facts.insert("lvm".into(), json!({"lvs": volumes, "vgs": groups, "pvs": physical}));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_for_people() {
        assert_eq!(human(0), "0.00 Bytes");
        assert_eq!(human(1023), "1023.00 Bytes");
        assert_eq!(human(10 << 30), "10.00 GB");
        assert_eq!(human(270_553_174_016), "251.97 GB");
    }

    #[test]
    fn tells_partitions_from_other_entries() {
        assert!(is_partition("sda", "sda1") && is_partition("nvme0n1", "nvme0n1p12"));
        assert!(!is_partition("sda", "sda") && !is_partition("sda", "power") && !is_partition("sda", "sdap"));
    }
}
