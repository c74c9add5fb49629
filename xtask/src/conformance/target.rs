//! A target: what it asks for, and the script that runs it inside a sandbox.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cache::{Cache, INTEGRATION};
use super::events::Observed;
use super::mutate;
use super::sandbox::Sandbox;

/// Targets whose module has its own code for hosts that are away, and that do not ask for them.
const ALSO_OVER_SSH: [&str; 1] = ["copy"];
const LOCAL: &str = "ansible_connection=local";
const OVER_SSH: &str = "ansible_connection=ssh ansible_host=127.0.0.1 ansible_user=root";

const ENVIRONMENT: &str = "\
export ANSIBLE_FORCE_COLOR=false ANSIBLE_FORCE_HANDLERS=true ANSIBLE_HOST_PATTERN_MISMATCH=error
export ANSIBLE_INVENTORY=/dev/null ANSIBLE_DEPRECATION_WARNINGS=false ANSIBLE_HOST_KEY_CHECKING=false
export ANSIBLE_RETRY_FILES_ENABLED=false ANSIBLE_LIBRARY=/dev/null ANSIBLE_DEVEL_WARNING=false PAGER=/bin/cat
export OUTPUT_DIR=/root/ansible/output ANSIBLE_CONFIG=/root/ansible/ansible.cfg
export HOSTLER_EVENTS=/results/events.jsonl
mkdir -p $OUTPUT_DIR && touch $ANSIBLE_CONFIG
cp /results/inventory .
export INVENTORY_PATH=$PWD/inventory
";

/// One of the oracle's targets.
pub struct Target {
    name: String,
    /// Runs `runme.sh`; else it is a role.
    script: bool,
    gathers_facts: bool,
    needs_ssh: bool,
}

/// How a target is run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As Ansible's own developers run it.
    Plain,
    /// On and on after failures, where it is a role.
    On,
    /// With its assertions negated, on and on.
    Mutated,
}

/// What became of it.
pub struct Outcome {
    /// What happened in all passes.
    pub observed: Observed,
    /// Each pass succeeded.
    pub passed: bool,
    /// A pass took too long.
    pub timed_out: bool,
    /// How long they took together.
    pub took: Duration,
}

impl Target {
    /// Reads the target's aliases.
    pub fn read(cache: &Cache, name: &str) -> Result<Self> {
        let folder = cache.targets().join(name);
        let path = folder.join("aliases");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let has = |alias: &str| text.lines().any(|line| line.trim() == alias);
        Ok(Self {
            name: name.to_owned(),
            script: folder.join("runme.sh").exists(),
            gathers_facts: !has("gather_facts/no"),
            needs_ssh: has("needs/ssh"),
        })
    }

    /// Runs it: here, over ssh to here if it asks for that, or both.
    pub fn run(&self, cache: &Cache, log: &Path, way: Way) -> Result<Outcome> {
        fs::write(log, "").with_context(|| format!("failed to write {}", log.display()))?;
        let start = Instant::now();
        let mut outcome =
            Outcome { observed: Observed::default(), passed: true, timed_out: false, took: Duration::ZERO };
        let passes: &[&str] = match (self.needs_ssh, ALSO_OVER_SSH.contains(&self.name.as_str())) {
            (true, _) => &[OVER_SSH],
            (false, true) => &[LOCAL, OVER_SSH],
            (false, false) => &[LOCAL],
        };
        for connection in passes {
            let sandbox = Sandbox::new(cache, &self.name)?;
            self.prepare(&sandbox, connection, way)?;
            if way == Way::Mutated {
                mutate::negate(&cache.targets().join(&self.name), &sandbox.results().join("mutated"))?;
            }
            let ran = sandbox.run(log)?;
            outcome.passed &= ran.passed;
            outcome.timed_out |= ran.timed_out;
            let folder = format!("/{INTEGRATION}/targets");
            outcome.observed.extend(Observed::read(&sandbox.results().join("events.jsonl"), &folder)?);
        }
        outcome.took = start.elapsed();
        Ok(outcome)
    }

    fn prepare(&self, sandbox: &Sandbox<'_>, connection: &str, way: Way) -> Result<()> {
        let python = "/usr/bin/python3";
        let inventory = format!(
            "[testgroup]\ntesthost {connection} ansible_python_interpreter={python}\n\n\
             [testgroup:vars]\nansible_python={{\"executable\": \"{python}\"}}\n"
        );
        let name = &self.name;
        let mut script = format!("cd /{INTEGRATION} || exit\n{ENVIRONMENT}");
        if connection == OVER_SSH {
            script.push_str("/usr/sbin/sshd || exit\n");
        }
        if way == Way::Mutated {
            script.push_str(&format!("cp -a /results/mutated/. targets/{name}/\n"));
        }
        if self.script {
            script.push_str(&format!(
                "export ANSIBLE_PLAYBOOK_DIR=$PWD/targets/{name}\ncd targets/{name} && exec ./runme.sh -v\n"
            ));
        } else {
            script.push_str(
                "export ANSIBLE_PLAYBOOK_DIR=$PWD ANSIBLE_ROLES_PATH=$PWD/targets\ncp /results/playbook.yml .\n",
            );
            script.push_str("exec ansible-playbook playbook.yml -i inventory -v\n");
        }
        let play = serde_json::json!([{
            "hosts": "testhost",
            "gather_facts": self.gathers_facts,
            "ignore_errors": way != Way::Plain,
            "vars": {"output_dir": "/root/ansible/output"},
            "roles": [name],
        }]);
        let results = sandbox.results();
        fs::write(results.join("inventory"), inventory)?;
        fs::write(results.join("playbook.yml"), play.to_string())?;
        fs::write(results.join("run.sh"), script)?;
        Ok(())
    }
}
