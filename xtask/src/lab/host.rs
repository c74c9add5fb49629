//! The hosts: containers with systemd, sshd, an address of their own and room for a nested Docker.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::config::Lab;
use super::image::{self, Image};
use super::ssh;
use crate::process::{command, output, output_with_input, step, succeeds};

/// How long a host may take to start.
const PATIENCE: Duration = Duration::from_secs(90);

/// `leader`, `worker1`, …
pub fn names(workers: u8) -> Vec<String> {
    std::iter::once("leader".to_owned()).chain((1..=workers).map(|number| format!("worker{number}"))).collect()
}

/// The hosts that run now, leader first.
pub fn running(lab: &Lab) -> Result<Vec<String>> {
    present(lab, &["status=running"])
}

fn present(lab: &Lab, filters: &[&str]) -> Result<Vec<String>> {
    let prefix = format!("{}-", lab.name());
    let names = containers(lab, "{{.Names}}", filters)?;
    let mut hosts: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix))
        .filter(|host| lab.address(host).is_ok())
        .map(str::to_owned)
        .collect();
    hosts.sort_by_key(|host| (host != "leader", host.len(), host.clone()));
    Ok(hosts)
}

/// Creates the lab's network.
pub fn ensure_network(lab: &Lab) -> Result<()> {
    let name = lab.name();
    if succeeds(&mut command("docker", ["network", "inspect", &name])) {
        return Ok(());
    }
    let subnet = format!("{}.0/24", lab.subnet);
    let create =
        ["network", "create", "--label", &lab.label(), "--subnet", &subnet, "--gateway", &lab.gateway(), &name];
    output(&mut command("docker", create))
        .with_context(|| format!("failed to create network {subnet}; HOSTLER_LAB_SUBNET chooses another"))
        .map(drop)
}

/// Starts these hosts and removes all others of the lab.
pub fn ensure(lab: &Lab, base: &Image, hosts: &[String], fresh: bool) -> Result<()> {
    let image = image::ensure(lab, base, "host")?;
    let access = ssh::ensure_access(lab)?;
    for host in present(lab, &[])? {
        if fresh || !hosts.contains(&host) {
            step(&format!("remove {host}"), || remove(lab, &host))?;
        }
    }
    let keys = thread::scope(|scope| {
        let starting: Vec<_> =
            hosts.iter().map(|host| scope.spawn(|| ensure_one(lab, &image, host, &access))).collect();
        let results = starting
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("failed to start a host: the thread panicked"))?);
        results.collect::<Result<Vec<String>>>()
    })?;
    let path = lab.known_hosts();
    fs::write(&path, keys.concat()).with_context(|| format!("failed to write {}", path.display()))
}

/// Removes the lab's containers with their volumes, and its network.
pub fn remove_all(lab: &Lab) -> Result<()> {
    let ids = containers(lab, "{{.ID}}", &[])?;
    if !ids.is_empty() {
        output(command("docker", ["rm", "--force", "--volumes"]).args(ids))?;
    }
    let label = format!("label={}", lab.label());
    let networks = output(&mut command("docker", ["network", "ls", "--quiet", "--filter", &label]))?;
    for network in networks.lines() {
        output(&mut command("docker", ["network", "rm", network]))?;
    }
    Ok(())
}

/// Whether any lab on this machine has containers.
pub fn labs_remain() -> Result<bool> {
    Ok(!output(&mut command("docker", ["ps", "--all", "--quiet", "--filter", "label=hostler.lab"]))?.is_empty())
}

/// One line for each host.
pub fn status(lab: &Lab) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for host in running(lab)? {
        let container = lab.container(&host);
        let system = system_state(&container);
        let docker = succeeds(&mut command("docker", ["exec", &container, "docker", "info"]));
        let docker = if docker { "docker runs" } else { "no docker" };
        lines.push(format!("host     {host:<10} {:<12} {system:<10} {docker}", lab.address(&host)?));
    }
    Ok(lines)
}

/// Starts one host and returns its lines for `known_hosts`.
fn ensure_one(lab: &Lab, image: &Image, host: &str, access: &str) -> Result<String> {
    let container = lab.container(host);
    match output(&mut command("docker", ["inspect", "--format", "{{.Config.Image}} {{.State.Running}}", &container])) {
        Err(_) => step(&format!("start {host}"), || {
            run(lab, image, host)?;
            finish(lab, host, access)
        }),
        Ok(state) => {
            let (tag, running) = state.split_once(' ').unwrap_or_default();
            if tag != image.tag {
                println!("note: {host} was made from an older image; `just lab up --fresh` replaces it");
            }
            if running != "true" {
                output(&mut command("docker", ["start", &container]))?;
            }
            finish(lab, host, access)
        }
    }
}

fn run(lab: &Lab, image: &Image, host: &str) -> Result<()> {
    let (label, address) = (lab.label(), lab.address(host)?);
    // Privileged containers need CAP_SYS_RESOURCE, which not every machine has. The shared cgroup namespace lets
    // nested containers start on cgroup v1; the anonymous volumes give the nested Docker overlay2 instead of vfs.
    output(&mut command(
        "docker",
        [
            "run",
            "--detach",
            "--name",
            &lab.container(host),
            "--hostname",
            host,
            "--label",
            &label,
            "--network",
            &lab.name(),
            "--network-alias",
            host,
            "--ip",
            &address,
            "--cap-add",
            "ALL",
            "--cap-drop",
            "SYS_RESOURCE",
            "--security-opt",
            "seccomp=unconfined",
            "--security-opt",
            "apparmor=unconfined",
            "--cgroupns=host",
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/run/lock",
            "--volume",
            "/var/lib/docker",
            "--volume",
            "/var/lib/containerd",
            "--volume",
            "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            &image.tag,
            "/sbin/init",
        ],
    ))
    .map(drop)
}

/// Gives our users access, waits until the system is up, and reads the host's keys.
fn finish(lab: &Lab, host: &str, access: &str) -> Result<String> {
    let container = lab.container(host);
    let address = lab.address(host)?;
    let script = format!("{access}\n{}", docker_settings(lab));
    output_with_input(&mut command("docker", ["exec", "--interactive", &container, "sh", "-eu"]), &script)
        .with_context(|| format!("failed to prepare {host}"))?;
    let deadline = Instant::now() + PATIENCE;
    while !sshd_answers(&address) || !matches!(system_state(&container).as_str(), "running" | "degraded") {
        if Instant::now() > deadline {
            bail!(
                "{host} ({address}) did not start within {} s: systemd says '{}'",
                PATIENCE.as_secs(),
                system_state(&container)
            );
        }
        thread::sleep(Duration::from_millis(200));
    }
    let keys = output(&mut command(
        "docker",
        ["exec", &container, "sh", "-c", "cut -d' ' -f1,2 /etc/ssh/ssh_host_*_key.pub"],
    ))?;
    Ok(keys.lines().map(|key| format!("{address},{host} {key}\n")).collect())
}

/// Docker on the hosts asks the lab's registry first. Written once: what a playbook makes of it stays.
fn docker_settings(lab: &Lab) -> String {
    let registry = format!("{}:5000", lab.gateway());
    let mut settings = serde_json::json!({
        "registry-mirrors": [format!("http://{registry}")],
        "insecure-registries": [registry],
    });
    let servers = name_servers();
    if !servers.is_empty() {
        // The hosts' own name server is on a loopback address, which nested containers cannot reach.
        settings["dns"] = servers.into();
    }
    format!(
        "mkdir -p /etc/docker\n[ -e /etc/docker/daemon.json ] || cat >/etc/docker/daemon.json <<'EOF'\n{settings:#}\nEOF\n"
    )
}

fn name_servers() -> Vec<String> {
    let files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
    let found = files.iter().map(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver ")).map(str::trim);
        servers.filter(|server| !server.starts_with("127.") && *server != "::1").map(str::to_owned).collect::<Vec<_>>()
    });
    found.into_iter().find(|servers| !servers.is_empty()).unwrap_or_default()
}

fn remove(lab: &Lab, host: &str) -> Result<()> {
    output(&mut command("docker", ["rm", "--force", "--volumes", &lab.container(host)])).map(drop)
}

fn containers(lab: &Lab, format: &str, filters: &[&str]) -> Result<Vec<String>> {
    let mut list =
        command("docker", ["ps", "--all", "--format", format, "--filter", &format!("label={}", lab.label())]);
    for filter in filters {
        list.args(["--filter", filter]);
    }
    Ok(output(&mut list)?.lines().map(str::to_owned).collect())
}

/// systemd's word for it: `running`, `degraded`, `starting`, or `unknown` while it does not answer.
fn system_state(container: &str) -> String {
    // It exits with 1 unless the state is `running`.
    let ask = command("docker", ["exec", container, "systemctl", "is-system-running"]).output();
    let said = ask.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if said.is_empty() { "unknown".to_owned() } else { said }
}

fn sshd_answers(address: &str) -> bool {
    let Ok(socket) = format!("{address}:22").parse::<SocketAddr>() else { return false };
    let Ok(mut stream) = TcpStream::connect_timeout(&socket, Duration::from_secs(1)) else { return false };
    let mut start = [0; 4];
    stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
        && stream.read_exact(&mut start).is_ok()
        && &start == b"SSH-"
}
