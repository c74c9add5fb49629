//! The passwords of a run, from files, scripts and prompts, and what they open.

use super::DEFAULT_VAULT_ID;
use super::envelope::{Envelope, is_encrypted, seal};
use crate::secret::{Redactor, Secret};
use crate::system::{SystemError, local_files};
use crate::vars::Decrypt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a vault could not be opened or made, or a password not be had. Never holds plain text.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No password was given at all.
    #[error(
        "Attempting to decrypt but no vault secrets found (use --vault-password-file, --vault-id or --ask-vault-pass)"
    )]
    NoSecrets,
    /// None of the passwords fits.
    #[error("Decryption failed (no vault secrets were found that could decrypt).")]
    WrongPassword,
    /// The envelope is not whole, or of an unknown kind.
    #[error("read a vault: {0}")]
    Damaged(String),
    /// What is inside of the envelope is no hexadecimal text.
    #[error("Vault format unhexlify error: {0}")]
    NotHexadecimal(&'static str),
    /// To encrypt, a password with this id is needed.
    #[error("Did not find a match for --encrypt-vault-id={id} in the known vault-ids [{known}]")]
    UnknownId {
        /// The id asked for.
        id: String,
        /// Those there are.
        known: String,
    },
    /// A password file that is not usable.
    #[error("read the vault password from {}: {reason}", path.display())]
    PasswordFile {
        /// The file or script.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file or script could not be read or run.
    #[error(transparent)]
    System(#[from] SystemError),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// Where a vault password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultSource {
    /// The user is asked.
    Prompt,
    /// A file, or a script that prints it.
    File(PathBuf),
}

/// Takes `--vault-id [LABEL@]SOURCE` apart.
pub fn parse_vault_id(text: &str) -> (Option<&str>, VaultSource) {
    let (label, source) = match text.split_once('@') {
        Some((label, source)) => (Some(label).filter(|label| !label.is_empty()), source),
        None => (None, text),
    };
    match source {
        "prompt" | "prompt_ask_vault_pass" => (label, VaultSource::Prompt),
        path => (label, VaultSource::File(path.into())),
    }
}

/// The passwords of a run. Cheap to share as `Arc<dyn Decrypt>`.
#[derive(Default)]
pub struct VaultSecrets {
    secrets: Vec<(Arc<str>, Secret)>,
    redactor: Arc<Redactor>,
    only_named: bool,
    salt: Option<Vec<u8>>,
}

/// Makes vaults like one that was opened: with the same password, naming the same id.
pub struct Sealer {
    password: Secret,
    id: Option<String>,
    salt: Option<Vec<u8>>,
}

impl Sealer {
    /// Makes a vault.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn seal(&self, plain: &[u8]) -> Result<String, VaultError> {
        seal(plain, &self.password, self.id.as_deref(), self.salt.as_deref())
    }
}

impl VaultSecrets {
    /// No passwords yet. What gets decrypted is told to `redactor`.
    pub fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, ..Self::default() }
    }

    /// Only a password of the id that a vault names may open it (`vault_id_match`).
    pub fn set_only_named(&mut self, on: bool) {
        self.only_named = on;
    }

    /// What vaults are salted with instead of random bytes, so that the same text gives the same vault.
    pub fn set_salt(&mut self, salt: &str) {
        self.salt = Some(salt.as_bytes().to_vec());
    }

    /// Whether there is no password.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// Adds a password, for instance one that the user was asked for.
    pub fn add(&mut self, id: Option<&str>, password: Secret) {
        self.redactor.add(password.expose());
        self.secrets.push((id.unwrap_or(DEFAULT_VAULT_ID).into(), password));
    }

    /// Adds the password in a file or printed by a script. Scripts named `…-client` are told the id. The file may itself
    /// be a vault that earlier passwords open.
    ///
    /// # Errors
    /// Names the file.
    pub fn add_file(&mut self, id: Option<&str>, path: &Path) -> Result<(), VaultError> {
        let fails = |reason: String| VaultError::PasswordFile { path: path.to_owned(), reason };
        if local_files::is_dir(path) {
            return Err(fails("it is a directory".to_owned()));
        }
        let (bytes, from_script) = if local_files::is_executable(path) {
            (run_password_script(id, path)?, true)
        } else {
            let content = local_files::read(path)?;
            let sealed = is_encrypted(&content);
            (if sealed { self.open(&String::from_utf8_lossy(&content))? } else { content }, false)
        };
        let text = String::from_utf8(bytes).map_err(|_| fails("it is not UTF-8".to_owned()))?;
        let password = if from_script { text.trim_matches(['\r', '\n']) } else { text.trim() };
        if password.is_empty() {
            return Err(fails("it is empty".to_owned()));
        }
        self.add(id, Secret::new(password));
        Ok(())
    }

    /// Makes a vault of `plain`: with the password of `id` and naming it, or else with the first password.
    ///
    /// # Errors
    /// If there is no such password, or `plain` is a vault already.
    pub fn encrypt(&self, plain: &[u8], id: Option<&str>) -> Result<String, VaultError> {
        if is_encrypted(plain) {
            return Err(VaultError::Other("input is already encrypted".to_owned()));
        }
        let found = match id {
            Some(id) => self.secrets.iter().find(|(known, _)| **known == *id),
            None => self.secrets.first(),
        };
        match (found, id) {
            (Some((known, password)), _) => {
                // As ansible-vault: the default id is not named.
                let named = Some(&**known).filter(|known| *known != DEFAULT_VAULT_ID);
                seal(plain, password, named, self.salt.as_deref())
            }
            (None, Some(id)) => {
                let known = self.ids().iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
                Err(VaultError::UnknownId { id: id.to_owned(), known })
            }
            (None, None) => Err(VaultError::NoSecrets),
        }
    }

    /// The plain text of an envelope. The password whose id it names is tried first.
    ///
    /// # Errors
    /// If no password fits or the envelope is damaged.
    pub fn open(&self, envelope: &str) -> Result<Vec<u8>, VaultError> {
        self.open_to_edit(envelope).map(|(plain, _)| plain)
    }

    /// The plain text of an envelope, and what makes another envelope of the same kind.
    ///
    /// # Errors
    /// If no password fits or the envelope is damaged.
    pub fn open_to_edit(&self, envelope: &str) -> Result<(Vec<u8>, Sealer), VaultError> {
        let envelope = Envelope::parse(envelope)?;
        if self.secrets.is_empty() {
            return Err(VaultError::NoSecrets);
        }
        let named = |(id, _): &&(Arc<str>, Secret)| Some(&**id) == envelope.id;
        let (first, mut others): (Vec<_>, Vec<_>) = self.secrets.iter().partition(named);
        if self.only_named {
            others.clear();
        }
        for (_, password) in first.into_iter().chain(others) {
            if let Some(plain) = envelope.open(password)? {
                let (id, salt) = (envelope.id.map(str::to_owned), self.salt.clone());
                return Ok((plain, Sealer { password: password.clone(), id, salt }));
            }
        }
        Err(VaultError::WrongPassword)
    }

    /// The ids of the passwords, in order.
    pub fn ids(&self) -> Vec<&str> {
        self.secrets.iter().map(|(id, _)| &**id).collect()
    }
}

fn run_password_script(id: Option<&str>, path: &Path) -> Result<Vec<u8>, VaultError> {
    let is_client = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client"));
    let arguments = match id {
        Some(id) if is_client => vec!["--vault-id", id],
        _ => Vec::new(),
    };
    let output = local_files::run_script(path, &arguments)?;
    if output.status == Some(0) {
        return Ok(output.stdout);
    }
    let how = output.status.map_or_else(|| "was killed".to_owned(), |status| format!("ended with status {status}"));
    let reason = format!("the script {how}: {}", output.stderr.trim());
    Err(VaultError::PasswordFile { path: path.to_owned(), reason })
}

impl Decrypt for VaultSecrets {
    fn decrypt(&self, envelope: &str) -> Result<Vec<u8>, String> {
        self.open(envelope).map_err(|error| error.to_string())
    }

    fn hide(&self, plain: &str) {
        /// Diffs show a secret's lines one by one; a short line is no secret by itself.
        const SHORTEST_LINE: usize = 16;
        self.redactor.add(plain);
        if plain.trim().contains('\n') {
            plain.lines().filter(|line| line.trim().len() >= SHORTEST_LINE).for_each(|line| self.redactor.add(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vault").join(name)
    }

    fn secrets() -> VaultSecrets {
        let mut secrets = VaultSecrets::default();
        secrets.add_file(None, &fixture("password.txt")).unwrap();
        secrets.add_file(Some("prod"), &fixture("prod-client.sh")).unwrap();
        secrets
    }

    /// The vaults were made by ansible-vault.
    #[test]
    fn opens_what_ansible_vault_made() {
        for (name, plain) in [("plain-1.1.vault", "api_key: s3cret-key\n"), ("prod-1.2.vault", "prod: \u{e9}t\u{e9}\n")]
        {
            let content = local_files::read_to_string(&fixture(name)).unwrap();
            assert_eq!(String::from_utf8(secrets().open(&content).unwrap()).unwrap(), plain, "{name}");
        }
    }

    #[test]
    fn opens_what_it_made_itself() {
        let secrets = secrets();
        for length in [0, 16, 500] {
            let plain = vec![b'x'; length];
            let sealed = secrets.encrypt(&plain, Some("prod")).unwrap();
            assert!(sealed.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"), "{sealed}");
            assert_eq!(secrets.open(&sealed).unwrap(), plain);
        }
        assert!(secrets.encrypt(b"x", None).unwrap().starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    }

    #[test]
    fn says_why_not() {
        let content = local_files::read_to_string(&fixture("plain-1.1.vault")).unwrap();
        let mut wrong = VaultSecrets::default();
        assert!(wrong.open(&content).unwrap_err().to_string().contains("no vault secrets found"));
        wrong.add(Some("dev"), Secret::new("nope"));
        assert!(
            wrong.open(&content).unwrap_err().to_string().contains("no vault secrets were found that could decrypt")
        );
        assert!(secrets().open(&content[..200]).unwrap_err().to_string().contains("it is cut off"));
        for (body, reason) in [("abc", "Odd-length string"), ("xy", "Non-hexadecimal digit found")] {
            let error = secrets().open(&format!("$ANSIBLE_VAULT;1.1;AES256\n{body}\n")).unwrap_err().to_string();
            assert_eq!(error, format!("Vault format unhexlify error: {reason}"));
        }
        assert!(secrets().open("$ANSIBLE_VAULT;1.0;AES\n").unwrap_err().to_string().contains("not known"));
        assert!(
            secrets()
                .encrypt(b"x", Some("stage"))
                .unwrap_err()
                .to_string()
                .contains("known vault-ids ['default', 'prod']")
        );
        assert_eq!(parse_vault_id("dev@prompt"), (Some("dev"), VaultSource::Prompt));
        assert_eq!(parse_vault_id("pass.txt"), (None, VaultSource::File("pass.txt".into())));
    }
}
