//! The `hostler` command.
#![allow(dead_code, reason = "commands come next")]
mod helper;
fn main() {}
