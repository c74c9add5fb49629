//! The machine's Docker: used where it runs, started where it does not (machines without an init).

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::config::Lab;
use crate::process::{command, output, step, succeeds};

/// Docker neither runs nor can be started here.
#[derive(Debug)]
pub struct NoDocker(String);

impl NoDocker {
    /// What `cargo xtask` exits with, so that scripts can go on without a lab.
    pub const EXIT_CODE: u8 = 3;
}

impl fmt::Display for NoDocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoDocker {}

/// Whether a Docker daemon answers.
pub fn answers() -> bool {
    succeeds(&mut command("docker", ["info"]))
}

/// Starts dockerd unless one answers already.
pub fn ensure(lab: &Lab) -> Result<()> {
    if answers() {
        return Ok(());
    }
    step("start docker", || start(lab))
}

/// Stops dockerd if [`ensure`] started it and nobody else's containers run.
pub fn stop(lab: &Lab) -> Result<()> {
    if !output(&mut command("docker", ["ps", "--quiet"]))?.is_empty() {
        println!("note: docker goes on, it has other containers");
        return Ok(());
    }
    let path = lab.dir.join("dockerd.pid");
    let Ok(pid) = fs::read_to_string(&path) else { return Ok(()) };
    // The number may be another process's by now.
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
    if name.trim() == "dockerd" {
        step("stop docker", || output(&mut command("kill", [pid.trim()])).map(drop))?;
    }
    fs::remove_file(&path).with_context(|| format!("failed to remove {}", path.display()))
}

fn start(lab: &Lab) -> Result<()> {
    if let Ok(host) = env::var("DOCKER_HOST") {
        return Err(NoDocker(format!("DOCKER_HOST names {host}, which does not answer")).into());
    }
    // Where systemd runs it starts Docker as it should be; its refusal is not the last word.
    if Path::new("/run/systemd/system").exists()
        && succeeds(&mut command("systemctl", ["start", "docker"]))
        && answers()
    {
        return Ok(());
    }
    fs::create_dir_all(&lab.dir).with_context(|| format!("failed to create {}", lab.dir.display()))?;
    let log = lab.dir.join("dockerd.log");
    let file = fs::File::create(&log).with_context(|| format!("failed to create {}", log.display()))?;
    let mut dockerd = Command::new("dockerd")
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        // An interrupt meant for this program must not end the daemon.
        .process_group(0)
        .spawn()
        .map_err(|error| NoDocker(format!("dockerd: {error}; is docker.io installed?")))?;
    if let Err(reason) = wait(&mut dockerd) {
        // It may have ended already.
        let _ = dockerd.kill();
        let said = fs::read_to_string(&log).unwrap_or_default();
        let why =
            said.lines().rfind(|line| line.starts_with("failed")).or(said.lines().last()).unwrap_or("it said nothing");
        return Err(NoDocker(format!("{reason}: {why} (all of it in {})", log.display())).into());
    }
    fs::write(lab.dir.join("dockerd.pid"), dockerd.id().to_string())?;
    Ok(())
}

fn wait(dockerd: &mut Child) -> Result<(), String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Ok(Some(status)) = dockerd.try_wait() {
            return Err(format!("dockerd ended with {status}"));
        }
        if answers() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(300));
    }
    Err("dockerd did not answer within 60 s".to_owned())
}
