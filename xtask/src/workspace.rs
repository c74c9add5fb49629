//! Where this checkout is.

use std::path::PathBuf;

use anyhow::{Result, ensure};

/// The folder of the workspace's `Cargo.toml`, so that tasks work from any folder below it.
pub fn root() -> Result<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    ensure!(root.join("lab").is_dir(), "find the lab's recipes in {}", root.display());
    Ok(root)
}
