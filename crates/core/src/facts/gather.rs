//! Which facts are asked for, and one pass over their collectors.

use super::{
    Facts, clock, cpu, distribution, dmi, foreign, host, init, local, look::Look, memory, mounts, network, packages,
    security, storage, user, virtualization,
};
use crate::system::System;
use crate::text::nearest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// What to gather.
#[derive(Debug, Clone)]
pub struct Request {
    /// Ansible's `gather_subset`: names to add, `!names` to leave out, `all`, `min`.
    pub subset: Vec<String>,
    /// Ansible's `filter`: shell patterns of fact names; empty takes all.
    pub filter: Vec<String>,
    /// Where local facts are.
    pub fact_path: PathBuf,
    /// How long one program that gives local facts may run.
    pub timeout: Duration,
}

/// A subset that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FactError(String);

type Collect = fn(Look<'_>, &mut Facts);

struct Collector {
    name: &'static str,
    /// Facts that name it too.
    facts: &'static [&'static str],
    minimal: bool,
    collect: &'static [Collect],
}

const fn collector(name: &'static str, facts: &'static [&'static str], collect: &'static [Collect]) -> Collector {
    Collector { name, facts, minimal: false, collect }
}

const fn minimal(name: &'static str, facts: &'static [&'static str], collect: &'static [Collect]) -> Collector {
    Collector { name, facts, minimal: true, collect }
}

/// In the order that Ansible shows them. `local` has parameters, so [`gather`] runs it itself.
const COLLECTORS: &[Collector] = &[
    minimal(
        "platform",
        &["system", "kernel", "kernel_version", "machine", "python_version", "architecture", "machine_id"],
        &[host::platform],
    ),
    minimal(
        "distribution",
        &["distribution_version", "distribution_release", "distribution_major_version", "os_family"],
        &[distribution::distribution],
    ),
    minimal("lsb", &[], &[distribution::lsb]),
    minimal("selinux", &[], &[security::selinux]),
    minimal("apparmor", &[], &[security::apparmor]),
    collector("chroot", &["is_chroot"], &[security::chroot]),
    minimal("fips", &[], &[security::fips]),
    minimal("python", &[], &[host::python]),
    minimal("caps", &["system_capabilities", "system_capabilities_enforced"], &[security::capabilities]),
    minimal("pkg_mgr", &[], &[packages::pkg_mgr]),
    minimal("service_mgr", &[], &[init::service_mgr]),
    minimal("cmdline", &[], &[host::cmdline]),
    minimal("date_time", &[], &[clock::date_time]),
    minimal("env", &[], &[host::environment]),
    collector("loadavg", &[], &[host::load]),
    minimal(
        "ssh_pub_keys",
        &[
            "ssh_host_pub_keys",
            "ssh_host_key_dsa_public",
            "ssh_host_key_rsa_public",
            "ssh_host_key_ecdsa_public",
            "ssh_host_key_ed25519_public",
        ],
        &[security::host_keys],
    ),
    minimal(
        "user",
        &[
            "user_id",
            "user_uid",
            "user_gid",
            "user_gecos",
            "user_dir",
            "user_shell",
            "real_user_id",
            "effective_user_id",
            "effective_group_ids",
        ],
        &[user::user],
    ),
    collector("systemd", &[], &[init::systemd]),
    collector(
        "virtual",
        &["virtualization_type", "virtualization_role", "virtualization_tech_guest", "virtualization_tech_host"],
        &[virtualization::virtualization],
    ),
    collector(
        "hardware",
        &["processor", "processor_cores", "processor_count", "mounts", "devices"],
        &[cpu::cpu, memory::memory, dmi::dmi, storage::devices, memory::uptime, storage::lvm, mounts::mounts],
    ),
    minimal("dns", &[], &[network::dns]),
    collector("fibre_channel_wwn", &[], &[dmi::fibre_channel]),
    collector(
        "network",
        &["interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"],
        &[network::network],
    ),
    collector("iscsi", &[], &[dmi::iscsi]),
    collector("nvme", &[], &[dmi::nvme]),
    minimal("local", &[], &[]),
    collector("facter", &[], &[]),
    collector("ohai", &[], &[]),
];

/// Gathers what `request` asks for, under the names that Ansible gives them (`ansible_…`), with warnings.
///
/// # Errors
/// A subset that does not exist.
pub fn gather(request: &Request, system: &dyn System) -> Result<(Facts, Vec<String>), FactError> {
    let chosen = choose(&request.subset)?;
    let (mut facts, mut warnings) = (Facts::new(), Vec::new());
    let look = Look(system);
    for collector in COLLECTORS.iter().filter(|collector| chosen.contains(collector.name)) {
        for collect in collector.collect {
            collect(look, &mut facts);
        }
    }
    if chosen.contains("local") {
        let local = local::local(look, &request.fact_path, request.timeout, &mut warnings);
        facts.insert("local".into(), Value::Object(local));
    }
    let mut named: Facts = facts.into_iter().map(|(name, value)| (format!("ansible_{name}"), value)).collect();
    for program in foreign::PROGRAMS.iter().filter(|program| chosen.contains(program.name)) {
        named.extend(foreign::facts(look, program));
    }
    named.insert("gather_subset".into(), json!(request.subset));
    named.insert("module_setup".into(), json!(true));
    if !request.filter.is_empty() {
        named.retain(|name, _| request.filter.iter().any(|pattern| matches_filter(pattern, name)));
    }
    Ok((named, warnings))
}

/// Names of the collectors to run: the minimum, plus what is asked for, less what is excluded; naming wins over excluding.
fn choose(subset: &[String]) -> Result<BTreeSet<&'static str>, FactError> {
    let all = || COLLECTORS.iter().map(|collector| collector.name);
    let least = || COLLECTORS.iter().filter(|collector| collector.minimal).map(|collector| collector.name);
    let (mut added, mut excluded, mut named): (BTreeSet<_>, BTreeSet<_>, BTreeSet<_>) =
        (least().collect(), BTreeSet::new(), BTreeSet::new());
    for word in subset.iter().map(|word| word.trim()) {
        match word {
            "all" => added.extend(all()),
            "min" => {}
            "!min" => excluded.extend(least()),
            "!all" => excluded.extend(all().filter(|name| !least().any(|minimal| minimal == *name))),
            _ if word.starts_with('!') => excluded.extend(find(&word[1..])),
            _ => {
                let name = find(word).ok_or_else(|| unknown(word))?;
                added.insert(name);
                named.insert(name);
            }
        }
    }
    Ok(added.into_iter().filter(|name| named.contains(name) || !excluded.contains(name)).collect())
}

/// The collector that `word`, its name or a fact of it, means.
fn find(word: &str) -> Option<&'static str> {
    let found = COLLECTORS.iter().find(|collector| collector.name == word || collector.facts.contains(&word));
    found.map(|collector| collector.name)
}

fn unknown(word: &str) -> FactError {
    let mut known: Vec<&str> = COLLECTORS
        .iter()
        .flat_map(|collector| std::iter::once(collector.name).chain(collector.facts.iter().copied()))
        .collect();
    known.sort_unstable();
    let hint = nearest(word, known.iter().copied()).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
    FactError(format!(
        "Bad subset '{word}' given to Ansible. gather_subset options allowed: all, {}{hint}",
        known.join(", ")
    ))
}

/// Whether a shell pattern takes the fact `name`; the prefix may be left out of patterns.
fn matches_filter(pattern: &str, name: &str) -> bool {
    let fits = |pattern: &str| glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name));
    pattern.is_empty()
        || fits(pattern)
        || !["ansible_", "facter", "ohai"].iter().any(|start| pattern.starts_with(start))
            && fits(&format!("ansible_{pattern}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(subset: &[&str]) -> BTreeSet<&'static str> {
        choose(&subset.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn chooses_as_ansible_does() {
        assert_eq!(names(&["all"]).len(), COLLECTORS.len());
        assert!(names(&["!all"]).contains("platform") && !names(&["!all"]).contains("hardware"));
        assert_eq!(names(&["!all", "!min"]).len(), 0);
        assert_eq!(names(&["!all", "!min", "network"]), BTreeSet::from(["network"]));
        assert_eq!(names(&["!all", "!min", "virtualization_type"]), BTreeSet::from(["virtual"]));
        assert!(!names(&["all", "!hardware", "!facter"]).contains("hardware"));
        let error = choose(&["netwrok".to_owned()]).unwrap_err().to_string();
        assert!(error.ends_with("did you mean 'network'?"), "{error}");
    }

    #[test]
    fn filters_with_and_without_prefix() {
        assert!(matches_filter("ansible_*_mb", "ansible_memtotal_mb"));
        assert!(matches_filter("distribution*", "ansible_distribution_version"));
        assert!(!matches_filter("ansible_eth[0-2]", "ansible_eth3"));
    }
}
