//! One script of events through every reporter, against snapshots.

use super::ansible::Look;
use super::*;
use hostler_core::config::Config;
use hostler_core::diagnostic::{SourceFile, Span};
use hostler_core::event::{Event, HostStats, PlayInfo, Reporter, RunStats, Status, TaskInfo, TaskResult, Work};
use hostler_core::module::Diff;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was printed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn sink(&self) -> Sink {
        Box::new(self.clone())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A reader that is gone.
struct Gone;

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Err(std::io::ErrorKind::BrokenPipe.into())
    }
}

fn task(id: u64, name: &str, action: &str) -> Arc<TaskInfo> {
    let file = SourceFile::new("site.yml", "");
    let span = Some(Span::new(&file, id as u32 * 10, 7));
    Arc::new(TaskInfo {
        id,
        name: name.into(),
        action: format!("ansible.builtin.{action}"),
        span,
        handler: id >= 90,
        ..TaskInfo::default()
    })
}

fn play(name: &str) -> Arc<PlayInfo> {
    Arc::new(PlayInfo { name: name.into(), ..PlayInfo::default() })
}

fn result(status: Status, fields: Value) -> TaskResult {
    let Value::Object(result) = fields else { panic!("not an object") };
    // Only plans tell it, and only the reporter of plans looks at it.
    let work = matches!(status, Status::Changed | Status::Unknown).then(Work::default);
    TaskResult {
        status,
        only_checked: false,
        result,
        diff: Vec::new(),
        elapsed: Duration::from_millis(1250),
        delegated_to: None,
        delegated_address: None,
        work,
    }
}

/// A task that ends on hosts, one after the other.
fn on(task: &Arc<TaskInfo>, results: Vec<(&str, TaskResult)>) -> Vec<Event> {
    let mut events = vec![Event::TaskStarted { task: Arc::clone(task) }];
    for (host, _) in &results {
        events.push(Event::HostStarted { task: Arc::clone(task), host: (*host).into() });
    }
    for (host, result) in results {
        events.push(Event::HostFinished { task: Arc::clone(task), host: host.into(), result });
    }
    events
}

fn item(task: &Arc<TaskInfo>, host: &str, label: &str, result: TaskResult) -> Event {
    Event::ItemFinished { task: Arc::clone(task), host: host.into(), label: label.into(), result }
}

fn changed_file() -> TaskResult {
    let diff = vec![Diff::texts("/etc/motd", "old\n", "new\n")];
    TaskResult { diff, ..result(Status::Changed, json!({"changed": true, "failed": false, "dest": "/etc/motd"})) }
}

fn failed_command() -> TaskResult {
    let fields = json!({
        "changed": true, "failed": true, "cmd": ["make", "all"], "rc": 2, "msg": "non-zero return code",
        "stdout": "one\ntwo", "stdout_lines": ["one", "two"], "stderr": "no rule", "stderr_lines": ["no rule"],
    });
    result(Status::Failed, fields)
}

fn loop_events() -> Vec<Event> {
    let looped = task(3, "loop", "command");
    let ok = || result(Status::Ok, json!({"changed": false, "ansible_loop_var": "item", "item": 1}));
    let bad = || result(Status::Failed, json!({"changed": false, "failed": true, "msg": "boom", "item": 2}));
    let skipped = || result(Status::Skipped, json!({"changed": false, "skipped": true}));
    let mut events = on(&looped, vec![]);
    for host in ["web1", "web2"] {
        events.push(Event::HostStarted { task: Arc::clone(&looped), host: host.into() });
    }
    let end =
        |host: &str, result: TaskResult| Event::HostFinished { task: Arc::clone(&looped), host: host.into(), result };
    events.extend([item(&looped, "web1", "1", ok()), item(&looped, "web1", "2", bad())]);
    events.push(end("web1", result(Status::Ignored, json!({"msg": "One or more items failed", "results": []}))));
    events.extend([item(&looped, "web2", "1", skipped()), item(&looped, "web2", "2", changed_file())]);
    events.push(end("web2", result(Status::Changed, json!({"changed": true, "results": []}))));
    events
}

fn script() -> Vec<Event> {
    let hosts: Vec<Arc<str>> = vec!["web1".into(), "web2".into()];
    let fine = || result(Status::Ok, json!({"changed": false, "failed": false, "ping": "pong"}));
    let mut events = vec![
        Event::PlaybookStarted { path: "plays/site.yml".into(), plays: 2 },
        Event::PlayStarted { play: play("web servers"), hosts: hosts.clone(), free: false, check_mode: false },
    ];
    events.extend(on(&task(1, "common : ping", "ping"), vec![("web2", fine()), ("web1", fine())]));
    events.extend(on(&task(2, "motd", "copy"), vec![("web1", changed_file()), ("web2", changed_file())]));
    events.extend(loop_events());
    let skipped = result(Status::Skipped, json!({"changed": false, "skipped": true, "false_condition": "no"}));
    let elsewhere = TaskResult { delegated_to: Some("lb".into()), ..fine() };
    events.extend(on(&task(4, "some", "ping"), vec![("web1", skipped), ("web2", elsewhere)]));
    let message = result(Status::Ok, json!({"changed": false, "msg": ["a", "ü"]}));
    events.extend(on(&task(5, "debug", "debug"), vec![("web1", message)]));
    events.push(Event::Included {
        task: task(9, "more", "include_tasks"),
        what: "/plays/more.yml".into(),
        hosts,
        item: None,
    });
    let unknown = result(Status::Unknown, json!({"changed": null, "msg": "decided at apply: output of `date`"}));
    events.extend(on(&task(6, "stamp", "shell"), vec![("web1", unknown)]));
    events.push(Event::Warning { message: "odd".into() });
    let flaky = task(7, "make", "command");
    events.push(Event::TaskStarted { task: Arc::clone(&flaky) });
    events.push(Event::HostStarted { task: Arc::clone(&flaky), host: "web1".into() });
    events.push(Event::HostOutput { task: Arc::clone(&flaky), host: "web1".into(), line: "one".into() });
    events.push(Event::Retrying { task: Arc::clone(&flaky), host: "web1".into(), attempt: 1, left: 1 });
    events.push(Event::HostFinished { task: flaky, host: "web1".into(), result: failed_command() });
    let lost = result(Status::Unreachable, json!({"changed": false, "msg": "no route", "unreachable": true}));
    events.extend(on(&task(8, "ping", "ping"), vec![("web2", lost)]));
    events.extend(on(&task(91, "restart", "service"), vec![("web3", fine())]));
    events.push(Event::NoMoreHosts { over_limit: false });
    events.push(Event::NoHostsMatched { play: play("databases") });
    let stats: RunStats = [
        ("web1".into(), HostStats { ok: 4, changed: 1, failed: 1, skipped: 1, ignored: 1, ..HostStats::default() }),
        ("web2".into(), HostStats { ok: 4, changed: 2, unreachable: 1, ..HostStats::default() }),
        ("web3".into(), HostStats { ok: 1, ..HostStats::default() }),
    ]
    .into();
    events.push(Event::Finished { stats, custom: std::collections::BTreeMap::default() });
    events
}

fn printed(reporter: impl FnOnce(&Paper) -> Box<dyn Reporter>) -> String {
    let paper = Paper::default();
    let reporter = reporter(&paper);
    script().iter().for_each(|event| reporter.event(event));
    paper.text()
}

fn view(verbosity: u8) -> View {
    View { palette: Palette::default(), diff: true, look: Look::new(&Config::default(), false, verbosity, false) }
}

fn screen(paper: &Paper) -> Arc<Screen> {
    Arc::new(Screen::plain(paper.sink()))
}

#[test]
fn plain() {
    insta::assert_snapshot!(printed(|paper| Box::new(Plain::new(view(0), paper.sink(), paper.sink()))));
}

#[test]
fn plain_verbose() {
    insta::assert_snapshot!(printed(|paper| Box::new(Plain::new(view(2), paper.sink(), paper.sink()))));
}

#[test]
fn terminal() {
    let text = printed(|paper| Box::new(Terminal::new(view(0), screen(paper))));
    let text = text.rsplit_once(" in ").unwrap().0.to_owned();
    insta::assert_snapshot!(text);
}

#[test]
fn plan() {
    insta::assert_snapshot!(printed(|paper| Box::new(Plan::new(view(0), screen(paper)))));
}

#[test]
fn json_lines() {
    let text = printed(|paper| Box::new(JsonLines::new(paper.sink())));
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let here = format!("{}/", std::env::current_dir().unwrap().display());
    assert!(text.contains(&format!("\"place\":\"{here}site.yml:10\"")), "places are absolute");
    insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION").replace(&here, ""));
}

#[test]
fn ad_hoc() {
    insta::assert_snapshot!(printed(|paper| Box::new(AdHoc::new(view(0), screen(paper), paper.sink()))));
}

#[test]
fn what_changes_nothing_has_no_diff() {
    let quiet = TaskResult { status: Status::Ok, ..changed_file() };
    let paper = Paper::default();
    let reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(Plain::new(view(0), paper.sink(), paper.sink())),
        Box::new(Terminal::new(view(0), screen(&paper))),
        Box::new(AdHoc::new(view(0), screen(&paper), paper.sink())),
    ];
    let all = FanOut(reporters);
    on(&task(1, "look", "command"), vec![("web1", quiet)]).iter().for_each(|event| all.event(event));
    all.event(&Event::NoMoreHosts { over_limit: false });
    assert!(!paper.text().contains("+new"), "{}", paper.text());
}

#[test]
fn colours_are_only_added() {
    let coloured = View { palette: Palette::new(true), ..view(0) };
    let text = printed(|paper| Box::new(Terminal::new(coloured, screen(paper))));
    assert!(text.contains("\u{1b}[33mchanged"), "{text}");
}

#[test]
fn hosts_that_do_not_wait_get_headings_with_their_results() {
    let (first, second) = (task(1, "a", "ping"), task(2, "b", "ping"));
    let fine = || result(Status::Ok, json!({}));
    let start = |task: &Arc<TaskInfo>, host: &str| {
        let event = Event::HostStarted { task: Arc::clone(task), host: host.into() };
        [Event::TaskStarted { task: Arc::clone(task) }, event]
    };
    let end = |task: &Arc<TaskInfo>, host: &str| Event::HostFinished {
        task: Arc::clone(task),
        host: host.into(),
        result: fine(),
    };
    let paper = Paper::default();
    let reporter = Plain::new(view(0), paper.sink(), paper.sink());
    let events =
        start(&first, "h1").into_iter().chain(start(&second, "h2")).chain([end(&first, "h1"), end(&second, "h2")]);
    events.for_each(|event| reporter.event(&event));
    let lines: Vec<String> = paper.text().lines().map(|line| line.trim_end_matches(['*', ' ']).to_owned()).collect();
    assert_eq!(lines, ["", "TASK [a]", "ok: [h1]", "", "TASK [b]", "ok: [h2]"]);
}

#[test]
fn a_reader_that_is_gone_stops_nothing() {
    let reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(Plain::new(view(0), Box::new(Gone), Box::new(Gone))),
        Box::new(JsonLines::new(Box::new(Gone))),
        Box::new(Terminal::new(view(0), Arc::new(Screen::plain(Box::new(Gone))))),
    ];
    let all = FanOut(reporters);
    script().iter().for_each(|event| all.event(event));
}
