//! `hostler link`: the names of Ansible's commands as links to this binary.

use super::NAMES;
use crate::args::LinkArgs;
use crate::exit::{Exit, Failure};
use anyhow::Context;
use std::io::Write;
use std::os::unix::fs::symlink;

/// Makes the links. What is there already stays, unless it is a link that may be replaced.
///
/// # Errors
/// If a name is taken by something else.
pub fn link(args: &LinkArgs) -> Result<Exit, Failure> {
    let binary = std::env::current_exe().context("find this binary")?;
    std::fs::create_dir_all(&args.directory).with_context(|| format!("make {}", args.directory.display()))?;
    for name in NAMES {
        let path = args.directory.join(name);
        let doing = || format!("link {}", path.display());
        if path.is_symlink() && (args.force || std::fs::read_link(&path).is_ok_and(|target| target == binary)) {
            std::fs::remove_file(&path).with_context(doing)?;
        }
        symlink(&binary, &path).with_context(doing)?;
        writeln!(std::io::stdout(), "{}", path.display()).context("print the links")?;
    }
    Ok(Exit::Done)
}
