//! Plans on real hosts: made again in no time, and done as they were saved where nothing has moved.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::command::Test;
use super::hostler::Hostler;
use crate::lab::{self, Lab};

const HOSTS: [&str; 3] = ["leader", "worker1", "worker2"];
const TEXT: &str = "/var/tmp/e2e-plans/text";
/// What planning three hosts may take that have nothing to do.
const QUICK: Duration = Duration::from_secs(1);

/// The tests, in their order.
pub fn all<'a>(lab: &'a Lab, hostler: &'a Hostler) -> Vec<Test<'a>> {
    let test = |name: &str, work: Box<dyn Fn() -> Result<()> + 'a>| Test { name: format!("plans/{name}"), work };
    vec![
        test("a second plan is quick and empty", Box::new(|| second_is_quick(lab, hostler))),
        test("a saved plan is done where nothing moved", Box::new(|| saved_is_done(lab, hostler))),
    ]
}

fn playbook(lab: &Lab) -> PathBuf {
    lab.root.join("tests/e2e/plans/site.yml")
}

fn second_is_quick(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let playbook = playbook(lab);
    hostler.apply_with(&playbook, &["-e", "text=one"])?;
    let start = Instant::now();
    hostler.plan_nothing(&playbook, &["-e", "text=one"])?;
    let took = start.elapsed();
    println!("           {:.2} s", took.as_secs_f64());
    ensure!(took < QUICK, "planning {} hosts took {took:?}", HOSTS.len());
    Ok(())
}

fn saved_is_done(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let playbook = playbook(lab);
    hostler.apply_with(&playbook, &["-e", "text=one"])?;
    let file = std::env::temp_dir().join(format!("hostler-e2e-{}.plan", std::process::id()));
    let done = save_and_apply(lab, hostler, &file);
    let _gone = std::fs::remove_file(&file);
    done?;
    for host in HOSTS {
        let expected = if host == "worker1" { "by hand\n".to_owned() } else { format!("two on {host}\n") };
        let found = format!("{}\n", lab::on_host(lab, host, &format!("cat {TEXT}"))?);
        ensure!(found == expected, "{host} has {found:?} in {TEXT}, not {expected:?}");
        let noted = lab::on_host(lab, host, "cat /var/tmp/e2e-plans/noted")?;
        ensure!(noted == if host == "worker1" { "one" } else { "two" }, "the handler left {noted:?} on {host}");
    }
    Ok(())
}

/// Saves a plan, changes its file on one host, and applies the plan.
fn save_and_apply(lab: &Lab, hostler: &Hostler, file: &std::path::Path) -> Result<()> {
    let name = file.to_string_lossy();
    hostler.plan(&playbook(lab), &["-e", "text=two", "--out", &name])?;
    lab::on_host(lab, "worker1", &format!("echo by hand >{TEXT}"))?;
    let (stdout, stderr) = hostler.refused(file, &["-e", "text=two"])?;
    let refusals: Vec<_> =
        stderr.lines().filter(|line| line.contains("is not as it was when the plan was made")).collect();
    ensure!(
        matches!(refusals.as_slice(), [only] if only.contains("worker1") && only.contains(TEXT)),
        "worker1 is not refused by the file's name: {stderr}\n{stdout}"
    );
    Ok(())
}
