//! `wait_for_connection`: waits until the host can be reached and a module runs there.

use super::{Action, ActionError, Context, Reply};
use crate::connection::ConnectionError;
use crate::module::Mode;
use crate::module::types::LooseInt;
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{Duration, Instant};

pub(super) struct WaitForConnection;

/// Waits until the host can be reached.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Seconds that each try may take to connect.
    #[serde(default = "five")]
    connect_timeout: LooseInt,
    /// Seconds to wait before the first try.
    #[serde(default)]
    delay: LooseInt,
    /// Seconds between tries.
    #[serde(default = "one")]
    sleep: LooseInt,
    /// Seconds after which it fails.
    #[serde(default = "ten_minutes")]
    timeout: LooseInt,
}

fn five() -> LooseInt {
    LooseInt(5)
}

fn one() -> LooseInt {
    LooseInt(1)
}

fn ten_minutes() -> LooseInt {
    LooseInt(600)
}

fn seconds(number: LooseInt) -> Duration {
    Duration::from_secs(u64::try_from(number.0).unwrap_or_default())
}

impl Action for WaitForConnection {
    const NAME: &'static str = "ansible.builtin.wait_for_connection";
    const ONLY_LOOKS: bool = true;
    type Args = Args;

    fn unknown(name: &str) -> Option<String> {
        Some(format!("Invalid options for wait_for_connection: {name}"))
    }

    fn run(context: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        if context.mode.is_simulated() {
            return Ok(Reply::ok([]).with_unknown(&["elapsed"]));
        }
        if context.mode != Mode::Apply {
            return Ok(Reply { skipped: true, ..Reply::ok([]) });
        }
        let start = Instant::now();
        let elapsed =
            |start: Instant| ("elapsed", Value::Int(i64::try_from(start.elapsed().as_secs()).unwrap_or(i64::MAX)));
        context.sleep(seconds(given.delay));
        let reached =
            until_reached(context, seconds(given.connect_timeout), seconds(given.timeout), seconds(given.sleep));
        Ok(match reached {
            Ok(()) => Reply::ok([elapsed(start)]),
            Err(error) => Reply::failure(format!("timed out waiting for ping module test: {error}"), [elapsed(start)]),
        })
    }
}

/// Tries until the host answers.
///
/// # Errors
/// What the last try said, when the time is up or the run was asked to stop.
pub(super) fn until_reached(
    context: &Context<'_>,
    connect_timeout: Duration,
    timeout: Duration,
    sleep: Duration,
) -> Result<(), ConnectionError> {
    let until = Instant::now().checked_add(timeout);
    let mut last = ConnectionError::Failed("there was no time to try".to_owned());
    while until.is_none_or(|until| Instant::now() < until) {
        match context.machine.reach(connect_timeout) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
        if !context.sleep(sleep) {
            break;
        }
    }
    Err(last)
}
