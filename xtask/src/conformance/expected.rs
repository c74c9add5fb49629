//! `expected-differences.toml`: lines that end otherwise here on purpose, each with its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::oracle::Oracle;

/// Of a hundred rows, as many may be listed.
const LARGEST_SHARE: usize = 2;

/// The lines, by target.
pub struct Expected(BTreeSet<(String, String)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    difference: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    target: String,
    at: String,
    reason: String,
}

impl Expected {
    /// Reads the list; each entry must name a row of the oracle and a reason.
    pub fn read(path: &Path, oracle: &Oracle) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let file: File = toml::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?;
        for Entry { target, at, reason } in &file.difference {
            let known = oracle.get(target).is_some_and(|rows| rows.iter().any(|row| row.at == *at));
            ensure!(known, "{}: {target} has no row {at}", path.display());
            ensure!(!reason.trim().is_empty(), "{}: {at} has no reason", path.display());
        }
        let rows: usize = oracle.values().map(Vec::len).sum();
        let listed = file.difference.len();
        ensure!(listed * 100 <= rows * LARGEST_SHARE, "{}: {listed} of {rows} rows are too many", path.display());
        Ok(Self(file.difference.into_iter().map(|entry| (entry.target, entry.at)).collect()))
    }

    /// Whether the line is listed.
    pub fn contains(&self, target: &str, at: &str) -> bool {
        self.0.contains(&(target.to_owned(), at.to_owned()))
    }
}
