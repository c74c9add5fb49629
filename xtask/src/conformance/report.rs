//! The table: a line a target, then the sums.

use std::path::Path;

use super::baseline::Baseline;
use super::events::Observed;
use super::score::Score;
use super::target::Outcome;

/// Prints how a target did: rows matched, whether it passed, and where it first went wrong.
pub fn line(score: &Score<'_>, outcome: &Outcome, fell: bool) -> String {
    let share = percent(score.matched, score.rows);
    let end = match () {
        () if outcome.timed_out => "hung  ",
        () if score.passed => "passed",
        () => "failed",
    };
    let took = outcome.took.as_secs_f64();
    let fell = if fell { "  FELL BELOW THE BASELINE" } else { "" };
    let counts = format!("{}/{}", score.matched, score.rows);
    let first = first(score, &outcome.observed);
    format!("{counts:>9} {share:>5.1}%  {end}  {:<32} {took:>5.1} s  {first}{fell}", score.target)
}

/// The first difference in a few words.
pub fn first(score: &Score<'_>, observed: &Observed) -> String {
    let Some(difference) = score.first.and_then(|first| score.differences.get(first)) else { return String::new() };
    let row = difference.row;
    let wanted = join(&row.statuses);
    if difference.seen.is_empty() {
        return format!("{} {}: not reached", row.at, row.action);
    }
    let said = observed.all().iter().find(|ended| ended.at == row.at && !row.statuses.contains(ended.status));
    let said = said.map(|ended| ended.message.lines().next().unwrap_or_default()).unwrap_or_default();
    let said: String = said.chars().take(160).collect();
    format!("{} {}: {}, not {wanted}: {said}", row.at, row.action, join(&difference.seen))
}

/// Prints the sums.
pub fn sums(scores: &[Score<'_>], baseline: &Baseline, logs: &Path) {
    let matched: usize = scores.iter().map(|score| score.matched).sum();
    let rows: usize = scores.iter().map(|score| score.rows).sum();
    let mean = scores.iter().map(|score| percent(score.matched, score.rows)).sum::<f64>() / scores.len().max(1) as f64;
    let passed = scores.iter().filter(|score| score.passed).count();
    let fell: Vec<_> = scores.iter().filter(|score| score.matched < baseline.of(score.target)).collect();
    println!("what they printed is in {}", logs.display());
    for score in &fell {
        println!("FELL: {} matches {} rows, {} before", score.target, score.matched, baseline.of(score.target));
    }
    println!(
        "conformance: {matched}/{rows} rows ({:.1}%), {mean:.1}% in the mean, {passed}/{} targets passed, {} fell",
        percent(matched, rows),
        scores.len(),
        fell.len()
    );
}

/// `ok, skipped`.
pub fn join(statuses: &super::oracle::Statuses) -> String {
    statuses.iter().copied().collect::<Vec<_>>().join(", ")
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 100.0 } else { part as f64 * 100.0 / whole as f64 }
}
