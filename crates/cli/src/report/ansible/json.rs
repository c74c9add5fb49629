//! `json` and `jsonl`: what happened, as one document at the end of the run, or as a line of JSON each time.

use super::Look;
use crate::report::python_json;
use crate::report::result_text::place;
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{CustomStats, Event, PlayInfo, Reporter, RunStats, Status, TaskInfo};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Mutex;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonForm {
    /// `json`.
    Document,
    /// `jsonl`.
    Lines,
}

/// The reporter.
pub struct Json {
    form: JsonForm,
    /// Columns a level; none is all on one line.
    indent: Option<usize>,
    custom_stats: bool,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    err: Sink,
    /// The play that goes on.
    play: Option<Value>,
    /// Those that are over, of a document.
    plays: Vec<Value>,
    /// Its tasks that were begun, in order. Lines need only those that go on.
    tasks: Vec<Value>,
    /// Hosts do not wait for each other: each has a task of its own, by its number.
    free: bool,
    of_hosts: HashMap<(String, u64), usize>,
}

impl Json {
    /// Prints to `out`, warnings to `err`.
    pub fn new(form: JsonForm, look: &Look, out: Sink, err: Sink) -> Self {
        let indent = match form {
            JsonForm::Document => look.json_indent.unwrap_or(4),
            JsonForm::Lines => look.json_indent.unwrap_or(0),
        };
        let indent = usize::try_from(indent).ok().filter(|columns| *columns > 0);
        let (play, plays, tasks, of_hosts) = (None, Vec::new(), Vec::new(), HashMap::new());
        let state = State { out, err, play, plays, tasks, free: false, of_hosts };
        Self { form, indent, custom_stats: look.custom_stats, state: Mutex::new(state) }
    }

    /// Prints what happened, where each time is told.
    fn tell(&self, state: &mut State, event: &str, what: &Value) {
        if self.form == JsonForm::Lines {
            let mut what = what.clone();
            what["_event"] = Value::from(event);
            what["_timestamp"] = Value::from(now());
            self.print(state, &what);
        }
    }

    fn print(&self, state: &mut State, what: &Value) {
        let text = match (self.indent, self.form) {
            (Some(columns), _) => python_json::indented(what, columns),
            (None, JsonForm::Document) => python_json::line(what),
            (None, JsonForm::Lines) => python_json::compact(what),
        };
        put(&mut state.out, &format!("{text}\n"));
    }

    fn play(&self, state: &mut State, play: &PlayInfo, free: bool) {
        state.close_play();
        let path = play.span.as_ref().map(place).unwrap_or_default();
        let id = format!("play-{}", state.plays.len() + 1);
        let about = json!({"id": id, "name": play.name, "path": path, "duration": {"start": now()}});
        let play = json!({"play": about, "tasks": []});
        self.tell(state, "v2_playbook_on_play_start", &play);
        (state.play, state.free) = (Some(play), free);
    }

    /// A task begins; on a host of its own where hosts do not wait for each other.
    fn task(&self, state: &mut State, task: &TaskInfo, host: Option<&str>) {
        if state.free != host.is_some() {
            return;
        }
        let path = task.span.as_ref().map(place).unwrap_or_default();
        let id = format!("task-{}", task.number);
        let about = json!({"id": id, "name": task.name, "path": path, "duration": {"start": now()}});
        let begun = json!({"task": about, "hosts": {}});
        let event = match host {
            Some(_) => "v2_runner_on_start",
            None if task.handler => "v2_playbook_on_handler_task_start",
            None => "v2_playbook_on_task_start",
        };
        self.tell(state, event, &begun);
        if self.form == JsonForm::Lines && host.is_none() {
            state.tasks.clear();
        }
        state.tasks.push(begun);
        if let Some(host) = host {
            state.of_hosts.insert((host.to_owned(), task.number), state.tasks.len() - 1);
        }
    }

    fn finished(&self, state: &mut State, task: &TaskInfo, host: &str, status: Status, fields: &Map<String, Value>) {
        let mut fields = fields.clone();
        fields.retain(|name, _| !name.starts_with("_ansible_") && !matches!(name.as_str(), "failed" | "skipped"));
        fields.insert("action".to_owned(), Value::from(task.written.as_str()));
        let event = match status {
            Status::Failed | Status::Ignored if !fields.contains_key("unreachable") => {
                fields.insert("failed".to_owned(), Value::from(true));
                "v2_runner_on_failed"
            }
            Status::Skipped => {
                fields.insert("skipped".to_owned(), Value::from(true));
                "v2_runner_on_skipped"
            }
            Status::Unreachable | Status::Ignored | Status::Failed => "v2_runner_on_unreachable",
            Status::Ok | Status::Changed | Status::Unknown => "v2_runner_on_ok",
        };
        let key = (host.to_owned(), task.number);
        if state.free && !state.of_hosts.contains_key(&key) {
            self.task(state, task, Some(host));
        }
        let own = state.of_hosts.remove(&key);
        let Some(index) = own.or_else(|| state.tasks.len().checked_sub(1)) else { return };
        let end = Value::from(now());
        let known = &mut state.tasks[index];
        known["task"]["duration"]["end"] = end.clone();
        if let Some(play) = &mut state.play {
            play["play"]["duration"]["end"] = end;
        }
        match self.form {
            JsonForm::Document => known["hosts"][host] = Value::Object(fields),
            JsonForm::Lines => {
                let mut told = known.clone();
                told["hosts"] = json!({host: fields});
                self.tell(state, event, &told);
            }
        }
    }

    fn stats(&self, state: &mut State, stats: &RunStats, custom: &CustomStats) {
        state.close_play();
        let stats: Map<String, Value> = stats
            .iter()
            .map(|(host, counts)| {
                let counts = json!({
                    "ok": counts.ok, "changed": counts.changed, "unreachable": counts.unreachable,
                    "failures": counts.failed, "skipped": counts.skipped, "rescued": counts.rescued,
                    "ignored": counts.ignored,
                });
                (host.to_string(), counts)
            })
            .collect();
        let shown = || custom.iter().filter(|_| self.custom_stats);
        let of_hosts: Map<String, Value> = shown()
            .filter(|(host, _)| &***host != "_run")
            .map(|(host, stats)| (host.to_string(), Value::Object(stats.clone())))
            .collect();
        let of_run = shown().find(|(host, _)| &***host == "_run").map(|(_, stats)| stats.clone()).unwrap_or_default();
        let mut all = json!({"stats": stats, "custom_stats": of_hosts, "global_custom_stats": of_run});
        match self.form {
            JsonForm::Document => {
                all["plays"] = Value::Array(std::mem::take(&mut state.plays));
                self.print(state, &all);
            }
            JsonForm::Lines => self.tell(state, "v2_playbook_on_stats", &all),
        }
    }
}

impl State {
    fn close_play(&mut self) {
        if let Some(mut play) = self.play.take() {
            play["tasks"] = Value::Array(std::mem::take(&mut self.tasks));
            self.plays.push(play);
        }
        self.of_hosts.clear();
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

impl Reporter for Json {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlayStarted { play, free, .. } => self.play(state, play, *free),
            Event::NoHostsMatched { play } => self.play(state, play, false),
            Event::TaskStarted { task } => self.task(state, task, None),
            Event::HostStarted { task, host } => self.task(state, task, Some(host)),
            Event::HostFinished { task, host, result } => {
                self.finished(state, task, host, result.status, &result.result);
            }
            Event::IncludeFinished { task, host, result } => self.finished(state, task, host, Status::Ok, result),
            Event::Warning { message } => put(&mut state.err, &format!("[WARNING]: {message}\n")),
            Event::Finished { stats, custom } => self.stats(state, stats, custom),
            _ => {}
        }
    }
}
