//! `vault` and `unvault`: text into an envelope of Ansible's and back, with a password of its own.

use super::Table;
use super::basic::flag;
use crate::secret::Secret;
use crate::template::context::Context;
use crate::template::fault::{Fault, Result};
use crate::template::python::{Args, Py};
use crate::value::Value;
use crate::vars::vault::is_encrypted;
use crate::vars::{Decrypt, VaultSecrets, VaultText};
use std::rc::Rc;
use std::sync::Arc;

pub(super) const TABLE: Table = &[("vault", vault), ("unvault", unvault)];

const NO_ID: &str = "filter_default";

fn secrets(context: &Context, secret: Option<Py>, id: &str, salt: Option<&str>) -> Result<VaultSecrets> {
    let secret = secret.ok_or_else(|| Fault::error("needs a secret"))?;
    let Some(text) = secret.as_str() else {
        let kind = secret.type_name();
        return Err(Fault::error(format!(
            "Secret passed is required to be a string, instead we got <class '{kind}'>."
        )));
    };
    let mut secrets = VaultSecrets::default();
    if let Some(vaults) = &context.templar().templates.options.vaults {
        vaults.hide(text);
    }
    secrets.add(Some(id), Secret::new(text));
    if let Some(salt) = salt {
        secrets.set_salt(salt);
    }
    Ok(secrets)
}

fn vault(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [secret, salt, id, wrap, old_id] = args.bind(["secret", "salt", "vault_id", "wrap_object", "vaultid"])?;
    let id = text(context, id.or(old_id))?.unwrap_or_else(|| NO_ID.to_owned());
    let secrets = secrets(context, secret, &id, text(context, salt)?.as_deref())?;
    let Some(plain) = value.as_str() else {
        let kind = value.type_name();
        return Err(Fault::error(format!("Can only vault strings, instead we got <class '{kind}'>.")));
    };
    let envelope = secrets
        .encrypt(plain.as_bytes(), Some(&id))
        .map_err(|error| Fault::error(format!("Unable to encrypt: {error}")))?;
    if !flag(wrap.as_ref(), false)? {
        return Ok(Py::str(envelope));
    }
    let opener: Arc<dyn Decrypt> = Arc::new(secrets);
    Ok(context.import(&Value::Vault(Arc::new(VaultText::new(envelope, None, opener)))))
}

/// Also opens a value that the passwords of the run could not.
fn unvault(context: &Context, value: Py, args: Args) -> Result<Py> {
    let [secret, id, old_id] = args.bind(["secret", "vault_id", "vaultid"])?;
    let id = text(context, id.or(old_id))?.unwrap_or_else(|| NO_ID.to_owned());
    let envelope = match &value {
        Py::Marker(marker) => match &marker.vault {
            Some(vault) => vault.envelope().to_owned(),
            None => return Err(Fault::Error(Rc::clone(marker))),
        },
        Py::Str(text) => text.to_string(),
        other => {
            let kind = other.type_name();
            return Err(Fault::error(format!(
                "Vault should be in the form of a string, instead we got <class '{kind}'>."
            )));
        }
    };
    let secrets = secrets(context, secret.map(Py::used).transpose()?, &id, None)?;
    if !is_encrypted(envelope.as_bytes()) {
        return Ok(Py::str(envelope));
    }
    let plain = secrets.open(&envelope).map_err(|error| Fault::error(format!("Unable to decrypt: {error}")))?;
    let plain = String::from_utf8(plain).map_err(|_| Fault::error("the vault's text is not UTF-8"))?;
    if let Some(vaults) = &context.templar().templates.options.vaults {
        vaults.hide(&plain);
    }
    Ok(Py::str(plain))
}

fn text(context: &Context, value: Option<Py>) -> Result<Option<String>> {
    match value {
        None | Some(Py::None) => Ok(None),
        Some(value) => context.text(&value.used()?).map(Some),
    }
}
