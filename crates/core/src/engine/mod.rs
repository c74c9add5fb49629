//! Plays on hosts: order, handlers, failures, loops, connections. The only layer that knows both playbooks and machines.

mod ahead;
mod arguments;
mod background;
mod batch;
mod block;
mod book;
mod cancel;
mod debugger;
mod drift;
mod ended;
mod facts;
mod handlers;
mod host_task;
mod include;
mod judge;
mod looped;
mod machine;
mod meta;
mod options;
mod planned;
mod play;
mod pool;
mod prune;
mod run;
mod settings;
mod settle;
mod stats;
mod step;
mod task;
mod threads;
mod validate;

pub use book::LedgerOptions;
pub use cancel::Cancel;
pub use drift::ReadLedger;
pub use options::{Console, Gathering, Prompter, RunMode, RunOptions, Typed, Wait};
pub use run::{ANSIBLE_VERSION, Engine, EngineParts, Reload, RunError, Summary};
