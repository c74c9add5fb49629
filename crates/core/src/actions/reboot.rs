//! `reboot`: restarts the host and waits until it is there again, with another boot id.

use super::raw::quote;
use super::wait_for_connection::until_reached;
use super::{Action, ActionError, Context, Reply};
use crate::connection::ConnectionError;
use crate::module::Mode;
use crate::module::types::{LooseInt, LooseString, StringList};
use crate::value::{Map, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::{Duration, Instant};

pub(super) struct Reboot;

/// Restarts the host and waits until it is there again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Seconds that users are warned before; whole minutes count.
    #[serde(default, alias = "pre_reboot_delay_sec")]
    pre_reboot_delay: LooseInt,
    /// Seconds to wait after it went before looking for it.
    #[serde(default, alias = "post_reboot_delay_sec")]
    post_reboot_delay: LooseInt,
    /// Seconds that it may take to come back, and again to answer the test.
    #[serde(default = "ten_minutes", alias = "reboot_timeout_sec")]
    reboot_timeout: LooseInt,
    /// Seconds that each try may take to connect.
    #[serde(alias = "connect_timeout_sec")]
    connect_timeout: Option<LooseInt>,
    /// Command that must succeed before it counts as there.
    #[serde(default = "whoami")]
    test_command: LooseString,
    /// What users are told.
    #[serde(default = "message")]
    msg: LooseString,
    /// Directories of `shutdown`.
    #[serde(default = "paths")]
    search_paths: StringList,
    /// Command whose output is another one after a restart.
    #[serde(default = "boot_time")]
    boot_time_command: LooseString,
    /// Command that restarts the host.
    reboot_command: Option<LooseString>,
}

fn ten_minutes() -> LooseInt {
    LooseInt(600)
}

fn whoami() -> LooseString {
    "whoami".into()
}

fn message() -> LooseString {
    "Reboot initiated by Ansible".into()
}

fn paths() -> StringList {
    ["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"].into()
}

fn boot_time() -> LooseString {
    "cat /proc/sys/kernel/random/boot_id".into()
}

fn seconds(number: LooseInt) -> Duration {
    Duration::from_secs(u64::try_from(number.0).unwrap_or_default())
}

impl Action for Reboot {
    const NAME: &'static str = "ansible.builtin.reboot";
    type Args = Args;

    fn run(context: &Context<'_>, given: Args, _: Map) -> Result<Reply, ActionError> {
        if context.mode != Mode::Apply {
            let fields = [("elapsed", Value::Int(0)), ("rebooted", Value::Bool(true))];
            let reply = Reply { changed: true, ..Reply::ok(fields) };
            return Ok(if context.mode.is_simulated() { reply.with_unknown(&["elapsed"]) } else { reply });
        }
        let start = Instant::now();
        let boot = boot_id(context, &given)?;
        let command = command(&given)?;
        match context.machine.raw(&command, b"") {
            // The connection may go before the command ends.
            Err(ConnectionError::Unreachable(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(output) if output.rc == 0 => {}
            Ok(output) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
                let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
                let msg = format!("Reboot command failed. Error was: '{stdout}, {stderr}'");
                let fields = [("rebooted", Value::Bool(false)), ("rc", Value::Int(i64::from(output.rc)))];
                return Ok(Reply::failure(msg, fields));
            }
        }
        context.machine.reset();
        context.sleep(seconds(given.post_reboot_delay));
        let problem = wait(context, &given, &boot).err();
        let elapsed = ("elapsed", Value::Int(i64::try_from(start.elapsed().as_secs()).unwrap_or(i64::MAX)));
        Ok(match problem {
            None => Reply { changed: true, ..Reply::ok([("rebooted", Value::Bool(true)), elapsed]) },
            Some(msg) => Reply { changed: true, ..Reply::failure(msg, [("rebooted", Value::Bool(true)), elapsed]) },
        })
    }
}

/// What the boot time command says now.
fn boot_id(context: &Context<'_>, given: &Args) -> Result<String, ActionError> {
    let output = context.machine.raw(&given.boot_time_command, b"")?;
    if output.rc != 0 {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let said = format!("rc: {}, stdout: {}, stderr: {}", output.rc, text(&output.stdout), text(&output.stderr));
        return Err(format!("failed to get host boot time info, {said}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line that restarts it.
fn command(given: &Args) -> Result<String, ActionError> {
    if let Some(command) = &given.reboot_command {
        return Ok(command.0.clone());
    }
    let minutes = given.pre_reboot_delay.0.max(0) / 60;
    let mut looked = String::new();
    for dir in given.search_paths.iter() {
        looked.push_str(&format!(" {}", quote(dir)?));
    }
    let script = format!(
        "for d in{looked}; do [ -x \"$d/shutdown\" ] && exec \"$d/shutdown\" -r {minutes} {}; done; \
         echo 'Unable to find command \"shutdown\" in search paths:'{looked} >&2; exit 127",
        quote(&given.msg)?
    );
    Ok(format!("/bin/sh -c {}", quote(&script)?))
}

/// Waits for another boot id, then for the test command.
fn wait(context: &Context<'_>, given: &Args, boot: &str) -> Result<(), String> {
    let connect_timeout = given.connect_timeout.map_or(Duration::from_secs(10), seconds);
    let timeout = seconds(given.reboot_timeout);
    let over = |start: Instant| start.elapsed() >= timeout;
    let start = Instant::now();
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        until_reached(context, connect_timeout, left, Duration::from_secs(1)).map_err(|error| {
            format!("Timed out waiting for last boot time check (timeout={}): {error}", timeout.as_secs())
        })?;
        match boot_id(context, given) {
            Ok(now) if now != boot => break,
            Ok(_) if over(start) => {
                return Err(format!("Timed out waiting for last boot time check (timeout={})", timeout.as_secs()));
            }
            _ => context.machine.reset(),
        }
        if !context.sleep(Duration::from_secs(1)) {
            return Err("cancelled".to_owned());
        }
    }
    let start = Instant::now();
    loop {
        let said = match context.machine.raw(&given.test_command, b"") {
            Ok(output) if output.rc == 0 => return Ok(()),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        if over(start) || !context.sleep(Duration::from_secs(1)) {
            return Err(format!(
                "Timed out waiting for post-reboot test command (timeout={}): {said}",
                timeout.as_secs()
            ));
        }
    }
}
