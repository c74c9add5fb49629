//! The supermarket cluster: deployed from nothing, applied again, and asked through its proxy.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::command::Test;
use super::hostler::Hostler;
use crate::lab::{self, Lab};

const HOSTS: [&str; 3] = ["leader", "worker1", "worker2"];
/// How long services and proxy may take to answer after the playbook ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// The tests, in their order.
pub fn all<'a>(lab: &'a Lab, hostler: &'a Hostler) -> Vec<Test<'a>> {
    let test = |name: &str, work: Box<dyn Fn() -> Result<()> + 'a>| Test { name: format!("supermarket/{name}"), work };
    vec![
        test("deploys as planned", Box::new(|| deploys(lab, hostler))),
        test("every host is a ready node", Box::new(|| nodes_are_ready(lab))),
        test("the proxy answers from every node", Box::new(|| proxy_balances(lab))),
        test("a second apply changes nothing", Box::new(|| applies_unchanged(lab, hostler))),
    ]
}

fn playbook(lab: &Lab) -> PathBuf {
    lab.root.join("playbooks/supermarket/site.yml")
}

fn deploys(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let (stats, fidelity) = hostler.apply_planned(&playbook(lab))?;
    println!("           {}", fidelity.summary());
    stats.expect_hosts(HOSTS)?;
    fidelity.expect_exact()?;
    fidelity.expect_known()
}

fn nodes_are_ready(lab: &Lab) -> Result<()> {
    let nodes = lab::on_host(lab, "leader", "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}}'")?;
    let ready: BTreeSet<_> = nodes.lines().filter_map(|line| line.strip_suffix(" Ready Active")).collect();
    ensure!(ready == BTreeSet::from(HOSTS), "the swarm's nodes are {nodes:?}");
    Ok(())
}

/// Asks until every node has answered: the proxy finds a node once its first answer came.
fn proxy_balances(lab: &Lab) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut heard = BTreeSet::new();
    let mut last = String::new();
    while heard.len() < HOSTS.len() {
        match ask(lab) {
            Ok(answer) => {
                let (total, asked) = (answer["total"].as_u64(), answer["n_rand_data"].as_u64());
                ensure!(asked > Some(0) && total >= asked, "the database has {total:?} rows, {asked:?} were asked for");
                heard.extend(answer["node"].as_str().map(str::to_owned));
            }
            Err(error) => last = format!("{error:#}"),
        }
        ensure!(Instant::now() < deadline, "only {heard:?} answered through the proxy; last error: {last}");
        thread::sleep(Duration::from_millis(200));
    }
    ensure!(heard.iter().map(String::as_str).eq(HOSTS), "{heard:?} answered through the proxy");
    Ok(())
}

fn applies_unchanged(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let before = rows(lab)?;
    let stats = hostler.apply(&playbook(lab))?;
    stats.expect_hosts(HOSTS)?;
    stats.expect_unchanged()?;
    let after = rows(lab)?;
    ensure!(before == after, "the database had {before} rows and has {after} after the second apply");
    Ok(())
}

fn rows(lab: &Lab) -> Result<u64> {
    ask(lab)?["total"].as_u64().context("the answer has no `total`")
}

fn ask(lab: &Lab) -> Result<Value> {
    let address = format!("{}:4500", lab.address("leader")?);
    let answer = lab::get(&address, "/?limit=1")?;
    ensure!(answer.status == 200, "http://{address}: status {}: {}", answer.status, answer.body.trim());
    serde_json::from_str(&answer.body)
        .with_context(|| format!("failed to read the answer of http://{address}: {}", answer.body))
}
