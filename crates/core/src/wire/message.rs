//! The messages.

use crate::module::Mode;
use crate::system::overlay::Delta;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the protocol. A helper of another version is not talked to.
pub const VERSION: u32 = 4;

/// The helper's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Must equal [`VERSION`].
    pub version: u32,
    /// Process id.
    pub pid: u32,
    /// User it runs as.
    pub uid: u32,
    /// How many bytes its own program has, where it could find out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// One module call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Answers carry it too.
    pub id: u64,
    /// Module, by any of its names.
    pub module: String,
    /// Parameters, a JSON object.
    pub args: serde_json::Value,
    /// How far to go.
    pub mode: Mode,
    /// Whether the outcome should carry diffs.
    pub diff: bool,
    /// Variables for the commands that the module runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Seconds after which the task is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// Run it in the background.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// What a plan has changed on this machine since the helper last heard of it, by other users' helpers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub simulated: Vec<Delta>,
    /// The ledger's line for what is applied, if it is to have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Request {
    /// A call of a module that only looks, with nothing around it.
    pub fn looking(module: &str, args: serde_json::Value) -> Self {
        Self {
            id: 0,
            module: module.to_owned(),
            args,
            mode: Mode::Check,
            diff: false,
            environment: BTreeMap::new(),
            timeout: None,
            job: None,
            simulated: Vec::new(),
            record: None,
        }
    }
}

/// A task in the background.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// Directory of the file with its state, as written.
    pub directory: String,
    /// Seconds after which it is ended.
    pub limit: f64,
}

/// News of a task that is still running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// A line of a command's output.
    Output(String),
}

/// The answer to a content that was asked for by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobAnswer {
    /// So many bytes follow.
    Length(u64),
    /// There is none, or it could not be read to its end: why.
    Failed(String),
}
