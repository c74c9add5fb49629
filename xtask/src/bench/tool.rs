//! How each tool is told to do a work on hosts, and how it says what it did.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::command::Bench;
use super::measure::Program;
use super::work::{Counts, Work};

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// This project.
    Hostler,
    /// The same requests over the same connections, without an engine, each after the last one's answer.
    Floor,
    /// The same, all sent at once.
    FloorAhead,
    /// ansible-core with pipelining.
    Ansible,
    /// The same with Mitogen's strategy.
    Mitogen,
    /// pyinfra.
    Pyinfra,
    /// The bare `ssh` command, where the work is moving bytes.
    Ssh,
}

impl Tool {
    /// All, in the order of tables.
    pub const ALL: [Self; 7] =
        [Self::Hostler, Self::Floor, Self::FloorAhead, Self::Ansible, Self::Mitogen, Self::Pyinfra, Self::Ssh];

    /// As tables and `--only` call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hostler => "hostler",
            Self::Floor => "floor",
            Self::FloorAhead => "floor-ahead",
            Self::Ansible => "ansible-core",
            Self::Mitogen => "mitogen",
            Self::Pyinfra => "pyinfra",
            Self::Ssh => "ssh",
        }
    }

    /// Whether it has to be installed.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::Ansible | Self::Mitogen | Self::Pyinfra)
    }
}

/// Hosts as tools are told of them, in a folder of files.
pub struct Inventory {
    directory: PathBuf,
    /// How many.
    pub hosts: usize,
}

impl Inventory {
    /// Of the first hosts, reached at these ports.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn write(bench: &Bench, name: &str, ports: &[u16]) -> Result<Self> {
        let directory = bench.directory.join("inventories").join(name);
        fs::create_dir_all(&directory)?;
        let hosts = &bench.hosts.hosts[..ports.len()];
        let (key, known_hosts) = (bench.hosts.user_key(), bench.hosts.known_hosts());
        let (mut ansible, mut pyinfra, mut floor) = (serde_json::Map::new(), String::new(), Vec::new());
        for (host, port) in hosts.iter().zip(ports) {
            ansible.insert(host.name.clone(), json!({"ansible_port": port, "bench_work": host.work()}));
            pyinfra.push_str(&format!(
                "    (\"{}\", {{\"ssh_port\": {port}, \"work\": \"{}\"}}),\n",
                host.name,
                host.work().display()
            ));
            floor.push(json!({"name": host.name, "port": port, "work": host.work()}));
        }
        let python =
            bench.peers.as_ref().map_or_else(|| "/usr/bin/python3".to_owned(), |peers| peers.program("python"));
        let arguments = format!(
            "-F none -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes",
            known_hosts.display()
        );
        let ansible = json!({"all": {"hosts": ansible, "vars": {
            "ansible_host": "127.0.0.1",
            "ansible_ssh_private_key_file": key,
            "ansible_ssh_common_args": arguments,
            "ansible_python_interpreter": python,
        }}});
        // JSON is YAML.
        fs::write(directory.join("hosts.yml"), serde_json::to_string_pretty(&ansible)?)?;
        let shared = format!(
            "(\n    [\n{pyinfra}    ],\n    {{\n        \"ssh_hostname\": \"127.0.0.1\",\n        \"ssh_key\": \"{}\",\n        \
             \"ssh_known_hosts_file\": \"{}\",\n        \"ssh_config_file\": \"/dev/null\",\n        \
             \"ssh_strict_host_key_checking\": \"yes\",\n    }},\n)\n",
            key.display(),
            known_hosts.display()
        );
        fs::write(directory.join("hosts.py"), format!("hosts = {shared}"))?;
        let floor = json!({"key": key, "known_hosts": known_hosts, "hosts": floor});
        fs::write(directory.join("hosts.json"), serde_json::to_string_pretty(&floor)?)?;
        Ok(Self { directory, hosts: ports.len() })
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

impl Tool {
    /// What to run.
    ///
    /// # Errors
    /// When it is not there.
    pub fn program(self, bench: &Bench, work: &Work, inventory: &Inventory) -> Result<Program> {
        let words = match self {
            Self::Hostler => self.playbook(&bench.hostler, &["apply"], bench, work, inventory),
            Self::Ansible | Self::Mitogen => {
                let program = bench.peers()?.program("ansible-playbook");
                self.playbook(Path::new(&program), &[], bench, work, inventory)
            }
            Self::Pyinfra => {
                let deploy = bench.root.join("bench/pyinfra").join(format!("{}.py", work.playbook));
                let mut words = vec![bench.peers()?.program("pyinfra"), "-y".to_owned()];
                for (name, value) in &work.variables {
                    words.extend(["--data".to_owned(), format!("{}={value}", name.trim_start_matches("bench_"))]);
                }
                words.extend([inventory.file("hosts.py"), deploy.display().to_string()]);
                words
            }
            Self::Floor | Self::FloorAhead => {
                let helper = bench.helper.display().to_string();
                let mut words = vec![bench.floor.display().to_string(), inventory.file("hosts.json"), helper];
                words.push(work.playbook.to_owned());
                if self == Self::FloorAhead {
                    words.push("--ahead".to_owned());
                }
                words
            }
            Self::Ssh => ssh(bench, inventory)?,
        };
        let input = work.variables.iter().find(|(name, _)| self == Self::Ssh && name == "bench_source");
        Ok(Program {
            words,
            environment: self.environment(bench)?,
            directory: bench.directory.clone(),
            input: input.map(|(_, path)| PathBuf::from(path)),
        })
    }

    fn playbook(
        self,
        program: &Path,
        before: &[&str],
        bench: &Bench,
        work: &Work,
        inventory: &Inventory,
    ) -> Vec<String> {
        let mut words = vec![program.display().to_string()];
        words.extend(before.iter().map(|word| (*word).to_owned()));
        words.extend(["-i".to_owned(), inventory.file("hosts.yml")]);
        words.extend(["-f".to_owned(), inventory.hosts.to_string()]);
        for (name, value) in &work.variables {
            words.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        words.push(bench.root.join("bench/playbooks").join(format!("{}.yml", work.playbook)).display().to_string());
        words
    }

    fn environment(self, bench: &Bench) -> Result<Vec<(String, String)>> {
        let home = bench.directory.join("home");
        fs::create_dir_all(&home)?;
        let mut environment = vec![
            ("HOME".to_owned(), home.display().to_string()),
            // No configuration of whoever runs the bench.
            ("ANSIBLE_CONFIG".to_owned(), bench.root.join("bench/ansible.cfg").display().to_string()),
            ("ANSIBLE_LOCALHOST_WARNING".to_owned(), "False".to_owned()),
        ];
        if self == Self::Pyinfra {
            let deploys = bench.root.join("bench/pyinfra").display().to_string();
            environment.push(("PYTHONPATH".to_owned(), deploys));
        }
        if self == Self::Mitogen {
            environment.push(("ANSIBLE_STRATEGY".to_owned(), "mitogen_linear".to_owned()));
            let strategies = bench.peers()?.strategies.display().to_string();
            environment.push(("ANSIBLE_STRATEGY_PLUGINS".to_owned(), strategies));
        }
        Ok(environment)
    }

    /// Fails unless the tool says that it did just the expected on every host.
    ///
    /// # Errors
    /// What it says instead.
    pub fn check(self, output: &str, work: &Work, hosts: usize) -> Result<()> {
        let told = match self {
            Self::Ssh => return Ok(()),
            Self::Pyinfra => {
                let (told, hosts) = (pyinfra_total(output), u32::try_from(hosts)?);
                let Counts { ok, changed, failed } = work.pyinfra;
                let expected = Counts { ok: ok * hosts, changed: changed * hosts, failed: failed * hosts };
                ensure!(told == expected, "it counted {told:?}, expected is {expected:?}: {}", last_lines(output));
                return Ok(());
            }
            _ => recap(output),
        };
        ensure!(told.len() == hosts, "it tells of {} hosts, not of {hosts}: {}", told.len(), last_lines(output));
        for (host, counts) in told {
            ensure!(counts == work.counts, "on {host} it counted {counts:?}, expected is {:?}", work.counts);
        }
        Ok(())
    }
}

fn ssh(bench: &Bench, inventory: &Inventory) -> Result<Vec<String>> {
    let text = fs::read_to_string(inventory.file("hosts.json"))?;
    let told: serde_json::Value = serde_json::from_str(&text)?;
    let host = &told["hosts"][0];
    let work = host["work"].as_str().context("find the host's directory")?;
    let words = ["ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "GlobalKnownHostsFile=/dev/null"];
    let mut words: Vec<String> = words.map(str::to_owned).to_vec();
    words.extend(["-o".to_owned(), format!("UserKnownHostsFile={}", bench.hosts.known_hosts().display())]);
    words.extend(["-i".to_owned(), bench.hosts.user_key().display().to_string()]);
    words.extend(["-p".to_owned(), host["port"].to_string(), "127.0.0.1".to_owned()]);
    words.push(format!("cat > {work}/big"));
    Ok(words)
}

/// `host : ok=20 changed=0 unreachable=0 failed=0 …`
fn recap(output: &str) -> BTreeMap<String, Counts> {
    let mut told = BTreeMap::new();
    let start = output.rfind("PLAY RECAP").unwrap_or(0);
    for line in output[start..].lines() {
        let Some((host, counts)) = line.split_once(" : ") else { continue };
        let count = |name: &str| {
            let mut words = counts.split_whitespace();
            words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        let (Some(ok), Some(changed)) = (count("ok"), count("changed")) else { continue };
        let failed = ["unreachable", "failed"].iter().filter_map(|name| count(name)).sum();
        told.insert(host.trim().to_owned(), Counts { ok, changed, failed });
    }
    told
}

/// `Grand total  36  4  -  32`: steps on hosts, and those of them that changed something, failed, had nothing to do.
fn pyinfra_total(output: &str) -> Counts {
    let line = output.lines().find_map(|line| line.trim().strip_prefix("Grand total")).unwrap_or_default();
    let mut numbers = line.split_whitespace().map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    Counts { ok: next(), changed: next(), failed: next() }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(8)..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_the_recap() {
        let output = "TASK [x : y]\nok: [a]\n\nPLAY RECAP ****\nhost001     : ok=20   changed=1    unreachable=0    failed=2    skipped=0\n";
        let told = recap(output);
        assert_eq!(told.len(), 1);
        assert_eq!(told["host001"], Counts { ok: 20, changed: 1, failed: 2 });
        let output = "    Operation   Hosts\n    Grand total       36      4         -       32           \n";
        assert_eq!(pyinfra_total(output), Counts { ok: 36, changed: 4, failed: 0 });
    }
}
