//! Which `ansible.cfg` counts: the first of `ANSIBLE_CONFIG`, working directory, home, system.

use crate::diagnostic::Diagnostic;
use crate::system::local_files;
use std::path::{Path, PathBuf};

/// Where to look for the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places<'a> {
    /// A file that the user named. It must be there.
    pub explicit: Option<&'a Path>,
    /// The working directory.
    pub cwd: Option<&'a Path>,
    /// The user's home.
    pub home: Option<&'a Path>,
    /// The machine's file, normally `/etc/ansible/ansible.cfg`.
    pub system: Option<&'a Path>,
}

impl Places<'_> {
    /// The file that counts. A working directory that everybody may write to is left out, with a warning.
    pub(super) fn find(
        &self,
        from_env: Option<&Path>,
        warnings: &mut Vec<Diagnostic>,
    ) -> Result<Option<PathBuf>, Diagnostic> {
        if let Some(path) = self.explicit {
            if !local_files::exists(path) {
                let message = "The provided configuration file is missing or not accessible";
                return Err(Diagnostic::error(format!("{message}: {}", path.display())));
            }
            return Ok(Some(inside(path)));
        }
        if let Some(path) = from_env.map(inside).filter(|path| local_files::is_file(path)) {
            return Ok(Some(path));
        }
        if let Some(cwd) = self.cwd {
            let path = cwd.join("ansible.cfg");
            if local_files::is_file(&path) {
                if !local_files::is_world_writable(cwd) {
                    return Ok(Some(path));
                }
                let message = format!("{} is left out: everybody may write to its directory", path.display());
                let help = format!("name it with ANSIBLE_CONFIG={}, or take away the right to write", path.display());
                warnings.push(Diagnostic::warning(message).help(help));
            }
        }
        let home = self.home.map(|home| home.join(".ansible.cfg"));
        let others = home.into_iter().chain(self.system.map(Path::to_owned));
        Ok(others.into_iter().find(|path| local_files::is_file(path)))
    }
}

/// A directory stands for the file in it.
fn inside(path: &Path) -> PathBuf {
    let path = local_files::absolute(path);
    if local_files::is_dir(&path) { path.join("ansible.cfg") } else { path }
}
