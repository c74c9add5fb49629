//! What a plan found: the tasks that would change something, with how, and a line for each host at the end.

use super::screen::{Screen, lock};
use super::style::{self, BOLD, CHANGED, DIM, FAILED, OK, UNKNOWN, UNREACHABLE};
use super::terminal::{indented, named};
use super::{View, diff, result_text};
use hostler_core::event::{Event, Reporter, RunStats, Status, TaskInfo, TaskResult};
use hostler_core::plan::Kind;
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
    /// The play's hosts, in its order.
    hosts: Vec<Arc<str>>,
    open: Vec<Open>,
    looped: HashSet<(u64, Arc<str>)>,
    sums: BTreeMap<Arc<str>, Sum>,
}

/// A task whose end was not told yet.
struct Open {
    task: Arc<TaskInfo>,
    running: usize,
    folds: Vec<Fold>,
}

/// What would happen, and on which hosts: where each stands in the play's order, and how it is named.
struct Fold {
    mark: Mark,
    below: String,
    hosts: Vec<(usize, String)>,
}

/// What a plan found for one host: how many steps of each kind.
type Sum = BTreeMap<Kind, usize>;

/// The sign of an entry.
#[derive(Clone, Copy, PartialEq)]
struct Mark {
    sign: &'static str,
    style: anstyle::Style,
}

impl Mark {
    fn of(status: Status, kind: Kind) -> Self {
        let (sign, style) = match status {
            Status::Failed | Status::Unreachable => ("!", style::of(status)),
            _ => (kind.sign(), style_of(kind)),
        };
        Self { sign, style }
    }
}

fn style_of(kind: Kind) -> anstyle::Style {
    match kind {
        Kind::Read | Kind::Create => OK,
        Kind::Update | Kind::Replace | Kind::Run => CHANGED,
        Kind::Delete => FAILED,
        Kind::Decide => UNKNOWN,
    }
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
        for Open { task, mut folds, .. } in over {
            folds.iter_mut().for_each(|fold| fold.hosts.sort());
            // The items of a loop stay in their order.
            folds.sort_by_key(|fold| fold.hosts.first().map(|(number, _)| *number));
            for Fold { mark, below, hosts } in folds {
                let hosts: Vec<String> = hosts.into_iter().map(|(_, label)| label).collect();
                self.print(&mut state.play, &self.entry(&task, mark, &hosts, &below));
            }
        }
    }

    /// Prints below the play's name, which comes with its first entry.
    fn print(&self, play: &mut Option<String>, text: &str) {
        let heading = play.take().map(|name| format!("\n{}\n", self.view.palette.paint(BOLD, &name)));
        self.screen.print(&format!("{}{text}", heading.unwrap_or_default()));
    }

    fn entry(&self, task: &TaskInfo, mark: Mark, hosts: &[String], below: &str) -> String {
        let palette = self.view.palette;
        let head = palette.paint(mark.style, &format!("{} {}", mark.sign, task.name));
        let action = task.action.strip_prefix("ansible.builtin.").unwrap_or(&task.action);
        let place = task.span.as_ref().map(|span| format!("  {}:{}", span.file.path().display(), span.line));
        let more = palette.paint(DIM, &format!("({action}){}", place.unwrap_or_default()));
        format!("{head}  {more}\n    {}\n{below}", palette.paint(DIM, &named(hosts)))
    }

    fn add(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, result: &TaskResult, item: Option<&str>) {
        let mut below = match result.status {
            Status::Changed if result.only_checked && self.view.look.verbosity == 0 => return,
            Status::Changed if self.view.diff => {
                indented(&diff::unified(&result.diff, self.view.palette, self.view.look.diff_context))
            }
            Status::Unknown => format!("    decided at apply: {}\n", result_text::unknown_reason(result)),
            Status::Failed | Status::Unreachable => result_text::failure_in_full(task, result, &self.view),
            Status::Ok if result_text::is_debug(task) => result_text::below(task, result, &self.view),
            Status::Ok | Status::Ignored | Status::Skipped if self.view.look.verbosity == 0 => return,
            _ => String::new(),
        };
        if let Some(label) = item {
            below.insert_str(0, &format!("    item {label}\n"));
        }
        let number = state.hosts.iter().position(|other| other == host).unwrap_or(usize::MAX);
        let label = (number, result_text::host_label(host, result));
        let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) else { return };
        let mark = Mark::of(result.status, Kind::of(task, result));
        match open.folds.iter_mut().find(|fold| fold.mark == mark && fold.below == below) {
            Some(fold) => fold.hosts.push(label),
            None => open.folds.push(Fold { mark, below, hosts: vec![label] }),
        }
    }

    /// Counts a step.
    fn count(&self, state: &mut State, task: &TaskInfo, host: &Arc<str>, result: &TaskResult) {
        // A command that its task says changes nothing is no change, nor is what is only looked at.
        if matches!(result.status, Status::Changed | Status::Unknown) && !result.only_checked {
            let kind = Kind::of(task, result);
            *state.sums.entry(Arc::clone(host)).or_default().entry(kind).or_default() += 1;
        }
    }

    fn finished(&self, state: &mut State, task: &Arc<TaskInfo>, host: &Arc<str>, result: &TaskResult) {
        self.screen.ended(host);
        if let Some(open) = state.open.iter_mut().find(|open| open.task.id == task.id) {
            open.running = open.running.saturating_sub(1);
        }
        // Items told it already.
        if !state.looped.remove(&(task.id, Arc::clone(host))) {
            self.count(state, task, host, result);
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
            let sum = state.sums.get(host).cloned().unwrap_or_default();
            let mut parts: Vec<String> = sum
                .iter()
                .map(|(kind, count)| {
                    palette.paint(style_of(*kind), &format!("{} {count} {}", kind.sign(), kind.verb()))
                })
                .collect();
            if counts.failed > 0 {
                parts.push(palette.paint(FAILED, &format!("! {} failed", counts.failed)));
            }
            if counts.unreachable > 0 {
                parts.push(palette.paint(UNREACHABLE, "! unreachable"));
            }
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
            | Event::Meta { .. }
            | Event::Background { .. }
            | Event::Detail { .. }
            | Event::Included { .. }
            | Event::Retrying { .. } => {}
            Event::PlayStarted { play, hosts, .. } => {
                self.flush(state);
                state.play = Some(play.name.clone());
                state.hosts.clone_from(hosts);
            }
            Event::NoHostsMatched { play } => {
                self.flush(state);
                self.warn(&format!("no hosts matched for the play `{}`", play.name));
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
                self.count(state, task, host, result);
                self.add(state, task, host, result, Some(label));
            }
            Event::HostFinished { task, host, result } => self.finished(state, task, host, result),
            Event::Warning { message } => self.warn(message),
            Event::Found { finding } => {
                self.flush(state);
                self.screen.print(&style::finding(finding, self.view.palette));
            }
            Event::NoMoreHosts { .. } => self.flush(state),
            Event::Finished { stats, .. } => {
                self.flush(state);
                self.screen.close();
                self.summary(state, stats);
            }
        }
    }
}
