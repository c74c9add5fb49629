//! One run of a target: its own root, processes, network; ended with all of its processes when its time is up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cache::{self, Cache};

/// How long a target may take: the limit is 280 s, which ansible-core must not miss because the machine has other work.
const LIMIT: Duration = Duration::from_secs(280);
const LIMIT_OF_ANSIBLE: Duration = Duration::from_secs(900);
const ENTER: &str = include_str!("enter.sh");

/// A place for one run.
pub struct Sandbox<'a> {
    cache: &'a Cache,
    dir: PathBuf,
}

/// How a run ended.
pub struct Ran {
    /// It succeeded by itself.
    pub passed: bool,
    /// It had to be ended.
    pub timed_out: bool,
}

impl<'a> Sandbox<'a> {
    /// A new one, in the place of an earlier one of the same name.
    pub fn new(cache: &'a Cache, name: &str) -> Result<Self> {
        let dir = cache.runs().join(name);
        cache::remove(&dir)?;
        let sandbox = Self { cache, dir };
        fs::create_dir_all(sandbox.results()).with_context(|| format!("failed to create {}", sandbox.dir.display()))?;
        Ok(sandbox)
    }

    /// The folder that is `/results` inside and stays until the sandbox is dropped.
    pub fn results(&self) -> PathBuf {
        self.dir.join("results")
    }

    /// Runs `/results/run.sh`; what it prints is added to `log`.
    pub fn run(&self, log: &Path) -> Result<Ran> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.with_context(|| format!("failed to open {}", log.display()))?;
        let mut child = Command::new("unshare")
            .args(["--mount", "--pid", "--uts", "--ipc", "--net", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"])
            .env("BASE", &self.cache.base)
            .env("SOURCE", &self.cache.source)
            .env("TOOLS", &self.cache.tools)
            .env("RUN", &self.dir)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("failed to run unshare; is util-linux installed?")?;
        let limit = if self.cache.peer { LIMIT_OF_ANSIBLE } else { LIMIT };
        let status = wait(&mut child, limit)?;
        Ok(Ran { passed: status.is_some_and(|status| status.success()), timed_out: status.is_none() })
    }
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is when the next sandbox of this name is made.
        let _ = cache::remove(&self.dir);
    }
}

/// Waits until the process has ended, at most for `limit`; then it is killed, and its namespace's processes with it.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(50));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}
