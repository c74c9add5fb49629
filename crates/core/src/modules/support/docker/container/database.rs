//! The database server that a new container of one of the public images brings: a plan's later tasks ask it.
//!
//! What the images promise: on an empty data folder the server begins with the database and root's password that the
//! environment names.

use crate::module::ModuleError;
use crate::modules::support::docker::{Docker, encode};
use crate::system::System;
use crate::system::planned_sql::{SERVER, Server, key};
use serde_json::Value;
use std::path::Path;

const IMAGES: &[&str] = &["mysql", "mariadb", "percona", "mysql-server"];
const DATA: &str = "/var/lib/mysql";

/// Records the server that a simulated container runs, if it runs one with an empty data folder.
///
/// # Errors
/// The daemon does not answer.
pub fn record(container: &Value, docker: &Docker, system: &mut dyn System) -> Result<(), ModuleError> {
    let image = container["Config"]["Image"].as_str().unwrap_or_default();
    let repository = image.rsplit('/').next().unwrap_or_default().split([':', '@']).next().unwrap_or_default();
    if !IMAGES.contains(&repository) || !is_empty(container, docker, system)? {
        return Ok(());
    }
    let environment = container["Config"]["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let named = |name: &'static str| {
        let value = move |variable: &str| {
            let variable = variable.strip_prefix("MYSQL_").or_else(|| variable.strip_prefix("MARIADB_"))?;
            variable.strip_prefix(name)?.strip_prefix('=').map(str::to_owned)
        };
        environment.clone().filter_map(value)
    };
    let server = Server::new(named("DATABASE")).with_root_password(named("ROOT_PASSWORD").next().as_deref());
    let state = serde_json::to_value(&server).unwrap_or_default();
    let published = container["HostConfig"]["PortBindings"]["3306/tcp"].as_array().cloned().unwrap_or_default();
    for port in published.iter().filter_map(|binding| binding["HostPort"].as_str()?.parse().ok()) {
        system.set_resource(SERVER, &key("localhost", port), state.clone());
    }
    Ok(())
}

/// Whether its data folder is new: a volume that is not there yet, or an empty folder of the host.
fn is_empty(container: &Value, docker: &Docker, system: &dyn System) -> Result<bool, ModuleError> {
    if container["HostConfig"]["Mounts"].as_array().is_some_and(|mounts| !mounts.is_empty()) {
        return Ok(false);
    }
    let binds = container["HostConfig"]["Binds"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut source = binds.filter_map(|bind| {
        let mut parts = bind.split(':');
        let source = parts.next()?;
        (parts.next()?.trim_end_matches('/') == DATA).then_some(source)
    });
    Ok(match source.next() {
        None => true,
        Some(folder) if folder.starts_with('/') => {
            system.read_dir(Path::new(folder)).map_or(true, |names| names.is_empty())
        }
        Some(volume) => match system.resource("docker_volume", volume) {
            // Planned: it is made anew.
            Some(_) => true,
            None => docker.get(system, &format!("/volumes/{}", encode(volume)))?.is_none(),
        },
    })
}
