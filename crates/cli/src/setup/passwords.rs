//! Passwords: asked for, or read from files and scripts.

use crate::args::VaultArgs;
use crate::ask;
use crate::exit::{Failure, Voice, tell};
use anyhow::{Context, anyhow};
use hostler_core::config::Config;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::secret::{Redactor, Secret};
use hostler_core::system::local_files;
use hostler_core::vars::VaultSecrets;
use hostler_core::vars::vault::{VaultSource, parse_vault_id};
use std::path::Path;
use std::sync::Arc;

/// When the user is asked for a vault password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Only where the user wants to be.
    If,
    /// Also where there is no other password.
    IfNone,
    /// So too, for a new password, which is asked for twice.
    New,
    /// So too, and what the configuration lists does not count: it is what is to be replaced.
    Replacing,
}

/// All vault passwords: those of the configuration first, each source in the order it is named.
///
/// # Errors
/// Names the file that cannot be read; as for Ansible's commands, one password that can be had is enough for those.
pub fn vaults(
    args: &VaultArgs,
    config: &Config,
    voice: Voice,
    asking: Asking,
    redactor: &Arc<Redactor>,
) -> Result<VaultSecrets, Failure> {
    let mut secrets = VaultSecrets::new(Arc::clone(redactor));
    secrets.set_only_named(config.vault_id_match.or(false));
    config.vault_encrypt_salt.get().into_iter().for_each(|salt| secrets.set_salt(salt));
    let unnamed = config.vault_identity.get().map(String::as_str);
    let listed = config.vault_identity_list.get().filter(|_| asking != Asking::Replacing);
    let listed = listed.into_iter().flatten().chain(&args.vault_id);
    let mut sources: Vec<_> = listed.map(|id| parse_vault_id(id)).collect();
    let files = args.vault_password_file.iter().chain(config.vault_password_file.get());
    sources.extend(files.map(|path| (None, VaultSource::File(path.clone()))));
    let wanted = args.ask_vault_password || (config.ask_vault_pass.or(false) && args.vault_password_file.is_empty());
    if wanted || (sources.is_empty() && asking != Asking::If) {
        secrets.add(unnamed, ask_for_vault(None, asking)?);
    }
    let mut failed = None;
    for (label, source) in sources {
        let label = label.or(unnamed);
        match source {
            VaultSource::Prompt => secrets.add(label, ask_for_vault(Some(label.unwrap_or("default")), asking)?),
            VaultSource::File(path) => {
                if let Err(error) = secrets.add_file(label, &path) {
                    if !voice.ansible {
                        return Err(anyhow::Error::from(error).context("read a vault password").into());
                    }
                    let doing =
                        if path.exists() { "in vault password file loading" } else { "getting vault password file" };
                    let label = label.unwrap_or("default");
                    tell(&[Diagnostic::warning(format!("Error {doing} ({label}): {error}"))], voice);
                    failed = Some(error);
                }
            }
        }
    }
    match failed {
        Some(error) if secrets.is_empty() => Err(Diagnostic::error(error.to_string()).into()),
        _ => Ok(secrets),
    }
}

/// With the prompts that programs look for.
fn ask_for_vault(label: Option<&str>, asking: Asking) -> anyhow::Result<Secret> {
    let new = matches!(asking, Asking::New | Asking::Replacing);
    let prompt = match (label, new) {
        (None, false) => "Vault password: ".to_owned(),
        (None, true) => "New Vault password: ".to_owned(),
        (Some(label), false) => format!("Vault password ({label}): "),
        (Some(label), true) => format!("New vault password ({label}): "),
    };
    let answer = ask::password(&prompt)?;
    if answer.expose().is_empty() {
        return Err(anyhow!("use an empty vault password: there must be one"));
    }
    if new {
        let again = label.map_or_else(
            || "Confirm New Vault password: ".to_owned(),
            |label| format!("Confirm new vault password ({label}): "),
        );
        if ask::password(&again)?.expose() != answer.expose() {
            return Err(anyhow!("take the new password: Passwords do not match"));
        }
    }
    Ok(answer)
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
