//! Docker's images: pulled, built, loaded, named, pushed, removed. Answers to `community.docker.docker_image`.
//!
//! Deviations: the context of a build is put together in memory.

use super::support::docker::compare::{Difference, show};
use super::support::docker::image::{ImageName, KIND, all_credentials};
use super::support::docker::types::{Refused, Size, TextMap};
use super::support::docker::{Docker, context, docker_args, encode};
use crate::module::types::{LooseBool, LooseInt, LooseString, StringList};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::{HttpBody, System};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// The module.
pub struct DockerImage;

docker_args! {
    /// An image.
    pub struct Args {
        /// Name of the image, with registry and tag if needed, or its id.
        pub name: String,
        /// Tag, where the name has none.
        #[serde(default = "latest")]
        pub tag: LooseString,
        /// What is wanted of it.
        #[serde(default)]
        pub state: State,
        /// Where it comes from. Must be given for `state: present`.
        #[serde(default)]
        pub source: Option<Source>,
        /// How to build it.
        #[serde(default)]
        pub build: Option<Build>,
        /// How to pull it.
        #[serde(default)]
        pub pull: Option<Pull>,
        /// Archive on the host to load it from.
        #[serde(default)]
        pub load_path: Option<String>,
        /// Not supported: write the image to an archive.
        #[serde(default)]
        pub archive_path: Refused,
        /// Build, pull or load it even if it is there.
        #[serde(default)]
        pub force_source: LooseBool,
        /// Remove it even if containers or other names use it.
        #[serde(default)]
        pub force_absent: LooseBool,
        /// Give it the name `repository` even if another image has it.
        #[serde(default)]
        pub force_tag: LooseBool,
        /// Further name to give it.
        #[serde(default)]
        pub repository: Option<String>,
        /// Push it to its registry: under the name `repository`, if that is given.
        #[serde(default)]
        pub push: LooseBool,
    }
}

default_args!(name);

fn latest() -> LooseString {
    "latest".into()
}

/// What is wanted of an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
}

/// Where an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A Dockerfile.
    Build,
    /// An archive.
    Load,
    /// A registry.
    Pull,
    /// It must be there.
    Local,
}

/// How to pull an image.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// Platform such as `linux/arm64`.
    #[serde(default)]
    platform: Option<String>,
}

/// How to build an image.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Folder on the host with what the build needs.
    path: String,
    /// Name of the Dockerfile, seen from `path`.
    #[serde(default)]
    dockerfile: Option<String>,
    /// Values for the Dockerfile's `ARG`.
    #[serde(default)]
    args: Option<TextMap>,
    /// Images whose layers may be used.
    #[serde(default)]
    cache_from: Option<StringList>,
    /// Limits for the containers that build.
    #[serde(default)]
    container_limits: Option<Limits>,
    /// Names for `/etc/hosts` of the containers that build, with their addresses.
    #[serde(default)]
    etc_hosts: Option<TextMap>,
    /// Seconds to wait for the next sign of progress; as long as it takes if not given.
    #[serde(default)]
    http_timeout: Option<LooseInt>,
    /// Labels.
    #[serde(default)]
    labels: Option<TextMap>,
    /// Network of the containers that build.
    #[serde(default)]
    network: Option<String>,
    /// Use no layers of earlier builds.
    #[serde(default)]
    nocache: LooseBool,
    /// Platform such as `linux/arm64`.
    #[serde(default)]
    platform: Option<String>,
    /// Ask the registry for newer images to build on.
    #[serde(default)]
    pull: LooseBool,
    /// Remove the containers that built.
    #[serde(default = "LooseBool::yes")]
    rm: LooseBool,
    /// Size of `/dev/shm` of the containers that build.
    #[serde(default)]
    shm_size: Option<Size>,
    /// Stage of the Dockerfile to stop at.
    #[serde(default)]
    target: Option<String>,
    /// Not supported: pass on the proxies of Docker's configuration.
    #[serde(default)]
    use_config_proxy: Refused,
}

/// Limits for the containers that build.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Memory.
    #[serde(default)]
    memory: Option<Size>,
    /// Memory and swap; `-1` is no limit.
    #[serde(default)]
    memswap: Option<Size>,
    /// Share of the processors.
    #[serde(default)]
    cpushares: Option<LooseInt>,
    /// Processors, such as `0-3`.
    #[serde(default)]
    cpusetcpus: Option<LooseString>,
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// What was done.
    actions: Vec<String>,
    /// What Docker knows of the image; nothing if it is not there.
    image: Value,
    /// What the build said.
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<String>,
    /// False if fetching or building again found nothing new.
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<bool>,
}

/// What has to be done, in this order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Change {
    name: String,
    /// Fetch it from here.
    source: Option<Source>,
    /// Its id until now.
    old: Option<String>,
    /// Give it this name.
    tag: Option<String>,
    /// Push this name.
    push: Option<String>,
    remove: bool,
    differences: Vec<Difference>,
}

impl Module for DockerImage {
    const NAME: &'static str = "community.docker.docker_image";
    const ALIASES: &'static [&'static str] = &["community.general.docker_image"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        validate(args)?;
        let docker = Docker::open(args.connection(), system)?;
        let name = ImageName::parse(&args.name, &args.tag);
        let existing = name.look(&docker, system)?;
        let mut change = Change { name: name.full(), ..Change::default() };
        change.old = existing.as_ref().and_then(|image| image["Id"].as_str()).map(str::to_owned);
        let mut output = Output { image: existing.clone().unwrap_or_else(|| json!({})), ..Output::default() };
        if args.state == State::Absent {
            change.remove = existing.is_some();
            change.differences.push(Difference::new("exists", true, false));
            return Ok(if change.remove { Checked::changed(output, change) } else { Checked::unchanged(output) });
        }
        if existing.is_none() || args.force_source.0 {
            change.source = args.source.filter(|source| *source != Source::Local);
            if args.source == Some(Source::Local) && existing.is_none() {
                return Err(ModuleError::new(format!("Cannot find the image {} locally.", name.full())));
            }
            if change.source.is_some() {
                output.actions.push(describe(args, &name));
                let before = change.old.clone().map_or(Value::from(false), Value::from);
                change.differences.push(Difference::new("exists", before, true));
            }
        }
        plan_tag(args, &docker, system, &mut change, &mut output)?;
        let nothing = change.source.is_none() && change.tag.is_none() && change.push.is_none();
        Ok(if nothing { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let name = ImageName::parse(&args.name, &args.tag);
        let mut output = Output::default();
        if change.remove {
            let path = format!("{}?force={}", name.path(), args.force_absent.0);
            docker.delete(system, &path).map_err(|error| error.error(&format!("removing image {}", change.name)))?;
            output.actions.push(format!("Removed image {}", change.name));
            output.image = json!({"state": "Deleted"});
            return Ok(output);
        }
        if change.source.is_some() {
            output.actions.push(describe(args, &name));
        }
        match change.source {
            Some(Source::Build) => output.stdout = Some(build(args, &docker, system, &name)?),
            Some(Source::Pull) => {
                let platform = args.pull.as_ref().and_then(|pull| pull.platform.as_deref());
                name.pull(&docker, system, platform)?;
            }
            Some(Source::Load) => load(args, &docker, system, &name)?,
            Some(Source::Local) | None => {}
        }
        let image = docker.get(system, &format!("{}/json", name.path()))?;
        let Some(image) = image else {
            return Err(ModuleError::new(format!(
                "there is no image {} after {}",
                change.name,
                output.actions.join(", ")
            )));
        };
        let mut changed = change.source.is_none() || change.old.as_deref() != image["Id"].as_str();
        output.image = image;
        if let Some(repository) = &change.tag {
            let target = ImageName::parse(repository, &args.tag);
            let path = format!("{}/tag?repo={}&tag={}", name.path(), encode(&target.repository), encode(&target.tag));
            docker.command(system, &path).map_err(|error| error.error(&format!("tagging image as {repository}")))?;
            output.actions.push(format!("Tagged image {} to {}", change.name, target.full()));
            changed = true;
        }
        if let Some(repository) = &change.push {
            let target = ImageName::parse(repository, &args.tag);
            let sent = target.push(&docker, system)?;
            output.actions.push(format!("Pushed image {}", target.full()));
            changed = (changed && change.source.is_some()) || change.tag.is_some() || sent;
        }
        output.changed = Some(changed);
        Ok(output)
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if change.remove {
            system.set_resource(KIND, &change.name, Value::Null);
            return Ok(Simulated::known(Output { image: json!({"state": "Deleted"}), ..Output::default() }));
        }
        if change.source.is_some() {
            system.set_resource(KIND, &change.name, json!({"RepoTags": [change.name], "Config": {}}));
        }
        if let Some(repository) = &change.tag {
            let name = ImageName::parse(repository, &args.tag).full();
            system.set_resource(KIND, &name, json!({"RepoTags": [name], "Config": {}, "TagOf": change.name}));
        }
        Ok(Simulated::with_unknown(Output::default(), &["image", "actions", "stdout"]))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        show(&format!("image {}", change.name), &change.differences)
    }
}

fn validate(args: &Args) -> Result<(), ModuleError> {
    if args.state == State::Absent {
        return Ok(());
    }
    match args.source {
        None => Err(ModuleError::new("state is present but all of the following are missing: source")),
        Some(Source::Build) if args.build.is_none() => {
            Err(ModuleError::new("source is build but all of the following are missing: build"))
        }
        Some(Source::Load) if args.load_path.is_none() => {
            Err(ModuleError::new("source is load but all of the following are missing: load_path"))
        }
        Some(_) => Ok(()),
    }
}

fn describe(args: &Args, name: &ImageName) -> String {
    match args.source {
        Some(Source::Build) => {
            let path = args.build.as_ref().map_or("", |build| build.path.as_str());
            format!("Built image {} from {path}", name.full())
        }
        Some(Source::Load) => {
            format!("Loaded image {} from {}", name.full(), args.load_path.as_deref().unwrap_or_default())
        }
        _ => format!("Pulled image {}", name.full()),
    }
}

/// Whether another name is to be given, and which one is to be pushed.
fn plan_tag(
    args: &Args,
    docker: &Docker,
    system: &dyn System,
    change: &mut Change,
    output: &mut Output,
) -> Result<(), ModuleError> {
    if args.push.0 {
        change.push = Some(args.repository.clone().unwrap_or_else(|| args.name.clone()));
    }
    let Some(repository) = &args.repository else { return Ok(()) };
    let target = ImageName::parse(repository, &args.tag);
    let tagged = target.look(docker, system)?;
    let id = tagged.as_ref().and_then(|image| image["Id"].as_str());
    let same = match &tagged {
        Some(image) if image.get("TagOf").is_some() => image["TagOf"] == change.name.as_str(),
        Some(_) => id.is_some() && id == change.old.as_deref() && change.source.is_none(),
        None => false,
    };
    if tagged.is_none() || (args.force_tag.0 && !same) {
        change.tag = Some(repository.clone());
        output.actions.push(format!("Tagged image {} to {}", change.name, target.full()));
        let before = id.map_or(Value::Null, Value::from);
        change.differences.push(Difference::new(format!("tag {}", target.full()), before, change.name.as_str()));
    }
    Ok(())
}

fn build(args: &Args, docker: &Docker, system: &mut dyn System, name: &ImageName) -> Result<String, ModuleError> {
    let Some(build) = &args.build else { return Err(ModuleError::new("missing required arguments: build")) };
    let folder = context::folder(system, &build.path);
    let (archive, dockerfile) = context::archive(system, &folder, build.dockerfile.as_deref())?;
    let limits = build.container_limits.clone().unwrap_or_default();
    let hosts = build.etc_hosts.iter().flat_map(|hosts| &hosts.0).map(|(host, address)| format!("{host}:{address}"));
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let list = |value: Option<Value>| value.map(|value| value.to_string());
    let parameters = [
        ("t", Some(name.full())),
        ("dockerfile", Some(dockerfile)),
        ("nocache", Some(build.nocache.0.to_string())),
        ("rm", Some(build.rm.0.to_string())),
        ("pull", build.pull.0.then(|| "true".to_owned())),
        ("forcerm", Some(build.rm.0.to_string())),
        ("buildargs", list(build.args.as_ref().map(|args| json!(args)))),
        ("labels", list(build.labels.as_ref().map(|labels| json!(labels)))),
        ("cachefrom", list(build.cache_from.as_ref().map(|images| json!(images)))),
        ("extrahosts", build.etc_hosts.as_ref().map(|_| hosts.collect::<Vec<_>>().join(","))),
        ("networkmode", build.network.clone()),
        ("platform", build.platform.clone()),
        ("target", build.target.clone()),
        ("shmsize", number(build.shm_size.map(|size| size.0))),
        ("memory", number(limits.memory.map(|size| size.0))),
        ("memswap", number(limits.memswap.map(|size| size.0))),
        ("cpushares", number(limits.cpushares.map(|shares| shares.0))),
        ("cpusetcpus", limits.cpusetcpus.map(|cpus| cpus.0)),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))));
    let path = format!("/build?{}", given.collect::<Vec<_>>().join("&"));
    let mut headers = vec![("Content-Type".to_owned(), "application/x-tar".to_owned())];
    headers.extend(all_credentials(system));
    let timeout = build.http_timeout.and_then(|seconds| u64::try_from(seconds.0).ok()).map(Duration::from_secs);
    let lines = docker
        .stream(system, &path, headers, HttpBody::Bytes(archive), timeout)
        .map_err(|error| error.error(&format!("building {}", name.full())))?;
    Ok(lines.iter().filter_map(|line| line["stream"].as_str()).collect())
}

fn load(args: &Args, docker: &Docker, system: &mut dyn System, name: &ImageName) -> Result<(), ModuleError> {
    let path = context::folder(system, args.load_path.as_deref().unwrap_or_default());
    let archive = system.read(&path)?;
    let headers = vec![("Content-Type".to_owned(), "application/x-tar".to_owned())];
    let lines = docker
        .stream(system, "/images/load?quiet=1", headers, HttpBody::Bytes(archive), None)
        .map_err(|error| error.error(&format!("loading image {}", name.full())))?;
    let said: Vec<&str> = lines.iter().filter_map(|line| line["stream"].as_str()).map(str::trim).collect();
    let full = name.full();
    if said
        .iter()
        .any(|line| line.strip_prefix("Loaded image: ").or(line.strip_prefix("Loaded image ID: ")) == Some(&full))
    {
        return Ok(());
    }
    let message = format!("the archive {} does not contain the image {full}: {}", path.display(), said.join("; "));
    Err(ModuleError::new(message))
}
