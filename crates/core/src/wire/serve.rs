//! The helper's loop: requests in, outcomes out, until the controller closes the pipe.
//!
//! One thread reads frames, so that a cancellation or the end of input is heard while a module runs; one watches time
//! limits; the caller's own runs the modules, one call after the other. Requests may be sent ahead: they queue.
// tidy-allow os: the helper tells its own process id and size, and syncs its own file

use super::context::{CallContext, Output};
use super::control::{Control, Stop};
use super::ledger::{LEDGER, Ledger};
use super::{Frame, Hello, Kind, Request, VERSION};
use crate::module::{Outcome, Registry};
use crate::system::System;
use crate::system::overlay::Simulation;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The first argument of a helper that was just received.
pub const NEW: &str = "new";

/// Makes the machines that calls run on.
pub trait Machines {
    /// The machine itself, as the task that is about to run sees it.
    fn real(&mut self, task: &Task<'_>) -> &mut dyn System;
    /// Starts a process that runs `request` alone ([`run_job`](super::run_job)) and outlives this one.
    ///
    /// # Errors
    /// When it cannot be started.
    fn detach(&mut self, state: &Path, request: &[u8]) -> io::Result<()>;
    /// A simulation on top of it, kept as long as the helper runs.
    fn simulated(&mut self, task: &Task<'_>) -> &mut dyn Simulation;
}

/// What a machine needs to know of the task that is about to run on it.
pub struct Task<'a> {
    /// Variables for the commands that it runs.
    pub environment: &'a BTreeMap<String, String>,
    context: &'a Arc<CallContext>,
}

impl Task<'_> {
    /// The way back to the controller; the same one for all tasks of a helper.
    pub fn context(&self) -> Arc<CallContext> {
        Arc::clone(self.context)
    }
}

/// Answers requests from `input` on `output` until `input` ends.
///
/// `size` is the program's own ([`program_size`]), for the controller to compare.
/// `abandon` is called when a module does not return although its call was given up: it must end the process. So does a
/// panic: the controller hears of it by the end of `output`.
///
/// # Errors
/// When `input` is not made of frames or `output` cannot be written.
pub fn serve(
    size: Option<u64>,
    registry: &Registry,
    machines: &mut dyn Machines,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    abandon: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let control = Arc::new(Control::default());
    let output = Arc::new(Output::new(output));
    let hello = Hello { version: VERSION, pid: std::process::id(), uid: rustix::process::geteuid().as_raw(), size };
    output.send(&Frame::json(Kind::Hello, 0, &hello)?)?;

    let (to_calls, calls) = channel();
    let (to_blobs, blobs) = channel();
    let error = Arc::new(Mutex::new(None));
    {
        let (control, output, error) = (Arc::clone(&control), Arc::clone(&output), Arc::clone(&error));
        std::thread::spawn(move || {
            if let Err(failure) = read(input, &output, &control, &to_calls, &to_blobs) {
                *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            }
            control.close();
        });
    }
    {
        let (control, output) = (Arc::clone(&control), Arc::clone(&output));
        std::thread::spawn(move || {
            if let Some((call, stop)) = control.watch() {
                let outcome = given_up(stop);
                if let Ok(frame) = Frame::json(Kind::Outcome, call, &outcome) {
                    let _closed = output.send(&frame);
                }
                abandon();
            }
        });
    }
    let context = Arc::new(CallContext::new(Arc::clone(&control), Arc::clone(&output), blobs));
    let ledger = Ledger::default();
    let mut helper = Helper { registry, machines, control: Arc::clone(&control), context, ledger };
    let result = helper.answer(&calls, &output);
    control.finish();
    result?;
    let failure = error.lock().unwrap_or_else(PoisonError::into_inner).take();
    failure.map_or(Ok(()), Err)
}

/// Sorts what comes in, until it ends.
fn read(
    mut input: impl Read,
    output: &Output,
    control: &Control,
    calls: &Sender<Call>,
    blobs: &Sender<Frame>,
) -> io::Result<()> {
    while let Some(frame) = Frame::read(&mut input)? {
        // A receiver that is gone means that the helper is ending: nothing is left to sort.
        let delivered = match frame.kind {
            Kind::Request | Kind::RequestAfter => {
                let after = frame.kind == Kind::RequestAfter;
                calls.send(Call { id: frame.call, after, request: frame.parse()? }).is_ok()
            }
            Kind::BlobAnswer | Kind::BlobData => blobs.send(frame).is_ok(),
            Kind::Ping => output.send(&Frame::new(Kind::Pong, frame.call, [])).is_ok(),
            Kind::Cancel => {
                control.cancel(frame.call);
                true
            }
            kind => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{kind:?} frame from a controller")));
            }
        };
        if !delivered {
            break;
        }
    }
    Ok(())
}

/// A request in the queue.
struct Call {
    id: u64,
    /// Not to be run if the one before failed.
    after: bool,
    request: Request,
}

struct Helper<'a> {
    registry: &'a Registry,
    machines: &'a mut dyn Machines,
    control: Arc<Control>,
    context: Arc<CallContext>,
    ledger: Ledger,
}

impl Helper<'_> {
    fn answer(&mut self, calls: &Receiver<Call>, output: &Output) -> io::Result<()> {
        let mut failed = false;
        while let Ok(Call { id, after, request }) = calls.try_recv().or_else(|_| {
            self.ledger.sync();
            calls.recv()
        }) {
            let outcome = if after && failed {
                Outcome::failure("not run: the call before it failed")
            } else {
                self.call(id, request)
            };
            failed = outcome.failed;
            let frame = Frame::json(Kind::Outcome, id, &outcome).or_else(|error| {
                Frame::json(Kind::Outcome, id, &Outcome::failure(format!("failed to send the result: {error}")))
            })?;
            output.send(&frame)?;
        }
        Ok(())
    }

    fn call(&mut self, id: u64, request: Request) -> Outcome {
        self.context.begin(id);
        self.control.begin(id, request.timeout);
        let outcome = match self.control.stopped() {
            None => self.run(request),
            Some(_) => Outcome { failed: true, ..Outcome::default() },
        };
        let stop = self.control.end();
        self.context.end();
        match stop {
            // What was finished nevertheless counts.
            Some(stop) if outcome.failed => given_up(stop),
            _ => outcome,
        }
    }

    fn run(&mut self, request: Request) -> Outcome {
        if request.job.is_some() {
            let environment = request.environment.clone();
            let task = Task { environment: &environment, context: &self.context };
            return super::jobs::start(request, self.machines, &task);
        }
        let Request { module: name, args, mode, diff, environment, simulated, record, .. } = request;
        let task = Task { environment: &environment, context: &self.context };
        if name == LEDGER {
            return self.ledger.call(&args, self.registry, self.machines.real(&task));
        }
        let Some(module) = self.registry.get(&name) else {
            return Outcome::failure(format!("the helper has no module called {name}"));
        };
        if !mode.is_simulated() {
            let system = self.machines.real(&task);
            let mut outcome = module.call(args, mode, diff || record.is_some(), system);
            if let Some(record) = record {
                self.ledger.keep(record, diff, &mut outcome, system);
            }
            return outcome;
        }
        let simulation = self.machines.simulated(&task);
        for delta in &simulated {
            simulation.merge(delta);
        }
        let mut outcome = module.call(args, mode, diff, simulation);
        outcome.simulated = simulation.take_delta();
        outcome
    }
}

/// The file of the program that is running.
fn program() -> Option<File> {
    let named = || std::env::args_os().next().map(File::open);
    File::open("/proc/self/exe").ok().or_else(|| named()?.ok())
}

/// Size of the program that is running, or of the packed one that it came from: a cached file that a crash of the
/// machine left incomplete must be noticed. The size that an unpacked one came from is the last thing in it.
pub fn program_size() -> Option<u64> {
    let program = program()?;
    let length = program.metadata().ok()?.len();
    let mut end = [0; 16];
    program.read_exact_at(&mut end, length.checked_sub(16)?).ok()?;
    let size = end.strip_prefix(b"unpacked").and_then(|size| size.try_into().ok()).map(u64::from_le_bytes);
    Some(size.unwrap_or(length))
}

/// The program that is running was just received: it gets to the disk while it works already.
pub fn keep_program() {
    std::thread::spawn(|| {
        if let Some(program) = program() {
            // Not before the next crash, then: what is incomplete after it is noticed by its size.
            let _may_fail = program.sync_all();
        }
    });
}

/// The outcome of a call that was given up.
fn given_up(stop: Stop) -> Outcome {
    let mut outcome = Outcome::failure(stop.reason());
    if let Stop::TimedOut(seconds) = stop {
        outcome.output.insert("timedout".into(), json!({ "period": Value::from(seconds) }));
    }
    outcome
}
