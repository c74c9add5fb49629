//! A plan in a file: with what it was made of, no secret in clear, and a digest over all of it.
// tidy-allow os: plans are files of whoever runs Hostler

use super::Plan;
use crate::text::hex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Number of the file's format.
pub const FORMAT: u32 = 1;

/// A plan that was kept. `O` is what its maker needs to make it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedPlan<O> {
    /// Number of the format.
    format: u32,
    /// Version of Hostler that made it.
    version: String,
    /// When, in seconds since 1970.
    pub made: u64,
    /// How it was asked for.
    pub options: O,
    /// Hash of the files that it was made of, by name.
    pub inputs: std::collections::BTreeMap<PathBuf, String>,
    /// The plan.
    pub plan: Plan,
}

/// Why a saved plan is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SavedPlanError {
    /// The file cannot be read or written.
    #[error("failed to {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("{} is no plan: {reason}", path.display())]
    NoPlan {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another version made it.
    #[error("{} is a plan of format {found} (Hostler {version}); this one reads format {FORMAT}: plan again", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Its maker.
        version: String,
    },
    /// Someone has changed it.
    #[error("{} was changed after it was made: plan again", path.display())]
    Tampered {
        /// Which file.
        path: PathBuf,
    },
}

/// The first bytes of a plan.
const HEAD: &str = "{\"hostler_plan\":";

impl<O: Serialize + DeserializeOwned> SavedPlan<O> {
    /// A plan of today.
    pub fn new(options: O, plan: Plan, inputs: std::collections::BTreeMap<PathBuf, String>) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, made: now.as_secs(), options, inputs, plan }
    }

    /// Writes it, readable for its owner only: as a whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SavedPlanError> {
        let failed = |source: std::io::Error| SavedPlanError::Io { what: "write", path: path.to_owned(), source };
        let body = serde_json::to_string(self).map_err(|error| failed(error.into()))?;
        let text = format!("{HEAD}\"{}\",\"plan\":{body}}}\n", digest(&body));
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = dir.join(format!(".{name}.{}", std::process::id()));
        let written = private_file(&temporary).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)
        });
        written.map_err(|error| {
            let _gone = std::fs::remove_file(&temporary);
            failed(error)
        })
    }

    /// Reads one.
    ///
    /// # Errors
    /// If it is none, of another version, or not as it was written.
    pub fn read(path: &Path) -> Result<Self, SavedPlanError> {
        let failed = |source| SavedPlanError::Io { what: "read", path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let no_plan = |reason: String| SavedPlanError::NoPlan { path: path.to_owned(), reason };
        let rest = text.strip_prefix(HEAD).ok_or_else(|| no_plan("it does not begin like one".to_owned()))?;
        let (given, body) = rest.split_once(",\"plan\":").ok_or_else(|| no_plan("it has no digest".to_owned()))?;
        let body = body.trim_end().strip_suffix('}').unwrap_or(body);
        if given.trim_matches('"') != digest(body) {
            return Err(SavedPlanError::Tampered { path: path.to_owned() });
        }
        let head: serde_json::Value = serde_json::from_str(body).map_err(|error| no_plan(error.to_string()))?;
        let found = head["format"].as_u64().unwrap_or_default();
        if found != u64::from(FORMAT) {
            let version = head["version"].as_str().unwrap_or("of unknown version").to_owned();
            return Err(SavedPlanError::Format { path: path.to_owned(), found, version });
        }
        serde_json::from_value(head).map_err(|error| no_plan(error.to_string()))
    }

    /// Whether a file begins like a plan.
    pub fn is_at(path: &Path) -> bool {
        let mut start = [0; HEAD.len()];
        let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
        read.is_ok() && start == HEAD.as_bytes()
    }
}

fn digest(body: &str) -> String {
    hex(&Sha256::digest(body.as_bytes()))
}

fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("site.plan");
        let saved = SavedPlan::new("options".to_owned(), Plan::default(), Default::default());
        saved.write(&path).unwrap();
        assert!(SavedPlan::<String>::is_at(&path));
        assert_eq!(SavedPlan::<String>::read(&path).unwrap().options, "options");

        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("options\":\"options", "options\":\"others")).unwrap();
        assert!(matches!(SavedPlan::<String>::read(&path), Err(SavedPlanError::Tampered { .. })));

        let body = r#"{"format":99,"version":"9.9"}"#;
        std::fs::write(&path, format!("{HEAD}\"{}\",\"plan\":{body}}}\n", digest(body))).unwrap();
        let error = SavedPlan::<String>::read(&path).unwrap_err().to_string();
        assert!(error.contains("format 99 (Hostler 9.9)"), "{error}");

        std::fs::write(&path, "- hosts: all\n").unwrap();
        assert!(!SavedPlan::<String>::is_at(&path));
        assert!(matches!(SavedPlan::<String>::read(&path), Err(SavedPlanError::NoPlan { .. })));
    }
}
