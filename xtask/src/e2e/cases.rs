//! `tests/e2e/*.yml`: each is applied twice; the second time nothing may change.

use std::fs;

use anyhow::{Context, Result};

use super::command::Test;
use super::hostler::Hostler;
use crate::lab::Lab;

/// One test for each playbook.
pub fn all<'a>(lab: &Lab, hostler: &'a Hostler) -> Result<Vec<Test<'a>>> {
    let folder = lab.root.join("tests/e2e");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut tests = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let name = format!("cases/{}", path.file_stem().unwrap_or_default().to_string_lossy());
            let work = Box::new(move || {
                hostler.apply(&path)?;
                hostler.apply(&path).context("failed the second time")?.expect_unchanged()
            });
            tests.push(Test { name, work });
        }
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}
