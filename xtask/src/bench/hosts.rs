//! Hosts: sshds of the bench's own on the loopback interface, each with a home and a work directory of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;

const SSHD: &str = "/usr/sbin/sshd";

/// Running hosts. They end with this value.
pub struct Hosts {
    /// Where everything of them lies.
    pub directory: PathBuf,
    /// They.
    pub hosts: Vec<Host>,
}

/// One of them.
pub struct Host {
    /// As inventories call it.
    pub name: String,
    /// Where its sshd listens.
    pub port: u16,
    /// Where its users' files would be: the helper's cache goes there.
    pub home: PathBuf,
    sshd: Child,
}

impl Host {
    /// Where the work is done.
    pub fn work(&self) -> PathBuf {
        self.home.join("work")
    }

    /// Forgets everything but the work.
    ///
    /// # Errors
    /// What cannot be removed.
    pub fn make_cold(&self) -> Result<()> {
        for entry in fs::read_dir(&self.home)? {
            let path = entry?.path();
            if path != self.work() {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// An empty work directory.
    ///
    /// # Errors
    /// What cannot be removed or made.
    pub fn reset(&self) -> Result<()> {
        remove(&self.work())?;
        fs::create_dir_all(self.work())?;
        Ok(())
    }
}

impl Hosts {
    /// Starts `count` hosts, with keys made for them.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn start(directory: &Path, count: usize) -> Result<Self> {
        ensure!(Path::new(SSHD).exists(), "find {SSHD}: install openssh-server");
        remove(directory)?;
        fs::create_dir_all(directory)?;
        for key in ["host_key", "user_key"] {
            let path = directory.join(key).display().to_string();
            process::output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path]))?;
        }
        // As root it wants a place to lock its unprivileged half in.
        let _not_root = fs::create_dir_all("/run/sshd");
        let mut hosts = Self { directory: directory.to_owned(), hosts: Vec::new() };
        for (index, port) in free_ports(count)?.into_iter().enumerate() {
            let name = format!("host{:03}", index + 1);
            let home = directory.join(&name);
            fs::create_dir_all(home.join("work"))?;
            let sshd = start_sshd(directory, &name, &home, port)?;
            hosts.hosts.push(Host { name, port, home, sshd });
        }
        let deadline = Instant::now() + Duration::from_secs(30);
        for host in &hosts.hosts {
            while TcpStream::connect(("127.0.0.1", host.port)).is_err() {
                ensure!(Instant::now() < deadline, "the sshd of {} does not answer", host.name);
                thread::sleep(Duration::from_millis(20));
            }
        }
        hosts.know(&[])?;
        Ok(hosts)
    }

    /// The key to log in with.
    pub fn user_key(&self) -> PathBuf {
        self.directory.join("user_key")
    }

    /// The file of known hosts.
    pub fn known_hosts(&self) -> PathBuf {
        self.directory.join("known_hosts")
    }

    /// Writes the known hosts: all hosts, and `more` ports that lead to them.
    ///
    /// # Errors
    /// Files that cannot be read or written.
    pub fn know(&self, more: &[u16]) -> Result<()> {
        let key = fs::read_to_string(self.directory.join("host_key.pub"))?;
        let key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let ports = self.hosts.iter().map(|host| host.port).chain(more.iter().copied());
        let lines: String = ports.map(|port| format!("[127.0.0.1]:{port} {key}\n")).collect();
        Ok(fs::write(self.known_hosts(), lines)?)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            let _ended_already = host.sshd.kill();
        }
        for host in &mut self.hosts {
            let _ended_already = host.sshd.wait();
        }
    }
}

fn start_sshd(directory: &Path, name: &str, home: &Path, port: u16) -> Result<Child> {
    let path = |name: &str| directory.join(name).display().to_string();
    let config = path(&format!("{name}.conf"));
    let text = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nUseDNS no\n\
         MaxStartups 1000\nMaxSessions 1000\nSubsystem sftp internal-sftp\nSetEnv HOME={} HOSTLER_STATE={}\nLogLevel ERROR\n",
        path("host_key"),
        path("user_key.pub"),
        home.display(),
        // Root's ledger is not below its home: hosts on one machine would share it.
        home.join(".local/state/hostler").display(),
    );
    fs::write(&config, text)?;
    let log = fs::File::create(path(&format!("{name}.log")))?;
    let mut sshd = Command::new(SSHD);
    sshd.args(["-D", "-e", "-f", &config]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    sshd.spawn().context("failed to start sshd")
}

/// Ports that nobody listens on.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    // All are held until all are known, so that none comes twice.
    let listeners = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

/// Removes a file or a directory, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    result.with_context(|| format!("failed to remove {}", path.display()))
}
