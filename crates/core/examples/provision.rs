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
use hostler_core::module::Module;
use hostler_core::modules::{apt::Apt, command::Command, copy::Copy, user::User};
use hostler_core::playbook::{Play, Playbook, Task};
use serde_json::{Value, json};
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

/// A task whose arguments are checked against the module's own type.
fn task<M: Module>(name: &str, args: Value) -> Result<Task, Box<dyn Error>> {
    let args: M::Args = serde_json::from_value(args)?;
    Ok(Task::of::<M>(name, &args))
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [source, helper, rest @ ..] = words.as_slice() else {
        return Err("usage: provision INVENTORY HELPER [--plan]".into());
    };
    let mode = if rest.iter().any(|word| word == "--plan") { RunMode::Plan } else { RunMode::Apply };

    let play = Play::on("workers")
        .task(task::<Apt>("install tree", json!({"name": "tree", "update_cache": true, "cache_valid_time": 3600}))?)
        .task(task::<User>("make a user", json!({"name": "shop", "system": true, "shell": "/usr/sbin/nologin"}))?)
        .task(
            task::<Copy>(
                "say what this host is for",
                json!({"dest": "/etc/motd", "content": "a worker of the shop\n", "mode": "0644"}),
            )?
            .notify("tell"),
        )
        .handler(task::<Command>("tell", json!({"argv": ["logger", "the message of the day is new"]}))?);

    let inventory = Inventory::load(&[source], &LoadOptions::default())?;
    let connector = DefaultConnector::new(Helper::new(std::fs::read(helper)?), None);
    let parts = EngineParts::new(Arc::new(connector), Arc::new(Printer));
    let engine = Engine::new(parts, inventory, RunOptions { mode, ..RunOptions::default() }, None, Cancel::default())?;
    engine.run(&Playbook::of(".", [play]))?;
    let summary = engine.finish();
    println!("changed: {}, failed: {}, unreachable: {}", summary.changed, summary.failed(), summary.unreachable());
    Ok(())
}
