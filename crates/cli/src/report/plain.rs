//! Lines as Ansible's default output has them, for files, pipes and the programs that read them.

use super::ansible::custom_stats;
use super::screen::{Sink, lock, put};
use super::style::{self, CHANGED, DIM, FAILED, OK, SKIPPED, UNKNOWN, UNREACHABLE};
use super::{View, diff, result_text};
use anstyle::Style;
use hostler_core::event::{CustomStats, Event, HostStats, Reporter, RunStats, Status, TaskInfo, TaskResult};
use hostler_core::ledger::Finding;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// Columns of a heading with its stars.
const WIDTH: usize = 79;

/// The reporter.
pub struct Plain {
    view: View,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    err: Sink,
    /// The task whose heading was printed last.
    heading: Option<u64>,
    /// Hosts on which something runs.
    running: usize,
    /// Task and host that printed items.
    looped: HashSet<(u64, Arc<str>)>,
}

impl Plain {
    /// Prints to `out`, warnings to `err`.
    pub fn new(view: View, out: Sink, err: Sink) -> Self {
        let state = State { out, err, heading: None, running: 0, looped: HashSet::new() };
        Self { view, state: Mutex::new(state) }
    }

    fn heading(state: &mut State, title: &str) {
        let stars = "*".repeat(WIDTH.saturating_sub(title.chars().count()).max(3));
        put(&mut state.out, &format!("\n{title} {stars}\n"));
    }

    fn task_heading(&self, state: &mut State, task: &TaskInfo) {
        if state.heading == Some(task.id) {
            return;
        }
        state.heading = Some(task.id);
        let kind = if task.handler { "RUNNING HANDLER" } else { "TASK" };
        let args = result_text::args(task, &self.view.look);
        Self::heading(state, &format!("{kind} [{}{args}]{}", task.name, self.check_marker(task.check_mode)));
        if let Some(span) = task.span.as_ref().filter(|_| self.view.look.verbosity >= 2) {
            put(&mut state.out, &format!("task path: {}:{}\n", span.file.path().display(), span.line));
        }
    }

    fn check_marker(&self, check: bool) -> &'static str {
        if check && self.view.look.check_markers { " [CHECK MODE]" } else { "" }
    }

    fn line(&self, state: &mut State, style: Style, text: &str) {
        put(&mut state.out, &self.painted(style, text));
    }

    /// A line of a failure, which may be wanted elsewhere.
    fn failure(&self, state: &mut State, style: Style, text: &str) {
        let sink = if self.view.look.failed_to_stderr { &mut state.err } else { &mut state.out };
        put(sink, &self.painted(style, text));
    }

    /// A line, with its end.
    fn painted(&self, style: Style, text: &str) -> String {
        let text = if text.contains('\n') { text.strip_suffix('\n').unwrap_or(text) } else { text };
        format!("{}\n", self.view.palette.paint(style, text))
    }

    fn is_hidden(&self, status: Status) -> bool {
        match status {
            Status::Ok => !self.view.look.ok_hosts,
            Status::Skipped => !self.view.look.skipped_hosts,
            _ => false,
        }
    }

    fn diff(&self, state: &mut State, result: &TaskResult) {
        if self.view.diff && result.status == Status::Changed {
            let text = diff::unified(&result.diff, self.view.palette, self.view.look.diff_context);
            if !text.is_empty() {
                put(&mut state.out, &format!("{text}\n"));
            }
        }
    }

    fn item(&self, state: &mut State, task: &TaskInfo, host: &Arc<str>, label: &str, result: &TaskResult) {
        state.looped.insert((task.id, Arc::clone(host)));
        if self.is_hidden(result.status) {
            return;
        }
        self.task_heading(state, task);
        self.warnings(state, result);
        self.diff(state, result);
        let at = result_text::host_label(host, result);
        let more = result_text::arrow(task, result, &self.view);
        match result.status {
            Status::Failed | Status::Ignored | Status::Unreachable => {
                let dump = result_text::dump(task, result, &self.view, false);
                self.failure(state, FAILED, &format!("failed: [{at}] (item={label}) => {dump}"));
                self.failure(state, DIM, &result_text::failure_details(task, result, &self.view));
            }
            Status::Skipped => self.line(state, SKIPPED, &format!("skipping: [{host}] => (item={label}) {more}")),
            Status::Ok => self.line(state, OK, &format!("ok: [{at}] => (item={label}){more}")),
            Status::Changed => self.line(state, CHANGED, &format!("changed: [{at}] => (item={label}){more}")),
            Status::Unknown => {
                let reason = result_text::unknown_reason(result);
                self.line(state, UNKNOWN, &format!("changed: [{at}] => (item={label}) (decided at apply: {reason})"));
            }
        }
    }

    fn result(&self, state: &mut State, task: &TaskInfo, host: &Arc<str>, result: &TaskResult) {
        let looped = state.looped.remove(&(task.id, Arc::clone(host)));
        if self.is_hidden(result.status) {
            return;
        }
        self.task_heading(state, task);
        if !looped {
            self.warnings(state, result);
            self.diff(state, result);
        }
        let at = result_text::host_label(host, result);
        let more = result_text::arrow(task, result, &self.view);
        match result.status {
            Status::Failed | Status::Ignored if looped => {}
            Status::Failed => self.fatal(state, task, &at, result, "FAILED"),
            Status::Ignored if result.result.get("unreachable").is_some() => {
                self.fatal(state, task, &at, result, "UNREACHABLE");
            }
            Status::Ignored => self.fatal(state, task, &at, result, "FAILED"),
            Status::Unreachable => self.fatal(state, task, &at, result, "UNREACHABLE"),
            Status::Skipped => self.line(state, SKIPPED, &format!("skipping: [{host}]{more}")),
            _ if looped => {}
            Status::Ok => self.line(state, OK, &format!("ok: [{at}]{more}")),
            Status::Changed => self.line(state, CHANGED, &format!("changed: [{at}]{more}")),
            Status::Unknown => {
                let reason = result_text::unknown_reason(result);
                self.line(state, UNKNOWN, &format!("changed: [{at}] (decided at apply: {reason})"));
            }
        }
        if result.status == Status::Ignored {
            self.line(state, SKIPPED, "...ignoring");
        }
    }

    fn fatal(&self, state: &mut State, task: &TaskInfo, at: &str, result: &TaskResult, how: &str) {
        let dump = result_text::dump(task, result, &self.view, false);
        let style = if how == "UNREACHABLE" { UNREACHABLE } else { FAILED };
        self.failure(state, style, &format!("fatal: [{at}]: {how}! => {dump}"));
        self.failure(state, DIM, &result_text::failure_details(task, result, &self.view));
    }

    fn warnings(&self, state: &mut State, result: &TaskResult) {
        for warning in result_text::warnings(result) {
            self.warning(state, warning);
        }
    }

    fn warning(&self, state: &mut State, message: &str) {
        put(&mut state.err, &format!("{}\n", self.view.palette.paint(UNREACHABLE, &format!("[WARNING]: {message}"))));
    }

    fn found(&self, state: &mut State, finding: &Finding) {
        put(&mut state.out, &style::finding(finding, self.view.palette));
    }

    fn recap(&self, state: &mut State, stats: &RunStats, custom: &CustomStats) {
        Self::heading(state, "PLAY RECAP");
        for (host, counts) in stats {
            let line = self.recap_line(host, counts);
            put(&mut state.out, &line);
        }
        put(&mut state.out, &format!("\n{}", custom_stats(&self.view.look, custom)));
    }

    fn recap_line(&self, host: &str, counts: &HostStats) -> String {
        let style = match counts {
            HostStats { failed: 1.., .. } | HostStats { unreachable: 1.., .. } => FAILED,
            HostStats { changed: 1.., .. } => CHANGED,
            _ => OK,
        };
        let palette = self.view.palette;
        // Ansible's own widths: the colours' codes count.
        let mut line = match palette.is_on() {
            true => format!("{:<37} :", palette.paint(style, host)),
            false => format!("{host:<26} :"),
        };
        for (name, count, style) in [
            ("ok", counts.ok, OK),
            ("changed", counts.changed, CHANGED),
            ("unreachable", counts.unreachable, UNREACHABLE),
            ("failed", counts.failed, FAILED),
            ("skipped", counts.skipped, SKIPPED),
            ("rescued", counts.rescued, OK),
            ("ignored", counts.ignored, style::of(Status::Ignored)),
        ] {
            let text = format!("{name}={count:<4}");
            line.push(' ');
            line.push_str(&if count == 0 { text } else { palette.paint(style, &text) });
        }
        line.push('\n');
        line
    }
}

impl Reporter for Plain {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { path, .. } if self.view.look.verbosity >= 2 => {
                let name = path.rsplit('/').next().unwrap_or_default();
                Self::heading(state, &format!("PLAYBOOK: {name}"));
            }
            Event::PlaybookStarted { .. } | Event::HostOutput { .. } => {}
            Event::PlayStarted { play, check_mode, .. } => {
                state.heading = None;
                state.running = 0;
                Self::heading(state, &format!("PLAY [{}]{}", play.name, self.check_marker(*check_mode)));
            }
            Event::NoHostsMatched { play } => {
                Self::heading(state, &format!("PLAY [{}]", play.name));
                self.line(state, SKIPPED, "skipping: no hosts matched");
            }
            // Where hosts do not wait for each other, or some results are not shown, a heading comes with its first
            // result.
            Event::TaskStarted { task }
                if state.running == 0 && self.view.look.ok_hosts && self.view.look.skipped_hosts =>
            {
                self.task_heading(state, task);
            }
            Event::TaskStarted { .. } => {}
            Event::HostStarted { task, host } => {
                state.running += 1;
                if self.view.look.host_starts {
                    self.line(state, OK, &format!(" [started TASK: {} on {host}]", task.name));
                }
            }
            Event::ItemFinished { task, host, label, result } => self.item(state, task, host, label, result),
            Event::Retrying { task, host, left, .. } => {
                self.task_heading(state, task);
                let name = &task.name;
                self.line(state, DIM, &format!("FAILED - RETRYING: [{host}]: {name} ({left} retries left)."));
            }
            Event::HostFinished { task, host, result } => {
                state.running = state.running.saturating_sub(1);
                self.result(state, task, host, result);
            }
            Event::IncludeFinished { .. } | Event::Meta { .. } | Event::Background { .. } | Event::Detail { .. } => {}
            Event::Included { what, hosts, .. } => {
                self.line(state, SKIPPED, &format!("included: {what} for {}", hosts.join(", ")));
            }
            Event::Warning { message } => self.warning(state, message),
            Event::Found { finding } => self.found(state, finding),
            Event::NoMoreHosts { .. } => Self::heading(state, "NO MORE HOSTS LEFT"),
            Event::Finished { stats, custom } => self.recap(state, stats, custom),
        }
    }
}
