//! Services of a Docker swarm. Answers to `community.docker.docker_swarm_service`.
//!
//! Deviation: `swarm_service` has the parameters that were given, and not those that were not.

use super::support::docker::compare::{Difference, show};
use super::support::docker::service::args::{Args, Mode, State};
use super::support::docker::service::options::{self, Opt};
use super::support::docker::{Docker, encode};
use crate::module::{Checked, Diff, Module, ModuleError, Simulated};
use crate::system::System;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The module.
pub struct DockerSwarmService;

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// The service by its parameters, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    swarm_service: Option<Value>,
    /// What was done.
    msg: String,
    /// It was removed and made anew.
    rebuilt: bool,
    /// Names of the parameters that differed.
    changes: Vec<String>,
}

/// What has to be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    name: String,
    remove: bool,
    /// The whole specification, to make it or to change it to.
    spec: Option<Value>,
    /// It is there and stays.
    update: bool,
    differences: Vec<Difference>,
}

const KIND: &str = "docker_service";

impl Module for DockerSwarmService {
    const NAME: &'static str = "community.docker.docker_swarm_service";
    const ALIASES: &'static [&'static str] = &["community.general.docker_swarm_service"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let existing = find(args, &docker, system)?;
        let mut change =
            Change { name: args.name.clone(), remove: false, spec: None, update: false, differences: Vec::new() };
        if args.state == State::Absent {
            if existing.is_none() {
                let output = Output { msg: "Service absent".into(), ..Output::default() };
                return Ok(Checked::unchanged(output));
            }
            change.remove = true;
            change.differences.push(Difference::new("exists", true, false));
            return Ok(Checked::changed(outcome(args, &[], &change), change));
        }
        let options = options::collect(args, &docker, system)?;
        match &existing {
            None => {
                if args.image.is_none() {
                    return Err(ModuleError::new("state is present but all of the following are missing: image"));
                }
                change.differences.push(Difference::new("exists", false, true));
                change.spec = Some(fresh(args, &options));
            }
            Some(service) => plan_update(args, &options, &service["Spec"], &mut change),
        }
        let output = outcome(args, &options, &change);
        Ok(if change.spec.is_none() { Checked::unchanged(output) } else { Checked::changed(output, change) })
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let path = format!("/services/{}", encode(&args.name));
        let options = if args.state == State::Present { options::collect(args, &docker, system)? } else { Vec::new() };
        if change.remove {
            docker.delete(system, &path).map_err(|error| error.error("removing service"))?;
        }
        match &change.spec {
            Some(spec) if change.update => {
                let version = docker.get(system, &path)?.unwrap_or_default()["Version"]["Index"].clone();
                docker
                    .post(system, &format!("{path}/update?version={version}"), spec)
                    .map_err(|error| error.error("updating service"))?;
            }
            Some(spec) => {
                docker.post(system, "/services/create", spec).map_err(|error| error.error("creating service"))?;
            }
            None => {}
        }
        Ok(outcome(args, &options, &change))
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        let docker = Docker::open(args.connection(), system)?;
        let options = if args.state == State::Present { options::collect(args, &docker, system)? } else { Vec::new() };
        let output = outcome(args, &options, &change);
        let service = change.spec.map_or(Value::Null, |spec| json!({"Spec": spec}));
        system.set_resource(KIND, &args.name, service);
        Ok(Simulated::known(output))
    }

    fn diff(change: &Change) -> Vec<Diff> {
        show(&format!("service {}", change.name), &change.differences)
    }
}

fn find(args: &Args, docker: &Docker, system: &dyn System) -> Result<Option<Value>, ModuleError> {
    match docker.look(system, KIND, &args.name, &format!("/services/{}", encode(&args.name))) {
        Ok(found) => Ok(found),
        // An earlier task of a plan is going to make the swarm.
        Err(_) if system.resource(super::docker_swarm::KIND, "local").is_some() => Ok(None),
        Err(error) if matches!(error.status, 406 | 503) => Err(ModuleError::new(format!(
            "Error looking for service named {}: this host is not a manager of a swarm; run the task on one",
            args.name
        ))),
        Err(error) => Err(error.error(&format!("looking for service named {}", args.name))),
    }
}

/// The specification of a new service.
fn fresh(args: &Args, options: &[Opt]) -> Value {
    let mode = match args.mode {
        Mode::Replicated => json!({"Replicated": {"Replicas": 1}}),
        Mode::Global => json!({"Global": {}}),
        Mode::ReplicatedJob => json!({"ReplicatedJob": {"TotalCompletions": 1}}),
    };
    let mut spec = json!({"Name": args.name, "Mode": mode, "TaskTemplate": {"ContainerSpec": {}}});
    options.iter().for_each(|option| option.put(&mut spec));
    spec
}

fn plan_update(args: &Args, options: &[Opt], current: &Value, change: &mut Change) {
    change.differences = options.iter().filter_map(|option| option.difference(current)).collect();
    let mode = match args.mode {
        Mode::Replicated => "Replicated",
        Mode::Global => "Global",
        Mode::ReplicatedJob => "ReplicatedJob",
    };
    let rebuild = current["Mode"].get(mode).is_none();
    if rebuild {
        let before = current["Mode"].as_object().and_then(|mode| mode.keys().next().cloned()).unwrap_or_default();
        change.differences.push(Difference::new("mode", before, mode));
    }
    if args.force_update.0 {
        change.differences.push(Difference::new("force_update", false, true));
    }
    if change.differences.is_empty() {
        return;
    }
    change.update = !rebuild;
    change.remove = rebuild;
    let mut spec = current.clone();
    if rebuild {
        spec["Mode"] = fresh(args, &[])["Mode"].clone();
    }
    options
        .iter()
        .filter(|option| rebuild || option.difference(current).is_some())
        .for_each(|option| option.put(&mut spec));
    if args.force_update.0 {
        let count = spec["TaskTemplate"]["ForceUpdate"].as_i64().unwrap_or_default();
        spec["TaskTemplate"]["ForceUpdate"] = (count + 1).into();
    }
    change.spec = Some(spec);
}

fn outcome(args: &Args, options: &[Opt], change: &Change) -> Output {
    let rebuilt = change.remove && change.spec.is_some();
    let msg = match (&change.spec, change.remove, change.update) {
        (None, true, _) => "Service removed",
        (None, false, _) => "Service unchanged",
        (Some(_), true, _) => "Service rebuilt",
        (Some(_), false, true) => "Service updated",
        (Some(_), false, false) => "Service created",
    };
    let changed = change.differences.iter().filter(|difference| difference.name != "exists");
    let swarm_service = (args.state == State::Present).then(|| {
        let mut service = json!({"name": args.name, "mode": args.mode});
        for option in options {
            let place = format!("/{}", option.name.replace('.', "/"));
            super::support::docker::container::options::put(&mut service, &place, option.wanted.clone());
        }
        service
    });
    Output { swarm_service, msg: msg.to_owned(), rebuilt, changes: changed.map(|entry| entry.name.clone()).collect() }
}
