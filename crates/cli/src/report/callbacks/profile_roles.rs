//! `profile_roles`: how long each role took, and each action outside of roles.

use super::clock::{Clock, filled, row};
use crate::report::ansible::Look;
use crate::report::screen::{Sink, lock, put};
use hostler_core::config::Config;
use hostler_core::event::{Event, Reporter, TaskInfo};
use std::cmp::Reverse;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Columns of a name in the list.
const NAME: usize = 70;

/// The reporter.
pub struct ProfileRoles {
    look: Look,
    summary_only: bool,
    state: Mutex<State>,
}

struct State {
    out: Sink,
    clock: Clock,
    /// Roles and actions in the order they came, with their times.
    totals: Vec<(String, Duration)>,
    /// Which of them runs, since when.
    running: Option<(usize, Instant)>,
}

impl ProfileRoles {
    /// Counts from now, and prints to `out`.
    pub fn new(config: &Config, look: Look, out: Sink) -> Self {
        let state = State { out, clock: Clock::new(), totals: Vec::new(), running: None };
        Self { look, summary_only: config.profile_roles_summary_only.or(false), state: Mutex::new(state) }
    }

    fn begin(&self, state: &mut State, task: &TaskInfo) {
        if !self.summary_only {
            let line = state.clock.line();
            put(&mut state.out, &line);
        }
        state.stop();
        let name = task.role.as_ref().unwrap_or(&task.written);
        let index = state.totals.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            state.totals.push((name.clone(), Duration::ZERO));
            state.totals.len() - 1
        });
        state.running = Some((index, Instant::now()));
    }

    fn recap(&self, state: &mut State) {
        let mut text = self.look.banner("ROLES RECAP");
        text.push_str(&state.clock.line());
        text.push_str(&format!("{}\n", filled("", '=')));
        state.stop();
        state.totals.sort_by_key(|(_, elapsed)| Reverse(*elapsed));
        for (name, elapsed) in &state.totals {
            text.push_str(&row(name, *elapsed, NAME));
        }
        let total = state.totals.iter().map(|(_, elapsed)| *elapsed).sum();
        text.push_str(&format!("{}\n{}", filled("", '~'), row("total", total, NAME)));
        put(&mut state.out, &text);
    }
}

impl State {
    fn stop(&mut self) {
        if let Some((index, since)) = self.running.take() {
            self.totals[index].1 += since.elapsed();
        }
    }
}

impl Reporter for ProfileRoles {
    fn event(&self, event: &Event) {
        let mut state = lock(&self.state);
        match event {
            Event::TaskStarted { task } => self.begin(&mut state, task),
            Event::Finished { .. } => self.recap(&mut state),
            _ => {}
        }
    }
}
