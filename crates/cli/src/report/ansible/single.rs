//! Ansible's output of a single task: one result a host, as `minimal` and `oneline` print it.

use super::look::{CHANGED, Colour, DEPRECATED, FAILED, Look, OK, SKIPPED, UNREACHABLE, VERBOSE, WARNING};
use super::result::{self, short};
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{Event, Reporter, Status, TaskInfo, TaskResult};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Mutex;

/// Actions whose output is text, not fields.
const TEXT: [&str; 6] = ["command", "win_command", "shell", "win_shell", "raw", "script"];

/// Which form a result has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SingleForm {
    /// `minimal`.
    Minimal,
    /// `oneline`.
    OneLine,
}

/// The reporter.
pub struct Single {
    look: Look,
    form: SingleForm,
    /// What errors call the task, where it is in no file.
    origin: Option<String>,
    sinks: Mutex<Sinks>,
}

struct Sinks {
    out: Sink,
    err: Sink,
    told: HashSet<String>,
}

impl Single {
    /// Prints to `out`, warnings to `err`.
    pub fn new(look: Look, form: SingleForm, origin: Option<String>, out: Sink, err: Sink) -> Self {
        Self { look, form, origin, sinks: Mutex::new(Sinks { out, err, told: HashSet::new() }) }
    }

    fn text(&self, task: &TaskInfo, host: &str, result: &TaskResult) -> String {
        let (word, colour) = match result.status {
            Status::Ok => ("SUCCESS", OK),
            Status::Changed | Status::Unknown => ("CHANGED", CHANGED),
            Status::Failed | Status::Ignored => ("FAILED", FAILED),
            Status::Skipped => return self.look.paint(SKIPPED, &format!("{host} | SKIPPED")),
            Status::Unreachable => {
                let text = match self.form {
                    SingleForm::Minimal => {
                        format!("{host} | UNREACHABLE! => {}", result::dump_indented(task, result, &self.look))
                    }
                    SingleForm::OneLine => format!("{host} | UNREACHABLE!: {}", field(result, "msg")),
                };
                return self.look.paint(UNREACHABLE, &text);
            }
        };
        let failed = word == "FAILED";
        let printed = TEXT.contains(&short(task)) && !result.result.contains_key("ansible_job_id");
        let text = match self.form {
            _ if printed && !(failed && result.result.contains_key("module_stderr")) => {
                self.printed(host, word, result)
            }
            SingleForm::Minimal => {
                let mark = if failed { "!" } else { "" };
                format!("{host} | {word}{mark} => {}", result::dump_indented(task, result, &self.look))
            }
            SingleForm::OneLine => {
                let mark = if failed { "!" } else { "" };
                format!("{host} | {word}{mark} => {}", result::dump_tight(task, result, &self.look))
            }
        };
        self.look.paint(colour, &text)
    }

    /// What a command printed.
    fn printed(&self, host: &str, word: &str, result: &TaskResult) -> String {
        let rc = result.result.get("rc").map_or_else(|| "-1".to_owned(), Value::to_string);
        match self.form {
            SingleForm::Minimal => {
                let (stdout, stderr, msg) = (field(result, "stdout"), field(result, "stderr"), field(result, "msg"));
                format!("{host} | {word} | rc={rc} >>\n{stdout}{stderr}{msg}\n")
            }
            SingleForm::OneLine => {
                let line = |name| field(result, name).replace('\n', "\\n").replace('\r', "\\r");
                let stderr = match line("stderr").as_str() {
                    "" => String::new(),
                    text => format!(" (stderr) {text}"),
                };
                format!("{host} | {word} | rc={rc} | (stdout) {}{stderr}", line("stdout"))
            }
        }
    }

    fn finished(&self, task: &TaskInfo, host: &str, result: &TaskResult) {
        let mut sinks = lock(&self.sinks);
        let sinks = &mut *sinks;
        for (label, message) in result::warnings(result) {
            let colour = if label == "WARNING" { WARNING } else { DEPRECATED };
            self.warn(sinks, colour, &format!("[{label}]: {message}").replace("\r\n", "\n"));
        }
        let failed = matches!(result.status, Status::Failed | Status::Ignored | Status::Unreachable);
        if failed
            && self.form == SingleForm::Minimal
            && let Some(error) = result::error(task, result, self.origin.as_deref())
            && sinks.told.insert(error.clone())
        {
            put(&mut sinks.out, &format!("{}\n", self.look.paint(FAILED, &error)));
        }
        if result.status == Status::Failed && self.form == SingleForm::OneLine {
            put(&mut sinks.out, &format!("{}\n", self.look.paint(FAILED, &self.exception(result))));
        }
        if result.result.contains_key("diff") && !result.diff.is_empty() {
            put(&mut sinks.out, &ended(result::diff(&result.diff, &self.look)));
        }
        put(&mut sinks.out, &ended(self.text(task, host, result)));
    }

    /// That it failed, and the last line of why, or all of it.
    fn exception(&self, result: &TaskResult) -> String {
        let (exception, what) = (field(result, "exception").trim(), "An exception occurred during task execution.");
        match self.look.verbosity < 3 {
            true => {
                let last = exception.lines().last().unwrap_or_default();
                format!("{what} To see the full traceback, use -vvv. The error was: {last}")
            }
            false => format!("{what} The full traceback is:\n{}", exception.replace('\n', "")),
        }
    }

    fn warn(&self, sinks: &mut Sinks, colour: Colour, text: &str) {
        if sinks.told.insert(text.to_owned()) {
            put(&mut sinks.err, &format!("{}\n", self.look.paint(colour, text)));
        }
    }
}

/// With a line end, unless it has one.
fn ended(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

fn field<'a>(result: &'a TaskResult, name: &str) -> &'a str {
    result.result.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Reporter for Single {
    fn event(&self, event: &Event) {
        match event {
            Event::HostFinished { task, host, result } => self.finished(task, host, result),
            Event::Warning { message } => {
                self.warn(&mut lock(&self.sinks), WARNING, &format!("[WARNING]: {message}"));
            }
            Event::Detail { message, verbosity } if self.look.verbosity >= *verbosity => {
                put(&mut lock(&self.sinks).out, &format!("{}\n", self.look.paint(VERBOSE, message)));
            }
            _ => {}
        }
    }
}
