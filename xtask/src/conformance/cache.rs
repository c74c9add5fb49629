//! What is made once and used by every run: Ansible's targets, the root file system, the layer with the command.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::peer;
use crate::lab;
use crate::process::{command, output, step};

/// The version whose targets are run; the oracle is of the same.
pub const VERSION: &str = "2.19.14";
/// Where targets are inside a root.
pub const INTEGRATION: &str = "root/ansible/test/integration";
/// The names that Ansible's commands have.
const COMMANDS: [&str; 6] =
    ["ansible", "ansible-config", "ansible-doc", "ansible-inventory", "ansible-playbook", "ansible-vault"];
/// Where Debian's Python looks for what is not Debian's.
pub const PACKAGES: &str = "usr/local/lib/python3.11/dist-packages";
/// What targets install with pip is in the root already.
const STUBS: [(&str, &str); 3] = [
    ("usr/local/bin/virtualenv.sh", "# There is one Python here, and it has what is needed.\n"),
    ("usr/local/bin/pip", "#!/bin/sh\nexit 0\n"),
    ("usr/local/lib/python3.11/dist-packages/pip.py", "\"\"\"Has everything already.\"\"\"\n"),
];

/// Whose commands the targets run.
#[derive(Clone, Copy)]
pub enum Commands<'a> {
    /// This file's, under Ansible's names.
    Hostler(&'a Path),
    /// ansible-core's.
    Ansible,
}

/// The layers of a target's root, none of which a run changes.
pub struct Cache {
    /// Everything here is below this folder.
    pub dir: PathBuf,
    /// A small Debian.
    pub base: PathBuf,
    /// Ansible's targets.
    pub source: PathBuf,
    /// The commands.
    pub tools: PathBuf,
    /// They are ansible-core's.
    pub peer: bool,
}

impl Cache {
    /// Makes what is missing, and the tools in any case: the commands may be new.
    pub fn ensure(checkout: &Path, dir: PathBuf, commands: Commands<'_>) -> Result<Self> {
        fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
        let base = ensure_base(&dir, &checkout.join("tests/conformance/root.args"))?;
        let source = ensure_source(&dir)?;
        let tools = make_tools(&dir, commands)?;
        Ok(Self { dir, base, source, tools, peer: matches!(commands, Commands::Ansible) })
    }

    /// Where the runs of this process are.
    pub fn runs(&self) -> PathBuf {
        self.dir.join(format!("run-{}", std::process::id()))
    }

    /// Removes what only this process uses.
    pub fn clean(&self) -> Result<()> {
        remove(&self.tools)?;
        remove(&self.runs())
    }

    /// Ansible's `test/integration/targets`, to read.
    pub fn targets(&self) -> PathBuf {
        self.source.join(INTEGRATION).join("targets")
    }
}

fn ensure_base(dir: &Path, recipe: &Path) -> Result<PathBuf> {
    let text = fs::read_to_string(recipe).with_context(|| format!("failed to read {}", recipe.display()))?;
    let hash: String = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let base = dir.join(format!("base-{hash}"));
    if !base.exists() {
        let arguments = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let settings = lab::apt_settings().into_iter().map(|setting| format!("--aptopt={setting}"));
        let partial = dir.join("base.partial");
        step("make the root file system", || {
            remove(&partial)?;
            output(command("mmdebstrap", settings.chain(arguments.map(str::to_owned))).arg(&partial))?;
            Ok(fs::rename(&partial, &base)?)
        })?;
    }
    Ok(base)
}

fn ensure_source(dir: &Path) -> Result<PathBuf> {
    let source = dir.join(format!("sdist-{VERSION}"));
    if !source.exists() {
        step(&format!("fetch the targets of ansible-core {VERSION}"), || {
            let partial = dir.join("source.partial");
            remove(&partial)?;
            let folder = partial.join(INTEGRATION);
            fs::create_dir_all(&folder)?;
            let package = format!("ansible-core=={VERSION}");
            let download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", &package];
            output(command("python3", download).arg("--dest").arg(dir))?;
            let archive = dir.join(format!("ansible_core-{VERSION}.tar.gz"));
            unpack(&archive, &format!("ansible_core-{VERSION}/test/integration"), &folder)?;
            // Programs among the targets import it; nothing of it is run by Hostler.
            let packages = partial.join(PACKAGES).join("ansible");
            fs::create_dir_all(&packages)?;
            unpack(&archive, &format!("ansible_core-{VERSION}/lib/ansible"), &packages)?;
            // What the targets' hosts are, whoever unpacked them.
            fs::set_permissions(partial.join("root"), fs::Permissions::from_mode(0o700))?;
            Ok(fs::rename(&partial, &source)?)
        })?;
    }
    Ok(source)
}

/// Unpacks what is in a folder, three levels deep, of an archive.
fn unpack(archive: &Path, inside: &str, to: &Path) -> Result<()> {
    let options = ["-xz", "--no-same-owner", "--strip-components=3", "-f"];
    output(command("tar", options).arg(archive).arg("-C").arg(to).arg(inside)).map(drop)
}

fn make_tools(dir: &Path, commands: Commands<'_>) -> Result<PathBuf> {
    let tools = dir.join(format!("tools-{}", std::process::id()));
    remove(&tools)?;
    match commands {
        Commands::Hostler(binary) => link_hostler(&tools.join("usr/local/bin"), binary)?,
        Commands::Ansible => peer::fill(&peer::ensure(dir)?, &tools)?,
    }
    for (path, text) in STUBS {
        let path = tools.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&tools))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(tools)
}

fn link_hostler(bin: &Path, binary: &Path) -> Result<()> {
    fs::create_dir_all(bin)?;
    // A link keeps what is run when a build replaces the file meanwhile.
    let copy = bin.join("hostler");
    if fs::hard_link(binary, &copy).is_err() {
        fs::copy(binary, &copy).with_context(|| format!("failed to copy {}", binary.display()))?;
    }
    for name in COMMANDS {
        symlink("hostler", bin.join(name))?;
    }
    Ok(())
}

/// Removes a folder, also where a target made files immutable.
pub fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if fs::remove_dir_all(folder).is_err() {
        let _ = Command::new("chattr").args(["-R", "-f", "-i", "-a"]).arg(folder).status();
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    ensure!(!folder.exists(), "{} is still there", folder.display());
    Ok(())
}
