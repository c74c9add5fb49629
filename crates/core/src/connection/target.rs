//! Where and as whom to connect, with everything templated and decided.

use super::ConnectionError;
use crate::secret::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// Which way to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConnectionKind {
    /// In process, unless the configuration asks for what only the system's `ssh` has (`ssh`, `smart`, `paramiko`).
    #[default]
    Ssh,
    /// In process, always.
    Libssh2,
    /// The system's `ssh`, always.
    OpenSsh,
    /// This machine.
    Local,
}

/// What to do about a host key that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HostKeyChecking {
    /// Refuse, and say which command would accept it.
    #[default]
    Strict,
    /// Accept and remember a new one; refuse a changed one.
    AcceptNew,
    /// Do not check.
    Off,
}

/// A host to connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Name in the inventory, for messages.
    pub name: String,
    /// Which way.
    pub kind: ConnectionKind,
    /// Address or name to connect to.
    pub address: String,
    /// Port; SSH's configuration or 22 if not given.
    pub port: Option<u16>,
    /// User; SSH's configuration or the current one if not given.
    pub user: Option<String>,
    /// Password for the user.
    pub password: Option<Secret>,
    /// Private key file.
    pub private_key: Option<PathBuf>,
    /// Passphrase of the private key.
    pub private_key_passphrase: Option<Secret>,
    /// Arguments for `ssh` (`ansible_ssh_common_args`, `_extra_args`, `ssh_args`), split.
    pub ssh_args: Vec<String>,
    /// Path of `ssh`.
    pub ssh_executable: Option<PathBuf>,
    /// About unknown host keys.
    pub host_key_checking: HostKeyChecking,
    /// Limit for connecting.
    pub timeout: Option<Duration>,
    /// How often to try again to connect.
    pub retries: u32,
    /// Directory for the helper (`ansible_remote_tmp`'s counterpart); tried first.
    pub helper_dir: Option<String>,
    /// Why it cannot be reached from here, if that is known.
    pub out_of_reach: Option<ConnectionError>,
    /// Local connections: where programs run.
    pub directory: Option<PathBuf>,
    /// Local connections: shell to use.
    pub shell: Option<String>,
}

/// Another user to become before doing anything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Become {
    /// `sudo`, `su`, `doas` …
    pub method: String,
    /// User to become; `root` if not given.
    pub user: String,
    /// Flags for the program.
    pub flags: Option<String>,
    /// Path of the program.
    pub executable: Option<String>,
    /// Password, where the program asks for one.
    pub password: Option<Secret>,
    /// Also where the connection's user is that user already (`become_allow_same_user`).
    pub even_same_user: bool,
    /// Where `sudo` is called (`ansible_sudo_chdir`).
    pub directory: Option<String>,
}
