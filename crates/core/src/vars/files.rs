//! Files with variables or other YAML, whole-file vaults opened on the way.

use super::Decrypt;
use super::vault::is_encrypted;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::system::local_files;
use crate::value::{Map, Value};
use crate::yaml::{self, Node, Trust};
use std::path::Path;
use std::sync::Arc;

/// A YAML file as nodes; `None` if it is empty. A vault's text is kept out of diagnostics, and every text in it out of
/// everything that is shown.
///
/// # Errors
/// If it cannot be read, decrypted or parsed.
pub fn load_yaml_file(
    path: &Path,
    vaults: &Arc<dyn Decrypt>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<Node>, Diagnostic> {
    let content = local_files::read(path).map_err(|error| Diagnostic::error(error.to_string()))?;
    let not_text = |what: &str| Diagnostic::error(format!("read {}: {what} is not UTF-8", path.display()));
    if !is_encrypted(&content) {
        let text = String::from_utf8(content).map_err(|_| not_text("it"))?;
        return yaml::load(&SourceFile::new(path, text), warnings);
    }
    let plain = vaults
        .decrypt(&String::from_utf8_lossy(&content))
        .map_err(|message| Diagnostic::error(format!("{}: {message}", path.display())))?;
    let plain = String::from_utf8(plain).map_err(|_| not_text("the decrypted text"))?;
    let tree = yaml::load_hidden(path, &plain)?;
    if let Some(tree) = &tree {
        hide_texts(tree, vaults.as_ref());
    }
    Ok(tree)
}

/// A file of variables: a mapping, or nothing.
///
/// # Errors
/// As [`load_yaml_file`], and if it holds anything else.
pub fn load_vars_file(
    path: &Path,
    vaults: &Arc<dyn Decrypt>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map, Diagnostic> {
    let Some(tree) = load_yaml_file(path, vaults, warnings)? else { return Ok(Map::default()) };
    mapping(&tree, vaults)
}

/// The same for a play's `vars_files`, which may hold a list of mappings too: later ones win.
///
/// # Errors
/// As [`load_vars_file`].
pub fn load_listed_vars(
    path: &Path,
    vaults: &Arc<dyn Decrypt>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map, Diagnostic> {
    let Some(tree) = load_yaml_file(path, vaults, warnings)? else { return Ok(Map::default()) };
    let parts = tree.as_seq().unwrap_or(std::slice::from_ref(&tree));
    let mut all = Map::default();
    for part in parts {
        all.extend(mapping(part, vaults)?);
    }
    Ok(all)
}

/// A file's variables.
///
/// # Errors
/// If it holds anything but a mapping.
pub(crate) fn mapping(tree: &Node, vaults: &Arc<dyn Decrypt>) -> Result<Map, Diagnostic> {
    tree.to_map(vaults, Trust::Trusted).ok_or_else(|| {
        Diagnostic::error(format!("a file of variables holds a mapping, but this one holds {}", tree.type_name()))
            .at(&tree.span)
            .help("write `name: value` lines")
    })
}

/// Every text in a decrypted file is a secret; names of variables are not.
fn hide_texts(tree: &Node, vaults: &dyn Decrypt) {
    if let Some(text) = tree.as_str() {
        vaults.hide(text);
    }
    tree.as_seq().unwrap_or_default().iter().for_each(|item| hide_texts(item, vaults));
    tree.as_map().unwrap_or_default().iter().for_each(|(_, value)| hide_texts(value, vaults));
}

/// As [`Value`]s, for files that are read as data (`vars_files`, `include_vars`) whatever they hold.
///
/// # Errors
/// As [`load_yaml_file`].
pub fn load_data_file(
    path: &Path,
    vaults: &Arc<dyn Decrypt>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Value, Diagnostic> {
    let tree = load_yaml_file(path, vaults, warnings)?;
    Ok(tree.map_or(Value::Null, |tree| tree.to_value(vaults, Trust::Trusted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::render;
    use crate::secret::{Redactor, Secret};
    use crate::vars::VaultSecrets;

    fn load(name: &str, redactor: &Arc<Redactor>) -> Result<Map, Diagnostic> {
        let mut secrets = VaultSecrets::new(Arc::clone(redactor));
        secrets.add(None, Secret::new("fixture password"));
        let vaults: Arc<dyn Decrypt> = Arc::new(secrets);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vault").join(name);
        load_vars_file(&path, &vaults, &mut Vec::new())
    }

    #[test]
    fn opens_whole_files_and_hides_their_texts() {
        let redactor = Arc::new(Redactor::default());
        let map = load("plain-1.1.vault", &redactor).unwrap();
        assert_eq!(map["api_key"], Value::str("s3cret-key"));
        assert_eq!(redactor.redact("the key is s3cret-key."), "the key is ********.");
    }

    #[test]
    fn opens_single_values_when_used() {
        let redactor = Arc::new(Redactor::default());
        let map = load("inline.yml", &redactor).unwrap();
        let Value::Vault(vault) = &map["token"] else { panic!("{map:?}") };
        assert_eq!(redactor.redact("inline-t0ken"), "inline-t0ken");
        assert_eq!(&*vault.reveal().unwrap(), "inline-t0ken");
        assert_eq!(redactor.redact("inline-t0ken"), "********");
    }

    #[test]
    fn a_broken_vault_file_is_not_shown() {
        let error = load("broken.vault", &Arc::new(Redactor::default())).unwrap_err();
        let shown = render(&error, false);
        assert!(shown.contains("broken.vault") && shown.contains("not valid YAML"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
