//! Requests that are sent ahead to an only host: none waits for an answer that nobody needs, and what is told is what
//! was done.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use hostler_core::connection::{Call, Connection, ConnectionError, Connector, RawOutput, Target};
use hostler_core::engine::{Cancel, Engine, EngineParts, RunMode, RunOptions};
use hostler_core::event::{Event, Reporter};
use hostler_core::inventory::{Inventory, LoadOptions};
use hostler_core::module::{Outcome, Registry};
use hostler_core::modules;
use hostler_core::playbook::LiteralOnly;
use hostler_core::system::fake::Fake;
use hostler_core::wire::Request;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked of the host, and what was told of the tasks.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn write(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Reporter for Log {
    fn event(&self, event: &Event) {
        match event {
            Event::HostFinished { task, result, .. } => self.write(format!("{}: {:?}", task.name, result.status)),
            Event::Finished { stats, .. } => {
                let host = &stats["far"];
                self.write(format!("ok={} failed={} rescued={}", host.ok, host.failed, host.rescued));
            }
            _ => {}
        }
    }
}

/// A host whose helper runs what it is sent at once, and nothing behind a failure.
struct Far {
    registry: Registry,
    system: Fake,
    outcomes: VecDeque<Outcome>,
    log: Arc<Log>,
    /// The connection breaks when so many requests were answered.
    breaks_after: usize,
}

impl Far {
    fn run(&mut self, request: &Request) -> Outcome {
        let module = self.registry.get(&request.module).expect("the loader knows the module");
        module.call(request.args.clone(), request.mode, request.diff, &mut self.system)
    }
}

impl Connection for Far {
    fn call(&mut self, request: &Request, _: Call<'_>) -> Result<Outcome, ConnectionError> {
        assert!(self.outcomes.is_empty(), "called while something is on its way");
        self.log.write(format!("call {}", request.module));
        Ok(self.run(request))
    }

    fn send(&mut self, request: &Request, _: Call<'_>) -> Result<bool, ConnectionError> {
        self.log.write(format!("send {}", request.module));
        let outcome = match self.outcomes.back() {
            Some(before) if before.failed => Outcome::failure("not run"),
            _ => self.run(request),
        };
        self.outcomes.push_back(outcome);
        Ok(true)
    }

    fn receive(&mut self, _: Call<'_>) -> Result<Outcome, ConnectionError> {
        self.log.write("receive".into());
        if self.breaks_after == 0 {
            return Err(ConnectionError::Unreachable("connection lost".into()));
        }
        self.breaks_after -= 1;
        self.outcomes.pop_front().ok_or_else(|| ConnectionError::Failed("nothing was sent".into()))
    }

    fn raw(&mut self, _: &str, _: &[u8], _: Option<Duration>, _: Call<'_>) -> Result<RawOutput, ConnectionError> {
        Err(ConnectionError::Failed("no shell here".into()))
    }
}

struct Reach {
    log: Arc<Log>,
    breaks_after: usize,
}

impl Connector for Reach {
    fn connect(&self, _: &Target) -> Result<Box<dyn Connection>, ConnectionError> {
        let (registry, log) = (modules::builtin(), Arc::clone(&self.log));
        let system = Fake::from_json(serde_json::json!({"files": {"/etc": {"kind": "directory"}}}));
        Ok(Box::new(Far { registry, system, outcomes: VecDeque::new(), log, breaks_after: self.breaks_after }))
    }
}

fn run_until(tasks: &str, breaks_after: usize, mode: RunMode) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let playbook = folder.path().join("site.yml");
    std::fs::write(&playbook, format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")).unwrap();
    let hosts = folder.path().join("hosts.yml");
    std::fs::write(&hosts, "all: {hosts: {far: {greeting: hello}}}").unwrap();
    let inventory = Inventory::load(&[hosts.to_str().unwrap()], &LoadOptions::default()).unwrap();
    let log = Arc::new(Log::default());
    let parts = EngineParts::new(Arc::new(Reach { log: Arc::clone(&log), breaks_after }), Arc::clone(&log) as _);
    let playbook = parts.loader.playbook(&playbook, &LiteralOnly).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let options = RunOptions { mode, ..RunOptions::default() };
    let engine = Engine::new(parts, inventory, options, Some(folder.path()), Cancel::default());
    engine.run(&playbook).unwrap();
    engine.finish();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    lines.into_iter().map(|line| line.replace("ansible.builtin.", "")).collect()
}

fn run(tasks: &str) -> Vec<String> {
    run_until(tasks, usize::MAX, RunMode::Apply)
}

const DIRECTORY: &str = "    - {name: directory, file: {path: /a, state: directory}}\n";
const CONTENT: &str = "    - {name: content, copy: {dest: /a/b, content: '{{ greeting }}'}}\n";
const FAILS: &str = "    - {name: fails, file: {path: /missing, state: file}}\n";
const LOOK: &str = "    - {name: look, stat: {path: /a}}\n";

#[test]
fn requests_follow_without_waiting() {
    let skipped = "    - {name: skipped, stat: {path: /a}, when: greeting == 'bye'}\n";
    let log = run(&[DIRECTORY, CONTENT, skipped, LOOK].concat());
    let expected = [
        "send file",
        "send copy",
        "send stat",
        "receive",
        "directory: Changed",
        "receive",
        "content: Changed",
        "skipped: Skipped",
        "receive",
        "look: Ok",
        "ok=3 failed=0 rescued=0",
    ];
    assert_eq!(log, expected);
}

#[test]
fn nothing_behind_a_failure_is_told() {
    let log = run(&[DIRECTORY, FAILS, CONTENT, LOOK].concat());
    let told: Vec<_> = log.iter().filter(|line| line.contains(": ") || line.contains('=')).collect();
    assert_eq!(told, ["directory: Changed", "fails: Failed", "ok=1 failed=1 rescued=0"]);
    assert_eq!(log.iter().filter(|line| *line == "receive").count(), 4, "everything that was sent is taken in");
}

#[test]
fn a_failure_is_rescued() {
    let fails = FAILS.replace("    -", "        -");
    let content = CONTENT.replace("    -", "        -");
    let look = LOOK.replace("    -", "        -");
    let block = format!("    - block:\n{fails}{content}      rescue:\n{look}");
    let log = run(&[DIRECTORY, &block, CONTENT].concat());
    let told: Vec<_> = log.iter().filter(|line| line.contains(": ") || line.contains('=')).collect();
    assert_eq!(
        told,
        ["directory: Changed", "fails: Failed", "look: Ok", "content: Changed", "ok=3 failed=0 rescued=1"]
    );
}

#[test]
fn what_later_tasks_may_need_is_waited_for() {
    let registered = "    - {name: found, stat: {path: /a}, register: found}\n";
    let needs = "    - {name: needs, copy: {dest: /a/c, content: x}, when: found.stat.exists}\n";
    let log = run(&[DIRECTORY, CONTENT, registered, needs, LOOK].concat());
    let place = |line: &str| log.iter().position(|found| found == line).unwrap_or_else(|| panic!("{line}: {log:?}"));
    assert!(place("content: Changed") < place("call stat"), "{log:?}");
    assert!(place("found: Ok") < log.iter().rposition(|line| line == "send copy").unwrap(), "{log:?}");
    assert_eq!(log.last().unwrap(), "ok=5 failed=0 rescued=0");

    // It may bring facts.
    let log = run(&["    - {name: who, getent: {database: passwd}}\n", LOOK].concat());
    assert!(log.iter().all(|line| !line.starts_with("send")), "{log:?}");

    for keyword in ["ignore_errors: true", "failed_when: false", "until: true", "loop: [1, 2]", "delegate_to: other"] {
        let task = format!("    - {{name: x, stat: {{path: /a}}, {keyword}}}\n");
        let log = run(&[&task, LOOK].concat());
        assert!(log.iter().all(|line| !line.starts_with("send")), "{keyword}: {log:?}");
    }
}

#[test]
fn a_broken_connection_is_the_result_of_the_oldest() {
    let log = run_until(&[DIRECTORY, CONTENT, LOOK].concat(), 1, RunMode::Apply);
    let told: Vec<_> = log.iter().filter(|line| line.contains(": ")).collect();
    assert_eq!(told, ["directory: Changed", "content: Unreachable"]);
}

#[test]
fn a_plan_sends_nothing_ahead() {
    let log = run_until(&[DIRECTORY, CONTENT, LOOK].concat(), usize::MAX, RunMode::Plan);
    assert!(log.iter().all(|line| !line.starts_with("send")), "{log:?}");
    assert!(log.contains(&"content: Changed".to_owned()), "{log:?}");
}
