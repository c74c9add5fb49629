//! `baseline.json`: the rows each target matched when it was last raised. It only rises.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::score::Score;

/// The committed counts.
pub struct Baseline {
    path: PathBuf,
    rows: BTreeMap<String, usize>,
}

impl Baseline {
    /// Reads it; without a file nothing is demanded.
    pub fn read(path: &Path) -> Result<Self> {
        let rows = if path.exists() {
            let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("failed to read {}", path.display()))?
        } else {
            BTreeMap::new()
        };
        Ok(Self { path: path.to_owned(), rows })
    }

    /// What the target must reach.
    pub fn of(&self, target: &str) -> usize {
        self.rows.get(target).copied().unwrap_or_default()
    }

    /// Writes the counts that are higher now.
    pub fn raise(&mut self, scores: &[Score<'_>]) -> Result<()> {
        for score in scores {
            let row = self.rows.entry(score.target.to_owned()).or_default();
            *row = score.matched.max(*row);
        }
        let text = serde_json::to_string_pretty(&self.rows)?;
        fs::write(&self.path, text + "\n").with_context(|| format!("failed to write {}", self.path.display()))
    }
}
