//! Type and encoding of contents, from the `file` program: one process for all that is asked of a helper, since each would
//! read its whole book of patterns first.

use super::process::find_program;
use super::{Os, System, SystemError};
use crate::system::FileKind;
use crate::system::Result;
use crate::system::file::Mime;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How often it is asked whether anybody still waits.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A running `file` that is told names and answers in lines.
pub(super) struct Magic(Child);

impl Drop for Magic {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _nothing_to_do_about_it = self.0.wait();
    }
}

impl Magic {
    fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--brief", "--no-buffer", "--mime-type", "--mime-encoding", "--files-from", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// The answer to a name: `None` if nobody waits for it any more.
    fn ask(&mut self, name: &str, given_up: &dyn Fn() -> bool) -> io::Result<Option<String>> {
        let (Some(input), Some(output)) = (&mut self.0.stdin, &mut self.0.stdout) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        input.write_all(format!("{name}\n").as_bytes())?;
        let (mut line, mut piece) = (Vec::new(), [0; 1024]);
        while !line.ends_with(b"\n") {
            if given_up() {
                return Ok(None);
            }
            if poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&TICK))? == 0 {
                continue;
            }
            match output.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => line.extend_from_slice(&piece[..count]),
            }
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

impl Os {
    pub(super) fn magic(&self, path: &Path) -> Result<Option<Mime>> {
        let Some(program) = find_program("file", &self.path(), Path::new("/")) else { return Ok(None) };
        let Some(meta) = self.symlink_metadata(path)? else { return Ok(None) };
        // What `file` says without a look inside.
        let kind = match meta.kind {
            FileKind::Directory => "inode/directory",
            FileKind::Link => "inode/symlink",
            FileKind::Fifo => "inode/fifo",
            FileKind::Socket => "inode/socket",
            FileKind::CharDevice => "inode/chardevice",
            FileKind::BlockDevice => "inode/blockdevice",
            FileKind::File if meta.size == 0 => "inode/x-empty",
            FileKind::File => return self.ask_file(&program, path),
        };
        Ok(Some(Mime { kind: kind.to_owned(), charset: "binary".to_owned() }))
    }

    fn ask_file(&self, program: &Path, path: &Path) -> Result<Option<Mime>> {
        // Names are lines: one that breaks them has to stay unknown, as has one that is no text.
        let Some(name) = path.to_str().filter(|name| !name.contains('\n')) else { return Ok(None) };
        let failed = |source| SystemError::Spawn { program: program.display().to_string(), source };
        let mut running = self.magic.borrow_mut();
        let magic = match running.take() {
            Some(magic) => magic,
            None => Magic::start(program).map_err(failed)?,
        };
        let answer = running.insert(magic).ask(name, &|| self.given_up());
        if !matches!(answer, Ok(Some(_))) {
            *running = None;
        }
        Ok(answer.map_err(failed)?.and_then(|line| Mime::parse(&line)))
    }
}
