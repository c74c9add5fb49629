//! Rows of the oracle against what was seen here.

use super::events::Observed;
use super::expected::Expected;
use super::oracle::{Row, Statuses};

/// How a target did.
pub struct Score<'a> {
    /// The target.
    pub target: &'a str,
    /// Rows that ended as ansible-core's did, less those that should have been skipped and were not.
    pub matched: usize,
    /// Rows that were not merely skipped.
    pub rows: usize,
    /// Its script succeeded.
    pub passed: bool,
    /// What differs, in the oracle's order, without what is expected to.
    pub differences: Vec<Difference<'a>>,
    /// The place among `differences` that the others follow from, most likely.
    pub first: Option<usize>,
}

/// A row that ended otherwise.
pub struct Difference<'a> {
    /// What ansible-core did.
    pub row: &'a Row,
    /// What was done here; nothing if the line was not reached.
    pub seen: Statuses,
}

/// Compares; `passed` says whether the target's own script succeeded.
pub fn score<'a>(
    target: &'a str,
    rows: &'a [Row],
    observed: &Observed,
    expected: &Expected,
    passed: bool,
) -> Score<'a> {
    let seen = observed.statuses();
    let (mut matched, mut wrong, mut differences) = (0_usize, 0, Vec::new());
    for row in rows {
        let here = seen.get(row.at.as_str()).cloned().unwrap_or_default();
        let same = if row.only_skipped() { here.is_subset(&row.statuses) } else { here == row.statuses };
        match (same, row.only_skipped()) {
            (true, false) => matched += 1,
            (false, true) => wrong += 1,
            _ => {}
        }
        if !same && !expected.contains(target, &row.at) {
            differences.push(Difference { row, seen: here });
        }
    }
    let first = first(&differences, observed);
    let counted = rows.iter().filter(|row| !row.only_skipped()).count();
    Score { target, matched: matched.saturating_sub(wrong), rows: counted, passed, differences, first }
}

/// What ended in a way it never did in Ansible, the earliest of those; else the first line that was not reached.
fn first(differences: &[Difference<'_>], observed: &Observed) -> Option<usize> {
    let wrong = observed.all().iter().find_map(|ended| {
        let place = differences.iter().position(|difference| difference.row.at == ended.at)?;
        let new = !differences[place].row.statuses.contains(ended.status);
        new.then_some(place)
    });
    wrong.or(if differences.is_empty() { None } else { Some(0) })
}
