//! Both ends over a socket pair, with modules made for the purpose.

use super::client::{Client, ClientError, Handlers, Link, Received};
use super::*;
use crate::module::{Checked, Diff, Mode, Module, ModuleError, Outcome, Registry, Simulated};
use crate::system::fake::Fake;
use crate::system::overlay::{Overlay, Simulation};
use crate::system::{Content, Result, System, WriteFile};
use crate::text::hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Does what its argument says.
struct Probe;

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    value: String,
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    value: String,
}

impl Module for Probe {
    const NAME: &'static str = "test.probe";
    type Args = Args;
    type Output = Answer;
    type Change = String;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let answer = |value: String| Ok(Checked::unchanged(Answer { value }));
        match args.what.as_str() {
            "echo" => answer(args.value.clone()),
            "blob" => {
                let mut sizes = Vec::new();
                for _ in 0..2 {
                    sizes.push(io::copy(&mut system.blob(&args.value)?, &mut io::sink()).unwrap().to_string());
                }
                answer(sizes.join(" "))
            }
            "write" => Ok(Checked::changed(Answer { value: String::new() }, args.value.clone())),
            "wait" => {
                system.sleep(Duration::from_secs(3600));
                Err(ModuleError::new("interrupted"))
            }
            "set" if system.resource("probe", "x").is_none() => {
                Ok(Checked::changed(Answer { value: String::new() }, args.value.clone()))
            }
            "set" => answer("is set".into()),
            "env" => answer(system.env("PROBE").unwrap_or_default()),
            other => Err(ModuleError::new(format!("cannot {other}"))),
        }
    }

    fn apply(args: &Args, change: String, system: &mut dyn System) -> Result<Answer, ModuleError> {
        if args.what == "write" {
            // HASH SIZE PATH
            let words: Vec<&str> = change.splitn(3, ' ').collect();
            let content = Content::Blob { sha256: words[0].to_owned(), size: words[1].parse().unwrap() };
            system.write(Path::new(words[2]), &WriteFile::of(content))?;
        }
        Ok(Answer { value: change })
    }

    fn simulate(_: &Args, change: String, system: &mut dyn System) -> Result<Simulated<Answer>, ModuleError> {
        system.set_resource("probe", "x", json!(true));
        Ok(Simulated::known(Answer { value: change }))
    }

    fn diff(change: &String) -> Vec<Diff> {
        vec![Diff::prepared(change.clone())]
    }
}

impl Link for UnixStream {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Received> {
        self.set_read_timeout(Some(wait))?;
        match Read::read(self, buffer) {
            Ok(0) => Ok(Received::End),
            Ok(count) => Ok(Received::Bytes(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

/// The real machine for what leads back to the controller, a fake one for all else.
#[derive(Default)]
struct TestMachines {
    real: Option<system_os::Os>,
    simulated: Option<Overlay<Fake>>,
}

use crate::system::os as system_os;

impl Machines for TestMachines {
    fn real(&mut self, task: &Task<'_>) -> &mut dyn System {
        let os = self.real.get_or_insert_with(|| system_os::Os::with_context(task.context()));
        os.set_environment(task.environment.clone());
        os
    }

    fn detach(&mut self, state: &std::path::Path, request: &[u8]) -> io::Result<()> {
        let (state, request) = (state.to_owned(), request.to_vec());
        std::thread::spawn(move || {
            let registry = Registry::new().with::<Probe>();
            run_job(&registry, &mut TestMachines::default(), &mut system_os::Os::new(), &state, &*request).unwrap();
        });
        Ok(())
    }

    fn simulated(&mut self, _: &Task<'_>) -> &mut dyn Simulation {
        self.simulated.get_or_insert_with(|| Overlay::new(Fake::from_json(json!({}))))
    }
}

struct Helper {
    client: Client<UnixStream>,
    thread: JoinHandle<io::Result<()>>,
}

fn helper() -> Helper {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let thread = std::thread::spawn(move || {
        let registry = Registry::new().with::<Probe>();
        let output = theirs.try_clone().unwrap();
        serve(None, &registry, &mut TestMachines::default(), theirs, output, || panic!("a module did not return"))
    });
    let client = Client::open(ours, &[], Duration::from_secs(10)).map_err(|(_, error)| error).unwrap();
    Helper { client, thread }
}

fn request(what: &str, value: &str, mode: Mode) -> Request {
    Request {
        id: 0,
        module: "probe".into(),
        args: json!({ "do": what, "value": value }),
        mode,
        diff: true,
        environment: [("PROBE".to_owned(), value.to_owned())].into(),
        timeout: None,
        job: None,
        simulated: Vec::new(),
        record: None,
    }
}

impl Helper {
    fn call(&mut self, request: &Request) -> Result<Outcome, ClientError> {
        let blobs = |_: &str| None;
        self.client.call(request, Handlers { blobs: &blobs, progress: &mut |_| {}, cancelled: &|| false })
    }

    fn value(&mut self, what: &str, value: &str, mode: Mode) -> Value {
        let outcome = self.call(&request(what, value, mode)).unwrap();
        outcome.output.get("value").or(outcome.output.get("msg")).unwrap().clone()
    }
}

#[test]
fn calls_are_answered_one_after_the_other() {
    let mut helper = helper();
    assert_eq!(helper.client.hello().version, VERSION);
    assert_eq!(helper.value("echo", "hallo", Mode::Apply), "hallo");
    assert_eq!(helper.value("env", "from the task", Mode::Check), "from the task");
    let mut unknown = request("echo", "", Mode::Apply);
    unknown.module = "nothing".into();
    assert!(helper.call(&unknown).unwrap().failed);
    assert_eq!(helper.value("echo", "still here", Mode::Apply), "still here");
    let Helper { client, thread } = helper;
    drop(client);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_simulation_is_remembered_and_the_machine_is_not_touched() {
    let mut helper = helper();
    let outcome = helper.call(&request("set", "a", Mode::Simulate)).unwrap();
    assert!(outcome.changed && outcome.change == Some(json!("a")) && outcome.diff.len() == 1);
    assert_eq!(helper.value("set", "a", Mode::Simulate), "is set");
    assert!(helper.call(&request("set", "a", Mode::Check)).unwrap().changed);
}

#[test]
fn contents_are_sent_once_a_call_within_the_window() {
    use sha2::{Digest, Sha256};
    let content = vec![b'x'; 9_000_001];
    let hash = hex(&Sha256::digest(&content));
    let opened = AtomicU32::new(0);
    let mut helper = helper();
    let blobs = |wanted: &str| {
        opened.fetch_add(1, Ordering::Relaxed);
        let content = content.clone();
        (wanted == hash).then(|| (content.len() as u64, Box::new(io::Cursor::new(content)) as Box<dyn Read + Send>))
    };
    let mut call = |value: &str| {
        let handlers = Handlers { blobs: &blobs, progress: &mut |_| {}, cancelled: &|| false };
        helper.client.call(&request("blob", value, Mode::Check), handlers).unwrap().output
    };
    assert_eq!(call(&hash)["value"], "9000001 9000001");
    assert_eq!(opened.load(Ordering::Relaxed), 1);
    let msg = call("0000")["msg"].to_string();
    assert!(msg.contains("there is no such content"), "{msg}");

    // Other bytes than the hash promised are refused, and a file that became shorter is too.
    for (length, bytes) in [(3, "abc"), (5, "abc")] {
        let lies = |_: &str| Some((length, Box::new(io::Cursor::new(bytes)) as Box<dyn Read + Send>));
        let handlers = Handlers { blobs: &lies, progress: &mut |_| {}, cancelled: &|| false };
        assert!(helper.client.call(&request("blob", &hash, Mode::Check), handlers).unwrap().failed);
    }
    assert_eq!(helper.value("echo", "in step", Mode::Apply), "in step");
}

#[test]
fn long_contents_are_written_as_they_come() {
    use sha2::{Digest, Sha256};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long");
    let content: Vec<u8> = (0..9_000_001_u32).map(|number| (number % 251) as u8).collect();
    let hash = hex(&Sha256::digest(&content));
    let mut helper = helper();
    let mut write = |sent: &[u8]| {
        let blobs = |_: &str| {
            let reader: Box<dyn Read + Send> = Box::new(io::Cursor::new(sent.to_vec()));
            Some((sent.len() as u64, reader))
        };
        let handlers = Handlers { blobs: &blobs, progress: &mut |_| {}, cancelled: &|| false };
        let value = format!("{hash} {} {}", content.len(), path.display());
        helper.client.call(&request("write", &value, Mode::Apply), handlers).unwrap()
    };
    // Other bytes never get the name.
    let mut other = content.clone();
    other[8_999_999] ^= 1;
    let outcome = write(&other);
    assert!(outcome.failed && outcome.output["msg"].to_string().contains("sent other bytes"), "{outcome:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let outcome = write(&content);
    assert!(!outcome.failed, "{outcome:?}");
    assert!(std::fs::read(&path).unwrap() == content);
    assert_eq!(helper.value("echo", "in step", Mode::Apply), "in step");
}

#[test]
fn calls_end_by_time_limit_and_cancellation() {
    let mut helper = helper();
    let start = Instant::now();
    let limited = Request { timeout: Some(0.3), ..request("wait", "", Mode::Apply) };
    let outcome = helper.call(&limited).unwrap();
    assert_eq!(outcome.output["msg"], "Timed out after 0.3 second(s).");
    assert_eq!(outcome.output["timedout"], json!({ "period": 0.3 }));

    let handlers = Handlers { blobs: &|_| None, progress: &mut |_| {}, cancelled: &|| true };
    let outcome = helper.client.call(&request("wait", "", Mode::Apply), handlers).unwrap();
    assert_eq!(outcome.output["msg"], "cancelled");
    assert_eq!(helper.value("echo", "still here", Mode::Apply), "still here");
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_silent_helper_is_lost_and_a_busy_one_is_not() {
    let mut busy = helper();
    let long = Request { timeout: Some(2.5), ..request("wait", "", Mode::Apply) };
    assert_eq!(busy.call(&long).unwrap().output["msg"], "Timed out after 2.5 second(s).");

    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let hello = Hello { version: VERSION, pid: 1, uid: 0, size: None };
    Frame::json(Kind::Hello, 0, &hello).unwrap().write(&mut theirs).unwrap();
    let mut client = Client::open(ours, &[], Duration::from_secs(1)).map_err(|(_, error)| error).unwrap();
    let handlers = Handlers { blobs: &|_| None, progress: &mut |_| {}, cancelled: &|| false };
    let error = client.call(&request("echo", "", Mode::Apply), handlers).unwrap_err();
    assert!(matches!(&error, ClientError::Lost(source) if source.kind() == io::ErrorKind::TimedOut), "{error}");
}

#[test]
fn the_end_of_input_ends_a_running_module() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let finished = Arc::new(AtomicU32::new(0));
    let thread = std::thread::spawn({
        let finished = Arc::clone(&finished);
        move || {
            let registry = Registry::new().with::<Probe>();
            let output = theirs.try_clone().unwrap();
            let _closed = serve(None, &registry, &mut TestMachines::default(), theirs, output, || panic!("stuck"));
            finished.store(1, Ordering::Relaxed);
        }
    });
    Frame::json(Kind::Request, 1, &request("wait", "", Mode::Apply)).unwrap().write(&mut ours).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(ours);
    thread.join().unwrap();
    assert_eq!(finished.load(Ordering::Relaxed), 1);
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_order() {
    let mut helper = helper();
    for value in ["one", "two", "three"] {
        helper.client.send(&request("echo", value, Mode::Apply)).unwrap();
    }
    for value in ["one", "two", "three"] {
        let handlers = Handlers { blobs: &|_| None, progress: &mut |_| {}, cancelled: &|| false };
        assert_eq!(helper.client.receive(handlers).unwrap().output["value"], value);
    }
}

#[test]
fn what_was_sent_behind_a_failure_is_not_run() {
    let mut helper = helper();
    for what in ["set", "nonsense", "set", "set"] {
        helper.client.send(&request(what, "x", Mode::Apply)).unwrap();
    }
    let mut receive = || {
        let handlers = Handlers { blobs: &|_| None, progress: &mut |_| {}, cancelled: &|| false };
        helper.client.receive(handlers).unwrap()
    };
    assert!(!receive().failed);
    assert_eq!(receive().output["msg"], "cannot nonsense");
    for _ in 0..2 {
        let outcome = receive();
        assert!(outcome.failed && !outcome.changed);
        assert_eq!(outcome.output["msg"], "not run: the call before it failed");
    }
    // With nothing on its way any more, the next one begins anew.
    assert!(!helper.call(&request("echo", "x", Mode::Apply)).unwrap().failed);
}

#[test]
fn another_version_is_not_talked_to() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let hello = Hello { version: VERSION + 1, pid: 1, uid: 0, size: None };
    Frame::json(Kind::Hello, 0, &hello).unwrap().write(&mut theirs).unwrap();
    let Err((_, error)) = Client::open(ours, &[], Duration::from_secs(1)) else { panic!("accepted") };
    assert!(error.to_string().contains("protocol version"), "{error}");
}

#[test]
fn a_job_goes_on_without_the_helper_and_leaves_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("jobs");
    let begin = |what: &str, limit: f64, id: &str| {
        let mut helper = helper();
        let job = Job { id: id.into(), directory: directory.to_str().unwrap().into(), limit };
        let outcome = helper.call(&Request { job: Some(job), ..request(what, "hallo", Mode::Apply) }).unwrap();
        assert!(outcome.changed && !outcome.failed, "{outcome:?}");
        assert_eq!(outcome.output["finished"], json!(false));
        directory.join(id)
    };
    let ended = |path: &std::path::Path| loop {
        let state: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        if state["finished"] == json!(true) {
            break state;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let state = ended(&begin("echo", 10.0, "j1"));
    assert_eq!((&state["value"], &state["failed"]), (&json!("hallo"), &json!(false)));
    assert_eq!(state["ansible_job_id"], json!("j1"));
    let state = ended(&begin("wait", 0.2, "j2"));
    assert_eq!((&state["msg"], &state["failed"]), (&json!("Timeout exceeded"), &json!(true)));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&directory).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
}
