//! `cargo xtask lab …`: the order of things; how each is done is its own file's matter.

use std::fs::File;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result, anyhow};
use clap::Subcommand;
use fs4::fs_std::FileExt;

use super::{config::Lab, daemon, host, image, inventory, registry, ssh};
use crate::process::step;

/// Test hosts in containers
#[derive(Subcommand)]
pub enum Command {
    /// Start a leader and workers, or change their number
    Up {
        /// How many workers
        #[arg(default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=200))]
        workers: u8,
        /// Replace the hosts that are there by new ones
        #[arg(long)]
        fresh: bool,
    },
    /// Remove the hosts, their network and the registry; images stay for the next start
    Down {
        /// Remove the images, the registry's content and the state folder as well
        #[arg(long)]
        purge: bool,
    },
    /// Open a shell on a host, or run a command there
    Ssh {
        /// The host, perhaps with a user: `worker1`, `deploy@leader`
        host: String,
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Show hosts and stand-in images
    Status,
    /// Write this checkout's inventory of a lab that runs already
    Inventory,
    /// Start Docker if it does not run; exit code 3 says that it cannot be started
    Docker,
}

/// Runs one of the lab's commands.
pub fn run(command: Command) -> Result<ExitCode> {
    let lab = Lab::from_env()?;
    match command {
        Command::Up { workers, fresh } => up(&lab, workers, fresh)?,
        Command::Down { purge } => down(&lab, purge)?,
        Command::Ssh { host, command } => return ssh::interactive(&lab, &host, &command),
        Command::Status => status(&lab)?,
        Command::Inventory => inventory::write(&lab, &host::running(&lab)?)?,
        Command::Docker => daemon::ensure(&lab)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Brings up the leader, `workers` workers and the registry, and removes workers beyond that number.
/// With `fresh`, hosts that are there already are replaced by new ones.
pub fn up(lab: &Lab, workers: u8, fresh: bool) -> Result<()> {
    let _lock = lock(lab)?;
    daemon::ensure(lab)?;
    let hosts = host::names(workers);
    step("prepare the network", || host::ensure_network(lab))?;
    let base = image::ensure_base(lab)?;
    // The hosts start while the stand-ins are built.
    thread::scope(|scope| {
        let images = scope.spawn(|| registry::ensure(lab, &base));
        let started = host::ensure(lab, &base, &hosts, fresh);
        let published = images.join().map_err(|_| anyhow!("failed to publish images: the thread panicked"))?;
        started.and(published)
    })?;
    inventory::write(lab, &hosts)?;
    println!("the lab runs: {}", hosts.join(", "));
    Ok(())
}

fn down(lab: &Lab, purge: bool) -> Result<()> {
    let _lock = lock(lab)?;
    daemon::ensure(lab)?;
    step("remove the hosts", || host::remove_all(lab))?;
    inventory::remove(lab)?;
    if purge {
        registry::remove_content(lab)?;
        if host::labs_remain()? {
            println!("note: another lab exists; the images, docker and {} stay", lab.dir.display());
            return Ok(());
        }
        step("remove the images", image::remove_all)?;
        daemon::stop(lab)?;
        std::fs::remove_dir_all(&lab.dir).with_context(|| format!("failed to remove {}", lab.dir.display()))?;
    }
    Ok(())
}

fn status(lab: &Lab) -> Result<()> {
    if !daemon::answers() {
        println!("docker does not run");
        return Ok(());
    }
    for line in host::status(lab)? {
        println!("{line}");
    }
    for line in registry::status(lab)? {
        println!("{line}");
    }
    Ok(())
}

/// Two commands at once would each remove what the other makes.
fn lock(lab: &Lab) -> Result<File> {
    std::fs::create_dir_all(&lab.dir).with_context(|| format!("failed to create {}", lab.dir.display()))?;
    let path = lab.dir.join("lock");
    let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
    file.lock_exclusive().with_context(|| format!("failed to lock {}", path.display()))?;
    Ok(file)
}
