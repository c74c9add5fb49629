//! What a machine tells about itself that no file has: names, addresses, free space.

use super::{Command, CommandOutput, Result, System, SystemError};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// The kernel's names (`uname`).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uname {
    /// `Linux`.
    pub sysname: String,
    /// The host's name as the kernel has it.
    pub nodename: String,
    /// `6.1.0-37-amd64`.
    pub release: String,
    /// `#1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)`.
    pub version: String,
    /// `x86_64`.
    pub machine: String,
}

/// One address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceAddress {
    /// The address's label: the interface's name, with `:alias` where one was given.
    pub label: String,
    /// The address.
    pub address: IpAddr,
    /// Length of its network's prefix; 32 or 128 on point-to-point links.
    pub prefix: u8,
    /// Where broadcasts go.
    #[serde(default)]
    pub broadcast: Option<Ipv4Addr>,
}

/// Size and use of a mounted file system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilesystemUsage {
    /// Preferred size for I/O, in bytes.
    pub block_size: u64,
    /// Size of the blocks that are counted, in bytes.
    pub fragment_size: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that ordinary users may still fill.
    pub blocks_available: u64,
    /// All inodes.
    pub inodes: u64,
    /// Inodes that ordinary users may still take.
    pub inodes_available: u64,
}

/// Where programs are on a machine whose environment names no PATH.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl dyn System + '_ {
    /// The full path of program `name`, looked up on PATH.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.env("PATH").unwrap_or_else(|| USUAL_PATH.to_owned());
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .map(|folder| Path::new(folder).join(name))
            .find(|candidate| matches!(self.metadata(candidate), Ok(Some(found)) if found.mode & 0o111 != 0))
    }

    /// Runs a program that only looks, with messages in English.
    ///
    /// # Errors
    /// As [`System::query`].
    pub fn ask<S: Into<String>>(&self, argv: impl IntoIterator<Item = S>) -> Result<CommandOutput> {
        self.query(&Command::new(argv).env("LC_ALL", "C").env("LANG", "C"))
    }
}

/// The answers of the machine that this program runs on.
pub mod real {
    use super::{FilesystemUsage, InterfaceAddress, IpAddr, Path, Result, SystemError, Uname};
    use nix::net::if_::InterfaceFlags;
    use nix::sys::socket::SockaddrStorage;

    /// The kernel's names.
    pub fn uname() -> Uname {
        let names = rustix::system::uname();
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        Uname {
            sysname: text(names.sysname()),
            nodename: text(names.nodename()),
            release: text(names.release()),
            version: text(names.version()),
            machine: text(names.machine()),
        }
    }

    /// Size and use of the file system that holds `path`; `None` where nothing is.
    ///
    /// # Errors
    /// What the system says, such as that it is not allowed.
    pub fn filesystem_usage(path: &Path) -> Result<Option<FilesystemUsage>> {
        match rustix::fs::statvfs(path) {
            Ok(found) => Ok(Some(FilesystemUsage {
                block_size: found.f_bsize,
                fragment_size: found.f_frsize,
                blocks: found.f_blocks,
                blocks_available: found.f_bavail,
                inodes: found.f_files,
                inodes_available: found.f_favail,
            })),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(SystemError::io("measure the file system of", path, error.into())),
        }
    }

    /// Addresses of all network interfaces, in the kernel's order.
    ///
    /// # Errors
    /// What the system says.
    pub fn interface_addresses() -> Result<Vec<InterfaceAddress>> {
        let list = nix::ifaddrs::getifaddrs()
            .map_err(|error| SystemError::Other(format!("list the addresses of network interfaces: {error}")))?;
        Ok(list
            .filter_map(|entry| {
                let address = ip(entry.address.as_ref()?)?;
                let whole = if address.is_ipv4() { 32 } else { 128 };
                let prefix = match entry.netmask.as_ref().and_then(ip) {
                    _ if entry.flags.contains(InterfaceFlags::IFF_POINTOPOINT) && address.is_ipv4() => whole,
                    Some(IpAddr::V4(mask)) => mask.to_bits().count_ones() as u8,
                    Some(IpAddr::V6(mask)) => mask.to_bits().count_ones() as u8,
                    None => whole,
                };
                let broadcast = match entry.broadcast.as_ref().and_then(ip) {
                    Some(IpAddr::V4(broadcast)) if entry.flags.contains(InterfaceFlags::IFF_BROADCAST) => {
                        Some(broadcast)
                    }
                    _ => None,
                };
                Some(InterfaceAddress { label: entry.interface_name, address, prefix, broadcast })
            })
            .collect())
    }

    fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
        let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        ipv4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    }
}
