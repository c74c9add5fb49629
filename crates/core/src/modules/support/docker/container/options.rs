//! The options of a container: what is sent to make one, and what is compared with one that is there.

use super::args::{Args, CommandHandling, DefaultBehavior, LabelMismatch, Network, Rate};
use super::{mounts, ports};
use crate::module::ModuleError;
use crate::module::types::{LooseBool, StringList};
use crate::modules::support::docker::compare::{Comparison, Difference, Kind, is_equal, without_nulls};
use crate::modules::support::docker::types::{Size, Words, split_words};
use crate::system::System;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// One option.
#[derive(Debug)]
pub struct Opt {
    /// The parameter's name.
    pub name: &'static str,
    /// Where it is in what the API tells about a container; what is sent has no `/Config`.
    pub place: &'static str,
    kind: Kind,
    /// What is sent.
    pub sent: Value,
    /// What is compared.
    pub expected: Value,
    /// Sent as the keys of a mapping.
    keys: bool,
    /// It can be changed without making the container anew.
    pub updatable: bool,
    comparison: Comparison,
}

/// Collects options.
struct Options(Vec<Opt>);

impl Options {
    fn add(
        &mut self,
        name: &'static str,
        place: &'static str,
        kind: Kind,
        value: impl serde::Serialize,
    ) -> Option<&mut Opt> {
        let value = json!(value);
        if value.is_null() {
            return None;
        }
        let comparison = match kind {
            Kind::Value | Kind::List => Comparison::Strict,
            Kind::Set | Kind::SetOfMaps | Kind::Map => Comparison::AllowMorePresent,
        };
        let expected = value.clone();
        self.0.push(Opt { name, place, kind, sent: value, expected, keys: false, updatable: false, comparison });
        self.0.last_mut()
    }

    fn update(&mut self, name: &'static str, place: &'static str, value: impl serde::Serialize) {
        if let Some(option) = self.add(name, place, Kind::Value, value) {
            option.updatable = true;
        }
    }
}

/// All options that `args` gives. `image` is the image that they add to.
pub fn collect(args: &Args, image: Option<&Value>, system: &dyn System) -> Result<Vec<Opt>, ModuleError> {
    let mut options = Options(Vec::new());
    add_process(args, image, system, &mut options)?;
    add_rights(args, &mut options);
    add_limits(args, &mut options)?;
    add_networking(args, image, &mut options)?;
    add_storage(args, image, system, &mut options)?;
    set_comparisons(args, &mut options.0)?;
    Ok(options.0)
}

fn add_process(
    args: &Args,
    image: Option<&Value>,
    system: &dyn System,
    options: &mut Options,
) -> Result<(), ModuleError> {
    use Kind::{List, Map as Mapping, Set, Value as One};
    let config = image.map_or(&Value::Null, |image| &image["Config"]);
    let old = args.container_default_behavior == DefaultBehavior::Compatibility;
    let or_no = |given: Option<LooseBool>| given.or_else(|| old.then_some(LooseBool(false)));
    let command = words(args, args.command.as_ref())?;
    if let Some(option) = options.add("command", "/Config/Cmd", List, command)
        && option.expected == json!([])
    {
        option.expected = config["Cmd"].clone();
    }
    options.add("entrypoint", "/Config/Entrypoint", List, words(args, args.entrypoint.as_ref())?);
    if let Some(environment) = environment(args, system)? {
        let sent: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let inherited = config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let kept = inherited.filter(|line| !environment.contains_key(line.split('=').next().unwrap_or_default()));
        let expected: Vec<String> = kept.map(str::to_owned).chain(sent.iter().cloned()).collect();
        if let Some(option) = options.add("env", "/Config/Env", Set, sent) {
            option.expected = json!(expected);
        }
    }
    if let Some(option) = options.add("labels", "/Config/Labels", Mapping, &args.labels)
        && args.image_label_mismatch == LabelMismatch::Ignore
    {
        let mut expected = config["Labels"].as_object().cloned().unwrap_or_default();
        expected.extend(option.sent.as_object().cloned().unwrap_or_default());
        option.expected = Value::Object(expected);
    }
    options.add("hostname", "/Config/Hostname", One, &args.hostname);
    options.add("domainname", "/Config/Domainname", One, &args.domainname);
    options.add("user", "/Config/User", One, &args.user);
    options.add("groups", "/HostConfig/GroupAdd", Set, &args.groups);
    options.add("working_dir", "/Config/WorkingDir", One, &args.working_dir);
    options.add("interactive", "/Config/OpenStdin", One, or_no(args.interactive));
    options.add("detach", "/detach", One, args.detach.or_else(|| old.then_some(LooseBool(true))));
    options.add("tty", "/Config/Tty", One, or_no(args.tty));
    options.add("init", "/HostConfig/Init", One, or_no(args.init));
    options.add("auto_remove", "/HostConfig/AutoRemove", One, or_no(args.auto_remove));
    options.add("stop_signal", "/Config/StopSignal", One, &args.stop_signal);
    options.add("stop_timeout", "/Config/StopTimeout", One, args.stop_timeout);
    options.update("restart_policy", "/HostConfig/RestartPolicy/Name", args.restart_policy);
    options.update("restart_retries", "/HostConfig/RestartPolicy/MaximumRetryCount", args.restart_retries);
    options.add(
        "healthcheck",
        "/Config/Healthcheck",
        Mapping,
        args.healthcheck.as_ref().map(super::args::Healthcheck::wanted),
    );
    options.add("log_driver", "/HostConfig/LogConfig/Type", One, &args.log_driver);
    if args.log_options.is_some() && args.log_driver.is_none() {
        return Err(ModuleError::new("missing parameter(s) required by 'log_options': log_driver"));
    }
    options.add("log_options", "/HostConfig/LogConfig/Config", Mapping, &args.log_options);
    options.add("runtime", "/HostConfig/Runtime", One, &args.runtime);
    options.add("privileged", "/HostConfig/Privileged", One, or_no(args.privileged));
    options.add("read_only", "/HostConfig/ReadonlyRootfs", One, or_no(args.read_only));
    let memory = args.memory.or_else(|| old.then_some(Size(0)));
    options.update("memory", "/HostConfig/Memory", memory);
    Ok(())
}

fn add_rights(args: &Args, options: &mut Options) {
    use Kind::{List, Set, SetOfMaps, Value as One};
    options.add("capabilities", "/HostConfig/CapAdd", Set, &args.capabilities);
    options.add("cap_drop", "/HostConfig/CapDrop", Set, &args.cap_drop);
    options.add("security_opts", "/HostConfig/SecurityOpt", Set, &args.security_opts);
    options.add("cgroup_parent", "/HostConfig/CgroupParent", One, &args.cgroup_parent);
    options.add("cgroupns_mode", "/HostConfig/CgroupnsMode", One, &args.cgroupns_mode);
    options.add("ipc_mode", "/HostConfig/IpcMode", One, &args.ipc_mode);
    options.add("pid_mode", "/HostConfig/PidMode", One, &args.pid_mode);
    options.add("userns_mode", "/HostConfig/UsernsMode", One, &args.userns_mode);
    options.add("uts", "/HostConfig/UTSMode", One, &args.uts);
    options.add("device_cgroup_rules", "/HostConfig/DeviceCgroupRules", List, &args.device_cgroup_rules);
    let devices = args.devices.as_ref().map(|devices| {
        devices.iter().map(|device| {
        let mut parts = device.split(':');
        let host = parts.next().unwrap_or_default();
        let container = parts.next().unwrap_or(host);
        json!({"PathOnHost": host, "PathInContainer": container, "CgroupPermissions": parts.next().unwrap_or("rwm")})
    }).collect::<Vec<_>>()
    });
    options.add("devices", "/HostConfig/Devices", SetOfMaps, devices);
    let requests = args.device_requests.as_ref().map(|requests| {
        requests
            .iter()
            .map(|request| {
                without_nulls(json!({
                    "Driver": request.driver,
                    "Count": request.count,
                    "DeviceIDs": request.device_ids,
                    "Capabilities": request.capabilities,
                    "Options": request.options,
                }))
            })
            .collect::<Vec<_>>()
    });
    options.add("device_requests", "/HostConfig/DeviceRequests", SetOfMaps, requests);
    let rates = |rates: &Option<Vec<Rate>>| {
        rates
            .as_ref()
            .map(|rates| rates.iter().map(|rate| json!({"Path": rate.path, "Rate": rate.rate})).collect::<Vec<_>>())
    };
    options.add("device_read_bps", "/HostConfig/BlkioDeviceReadBps", SetOfMaps, rates(&args.device_read_bps));
    options.add("device_write_bps", "/HostConfig/BlkioDeviceWriteBps", SetOfMaps, rates(&args.device_write_bps));
    options.add("device_read_iops", "/HostConfig/BlkioDeviceReadIOps", SetOfMaps, rates(&args.device_read_iops));
    options.add("device_write_iops", "/HostConfig/BlkioDeviceWriteIOps", SetOfMaps, rates(&args.device_write_iops));
}

fn add_limits(args: &Args, options: &mut Options) -> Result<(), ModuleError> {
    use Kind::{Map as Mapping, SetOfMaps, Value as One};
    options.update("memory_reservation", "/HostConfig/MemoryReservation", args.memory_reservation);
    options.update("memory_swap", "/HostConfig/MemorySwap", args.memory_swap);
    options.update("kernel_memory", "/HostConfig/KernelMemory", args.kernel_memory);
    options.update("blkio_weight", "/HostConfig/BlkioWeight", args.blkio_weight);
    options.update("cpu_period", "/HostConfig/CpuPeriod", args.cpu_period);
    options.update("cpu_quota", "/HostConfig/CpuQuota", args.cpu_quota);
    options.update("cpu_shares", "/HostConfig/CpuShares", args.cpu_shares);
    options.update("cpuset_cpus", "/HostConfig/CpusetCpus", &args.cpuset_cpus);
    options.update("cpuset_mems", "/HostConfig/CpusetMems", &args.cpuset_mems);
    #[allow(clippy::cast_possible_truncation, reason = "processors of any machine fit")]
    options.add("cpus", "/HostConfig/NanoCpus", One, args.cpus.map(|cpus| (cpus.0 * 1e9).round() as i64));
    options.add("memory_swappiness", "/HostConfig/MemorySwappiness", One, args.memory_swappiness);
    options.add("oom_killer", "/HostConfig/OomKillDisable", One, args.oom_killer);
    options.add("oom_score_adj", "/HostConfig/OomScoreAdj", One, args.oom_score_adj);
    options.add("pids_limit", "/HostConfig/PidsLimit", One, args.pids_limit);
    options.add("shm_size", "/HostConfig/ShmSize", One, args.shm_size);
    options.add("sysctls", "/HostConfig/Sysctls", Mapping, &args.sysctls);
    options.add("storage_opts", "/HostConfig/StorageOpt", Mapping, &args.storage_opts);
    let limit = |limit: &String| {
        let parts: Vec<&str> = limit.split(':').collect();
        let number = |text: &str| text.parse::<i64>().ok();
        let found = match parts.as_slice() {
            [name, soft] => number(soft).map(|soft| (name, soft, soft)),
            [name, soft, hard] => number(soft).zip(number(hard)).map(|(soft, hard)| (name, soft, hard)),
            _ => None,
        };
        found
            .map(|(name, soft, hard)| json!({"Name": name, "Soft": soft, "Hard": hard}))
            .ok_or_else(|| ModuleError::new(format!("ulimits: {limit:?} is not NAME:SOFT or NAME:SOFT:HARD")))
    };
    let limits = args.ulimits.as_ref().map(|limits| limits.iter().map(limit).collect::<Result<Vec<_>, _>>());
    options.add("ulimits", "/HostConfig/Ulimits", SetOfMaps, limits.transpose()?);
    Ok(())
}

fn add_networking(args: &Args, image: Option<&Value>, options: &mut Options) -> Result<(), ModuleError> {
    use Kind::{List, Map as Mapping, Set, Value as One};
    options.add("dns_servers", "/HostConfig/Dns", List, &args.dns_servers);
    options.add("dns_opts", "/HostConfig/DnsOptions", Set, &args.dns_opts);
    options.add("dns_search_domains", "/HostConfig/DnsSearch", List, &args.dns_search_domains);
    let hosts = args.etc_hosts.as_ref();
    let hosts =
        hosts.map(|hosts| hosts.0.iter().map(|(name, address)| format!("{name}:{address}")).collect::<Vec<_>>());
    options.add("etc_hosts", "/HostConfig/ExtraHosts", Set, hosts);
    options.add("mac_address", "/Config/MacAddress", One, args.mac_address.as_ref().map(|mac| mac.replace('-', ":")));
    let parts =
        |link: &String| link.split_once(':').map_or((link.clone(), link.clone()), |(a, b)| (a.into(), b.into()));
    let links: Option<Vec<_>> = args.links.as_ref().map(|links| links.iter().map(parts).collect());
    let sent = links.as_ref().map(|links| links.iter().map(|(to, alias)| format!("{to}:{alias}")).collect::<Vec<_>>());
    if let (Some(option), Some(links)) = (options.add("links", "/HostConfig/Links", Set, sent), links) {
        let expected = links.iter().map(|(to, alias)| format!("/{to}:/{}/{alias}", args.name));
        option.expected = json!(expected.collect::<Vec<_>>());
    }
    options.add("network_mode", "/HostConfig/NetworkMode", One, network_mode(args));
    options.add("publish_all_ports", "/HostConfig/PublishAllPorts", One, args.publish_all_ports);
    let mut exposed = match &args.exposed_ports {
        Some(exposed) => ports::exposed(exposed)?,
        None => Default::default(),
    };
    if let Some(published) = &args.published_ports {
        let bindings = ports::bindings(published, args.default_host_ip.as_deref().unwrap_or("0.0.0.0"))?;
        exposed.extend(bindings.keys().cloned());
        options.add("published_ports", "/HostConfig/PortBindings", Mapping, bindings);
    }
    if args.exposed_ports.is_some() || args.published_ports.is_some() {
        let inherited = image.and_then(|image| image["Config"]["ExposedPorts"].as_object()).into_iter().flatten();
        let expected: Vec<_> = inherited.map(|(port, _)| port.clone()).chain(exposed.iter().cloned()).collect();
        if let Some(option) = options.add("exposed_ports", "/Config/ExposedPorts", Set, exposed) {
            (option.keys, option.expected) = (true, json!(expected));
        }
    }
    Ok(())
}

fn add_storage(
    args: &Args,
    image: Option<&Value>,
    system: &dyn System,
    options: &mut Options,
) -> Result<(), ModuleError> {
    use Kind::{Map as Mapping, Set, SetOfMaps, Value as One};
    options.add("mounts", "/HostConfig/Mounts", SetOfMaps, mounts::mounts(args)?);
    if let Some(volumes) = &args.volumes {
        let (binds, targets) = mounts::volumes(volumes, system)?;
        options.add("volumes", "/HostConfig/Binds", Set, binds);
        let inherited = image.and_then(|image| image["Config"]["Volumes"].as_object()).into_iter().flatten();
        let expected: Vec<_> = inherited.map(|(target, _)| target.clone()).chain(targets.iter().cloned()).collect();
        if let Some(option) = options.add("volumes", "/Config/Volumes", Set, targets) {
            (option.keys, option.expected) = (true, json!(expected));
        }
    }
    options.add("volumes_from", "/HostConfig/VolumesFrom", Set, &args.volumes_from);
    options.add("volume_driver", "/HostConfig/VolumeDriver", One, &args.volume_driver);
    let tmpfs = |list: &StringList| {
        let entries = list.iter().map(|entry| entry.split_once(':').unwrap_or((entry, "")));
        entries.map(|(target, options)| (target.to_owned(), Value::from(options))).collect::<Map<_, _>>()
    };
    options.add("tmpfs", "/HostConfig/Tmpfs", Mapping, args.tmpfs.as_ref().map(tmpfs));
    Ok(())
}

fn words(args: &Args, given: Option<&Words>) -> Result<Option<Vec<String>>, ModuleError> {
    match (given, args.command_handling) {
        (Some(words), CommandHandling::Correct) => Ok(Some(words.0.clone())),
        (Some(words), CommandHandling::Compatibility) if !words.0.is_empty() => {
            split_words(&words.0.join(" ")).map(Some).map_err(ModuleError::new)
        }
        _ => Ok(None),
    }
}

fn environment(args: &Args, system: &dyn System) -> Result<Option<BTreeMap<String, String>>, ModuleError> {
    if args.env.is_none() && args.env_file.is_none() {
        return Ok(None);
    }
    let mut environment = BTreeMap::new();
    if let Some(path) = &args.env_file {
        let text = system.read_text(Path::new(path))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        environment.extend(lines.map(|line| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.to_owned(), value.to_owned())
        }));
    }
    let given = args.env.iter().flat_map(|env| &env.0);
    environment.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    Ok(Some(environment))
}

/// The network mode: the first network if none is given.
pub fn network_mode(args: &Args) -> Option<String> {
    let first = || args.networks.as_ref()?.first().map(|network| network.name.clone());
    let compatible = args.networks_cli_compatible.is_none_or(|compatible| compatible.0);
    args.network_mode.clone().or_else(|| first().filter(|_| compatible))
}

fn set_comparisons(args: &Args, options: &mut [Opt]) -> Result<(), ModuleError> {
    // Stopping faster is no reason to make a container anew.
    for option in options.iter_mut().filter(|option| option.name == "stop_timeout") {
        option.comparison = Comparison::Ignore;
    }
    match args.comparisons.get("*") {
        None => {}
        Some(Comparison::AllowMorePresent) => {
            return Err(ModuleError::new("comparisons: `*` can only be strict or ignore"));
        }
        Some(comparison) => options.iter_mut().for_each(|option| option.comparison = *comparison),
    }
    for (given, comparison) in args.comparisons.iter().filter(|(given, _)| given.as_str() != "*") {
        let name = match given.as_str() {
            "ports" => "published_ports",
            "exposed" | "expose" => "exposed_ports",
            "log_opt" => "log_options",
            other => other,
        };
        for option in options.iter_mut().filter(|option| option.name == name) {
            if option.kind == Kind::Value && *comparison == Comparison::AllowMorePresent {
                return Err(ModuleError::new(format!(
                    "comparisons: {given} is one value and cannot be allow_more_present"
                )));
            }
            option.comparison = *comparison;
        }
    }
    Ok(())
}

impl Opt {
    /// What the container has.
    fn found(&self, container: &Value) -> Value {
        let config = &container["Config"];
        let found = match self.name {
            "detach" => json!(!(config["AttachStdout"] == true && config["AttachStderr"] == true)),
            _ => container.pointer(self.place).cloned().unwrap_or_default(),
        };
        match (self.kind, &found) {
            (Kind::Set, Value::Object(entries)) => json!(entries.keys().collect::<Vec<_>>()),
            (Kind::Map, Value::Null) if self.name == "healthcheck" => json!({"Test": ["NONE"]}),
            _ => found,
        }
    }

    /// Why the container does not have it, if so.
    pub fn difference(&self, container: &Value) -> Option<Difference> {
        let found = self.found(container);
        let default_network = self.name == "network_mode" && self.expected == "default" && found == "bridge";
        // Docker leaves out switches that are off.
        let off = self.kind == Kind::Value && self.expected == false && found.is_null();
        let equal = default_network || off || is_equal(&self.expected, &found, self.kind, self.comparison);
        // Docker has its own order of what has none.
        let shown = |value: Value| match value {
            Value::Array(mut items) if self.kind == Kind::Set => {
                items.sort_by_key(Value::to_string);
                Value::Array(items)
            }
            other => other,
        };
        (!equal).then(|| Difference::new(self.name, shown(found), shown(self.expected.clone())))
    }
}

/// What is sent to make a container.
pub fn body(args: &Args, options: &[Opt], image: &str) -> Value {
    let mut body = json!({"Image": image, "HostConfig": {}});
    let attach = !options.iter().any(|option| option.name == "detach" && option.sent == true);
    for name in ["AttachStdout", "AttachStderr"] {
        body[name] = attach.into();
    }
    let interactive = args.interactive.is_some_and(|interactive| interactive.0);
    body["AttachStdin"] = (attach && interactive).into();
    body["StdinOnce"] = (attach && interactive).into();
    for option in options.iter().filter(|option| option.name != "detach") {
        let keys = option.sent.as_array().filter(|_| option.keys);
        let value = keys.map_or_else(
            || option.sent.clone(),
            |keys| keys.iter().filter_map(Value::as_str).map(|key| (key.to_owned(), json!({}))).collect(),
        );
        put(&mut body, option.place.strip_prefix("/Config").unwrap_or(option.place), value);
    }
    body
}

/// What `POST /containers/ID/update` is to change.
pub fn update(options: &[Opt]) -> Value {
    let mut body = json!({});
    for option in options.iter().filter(|option| option.updatable) {
        put(&mut body, option.place.strip_prefix("/HostConfig").unwrap_or(option.place), option.sent.clone());
    }
    body
}

/// Sets what is at a JSON pointer, making the mappings on the way.
pub fn put(target: &mut Value, place: &str, value: Value) {
    let mut current = target;
    for part in place.split('/').skip(1) {
        current = &mut current[part];
    }
    *current = value;
}

/// The container's place in a network, as the API has it.
pub fn endpoint(network: &Network) -> Value {
    let links = network.links.as_ref().map(|links| {
        links
            .iter()
            .map(|link| match link.contains(':') {
                true => link.clone(),
                false => format!("{link}:{link}"),
            })
            .collect::<Vec<_>>()
    });
    let addresses = without_nulls(json!({"IPv4Address": network.ipv4_address, "IPv6Address": network.ipv6_address}));
    without_nulls(json!({
        "IPAMConfig": Some(addresses).filter(|map| map.as_object().is_some_and(|map| !map.is_empty())),
        "Links": links,
        "Aliases": network.aliases,
        "MacAddress": network.mac_address.as_ref().map(|mac| mac.replace('-', ":")),
        "DriverOpts": network.driver_opts,
        "GwPriority": network.gw_priority,
    }))
}

/// Whether a connection that is there is as wanted.
pub fn is_connected(wanted: &Value, found: &Value) -> bool {
    let more = Comparison::AllowMorePresent;
    let same = |name: &str| {
        let (wanted, found) = (&wanted["IPAMConfig"][name], &found["IPAMConfig"][name]);
        wanted.is_null() || wanted == found
    };
    same("IPv4Address")
        && same("IPv6Address")
        && is_equal(&wanted["Aliases"], &found["Aliases"], Kind::Set, more)
        && is_equal(&wanted["Links"], &found["Links"], Kind::Set, more)
        && (wanted["MacAddress"].is_null() || wanted["MacAddress"] == found["MacAddress"])
}
