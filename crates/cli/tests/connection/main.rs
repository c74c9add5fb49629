//! Connections end to end, with the helper that this build embeds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod lab;
mod local;
mod ssh;
mod sshd;

use hostler_core::connection::{Call, Connection, ConnectionError, DefaultConnector, Helper, NoBlobs, RawOutput};
use hostler_core::module::{Mode, Outcome};
use hostler_core::wire::Request;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

fn connector() -> &'static DefaultConnector {
    static CONNECTOR: LazyLock<DefaultConnector> = LazyLock::new(|| {
        let helper = std::fs::read(env!("HOSTLER_HELPER")).unwrap();
        DefaultConnector::new(Helper::with_sha256(helper, env!("HOSTLER_HELPER_SHA256")), None)
    });
    &CONNECTOR
}

fn ping(data: &str) -> Request {
    Request {
        id: 1,
        module: "ping".into(),
        args: serde_json::json!({ "data": data }),
        mode: Mode::Apply,
        diff: false,
        environment: Default::default(),
        timeout: None,
        simulated: Vec::new(),
        record: None,
        job: None,
    }
}

fn call(connection: &mut dyn Connection, request: &Request) -> Result<Outcome, ConnectionError> {
    connection.call(
        request,
        Call { become_: None, blobs: &NoBlobs, progress: &mut |_| {}, cancelled: &|| false, journal: None },
    )
}

fn raw(connection: &mut dyn Connection, command: &str, stdin: &[u8]) -> Result<RawOutput, ConnectionError> {
    let call = Call { become_: None, blobs: &NoBlobs, progress: &mut |_| {}, cancelled: &|| false, journal: None };
    connection.raw(command, stdin, Some(Duration::from_secs(20)), call)
}

/// A directory that is removed afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hostler-test-{}-{name}", std::process::id()));
        let _old = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
