//! Plays on hosts: order, handlers, failures, loops, connections. The only layer that knows both playbooks and machines.

mod ahead;
mod background;
mod batch;
mod block;
mod cancel;
mod ended;
mod facts;
mod handlers;
mod host_task;
mod include;
mod looped;
mod machine;
mod meta;
mod options;
mod play;
mod pool;
mod run;
mod settings;
mod stats;
mod task;
mod threads;
mod validate;

pub use cancel::Cancel;
pub use options::{Gathering, Prompter, RunMode, RunOptions};
pub use run::{ANSIBLE_VERSION, Engine, EngineParts, Reload, RunError, Summary};
