//! Tasks in the background (`async`): a process of their own, whose state is in a file as Ansible's `~/.ansible_async` has it.
//!
//! The helper starts itself once more with the file's name and gives it the request over standard input, so that no argument shows
//! in a list of processes. That process outlives the helper and the connection.

use super::frame::Decoder;
use super::serve::{Machines, Task, serve};
use super::{Frame, Kind, Request};
use crate::module::types::PathArg;
use crate::module::{Outcome, Registry};
use crate::system::{System, WriteFile};
use serde_json::{Map, Value, json};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

/// The first argument of a helper that is to run one task alone.
pub const JOB: &str = "job";

/// Begins a task in the background. What comes back says where it will tell of its end.
pub(super) fn start(mut request: Request, machines: &mut dyn Machines, task: &Task<'_>) -> Outcome {
    let Some(job) = request.job.take() else { return Outcome::failure("the request is no job") };
    let system = machines.real(task);
    let path = match place(&job.directory, &job.id, system) {
        Ok(path) => path,
        Err(message) => return Outcome::failure(message),
    };
    let mut state = Map::new();
    state.insert("ansible_job_id".into(), job.id.into());
    state.insert("started".into(), true.into());
    state.insert("finished".into(), false.into());
    if let Err(message) = save(&path, &state, system) {
        return Outcome::failure(message);
    }
    request.timeout = Some(job.limit);
    let detached = serde_json::to_vec(&request).map_err(io::Error::other);
    if let Err(error) = detached.and_then(|request| machines.detach(&path, &request)) {
        return Outcome::failure(format!("failed to start the job: {error}"));
    }
    state.insert("results_file".into(), path.to_string_lossy().into_owned().into());
    Outcome { changed: true, output: state, ..Outcome::default() }
}

/// The file of a job; its directory is made if it is not there.
fn place(directory: &str, id: &str, system: &mut dyn System) -> Result<PathBuf, String> {
    let directory: PathArg = serde_json::from_value(json!(directory)).map_err(|error| error.to_string())?;
    let directory = directory.path(system).map_err(|error| error.to_string())?;
    let missing: Vec<_> = directory.ancestors().take_while(|dir| !system.exists(dir).unwrap_or(false)).collect();
    for dir in missing.into_iter().rev() {
        system.create_dir(dir, 0o700).map_err(|error| error.to_string())?;
    }
    Ok(directory.join(id))
}

fn save(path: &Path, state: &Map<String, Value>, system: &mut dyn System) -> Result<(), String> {
    let content = serde_json::to_vec(state).map_err(|error| error.to_string())?;
    let file = WriteFile { mode: Some(0o600), ..WriteFile::new(content) };
    system.write(path, &file).map_err(|error| error.to_string())
}

/// Leaves the session of whoever started this process: their end is not this one's.
///
/// # Errors
/// When the process leads a group of others.
pub fn own_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Runs the request that `input` has, and writes what came of it to `path`.
///
/// # Errors
/// What cannot be read or written.
pub fn run_job(
    registry: &Registry,
    machines: &mut dyn Machines,
    system: &mut dyn System,
    path: &Path,
    mut input: impl Read,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let request: Request = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
    let mut frame = Vec::new();
    Frame::json(Kind::Request, 1, &request)?.encode(&mut frame);
    let (ended, outcomes) = channel();
    let (done, wait) = channel();
    let input = Once { bytes: io::Cursor::new(frame), done: wait };
    let output = Outcomes { decoder: Decoder::default(), ended, done };
    // A module that never returns leaves its outcome, and a thread that ends with the process.
    serve(None, registry, machines, input, output, || {})?;
    let outcome = outcomes.try_iter().next().unwrap_or_else(|| Outcome::failure("the job left no result"));
    save(path, &finished(path, outcome), system).map_err(io::Error::other)
}

/// Tells in `path` that its job came to an end that nobody foresaw.
///
/// # Errors
/// What cannot be written.
pub fn fail_job(path: &Path, message: &str, system: &mut dyn System) -> io::Result<()> {
    save(path, &finished(path, Outcome::failure(message)), system).map_err(io::Error::other)
}

/// A job's state when it has ended.
fn finished(path: &Path, outcome: Outcome) -> Map<String, Value> {
    let mut state = outcome.output;
    if state.contains_key("timedout") {
        state.insert("msg".into(), "Timeout exceeded".into());
    }
    state.insert("changed".into(), outcome.changed.into());
    state.insert("failed".into(), outcome.failed.into());
    let id = path.file_name().map(|id| id.to_string_lossy().into_owned()).unwrap_or_default();
    state.insert("ansible_job_id".into(), id.into());
    state.insert("started".into(), true.into());
    state.insert("finished".into(), true.into());
    state
}

/// One request, then nothing until it is answered: the end of input would mean that nobody wants the answer.
struct Once {
    bytes: io::Cursor<Vec<u8>>,
    done: Receiver<()>,
}

impl Read for Once {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            // An error means that the other end is gone: that too is the end.
            let _ended = self.done.recv();
        }
        Ok(count)
    }
}

/// Hears the answer.
struct Outcomes {
    decoder: Decoder,
    ended: Sender<Outcome>,
    done: Sender<()>,
}

impl Write for Outcomes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.next_frame()? {
            if frame.kind == Kind::Outcome {
                let _nobody_waits = self.ended.send(frame.parse()?);
                let _ended = self.done.send(());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
