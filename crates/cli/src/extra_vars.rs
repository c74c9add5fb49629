//! `--extra-vars`: `k=v`, YAML or JSON, and `@FILE`.

use crate::exit::Failure;
use hostler_core::diagnostic::{Diagnostic, SourceFile};
use hostler_core::playbook::parse_key_values;
use hostler_core::value::{Key, Map, Value};
use hostler_core::vars::Decrypt;
use hostler_core::vars::combine::{HashBehaviour, combine};
use hostler_core::vars::files::load_vars_file;
use hostler_core::yaml::{self, Trust};
use std::path::Path;
use std::sync::Arc;

/// Reads all of them, later ones over earlier ones. Values of `k=v` are texts. All may be templates.
///
/// # Errors
/// What is no variables, with its place in a file.
pub fn parse(
    written: &[String],
    vaults: &Arc<dyn Decrypt>,
    behaviour: HashBehaviour,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Map, Failure> {
    let mut all = Map::default();
    for text in written.iter().filter(|text| !text.is_empty()) {
        combine(&mut all, &one(text, vaults, warnings)?, behaviour);
    }
    Ok(all)
}

fn one(text: &str, vaults: &Arc<dyn Decrypt>, warnings: &mut Vec<Diagnostic>) -> Result<Map, Failure> {
    if let Some(file) = text.strip_prefix('@') {
        return Ok(load_vars_file(Path::new(file), vaults, warnings)?);
    }
    if text.starts_with(['/', '.']) {
        return Err(Failure::Usage(format!("`--extra-vars {text}` looks like a file: write `@{text}`")));
    }
    if text.starts_with(['{', '[']) {
        let file = SourceFile::new("--extra-vars", text);
        let tree = yaml::load(&file, warnings)?;
        let map = tree.as_ref().and_then(|tree| tree.to_map(vaults, Trust::Trusted));
        return map.ok_or_else(|| Failure::Usage(format!("`--extra-vars {text}` is not a mapping")));
    }
    let parsed = parse_key_values(text, false)
        .ok_or_else(|| Failure::Usage(format!("`--extra-vars {text}` has an open quote or template")))?;
    if let Some(raw) = parsed.raw.filter(|raw| !raw.trim().is_empty()) {
        return Err(Failure::Usage(format!("`{}` in `--extra-vars {text}` is not of the form k=v", raw.trim())));
    }
    Ok(parsed.options.into_iter().map(|(key, value)| (Key::from(key.as_str()), Value::trusted(value, None))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hostler_core::vars::VaultSecrets;

    fn read(written: &[&str]) -> Result<Map, Failure> {
        let written: Vec<String> = written.iter().map(|text| (*text).to_owned()).collect();
        let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
        parse(&written, &vaults, HashBehaviour::Replace, &mut Vec::new())
    }

    #[test]
    fn reads_all_forms() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vars.yml");
        std::fs::write(&file, "a: from file\nlist: [1]\n").unwrap();
        let map = read(&["a=1 b='x y' c=no", "{\"d\": 2, b: yes}", &format!("@{}", file.display())]).unwrap();
        assert_eq!(map["a"], Value::str("from file"));
        assert_eq!(map["b"], Value::Bool(true));
        assert_eq!(map["c"], Value::str("no"));
        assert_eq!(map["d"], Value::Int(2));
        assert!(read(&["e={{ a }}"]).unwrap()["e"].is_lazy());
    }

    #[test]
    fn refuses_what_is_none() {
        for (text, part) in [("vars", "not of the form"), ("./vars.yml", "@./vars.yml"), ("[1]", "not a mapping")] {
            let Err(Failure::Usage(message)) = read(&[text]) else { panic!("{text}") };
            assert!(message.contains(part), "{message}");
        }
        assert!(matches!(read(&["@/nowhere"]), Err(Failure::Input(_))));
    }
}
