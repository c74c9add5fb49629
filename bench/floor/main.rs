//! What the work itself takes: the requests that `bench/playbooks/noop.yml` leads to, over the same connections to the
//! same helper, without playbook, variables, templates or engine.
//!
//!     floor HOSTS.json HELPER noop|one [--ahead]
//!
//! With `--ahead` no request waits for the answer to the one before.
#![allow(clippy::print_stdout, reason = "a program")]

mod requests;

use hostler_core::connection::{Call, Connector, DefaultConnector, Helper, NoBlobs, Target};
use hostler_core::wire::Progress;
use serde::Deserialize;
use std::error::Error;
use std::path::PathBuf;
use std::thread;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Deserialize)]
struct Hosts {
    key: PathBuf,
    known_hosts: PathBuf,
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    name: String,
    port: u16,
    work: String,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (hosts, helper, work, ahead) = match words.as_slice() {
        [hosts, helper, work] => (hosts, helper, work, false),
        [hosts, helper, work, option] if option == "--ahead" => (hosts, helper, work, true),
        _ => return Err("usage: floor HOSTS.json HELPER noop|one [--ahead]".into()),
    };
    let hosts: Hosts = serde_json::from_slice(&std::fs::read(hosts)?)?;
    // The file's name tells the hash, as it does for the command, which has it from its build.
    let connector = DefaultConnector::new(Helper::new(std::fs::read(helper)?), None);
    let results: Vec<_> = thread::scope(|scope| {
        let (connector, hosts) = (&connector, &hosts);
        let threads: Vec<_> =
            hosts.hosts.iter().map(|host| scope.spawn(move || run(connector, hosts, host, work, ahead))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("the thread panicked".into()))).collect()
    });
    println!("PLAY RECAP");
    for (host, result) in hosts.hosts.iter().zip(results) {
        let (ok, changed) = result.map_err(|error| format!("{}: {error}", host.name))?;
        println!("{} : ok={ok} changed={changed}", host.name);
    }
    Ok(())
}

/// Sends all requests to one host. Returns how many there were, and how many changed something.
fn run(connector: &DefaultConnector, hosts: &Hosts, host: &Host, work: &str, ahead: bool) -> Result<(usize, usize)> {
    let arguments = ["-F", "none", "-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o"];
    let mut ssh_args = arguments.map(str::to_owned).to_vec();
    ssh_args.push(format!("UserKnownHostsFile={}", hosts.known_hosts.display()));
    let target = Target {
        name: host.name.clone(),
        address: "127.0.0.1".to_owned(),
        port: Some(host.port),
        private_key: Some(hosts.key.clone()),
        ssh_args,
        ..Target::default()
    };
    let mut connection = connector.connect(&target)?;
    let requests = requests::of(work, &host.work)?;
    let mut ignored = |_| {};
    if ahead {
        for request in &requests {
            if !connection.send(request, call(&mut ignored))? {
                return Err("this connection sends nothing ahead".into());
            }
        }
    }
    let mut changed = 0;
    for request in &requests {
        let outcome = if ahead {
            connection.receive(call(&mut ignored))?
        } else {
            connection.call(request, call(&mut ignored))?
        };
        if outcome.failed {
            return Err(format!("{} failed: {:?}", request.module, outcome.output).into());
        }
        // Of a command only its writer knows that it changes nothing.
        changed += usize::from(outcome.changed && request.module != "ansible.builtin.command");
    }
    Ok((requests.len(), changed))
}

/// With nothing to offer, to hear or to give up for.
fn call(progress: &mut dyn FnMut(Progress)) -> Call<'_> {
    Call { become_: None, blobs: &NoBlobs, progress, cancelled: &|| false, journal: None }
}
