//! Inventories as `ansible-inventory` sees them: `tests/inventory/expect.sh` wrote what is expected.

use super::{Inventory, LoadOptions, Show};
use crate::diagnostic::SourceFile;
use crate::yaml::{self, emit};
use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory")
}

fn load(sources: &[&str]) -> Inventory {
    let paths: Vec<String> =
        sources
            .iter()
            .map(|source| {
                if source.contains(',') { (*source).to_owned() } else { fixtures().join(source).display().to_string() }
            })
            .collect();
    Inventory::load(&paths.iter().map(String::as_str).collect::<Vec<_>>(), &LoadOptions::default()).unwrap()
}

fn data(text: &str) -> String {
    let tree = yaml::load(&SourceFile::new("x.yml", text), &mut Vec::new()).unwrap().unwrap();
    format!("{:#}", tree.to_value(&LoadOptions::default().vaults, yaml::Trust::Untrusted).to_json())
}

/// Name of the case, its sources, its playbook's directory.
const CASES: [(&str, &[&str], Option<&str>); 11] = [
    ("ini", &["ini/hosts"], None),
    ("yaml", &["yaml/hosts.yml"], None),
    ("script_meta", &["script_meta/hosts.sh"], None),
    ("script_plain", &["script_plain/hosts.sh"], None),
    ("directory", &["directory"], None),
    ("precedence", &["precedence/inventory/hosts.yml"], Some("precedence/play")),
    ("several", &["ini/hosts", "yaml/hosts.yml", "web3,other:22,"], None),
    ("constructed", &["constructed/hosts", "constructed/groups.yml"], None),
    ("leading", &["constructed/hosts", "constructed/leading.yml"], None),
    ("generator", &["generator/hosts.yml"], None),
    ("toml", &["toml/hosts.toml"], None),
];

#[test]
fn lists_are_those_of_ansible_inventory() {
    for (name, sources, playbook) in CASES {
        let inventory = load(sources);
        let dir = playbook.map(|dir| fixtures().join(dir));
        let expected = |ending: &str| {
            std::fs::read_to_string(fixtures().join("expected").join(format!("{name}{ending}"))).unwrap()
        };
        for (export, ending) in [(false, ".json"), (true, "-export.json")] {
            let show = Show { playbook_dirs: dir.as_slice(), limit: None, export };
            let found = inventory.list_json(&show).unwrap();
            let expected: serde_json::Value = serde_json::from_str(&expected(ending)).unwrap();
            assert_eq!(format!("{found:#}"), format!("{expected:#}"), "{name}{ending}");
        }
        let show = Show { playbook_dirs: dir.as_slice(), ..Show::default() };
        let graph = inventory.graph("all", false, &show).unwrap();
        assert_eq!(graph.trim(), expected("-graph.txt").trim(), "{name}");
        let options = emit::Options { default_flow_style: Some(false), ..emit::Options::default() };
        let tree = emit::to_yaml(&inventory.list_tree(&show).unwrap(), &options);
        // Ansible writes aliases for values that hosts share.
        assert_eq!(data(&tree), data(&expected("-list.yml")), "{name}");
    }
}
