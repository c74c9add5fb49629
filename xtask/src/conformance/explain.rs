//! `--explain`: the first difference of a target, with what stands there and what was said.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::cache::Cache;
use super::events::Observed;
use super::report::join;
use super::score::{Difference, Score};

/// Lines of the playbook that are shown.
const LINES: usize = 14;
/// Lines shown of what was printed last.
const LAST: usize = 25;

/// Prints it.
pub fn explain(cache: &Cache, score: &Score<'_>, observed: &Observed, log: &Path) -> Result<()> {
    println!();
    let Some(first) = score.first else {
        println!("{}: nothing differs", score.target);
        return Ok(());
    };
    let difference = &score.differences[first];
    println!("{}: {} rows differ. First:", score.target, score.differences.len());
    playbook(cache, difference);
    println!("Ansible: {}", join(&difference.row.statuses));
    if difference.seen.is_empty() {
        println!("Hostler: did not reach it");
    }
    for ended in observed.all().iter().filter(|ended| ended.at == difference.row.at) {
        println!("Hostler: {}  {}", ended.status, ended.message);
    }
    if !score.passed {
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        let lines: Vec<_> = text.lines().collect();
        println!("It printed last ({}):", log.display());
        lines[lines.len().saturating_sub(LAST)..].iter().for_each(|line| println!("    {line}"));
    }
    println!("All differences:");
    for Difference { row, seen } in &score.differences {
        let seen = if seen.is_empty() { "not reached".to_owned() } else { join(seen) };
        println!("    {} {}: {seen}, not {}", row.at, row.action, join(&row.statuses));
    }
    Ok(())
}

/// Prints all failures that Ansible did not have, in order, and the lines that were not reached.
pub fn failures(score: &Score<'_>, observed: &Observed) {
    println!("{}:", score.target);
    let expected = |at: &str| score.differences.iter().all(|difference| difference.row.at != at);
    let mut seen = Vec::new();
    for ended in observed.all().iter().filter(|ended| !expected(&ended.at)) {
        let row = score.differences.iter().find(|difference| difference.row.at == ended.at).map(|found| found.row);
        if row.is_some_and(|row| !row.statuses.contains(ended.status)) && !seen.contains(&(&ended.at, &ended.message)) {
            println!("    {} {}: {}: {}", ended.at, ended.action, ended.status, ended.message);
            seen.push((&ended.at, &ended.message));
        }
    }
    for difference in score.differences.iter().filter(|difference| difference.seen.is_empty()) {
        println!("    {} {}: not reached", difference.row.at, difference.row.action);
    }
}

fn playbook(cache: &Cache, difference: &Difference<'_>) {
    let at = &difference.row.at;
    println!("{at}");
    let Some((file, line)) = at.rsplit_once(':') else { return };
    let Ok(line) = line.parse::<usize>() else { return };
    // Files that a target writes while it runs are not there.
    let text = fs::read_to_string(cache.targets().join(file)).unwrap_or_default();
    for (number, text) in text.lines().enumerate().skip(line.saturating_sub(1)).take(LINES) {
        println!("{:>5} │ {text}", number + 1);
    }
}
