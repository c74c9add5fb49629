//! `unixy`: a line a host and task, in the style of a system that starts.

use super::look::{
    CHANGED, Colour, DEBUG, DEPRECATED, FAILED, INCLUDED, Look, OK, SKIPPED, UNREACHABLE, VERBOSE, WARNING,
};
use super::{recap, result};
use crate::report::screen::{Sink, lock, put};
use hostler_core::event::{CustomStats, Event, HostStats, PlayInfo, Reporter, RunStats, Status, TaskInfo, TaskResult};
use hostler_core::template::Templar;
use hostler_core::value;
use std::collections::HashSet;
use std::sync::Mutex;

/// The reporter.
pub struct Unixy {
    look: Look,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    err: Sink,
    free: bool,
    /// Errors and warnings that were told: once is enough.
    told: HashSet<String>,
}

impl Unixy {
    /// Prints to `out`, warnings to `err`.
    pub fn new(look: Look, out: Sink, err: Sink) -> Self {
        Self { look, state: Mutex::new(State { out, err, free: false, told: HashSet::new() }) }
    }

    fn line(&self, state: &mut State, colour: Colour, text: &str) {
        let text = if text.contains('\n') { text.strip_suffix('\n').unwrap_or(text) } else { text };
        put(&mut state.out, &format!("{}\n", self.look.paint(colour, text)));
    }

    fn failure(&self, state: &mut State, colour: Colour, text: &str) {
        let text = format!("{}\n", self.look.paint(colour, text));
        put(if self.look.failed_to_stderr { &mut state.err } else { &mut state.out }, &text);
    }

    fn warning(&self, state: &mut State, colour: Colour, text: &str) {
        if state.told.insert(text.to_owned()) {
            put(&mut state.err, &format!("{}\n", self.look.paint(colour, text)));
        }
    }

    fn play(&self, state: &mut State, play: &PlayInfo, check: bool) {
        let check = if check && self.look.check_markers { " (in check mode)" } else { "" };
        let (name, pattern) = (play.name.trim(), &play.pattern);
        put(&mut state.out, &format!("\n- {name}{check} on hosts: {pattern} -\n"));
    }

    fn task(&self, state: &mut State, task: &TaskInfo) {
        let name = task.name.trim().rsplit(" : ").next().unwrap_or_default();
        if name.starts_with("include") {
            return;
        }
        let check = task.check_mode && self.look.check_markers;
        let line = match (task.handler, check) {
            (false, false) => format!("{name}...\n"),
            (false, true) => format!("{name} (check mode)...\n"),
            (true, false) => format!("{name} (via handler)... \n"),
            (true, true) => format!("{name} (via handler in check mode)... \n"),
        };
        put(&mut state.out, &line);
    }

    /// One result, of an item or of the whole.
    fn result(&self, state: &mut State, task: &TaskInfo, host: &str, item: Option<&str>, result: &TaskResult) {
        let failed = matches!(result.status, Status::Failed | Status::Ignored | Status::Unreachable);
        if failed
            && let Some(error) = result::error(task, result, None)
            && result.result.contains_key("exception")
            && state.told.insert(error.clone())
        {
            self.failure(state, FAILED, &error);
        }
        for (label, message) in result::warnings(result) {
            let colour = if label == "WARNING" { WARNING } else { DEPRECATED };
            self.warning(state, colour, &format!("[{label}]: {message}").replace("\r\n", "\n"));
        }
        let spread = result::always(task, result) && (item.is_some() || !task.looped);
        let item = if result.result.contains_key("censored") { Some("(censored due to no_log)") } else { item };
        let items = item.filter(|item| !item.is_empty()).map(|item| format!(" | item: {item}")).unwrap_or_default();
        let unreachable = result.result.contains_key("unreachable");
        let (word, colour) = match result.status {
            Status::Skipped if !self.look.skipped_hosts => return,
            Status::Skipped => ("skipped".to_owned(), SKIPPED),
            Status::Ok if !self.look.ok_hosts => return,
            Status::Ok => ("ok".to_owned(), OK),
            Status::Changed | Status::Unknown => (format!("done{items}"), CHANGED),
            Status::Unreachable | Status::Ignored if unreachable => ("unreachable".to_owned(), UNREACHABLE),
            Status::Failed | Status::Ignored | Status::Unreachable => (format!("failed{items}"), FAILED),
        };
        let text = format!("  {}", self.told(task, host, (&word, spread), result));
        if failed { self.failure(state, colour, &text) } else { self.line(state, colour, &text) }
    }

    /// How a host ended, with what there is to say of it.
    fn told(&self, task: &TaskInfo, host: &str, (word, spread): (&str, bool), result: &TaskResult) -> String {
        if spread || (self.look.verbosity > 0 && !result::is_facts(task)) {
            return format!("{host} {word}: {}", result::dump_spread(result, &self.look));
        }
        let other = result.delegated_address.as_deref().or(result.delegated_to.as_deref());
        let mut text = match other {
            Some(other) => format!("{host} -> {other} {word}"),
            None => format!("{host} {word}"),
        };
        for name in ["msg", "stdout", "stderr"] {
            let said = result.result.get(name).map(|said| Templar::text_of(&value::Value::from(said.clone())));
            match said {
                Some(said) if !said.is_empty() && said != "All items completed" => {
                    text.push_str(&format!(" | {name}: {said}"));
                }
                _ => {}
            }
        }
        text
    }

    fn diff(&self, state: &mut State, task: &TaskInfo, result: &TaskResult) {
        if result::tells_changes(task) && result.status == Status::Changed && result.result.contains_key("diff") {
            let text = result::diff(&result.diff, &self.look);
            if !text.is_empty() {
                let end = if text.ends_with('\n') { "" } else { "\n" };
                put(&mut state.out, &format!("{text}{end}"));
            }
        }
    }

    fn recap(&self, state: &mut State, stats: &RunStats, custom: &CustomStats) {
        let mut text = "\n- Play recap -\n".to_owned();
        for (host, counts) in stats {
            text.push_str(&format!("  {}", self.counts(host, counts)));
        }
        text.push_str(&recap::custom(&self.look, custom));
        put(&mut state.out, &text);
    }

    fn counts(&self, host: &str, counts: &HostStats) -> String {
        let cells = [
            ("ok", counts.ok, OK),
            ("changed", counts.changed, CHANGED),
            ("unreachable", counts.unreachable, UNREACHABLE),
            ("failed", counts.failed, FAILED),
            ("rescued", counts.rescued, OK),
            ("ignored", counts.ignored, WARNING),
        ];
        recap::counted(&self.look, host, counts, &cells)
    }
}

impl Reporter for Unixy {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        let state = &mut *state;
        match event {
            Event::PlaybookStarted { path, .. } => {
                let check = if self.look.check && self.look.check_markers { " in check mode" } else { "" };
                let name = path.rsplit('/').next().unwrap_or_default();
                put(&mut state.out, &format!("Executing playbook {name}{check}\n"));
            }
            Event::PlayStarted { play, free, check_mode, .. } => {
                state.free = *free;
                self.play(state, play, *check_mode);
            }
            Event::NoHostsMatched { play } => {
                self.play(state, play, false);
                self.line(state, DEBUG, "  No hosts found!");
            }
            Event::TaskStarted { task } => self.task(state, task),
            Event::HostStarted { task, host } if self.look.host_starts => {
                self.line(state, OK, &format!(" [started TASK: {} on {host}]", task.name));
            }
            Event::ItemFinished { task, host, label, result } => {
                self.diff(state, task, result);
                self.result(state, task, host, Some(label), result);
            }
            Event::Retrying { attempt, left, .. } => {
                let line = format!("  Retrying... ({attempt} of {})", left + attempt);
                self.line(state, DEBUG, &line);
            }
            Event::HostFinished { task, host, result } => {
                self.diff(state, task, result);
                self.result(state, task, host, None, result);
            }
            Event::IncludeFinished { task, host, result } => {
                self.result(state, task, host, None, &TaskResult::ok(result.clone()));
            }
            Event::Included { what, hosts, item, .. } => {
                let item = item.as_ref().map(|item| format!(" => (item={item})")).unwrap_or_default();
                self.line(state, INCLUDED, &format!("included: {what} for {}{item}", hosts.join(", ")));
            }
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
            Event::Warning { message } => self.warning(state, WARNING, &format!("[WARNING]: {message}")),
            Event::NoMoreHosts { over_limit } => {
                if *over_limit || state.free {
                    self.line(state, FAILED, "  Ran out of hosts!");
                }
            }
            Event::HostStarted { .. } | Event::HostOutput { .. } | Event::Found { .. } => {}
            Event::Finished { stats, custom } => self.recap(state, stats, custom),
        }
    }
}
