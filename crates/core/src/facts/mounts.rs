//! Mounted file systems.

use super::{Facts, look::Look};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

pub(super) fn mounts(look: Look<'_>, facts: &mut Facts) {
    let table = look.text("/etc/mtab").or_else(|| look.text("/proc/mounts")).unwrap_or_default();
    let binds = bind_mounts(&look.raw("/proc/self/mountinfo"));
    let uuids = super::storage::links(look, "/dev/disk/by-uuid");
    let mut mounts: Vec<(String, Value)> = Vec::new();
    for line in table.lines() {
        let fields: Vec<String> = line.split_whitespace().map(unescape).collect();
        let [device, mount, fstype, options, numbers @ ..] = fields.as_slice() else { continue };
        // Kernel file systems have no device behind them.
        let real = device.starts_with(['/', '\\']) || device.contains(":/");
        if !real || fstype == "none" {
            continue;
        }
        let bind = binds.contains(mount) && !options.split(',').any(|option| option == "bind");
        let number = |index: usize| numbers.get(index).and_then(|text: &String| text.parse::<u32>().ok()).unwrap_or(0);
        let mut entry = json!({
            "mount": mount,
            "device": device,
            "fstype": fstype,
            "options": if bind { format!("{options},bind") } else { options.clone() },
            "dump": number(0),
            "passno": number(1),
        });
        if let Value::Object(entry) = &mut entry {
            add_usage(look, mount, entry);
            let uuid = look.0.canonicalize(Path::new(device)).ok().and_then(|path| {
                let name = path.file_name()?.to_string_lossy().into_owned();
                uuids.get(&name)?.first().cloned()
            });
            entry.insert("uuid".into(), json!(uuid.unwrap_or_else(|| "N/A".to_owned())));
        }
        // A mount over another one hides it.
        mounts.retain(|(known, _)| known != mount);
        mounts.push((mount.clone(), entry));
    }
    facts.insert("mounts".into(), mounts.into_iter().map(|(_, entry)| entry).collect());
}

fn add_usage(look: Look<'_>, mount: &str, entry: &mut Facts) {
    let Ok(Some(usage)) = look.0.filesystem_usage(Path::new(mount)) else { return };
    let used = usage.blocks.saturating_sub(usage.blocks_available);
    for (name, value) in [
        ("size_total", usage.fragment_size * usage.blocks),
        ("size_available", usage.fragment_size * usage.blocks_available),
        ("block_size", usage.block_size),
        ("block_total", usage.blocks),
        ("block_available", usage.blocks_available),
        ("block_used", used),
        ("inode_total", usage.inodes),
        ("inode_available", usage.inodes_available),
        ("inode_used", usage.inodes.saturating_sub(usage.inodes_available)),
    ] {
        entry.insert(name.to_owned(), json!(value));
    }
}

/// Where something else than the root of a file system is mounted.
fn bind_mounts(mountinfo: &str) -> HashSet<String> {
    let fields = mountinfo.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    fields.filter(|fields| fields.len() > 5 && fields[3] != "/").map(|fields| unescape(fields[4])).collect()
}

/// `\040` and the like, as the kernel and fstab write blanks, made characters again.
pub(crate) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let code = (bytes[index] == b'\\').then(|| text.get(index + 1..index + 4)).flatten();
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                index += 4;
            }
            None => {
                plain.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_escapes_and_binds() {
        assert_eq!(unescape("/mnt/a\\040b\\134"), "/mnt/a b\\");
        let info = "29 1 254:0 / / rw - ext4 /dev/vda rw\n31 29 254:0 /srv/x /mnt/x rw - ext4 /dev/vda rw\n";
        assert_eq!(bind_mounts(info), HashSet::from(["/mnt/x".to_owned()]));
    }
}
