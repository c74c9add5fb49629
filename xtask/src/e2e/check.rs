//! What only looks: `--check` on a host that has nothing yet goes through.

use anyhow::Result;

use super::command::Test;
use super::hostler::Hostler;
use crate::lab::Lab;

/// The tests, in their order: the first of all, while the hosts are new.
pub fn all<'a>(lab: &'a Lab, hostler: &'a Hostler) -> Vec<Test<'a>> {
    let test = |name: &str, work: Box<dyn Fn() -> Result<()> + 'a>| Test { name: format!("check/{name}"), work };
    vec![test("nginx where there is none", Box::new(|| hostler.checks(&lab.root.join("tests/e2e/check/nginx.yml"))))]
}
