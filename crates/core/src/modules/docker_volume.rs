//! Docker's volumes. Answers to `community.docker.docker_volume`.

use super::support::docker::compare::{Difference, show};
use super::support::docker::types::{StringMap, TextMap};
use super::support::docker::{Docker, docker_args, encode};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The module.
pub struct DockerVolume;

docker_args! {
    /// A volume.
    pub struct Args {
        /// Name of the volume.
        #[serde(alias = "volume_name")]
        pub name: String,
        /// What is wanted of it.
        #[serde(default)]
        pub state: State,
        /// Its driver.
        #[serde(default = "local")]
        pub driver: String,
        /// Options for the driver.
        #[serde(default)]
        pub driver_options: TextMap,
        /// Labels. Others that it has do not count.
        #[serde(default)]
        pub labels: Option<StringMap>,
        /// When a volume that is there is removed, with its data, and made anew.
        #[serde(default)]
        pub recreate: Recreate,
    }
}

default_args!(name);

fn local() -> String {
    "local".to_owned()
}

/// What is wanted of a volume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
}

/// When a volume is made anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recreate {
    /// Always.
    Always,
    /// Never.
    #[default]
    Never,
    /// If driver, driver's options or labels differ.
    OptionsChanged,
}

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What Docker knows of the volume, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<Value>,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    name: String,
    remove: bool,
    create: bool,
    differences: Vec<Difference>,
}

const KIND: &str = "docker_volume";

impl Module for DockerVolume {
    const NAME: &'static str = "community.docker.docker_volume";
    const ALIASES: &'static [&'static str] = &["community.general.docker_volume"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let existing = docker.look(system, KIND, &args.name, &path(args))?;
        let there = existing.is_some();
        let wanted = args.state == State::Present;
        let mut differences = Vec::new();
        if there != wanted {
            differences.push(Difference::new("exists", there, wanted));
        }
        let mut recreate = false;
        if let (Some(existing), true) = (&existing, wanted) {
            let found = different(args, existing);
            recreate =
                args.recreate == Recreate::Always || args.recreate == Recreate::OptionsChanged && !found.is_empty();
            if recreate {
                differences.extend(found);
            }
        }
        let output = Output { volume: existing.filter(|_| wanted) };
        if there == wanted && !recreate {
            return Ok(Checked::unchanged(output));
        }
        let change = Change { name: args.name.clone(), remove: there, create: wanted, differences };
        Ok(Checked::changed(output, change))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        if change.remove {
            docker.delete(system, &path(args)).map_err(|error| error.error("removing volume"))?;
        }
        if !change.create {
            return Ok(Output { volume: None });
        }
        docker.post(system, "/volumes/create", &body(args)).map_err(|error| error.error("creating volume"))?;
        Ok(Output { volume: docker.get(system, &path(args))? })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        if !change.create {
            let place = place(&args.name, system);
            if system.exists(&place)? {
                system.remove_dir_all(&place)?;
            }
            system.set_resource(KIND, &args.name, Value::Null);
            return Ok(Simulated::known(Output { volume: None }));
        }
        let data = place(&args.name, system).join("_data");
        if args.driver == "local" {
            make(&data, system)?;
        }
        let volume = json!({
            "Name": args.name,
            "Driver": args.driver,
            "Options": args.driver_options,
            "Labels": args.labels,
            "Mountpoint": data,
            "Scope": "local",
        });
        system.set_resource(KIND, &args.name, volume.clone());
        Ok(Simulated::known(Output { volume: Some(volume) }))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        show(&format!("volume {}", change.name), &change.differences)
    }
}

/// Where Docker keeps a volume.
fn place(name: &str, system: &dyn System) -> PathBuf {
    let settings = system.read_text(Path::new("/etc/docker/daemon.json")).unwrap_or_default();
    let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
    Path::new(settings["data-root"].as_str().unwrap_or("/var/lib/docker")).join("volumes").join(name)
}

/// Makes the directory in a simulation, anew.
fn make(data: &Path, system: &mut dyn System) -> Result<(), ModuleError> {
    if system.exists(data)? {
        system.remove_dir_all(data)?;
    }
    let missing: Vec<&Path> = data.ancestors().take_while(|path| !matches!(system.exists(path), Ok(true))).collect();
    for path in missing.into_iter().rev() {
        system.create_dir(path, if path == data { 0o755 } else { 0o701 })?;
    }
    Ok(())
}

fn path(args: &Args) -> String {
    format!("/volumes/{}", encode(&args.name))
}

fn body(args: &Args) -> Value {
    json!({
        "Name": args.name,
        "Driver": args.driver,
        "DriverOpts": args.driver_options,
        "Labels": args.labels.clone().unwrap_or_default(),
    })
}

fn different(args: &Args, existing: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    if existing["Driver"] != args.driver.as_str() {
        differences.push(Difference::new("driver", existing["Driver"].clone(), args.driver.as_str()));
    }
    let labels = args.labels.clone().unwrap_or_default();
    for (what, field, wanted) in
        [("driver_options", "Options", &args.driver_options.0), ("labels", "Labels", &labels.0)]
    {
        for (name, value) in wanted.iter().filter(|(name, value)| existing[field][*name] != value.as_str()) {
            differences.push(Difference::new(format!("{what}.{name}"), existing[field][name].clone(), value.as_str()));
        }
    }
    differences
}
