//! What the firmware says about the machine's hardware, and the initiator names that storage networks use.

use super::{Facts, look::Look};
use serde_json::json;

const FOLDER: &str = "/sys/devices/virtual/dmi/id";

/// Fact and the kernel's file for it.
const FIELDS: [(&str, &str); 17] = [
    ("bios_date", "bios_date"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// Chassis types of the SMBIOS specification, section 7.4.1, by number.
const FORM_FACTORS: [&str; 37] = [
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

pub(super) fn dmi(look: Look<'_>, facts: &mut Facts) {
    let known = look.is_dir(FOLDER);
    let read = |file: &str| known.then(|| look.text(format!("{FOLDER}/{file}"))).flatten();
    for (fact, file) in FIELDS {
        facts.insert(fact.into(), json!(read(file).unwrap_or_else(|| "NA".to_owned())));
    }
    let form = read("chassis_type").map_or_else(
        || "NA".to_owned(),
        |number| match number.parse::<usize>().ok().and_then(|number| FORM_FACTORS.get(number)) {
            Some(name) => (*name).to_owned(),
            None => format!("unknown ({number})"),
        },
    );
    facts.insert("form_factor".into(), json!(form));
}

pub(super) fn fibre_channel(look: Look<'_>, facts: &mut Facts) {
    let ports = look.names("/sys/class/fc_host").into_iter().filter_map(|host| {
        let name = look.text(format!("/sys/class/fc_host/{host}/port_name"))?;
        Some(name.trim_start_matches("0x").to_owned())
    });
    facts.insert("fibre_channel_wwn".into(), json!(ports.collect::<Vec<_>>()));
}

pub(super) fn iscsi(look: Look<'_>, facts: &mut Facts) {
    let text = look.raw("/etc/iscsi/initiatorname.iscsi");
    let name = text.lines().find_map(|line| line.strip_prefix("InitiatorName="));
    facts.insert("iscsi_iqn".into(), json!(name.unwrap_or_default().trim()));
}

pub(super) fn nvme(look: Look<'_>, facts: &mut Facts) {
    let text = look.raw("/etc/nvme/hostnqn");
    let name = text.lines().find(|line| line.starts_with("nqn."));
    facts.insert("hostnqn".into(), json!(name.unwrap_or_default().trim()));
}
