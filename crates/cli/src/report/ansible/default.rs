//! Ansible's default output of playbooks.

use super::look::{
    CHANGED, Colour, DEBUG, DEPRECATED, FAILED, INCLUDED, Look, OK, SKIPPED, UNREACHABLE, VERBOSE, WARNING,
};
use super::{recap, result};
use crate::report::result_text::{args, place};
use crate::report::screen::{Sink, lock, put};
use hostler_core::diagnostic::Span;
use hostler_core::event::{CustomStats, Event, Reporter, RunStats, Status, TaskInfo, TaskResult};
use std::collections::HashSet;
use std::sync::Mutex;

/// The reporter.
pub struct Default {
    look: Look,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    err: Sink,
    /// The task whose heading was printed last.
    heading: Option<Heading>,
    /// Hosts of this play do not wait for each other.
    free: bool,
    /// Tasks and hosts whose items were shown.
    looped: HashSet<(u64, String)>,
    /// Errors and warnings that were told: once is enough.
    told: HashSet<String>,
}

/// What a heading is about.
#[derive(PartialEq)]
struct Heading {
    /// `None` where every host has its own number of the task.
    id: Option<u64>,
    name: String,
    span: Option<Span>,
}

impl Default {
    /// Prints to `out`, warnings to `err`.
    pub fn new(look: Look, out: Sink, err: Sink) -> Self {
        let state = State { out, err, heading: None, free: false, looped: HashSet::new(), told: HashSet::new() };
        Self { look, state: Mutex::new(state) }
    }

    fn banner(&self, state: &mut State, title: &str) {
        put(&mut state.out, &self.look.banner(title));
    }

    fn line(&self, state: &mut State, colour: Colour, text: &str) {
        // One that has its end gets no other.
        let text = if text.contains('\n') { text.strip_suffix('\n').unwrap_or(text) } else { text };
        put(&mut state.out, &format!("{}\n", self.look.paint(colour, text)));
    }

    /// A line about a failure, which may be wanted elsewhere.
    fn failure(&self, state: &mut State, colour: Colour, text: &str) {
        let text = if text.starts_with("fatal") || text.starts_with("failed") {
            text.strip_suffix('\n').unwrap_or(text)
        } else {
            text
        };
        let text = format!("{}\n", self.look.paint(colour, text));
        put(if self.look.failed_to_stderr { &mut state.err } else { &mut state.out }, &text);
    }

    fn path(&self, state: &mut State, task: &TaskInfo) {
        if let Some(span) = &task.span {
            self.line(state, DEBUG, &format!("task path: {}", place(span)));
        }
    }

    fn heading(&self, state: &mut State, task: &TaskInfo) {
        let id = (!state.free).then_some(task.id);
        let heading = Heading { id, name: task.name.clone(), span: task.span.clone() };
        if state.heading.as_ref() == Some(&heading) {
            return;
        }
        state.heading = Some(heading);
        let kind = if task.handler { "RUNNING HANDLER" } else { "TASK" };
        let args = args(task, &self.look);
        let check = self.check_marker(task.check_mode);
        self.banner(state, &format!("{kind} [{}{args}]{check}", task.name.trim()));
        if self.look.verbosity >= 2 {
            self.path(state, task);
        }
    }

    fn check_marker(&self, check: bool) -> &'static str {
        if check && self.look.check_markers { " [CHECK MODE]" } else { "" }
    }

    /// Warnings and, of what failed, the error.
    fn notices(&self, state: &mut State, task: &TaskInfo, result: &TaskResult) {
        for (label, message) in result::warnings(result) {
            let colour = if label == "WARNING" { WARNING } else { DEPRECATED };
            self.warning(state, colour, &format!("[{label}]: {message}").replace("\r\n", "\n"));
        }
        if matches!(result.status, Status::Failed | Status::Ignored | Status::Unreachable)
            && let Some(error) = result::error(task, result, None)
            && state.told.insert(error.clone())
        {
            self.failure(state, FAILED, &error);
        }
    }

    fn warning(&self, state: &mut State, colour: Colour, text: &str) {
        if state.told.insert(text.to_owned()) {
            put(&mut state.err, &format!("{}\n", self.look.paint(colour, text)));
        }
    }

    /// The result after `=>`, where it is wanted.
    fn more(&self, task: &TaskInfo, result: &TaskResult, items: bool) -> String {
        match result::is_verbose(task, result, &self.look) {
            true => format!(" => {}", result::dump(task, result, &self.look, items)),
            false => String::new(),
        }
    }

    fn is_hidden(&self, status: Status) -> bool {
        match status {
            Status::Ok => !self.look.ok_hosts,
            Status::Skipped => !self.look.skipped_hosts,
            _ => false,
        }
    }

    fn diff(&self, state: &mut State, task: &TaskInfo, result: &TaskResult) {
        if result::tells_changes(task) && result.status == Status::Changed && result.result.contains_key("diff") {
            let text = result::diff(&result.diff, &self.look);
            if !text.is_empty() {
                self.heading(state, task);
                let end = if text.ends_with('\n') { "" } else { "\n" };
                put(&mut state.out, &format!("{text}{end}"));
            }
        }
    }

    fn item(&self, state: &mut State, task: &TaskInfo, host: &str, label: &str, result: &TaskResult) {
        state.looped.insert((task.id, host.to_owned()));
        self.diff(state, task, result);
        if self.is_hidden(result.status) {
            return;
        }
        self.heading(state, task);
        self.notices(state, task, result);
        let at = result::host_label(host, result);
        match result.status {
            Status::Failed | Status::Ignored | Status::Unreachable => {
                let dump = result::dump(task, result, &self.look, false);
                self.failure(state, FAILED, &format!("failed: [{at}] (item={label}) => {dump}"));
            }
            Status::Skipped => {
                let more = self.more(task, result, false);
                self.line(state, SKIPPED, &format!("skipping: [{host}] => (item={label}) {more}"));
            }
            Status::Ok => {
                let more = self.more(task, result, false);
                self.line(state, OK, &format!("ok: [{at}] => (item={label}){more}"));
            }
            Status::Changed | Status::Unknown => {
                let more = self.more(task, result, false);
                self.line(state, CHANGED, &format!("changed: [{at}] => (item={label}){more}"));
            }
        }
    }

    fn result(&self, state: &mut State, task: &TaskInfo, host: &str, result: &TaskResult) {
        let shown = state.looped.remove(&(task.id, host.to_owned()));
        let looped = shown || (task.looped && result.result.contains_key("results"));
        if !looped {
            self.diff(state, task, result);
        }
        if self.is_hidden(result.status) {
            return;
        }
        self.heading(state, task);
        if !looped {
            self.notices(state, task, result);
        }
        let at = result::host_label(host, result);
        let unreachable = result.result.get("unreachable").and_then(serde_json::Value::as_bool) == Some(true);
        match result.status {
            Status::Unreachable | Status::Ignored if unreachable => {
                let dump = result::dump(task, result, &self.look, false);
                self.failure(state, UNREACHABLE, &format!("fatal: [{at}]: UNREACHABLE! => {dump}"));
            }
            // Of all results of `debug` only the message is shown: nobody sees that this one has items.
            Status::Failed | Status::Ignored if looped && result::short(task) == "debug" => {
                self.failure(
                    state,
                    FAILED,
                    &format!("fatal: [{at}]: FAILED! => {{\"msg\": \"One or more items failed\"}}"),
                );
            }
            Status::Failed | Status::Ignored | Status::Unreachable if looped => {}
            Status::Failed | Status::Ignored | Status::Unreachable => {
                if self.look.verbosity < 2 && self.look.path_on_failure {
                    self.path(state, task);
                }
                let dump = result::dump(task, result, &self.look, false);
                self.failure(state, FAILED, &format!("fatal: [{at}]: FAILED! => {dump}"));
            }
            Status::Skipped => {
                let more = self.more(task, result, looped);
                self.line(state, SKIPPED, &format!("skipping: [{host}]{more}"));
            }
            _ if looped => {}
            Status::Ok => self.line(state, OK, &format!("ok: [{at}]{}", self.more(task, result, false))),
            Status::Changed | Status::Unknown => {
                self.line(state, CHANGED, &format!("changed: [{at}]{}", self.more(task, result, false)));
            }
        }
        if result.status == Status::Ignored {
            self.line(state, SKIPPED, "...ignoring");
        }
    }

    fn play(&self, state: &mut State, name: &str, free: bool, check: bool) {
        state.heading = None;
        state.free = free;
        let check = self.check_marker(check);
        match name.trim() {
            "" => self.banner(state, &format!("PLAY{check}")),
            name => self.banner(state, &format!("PLAY [{name}]{check}")),
        }
    }

    fn recap(&self, state: &mut State, stats: &RunStats, custom: &CustomStats) {
        self.banner(state, "PLAY RECAP");
        for (host, counts) in stats {
            put(&mut state.out, &recap::line(&self.look, host, counts));
        }
        put(&mut state.out, &format!("\n{}", recap::custom(&self.look, custom)));
        if self.look.check && self.look.check_markers {
            self.banner(state, "DRY RUN");
        }
    }

    fn started(&self, state: &mut State, path: &str, plays: usize) {
        if self.look.verbosity > 1 {
            let name = path.rsplit('/').next().unwrap_or_default();
            self.banner(state, &format!("PLAYBOOK: {name}"));
            put(&mut state.out, &format!("{plays} plays in {path}\n"));
        }
        if self.look.check && self.look.check_markers {
            self.banner(state, "DRY RUN");
        }
    }
}

impl Reporter for Default {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { path, plays } => self.started(state, path, *plays),
            Event::HostOutput { .. } => {}
            Event::PlayStarted { play, free, check_mode, .. } => self.play(state, &play.name, *free, *check_mode),
            Event::NoHostsMatched { play } => {
                self.play(state, &play.name, false, false);
                self.line(state, SKIPPED, "skipping: no hosts matched");
            }
            // Where hosts do not wait for each other, or some results are not shown, a heading comes with its first
            // result.
            Event::TaskStarted { task } if !state.free && self.look.ok_hosts && self.look.skipped_hosts => {
                self.heading(state, task);
            }
            Event::TaskStarted { .. } => {}
            Event::HostStarted { task, host } if self.look.host_starts => {
                self.line(state, OK, &format!(" [started TASK: {} on {host}]", task.name));
            }
            Event::HostStarted { .. } => {}
            Event::ItemFinished { task, host, label, result } => self.item(state, task, host, label, result),
            Event::Retrying { task, host, left, .. } => {
                let name = &task.name;
                self.line(state, DEBUG, &format!("FAILED - RETRYING: [{host}]: {name} ({left} retries left)."));
            }
            Event::HostFinished { task, host, result } => self.result(state, task, host, result),
            Event::IncludeFinished { task, .. } => self.heading(state, task),
            Event::Meta { message, implicit } => {
                if if *implicit { self.look.debug } else { self.look.verbosity >= 2 } {
                    self.line(state, VERBOSE, &format!("META: {message}"));
                }
            }
            Event::Background { message } => self.line(state, DEBUG, message),
            Event::Detail { message, verbosity } => {
                if self.look.verbosity >= *verbosity {
                    self.line(state, VERBOSE, message);
                }
            }
            Event::Included { what, hosts, item, .. } => {
                let item = item.as_ref().map(|item| format!(" => (item={item})")).unwrap_or_default();
                self.line(state, INCLUDED, &format!("included: {what} for {}{item}", hosts.join(", ")));
            }
            Event::Warning { message } => self.warning(state, WARNING, &format!("[WARNING]: {message}")),
            // Said where the limit is passed, and again where the play ends for it.
            Event::NoMoreHosts { over_limit: true } => {
                self.banner(state, "NO MORE HOSTS LEFT");
                self.banner(state, "NO MORE HOSTS LEFT");
            }
            Event::NoMoreHosts { .. } if state.free => self.banner(state, "NO MORE HOSTS LEFT"),
            // Only a run of our own keeps ledgers.
            Event::NoMoreHosts { .. } | Event::Found { .. } => {}
            Event::Finished { stats, custom } => self.recap(state, stats, custom),
        }
    }
}
