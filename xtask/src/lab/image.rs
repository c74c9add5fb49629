//! Images from the recipes below `lab/`, each tagged with its recipe's hash and built only when that changed.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::config::Lab;
use crate::process::{command, output, step, succeeds};

/// The label of every image that is built here.
const LABEL: &str = "hostler.lab.image=1";

/// A built image.
pub struct Image {
    /// Its name in Docker: `hostler-lab/NAME:HASH`.
    pub tag: String,
    /// The hash of its recipe and of the base's.
    pub hash: String,
}

/// Makes the root file system that all images start from.
pub fn ensure_base(lab: &Lab) -> Result<Image> {
    let recipe = lab.root.join("lab/base.args");
    let text = fs::read_to_string(&recipe).with_context(|| format!("failed to read {}", recipe.display()))?;
    let mut arguments: Vec<String> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect();
    arguments.splice(0..0, apt_settings().into_iter().map(|setting| format!("--aptopt={setting}")));
    let image = Image::new("base", &Sha256::digest(arguments.join("\n")));
    if !image.exists() {
        step("build the base system", || {
            let tar = lab.dir.join(format!("base-{}.tar", image.hash));
            if !tar.exists() {
                let partial = lab.dir.join("base.partial.tar");
                output(command("mmdebstrap", &arguments).arg(&partial))?;
                fs::rename(&partial, &tar)?;
            }
            output(command("docker", ["import", "--change", &format!("LABEL {LABEL}")]).arg(&tar).arg(&image.tag))
        })?;
    }
    Ok(image)
}

/// Builds the image of `lab/images/NAME`.
pub fn ensure(lab: &Lab, base: &Image, name: &str) -> Result<Image> {
    let folder = lab.recipe(name);
    let mut hash = Sha256::new();
    hash.update(&base.hash);
    hash_folder(&folder, &mut hash)?;
    let image = Image::new(name, &hash.finalize());
    if !image.exists() {
        step(&format!("build the {name} image"), || {
            let base = format!("BASE={}", base.tag);
            output(command("docker", ["build", "--label", LABEL, "--build-arg", &base, "-t", &image.tag]).arg(&folder))
        })?;
    }
    Ok(image)
}

/// Removes all images that were ever built here.
pub fn remove_all() -> Result<()> {
    let filter = format!("label={LABEL}");
    let images = output(&mut command("docker", ["images", "--all", "--quiet", "--filter", &filter]))?;
    if !images.is_empty() {
        // Layers go with the last image that uses them, so some are gone when their turn comes.
        let _ = output(command("docker", ["rmi", "--force"]).args(images.lines()));
    }
    Ok(())
}

impl Image {
    fn new(name: &str, hash: &[u8]) -> Self {
        let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { tag: format!("hostler-lab/{name}:{hash}"), hash }
    }

    fn exists(&self) -> bool {
        succeeds(&mut command("docker", ["image", "inspect", &self.tag]))
    }
}

/// What this machine's apt needs to reach the archive; the lab hosts reach it the same way.
pub fn apt_settings() -> Vec<String> {
    const KEYS: [&str; 5] = [
        "Acquire::http::Proxy",
        "Acquire::https::Proxy",
        "Acquire::Check-Valid-Until",
        "Acquire::Check-Date",
        "Acquire::Retries",
    ];
    let dump = output(Command::new("apt-config").arg("dump")).unwrap_or_default();
    let mut settings: Vec<String> = dump
        .lines()
        .filter(|line| KEYS.iter().any(|key| line.starts_with(&format!("{key} "))))
        .map(str::to_owned)
        .collect();
    if !dump.contains(KEYS[0])
        && let Ok(proxy) = env::var("http_proxy")
    {
        settings.push(format!("{} \"{proxy}\";", KEYS[0]));
    }
    settings
}

fn hash_folder(folder: &Path, hash: &mut Sha256) -> Result<()> {
    let context = || format!("failed to read {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        paths.push(entry.with_context(context)?.path());
    }
    paths.sort();
    for path in paths {
        let content = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(content);
    }
    Ok(())
}
