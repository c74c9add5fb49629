//! `json`: what happened, as one document at the end of the run.

use super::result;
use crate::report::python_json;
use crate::report::result_text::place;
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{CustomStats, Event, Reporter, RunStats, TaskInfo, TaskResult};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::sync::Mutex;

/// The reporter.
pub struct Json(Mutex<State>);

struct State {
    out: Sink,
    err: Sink,
    plays: Vec<Value>,
}

impl Json {
    /// Prints to `out`, warnings to `err`.
    pub fn new(out: Sink, err: Sink) -> Self {
        Self(Mutex::new(State { out, err, plays: Vec::new() }))
    }
}

impl State {
    fn play(&mut self, name: &str) {
        let id = format!("play-{}", self.plays.len() + 1);
        self.plays.push(json!({"play": {"id": id, "name": name, "duration": {"start": now()}}, "tasks": []}));
    }

    /// The task of the last play, made if this is the first that is heard of it.
    fn task(&mut self, task: &TaskInfo) -> Option<&mut Value> {
        let tasks = self.plays.last_mut()?.get_mut("tasks")?.as_array_mut()?;
        let id = format!("task-{}", task.id);
        if !tasks.iter().any(|known| known["task"]["id"] == id.as_str()) {
            let mut about = json!({"id": id, "name": task.name, "duration": {"start": now()}});
            if let Some(span) = &task.span {
                about["path"] = Value::from(place(span));
            }
            tasks.push(json!({"task": about, "hosts": {}}));
        }
        tasks.iter_mut().find(|known| known["task"]["id"] == id.as_str())
    }

    fn finished(&mut self, task: &TaskInfo, host: &str, result: &TaskResult) {
        for (label, message) in result::warnings(result) {
            put(&mut self.err, &format!("[{label}]: {message}\n"));
        }
        let mut fields: Map<String, Value> = result.result.clone();
        fields.retain(|name, _| !name.starts_with("_ansible_"));
        fields.insert("action".to_owned(), Value::from(result::short(task)));
        let end = now();
        if let Some(known) = self.task(task) {
            known["hosts"][host] = Value::Object(fields);
            known["task"]["duration"]["end"] = Value::from(end.clone());
        }
        if let Some(play) = self.plays.last_mut() {
            play["play"]["duration"]["end"] = Value::from(end);
        }
    }

    fn print(&mut self, stats: &RunStats, custom: &CustomStats) {
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
        let of_hosts: Map<String, Value> = custom
            .iter()
            .filter(|(host, _)| &***host != "_run")
            .map(|(host, stats)| (host.to_string(), Value::Object(stats.clone())))
            .collect();
        let document = json!({
            "plays": std::mem::take(&mut self.plays),
            "stats": stats,
            "custom_stats": of_hosts,
            "global_custom_stats": custom.get("_run").cloned().unwrap_or_default(),
        });
        put(&mut self.out, &format!("{}\n", python_json::pretty(&document)));
    }
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

impl Reporter for Json {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.0);
        let state = &mut *state;
        match event {
            Event::PlayStarted { name, .. } => state.play(name),
            Event::NoHostsMatched { play } => state.play(play),
            Event::TaskStarted { task } => drop(state.task(task)),
            Event::HostFinished { task, host, result } => state.finished(task, host, result),
            Event::Warning { message } => put(&mut state.err, &format!("[WARNING]: {message}\n")),
            Event::Finished { stats, custom } => state.print(stats, custom),
            _ => {}
        }
    }
}
