//! Replacing a file's content, with backup and validation.

use super::split::split;
use crate::module::ModuleError;
use crate::system::{Command, Content, Ownership, System, WriteFile};
use std::path::{Path, PathBuf};

/// How a file is to be replaced.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replace<'a> {
    /// Keep the old one beside it.
    pub backup: bool,
    /// Command that must accept the new one before; `%s` is its path.
    pub validate: Option<&'a str>,
}

/// Writes `file` to `path` and returns the path of the backup, if there is one.
///
/// # Errors
/// If validation fails, with its output, or something cannot be written.
pub fn replace(
    system: &mut dyn System,
    path: &Path,
    file: &WriteFile,
    how: Replace<'_>,
) -> Result<Option<String>, ModuleError> {
    if let Some(command) = how.validate {
        validate(system, path, file, command)?;
    }
    let backup = if how.backup { backup(system, path)? } else { None };
    system.write(path, file)?;
    Ok(backup)
}

/// Refuses a validation command without a place for the path.
///
/// # Errors
/// If it has none.
pub fn check_validate(validate: Option<&str>) -> Result<(), ModuleError> {
    match validate {
        Some(command) if !command.contains("%s") => {
            Err(ModuleError::new(format!("validate must contain %s: {command}")))
        }
        _ => Ok(()),
    }
}

fn validate(system: &mut dyn System, path: &Path, file: &WriteFile, command: &str) -> Result<(), ModuleError> {
    let temporary = temporary_path(system, path.extension().and_then(|extension| extension.to_str()));
    let mut copy = file.clone();
    if copy.mode.is_none() {
        copy.mode = Some(0o600);
    }
    system.write(&temporary, &copy)?;
    let argv = split(&command.replace("%s", &temporary.to_string_lossy()));
    let answer = argv.and_then(|argv| Ok(system.run(&Command::new(argv))?));
    system.remove(&temporary)?;
    let answer = answer?;
    if answer.success() {
        return Ok(());
    }
    let (stdout, stderr) = (answer.stdout_text(), answer.stderr_text());
    Err(ModuleError::new(format!("failed to validate: rc:{} error:{}", answer.rc, stderr.trim()))
        .field("exit_status", answer.rc)
        .field("rc", answer.rc)
        .field("stdout", stdout)
        .field("stderr", stderr))
}

/// A new name in the directory for temporary files.
pub fn temporary_path(system: &dyn System, extension: Option<&str>) -> PathBuf {
    let directory = system.env("TMPDIR").filter(|directory| directory.starts_with('/'));
    let stamp = format!("{:x}", (system.now() * 1e6).to_bits());
    let suffix = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    let name = format!("hostler-{}-{stamp}{suffix}", std::process::id());
    Path::new(directory.as_deref().unwrap_or("/tmp")).join(name)
}

/// Copies the file at `path`, if there is one, to `path.PID.DATE@TIME~` and returns that.
///
/// # Errors
/// If it cannot be copied.
pub fn backup(system: &mut dyn System, path: &Path) -> Result<Option<String>, ModuleError> {
    let Some(meta) = system.metadata(path)? else { return Ok(None) };
    let stamp = super::time::format(system.now(), "%Y-%m-%d@%H:%M:%S~");
    let name = format!("{}.{}.{stamp}", path.display(), std::process::id());
    let copy = WriteFile {
        mode: Some(meta.mode),
        ownership: Ownership { uid: Some(meta.uid), gid: Some(meta.gid) },
        ..WriteFile::of(Content::CopyOf(path.to_owned()))
    };
    system.write(Path::new(&name), &copy)?;
    system.set_times(Path::new(&name), Some(meta.accessed), Some(meta.modified))?;
    Ok(Some(name))
}
