//! The helper's grip on the call it is busy with: ended when it takes too long, is cancelled, or nobody listens any more.
//!
//! The machine asks [`Control::stopped`] while it runs a command or waits, ends what it started, and fails the operation.
//! A module that does not return even so is left behind with the whole process ([`Control::watch`]).

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A module that still runs this long after its call was given up will not return.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Why a call was given up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// The controller said so.
    Cancelled,
    /// It took longer than so many seconds.
    TimedOut(f64),
    /// The controller is gone.
    Closed,
}

impl Stop {
    /// In words.
    pub fn reason(self) -> String {
        match self {
            Self::Cancelled => "cancelled".to_owned(),
            Self::TimedOut(seconds) => format!("Timed out after {seconds} second(s)."),
            Self::Closed => "the connection was closed".to_owned(),
        }
    }
}

#[derive(Default)]
struct State {
    /// The running call, its limit, and since when it is given up and why.
    call: Option<u64>,
    deadline: Option<(Instant, f64)>,
    stop: Option<(Stop, Instant)>,
    /// Calls that were cancelled before they began.
    cancelled: BTreeSet<u64>,
    closed: bool,
    finished: bool,
}

/// Shared by the threads of a helper.
#[derive(Default)]
pub struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins.
    pub fn begin(&self, call: u64, timeout: Option<f64>) {
        let mut state = self.state();
        let now = Instant::now();
        state.call = Some(call);
        state.deadline = timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok().map(|limit| (limit, seconds)))
            .and_then(|(limit, seconds)| Some((now.checked_add(limit)?, seconds)));
        state.stop = if state.closed {
            Some((Stop::Closed, now))
        } else {
            state.cancelled.remove(&call).then_some((Stop::Cancelled, now))
        };
        self.changed.notify_all();
    }

    /// The call has returned. Says why, if it was given up.
    pub fn end(&self) -> Option<Stop> {
        let mut state = self.state();
        state.call = None;
        state.deadline = None;
        state.stop.take().map(|(stop, _)| stop)
    }

    /// Gives `call` up, now or as soon as it begins.
    pub fn cancel(&self, call: u64) {
        let mut state = self.state();
        if state.call == Some(call) {
            give_up(&mut state, Stop::Cancelled);
            self.changed.notify_all();
        } else {
            state.cancelled.insert(call);
        }
    }

    /// Gives everything up: the controller is gone.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        give_up(&mut state, Stop::Closed);
        self.changed.notify_all();
    }

    /// Ends [`watch`](Self::watch).
    pub fn finish(&self) {
        self.state().finished = true;
        self.changed.notify_all();
    }

    /// Why the running call is given up, if it is.
    pub fn stopped(&self) -> Option<Stop> {
        self.state().stop.map(|(stop, _)| stop)
    }

    /// Waits for limits to pass until [`finish`](Self::finish). Returns `Some` when a call that was given up does not
    /// return: with its number, and why.
    pub fn watch(&self) -> Option<(u64, Stop)> {
        let mut state = self.state();
        loop {
            if state.finished {
                return None;
            }
            let now = Instant::now();
            let next = match (state.call, state.stop) {
                (Some(call), Some((stop, since))) => {
                    if now >= since + STUCK_AFTER {
                        return Some((call, stop));
                    }
                    Some(since + STUCK_AFTER)
                }
                (Some(_), None) => match state.deadline {
                    Some((deadline, seconds)) if now >= deadline => {
                        give_up(&mut state, Stop::TimedOut(seconds));
                        continue;
                    }
                    deadline => deadline.map(|(deadline, _)| deadline),
                },
                (None, _) => None,
            };
            state = match next {
                Some(next) => {
                    let wait = next.saturating_duration_since(now);
                    self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn give_up(state: &mut State, stop: Stop) {
    if state.call.is_some() && state.stop.is_none() {
        state.stop = Some((stop, Instant::now()));
    }
}
