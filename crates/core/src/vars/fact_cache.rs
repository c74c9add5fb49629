//! Facts that are kept between runs, a file for each host, as Ansible's `jsonfile` and the collection's `yaml` keep them.

use super::Decrypt;
use super::vault::VaultSecrets;
use crate::diagnostic::SourceFile;
use crate::system::local_files;
use crate::value::{Key, Map, Value};
use crate::yaml::emit::{Options, to_yaml};
use crate::yaml::{self, Trust};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What the files are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheForm {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Where facts are kept, and for how long they are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactCache {
    /// What they are written in.
    pub form: CacheForm,
    /// The directory.
    pub dir: PathBuf,
    /// What the files' names begin with, before the host's name.
    pub prefix: String,
    /// Older ones count for nothing; `None`: they are good for ever.
    pub timeout: Option<Duration>,
}

impl FactCache {
    fn path(&self, host: &str) -> PathBuf {
        // A host's name may be a path: its file must not be elsewhere.
        self.dir.join(format!("{}{}", self.prefix, host.replace('/', "_")))
    }

    /// The facts of a host, unless there are none or they are too old. A file that is damaged counts for nothing either.
    pub fn load(&self, host: &str) -> Option<Map> {
        let path = self.path(host);
        let age = local_files::age(&path)?;
        if self.timeout.is_some_and(|timeout| age > timeout) {
            return None;
        }
        let text = local_files::read_to_string(&path).ok()?;
        let facts = match self.form {
            CacheForm::Json => Value::from(serde_json::from_str::<serde_json::Value>(&text).ok()?),
            CacheForm::Yaml => {
                let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
                let node = yaml::load(&SourceFile::new(&path, text), &mut Vec::new()).ok()??;
                node.to_value(&vaults, Trust::Untrusted)
            }
        };
        match facts {
            Value::Map(facts) => Some(Map::clone(&facts)),
            _ => None,
        }
    }

    /// Keeps the facts of a host.
    ///
    /// # Errors
    /// Names the file.
    pub fn save(&self, host: &str, facts: &Map) -> Result<(), String> {
        let facts: serde_json::Map<_, _> =
            facts.iter().filter(|(_, value)| !matches!(value, Value::Unknown(_))).map(json).collect();
        let text = match self.form {
            CacheForm::Json => serde_json::to_string_pretty(&facts).map_err(|error| error.to_string())?,
            CacheForm::Yaml => {
                let options = Options { default_flow_style: Some(false), ..Options::default() };
                to_yaml(&Value::from(serde_json::Value::Object(facts)), &options)
            }
        };
        local_files::write_private(&self.path(host), &text).map_err(|error| error.to_string())
    }

    /// Forgets the facts of a host.
    pub fn remove(&self, host: &str) {
        local_files::remove(&self.path(host));
    }
}

fn json((key, value): (&Key, &Value)) -> (String, serde_json::Value) {
    (key.to_string(), value.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_kept_until_they_are_too_old_or_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("facts");
        let cache = FactCache { form: CacheForm::Json, dir, prefix: "p_".into(), timeout: None };
        let facts = Map::from_iter([(Key::from("ansible_x"), Value::Int(1))]);
        assert_eq!(cache.load("web"), None);
        cache.save("web", &facts).unwrap();
        assert!(folder.path().join("facts/p_web").is_file());
        assert_eq!(cache.load("web"), Some(facts.clone()));
        let old = FactCache { timeout: Some(Duration::ZERO), ..cache.clone() };
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(old.load("web"), None);
        cache.save("../web", &facts).unwrap();
        assert!(folder.path().join("facts/p_.._web").is_file());
        cache.remove("web");
        assert_eq!(cache.load("web"), None);
    }

    #[test]
    fn yaml_gives_back_what_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let cache =
            FactCache { form: CacheForm::Yaml, dir: folder.path().into(), prefix: String::new(), timeout: None };
        let text = "- [1, 2.5, 'yes', null, true]\n- {mode: '0644', date: '2020-01-01', lines: \"a\\nb\\n\", odd: '{{ x }}'}\n";
        let node = yaml::load(&SourceFile::new("x", text), &mut Vec::new()).unwrap().unwrap();
        let vaults: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
        let facts = Map::from_iter([(Key::from("ansible_x"), node.to_value(&vaults, Trust::Untrusted))]);
        cache.save("web", &facts).unwrap();
        assert_eq!(cache.load("web"), Some(facts));
        std::fs::write(folder.path().join("web"), "a: [").unwrap();
        assert_eq!(cache.load("web"), None);
    }
}
