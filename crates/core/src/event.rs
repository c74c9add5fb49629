//! What happens in a run, told once: reporters show it, nothing else prints.

use crate::diagnostic::Span;
use crate::ledger::Finding;
use crate::module::Diff;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How the message of a result begins that only apply will know; the reason follows.
pub const DECIDED_AT_APPLY: &str = "decided at apply: ";

/// How a task (or a loop's item) ended on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be already.
    Ok,
    /// Something was changed, or would be.
    Changed,
    /// It failed.
    Failed,
    /// It failed, and the playbook says not to mind.
    Ignored,
    /// Its condition was false.
    Skipped,
    /// The host could not be reached.
    Unreachable,
    /// Only apply will know whether and how it changes something.
    Unknown,
}

/// A task as reporters show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskInfo {
    /// Number, unique in a run.
    pub id: u64,
    /// Name shown: `role : name`, or the action where it has no name.
    pub name: String,
    /// Full name of the action.
    pub action: String,
    /// The action as the file has it.
    pub written: String,
    /// The role that it belongs to.
    pub role: Option<String>,
    /// The same each time it runs: for another batch of hosts, or again as a handler.
    pub number: u64,
    /// Where it stands.
    pub span: Option<Span>,
    /// It is a handler.
    pub handler: bool,
    /// It has a loop.
    pub looped: bool,
    /// It only looks.
    pub check_mode: bool,
    /// Its arguments as they are written; none where nothing of it may be shown.
    pub args: Vec<(String, String)>,
}

/// A play as reporters show it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlayInfo {
    /// Its name, or its pattern.
    pub name: String,
    /// Which hosts it is for.
    pub pattern: String,
    /// Where it stands.
    pub span: Option<Span>,
}

/// A result on one host, safe to show: secrets are already replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResult {
    /// How it ended.
    pub status: Status,
    /// What would change was only looked at, because the task says `check_mode`.
    pub only_checked: bool,
    /// What `register` got (censored for `no_log`).
    pub result: Map<String, Value>,
    /// The changes.
    pub diff: Vec<Diff>,
    /// How long it took.
    pub elapsed: Duration,
    /// Host that did it, where another than the one it was for.
    pub delegated_to: Option<Arc<str>>,
    /// The address of that host, where it is not its name.
    pub delegated_address: Option<Arc<str>>,
    /// What it would do, if anything. Told in plans only.
    pub work: Option<Work>,
}

impl TaskResult {
    /// A result that says only this.
    pub fn ok(result: Map<String, Value>) -> Self {
        Self {
            status: Status::Ok,
            only_checked: false,
            result,
            diff: Vec::new(),
            elapsed: Duration::ZERO,
            delegated_to: None,
            delegated_address: None,
            work: None,
        }
    }
}

/// What a task would do on a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Work {
    /// The module's typed change, if one is known, without secrets.
    pub change: Option<Value>,
    /// Hash of the change and its diff, with the secrets in them: the same when the plan is made again and nothing has moved.
    pub fingerprint: String,
    /// Handlers that it notifies.
    pub notifies: Vec<String>,
}

/// Counts of one host, as in Ansible's recap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the recap's own words")]
pub struct HostStats {
    pub ok: u32,
    pub changed: u32,
    pub unreachable: u32,
    pub failed: u32,
    pub skipped: u32,
    pub rescued: u32,
    pub ignored: u32,
}

/// Counts of all hosts.
pub type RunStats = BTreeMap<Arc<str>, HostStats>;

/// What `set_stats` said, by host.
pub type CustomStats = BTreeMap<Arc<str>, Map<String, Value>>;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A comparison with a host's ledger brought something to light.
    Found {
        /// What.
        finding: Finding,
    },
    /// A playbook begins.
    PlaybookStarted {
        /// Its path.
        path: String,
        /// How many plays it has.
        plays: usize,
    },
    /// A play begins on these hosts.
    PlayStarted {
        /// Which.
        play: Arc<PlayInfo>,
        /// The hosts of the batch.
        hosts: Vec<Arc<str>>,
        /// Hosts do not wait for each other.
        free: bool,
        /// It only looks.
        check_mode: bool,
    },
    /// No host matched a play's pattern.
    NoHostsMatched {
        /// Which.
        play: Arc<PlayInfo>,
    },
    /// A task begins.
    TaskStarted {
        /// Which.
        task: Arc<TaskInfo>,
    },
    /// A task begins on a host.
    HostStarted {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
    },
    /// A running task on a host printed a line.
    HostOutput {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
        /// The line.
        line: String,
    },
    /// One item of a loop ended.
    ItemFinished {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
        /// The item's label.
        label: String,
        /// How it ended.
        result: TaskResult,
    },
    /// A task failed on a host and will be tried again.
    Retrying {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
        /// Number of the try that failed, from 1.
        attempt: u32,
        /// Tries left.
        left: u32,
    },
    /// A task ended on a host.
    HostFinished {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
        /// How it ended.
        result: TaskResult,
    },
    /// An include knows what it brings to a host; what that is comes with [`Event::Included`].
    IncludeFinished {
        /// Which.
        task: Arc<TaskInfo>,
        /// Where.
        host: Arc<str>,
        /// What it asks for, in Ansible's words, safe to show.
        result: Map<String, Value>,
    },
    /// Included files or roles begin.
    Included {
        /// What brought them.
        task: Arc<TaskInfo>,
        /// The file or role.
        what: String,
        /// For which hosts.
        hosts: Vec<Arc<str>>,
        /// The loop's item.
        item: Option<String>,
    },
    /// What is of interest only to those who want to know more.
    Detail {
        /// In Ansible's words.
        message: String,
        /// With how many `-v`s it is told.
        verbosity: u8,
    },
    /// A `meta` task did its work, or did not.
    Meta {
        /// What, in Ansible's words.
        message: String,
        /// No task says so: the end of a phase runs the handlers.
        implicit: bool,
    },
    /// How a task that goes on in the background is doing.
    Background {
        /// In Ansible's words.
        message: String,
    },
    /// Something the user should know.
    Warning {
        /// In words, with its place where there is one.
        message: String,
    },
    /// No host is left to go on with.
    NoMoreHosts {
        /// More failed than `max_fail_percentage` allows.
        over_limit: bool,
    },
    /// The run is over, or, in Ansible's words, one of its playbooks.
    Finished {
        /// The counts.
        stats: RunStats,
        /// What `set_stats` said, by host; of the run as a whole by `_run`.
        custom: CustomStats,
    },
}

/// Hears of everything that happens, in order, from many threads.
pub trait Reporter: Send + Sync {
    /// Called for each event.
    fn event(&self, event: &Event);
}

impl<R: Reporter + ?Sized> Reporter for Arc<R> {
    fn event(&self, event: &Event) {
        (**self).event(event);
    }
}
