//! One JSON object a line, for programs. Field names stay; a new meaning gets a new `format` number in the first line.

use super::result_text::place;
use super::screen::{Sink, lock, put};
use hostler_core::event::{Event, HostStats, Reporter, Status, TaskInfo, TaskResult};
use hostler_core::ledger::Finding;
use serde_json::{Map, Value, json};
use std::sync::Mutex;

/// Number of the stream's format.
const FORMAT: u32 = 1;

/// The reporter.
pub struct JsonLines(Mutex<Sink>);

impl JsonLines {
    /// Begins a stream on `out`.
    pub fn new(mut out: Sink) -> Self {
        let start = json!({"event": "start", "format": FORMAT, "version": env!("CARGO_PKG_VERSION")});
        put(&mut out, &format!("{start}\n"));
        Self(Mutex::new(out))
    }
}

impl Reporter for JsonLines {
    fn event(&self, event: &Event) {
        let Some(line) = object(event) else { return };
        put(&mut lock(&self.0), &format!("{line}\n"));
    }
}

fn object(event: &Event) -> Option<Value> {
    Some(match event {
        Event::PlaybookStarted { path, .. } => json!({"event": "playbook", "path": path}),
        Event::PlayStarted { play, hosts, .. } => json!({"event": "play", "name": play.name, "hosts": texts(hosts)}),
        Event::NoHostsMatched { play } => json!({"event": "no_hosts_matched", "play": play.name}),
        Event::TaskStarted { task } => with_task("task", task, json!({"handler": task.handler})),
        Event::HostStarted { .. } | Event::Meta { .. } | Event::Background { .. } | Event::Detail { .. } => {
            return None;
        }
        Event::HostOutput { task, host, line } => {
            json!({"event": "output", "task_id": task.id, "host": &**host, "line": line})
        }
        Event::ItemFinished { task, host, label, result } => {
            let mut object = with_result("item", task, host, result);
            object["item"] = json!(label);
            object
        }
        Event::Retrying { task, host, left, .. } => {
            with_task("retry", task, json!({"host": &**host, "retries_left": left}))
        }
        Event::HostFinished { task, host, result } => with_result("host", task, host, result),
        Event::IncludeFinished { task, host, result } => {
            let result =
                json!({"host": &**host, "status": "ok", "elapsed": 0.0, "delegated_to": null, "result": result});
            with_task("host", task, result)
        }
        Event::Included { what, hosts, .. } => json!({"event": "included", "what": what, "hosts": texts(hosts)}),
        Event::Warning { message } => json!({"event": "warning", "message": message}),
        Event::Found { finding } => finding_json(finding),
        Event::NoMoreHosts { .. } => json!({"event": "no_more_hosts"}),
        Event::Finished { stats, custom } => {
            let hosts: Map<String, Value> =
                stats.iter().map(|(host, counts)| (host.to_string(), counts_of(counts))).collect();
            let mut object = json!({"event": "stats", "hosts": hosts});
            if !custom.is_empty() {
                let custom = custom.iter().map(|(host, stats)| (host.to_string(), Value::Object(stats.clone())));
                object["custom"] = Value::Object(custom.collect());
            }
            object
        }
    })
}

fn texts(hosts: &[std::sync::Arc<str>]) -> Vec<&str> {
    hosts.iter().map(|host| &**host).collect()
}

fn with_task(event: &str, task: &TaskInfo, more: Value) -> Value {
    let place = task.span.as_ref().map(place);
    let mut object =
        json!({"event": event, "task_id": task.id, "task": task.name, "action": task.action, "place": place});
    if let (Value::Object(fields), Value::Object(more)) = (&mut object, more) {
        fields.extend(more);
    }
    object
}

fn with_result(event: &str, task: &TaskInfo, host: &str, result: &TaskResult) -> Value {
    let mut fields = result.result.clone();
    fields.retain(|name, _| !name.starts_with("_ansible_"));
    if !result.diff.is_empty() {
        fields.insert("diff".to_owned(), json!(result.diff));
    }
    let more = json!({
        "host": host,
        "status": status(result.status),
        "elapsed": (result.elapsed.as_secs_f64() * 1e6).round() / 1e6,
        "delegated_to": result.delegated_to.as_deref(),
        "result": fields,
    });
    let mut object = with_task(event, task, more);
    if result.only_checked {
        object["check_mode"] = json!(true);
    }
    object
}

/// The name of a status in the stream.
fn status(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Failed => "failed",
        Status::Ignored => "ignored",
        Status::Skipped => "skipped",
        Status::Unreachable => "unreachable",
        Status::Unknown => "unknown",
    }
}

fn counts_of(counts: &HostStats) -> Value {
    json!({
        "ok": counts.ok,
        "changed": counts.changed,
        "unreachable": counts.unreachable,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "rescued": counts.rescued,
        "ignored": counts.ignored,
    })
}

/// What a ledger brought to light.
pub fn finding_json(finding: &Finding) -> Value {
    json!({
        "event": "found",
        "kind": finding.kind.name(),
        "host": finding.host,
        "resource": finding.resource,
        "task": finding.task,
        "place": finding.place,
        "applied": finding.applied,
        "details": finding.details,
    })
}
