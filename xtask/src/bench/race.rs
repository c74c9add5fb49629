//! Tools that do the same work in turns: A B C A B C, so that whatever else the machine does meets them alike.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::command::Bench;
use super::measure::Measured;
use super::proxy::Proxy;
use super::results::Row;
use super::state;
use super::tool::{Inventory, Tool};
use super::work::{Before, Work};

/// A work on so many hosts.
pub struct Race<'a> {
    /// The scenario.
    pub scenario: &'a str,
    /// Its size in words.
    pub case: String,
    /// How many hosts.
    pub hosts: usize,
    /// What they do.
    pub work: &'a Work,
    /// Who takes part, of those who take part in the bench.
    pub tools: &'a [Tool],
    /// How far away the hosts are, if they are.
    pub round_trip: Option<Duration>,
}

impl Race<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// When it cannot be set up; a tool that fails is a row.
    pub fn run(&self, bench: &Bench) -> Result<Vec<Row>> {
        let tools: Vec<_> = self.tools.iter().copied().filter(|tool| bench.takes_part(*tool)).collect();
        let direct: Vec<u16> = bench.hosts.hosts[..self.hosts].iter().map(|host| host.port).collect();
        let far = self.round_trip.map(|round_trip| Proxy::start(&direct, round_trip)).transpose()?;
        let ports = far.as_ref().map_or(&direct, |proxy| &proxy.ports);
        bench.hosts.know(ports)?;
        let inventory = Inventory::write(bench, &format!("{}-{}", self.scenario, self.hosts), ports)?;
        for host in &bench.hosts.hosts[..self.hosts] {
            host.reset()?;
        }
        let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
        let mut rows =
            alternate(bench, &names, &mut |index, turn| self.turn(bench, tools[index], self.work, &inventory, turn))?;
        for (row, tool) in rows.iter_mut().zip(&tools) {
            row.scenario = self.scenario.to_owned();
            row.case.clone_from(&self.case);
            row.hosts = self.hosts;
            if row.failure.is_none() && self.hosts <= 10 {
                self.count_wire(bench, *tool, &direct, row)
                    .with_context(|| format!("{} through the proxy", tool.name()))?;
            }
        }
        Ok(rows)
    }

    /// One run that counts, or not.
    fn turn(&self, bench: &Bench, tool: Tool, work: &Work, inventory: &Inventory, turn: Turn) -> Result<Measured> {
        let hosts = &bench.hosts.hosts[..inventory.hosts];
        for host in hosts {
            match work.before {
                Before::Cold => host.make_cold()?,
                Before::Reset => host.reset()?,
                Before::Nothing => {}
            }
        }
        let program = tool.program(bench, work, inventory)?;
        let measured = program.measure(&bench.directory, turn == Turn::Memory)?;
        let said =
            || measured.output.chars().rev().take(2000).collect::<Vec<_>>().into_iter().rev().collect::<String>();
        ensure!(measured.code == Some(0), "exit code {:?}: {}", measured.code, said());
        if turn == Turn::WarmUp {
            // What it changed is what later runs find.
            return Ok(measured);
        }
        tool.check(&measured.output, work, inventory.hosts)?;
        for host in hosts {
            if let Some(expected) = &work.expected {
                state::compare(expected, &state::listing(&host.work())?).context(host.name.clone())?;
            }
        }
        Ok(measured)
    }

    /// What goes over the wire, in a run of its own. What connecting takes is told from what tasks take by a run of one task.
    fn count_wire(&self, bench: &Bench, tool: Tool, direct: &[u16], row: &mut Row) -> Result<()> {
        let count = |work: &Work, before: Before| -> Result<(f64, f64)> {
            let proxy = Proxy::start(direct, Duration::ZERO)?;
            bench.hosts.know(&proxy.ports)?;
            let inventory = Inventory::write(bench, &format!("{}-{}-wire", self.scenario, self.hosts), &proxy.ports)?;
            self.turn(bench, tool, &Work { before, ..work.clone() }, &inventory, Turn::Counts)?;
            let traffic = proxy.traffic();
            let hosts = direct.len() as f64;
            Ok((traffic.bytes as f64 / hosts, traffic.trips as f64 / hosts))
        };
        let (bytes, trips) = count(self.work, self.work.before)?;
        row.all_trips = Some(trips);
        if self.work.tasks > 1 && tool != Tool::Ssh {
            let (one_bytes, one_trips) =
                count(&Work::one(), if self.work.before == Before::Cold { Before::Cold } else { Before::Nothing })?;
            let others = f64::from(self.work.tasks - 1);
            (row.bytes, row.trips) = (Some((bytes - one_bytes) / others), Some((trips - one_trips) / others));
        } else {
            (row.bytes, row.trips) = (Some(bytes), Some(trips));
        }
        Ok(())
    }
}

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// To bring hosts and caches to where the others begin.
    WarmUp,
    /// To be counted.
    Counts,
    /// To see its memory.
    Memory,
}

/// Lets each of `names` run in turns: once to warm up, as often as the bench says, once for its memory.
///
/// # Errors
/// None of a run's: those are rows.
pub fn alternate(
    bench: &Bench,
    names: &[&str],
    run: &mut dyn FnMut(usize, Turn) -> Result<Measured>,
) -> Result<Vec<Row>> {
    let mut rows: Vec<_> = names.iter().map(|name| Row { tool: (*name).to_owned(), ..Row::default() }).collect();
    let turns = [Turn::WarmUp].into_iter().chain((0..bench.runs).map(|_| Turn::Counts)).chain([Turn::Memory]);
    for turn in turns {
        for (index, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.failure.is_none()) {
            match run(index, turn) {
                Ok(measured) if turn == Turn::Counts => {
                    row.wall.push(measured.wall);
                    row.cpu.push(measured.cpu);
                }
                Ok(measured) if turn == Turn::Memory => row.memory = Some(measured.memory),
                Ok(_) => {}
                // Times of a tool that fails at times are no times.
                Err(error) => {
                    *row = Row { tool: row.tool.clone(), failure: Some(format!("{error:#}")), ..Row::default() }
                }
            }
        }
    }
    Ok(rows)
}
