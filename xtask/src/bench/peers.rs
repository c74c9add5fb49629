//! The peers, installed from PyPI into a folder of the bench's own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::process::{self, step};

/// What is installed. Mitogen has to support that ansible-core.
const PACKAGES: [&str; 3] = ["ansible-core>=2.19,<2.20", "mitogen>=0.3.26,<0.4", "pyinfra>=3,<4"];

/// Where they are.
#[derive(Debug, Clone)]
pub struct Peers {
    /// The virtual environment.
    pub directory: PathBuf,
    /// Mitogen's strategy plug-ins for Ansible.
    pub strategies: PathBuf,
    /// Names and versions.
    pub versions: Vec<String>,
}

impl Peers {
    /// Installs what is missing.
    ///
    /// # Errors
    /// Python or a package that cannot be had.
    pub fn ensure(directory: &Path) -> Result<Self> {
        let python = directory.join("bin/python");
        if !["bin/ansible-playbook", "bin/pyinfra"].iter().all(|program| directory.join(program).exists()) {
            step("install ansible-core, mitogen and pyinfra", || {
                process::output(Command::new("python3").args(["-m", "venv"]).arg(directory))?;
                process::output(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(PACKAGES))
            })?;
        }
        let script = "import ansible_mitogen, importlib.metadata as m, os\n\
                      print(os.path.join(os.path.dirname(ansible_mitogen.__file__), 'plugins', 'strategy'))\n\
                      print(*[n + ' ' + m.version(n) for n in ('ansible-core', 'mitogen', 'pyinfra')], sep='\\n')";
        let said = process::output(Command::new(&python).args(["-c", script]))?;
        let mut lines = said.lines().map(str::to_owned);
        let strategies = lines.next().unwrap_or_default().into();
        Ok(Self { directory: directory.to_owned(), strategies, versions: lines.collect() })
    }

    /// One of their programs.
    pub fn program(&self, name: &str) -> String {
        self.directory.join("bin").join(name).display().to_string()
    }
}
