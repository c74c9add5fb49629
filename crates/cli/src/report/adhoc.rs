//! One result a host, as Ansible's ad-hoc command prints it.

use super::screen::{Screen, lock, put};
use super::style::{self, UNREACHABLE};
use super::{Sink, View, diff, result_text};
use hostler_core::event::{Event, Reporter, Status, TaskInfo, TaskResult};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Actions whose output is text, not fields.
const TEXT: [&str; 4] =
    ["ansible.builtin.command", "ansible.builtin.shell", "ansible.builtin.raw", "ansible.builtin.script"];

/// The reporter.
pub struct AdHoc {
    view: View,
    screen: Arc<Screen>,
    err: Mutex<Sink>,
}

impl AdHoc {
    /// Prints on `screen`, warnings to `err`.
    pub fn new(view: View, screen: Arc<Screen>, err: Sink) -> Self {
        Self { view, screen, err: Mutex::new(err) }
    }

    fn text(&self, task: &TaskInfo, host: &str, result: &TaskResult) -> String {
        let word = match result.status {
            Status::Ok => "SUCCESS",
            Status::Changed => "CHANGED",
            Status::Failed | Status::Ignored => "FAILED",
            Status::Skipped => return self.head(result, &format!("{host} | SKIPPED")),
            Status::Unknown => {
                let reason = result_text::unknown_reason(result);
                return self.head(result, &format!("{host} | decided at apply: {reason}"));
            }
            Status::Unreachable => "UNREACHABLE",
        };
        let field = |name: &str| result.result.get(name).and_then(Value::as_str).unwrap_or_default();
        if let Some(rc) = result.result.get("rc").filter(|_| TEXT.contains(&&*task.action)) {
            let parts = [field("stdout"), field("stderr"), field("msg")];
            let lines: String =
                parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{}\n", part.trim_end())).collect();
            return format!("{}{lines}", self.head(result, &format!("{host} | {word} | rc={rc} >>")));
        }
        let failed = matches!(result.status, Status::Failed | Status::Ignored | Status::Unreachable);
        let mark = if failed { "!" } else { "" };
        self.head(result, &format!("{host} | {word}{mark} => {}", result_text::dump(task, result, &self.view, true)))
    }

    fn head(&self, result: &TaskResult, text: &str) -> String {
        let text = if text.contains('\n') { text.strip_suffix('\n').unwrap_or(text) } else { text };
        format!("{}\n", self.view.palette.paint(style::of(result.status), text))
    }

    fn warn(&self, message: &str) {
        let text = self.view.palette.paint(UNREACHABLE, &format!("[WARNING]: {message}"));
        self.screen.suspend(|| put(&mut lock(&self.err), &format!("{text}\n")));
    }
}

impl Reporter for AdHoc {
    fn event(&self, event: &Event) {
        match event {
            Event::HostStarted { task, host } => self.screen.started(task, host),
            Event::HostOutput { host, line, .. } => self.screen.output(host, line),
            Event::HostFinished { task, host, result } => {
                self.screen.ended(host);
                result_text::warnings(result).for_each(|warning| self.warn(warning));
                let mut text = self.text(task, host, result);
                if self.view.diff && result.status == Status::Changed {
                    text.insert_str(0, &diff::unified(&result.diff, self.view.palette, self.view.look.diff_context));
                }
                self.screen.print(&text);
            }
            Event::NoHostsMatched { .. } => self.warn("no hosts matched, nothing to do"),
            Event::Warning { message } => self.warn(message),
            Event::Finished { .. } => self.screen.close(),
            Event::PlaybookStarted { .. }
            | Event::PlayStarted { .. }
            | Event::TaskStarted { .. }
            | Event::ItemFinished { .. }
            | Event::Retrying { .. }
            | Event::IncludeFinished { .. }
            | Event::Meta { .. }
            | Event::Background { .. }
            | Event::Detail { .. }
            | Event::Included { .. }
            | Event::Found { .. }
            | Event::NoMoreHosts { .. } => {}
        }
    }
}
