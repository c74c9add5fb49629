//! What a plan found: the tasks that would change something, with how, and a line for each host at the end.

use super::screen::{Screen, lock};
use super::style::{self, BOLD, CHANGED, DIM, FAILED, OK, UNKNOWN, UNREACHABLE};
use super::terminal::{count, indented, named};
use super::{View, diff, result_text};
use hostler_core::event::{Event, Reporter, RunStats, Status, TaskInfo, TaskResult};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

/// The reporter.
pub struct Plan {
    view: View,
    screen: Arc<Screen>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    play: Option<String>,
    open: Vec<Open>,
    looped: HashSet<(u64, Arc<str>)>,
    sums: BTreeMap<Arc<str>, Sum>,
}

/// A task whose end was not told yet.
struct Open {
    task: Arc<TaskInfo>,
    running: usize,
    /// What would happen, and on which hosts.
    folds: Vec<(Status, String, Vec<String>)>,
}

/// What a plan found for one host.
#[derive(Default)]
struct Sum {
    change: usize,
    unknown: usize,
}

impl Plan {
    /// Shows a plan on `screen`.
    pub fn new(view: View, screen: Arc<Screen>) -> Self {
        Self { view, screen, state: Mutex::default() }
    }

    fn flush(&self, state: &mut State) {
        let (over, open) = std::mem::take(&mut state.open).into_iter().partition(|open| open.running == 0);
        state.open = open;
        let over: Vec<Open> = over;
        for Open { task, folds, .. } in over {
            for (status, below, hosts) in folds {
                self.print(&mut state.play, &self.entry(&task, status, &hosts, &below));
            }
        }
    }

    /// Prints below the play's name, which comes with its first entry.
    fn print(&self, play: &mut Option<String>, text: &str) {
        let heading = play.take().map(|name| format!("\n{}\n", self.view.palette.paint(BOLD, &name)));
        self.screen.print(&format!("{}{text}", heading.unwrap_or_default()));
    }

    fn entry(&self, task: &TaskInfo, status: Status, hosts: &[String], below: &str) -> String {
        let sign = match status {
            Status::Changed => "+",
            Status::Unknown => "?",
            Status::Failed | Status::Unreachable => "!",
            Status::Ok | Status::Ignored | Status::Skipped => "=",
        };
        let palette = self.view.palette;
        let head = palette.paint(style::of(status), &format!("{sign} {}", task.name));
        let action = task.action.strip_prefix("ansible.builtin.").unwrap_or(&task.action);
        let place = task.span.as_ref().map(|span| format!("  {}:{}", span.file.path().display(), span.line));
        let more = palette.paint(DIM, &format!("({action}){}", place.unwrap_or_default()));
        format!("{head}  {more}\n    {}\n{below}", palette.paint(DIM, &named(hosts)))
    }

    fn add(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, result: &TaskResult, item: Option<&str>) {
        let mut below = match result.status {
            Status::Changed if self.view.diff => indented(&diff::unified(&result.diff, self.view.palette)),
            Status::Unknown => format!("    decided at apply: {}\n", result_text::unknown_reason(result)),
            Status::Failed | Status::Unreachable => result_text::failure_in_full(task, result, &self.view),
            Status::Ok if result_text::is_debug(task) => indented(&result_text::dump(task, result, &self.view, true)),
            Status::Ok | Status::Ignored | Status::Skipped if self.view.verbosity == 0 => return,
            _ => String::new(),
        };
        if let Some(label) = item {
            below.insert_str(0, &format!("    item {label}\n"));
        }
        let label = result_text::host_label(host, result);
        let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) else { return };
        match open.folds.iter_mut().find(|(status, text, _)| *status == result.status && *text == below) {
            Some((.., hosts)) => hosts.push(label),
            None => open.folds.push((result.status, below, vec![label])),
        }
    }

    fn finished(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, result: &TaskResult) {
        self.screen.ended(host);
        if let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) {
            open.running = open.running.saturating_sub(1);
        }
        let sum = state.sums.entry(Arc::clone(host)).or_default();
        match result.status {
            Status::Changed => sum.change += 1,
            Status::Unknown => sum.unknown += 1,
            _ => {}
        }
        // Items told it already.
        if !state.looped.remove(&(task.id, Arc::clone(host))) {
            self.add(state, task, host, result, None);
        }
        for warning in result_text::warnings(result) {
            self.warn(warning);
        }
    }

    fn warn(&self, message: &str) {
        self.screen.print(&format!("{} {message}\n", self.view.palette.paint(UNREACHABLE, "warning:")));
    }

    fn summary(&self, state: &State, stats: &RunStats) {
        let palette = self.view.palette;
        let width = stats.keys().map(|host| host.chars().count()).max().unwrap_or_default();
        let mut text = String::from("\n");
        for (host, counts) in stats {
            let none = Sum::default();
            let sum = state.sums.get(host).unwrap_or(&none);
            let parts = [
                (sum.change > 0, CHANGED, format!("+ {}", count(sum.change, "change"))),
                (sum.unknown > 0, UNKNOWN, format!("? {} decided at apply", sum.unknown)),
                (counts.failed > 0, FAILED, format!("! {} failed", counts.failed)),
                (counts.unreachable > 0, UNREACHABLE, "! unreachable".to_owned()),
            ];
            let mut parts: Vec<String> =
                parts.into_iter().filter(|part| part.0).map(|(_, style, text)| palette.paint(style, &text)).collect();
            if parts.is_empty() {
                parts.push(palette.paint(OK, "nothing to do"));
            }
            text.push_str(&format!("{host:<width$}  {}\n", parts.join(", ")));
        }
        self.screen.print(&text);
    }
}

impl Reporter for Plan {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { .. }
            | Event::IncludeFinished { .. }
            | Event::Included { .. }
            | Event::Retrying { .. } => {}
            Event::PlayStarted { name, .. } => {
                self.flush(state);
                state.play = Some(name.clone());
            }
            Event::NoHostsMatched { play } => {
                self.flush(state);
                self.warn(&format!("no hosts matched for the play `{play}`"));
            }
            Event::TaskStarted { task } => {
                self.flush(state);
                state.open.push(Open { task: Arc::clone(task), running: 0, folds: Vec::new() });
            }
            Event::HostStarted { task, host } => {
                if let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) {
                    open.running += 1;
                }
                self.screen.started(task, host);
            }
            Event::HostOutput { host, line, .. } => self.screen.output(host, line),
            Event::ItemFinished { task, host, label, result } => {
                state.looped.insert((task.id, Arc::clone(host)));
                self.add(state, task, host, result, Some(label));
            }
            Event::HostFinished { task, host, result } => self.finished(state, task, host, result),
            Event::Warning { message } => self.warn(message),
            Event::NoMoreHosts { .. } => self.flush(state),
            Event::Finished { stats } => {
                self.flush(state);
                self.screen.close();
                self.summary(state, stats);
            }
        }
    }
}
