//! Which lab: its names, addresses and folders. Several can run side by side, each on its own subnet.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// The first three numbers of the lab's addresses unless `HOSTLER_LAB_SUBNET` says otherwise.
const SUBNET: &str = "10.77.0";

/// A lab's names, addresses and folders.
pub struct Lab {
    /// The checkout.
    pub root: PathBuf,
    /// State: keys, passwords, known hosts. `HOSTLER_LAB_DIR` or `.lab` in the checkout.
    pub dir: PathBuf,
    /// The first three numbers of its addresses, such as `10.77.0`.
    pub subnet: String,
    /// How the inventory spells `dir`.
    pub dir_in_inventory: String,
}

impl Lab {
    /// The lab that `HOSTLER_LAB_DIR` and `HOSTLER_LAB_SUBNET` select.
    pub fn from_env() -> Result<Self> {
        let root = workspace::root()?;
        let subnet = env::var("HOSTLER_LAB_SUBNET").unwrap_or_else(|_| SUBNET.to_owned());
        let numbers = subnet.split('.').filter(|number| number.parse::<u8>().is_ok()).count();
        ensure!(
            numbers == 3 && subnet.split('.').count() == 3,
            "HOSTLER_LAB_SUBNET must be three numbers such as {SUBNET}, not '{subnet}'"
        );
        let below = if subnet == SUBNET { String::new() } else { format!("/{subnet}") };
        let (dir, dir_in_inventory) = match env::var("HOSTLER_LAB_DIR") {
            Ok(dir) => {
                let dir =
                    std::path::absolute(&dir).with_context(|| format!("failed to resolve HOSTLER_LAB_DIR '{dir}'"))?;
                let dir = format!("{}{below}", dir.display());
                (PathBuf::from(&dir), dir)
            }
            Err(_) => {
                let dir = format!(".lab{below}");
                (root.join(&dir), format!("{{{{ inventory_dir }}}}/../../{dir}"))
            }
        };
        // ssh splits its options at blanks.
        ensure!(
            !dir.to_string_lossy().contains(char::is_whitespace),
            "the lab's folder '{}' contains a blank; set HOSTLER_LAB_DIR to one that does not",
            dir.display()
        );
        Ok(Self { root, dir, subnet, dir_in_inventory })
    }

    /// The network's name, and the beginning of every container's.
    pub fn name(&self) -> String {
        if self.subnet == SUBNET { "hostler-lab".to_owned() } else { format!("hostler-lab-{}", self.subnet) }
    }

    /// The label of all containers and networks of this lab; what lacks it is never touched.
    pub fn label(&self) -> String {
        format!("hostler.lab={}", self.subnet)
    }

    /// The container of a host or of the registry.
    pub fn container(&self, host: &str) -> String {
        format!("{}-{host}", self.name())
    }

    /// The address of a host: `leader` is .10, `worker1` is .11.
    pub fn address(&self, host: &str) -> Result<String> {
        let number = match host.strip_prefix("worker") {
            Some(number) => number.parse::<u8>().ok().filter(|number| (1..=200).contains(number)),
            None => (host == "leader").then_some(0),
        };
        let number =
            number.with_context(|| format!("failed to find host '{host}': the lab has leader, worker1, worker2 …"))?;
        Ok(format!("{}.{}", self.subnet, 10 + number))
    }

    /// The machine's own address in the lab, where hosts reach the registry.
    pub fn gateway(&self) -> String {
        format!("{}.1", self.subnet)
    }

    /// The recipe of an image.
    pub fn recipe(&self, image: &str) -> PathBuf {
        self.root.join("lab/images").join(image)
    }

    /// The private key that all of the lab's users accept.
    pub fn key(&self) -> PathBuf {
        self.dir.join("id_ed25519")
    }

    /// The hosts' keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.dir.join("known_hosts")
    }

    /// The inventory of this checkout.
    pub fn inventory(&self) -> PathBuf {
        self.root.join("inventories/lab/hosts.yml")
    }

    /// A path below the lab's folder as the inventory spells it.
    pub fn in_inventory(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.dir).unwrap_or(path);
        format!("{}/{}", self.dir_in_inventory, below.display())
    }
}
