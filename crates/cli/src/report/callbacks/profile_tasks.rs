//! `profile_tasks`: how long each task took.

use super::clock::{Clock, filled, row};
use crate::report::ansible::Look;
use crate::report::result_text::place;
use crate::report::screen::{Sink, lock, put};
use hostler_core::config::{Config, SortOrder};
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::{Event, Reporter, TaskInfo};
use std::cmp::Reverse;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Tasks listed at the end, where the settings do not say.
const LISTED: usize = 20;
/// Columns of a time in the list.
const TIME: usize = 9;

/// The reporter.
pub struct ProfileTasks {
    look: Look,
    order: SortOrder,
    /// At most as many tasks are listed.
    limit: usize,
    summary_only: bool,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    clock: Clock,
    tasks: Vec<Timed>,
    /// Which of them runs, since when.
    running: Option<(usize, Instant)>,
}

/// A task, and how long it ran, all its times together.
struct Timed {
    number: u64,
    name: String,
    path: Option<String>,
    elapsed: Duration,
}

impl ProfileTasks {
    /// Counts from now, and prints to `out`.
    ///
    /// # Errors
    /// A number of tasks that is none.
    pub fn new(config: &Config, look: Look, out: Sink) -> Result<Self, Diagnostic> {
        let limit = match config.profile_tasks_output_limit.get().map(String::as_str) {
            None => LISTED,
            Some("all") => usize::MAX,
            Some(text) => text.parse().map_err(|_| {
                Diagnostic::error(format!("`{text}` is neither a number of tasks nor `all` (`task_output_limit`)"))
            })?,
        };
        let state = State { out, clock: Clock::new(), tasks: Vec::new(), running: None };
        Ok(Self {
            look,
            order: config.profile_tasks_sort_order.or(SortOrder::Descending),
            limit,
            summary_only: config.profile_tasks_summary_only.or(false),
            state: Mutex::new(state),
        })
    }

    fn begin(&self, state: &mut State, task: &TaskInfo) {
        if !self.summary_only {
            let line = state.clock.line();
            put(&mut state.out, &line);
        }
        state.stop();
        let index = state.tasks.iter().position(|known| known.number == task.number).unwrap_or_else(|| {
            let path = task.span.as_ref().map(place).filter(|_| self.look.verbosity >= 2);
            let timed = Timed { number: task.number, name: task.name.clone(), path, elapsed: Duration::ZERO };
            state.tasks.push(timed);
            state.tasks.len() - 1
        });
        state.running = Some((index, Instant::now()));
    }

    fn recap(&self, state: &mut State) {
        let mut text = self.look.banner("TASKS RECAP");
        text.push_str(&state.clock.line());
        text.push_str(&format!("{}\n", filled("", '=')));
        state.stop();
        match self.order {
            SortOrder::Descending => state.tasks.sort_by_key(|task| Reverse(task.elapsed)),
            SortOrder::Ascending => state.tasks.sort_by_key(|task| task.elapsed),
            SortOrder::None => {}
        }
        let columns = self.look.columns;
        for task in state.tasks.iter().take(self.limit) {
            text.push_str(&row(&task.name, task.elapsed, columns - TIME));
            if let Some(path) = &task.path {
                text.push_str(&format!("{:-<columns$}\n", format!("{path} ")));
            }
        }
        put(&mut state.out, &text);
    }
}

impl State {
    fn stop(&mut self) {
        if let Some((index, since)) = self.running.take() {
            self.tasks[index].elapsed += since.elapsed();
        }
    }
}

impl Reporter for ProfileTasks {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        match event {
            Event::TaskStarted { task } => self.begin(&mut state, task),
            Event::Finished { .. } => self.recap(&mut state),
            _ => {}
        }
    }
}
