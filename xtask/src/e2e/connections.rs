//! The tests of connections that want a real host: other users, passwords, questions.

use std::process::Command;

use anyhow::{Context, ensure};

use super::command::Test;
use crate::lab::Lab;

/// They are part of the crates' tests, which skip them where there is no lab.
pub fn all(lab: &Lab) -> Vec<Test<'_>> {
    let work = || {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--quiet", "--package", "hostler", "--test", "connection", "--", "lab::"]);
        let status = cargo.current_dir(&lab.root).env("HOSTLER_LAB_DIR", &lab.dir).status();
        ensure!(status.context("failed to run cargo")?.success(), "the tests failed");
        Ok(())
    };
    vec![Test { name: "connections/passwords and other users".to_owned(), work: Box::new(work) }]
}
