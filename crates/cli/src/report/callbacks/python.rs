//! Callbacks in Python: each event is told to the plug-in, and what it prints is printed.

use crate::report::screen::Sink;
use hostler_core::event::{Event, HostStats, Reporter, Status, TaskInfo, TaskResult};
use hostler_core::plugins::{Callback, Said};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// A plug-in, and where it prints.
pub struct Python {
    callback: Callback,
    sinks: Mutex<(Sink, Sink)>,
}

impl Python {
    /// Output goes to `out`, warnings to `err`.
    pub fn new(callback: Callback, out: Sink, err: Sink) -> Self {
        let python = Self { sinks: Mutex::new((out, err)), callback };
        python.print(python.callback.greeting());
        python
    }

    fn print(&self, said: &Said) {
        let (out, err) = &mut *self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        for (text, sink) in [(&said.out, out), (&said.err, err)] {
            // Nobody is left to be told if it cannot be printed.
            let _ = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        }
    }

    fn tell(&self, event: &str, about: Value) {
        let said = self.callback.tell(event, about).unwrap_or_else(|error| Said {
            err: format!("[WARNING]: a callback plug-in failed: {error}\n"),
            ..Said::default()
        });
        self.print(&said);
    }

    fn result(&self, event: &str, task: &TaskInfo, host: &str, result: &TaskResult) {
        let mut fields = Value::Object(result.result.clone());
        let unreachable = fields.get("unreachable").and_then(Value::as_bool) == Some(true);
        let end = match result.status {
            Status::Failed => "failed",
            Status::Ignored if unreachable => "unreachable",
            Status::Ignored => "failed",
            Status::Skipped => "skipped",
            Status::Unreachable => "unreachable",
            Status::Ok | Status::Changed | Status::Unknown => "ok",
        };
        if !result.diff.is_empty() && fields.get("diff").is_none() {
            fields["diff"] = result.diff.iter().map(|diff| json!(diff.to_result())).collect();
        }
        let ignored = result.status == Status::Ignored;
        self.tell(
            event,
            json!({
                "task": about(task, false), "host": host, "result": fields, "end": end, "ignored": ignored,
                "delegated": result.delegated_to.as_deref(),
            }),
        );
    }
}

impl Reporter for Python {
    fn event(&self, event: &Event) {
        match event {
            Event::PlaybookStarted { path, .. } => self.tell("playbook", json!({"path": path})),
            Event::PlayStarted { play, hosts, free, check_mode } => {
                let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
                let strategy = if *free { "free" } else { "linear" };
                let path = play.span.as_ref().map(ToString::to_string);
                self.tell(
                    "play",
                    json!({"name": play.name, "hosts": hosts, "strategy": strategy, "check": check_mode, "path": path}),
                );
            }
            Event::NoHostsMatched { .. } => self.tell("no_hosts_matched", json!({})),
            Event::NoMoreHosts { .. } => self.tell("no_hosts_remaining", json!({})),
            Event::TaskStarted { task } => self.tell("task", json!({"task": about(task, false)})),
            Event::Meta { message, implicit: true } if self.callback.wants_implicit_tasks() => {
                let task = TaskInfo {
                    name: message.clone(),
                    action: "meta".into(),
                    written: "meta".into(),
                    ..TaskInfo::default()
                };
                self.tell("task", json!({"task": about(&task, true)}));
            }
            Event::HostStarted { task, host } => {
                self.tell("host", json!({"task": about(task, false), "host": &**host}));
            }
            Event::ItemFinished { task, host, result, .. } => self.result("item", task, host, result),
            Event::HostFinished { task, host, result } => self.result("result", task, host, result),
            Event::Retrying { task, host, attempt, left } => {
                let result = json!({"attempts": attempt, "retries": attempt + left});
                self.tell(
                    "retry",
                    json!({"task": about(task, false), "host": &**host, "result": result, "ignored": false, "delegated": null}),
                );
            }
            Event::Included { task, what, hosts, .. } => {
                let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
                self.tell("include", json!({"task": about(task, false), "what": what, "hosts": hosts}));
            }
            Event::Finished { stats, custom } => {
                let counts: serde_json::Map<String, Value> =
                    stats.iter().map(|(host, stats)| (host.to_string(), counts(stats))).collect();
                self.tell("stats", json!({"counts": counts, "custom": custom}));
            }
            Event::Found { .. }
            | Event::HostOutput { .. }
            | Event::IncludeFinished { .. }
            | Event::Meta { .. }
            | Event::Background { .. }
            | Event::Detail { .. }
            | Event::Warning { .. } => {}
        }
    }
}

fn about(task: &TaskInfo, implicit: bool) -> Value {
    json!({
        "id": task.id, "name": task.name, "action": task.action, "written": task.written, "role": task.role,
        "path": task.span.as_ref().map(ToString::to_string), "handler": task.handler, "check_mode": task.check_mode,
        "args": task.args, "implicit": implicit,
    })
}

fn counts(stats: &HostStats) -> Value {
    json!({
        "ok": stats.ok, "changed": stats.changed, "unreachable": stats.unreachable, "failed": stats.failed,
        "skipped": stats.skipped, "rescued": stats.rescued, "ignored": stats.ignored,
    })
}
