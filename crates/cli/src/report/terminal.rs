//! A run for a person at a terminal: live lines while it goes on, one folded line for each state of a finished task.

use super::ansible::custom_stats;
use super::screen::{Screen, lock};
use super::style::{self, BOLD, CHANGED, DIM, FAILED, OK, SKIPPED, UNREACHABLE};
use super::{View, diff, result_text};
use hostler_core::event::{CustomStats, Event, HostStats, Reporter, RunStats, Status, TaskInfo, TaskResult};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Most hosts named in a line.
const NAMED_HOSTS: usize = 4;

/// The reporter.
pub struct Terminal {
    view: View,
    screen: Arc<Screen>,
    state: Mutex<State>,
}

struct State {
    begun: Instant,
    /// Tasks that are not shown yet, in the order they began.
    open: Vec<Open>,
    looped: HashSet<(u64, Arc<str>)>,
}

/// A task that goes on, or whose end was not told yet.
struct Open {
    task: Arc<TaskInfo>,
    running: usize,
    /// What its hosts came to, in the order they ended: status, text below it, hosts.
    folds: Vec<(Status, String, Vec<String>)>,
}

impl Terminal {
    /// Shows a run on `screen`.
    pub fn new(view: View, screen: Arc<Screen>) -> Self {
        let state = State { begun: Instant::now(), open: Vec::new(), looped: HashSet::new() };
        Self { view, screen, state: Mutex::new(state) }
    }

    /// Shows the tasks that are over.
    fn flush(&self, state: &mut State) {
        let (over, open) = std::mem::take(&mut state.open).into_iter().partition(|open| open.running == 0);
        state.open = open;
        let over: Vec<Open> = over;
        for Open { task, folds, .. } in over {
            for (status, below, hosts) in folds.into_iter().filter(|(status, ..)| !self.is_hidden(*status)) {
                self.screen.print(&self.folded(&task, status, &hosts, &below));
            }
        }
    }

    fn is_hidden(&self, status: Status) -> bool {
        match status {
            Status::Ok => !self.view.look.ok_hosts,
            Status::Skipped => !self.view.look.skipped_hosts,
            _ => false,
        }
    }

    fn folded(&self, task: &TaskInfo, status: Status, hosts: &[String], below: &str) -> String {
        let label = self.view.palette.paint(style::of(status), &format!("{:<9}", word(status)));
        let who = self.view.palette.paint(DIM, &named(hosts));
        let args = self.view.palette.paint(DIM, &result_text::args(task, &self.view.look));
        format!("{label} {}{args}  {who}\n{below}", task.name)
    }

    fn finished(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, result: &TaskResult) {
        self.screen.ended(host);
        let looped = state.looped.remove(&(task.id, Arc::clone(host)));
        let below = self.below(task, result, looped);
        let label = result_text::host_label(host, result);
        let at_once = matches!(result.status, Status::Failed | Status::Unreachable);
        if let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) {
            open.running = open.running.saturating_sub(1);
            if !at_once {
                match open.folds.iter_mut().find(|(status, text, _)| *status == result.status && *text == below) {
                    Some((.., hosts)) => hosts.push(label.clone()),
                    None => open.folds.push((result.status, below.clone(), vec![label.clone()])),
                }
            }
        }
        for warning in result_text::warnings(result) {
            self.warn(warning);
        }
        if at_once {
            self.screen.print(&self.folded(task, result.status, &[label], &below));
        }
    }

    /// What is said below a result.
    fn below(&self, task: &TaskInfo, result: &TaskResult, looped: bool) -> String {
        match result.status {
            Status::Failed | Status::Unreachable if !looped => result_text::failure_in_full(task, result, &self.view),
            Status::Failed | Status::Unreachable => {
                task.span.as_ref().map(|span| format!("    at {span}\n")).unwrap_or_default()
            }
            Status::Unknown => format!("    decided at apply: {}\n", result_text::unknown_reason(result)),
            Status::Ignored => {
                let message = result.result.get("msg").and_then(|msg| msg.as_str()).unwrap_or_default();
                format!("    {}\n", message.trim().replace('\n', "\n    "))
            }
            Status::Skipped if self.view.look.verbosity == 0 => String::new(),
            _ => {
                let mut text = String::new();
                if self.view.diff && !looped && result.status == Status::Changed {
                    text.push_str(&indented(&diff::unified(
                        &result.diff,
                        self.view.palette,
                        self.view.look.diff_context,
                    )));
                }
                let shown = result_text::is_debug(task) && result.status != Status::Skipped;
                if (shown && !looped) || self.view.look.verbosity > 0 {
                    text.push_str(&result_text::below(task, result, &self.view));
                }
                text
            }
        }
    }

    /// Items that are as they should be are not told one by one.
    fn item(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, label: &str, result: &TaskResult) {
        state.looped.insert((task.id, Arc::clone(host)));
        let below = self.below(task, result, false);
        let quiet = matches!(result.status, Status::Ok | Status::Skipped);
        if (quiet && below.is_empty()) || self.is_hidden(result.status) {
            return;
        }
        let text = self.folded(task, result.status, &[result_text::host_label(host, result)], &below);
        let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
        self.screen.print(&format!("{first}  {}\n{rest}", self.view.palette.paint(DIM, &format!("item {label}"))));
    }

    fn warn(&self, message: &str) {
        self.screen.print(&format!("{}   {message}\n", self.view.palette.paint(UNREACHABLE, "warning")));
    }

    fn recap(&self, state: &State, stats: &RunStats, custom: &CustomStats) {
        let palette = self.view.palette;
        let width = stats.keys().map(|host| host.chars().count()).max().unwrap_or(0).max(4);
        let mut text = String::from("\n");
        for (host, counts) in stats {
            text.push_str(&format!("{host:<width$}  "));
            let cells = cells(counts).into_iter().filter(|(name, count, _)| *count > 0 || *name == "ok");
            let cells: Vec<_> =
                cells.map(|(name, count, style)| palette.paint(style, &format!("{count} {name}"))).collect();
            text.push_str(&cells.join(", "));
            text.push('\n');
        }
        let elapsed = state.begun.elapsed().as_secs_f64();
        text.push_str(&palette.paint(DIM, &format!("{} in {elapsed:.1} s", count(stats.len(), "host"))));
        text.push('\n');
        text.push_str(&custom_stats(&self.view.look, custom));
        self.screen.print(&text);
    }
}

fn cells(counts: &HostStats) -> [(&'static str, u32, anstyle::Style); 7] {
    [
        ("ok", counts.ok, OK),
        ("changed", counts.changed, CHANGED),
        ("failed", counts.failed, FAILED),
        ("unreachable", counts.unreachable, UNREACHABLE),
        ("skipped", counts.skipped, SKIPPED),
        ("rescued", counts.rescued, OK),
        ("ignored", counts.ignored, SKIPPED),
    ]
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Failed => "failed",
        Status::Ignored => "ignored",
        Status::Skipped => "skipped",
        Status::Unreachable => "unreached",
        Status::Unknown => "changed?",
    }
}

/// `web1, web2`, or how many.
pub(super) fn named(hosts: &[String]) -> String {
    if hosts.len() <= NAMED_HOSTS { hosts.join(", ") } else { count(hosts.len(), "host") }
}

/// `1 host`, `2 hosts`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Four columns to the right.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

impl Reporter for Terminal {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { .. } => {}
            Event::PlayStarted { play, hosts, .. } => {
                self.flush(state);
                let who = self.view.palette.paint(DIM, &count(hosts.len(), "host"));
                self.screen.print(&format!("\n{}  {who}\n", self.view.palette.paint(BOLD, &play.name)));
            }
            Event::NoHostsMatched { play } => {
                self.flush(state);
                self.screen.print(&format!("\n{}  no hosts matched\n", self.view.palette.paint(BOLD, &play.name)));
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
            Event::ItemFinished { task, host, label, result } => self.item(state, task, host, label, result),
            Event::Retrying { task, host, left, .. } => {
                self.screen.output(host, &format!("failed, trying again ({left} left)"));
                if self.view.look.verbosity > 0 {
                    let text = format!("retrying  {}  {host}  {left} left", task.name);
                    self.screen.print(&format!("{}\n", self.view.palette.paint(DIM, &text)));
                }
            }
            Event::HostFinished { task, host, result } => self.finished(state, task, host, result),
            Event::IncludeFinished { .. } | Event::Meta { .. } | Event::Background { .. } | Event::Detail { .. } => {}
            Event::Included { what, hosts, .. } => {
                self.flush(state);
                if self.view.look.verbosity > 0 {
                    let text = format!("included  {what}  {}", count(hosts.len(), "host"));
                    self.screen.print(&format!("{}\n", self.view.palette.paint(DIM, &text)));
                }
            }
            Event::Warning { message } => self.warn(message),
            Event::Found { finding } => {
                self.flush(state);
                self.screen.print(&style::finding(finding, self.view.palette));
            }
            Event::NoMoreHosts { .. } => {
                self.flush(state);
                self.screen.print(&format!("{}\n", self.view.palette.paint(FAILED, "no host is left to go on with")));
            }
            Event::Finished { stats, custom } => {
                self.flush(state);
                self.screen.close();
                self.recap(state, stats, custom);
            }
        }
    }
}
