//! Access to the hosts: a key and a password made on the spot, and the system's ssh with just these.

use std::fs;
use std::io::{IsTerminal, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use super::config::Lab;
use crate::process::{command, output};

/// Makes the key and the password of `operator` unless they are there.
/// Returns the shell script that gives a host's users access with them.
pub fn ensure_access(lab: &Lab) -> Result<String> {
    let key = lab.key();
    if !key.exists() {
        output(command("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "hostler lab", "-f"]).arg(&key))?;
    }
    let public = key.with_extension("pub");
    let public = fs::read_to_string(&public).with_context(|| format!("failed to read {}", public.display()))?;
    let password = ensure_password(lab)?;
    Ok(format!(
        "for user in root deploy operator; do
            home=$(getent passwd $user | cut -d: -f6)
            install -d -m 0700 -o $user -g $(id -g $user) $home/.ssh
            echo '{}' >$home/.ssh/authorized_keys
            chown $user: $home/.ssh/authorized_keys
        done
        echo 'operator:{password}' | chpasswd",
        public.trim()
    ))
}

/// A shell on a host, or the command run there with this terminal. The result is its exit code.
pub fn interactive(lab: &Lab, host: &str, words: &[String]) -> Result<ExitCode> {
    let mut ssh = ssh(lab, host)?;
    if words.is_empty() && std::io::stdin().is_terminal() {
        ssh.arg("-t");
    }
    let status = ssh.args(words).status().context("failed to run ssh; is it installed?")?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)))
}

/// Runs a shell line on a host as root and returns what it printed.
pub fn on_host(lab: &Lab, host: &str, line: &str) -> Result<String> {
    output(ssh(lab, host)?.arg(line)).with_context(|| format!("failed to run a command on {host}"))
}

fn ssh(lab: &Lab, host: &str) -> Result<Command> {
    let (user, host) = host.split_once('@').unwrap_or(("root", host));
    let mut ssh = command("ssh", ["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"]);
    ssh.arg("-o").arg(format!("UserKnownHostsFile={}", lab.known_hosts().display()));
    ssh.arg("-i").arg(lab.key()).arg(format!("{user}@{}", lab.address(host)?));
    Ok(ssh)
}

fn ensure_password(lab: &Lab) -> Result<String> {
    let path = lab.dir.join("operator_password");
    if let Ok(password) = fs::read_to_string(&path) {
        return Ok(password.trim().to_owned());
    }
    let mut bytes = [0; 12];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("failed to read /dev/urandom")?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, format!("{password}\n").as_bytes()))
        .with_context(|| format!("failed to write {}", path.display()))?;
    Ok(password)
}
