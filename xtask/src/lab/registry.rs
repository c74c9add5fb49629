//! A registry in the lab's network that answers for stand-ins under the names of public images.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::config::Lab;
use super::http;
use super::image::{self, Image};
use crate::process::{command, output, step, succeeds};

/// Starts the registry and publishes every recipe that names public images.
pub fn ensure(lab: &Lab, base: &Image) -> Result<()> {
    let registry = image::ensure(lab, base, "registry")?;
    start(lab, &registry)?;
    let address = push_address(lab)?;
    for name in stand_ins(lab)? {
        let image = image::ensure(lab, base, &name)?;
        publish(lab, &address, &name, &image)?;
    }
    Ok(())
}

/// One line for each stand-in.
pub fn status(lab: &Lab) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in stand_ins(lab)? {
        lines.push(format!("image    {name:<10} {}", public_names(lab, &name)?.join(" ")));
    }
    Ok(lines)
}

/// Removes the published images.
pub fn remove_content(lab: &Lab) -> Result<()> {
    if succeeds(&mut command("docker", ["volume", "inspect", &volume(lab)])) {
        output(&mut command("docker", ["volume", "rm", &volume(lab)]))?;
    }
    Ok(())
}

fn start(lab: &Lab, image: &Image) -> Result<()> {
    let container = lab.container("registry");
    let inspect = ["inspect", "--format", "{{.Config.Image}} {{.State.Running}}", &container];
    match output(&mut command("docker", inspect)) {
        Ok(state) if state == format!("{} true", image.tag) => return Ok(()),
        Ok(_) => drop(output(&mut command("docker", ["rm", "--force", &container]))?),
        Err(_) => {}
    }
    step("start the registry", || {
        let volume = format!("{}:/var/lib/registry", volume(lab));
        let in_lab = format!("{}:5000:5000", lab.gateway());
        let label = lab.label();
        output(&mut command(
            "docker",
            [
                "run",
                "--detach",
                "--name",
                &container,
                "--hostname",
                "registry",
                "--label",
                &label,
                "--network",
                &lab.name(),
                "--ip",
                &format!("{}.2", lab.subnet),
                "--restart",
                "unless-stopped",
                "--volume",
                &volume,
                // Docker pushes without TLS to the loopback address only.
                "--publish",
                "127.0.0.1::5000",
                "--publish",
                &in_lab,
                &image.tag,
            ],
        ))?;
        let address = push_address(lab)?;
        for _ in 0..100 {
            if http::get(&address, "/v2/").is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        bail!(
            "the registry does not answer on {address}: {}",
            output(&mut command("docker", ["logs", "--tail", "5", &container]))?
        )
    })
}

fn publish(lab: &Lab, address: &str, name: &str, image: &Image) -> Result<()> {
    let names = public_names(lab, name)?;
    let Some((repository, _)) = names.first().and_then(|name| name.split_once(':')) else { return Ok(()) };
    // This tag is pushed last, so it says that all the others are there.
    let marker = format!("{repository}:lab-{}", image.hash);
    let manifest = format!("/v2/library/{repository}/manifests/lab-{}", image.hash);
    if http::get(address, &manifest).is_ok_and(|answer| answer.status == 200) {
        return Ok(());
    }
    step(&format!("publish {}", names.join(" ")), || {
        for name in names.iter().chain([&marker]) {
            let remote = format!("{address}/library/{name}");
            output(&mut command("docker", ["tag", &image.tag, &remote]))?;
            output(&mut command("docker", ["push", "--quiet", &remote]))?;
            output(&mut command("docker", ["rmi", &remote]))?;
        }
        Ok(())
    })
}

/// The recipes whose Dockerfile has a line `# public: NAME:TAG …`.
fn stand_ins(lab: &Lab) -> Result<Vec<String>> {
    let folder = lab.recipe("");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !public_names(lab, &name)?.is_empty() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn public_names(lab: &Lab, name: &str) -> Result<Vec<String>> {
    let path = lab.recipe(name).join("Dockerfile");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let names = text.lines().filter_map(|line| line.strip_prefix("# public:")).flat_map(str::split_whitespace);
    Ok(names.map(str::to_owned).collect())
}

fn push_address(lab: &Lab) -> Result<String> {
    let ports = output(&mut command("docker", ["port", &lab.container("registry"), "5000/tcp"]))?;
    let local = ports.lines().find(|line| line.starts_with("127.0.0.1:"));
    local.map(str::to_owned).context("failed to find the registry's port")
}

fn volume(lab: &Lab) -> String {
    lab.container("registry")
}
