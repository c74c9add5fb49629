//! Flags and version of an inode, as `lsattr` shows them.

use crate::system::{FileFlags, Result, SystemError};
use rustix::fs::{Mode, OFlags, ioctl_getflags, open};
use rustix::io::Errno;
use rustix::ioctl::{Getter, ioctl, opcode};
use std::os::fd::OwnedFd;
use std::path::Path;

/// In the order in which `lsattr` shows them.
const LETTERS: [(u32, char); 22] = [
    (0x0000_0001, 's'),
    (0x0000_0002, 'u'),
    (0x0000_0008, 'S'),
    (0x0001_0000, 'D'),
    (0x0000_0010, 'i'),
    (0x0000_0020, 'a'),
    (0x0000_0040, 'd'),
    (0x0000_0080, 'A'),
    (0x0000_0004, 'c'),
    (0x0000_0800, 'E'),
    (0x0000_4000, 'j'),
    (0x0000_1000, 'I'),
    (0x0000_8000, 't'),
    (0x0002_0000, 'T'),
    (0x0008_0000, 'e'),
    (0x0080_0000, 'C'),
    (0x0200_0000, 'x'),
    (0x4000_0000, 'F'),
    (0x1000_0000, 'N'),
    (0x2000_0000, 'P'),
    (0x0010_0000, 'V'),
    (0x0000_0400, 'm'),
];

/// `None` where the file system has none, or what is there is neither file nor directory.
pub(super) fn of(path: &Path) -> Result<Option<FileFlags>> {
    let options = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match open(path, options, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::LOOP | Errno::ACCESS | Errno::NXIO | Errno::NODEV) => return Ok(None),
        Err(error) => return Err(SystemError::io("look at the flags of", path, error.into())),
    };
    let Ok(flags) = ioctl_getflags(&file) else { return Ok(None) };
    let letters = LETTERS.into_iter().filter(|(bit, _)| flags.bits() & bit != 0).map(|(_, letter)| letter).collect();
    Ok(Some(FileFlags { letters, version: version(&file) }))
}

/// The inode's generation, where the file system keeps one.
#[allow(unsafe_code, reason = "a request that rustix has no function for")]
fn version(file: &OwnedFd) -> Option<u32> {
    const GET_VERSION: rustix::ioctl::Opcode = opcode::read::<std::ffi::c_long>(b'v', 1);
    // SAFETY: FS_IOC_GETVERSION is declared with a long, and writes an int.
    unsafe { ioctl(file, Getter::<GET_VERSION, [u32; 2]>::new()) }.ok().map(|words| words[0])
}
