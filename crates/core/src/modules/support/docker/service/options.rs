//! The options of a service: their places in its specification, and how they are compared.

use super::args::{Args, Mode, Mount, Reference, Resources, UpdateConfig};
use crate::module::ModuleError;
use crate::modules::support::docker::compare::{Comparison, Difference, Kind, is_equal, without_nulls};
use crate::modules::support::docker::container::options::put;
use crate::modules::support::docker::image::ImageName;
use crate::modules::support::docker::{Docker, encode};
use crate::system::System;
use serde_json::{Map, Value, json};
use std::path::Path;

/// One option.
#[derive(Debug)]
pub struct Opt {
    /// The parameter's name.
    pub name: &'static str,
    place: &'static str,
    kind: Kind,
    /// What is wanted.
    pub wanted: Value,
}

/// All options that `args` gives.
pub fn collect(args: &Args, docker: &Docker, system: &dyn System) -> Result<Vec<Opt>, ModuleError> {
    let mut options = Vec::new();
    add_container(args, docker, system, &mut options)?;
    add_files(args, docker, system, &mut options)?;
    add_task(args, docker, system, &mut options)?;
    Ok(options)
}

fn add(options: &mut Vec<Opt>, name: &'static str, place: &'static str, kind: Kind, value: impl serde::Serialize) {
    let wanted = json!(value);
    if !wanted.is_null() {
        options.push(Opt { name, place, kind, wanted });
    }
}

fn add_container(args: &Args, docker: &Docker, system: &dyn System, options: &mut Vec<Opt>) -> Result<(), ModuleError> {
    use Kind::{List, Map as Mapping, Set, Value as One};
    let image = match &args.image {
        Some(image) if args.resolve_image.0 => Some(resolve(image, docker, system)?),
        other => other.as_ref().map(|image| image.0.clone()),
    };
    add(options, "image", "/TaskTemplate/ContainerSpec/Image", One, image);
    add(options, "command", "/TaskTemplate/ContainerSpec/Command", List, args.command.as_ref().map(|words| &words.0));
    add(options, "args", "/TaskTemplate/ContainerSpec/Args", List, &args.args);
    add(options, "env", "/TaskTemplate/ContainerSpec/Env", Set, environment(args, system)?);
    add(options, "container_labels", "/TaskTemplate/ContainerSpec/Labels", Mapping, &args.container_labels);
    let healthcheck = args.healthcheck.as_ref().map(super::args::Healthcheck::wanted);
    add(options, "healthcheck", "/TaskTemplate/ContainerSpec/Healthcheck", Mapping, healthcheck);
    add(options, "user", "/TaskTemplate/ContainerSpec/User", One, &args.user);
    add(options, "groups", "/TaskTemplate/ContainerSpec/Groups", Set, &args.groups);
    add(options, "working_dir", "/TaskTemplate/ContainerSpec/Dir", One, &args.working_dir);
    add(options, "hostname", "/TaskTemplate/ContainerSpec/Hostname", One, &args.hostname);
    let hosts = args.hosts.as_ref();
    let hosts = hosts.map(|hosts| hosts.0.iter().map(|(name, ip)| format!("{ip} {name}")).collect::<Vec<_>>());
    add(options, "hosts", "/TaskTemplate/ContainerSpec/Hosts", Set, hosts);
    add(options, "dns", "/TaskTemplate/ContainerSpec/DNSConfig/Nameservers", List, &args.dns);
    add(options, "dns_search", "/TaskTemplate/ContainerSpec/DNSConfig/Search", List, &args.dns_search);
    add(options, "dns_options", "/TaskTemplate/ContainerSpec/DNSConfig/Options", List, &args.dns_options);
    add(options, "stop_signal", "/TaskTemplate/ContainerSpec/StopSignal", One, &args.stop_signal);
    let grace = args.stop_grace_period.map(|period| period.0);
    add(options, "stop_grace_period", "/TaskTemplate/ContainerSpec/StopGracePeriod", One, grace);
    add(options, "init", "/TaskTemplate/ContainerSpec/Init", One, args.init);
    add(options, "tty", "/TaskTemplate/ContainerSpec/TTY", One, args.tty);
    add(options, "read_only", "/TaskTemplate/ContainerSpec/ReadOnly", One, args.read_only);
    add(options, "sysctls", "/TaskTemplate/ContainerSpec/Sysctls", Mapping, &args.sysctls);
    add(options, "cap_add", "/TaskTemplate/ContainerSpec/CapabilityAdd", Set, &args.cap_add);
    add(options, "cap_drop", "/TaskTemplate/ContainerSpec/CapabilityDrop", Set, &args.cap_drop);
    Ok(())
}

fn add_files(args: &Args, docker: &Docker, system: &dyn System, options: &mut Vec<Opt>) -> Result<(), ModuleError> {
    use Kind::SetOfMaps;
    let mounts =
        args.mounts.as_ref().map(|mounts| mounts.iter().map(mount).collect::<Result<Vec<_>, _>>()).transpose()?;
    add(options, "mounts", "/TaskTemplate/ContainerSpec/Mounts", SetOfMaps, mounts);
    for (name, place, list, kind) in [
        ("configs", "/TaskTemplate/ContainerSpec/Configs", &args.configs, "Config"),
        ("secrets", "/TaskTemplate/ContainerSpec/Secrets", &args.secrets, "Secret"),
    ] {
        let Some(list) = list else { continue };
        let wanted = list.iter().map(|entry| reference(entry, kind, docker, system)).collect::<Result<Vec<_>, _>>()?;
        add(options, name, place, SetOfMaps, wanted);
    }
    Ok(())
}

fn add_task(args: &Args, docker: &Docker, system: &dyn System, options: &mut Vec<Opt>) -> Result<(), ModuleError> {
    use Kind::{Map as Mapping, SetOfMaps, Value as One};
    add(options, "labels", "/Labels", Mapping, &args.labels);
    if args.mode != Mode::Global {
        let place = if args.mode == Mode::Replicated {
            "/Mode/Replicated/Replicas"
        } else {
            "/Mode/ReplicatedJob/TotalCompletions"
        };
        add(options, "replicas", place, One, args.replicas.map(|count| count.0).filter(|count| *count >= 0));
    }
    add(options, "endpoint_mode", "/EndpointSpec/Mode", One, &args.endpoint_mode);
    let ports = args.publish.as_ref().map(|ports| {
        ports
            .iter()
            .map(|port| {
                without_nulls(json!({
                    "PublishedPort": port.published_port,
                    "TargetPort": port.target_port,
                    "Protocol": port.protocol.as_deref().unwrap_or("tcp"),
                    "PublishMode": port.mode.as_deref().unwrap_or("ingress"),
                }))
            })
            .collect::<Vec<_>>()
    });
    add(options, "publish", "/EndpointSpec/Ports", SetOfMaps, ports);
    let networks = args.networks.as_ref();
    let networks =
        networks.map(|list| list.iter().map(|entry| network(entry, docker, system)).collect::<Result<Vec<_>, _>>());
    add(options, "networks", "/TaskTemplate/Networks", SetOfMaps, networks.transpose()?);
    add_resources(args, options);
    Ok(())
}

fn add_resources(args: &Args, options: &mut Vec<Opt>) {
    use Kind::{Map as Mapping, Set, SetOfMaps, Value as One};
    if let Some(placement) = &args.placement {
        add(options, "placement.constraints", "/TaskTemplate/Placement/Constraints", Set, &placement.constraints);
        let spread = |(_, over): (&String, &String)| json!({"Spread": {"SpreadDescriptor": over}});
        let preferences = placement.preferences.as_ref();
        let preferences = preferences.map(|list| list.iter().flatten().map(spread).collect::<Vec<_>>());
        add(options, "placement.preferences", "/TaskTemplate/Placement/Preferences", Kind::List, preferences);
        add(
            options,
            "placement.replicas_max_per_node",
            "/TaskTemplate/Placement/MaxReplicas",
            One,
            placement.replicas_max_per_node,
        );
    }
    #[allow(clippy::cast_possible_truncation, reason = "processors of any machine fit")]
    let cpus = |resources: &Option<Resources>| resources.as_ref()?.cpus.map(|cpus| (cpus.0 * 1e9).round() as i64);
    let memory = |resources: &Option<Resources>| resources.as_ref()?.memory;
    add(options, "limits.cpus", "/TaskTemplate/Resources/Limits/NanoCPUs", One, cpus(&args.limits));
    add(options, "limits.memory", "/TaskTemplate/Resources/Limits/MemoryBytes", One, memory(&args.limits));
    add(options, "reservations.cpus", "/TaskTemplate/Resources/Reservations/NanoCPUs", One, cpus(&args.reservations));
    add(
        options,
        "reservations.memory",
        "/TaskTemplate/Resources/Reservations/MemoryBytes",
        One,
        memory(&args.reservations),
    );
    if let Some(restart) = &args.restart_config {
        add(options, "restart_config.condition", "/TaskTemplate/RestartPolicy/Condition", One, &restart.condition);
        add(
            options,
            "restart_config.delay",
            "/TaskTemplate/RestartPolicy/Delay",
            One,
            restart.delay.map(|time| time.0),
        );
        add(
            options,
            "restart_config.max_attempts",
            "/TaskTemplate/RestartPolicy/MaxAttempts",
            One,
            restart.max_attempts,
        );
        add(
            options,
            "restart_config.window",
            "/TaskTemplate/RestartPolicy/Window",
            One,
            restart.window.map(|time| time.0),
        );
    }
    // Docker fills in what is not given, so that more entries do not count.
    add(options, "update_config", "/UpdateConfig", SetOfMaps, args.update_config.as_ref().map(update));
    add(options, "rollback_config", "/RollbackConfig", SetOfMaps, args.rollback_config.as_ref().map(update));
    if let Some(logging) = &args.logging {
        add(options, "logging.driver", "/TaskTemplate/LogDriver/Name", One, &logging.driver);
        add(options, "logging.options", "/TaskTemplate/LogDriver/Options", Mapping, &logging.options);
    }
}

fn update(config: &UpdateConfig) -> Value {
    without_nulls(json!({
        "Parallelism": config.parallelism,
        "Delay": config.delay.map(|time| time.0),
        "FailureAction": config.failure_action,
        "Monitor": config.monitor.map(|time| time.0),
        "MaxFailureRatio": config.max_failure_ratio,
        "Order": config.order,
    }))
}

/// `image` with the digest that its registry has for it.
fn resolve(image: &str, docker: &Docker, system: &dyn System) -> Result<String, ModuleError> {
    let name = ImageName::parse(image, "latest");
    if name.tag.contains(':') || docker.is_planned() {
        return Ok(image.to_owned());
    }
    let path = name.path().replacen("/images/", "/distribution/", 1);
    let remote = docker
        .get(system, &format!("{path}/json"))
        .map_err(|error| error.error(&format!("looking for image named {image}")))?;
    match remote.as_ref().and_then(|remote| remote["Descriptor"]["digest"].as_str()) {
        Some(digest) => Ok(format!("{}@{digest}", name.full())),
        None => Err(ModuleError::new(format!("Error looking for image named {image}: its registry does not have it"))),
    }
}

fn environment(args: &Args, system: &dyn System) -> Result<Option<Vec<String>>, ModuleError> {
    if args.env.is_none() && args.env_files.is_none() {
        return Ok(None);
    }
    let mut all = Map::new();
    let mut add_line = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        all.insert(name.to_owned(), value.into());
    };
    for path in args.env_files.iter().flat_map(|files| files.iter()) {
        let text = system.read_text(Path::new(path))?;
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).for_each(&mut add_line);
    }
    match &args.env {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => text.split(',').map(str::trim).for_each(&mut add_line),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).for_each(&mut add_line),
        Some(Value::Object(entries)) => {
            for (name, value) in entries {
                match value {
                    Value::String(value) => add_line(&format!("{name}={value}")),
                    Value::Null => add_line(&format!("{name}=")),
                    _ => {
                        let hint = "put it in quotes, or add `| string` to a template";
                        return Err(ModuleError::new(format!(
                            "Non-string value found for env option {name}: {value}; {hint}"
                        )));
                    }
                }
            }
        }
        Some(other) => return Err(ModuleError::new(format!("env must be a mapping or a list, not {other}"))),
    }
    Ok(Some(all.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect()))
}

fn mount(mount: &Mount) -> Result<Value, ModuleError> {
    let kind = mount.kind.as_deref().unwrap_or("bind");
    if mount.source.is_none() && kind != "tmpfs" && kind != "volume" {
        return Err(ModuleError::new(format!(
            "Source must be specified for mounts which are not of type tmpfs: {}",
            mount.target
        )));
    }
    let driver = mount.driver_config.as_ref().map(|driver| json!({"Name": driver.name, "Options": driver.options}));
    let some =
        |value: Value| Some(without_nulls(value)).filter(|value| value.as_object().is_some_and(|map| !map.is_empty()));
    Ok(without_nulls(json!({
        "Type": kind,
        "Source": mount.source,
        "Target": mount.target,
        "ReadOnly": mount.readonly,
        "BindOptions": some(json!({"Propagation": mount.propagation})),
        "VolumeOptions": some(json!({"NoCopy": mount.no_copy, "Labels": mount.labels, "DriverConfig": driver})),
        "TmpfsOptions": some(json!({"SizeBytes": mount.tmpfs_size, "Mode": mount.tmpfs_mode})),
    })))
}

fn reference(entry: &Reference, kind: &str, docker: &Docker, system: &dyn System) -> Result<Value, ModuleError> {
    let id = match &entry.id {
        Some(id) => Value::from(id.as_str()),
        None => {
            let path = format!("/{}s/{}", kind.to_lowercase(), encode(&entry.name));
            let found = docker.get(system, &path)?;
            match found {
                Some(found) => found["ID"].clone(),
                None if docker.is_planned() => Value::from(entry.name.as_str()),
                None => {
                    return Err(ModuleError::new(format!(
                        "Could not find a {} named {}",
                        kind.to_lowercase(),
                        entry.name
                    ))
                    .not_known_yet());
                }
            }
        }
    };
    Ok(json!({
        format!("{kind}ID"): id,
        format!("{kind}Name"): entry.name,
        "File": {
            "Name": entry.filename.as_deref().unwrap_or(&entry.name),
            "UID": entry.uid.as_ref().map_or("0", |uid| uid),
            "GID": entry.gid.as_ref().map_or("0", |gid| gid),
            "Mode": entry.mode.map_or(0o444, |mode| mode.0),
        },
    }))
}

fn network(entry: &Value, docker: &Docker, system: &dyn System) -> Result<Value, ModuleError> {
    let name = entry.as_str().or(entry["name"].as_str());
    let Some(name) = name else { return Err(ModuleError::new(format!("networks: {entry} has no name"))) };
    let unknown = entry.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    if let Some(key) = unknown.into_iter().find(|key| !matches!(*key, "name" | "aliases" | "options")) {
        return Err(ModuleError::new(format!("networks: {key} is not one of name, aliases, options")));
    }
    let found = docker.look(system, "docker_network", name, &format!("/networks/{}", encode(name)))?;
    let id = match found {
        Some(network) => network.get("Id").cloned().unwrap_or_else(|| name.into()),
        None if docker.is_planned() => name.into(),
        None => return Err(ModuleError::new(format!("Could not find a network named {name:?}."))),
    };
    let get = |key: &str| entry.get(key).cloned().filter(|value| !value.is_null());
    Ok(without_nulls(json!({"Target": id, "Aliases": get("aliases"), "DriverOpts": get("options")})))
}

impl Opt {
    /// Why the specification does not have it, if so.
    pub fn difference(&self, spec: &Value) -> Option<Difference> {
        let mut found = spec.pointer(self.place).cloned().unwrap_or_default();
        if self.name == "image"
            && let Some(image) = found.as_str()
            && self.wanted.as_str().is_some_and(|wanted| !wanted.contains('@'))
        {
            found = image.split('@').next().unwrap_or(image).into();
        }
        let equal = match (&self.wanted, &found) {
            (Value::Object(_), _) if self.kind == Kind::SetOfMaps => {
                is_equal(&json!([self.wanted]), &json!([found]), Kind::SetOfMaps, Comparison::AllowMorePresent)
            }
            (Value::Bool(false), Value::Null) => true,
            (wanted, found) => is_equal(wanted, found, self.kind, Comparison::Strict),
        };
        (!equal).then(|| Difference::new(self.name, found, self.wanted.clone()))
    }

    /// Puts it into a specification.
    pub fn put(&self, spec: &mut Value) {
        match (&self.wanted, spec.pointer(self.place)) {
            // Parts that are not given stay.
            (Value::Object(wanted), Some(Value::Object(found))) if self.kind == Kind::SetOfMaps => {
                let mut merged = found.clone();
                merged.extend(wanted.clone());
                put(spec, self.place, Value::Object(merged));
            }
            _ => put(spec, self.place, self.wanted.clone()),
        }
    }
}
