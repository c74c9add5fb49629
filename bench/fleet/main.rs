//! Thousands of hosts without a network: one process answers for all helpers, another runs the engine on them.
//!
//!     fleet hosts SOCKET
//!     fleet run SOCKET INVENTORY PLAYBOOK
#![allow(clippy::print_stdout, reason = "a program")]

mod hosts;
mod run;

use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    // One descriptor a host.
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all)?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["hosts", socket] => hosts::serve(socket.as_ref()),
        ["run", socket, inventory, playbook] => run::run(socket.as_ref(), inventory, playbook.as_ref()),
        _ => Err("usage: fleet hosts SOCKET | fleet run SOCKET INVENTORY PLAYBOOK".into()),
    }
}
