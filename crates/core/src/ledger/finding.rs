//! What a comparison with a ledger brings to light, in words.

use super::Record;
use jiff::{Timestamp, tz::TimeZone};

/// Said where only root's part of the ledgers was not looked at.
pub(crate) const ROOT_TOO: &str = "root keeps a ledger here too: `--become` looks at it";

/// Something about a managed resource that its owner should know.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Where.
    pub host: String,
    /// What.
    pub kind: FindingKind,
    /// Which: `file:/etc/motd`. None of a task whose results are not to be shown.
    pub resource: Option<String>,
    /// Name of the task that it comes from.
    pub task: String,
    /// `FILE:LINE` of that task.
    pub place: String,
    /// When it was applied last, in seconds since 1970.
    pub applied: u64,
    /// What changed, or why something is not done; one line each.
    pub details: Vec<String>,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// It is not as it was applied.
    Drifted,
    /// Hostler made it, and the playbook does not name it any more.
    Orphan,
    /// Such a thing that is not removed.
    Kept,
    /// It could not be looked at.
    Unclear,
    /// The ledger could not be read or written, or does not fit.
    Lost,
}

impl FindingKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drifted => "drifted",
            Self::Orphan => "orphan",
            Self::Kept => "kept",
            Self::Unclear => "unclear",
            Self::Lost => "ledger",
        }
    }
}

impl Finding {
    /// About a resource of a record.
    pub fn new(host: &str, kind: FindingKind, record: &Record, resource: &str) -> Self {
        Self {
            host: host.to_owned(),
            kind,
            resource: (!record.no_log).then(|| resource.to_owned()),
            task: record.task.clone(),
            place: record.place().to_owned(),
            applied: record.t,
            details: Vec::new(),
        }
    }

    /// About a ledger as a whole.
    pub fn lost(host: &str, error: &str) -> Self {
        let finding = Self::new(host, FindingKind::Lost, &Record::default(), "");
        Self { details: vec![error.to_owned()], resource: None, ..finding }
    }

    /// Nothing is wrong: it only says what else there is.
    pub fn is_hint(&self) -> bool {
        self.details.iter().any(|detail| detail == ROOT_TOO)
    }

    /// In words, with a line for each detail.
    pub fn text(&self) -> String {
        let details: String = self.details.iter().map(|detail| format!("    {detail}\n")).collect();
        if self.kind == FindingKind::Lost {
            return format!("{}: {}\n", self.host, self.details.join("; "));
        }
        let what = self.resource.as_deref().map_or_else(|| "(hidden: no_log)".to_owned(), shown);
        let (task, place) = (&self.task, &self.place);
        format!("{}: {what}, applied {} by `{task}` at {place}\n{details}", self.host, when(self.applied))
    }
}

/// `file /etc/motd`.
pub fn shown(resource: &str) -> String {
    resource.replacen(':', " ", 1)
}

/// A time in seconds since 1970, as the clock here shows it.
pub fn when(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default();
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
