//! The steps of a saved plan against the events of its apply.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What plans write where only apply knows.
const LATER: &str = "(known after apply)";

/// What became of a task on a host that was planned as a change, or was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Planned and made, with the content that was shown.
    Right,
    /// Made otherwise than planned: created instead of updated.
    WrongKind,
    /// Made with other content than was shown.
    WrongContent,
    /// Planned and not made.
    Missing,
    /// Made, and neither planned nor left open.
    Surplus,
    /// Left open: decided at apply.
    Unknown,
}

/// All of them, as they are called.
const VERDICTS: [(Verdict, &str); 6] = [
    (Verdict::Right, "right"),
    (Verdict::WrongKind, "wrong kind"),
    (Verdict::WrongContent, "wrong content"),
    (Verdict::Missing, "missing"),
    (Verdict::Surplus, "surplus"),
    (Verdict::Unknown, "unknown"),
];

/// A task, or an item of its loop, on a host.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// `FILE:LINE`.
    pub place: String,
    /// For whom.
    pub host: String,
    /// The task's name.
    pub task: String,
    /// What the plan says.
    pub predicted: String,
    /// What happened.
    pub happened: String,
    /// How the two relate.
    pub verdict: Verdict,
    /// The first line of what was shown that came out otherwise, and what it came out as.
    pub differs: Option<(String, String)>,
}

/// A plan and what became of it.
#[derive(Debug, Default)]
pub struct Fidelity {
    /// What was planned or done.
    pub rows: Vec<Row>,
}

/// One step or result.
#[derive(Default, Clone)]
struct Act {
    task: String,
    kind: String,
    diff: Vec<Texts>,
}

/// A diff: before, after, and in words.
type Texts = (String, String, String);

/// Steps or results, in order, by where they stand (`FILE:LINE`) and for whom.
type Acts = BTreeMap<(String, String), Vec<Act>>;

impl Fidelity {
    /// Compares the text of a saved plan with the event stream of its apply, which was run with `--diff`.
    pub fn of(plan: &str, events: &str) -> Result<Self> {
        let (planned, done) = (planned(plan)?, done(events)?);
        let mut rows = Vec::new();
        let mut keys: Vec<_> = planned.keys().chain(done.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (said, made) = (planned.get(key), done.get(key));
            let rounds = said.map_or(0, Vec::len).max(made.map_or(0, Vec::len));
            // Of a loop that is left open nobody knows how many items it has.
            let open = said.is_some_and(|acts| acts.iter().any(|act| act.kind == "decide"));
            for round in 0..rounds {
                let one = |acts: Option<&Vec<Act>>| acts.and_then(|acts| acts.get(round)).cloned().unwrap_or_default();
                let (said, made) = (one(said), one(made));
                let Some(verdict) = judge(&said, &made) else { continue };
                let verdict = if open && verdict == Verdict::Surplus { Verdict::Unknown } else { verdict };
                let task = if said.task.is_empty() { made.task } else { said.task };
                let (place, host) = key.clone();
                let is_wrong = matches!(verdict, Verdict::WrongKind | Verdict::WrongContent);
                let differs = is_wrong.then(|| first_difference(&said.diff, &made.diff)).flatten();
                rows.push(Row { place, host, task, predicted: said.kind, happened: made.kind, verdict, differs });
            }
        }
        Ok(Self { rows })
    }

    /// How many rows came out like this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|row| row.verdict == verdict).count()
    }

    /// Adds what was compared elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// The counts in a line.
    pub fn summary(&self) -> String {
        VERDICTS.map(|(verdict, name)| format!("{} {name}", self.count(verdict))).join(", ")
    }

    /// What is not right, in lines.
    pub fn otherwise(&self) -> String {
        self.rows.iter().filter(|row| row.verdict != Verdict::Right).map(Row::told).collect()
    }

    /// Fails if something happened that was not planned, or less than 99 % of what was planned happened as it was shown.
    pub fn expect_exact(&self) -> Result<()> {
        let (right, surplus) = (self.count(Verdict::Right), self.count(Verdict::Surplus));
        let certain = self.rows.len() - surplus - self.count(Verdict::Unknown);
        let exact = surplus == 0 && right * 100 >= certain * 99;
        ensure!(exact, "the plan was not what happened: {}\n{}", self.summary(), self.otherwise());
        Ok(())
    }

    /// Fails if a tenth of what was planned was left open.
    pub fn expect_known(&self) -> Result<()> {
        let (open, surplus) = (self.count(Verdict::Unknown), self.count(Verdict::Surplus));
        let known = open * 10 < self.rows.len() - surplus || open == 0;
        ensure!(known, "too much was left open: {}\n{}", self.summary(), self.otherwise());
        Ok(())
    }
}

impl Row {
    /// In a line, with another two for what differs.
    fn told(&self) -> String {
        let word = |kind: &str| if kind.is_empty() { "nothing".to_owned() } else { kind.to_owned() };
        let (said, made) = (word(&self.predicted), word(&self.happened));
        let verdict = VERDICTS.iter().find(|(verdict, _)| *verdict == self.verdict).map_or("", |(_, name)| name);
        let place = self.place.rsplit('/').next().unwrap_or(&self.place);
        let (host, task) = (&self.host, &self.task);
        let mut text = format!("    {verdict:<13} {host:<8} {said:<8} → {made:<8} {task} ({place})\n");
        if let Some((said, made)) = &self.differs {
            text.push_str(&format!("        - {said}\n        + {made}\n"));
        }
        text
    }
}

/// How a step and a result relate; `None` where nothing was planned and nothing done.
fn judge(said: &Act, made: &Act) -> Option<Verdict> {
    Some(match (said.kind.as_str(), made.kind.as_str()) {
        ("", "") => return None,
        ("decide", _) => Verdict::Unknown,
        ("", _) => Verdict::Surplus,
        (_, "") => Verdict::Missing,
        _ if alike(&said.diff, &made.diff) => Verdict::Right,
        _ if shape(&said.diff) != shape(&made.diff) => Verdict::WrongKind,
        _ => Verdict::WrongContent,
    })
}

/// Whether a diff has something before, after, or in words only: what makes the difference between kinds of changes.
fn shape(diff: &[Texts]) -> [bool; 3] {
    let is = |side: fn(&Texts) -> &String| diff.iter().any(|diff| !side(diff).is_empty());
    [is(|diff| &diff.0), is(|diff| &diff.1), is(|diff| &diff.2)]
}

/// The first line that two diffs do not share.
fn first_difference(said: &[Texts], made: &[Texts]) -> Option<(String, String)> {
    let lines = |diff: &[Texts]| -> Vec<String> {
        let side =
            |sign: &'static str, text: &str| text.lines().map(move |line| format!("{sign}{line}")).collect::<Vec<_>>();
        diff.iter()
            .flat_map(|(before, after, prepared)| {
                [side("before: ", before), side("after: ", after), side("", prepared)]
            })
            .flatten()
            .collect()
    };
    let (said, made) = (lines(said), lines(made));
    let all = said.len().max(made.len());
    let pairs = (0..all)
        .map(|number| (said.get(number).cloned().unwrap_or_default(), made.get(number).cloned().unwrap_or_default()));
    pairs.into_iter().find(|(said, made)| said != made && !said.contains(LATER))
}

/// Whether two diffs show the same, as far as it was known.
fn alike(said: &[Texts], made: &[Texts]) -> bool {
    let known = |line: &&str| !line.contains(LATER);
    let same = |said: &str, made: &str| {
        said == made
            || said.contains(LATER)
                && said.lines().filter(known).all(|line| made.lines().any(|other| other.starts_with(line)))
    };
    said.len() == made.len()
        && said
            .iter()
            .zip(made)
            .all(|(said, made)| same(&said.0, &made.0) && same(&said.1, &made.1) && same(&said.2, &made.2))
}

fn diffs(value: &Value) -> Vec<Texts> {
    let text = |diff: &Value, name: &str| diff[name].as_str().unwrap_or_default().to_owned();
    let diffs = value.as_array().into_iter().flatten();
    diffs.map(|diff| (text(diff, "before"), text(diff, "after"), text(diff, "prepared"))).collect()
}

fn planned(plan: &str) -> Result<Acts> {
    let saved: Value = serde_json::from_str(plan).context("failed to read the plan")?;
    let mut acts = Acts::new();
    for (host, plan) in saved["plan"]["plan"]["hosts"].as_object().context("the plan has no hosts")? {
        for step in plan["steps"].as_array().into_iter().flatten() {
            let at = step["place"]["at"].as_str().unwrap_or_default();
            let place = at.rsplit_once(':').map_or(at, |(place, _column)| place).to_owned();
            let kind = if step["changes"] == true { step["kind"].as_str().unwrap_or_default() } else { "" };
            let task = step["task"].as_str().unwrap_or_default().to_owned();
            let act = Act { task, kind: kind.to_owned(), diff: diffs(&step["diff"]) };
            acts.entry((place, host.clone())).or_default().push(act);
        }
    }
    Ok(acts)
}

fn done(events: &str) -> Result<Acts> {
    let mut acts = Acts::new();
    // Tasks whose items were told: their own results say nothing more.
    let mut told = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| format!("failed to read the event {line}"))?;
        let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let key = (text("place"), text("host"));
        match event["event"].as_str() {
            Some("item") => drop(told.insert(key.clone(), true)),
            Some("host") if told.remove(&key).is_some() => continue,
            Some("host") => {}
            _ => continue,
        }
        let changed = event["status"] == "changed" && event["check_mode"] != true;
        let kind = if changed { "changed" } else { "" };
        let act = Act { task: text("task"), kind: kind.to_owned(), diff: diffs(&event["result"]["diff"]) };
        acts.entry(key).or_default().push(act);
    }
    Ok(acts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_went_otherwise() {
        let diff = |after: &str| format!(r#"[{{"before":"","after":"{after}"}}]"#);
        let step = |line: u32, kind: &str, after: &str| {
            let changes = kind != "read";
            format!(
                r#"{{"place":{{"at":"/s.yml:{line}:5"}},"task":"t","kind":"{kind}","changes":{changes},"diff":{}}}"#,
                diff(after)
            )
        };
        let steps = [
            step(3, "create", "a"),
            step(6, "update", "a"),
            step(9, "decide", ""),
            step(12, "read", ""),
            step(15, "create", "a"),
            step(18, "create", "x (known after apply)"),
            step(21, "create", "a"),
        ];
        let plan = format!(r#"{{"plan":{{"plan":{{"hosts":{{"a":{{"steps":[{}]}}}}}}}}}}"#, steps.join(","));
        let event = |line: u32, after: &str| {
            let diff = diff(after);
            format!(
                r#"{{"event":"host","status":"changed","host":"a","task":"t","place":"/s.yml:{line}","result":{{"diff":{diff}}}}}"#
            )
        };
        let events =
            [event(3, "a"), event(9, ""), event(12, ""), event(15, "b"), event(18, "x 1"), event(21, "")].join("\n");
        let found = Fidelity::of(&plan, &events).unwrap();
        let verdicts: Vec<_> = found.rows.iter().map(|row| (row.place.as_str(), row.verdict)).collect();
        use Verdict::{Missing, Right, Surplus, Unknown, WrongContent, WrongKind};
        let expected = [
            ("/s.yml:12", Surplus),
            ("/s.yml:15", WrongContent),
            ("/s.yml:18", Right),
            ("/s.yml:21", WrongKind),
            ("/s.yml:3", Right),
            ("/s.yml:6", Missing),
            ("/s.yml:9", Unknown),
        ];
        assert_eq!(verdicts, expected);
        assert!(found.expect_exact().is_err());
        assert!(found.expect_known().is_err(), "one of six is more than a tenth");
        assert!(found.otherwise().contains("- after: a\n        + after: b\n"), "{}", found.otherwise());
    }
}
