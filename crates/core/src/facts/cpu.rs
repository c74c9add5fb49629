//! Processors, counted from `/proc/cpuinfo` as Ansible counts them.

use super::{Facts, look::Look};
use serde_json::json;

#[derive(Default)]
struct Count {
    descriptions: Vec<String>,
    flags: Vec<String>,
    vendors: usize,
    models: usize,
    processors: usize,
    /// Cores by physical id, in order of appearance.
    sockets: Vec<(String, u64)>,
    /// Siblings by core id, in order of appearance.
    cores: Vec<(String, u64)>,
    s390_processors: u64,
    s390_threads: u64,
}

pub(super) fn cpu(look: Look<'_>, facts: &mut Facts) {
    let Some(text) = look.text("/proc/cpuinfo") else { return };
    let count = read(&text);
    let machine = look.0.uname().map(|uname| uname.machine).unwrap_or_default();
    let xen = look.exists("/proc/xen") || look.text("/sys/hypervisor/type").is_some_and(|kind| kind == "xen");
    // Paravirtualised Xen hides the topology; it is known by the missing flag.
    let paravirtual = xen && !count.flags.is_empty() && !count.flags.iter().any(|flag| flag == "vme");
    let total = count.total(&machine);
    let (sockets, cores, threads, vcpus) = if machine == "s390x" && count.s390_threads > 0 {
        (1, count.s390_processors / count.s390_threads, count.s390_threads, count.s390_processors)
    } else if paravirtual {
        (total, total, 1, total)
    } else {
        let sockets = if count.sockets.is_empty() { total } else { count.sockets.len() as u64 };
        let cores = count.sockets.first().map_or(1, |(_, cores)| (*cores).max(1));
        let siblings = count.cores.first().map_or(1, |(_, siblings)| *siblings);
        let threads = (siblings as f64 / cores as f64).round_ties_even() as u64;
        (sockets, cores, threads, threads * sockets * cores)
    };
    facts.insert("processor".into(), json!(count.descriptions));
    if !count.flags.is_empty() {
        facts.insert("flags".into(), json!(count.flags));
    }
    facts.insert("processor_count".into(), json!(sockets));
    facts.insert("processor_cores".into(), json!(cores));
    facts.insert("processor_threads_per_core".into(), json!(threads));
    facts.insert("processor_vcpus".into(), json!(vcpus));
    let allowed = look.text("/proc/self/status").and_then(|status| allowed_processors(&status));
    facts.insert("processor_nproc".into(), json!(allowed.unwrap_or(count.processors as u64)));
}

impl Count {
    fn total(&self, machine: &str) -> u64 {
        let by_processor = ["armv", "aarch", "ppc"].iter().any(|start| machine.starts_with(start));
        let total = if by_processor {
            self.processors
        } else if self.vendors > 0 && self.vendors == self.models {
            self.vendors
        } else {
            self.descriptions.len()
        };
        total as u64
    }
}

fn read(text: &str) -> Count {
    let mut count = Count::default();
    let (mut socket, mut core) = (String::new(), String::new());
    let set =
        |list: &mut Vec<(String, u64)>, id: &str, number: u64| match list.iter_mut().find(|(known, _)| known == id) {
            Some((_, old)) => *old = number,
            None => list.push((id.to_owned(), number)),
        };
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        let number = || value.parse::<u64>().unwrap_or(1);
        match key {
            "flags" => count.flags = value.split_whitespace().map(str::to_owned).collect(),
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                count.descriptions.push(value.to_owned());
                count.vendors += usize::from(key == "vendor_id");
                count.models += usize::from(key == "model name");
                count.processors += usize::from(key == "processor");
            }
            "physical id" => {
                value.clone_into(&mut socket);
                if !count.sockets.iter().any(|(known, _)| *known == socket) {
                    set(&mut count.sockets, value, 1);
                }
            }
            "core id" => value.clone_into(&mut core),
            "cpu cores" => set(&mut count.sockets, &socket, number()),
            "siblings" => set(&mut count.cores, &core, number()),
            "# processors" => count.s390_processors = number(),
            "max thread id" => count.s390_threads = number() + 1,
            _ => {}
        }
    }
    count
}

/// How many processors this process may use, of `/proc/self/status`.
fn allowed_processors(status: &str) -> Option<u64> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?.trim();
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(last.parse::<u64>().ok()? - first.parse::<u64>().ok()? + 1)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_allowed_processors() {
        assert_eq!(allowed_processors("Name:\tx\nCpus_allowed_list:\t0-3,8,10-11\n"), Some(7));
        assert_eq!(allowed_processors("Name:\tx\n"), None);
    }

    #[test]
    fn counts_sockets_and_cores() {
        let one = |n: u32| {
            format!(
                "processor : {n}\nvendor_id : V\nmodel name : M\nphysical id : 0\nsiblings : 4\ncore id : {n}\ncpu cores : 2\n"
            )
        };
        let count = read(&[one(0), one(1)].join("\n"));
        assert_eq!(count.descriptions, ["0", "V", "M", "1", "V", "M"]);
        assert_eq!(count.sockets, [("0".to_owned(), 2)]);
        assert_eq!(count.total("x86_64"), 2);
    }
}
