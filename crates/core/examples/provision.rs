//! Provisions the lab's workers without a playbook: a package, a user, a file, and a handler that runs on change.
//!
//!     just lab up 2
//!     cargo build -p hostler --release
//!     cargo run -p hostler-core --example provision -- inventories/lab PATH-OF-A-HELPER [--plan]
//!
//! A helper is a static build of `crates/agent`; the command `hostler` has one inside.
#![allow(clippy::print_stdout, reason = "a program")]

use hostler_core::connection::{DefaultConnector, Helper};
use hostler_core::engine::{Cancel, Engine, EngineParts, RunMode, RunOptions};
use hostler_core::event::{Event, Reporter};
use hostler_core::inventory::{Inventory, LoadOptions};
use hostler_core::modules::apt::{self, Apt};
use hostler_core::modules::command::{self, Command};
use hostler_core::modules::copy::{self, Copy};
use hostler_core::modules::user::{self, User};
use hostler_core::playbook::{Play, Playbook, Task};
use std::error::Error;
use std::sync::Arc;

/// Shows how each task ended on each host.
struct Printer;

impl Reporter for Printer {
    fn event(&self, event: &Event) {
        if let Event::HostFinished { task, host, result } = event {
            println!("{host}: {}: {:?} ({:.0} ms)", task.name, result.status, result.elapsed.as_secs_f64() * 1000.0);
        }
    }
}

fn worker() -> Play {
    let tree = apt::Args {
        name: ["tree"].into(),
        update_cache: Some(true.into()),
        cache_valid_time: 3600.into(),
        ..apt::Args::default()
    };
    let shop = user::Args {
        name: "shop".into(),
        system: true.into(),
        shell: Some("/usr/sbin/nologin".into()),
        ..user::Args::default()
    };
    let motd = copy::Args {
        dest: "/etc/motd".into(),
        content: Some("a worker of the shop\n".into()),
        mode: Some(0o644.into()),
        ..copy::Args::default()
    };
    let tell =
        command::Args { argv: Some(["logger", "the message of the day is new"].into()), ..command::Args::default() };
    Play::on("workers")
        .task(Task::of::<Apt>("install tree", &tree))
        .task(Task::of::<User>("make a user", &shop))
        .task(Task::of::<Copy>("say what this host is for", &motd).notify("tell"))
        .handler(Task::of::<Command>("tell", &tell))
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [source, helper, rest @ ..] = words.as_slice() else {
        return Err("usage: provision INVENTORY HELPER [--plan]".into());
    };
    let mode = if rest.iter().any(|word| word == "--plan") { RunMode::Plan } else { RunMode::Apply };

    let inventory = Inventory::load(&[source], &LoadOptions::default())?;
    let connector = DefaultConnector::new(Helper::new(std::fs::read(helper)?), None);
    let parts = EngineParts::new(Arc::new(connector), Arc::new(Printer));
    let engine = Engine::new(parts, inventory, RunOptions { mode, ..RunOptions::default() }, None, Cancel::default());
    engine.run(&Playbook::of(".", [worker()]))?;
    let summary = engine.finish();
    println!("changed: {}, failed: {}, unreachable: {}", summary.changed, summary.failed(), summary.unreachable());
    Ok(())
}
