//! What was measured: one row for a tool in a case of a scenario, kept as JSON between runs of the bench.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// What one tool took for one case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row {
    /// `noop`, `cold` …
    pub scenario: String,
    /// Which size: `10 hosts`.
    pub case: String,
    /// Who: `hostler`, `ansible-core` …
    pub tool: String,
    /// Number of hosts.
    pub hosts: usize,
    /// Seconds of each run that counts.
    pub wall: Vec<f64>,
    /// Seconds of CPU time on the controller, of each run that counts.
    pub cpu: Vec<f64>,
    /// Bytes at the peak.
    pub memory: Option<u64>,
    /// Bytes on the wire for a task on a host.
    pub bytes: Option<f64>,
    /// Round trips for a task on a host.
    pub trips: Option<f64>,
    /// Round trips of the whole run, the slowest host's.
    pub all_trips: Option<f64>,
    /// Why there is no time.
    pub failure: Option<String>,
    /// What else there is to say.
    #[serde(default)]
    pub note: String,
}

impl Row {
    /// The middle of the wall times.
    pub fn wall(&self) -> Option<f64> {
        median(&self.wall)
    }

    /// The middle of the CPU times.
    pub fn cpu(&self) -> Option<f64> {
        median(&self.cpu)
    }
}

/// All rows, and where and when they were made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Results {
    /// The machine and the versions, as lines.
    pub about: Vec<String>,
    /// The rows, in the order they were made.
    pub rows: Vec<Row>,
}

impl Results {
    /// What an earlier bench left, if any.
    ///
    /// # Errors
    /// A file that is not one of ours.
    pub fn load(path: &Path) -> Result<Self> {
        let Ok(text) = fs::read_to_string(path) else { return Ok(Self::default()) };
        serde_json::from_str(&text).with_context(|| format!("failed to read {}; remove it", path.display()))
    }

    /// Takes in new rows; those of the same cases go, of all tools: ratios are of one run.
    pub fn replace(&mut self, scenario: &str, rows: Vec<Row>) {
        let again = |row: &Row| row.scenario == scenario && rows.iter().any(|new| new.case == row.case);
        self.rows.retain(|row| !again(row));
        let last = self.rows.iter().rposition(|row| row.scenario == scenario);
        let place = last.map_or(self.rows.len(), |last| last + 1);
        self.rows.splice(place..place, rows);
    }

    /// Writes them down.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("failed to write {}", path.display()))
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle]),
        _ => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn new_rows_take_the_place_of_old_ones() {
        let row = |scenario: &str, case: &str, tool: &str| Row {
            scenario: scenario.into(),
            case: case.into(),
            tool: tool.into(),
            ..Row::default()
        };
        let rows = vec![row("a", "1", "x"), row("b", "1", "x"), row("b", "2", "x"), row("c", "1", "x")];
        let mut results = Results { rows, ..Results::default() };
        results.replace("b", vec![row("b", "1", "y"), row("b", "1", "z")]);
        let all: Vec<_> = results.rows.iter().map(|row| format!("{}{}{}", row.scenario, row.case, row.tool)).collect();
        assert_eq!(all, ["a1x", "b2x", "b1y", "b1z", "c1x"]);
    }
}
