//! The scenarios: what each is about, how many hosts it needs, and its cases.

use std::time::Duration;

use anyhow::{Context, Result};

use super::command::Bench;
use super::race::Race;
use super::results::Row;
use super::special;
use super::tool::Tool;
use super::work::{Before, Work};

/// One of them.
pub struct Scenario {
    /// As the command line calls it.
    pub name: &'static str,
    /// What it shows.
    pub what: &'static str,
    /// Measures it.
    pub run: fn(&Bench) -> Result<Vec<Row>>,
    /// The numbers of hosts it takes.
    sizes: &'static [usize],
    /// Only when it is asked for by name: takes long, or needs more than this machine.
    by_name: bool,
}

const fn scenario(
    name: &'static str,
    what: &'static str,
    run: fn(&Bench) -> Result<Vec<Row>>,
    sizes: &'static [usize],
) -> Scenario {
    Scenario { name, what, run, sizes, by_name: false }
}

const ALL: &[Scenario] = &[
    scenario("noop", "20 tasks that find nothing to do", noop, &[1, 10, 50, 200]),
    scenario("cold", "the same, with nothing cached on the hosts", cold, &[1, 10]),
    scenario("change", "20 tasks that all change something", change, &[1, 10]),
    scenario("loop", "one task over 1,000 items", looped, &[1]),
    scenario("files", "1,000 small files, and one of 200 MB", files, &[1]),
    scenario("latency", "20 tasks that find nothing to do, on hosts that are far away", latency, &[1, 10]),
    scenario("facts", "all facts", facts, &[1, 50]),
    scenario("template", "a template that looks at every host of a large inventory", special::template, &[1]),
    scenario("fleet", "20 tasks on simulated hosts: the engine's own cost", special::fleet, &[1]),
    scenario("start", "until something happens", special::start, &[1]),
    Scenario {
        by_name: true,
        ..scenario("real", "a package, its configuration and its service, on the lab", special::real, &[1])
    },
    Scenario { by_name: true, ..scenario("build", "a clean release build", special::build, &[1]) },
];

/// The scenarios of these names, or those that need no name.
///
/// # Errors
/// A name that is none.
pub fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().filter(|scenario| !scenario.by_name).collect());
    }
    let find = |name: &String| {
        let known: Vec<_> = ALL.iter().map(|scenario| scenario.name).collect();
        let found = ALL.iter().find(|scenario| scenario.name == name);
        found.with_context(|| format!("there is no scenario `{name}` ({})", known.join(", ")))
    };
    names.iter().map(find).collect()
}

impl Scenario {
    /// How many hosts have to run.
    pub fn hosts(&self, smallest: bool, only: &[usize]) -> usize {
        let wanted = |size: &&usize| only.is_empty() || only.contains(size);
        if smallest { 1 } else { self.sizes.iter().filter(wanted).copied().max().unwrap_or(1) }
    }
}

const PLAYBOOKS: &[Tool] = &[Tool::Hostler, Tool::Ansible, Tool::Mitogen, Tool::Pyinfra];
const WITH_FLOOR: &[Tool] =
    &[Tool::Hostler, Tool::Floor, Tool::FloorAhead, Tool::Ansible, Tool::Mitogen, Tool::Pyinfra];

fn by_size(bench: &Bench, scenario: &str, sizes: &[usize], work: &Work, tools: &[Tool]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for hosts in bench.sizes(sizes) {
        rows.extend(Race { scenario, case: in_words(hosts), hosts, work, tools, round_trip: None }.run(bench)?);
    }
    Ok(rows)
}

fn in_words(hosts: usize) -> String {
    if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") }
}

fn noop(bench: &Bench) -> Result<Vec<Row>> {
    by_size(bench, "noop", &[1, 10, 50, 200], &Work::noop(&bench.root, Before::Nothing)?, WITH_FLOOR)
}

fn cold(bench: &Bench) -> Result<Vec<Row>> {
    by_size(bench, "cold", &[1, 10], &Work::noop(&bench.root, Before::Cold)?, WITH_FLOOR)
}

fn change(bench: &Bench) -> Result<Vec<Row>> {
    by_size(bench, "change", &[1, 10], &Work::change(&bench.root)?, PLAYBOOKS)
}

fn looped(bench: &Bench) -> Result<Vec<Row>> {
    let items = if bench.smallest { 10 } else { 1000 };
    let case = format!("{items} items");
    Race { scenario: "loop", case, hosts: 1, work: &Work::looped(items), tools: PLAYBOOKS, round_trip: None }.run(bench)
}

fn files(bench: &Bench) -> Result<Vec<Row>> {
    let (files, megabytes) = if bench.smallest { (20, 1) } else { (1000, 200) };
    let (tree, big) = (Work::tree(&bench.directory, files)?, Work::big(&bench.directory, megabytes)?);
    let race = |case: String, work, tools| Race { scenario: "files", case, hosts: 1, work, tools, round_trip: None };
    let mut rows = race(format!("{files} files"), &tree, PLAYBOOKS).run(bench)?;
    let tools = [PLAYBOOKS, &[Tool::Ssh]].concat();
    rows.extend(race(format!("{megabytes} MB"), &big, &tools).run(bench)?);
    Ok(rows)
}

fn latency(bench: &Bench) -> Result<Vec<Row>> {
    let (linear, free) = (Work::noop(&bench.root, Before::Nothing)?, Work::noop_free(&bench.root)?);
    let mut rows = Vec::new();
    for milliseconds in if bench.smallest { vec![5] } else { vec![30, 100] } {
        for hosts in bench.sizes(&[1, 10]) {
            let race = |case: String, work, tools| {
                let round_trip = Some(Duration::from_millis(milliseconds));
                Race { scenario: "latency", case, hosts, work, tools, round_trip }
            };
            let case = format!("{milliseconds} ms, {}", in_words(hosts));
            rows.extend(race(case.clone(), &linear, WITH_FLOOR).run(bench)?);
            if hosts > 1 {
                rows.extend(race(format!("{case}, free"), &free, &[Tool::Hostler, Tool::Ansible]).run(bench)?);
            }
        }
    }
    Ok(rows)
}

fn facts(bench: &Bench) -> Result<Vec<Row>> {
    by_size(bench, "facts", &[1, 50], &Work::facts(), PLAYBOOKS)
}
