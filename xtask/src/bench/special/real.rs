//! Work that users do: a package, its configuration and its service, on a lab host with systemd.

use anyhow::{Result, ensure};

use crate::bench::command::Bench;
use crate::bench::measure::Program;
use crate::bench::race::{Turn, alternate};
use crate::bench::results::Row;
use crate::lab::{self, Lab};

/// On one worker; the lab's hosts have no Python, so only Hostler takes part.
pub fn real(bench: &Bench) -> Result<Vec<Row>> {
    let lab = Lab::from_env()?;
    if let Err(error) = lab::up(&lab, 1, false) {
        if error.downcast_ref::<lab::NoDocker>().is_some() {
            println!("skipped: {error:#}");
            return Ok(Vec::new());
        }
        return Err(error);
    }
    let words = ["apply", "-i", "inventories/lab", "bench/playbooks/real.yml"].map(str::to_owned);
    let program = Program {
        words: [vec![bench.hostler.display().to_string()], words.to_vec()].concat(),
        environment: Vec::new(),
        directory: bench.root.clone(),
        input: None,
    };
    let mut all = Vec::new();
    for (case, changes) in [("from nothing", true), ("nothing to do", false)] {
        let mut rows = alternate(bench, &["hostler"], &mut |_, turn| {
            if changes {
                lab::on_host(&lab, "worker1", "apt-get remove -qqy cron; rm -f /etc/default/hostler-bench")?;
            }
            let measured = program.measure(&bench.directory, turn == Turn::Memory)?;
            ensure!(measured.code == Some(0), "exit code {:?}: {}", measured.code, measured.output);
            lab::on_host(&lab, "worker1", "systemctl is-active -q cron && test -f /etc/default/hostler-bench")?;
            Ok(measured)
        })?;
        for row in &mut rows {
            (row.scenario, row.case, row.hosts) = ("real".to_owned(), case.to_owned(), 1);
        }
        all.extend(rows);
    }
    Ok(all)
}
