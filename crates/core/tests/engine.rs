//! Playbooks of `tests/engine/*.yml`, run on hosts in memory: the order and outcome of every task must be what Ansible
//! itself printed for them (`tests/engine/*.expected`, made by `tests/engine/expect.py`).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test")]

use hostler_core::connection::{Call, Connection, ConnectionError, Connector, RawOutput, Target};
use hostler_core::engine::{Cancel, Engine, EngineParts, RunMode, RunOptions, Typed, Wait};
use hostler_core::event::{Event, Reporter, RunStats, Status, TaskResult};
use hostler_core::inventory::{Inventory, LoadOptions};
use hostler_core::module::{Outcome, Registry};
use hostler_core::modules;
use hostler_core::playbook::LiteralOnly;
use hostler_core::system::fake::Fake;
use hostler_core::wire::Request;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Hosts in memory; `gone` cannot be reached.
struct InMemory(Arc<Registry>);

struct Host {
    registry: Arc<Registry>,
    system: Fake,
}

impl Connector for InMemory {
    fn connect(&self, target: &Target) -> Result<Box<dyn Connection>, ConnectionError> {
        if target.address == "gone" {
            return Err(ConnectionError::Unreachable("Failed to connect to the host: gone".into()));
        }
        let system = Fake::from_json(serde_json::json!({"files": {"/etc": {"kind": "directory"}}}));
        Ok(Box::new(Host { registry: Arc::clone(&self.0), system }))
    }
}

impl Connection for Host {
    fn call(&mut self, request: &Request, _: Call<'_>) -> Result<Outcome, ConnectionError> {
        let module = self.registry.get(&request.module).expect("the loader knows the module");
        Ok(module.call(request.args.clone(), request.mode, request.diff, &mut self.system))
    }

    fn raw(&mut self, command: &str, _: &[u8], _: Option<Duration>, _: Call<'_>) -> Result<RawOutput, ConnectionError> {
        let rc = if command.contains("false") { 1 } else { 0 };
        Ok(RawOutput { rc, stdout: command.as_bytes().to_vec(), stderr: Vec::new() })
    }
}

/// Writes events as lines, hosts of a task in order.
#[derive(Default)]
struct Lines(Mutex<(Vec<String>, Vec<String>)>);

impl Lines {
    fn heading(&self, line: String) {
        let mut guard = self.0.lock().unwrap();
        let (lines, pending) = &mut *guard;
        pending.sort();
        lines.append(pending);
        lines.push(line);
    }

    fn host(&self, line: String) {
        self.0.lock().unwrap().1.push(line);
    }

    fn text(&self) -> String {
        self.heading(String::new());
        self.0.lock().unwrap().0.join("\n")
    }
}

fn word(result: &TaskResult) -> &'static str {
    match result.status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Failed => "fatal",
        Status::Ignored => "ignored",
        Status::Skipped => "skipping",
        Status::Unreachable => "unreachable",
        Status::Unknown => "unknown",
    }
}

/// What `debug` and `fail` say is compared too.
fn message(action: &str, result: &TaskResult) -> String {
    let name = action.rsplit('.').next().unwrap_or_default();
    let failed = result.status == Status::Failed;
    let shown = ["debug", "fail", "assert"].contains(&name) || (failed && name == "validate_argument_spec");
    match result.result.get("msg") {
        Some(message) if shown && !result.result.contains_key("results") && !message.is_array() => {
            format!(" {message}")
        }
        _ => String::new(),
    }
}

impl Reporter for Lines {
    fn event(&self, event: &Event) {
        match event {
            Event::PlayStarted { play, .. } => self.heading(format!("PLAY {}", play.name)),
            Event::NoHostsMatched { play } => {
                self.heading(format!("PLAY {}", play.name));
                self.heading("no hosts matched".into());
            }
            Event::TaskStarted { task } => {
                self.heading(format!("{} {}", if task.handler { "HANDLER" } else { "TASK" }, task.name));
            }
            Event::ItemFinished { host, label, result, task } => {
                // Whether a failure is ignored is said of the whole loop.
                let word = if result.status == Status::Ignored { "fatal" } else { word(result) };
                self.host(format!("{word} {host} item={label}{}", message(&task.action, result)));
            }
            Event::HostFinished { task, host, result } => {
                // Of a loop nothing more is printed, unless nothing was done at all.
                let looped = result.result.contains_key("results");
                if !looped || result.status == Status::Skipped {
                    self.host(format!("{} {host}{}", word(result), message(&task.action, result)));
                }
            }
            Event::Included { hosts, .. } => {
                hosts.iter().for_each(|host| self.host(format!("included {host}")));
            }
            Event::Finished { stats, .. } => {
                for (host, line) in recap(stats) {
                    self.heading(format!("{host} {line}"));
                }
            }
            _ => {}
        }
    }
}

fn recap(stats: &RunStats) -> Vec<(String, String)> {
    let line = |host: &hostler_core::event::HostStats| {
        format!(
            "ok={} changed={} unreachable={} failed={} skipped={} rescued={} ignored={}",
            host.ok, host.changed, host.unreachable, host.failed, host.skipped, host.rescued, host.ignored
        )
    };
    stats.iter().map(|(host, stats)| (host.to_string(), line(stats))).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine")
}

fn run(playbook: &Path, change: impl FnOnce(&mut RunOptions)) -> String {
    let inventory = Inventory::load(&[folder().join("hosts").to_str().unwrap()], &LoadOptions::default()).unwrap();
    let lines = Arc::new(Lines::default());
    let connector = Arc::new(InMemory(Arc::new(modules::builtin())));
    let parts = EngineParts::new(connector, Arc::clone(&lines) as Arc<dyn Reporter>);
    let loaded = parts.loader.playbook(playbook, &LiteralOnly).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut options = RunOptions { forks: 8, ..RunOptions::default() };
    change(&mut options);
    let engine = Engine::new(parts, inventory, options, playbook.parent(), Cancel::default());
    if let Err(errors) = engine.validate(&loaded) {
        return format!("refused: {errors:#?}");
    }
    engine.run(&loaded).unwrap();
    engine.finish();
    lines.text()
}

#[test]
fn playbooks_end_as_in_ansible() {
    let mut failed = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        count += 1;
        let expected = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let found = run(&path, |_| {});
        if expected.trim() != found.trim() {
            let diff = similar::TextDiff::from_lines(expected.trim(), found.trim())
                .unified_diff()
                .header("ansible", "hostler")
                .to_string();
            failed.push(format!("{}:\n{diff}", path.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(count > 0, "there are no playbooks");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_plan_changes_nothing_and_later_tasks_see_what_earlier_ones_would_do() {
    let playbook = folder().join("plan/site.yml");
    let text = run(&playbook, |options| options.mode = RunMode::Plan);
    assert!(text.contains("changed web1"), "{text}");
    assert!(!text.contains("fatal"), "{text}");
}

/// Gives answers one after the other, and keeps what was asked.
struct Answers(Mutex<(Vec<&'static str>, Vec<String>)>);

impl hostler_core::engine::Prompter for Answers {
    fn ask(&self, prompt: &str, echo: bool) -> Result<String, String> {
        let mut state = self.0.lock().unwrap();
        state.1.push(format!("{prompt}{}", if echo { "" } else { "(hidden)" }));
        Ok(state.0.remove(0).to_owned())
    }

    /// An answer of one key, if it ends the wait, or a line.
    fn wait(&self, prompt: &str, wait: &Wait<'_>) -> Result<Typed, String> {
        let mut state = self.0.lock().unwrap();
        state.1.push(format!("{prompt}|"));
        let answer = state.0.remove(0);
        Ok(match answer.chars().next() {
            Some(key) if wait.interrupts.contains(key) => Typed::Interrupted,
            _ => Typed::Text(answer.to_owned()),
        })
    }
}

fn pauses(answers: Vec<&'static str>) -> (String, String) {
    let answers = Arc::new(Answers(Mutex::new((answers, Vec::new()))));
    let inventory = Inventory::load(&[folder().join("hosts").to_str().unwrap()], &LoadOptions::default()).unwrap();
    let lines = Arc::new(Lines::default());
    let connector = Arc::new(InMemory(Arc::new(modules::builtin())));
    let mut parts = EngineParts::new(connector, Arc::clone(&lines) as Arc<dyn Reporter>);
    parts.prompter = Some(Arc::clone(&answers) as Arc<dyn hostler_core::engine::Prompter>);
    let playbook = folder().join("prompts/pause.yml");
    let loaded = parts.loader.playbook(&playbook, &LiteralOnly).unwrap();
    let engine = Engine::new(parts, inventory, RunOptions::default(), playbook.parent(), Cancel::default());
    engine.run(&loaded).unwrap();
    let asked = answers.0.lock().unwrap().1.join("");
    (lines.text(), asked)
}

#[test]
fn a_pause_goes_on_or_is_aborted() {
    const ENTER: &str = "[Wait]\nPress enter to continue, Ctrl+C to interrupt:|";
    const TIMED: &str = "Pausing for 60 seconds\n(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)|";
    const CHOOSE: &str = "Press 'C' to continue the play or 'A' to abort |";
    let (text, asked) = pauses(vec!["typed", "\u{3}", ""]);
    assert!(text.contains("got typed and nothing"), "{text}");
    assert_eq!(asked, format!("{ENTER}{TIMED}{CHOOSE}"));
    let (text, asked) = pauses(vec!["\u{3}", "a"]);
    assert!(text.contains("fatal web1"), "{text}");
    assert_eq!(asked, format!("{ENTER}{CHOOSE}"));
}

#[test]
fn answers_are_templates_unless_unsafe_and_hashed_where_asked_for() {
    let answers =
        Arc::new(Answers(Mutex::new((vec!["{{ color }}", "{{ color }}", "", "one", "two", "pw", "pw"], Vec::new()))));
    let inventory = Inventory::load(&[folder().join("hosts").to_str().unwrap()], &LoadOptions::default()).unwrap();
    let lines = Arc::new(Lines::default());
    let connector = Arc::new(InMemory(Arc::new(modules::builtin())));
    let mut parts = EngineParts::new(connector, Arc::clone(&lines) as Arc<dyn Reporter>);
    parts.prompter = Some(Arc::clone(&answers) as Arc<dyn hostler_core::engine::Prompter>);
    let playbook = folder().join("prompts/site.yml");
    let loaded = parts.loader.playbook(&playbook, &LiteralOnly).unwrap();
    let engine = Engine::new(parts, inventory, RunOptions::default(), playbook.parent(), Cancel::default());
    engine.run(&loaded).unwrap();
    let text = lines.text();
    // What Ansible's do_encrypt gives for this password and salt.
    assert!(text.contains("green, {{ color }}, preset, $6$"), "{text}");
    assert!(text.contains("$saltsalt$"), "{text}");
    let asked = answers.0.lock().unwrap().1.join("");
    let confirmed = "Password: confirm Password: ";
    assert_eq!(asked, format!("Plain: Unsafe: missing [preset]: {confirmed}{confirmed}"));
}
