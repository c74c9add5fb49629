//! The engine on simulated hosts, by a connector of its own: the library as any other program uses it.

use super::Result;
use hostler_core::connection::{Call, Connection, ConnectionError, Connector, RawOutput, Target};
use hostler_core::engine::{Cancel, Engine, EngineParts, RunOptions};
use hostler_core::event::{Event, Reporter};
use hostler_core::inventory::{Inventory, LoadOptions};
use hostler_core::module::Outcome;
use hostler_core::playbook::LiteralOnly;
use hostler_core::wire::Request;
use hostler_core::wire::client::{Client, Handlers, Link, Received};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const TASKS: u32 = 20;

/// Runs a playbook of twenty tasks; fails unless every host ends all of them well.
pub fn run(socket: &Path, inventory: &str, playbook: &Path) -> Result<()> {
    let inventory = Inventory::load(&[inventory], &LoadOptions::default())?;
    let hosts = inventory.hosts().len();
    let parts = EngineParts::new(Arc::new(Fleet(socket.to_owned())), Arc::new(Silent));
    let playbook = parts.loader.playbook(playbook, &LiteralOnly).map_err(|found| format!("{found:?}"))?;
    let directory = playbook.path.parent().map(Path::to_owned);
    let engine = Engine::new(parts, inventory, RunOptions::default(), directory.as_deref(), Cancel::default());
    engine.run(&playbook)?;
    let summary = engine.finish();
    let well = summary.stats.values().filter(|stats| stats.ok == TASKS && stats.changed + stats.failed == 0).count();
    println!("{well} of {hosts} hosts ended all tasks well");
    if well == hosts { Ok(()) } else { Err("some did not".into()) }
}

struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Event) {}
}

/// Connects to the process that is all hosts.
struct Fleet(PathBuf);

impl Connector for Fleet {
    fn connect(&self, _: &Target) -> std::result::Result<Box<dyn Connection>, ConnectionError> {
        let unreachable = |error: &dyn ToString| ConnectionError::Unreachable(error.to_string());
        let socket = UnixStream::connect(&self.0).map_err(|error| unreachable(&error))?;
        let client = Client::open(Socket(socket), &[], Duration::from_secs(30));
        Ok(Box::new(Host(client.map_err(|(_, error)| unreachable(&error))?)))
    }
}

struct Host(Client<Socket>);

impl Connection for Host {
    fn call(&mut self, request: &Request, call: Call<'_>) -> std::result::Result<Outcome, ConnectionError> {
        let blobs = |sha256: &str| call.blobs.open(sha256);
        let handlers = Handlers { blobs: &blobs, progress: call.progress, cancelled: call.cancelled };
        self.0.call(request, handlers).map_err(|error| ConnectionError::Unreachable(error.to_string()))
    }

    fn raw(
        &mut self,
        _: &str,
        _: &[u8],
        _: Option<Duration>,
        _: Call<'_>,
    ) -> std::result::Result<RawOutput, ConnectionError> {
        Err(ConnectionError::Failed("simulated hosts have no shell".to_owned()))
    }
}

struct Socket(UnixStream);

impl Link for Socket {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Received> {
        self.0.set_read_timeout(Some(wait))?;
        match self.0.read(buffer) {
            Ok(0) => Ok(Received::End),
            Ok(count) => Ok(Received::Bytes(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}
