//! Volumes and mounts as the API has them.

use super::args::{Args, Mount};
use crate::module::ModuleError;
use crate::modules::support::docker::compare::without_nulls;
use crate::system::System;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Component, PathBuf};

const MODES: [&str; 14] = [
    "rw",
    "ro",
    "z",
    "Z",
    "consistent",
    "delegated",
    "cached",
    "rprivate",
    "private",
    "rshared",
    "shared",
    "rslave",
    "slave",
    "nocopy",
];

fn is_mode(text: &str) -> bool {
    text.split(',').all(|part| MODES.contains(&part))
}

/// `volumes`, parted into those with a source (`SOURCE:TARGET:MODE`) and targets alone.
pub fn volumes(given: &[String], system: &dyn System) -> Result<(Vec<String>, Vec<String>), ModuleError> {
    let (mut binds, mut targets, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
    for volume in given {
        let parts: Vec<&str> = volume.split(':').collect();
        let target = match parts.as_slice() {
            [source, target, mode] if is_mode(mode) => {
                binds.push(format!("{}:{target}:{mode}", source_path(source, system)));
                *target
            }
            [_, _, mode] => return Err(ModuleError::new(format!("volumes: {volume:?} has the invalid mode {mode:?}"))),
            [source, target] if !is_mode(target) => {
                binds.push(format!("{}:{target}:rw", source_path(source, system)));
                *target
            }
            [target] | [target, _] => {
                targets.push(volume.clone());
                *target
            }
            _ => return Err(ModuleError::new(format!("volumes: {volume:?} has too many parts"))),
        };
        if !taken.insert(target.to_owned()) {
            return Err(ModuleError::new(format!("volumes: the target {target} is there twice")));
        }
    }
    Ok((binds, targets))
}

/// A path on the host is made absolute; a volume's name stays.
fn source_path(source: &str, system: &dyn System) -> String {
    if !source.starts_with(['.', '~']) {
        return source.to_owned();
    }
    let path = system.home().join(source.trim_start_matches('~').trim_start_matches('/'));
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.display().to_string()
}

/// `mounts`.
pub fn mounts(args: &Args) -> Result<Option<Value>, ModuleError> {
    let Some(mounts) = &args.mounts else { return Ok(None) };
    mounts.iter().map(mount).collect::<Result<Vec<_>, _>>().map(|mounts| Some(Value::Array(mounts)))
}

fn mount(mount: &Mount) -> Result<Value, ModuleError> {
    let kind = mount.kind.as_deref().unwrap_or("volume");
    if mount.source.is_none() && !matches!(kind, "tmpfs" | "volume" | "image" | "cluster") {
        return Err(ModuleError::new(format!(
            "source must be specified for mount {:?} of type {kind:?}",
            mount.target
        )));
    }
    let needs = [
        ("propagation", mount.propagation.is_some(), &["bind"][..]),
        ("create_mountpoint", mount.create_mountpoint.is_some(), &["bind"]),
        ("non_recursive", mount.non_recursive.is_some(), &["bind"]),
        ("read_only_non_recursive", mount.read_only_non_recursive.is_some(), &["bind"]),
        ("read_only_force_recursive", mount.read_only_force_recursive.is_some(), &["bind"]),
        ("no_copy", mount.no_copy.is_some(), &["volume"]),
        ("labels", mount.labels.is_some(), &["volume"]),
        ("volume_driver", mount.volume_driver.is_some(), &["volume"]),
        ("volume_options", mount.volume_options.is_some(), &["volume"]),
        ("subpath", mount.subpath.is_some(), &["volume", "image"]),
        ("tmpfs_size", mount.tmpfs_size.is_some(), &["tmpfs"]),
        ("tmpfs_mode", mount.tmpfs_mode.is_some(), &["tmpfs"]),
        ("tmpfs_options", mount.tmpfs_options.is_some(), &["tmpfs"]),
    ];
    if let Some((option, _, kinds)) = needs.iter().find(|(_, given, kinds)| *given && !kinds.contains(&kind)) {
        let kinds = kinds.join(", ");
        let message =
            format!("{option} cannot be specified for mount {:?} of type {kind:?} (needs {kinds})", mount.target);
        return Err(ModuleError::new(message));
    }
    let mode = mount.tmpfs_mode.as_ref().map(|mode| {
        u32::from_str_radix(mode.0.trim_start_matches("0o"), 8)
            .map_err(|_| ModuleError::new(format!("tmpfs_mode of mount {:?} is not an octal string", mount.target)))
    });
    let options = mount.tmpfs_options.as_ref().map(|options| {
        let pairs = options.iter().flatten();
        let pairs =
            pairs.map(|(name, value)| value.as_ref().map_or_else(|| json!([name]), |value| json!([name, value])));
        pairs.collect::<Vec<_>>()
    });
    let driver = mount.volume_driver.as_ref().map(|name| json!({"Name": name, "Options": mount.volume_options}));
    let some =
        |value: Value| Some(without_nulls(value)).filter(|value| value.as_object().is_some_and(|map| !map.is_empty()));
    Ok(without_nulls(json!({
        "Target": mount.target,
        "Source": mount.source,
        "Type": kind,
        "ReadOnly": mount.read_only,
        "Consistency": mount.consistency,
        "BindOptions": some(json!({
            "Propagation": mount.propagation,
            "NonRecursive": mount.non_recursive,
            "CreateMountpoint": mount.create_mountpoint,
            "ReadOnlyNonRecursive": mount.read_only_non_recursive,
            "ReadOnlyForceRecursive": mount.read_only_force_recursive,
        })),
        "VolumeOptions": some(json!({
            "NoCopy": mount.no_copy,
            "Labels": mount.labels,
            "DriverConfig": driver,
            "Subpath": mount.subpath.as_ref().filter(|_| kind == "volume"),
        })),
        "ImageOptions": some(json!({"Subpath": mount.subpath.as_ref().filter(|_| kind == "image")})),
        "TmpfsOptions": some(json!({
            "SizeBytes": mount.tmpfs_size,
            "Mode": mode.transpose()?,
            "Options": options,
        })),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn parts_volumes() {
        let fake = Fake::from_json(json!({}));
        let given = ["data:/d", "/srv:/s:ro,z", "/anonymous", "/other:rw", "./x/../y:/y"].map(String::from);
        let (binds, targets) = volumes(&given, &fake).unwrap();
        assert_eq!(binds, ["data:/d:rw", "/srv:/s:ro,z", "/root/y:/y:rw"]);
        assert_eq!(targets, ["/anonymous", "/other:rw"]);
        assert!(volumes(&["a:/d:what".into()], &fake).unwrap_err().msg.contains("invalid mode"));
        assert!(volumes(&["a:/d".into(), "b:/d".into()], &fake).unwrap_err().msg.contains("twice"));
    }
}
