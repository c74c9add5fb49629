//! What Docker knows of images. Answers to `community.docker.docker_image_info`.

use super::support::docker::image::ImageName;
use super::support::docker::{Docker, docker_args, encode};
use crate::module::types::StringList;
use crate::module::{Checked, Diff, Module, ModuleError, default_args};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The module.
pub struct DockerImageInfo;

docker_args! {
    /// Images that are asked for.
    pub struct Args {
        /// Names, `name:tag`, `name@digest`, or ids; all images if not given.
        #[serde(default)]
        pub name: Option<StringList>,
    }
}

default_args!();

/// Result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What Docker knows of each image that is there.
    images: Vec<Value>,
}

/// Nothing ever changes.
#[derive(Debug, Serialize, Deserialize)]
pub enum Change {}

/// What only apply will know of an image that a plan brings.
const UNKNOWN: &[&str] = &["images.*.Id"];

impl Module for DockerImageInfo {
    const NAME: &'static str = "community.docker.docker_image_info";
    const ONLY_LOOKS: bool = true;
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let images = match &args.name {
            Some(names) => {
                let found = names.iter().map(|name| find(name.trim(), &docker, system));
                found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
            }
            None => all(&docker, system)?,
        };
        let complete = |mut image: Value| {
            if image.get("Id").is_none() {
                image["Id"] = Value::Null;
            }
            image
        };
        let images = images.into_iter().map(complete).collect();
        Ok(Checked { unknown: UNKNOWN, ..Checked::unchanged(Output { images }) })
    }

    fn apply(_: &Args, change: Change, _: &mut dyn System) -> Result<Output, ModuleError> {
        match change {}
    }

    fn diff(change: &Change) -> Vec<Diff> {
        match *change {}
    }
}

fn find(name: &str, docker: &Docker, system: &dyn System) -> Result<Option<Value>, ModuleError> {
    ImageName::parse(name, "latest").look(docker, system)
}

fn all(docker: &Docker, system: &dyn System) -> Result<Vec<Value>, ModuleError> {
    let listed = docker.get(system, "/images/json")?.unwrap_or_default();
    let ids = listed.as_array().into_iter().flatten().filter_map(|image| image["Id"].as_str());
    let mut images = Vec::new();
    for id in ids {
        images.extend(docker.get(system, &format!("/images/{}/json", encode(id)))?);
    }
    let planned = system.resources("docker_image").into_iter().map(|(_, image)| image);
    images.extend(planned.filter(|image| !image.is_null()));
    Ok(images)
}
