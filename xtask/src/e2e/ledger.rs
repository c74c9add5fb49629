//! What hosts remember: planning leaves no trace on a host, and what a role made goes with the role.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::command::Test;
use super::hostler::Hostler;
use crate::lab::{self, Lab};

const HOST: &str = "worker2";

/// Everything that a role can leave: files with owners and modes, contents of configuration, packages, units, users, groups. Caches,
/// logs and the helper's and apt's own state aside.
const LISTING: &str = r"
cd /
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp -o -path /var/log \
    -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/lib/hostler \
    -o -path /var/lib/docker -o -path /var/lib/containerd -o -path /root/.cache -o -path '/etc/*-' -o -path /etc/.pwd.lock \) -prune \
    -o -printf '%p %M %u %g %l\n' | LC_ALL=C sort
find /etc -xdev -type f ! -name '*-' ! -name ld.so.cache ! -name hostler-stays -print0 | LC_ALL=C sort -z | xargs -0 md5sum
dpkg-query -W -f '${Package} ${Status}\n' | grep ' installed$'
systemctl list-unit-files --no-legend --no-pager --state enabled
systemctl list-units --no-legend --no-pager --plain --type service --state running | awk '{print $1}' | grep -v '^user@'
getent passwd
getent group";

/// Everything that writing changes; the helper's cache, what logging in writes, and others' daemons aside.
const TIMES: &str = r"
find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /var/log -o -path '*/.cache*' -o -path /root -o -path /var/lib/systemd \
    -o -path /var/lib/docker -o -path /var/lib/containerd \) -prune -o -printf '%p %M %u %g %s %T@ %C@\n' | LC_ALL=C sort
find /root -xdev ! -path '/root/.cache*' ! -path /root -printf '%p %M %u %g %s %T@ %C@\n' | LC_ALL=C sort";

/// The tests, in their order.
pub fn all<'a>(lab: &'a Lab, hostler: &'a Hostler) -> Vec<Test<'a>> {
    let test = |name: &str, work: Box<dyn Fn() -> Result<()> + 'a>| Test { name: format!("ledger/{name}"), work };
    vec![
        test("planning writes nothing", Box::new(|| planning_writes_nothing(lab, hostler))),
        test("what a role made goes with it", Box::new(|| pruning_restores(lab, hostler))),
    ]
}

fn planning_writes_nothing(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let playbook = Playbook::copy(lab)?;
    let cases = ["docker", "files", "fragments", "maintenance", "system"].map(|name| format!("tests/e2e/{name}.yml"));
    let cases: Vec<PathBuf> = cases.iter().map(|name| lab.root.join(name)).chain([playbook.site()]).collect();
    // The first contact leaves the helper.
    hostler.plan(&playbook.site(), &[])?;
    let before = lab::on_host(lab, HOST, TIMES)?;
    for case in &cases {
        hostler.plan_any(case)?;
    }
    same("planning", &before, &lab::on_host(lab, HOST, TIMES)?)
}

fn pruning_restores(lab: &Lab, hostler: &Hostler) -> Result<()> {
    let playbook = Playbook::copy(lab)?;
    playbook.without_role()?;
    hostler.apply(&playbook.site())?;
    let before = lab::on_host(lab, HOST, LISTING)?;

    playbook.with_role(lab)?;
    hostler.apply(&playbook.site())?;
    ensure!(lab::on_host(lab, HOST, "systemctl is-active hostler-shop")?.trim() == "active", "the shop does not run");
    hostler.apply(&playbook.site())?.expect_unchanged()?;

    playbook.without_role()?;
    hostler.plan(&playbook.site(), &["--prune"])?;
    hostler.apply_with(&playbook.site(), &["--prune"])?;
    same("pruning", &before, &lab::on_host(lab, HOST, LISTING)?)?;
    hostler.apply_with(&playbook.site(), &["--prune"])?.expect_unchanged()?;

    // Where there is no Docker yet, the shop had no container.
    let docker = "command -v docker >/dev/null || exit 0; docker ps -aq --filter name=shop; docker network ls -q --filter name=shop";
    let left = lab::on_host(lab, HOST, docker)?;
    ensure!(left.is_empty(), "a container or a network is left: {left}");
    hostler.apply_with(&playbook.site(), &["--prune", "--force"])?;
    let volumes = "command -v docker >/dev/null || exit 0; docker volume ls -q --filter name=shop";
    let left = lab::on_host(lab, HOST, volumes)?;
    ensure!(left.is_empty(), "the volume with its data is left although it was forced: {left}");
    Ok(())
}

/// Fails with the lines that differ.
fn same(after: &str, old: &str, new: &str) -> Result<()> {
    let missing = old.lines().filter(|line| !new.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
    let surplus = new.lines().filter(|line| !old.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
    let differing: Vec<_> = missing.chain(surplus).take(20).collect();
    ensure!(differing.is_empty(), "after {after} the host is another:\n{}", differing.join("\n"));
    ensure!(old.lines().count() > 1000, "the listing is not complete: {old}");
    Ok(())
}

/// A copy of the playbook that can be changed: which playbook it is goes by its path.
struct Playbook(PathBuf);

impl Playbook {
    fn copy(lab: &Lab) -> Result<Self> {
        // A run on hosts that are kept goes on with the same playbook.
        let to = std::env::temp_dir().join(format!("{}-e2e-ledger", lab.name()));
        copy(&folder(lab), &to)?;
        Ok(Self(to))
    }

    fn site(&self) -> PathBuf {
        self.0.join("site.yml")
    }

    fn with_role(&self, lab: &Lab) -> Result<()> {
        fs::copy(folder(lab).join("site.yml"), self.site()).context("failed to restore the playbook")?;
        Ok(())
    }

    fn without_role(&self) -> Result<()> {
        let text = fs::read_to_string(self.site()).context("failed to read the playbook")?;
        fs::write(self.site(), text.replace("  roles:\n    - shop\n", "")).context("failed to write the playbook")
    }
}

impl Drop for Playbook {
    fn drop(&mut self) {
        // What is left in the temporary directory harms nobody.
        let _left = fs::remove_dir_all(&self.0);
    }
}

fn folder(lab: &Lab) -> PathBuf {
    lab.root.join("tests/e2e/ledger")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("failed to create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).with_context(|| format!("failed to copy {}", path.display()))?;
        }
    }
    Ok(())
}
