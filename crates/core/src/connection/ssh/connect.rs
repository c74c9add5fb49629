//! Which way to an SSH host, and how often to try.

use super::config::{Choice, choose};
use super::openssh::OpenSsh;
use super::session::{Ssh, unreachable};
use crate::connection::transport::Transport;
use crate::connection::{ConnectionError, ConnectionKind, Target};
use std::time::Duration;

/// Connects as `target` and the configuration say.
///
/// # Errors
/// In Ansible's words.
pub fn connect(target: &Target) -> Result<Box<dyn Transport>, ConnectionError> {
    if target.kind == ConnectionKind::OpenSsh {
        return Ok(Box::new(OpenSsh::new(target)?));
    }
    let settings = match choose(target)? {
        Choice::InProcess(settings) => settings,
        Choice::System(reason) if target.kind == ConnectionKind::Libssh2 => {
            return Err(unreachable(&format!(
                "{}: ansible_connection is libssh2, but only the system's ssh can do what is configured: {reason}",
                target.address
            )));
        }
        Choice::System(_) => return Ok(Box::new(OpenSsh::new(target)?)),
    };
    let mut tries = 0;
    loop {
        match Ssh::connect(target, &settings) {
            Ok(ssh) => return Ok(Box::new(ssh)),
            // Asking again does not make a refused key or password right.
            Err(error) if tries < target.retries && !is_refusal(&error) => {
                let pause = 2_u64.saturating_pow(tries).saturating_sub(1).min(30);
                std::thread::sleep(Duration::from_secs(pause));
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn is_refusal(error: &ConnectionError) -> bool {
    let text = error.to_string();
    ["Permission denied", "Host key verification failed", "incorrect password"].iter().any(|part| text.contains(part))
}
