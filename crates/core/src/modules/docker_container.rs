//! Docker's containers. Answers to `community.docker.docker_container`.
//!
//! Deviations: with `pull: always` a plan asks the registry whether there is a newer image,
//! and where it does not answer says that the image would be pulled.

use super::support::docker::compare::{Comparison, Difference, show};
use super::support::docker::container::args::{
    Args, ImageComparison, LabelMismatch, NameMismatch, Network, Pull, State,
};
use super::support::docker::container::database;
use super::support::docker::container::options::{self, Opt};
use super::support::docker::image::ImageName;
use super::support::docker::platform::Platform;
use super::support::docker::{Docker, encode};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::{HttpBody, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The module.
pub struct DockerContainer;

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What Docker knows of the container, if it is there; with `detach: false` also its `Output`.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<Value>,
    /// Exit status of the command, with `detach: false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    /// Pulling may find nothing new.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    name: String,
    /// Fetch the image; what else has to be done shows only then.
    pull: Option<String>,
    stop: bool,
    remove: bool,
    create: Option<Value>,
    update: Option<Value>,
    /// Networks to leave.
    disconnect: Vec<String>,
    /// Networks to join, with the container's place in them.
    connect: Vec<(String, Value)>,
    start: bool,
    restart: bool,
    pause: Option<bool>,
    differences: Vec<Difference>,
}

impl Change {
    fn is_nothing(&self) -> bool {
        let moved = !self.disconnect.is_empty() || !self.connect.is_empty();
        let made = self.stop || self.remove || self.create.is_some() || self.update.is_some();
        !(self.pull.is_some() || made || moved || self.start || self.restart || self.pause.is_some())
    }
}

const KIND: &str = "docker_container";

impl Module for DockerContainer {
    const NAME: &'static str = "community.docker.docker_container";
    const ALIASES: &'static [&'static str] = &["community.general.docker_container"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let docker = Docker::open(args.connection(), system)?;
        let existing = look(args, &docker, system)?;
        let change = plan(args, &docker, system, existing.as_ref(), false)?;
        let output = Output { container: existing.filter(|_| args.state != State::Absent), ..Output::default() };
        Ok(if change.is_nothing() { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, mut change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let mut changed = true;
        if let Some(image) = &change.pull {
            let fetched = ImageName::parse(image, "latest").pull(&docker, system, args.platform.as_deref())?;
            let existing = look(args, &docker, system)?;
            change = plan(args, &docker, system, existing.as_ref(), true)?;
            changed = fetched || !change.is_nothing();
        }
        let mut output = execute(args, &docker, &change, system)?;
        if args.state == State::Healthy {
            output.container = wait_healthy(args, &docker, system)?;
        }
        output.changed = Some(changed);
        Ok(output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if args.state == State::Absent {
            system.set_resource(KIND, &args.name, Value::Null);
            return Ok(Simulated::known(Output::default()));
        }
        let docker = Docker::open(args.connection(), system)?;
        if let Some(image) = &change.pull
            && ImageName::parse(image, "latest").look(&docker, system)?.is_none()
        {
            let name = ImageName::parse(image, "latest").full();
            system.set_resource("docker_image", &name, json!({"RepoTags": [name], "Config": {}}));
        }
        let existing = look(args, &docker, system)?;
        let is_new = existing.is_none();
        let container = simulated(args, &docker, system, &change, existing)?;
        if is_new && change.start {
            database::record(&container, &docker, system)?;
        }
        system.set_resource(KIND, &args.name, container);
        Ok(Simulated::with_unknown(Output::default(), &["container", "status"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut differences = change.differences.clone();
        if let Some(image) = &change.pull {
            differences.push(Difference::new("image", Value::Null, format!("{image} pulled")));
        }
        show(&format!("container {}", change.name), &differences)
    }
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    if args.name.is_empty() {
        return Err(ModuleError::new("missing required arguments: name"));
    }
    if args.state == State::Present && args.image.is_none() {
        return Err(ModuleError::new("state is present but all of the following are missing: image"));
    }
    if args.restart_retries.is_some() && args.restart_policy.is_none() {
        return Err(ModuleError::new("missing parameter(s) required by 'restart_retries': restart_policy"));
    }
    Ok(())
}

fn path(args: &Args) -> String {
    format!("/containers/{}", encode(&args.name))
}

fn look(args: &Args, docker: &Docker, system: &dyn System) -> Result<Option<Value>, ModuleError> {
    Ok(docker.look(system, KIND, &args.name, &format!("{}/json", path(args)))?)
}

/// What has to be done about `existing`. `pulled` says that the image is as new as it gets.
fn plan(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    existing: Option<&Value>,
    pulled: bool,
) -> Result<Change, ModuleError> {
    let mut change = Change { name: args.name.clone(), ..Change::default() };
    let running = existing.is_some_and(|container| container["State"]["Running"] == true);
    if args.state == State::Absent {
        if existing.is_some() {
            (change.stop, change.remove) = (running, true);
            change.differences.push(Difference::new("exists", true, false));
        }
        return Ok(change);
    }
    let image = wanted_image(args, docker, system, pulled, &mut change)?;
    let old = args.image_comparison == ImageComparison::CurrentImage || args.image.is_none();
    let base = match (existing, old) {
        (Some(container), true) => {
            let name = ImageName::parse(container["Image"].as_str().unwrap_or_default(), "latest");
            name.look(docker, system)?.or_else(|| image.clone())
        }
        _ => image.clone(),
    };
    let mut options = options::collect(args, base.as_ref(), system)?;
    resolve_container_names(docker, system, &mut options)?;
    check_labels(args, base.as_ref())?;
    let anew = match existing {
        None => {
            change.differences.push(Difference::new("exists", false, true));
            true
        }
        Some(container) => {
            let mut found = differences(args, container, image.as_ref(), &options);
            found.extend(platform_difference(args, docker, system, container)?.map(|difference| (difference, false)));
            let anew = args.recreate.0 || found.iter().any(|(_, updatable)| !updatable);
            if !anew && !found.is_empty() {
                change.update = Some(options::update(&options));
            }
            change.differences.extend(found.into_iter().map(|(difference, _)| difference));
            if anew && change.differences.is_empty() {
                change.differences.push(Difference::new("recreate", false, true));
            }
            anew
        }
    };
    if anew {
        (change.remove, change.stop) = (existing.is_some(), running);
        let current = existing.and_then(|container| container["Config"]["Image"].as_str());
        let Some(image) = args.image.as_ref().map(|image| image.0.as_str()).or(current) else {
            return Err(ModuleError::new("Cannot create container when image is not specified!"));
        };
        change.create = Some(options::body(args, &options, image));
    }
    plan_networks(args, docker, system, existing.filter(|_| !anew), &mut change)?;
    plan_running(args, existing, running && !anew, &mut change);
    Ok(change)
}

/// The image that is wanted, if it is there; notes if it has to be pulled.
fn wanted_image(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    pulled: bool,
    change: &mut Change,
) -> Result<Option<Value>, ModuleError> {
    let Some(given) = &args.image else { return Ok(None) };
    let name = ImageName::parse(given, "latest");
    let image = name.look(docker, system)?;
    let by_id = name.tag.is_empty();
    match (&image, args.pull) {
        (None, _) if by_id => return Err(ModuleError::new(format!("Cannot find image with ID {}", given.0))),
        (None, Pull::Never) => {
            return Err(ModuleError::new(format!("Cannot find image with name {}, and pull=never", name.full())));
        }
        (None, _) if !pulled => change.pull = Some(given.0.clone()),
        // What an earlier task of a plan is going to fetch is as new as it gets.
        (Some(image), Pull::Always)
            if !pulled && !by_id && image.get("Id").is_some() && !name.is_newest(docker, system, image) =>
        {
            change.pull = Some(given.0.clone());
        }
        _ => {}
    }
    Ok(image)
}

/// `container:NAME` is compared by id.
fn resolve_container_names(docker: &Docker, system: &dyn System, options: &mut [Opt]) -> Result<(), ModuleError> {
    for option in options.iter_mut().filter(|option| matches!(option.name, "network_mode" | "ipc_mode" | "pid_mode")) {
        let name = option.sent.as_str().and_then(|mode| mode.strip_prefix("container:")).map(str::to_owned);
        let Some(name) = name else { continue };
        let found = docker.look(system, KIND, &name, &format!("/containers/{}/json", encode(&name)))?;
        if let Some(id) = found.as_ref().and_then(|container| container["Id"].as_str()) {
            option.sent = format!("container:{id}").into();
            option.expected = option.sent.clone();
        }
    }
    Ok(())
}

fn check_labels(args: &Args, image: Option<&Value>) -> Result<(), ModuleError> {
    let strict = args.comparisons.get("labels").or(args.comparisons.get("*")) == Some(&Comparison::Strict);
    if args.image_label_mismatch != LabelMismatch::Fail || !strict {
        return Ok(());
    }
    let labels = image.and_then(|image| image["Config"]["Labels"].as_object()).into_iter().flatten();
    let given = args.labels.clone().unwrap_or_default();
    let extra: Vec<_> = labels.map(|(name, _)| name.as_str()).filter(|name| !given.0.contains_key(*name)).collect();
    if extra.is_empty() {
        return Ok(());
    }
    Err(ModuleError::new(format!(
        "Some labels should be removed but are present in the base image. You can set image_label_mismatch to 'ignore' to \
         ignore this error. Labels: {}",
        extra.join(", ")
    )))
}

/// What differs, and whether it can be changed in place.
fn differences(args: &Args, container: &Value, image: Option<&Value>, options: &[Opt]) -> Vec<(Difference, bool)> {
    let mut found: Vec<(Difference, bool)> =
        options.iter().filter_map(|option| Some((option.difference(container)?, option.updatable))).collect();
    let strict = args.comparisons.get("image").or(args.comparisons.get("*")) != Some(&Comparison::Ignore);
    let id = image.map_or(&Value::Null, |image| &image["Id"]);
    if strict && !id.is_null() && !container["Image"].is_null() && *id != container["Image"] {
        found.push((Difference::new("image", container["Image"].clone(), id.clone()), false));
    }
    let name = args.image.as_ref().map(|image| image.0.as_str());
    let current = container["Config"]["Image"].as_str();
    if strict && args.image_name_mismatch == NameMismatch::Recreate && name.is_some() && name != current {
        found.push((Difference::new("image_name", current.unwrap_or_default(), name.unwrap_or_default()), false));
    }
    found
}

/// The platform, where one is asked for and the container's image was made for another.
fn platform_difference(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    container: &Value,
) -> Result<Option<Difference>, ModuleError> {
    let comparison = args.comparisons.get("platform").or(args.comparisons.get("*"));
    let Some(wanted) = args.platform.as_ref().filter(|_| comparison != Some(&Comparison::Ignore)) else {
        return Ok(None);
    };
    let name = ImageName::parse(container["Image"].as_str().unwrap_or_default(), "latest");
    // An image that only a plan has made is of the platform that was asked for.
    let Some(image) = name.look(docker, system)?.filter(|image| image["Os"].is_string()) else { return Ok(None) };
    let current = Platform::of_image(&image);
    let wanted = Platform::parse(wanted, &current);
    Ok((wanted != current).then(|| Difference::new("platform", current.to_string(), wanted.to_string())))
}

/// Networks to join and to leave. `existing` is a container that stays.
fn plan_networks(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    existing: Option<&Value>,
    change: &mut Change,
) -> Result<(), ModuleError> {
    let networks: &[Network] = args.networks.as_deref().unwrap_or_default();
    let comparison = args.comparisons.get("networks").or(args.comparisons.get("*"));
    let connected = existing.map_or(&Value::Null, |container| &container["NetworkSettings"]["Networks"]);
    for network in networks {
        let path = format!("/networks/{}", encode(&network.name));
        if docker.look(system, "docker_network", &network.name, &path)?.is_none() && !docker.is_planned() {
            let hint = "Does it exist?";
            return Err(ModuleError::new(format!(
                "Parameter error: network named {} could not be found. {hint}",
                network.name
            )));
        }
        let wanted = options::endpoint(network);
        let found = &connected[&network.name];
        if existing.is_some() && comparison == Some(&Comparison::Ignore)
            || (!found.is_null() && options::is_connected(&wanted, found))
        {
            continue;
        }
        if !found.is_null() {
            change.disconnect.push(network.name.clone());
        }
        if existing.is_some() {
            change.differences.push(Difference::new(
                format!("network.{}", network.name),
                found.clone(),
                wanted.clone(),
            ));
        }
        change.connect.push((network.name.clone(), wanted));
    }
    if comparison == Some(&Comparison::Strict) && args.networks.is_some() {
        for (name, found) in connected.as_object().into_iter().flatten() {
            if !networks.iter().any(|network| network.name == *name) {
                change.disconnect.push(name.clone());
                change.differences.push(Difference::new(format!("network.{name}"), found.clone(), Value::Null));
            }
        }
    }
    // The network of the network mode is joined by being made in it.
    if let (Some(body), Some(first)) = (&mut change.create, change.connect.first())
        && body["HostConfig"]["NetworkMode"] == first.0.as_str()
    {
        let (name, place) = change.connect.remove(0);
        body["NetworkingConfig"] = json!({"EndpointsConfig": {name: place}});
    }
    Ok(())
}

/// Whether it is to be started or stopped. `running` is a container that stays.
fn plan_running(args: &Args, existing: Option<&Value>, running: bool, change: &mut Change) {
    let started = matches!(args.state, State::Started | State::Healthy);
    let differ = |change: &mut Change, name: &str, after: bool| {
        change.differences.push(Difference::new(name, !after, after));
    };
    if started && !running {
        change.start = true;
        if existing.is_some_and(|container| container["State"]["Running"] != true) {
            differ(change, "running", true);
        }
    } else if started && args.restart.0 {
        change.restart = true;
        differ(change, "restarted", true);
    } else if args.state == State::Stopped && running {
        change.stop = true;
        differ(change, "running", false);
    }
    let paused = running && existing.is_some_and(|container| container["State"]["Paused"] == true);
    if let Some(wanted) = args.paused.filter(|wanted| started && wanted.0 != paused) {
        change.pause = Some(wanted.0);
        differ(change, "paused", wanted.0);
    }
}

fn execute(args: &Args, docker: &Docker, change: &Change, system: &mut dyn System) -> Result<Output, ModuleError> {
    let path = path(args);
    let doing = |what: &str| format!("{what} container {}", args.name);
    let timeout = args.stop_timeout.map(|seconds| format!("?t={}", seconds.0)).unwrap_or_default();
    if change.stop {
        let action = match (args.force_kill.0, &args.kill_signal) {
            (true, Some(signal)) => format!("{path}/kill?signal={}", encode(signal)),
            (true, None) => format!("{path}/kill"),
            (false, _) => format!("{path}/stop{timeout}"),
        };
        wait_for(docker, system, &action).map_err(|error| error.error(&doing("stopping")))?;
    }
    if change.remove {
        let volumes = !args.keep_volumes.is_none_or(|keep| keep.0);
        let action = format!("{path}?v={volumes}&force={}", args.force_kill.0);
        docker.delete(system, &action).map_err(|error| error.error(&doing("removing")))?;
        wait_removed(args, docker, system)?;
    }
    if args.state == State::Absent {
        return Ok(Output::default());
    }
    if let Some(body) = &change.create {
        let platform =
            args.platform.as_ref().map(|platform| format!("&platform={}", encode(platform))).unwrap_or_default();
        let action = format!("/containers/create?name={}{platform}", encode(&args.name));
        docker.post(system, &action, body).map_err(|error| error.error("creating container"))?;
    }
    if let Some(body) = &change.update {
        docker.post(system, &format!("{path}/update"), body).map_err(|error| error.error(&doing("updating")))?;
    }
    for network in &change.disconnect {
        let body = json!({"Container": args.name, "Force": false});
        docker
            .post(system, &format!("/networks/{}/disconnect", encode(network)), &body)
            .map_err(|error| error.error(&format!("disconnecting container from network {network}")))?;
    }
    for (network, place) in &change.connect {
        let body = json!({"Container": args.name, "EndpointConfig": place});
        docker
            .post(system, &format!("/networks/{}/connect", encode(network)), &body)
            .map_err(|error| error.error(&format!("connecting container to network {network}")))?;
    }
    if change.start {
        docker.command(system, &format!("{path}/start")).map_err(|error| error.error(&doing("starting")))?;
        if args.detach.is_some_and(|detach| !detach.0) {
            return attached(args, docker, system);
        }
    }
    if change.restart {
        wait_for(docker, system, &format!("{path}/restart{timeout}"))
            .map_err(|error| error.error(&doing("restarting")))?;
    }
    if let Some(pause) = change.pause {
        let action = if pause { "pause" } else { "unpause" };
        docker.command(system, &format!("{path}/{action}")).map_err(|error| error.error(&doing(action)))?;
    }
    Ok(Output { container: docker.get(system, &format!("{path}/json"))?, ..Output::default() })
}

/// Asks for something that ends when the container's command does.
fn wait_for(
    docker: &Docker,
    system: &mut dyn System,
    path: &str,
) -> Result<Vec<Value>, super::support::docker::Failure> {
    docker.stream(system, path, Vec::new(), HttpBody::Empty, None)
}

/// Waits for the command of a started container and takes its output.
fn attached(args: &Args, docker: &Docker, system: &mut dyn System) -> Result<Output, ModuleError> {
    let path = path(args);
    let ended = wait_for(docker, system, &format!("{path}/wait"))
        .map_err(|error| error.error(&format!("waiting for container {}", args.name)))?;
    let status = ended.first().and_then(|answer| answer["StatusCode"].as_i64()).unwrap_or_default();
    let removed = args.auto_remove.is_some_and(|remove| remove.0);
    let text = if removed {
        "Cannot retrieve result as auto_remove is enabled".to_owned()
    } else {
        let log = docker.get_bytes(system, &format!("{path}/logs?stdout=true&stderr=true"))?;
        let plain = args.tty.is_some_and(|tty| tty.0);
        String::from_utf8_lossy(&if plain { log } else { without_headers(&log) }).into_owned()
    };
    let mut container = docker.get(system, &format!("{path}/json"))?.unwrap_or_else(|| json!({}));
    if args.cleanup.0 && !removed {
        let volumes = !args.keep_volumes.is_none_or(|keep| keep.0);
        docker
            .delete(system, &format!("{path}?v={volumes}&force=true"))
            .map_err(|error| error.error(&format!("removing container {}", args.name)))?;
        container = json!({});
    }
    container["Output"] = text.clone().into();
    let output = Output { container: Some(container), status: Some(status), changed: Some(true) };
    if status == 0 { Ok(output) } else { Err(ModuleError::with_output(text, &output)) }
}

/// A log's bytes without the eight before each piece that name its stream and length.
fn without_headers(log: &[u8]) -> Vec<u8> {
    let (mut text, mut rest) = (Vec::new(), log);
    while let [_, 0, 0, 0, a, b, c, d, tail @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (piece, next) = tail.split_at(length.min(tail.len()));
        text.extend_from_slice(piece);
        rest = next;
    }
    text
}

fn wait_removed(args: &Args, docker: &Docker, system: &mut dyn System) -> Result<(), ModuleError> {
    let end = args.removal_wait_timeout.map(|seconds| system.now() + seconds.0);
    while docker.get(system, &format!("{}/json", path(args)))?.is_some() {
        if end.is_some_and(|end| system.now() > end) {
            return Err(ModuleError::new(format!(
                "Timeout exceeded while waiting for the removal of container {}",
                args.name
            )));
        }
        system.sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn wait_healthy(args: &Args, docker: &Docker, system: &mut dyn System) -> Result<Option<Value>, ModuleError> {
    let limit = args.healthy_wait_timeout.map_or(300.0, |seconds| seconds.0);
    let end = system.now() + limit;
    loop {
        let container = docker.get(system, &format!("{}/json", path(args)))?;
        let state = container.as_ref().and_then(|container| container["State"]["Health"]["Status"].as_str());
        // Without a check of its health it counts as healthy.
        if matches!(state, Some("healthy") | None) {
            return Ok(container);
        }
        if limit > 0.0 && system.now() > end {
            let message = format!("Timeout of {limit} seconds exceeded while waiting for container {}", args.name);
            return Err(ModuleError::new(message).field("container", container.unwrap_or_default()));
        }
        system.sleep(Duration::from_secs(1));
    }
}

/// The container as a plan's later tasks see it.
fn simulated(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    change: &Change,
    existing: Option<Value>,
) -> Result<Value, ModuleError> {
    let image = match &args.image {
        Some(image) => ImageName::parse(image, "latest").look(docker, system)?,
        None => None,
    };
    let mut container = existing.filter(|_| change.create.is_none()).unwrap_or_else(|| {
        json!({"Name": format!("/{}", args.name), "Config": {}, "HostConfig": {}, "NetworkSettings": {"Networks": {}}})
    });
    for option in options::collect(args, image.as_ref(), system)? {
        options::put(&mut container, option.place, option.expected);
    }
    if let Some(body) = &change.create {
        if container["HostConfig"]["NetworkMode"].is_null() {
            container["HostConfig"]["NetworkMode"] = "default".into();
        }
        container["Config"]["Image"] = body["Image"].clone();
        for name in ["AttachStdout", "AttachStderr"] {
            container["Config"][name] = body[name].clone();
        }
        container["Image"] = image.map(|image| image["Id"].clone()).unwrap_or_default();
        if let Some(places) = body["NetworkingConfig"]["EndpointsConfig"].as_object() {
            container["NetworkSettings"]["Networks"] = json!(places);
        }
    }
    for name in &change.disconnect {
        container["NetworkSettings"]["Networks"][name] = Value::Null;
    }
    for (name, place) in &change.connect {
        container["NetworkSettings"]["Networks"][name] = place.clone();
    }
    if change.start || change.stop || change.create.is_some() {
        container["State"] = json!({"Running": change.start, "Paused": false});
    }
    if let Some(paused) = change.pause {
        container["State"]["Paused"] = paused.into();
    }
    Ok(container)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_a_log_apart() {
        let log = [&[1, 0, 0, 0, 0, 0, 0, 3][..], b"one", &[2, 0, 0, 0, 0, 0, 0, 2], b"tw"].concat();
        assert_eq!(without_headers(&log), b"onetw");
    }
}
