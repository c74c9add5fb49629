//! Passwords: asked for, or read from files and scripts.

use crate::args::SourceArgs;
use crate::ask;
use crate::exit::Failure;
use anyhow::{Context, anyhow};
use hostler_core::config::Config;
use hostler_core::secret::{Redactor, Secret};
use hostler_core::system::local_files;
use hostler_core::vars::VaultSecrets;
use hostler_core::vars::vault::{VaultSource, parse_vault_id};
use std::path::Path;
use std::sync::Arc;

/// All vault passwords: those of the configuration first, each source in the order it is named.
///
/// # Errors
/// Names the file that cannot be read.
pub fn vaults(args: &SourceArgs, config: &Config, redactor: &Arc<Redactor>) -> Result<VaultSecrets, Failure> {
    let mut secrets = VaultSecrets::new(Arc::clone(redactor));
    let unnamed = config.vault_identity.get().map(String::as_str);
    let listed = config.vault_identity_list.get().into_iter().flatten();
    for id in listed.chain(&args.vault_id) {
        let (label, source) = parse_vault_id(id);
        let label = label.or(unnamed);
        match source {
            VaultSource::Prompt => secrets.add(label, ask_for_vault(label)?),
            VaultSource::File(path) => add_file(&mut secrets, label, &path)?,
        }
    }
    let configured = config.vault_password_file.get().into_iter();
    for path in configured.chain(&args.vault_password_file) {
        add_file(&mut secrets, unnamed, path)?;
    }
    if args.ask_vault_password || (config.ask_vault_pass.or(false) && args.vault_password_file.is_empty()) {
        secrets.add(unnamed, ask_for_vault(None)?);
    }
    Ok(secrets)
}

fn add_file(secrets: &mut VaultSecrets, label: Option<&str>, path: &Path) -> Result<(), Failure> {
    Ok(secrets.add_file(label, path).context("read a vault password")?)
}

fn ask_for_vault(label: Option<&str>) -> anyhow::Result<Secret> {
    let prompt = label.map_or_else(|| "Vault password: ".to_owned(), |label| format!("Vault password ({label}): "));
    ask::password(&prompt)
}

/// A password from a file, or from a script that prints it.
///
/// # Errors
/// Names the file.
pub fn of_file(path: &Path) -> anyhow::Result<Secret> {
    let doing = || format!("read the password file {}", path.display());
    let bytes = if local_files::is_executable(path) && !local_files::is_dir(path) {
        let output = local_files::run_script(path, &[] as &[&str]).with_context(doing)?;
        if output.status != Some(0) {
            return Err(anyhow!("it failed as a script: {}", output.stderr.trim())).with_context(doing);
        }
        output.stdout
    } else {
        local_files::read(path).with_context(doing)?
    };
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("it is not UTF-8")).with_context(doing)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(anyhow!("it is empty")).with_context(doing),
        text => Ok(Secret::new(text)),
    }
}
