//! A release build from nothing, and the size of what comes out.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::bench::command::Bench;
use crate::bench::hosts::remove;
use crate::bench::results::Row;
use crate::process;

/// Builds once, however many runs the bench has: it takes minutes. Downloads are not counted.
pub fn build(bench: &Bench) -> Result<Vec<Row>> {
    let target: PathBuf = bench.directory.join("build");
    remove(&target)?;
    process::output(Command::new("cargo").arg("fetch").current_dir(&bench.root))?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--package", "hostler"]).env("CARGO_TARGET_DIR", &target);
    let start = Instant::now();
    process::output(cargo.current_dir(&bench.root))?;
    let wall = start.elapsed().as_secs_f64();
    let size = std::fs::metadata(target.join("release/hostler"))?.len();
    let note = format!("the binary has {:.1} MB", size as f64 / 1e6);
    let row = Row {
        scenario: "build".into(),
        case: "release".into(),
        tool: "hostler".into(),
        wall: vec![wall],
        note,
        ..Row::default()
    };
    remove(&target)?;
    Ok(vec![row])
}
