//! Proving who we are: keys of the agent, key files, password, questions and answers.
//!
//! Servers stop listening after a few failures (six by default), so what was named comes first: the given key through the
//! agent, the given key itself, the agent's other keys, keys that lie where `ssh` looks for them.

use super::config::{Agent, Settings, with_suffix};
use super::known_hosts::key_type;
use super::session::{Shared, unreachable};
use crate::connection::{ConnectionError, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt};
use std::path::Path;
use std::time::Instant;

/// Authenticates the session.
///
/// # Errors
/// In Ansible's words, with what was tried.
pub fn authenticate(
    shared: &Shared,
    target: &Target,
    settings: &Settings,
    deadline: Instant,
) -> Result<(), ConnectionError> {
    let session = &shared.session;
    let user = settings.user.as_str();
    let mut attempt = Attempt { shared, target, settings, deadline, tried: Vec::new(), agent_keys: Vec::new() };
    // Every question costs a round trip, and servers take their time over it: a key that was named is enough, as a rule.
    if settings.methods.publickey && attempt.given_key()? {
        return Ok(());
    }
    // Asking which ways there are is also the "none" way, which may be enough.
    let offered = match shared.drive(deadline, || session.auth_methods(user).map(str::to_owned)) {
        Ok(offered) => offered,
        Err(_) if session.authenticated() => return Ok(()),
        Err(error) => return Err(unreachable(&format!("{user}@{}: {error}", settings.hostname))),
    };
    if settings.methods.publickey && offered.contains("publickey") && attempt.other_keys()? {
        return Ok(());
    }
    if let Some(password) = &target.password {
        let password = password.expose();
        let methods = settings.methods;
        if methods.password && offered.contains("password") && attempt.password(password)? {
            return Ok(());
        }
        if methods.keyboard_interactive && offered.contains("keyboard-interactive") && attempt.questions(password)? {
            return Ok(());
        }
        if attempt.tried.iter().any(|tried| tried.contains("password")) {
            return Err(ConnectionError::Unreachable(format!(
                "Invalid/incorrect password: {user}@{}: Permission denied ({offered})",
                settings.hostname
            )));
        }
    }
    let tried = if attempt.tried.is_empty() { "nothing to try".to_owned() } else { attempt.tried.join("; ") };
    Err(unreachable(&format!("{user}@{}: Permission denied ({offered}). Tried: {tried}", settings.hostname)))
}

struct Attempt<'a> {
    shared: &'a Shared,
    target: &'a Target,
    settings: &'a Settings,
    deadline: Instant,
    tried: Vec<String>,
    /// Keys of the agent that were refused.
    agent_keys: Vec<Vec<u8>>,
}

impl Attempt<'_> {
    fn given_key(&mut self) -> Result<bool, ConnectionError> {
        let Some(given) = self.target.private_key.as_deref() else { return Ok(false) };
        Ok(self.agent(&[given], false)? || self.file(given)?)
    }

    fn other_keys(&mut self) -> Result<bool, ConnectionError> {
        let listed: Vec<&Path> = self.settings.identities.iter().map(AsRef::as_ref).collect();
        if self.agent(&listed, !self.settings.identities_only)? {
            return Ok(true);
        }
        for path in listed {
            if Some(path) != self.target.private_key.as_deref() && path.exists() && self.file(path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keys of the agent: those that belong to `files`, or `all`.
    fn agent(&mut self, files: &[&Path], all: bool) -> Result<bool, ConnectionError> {
        let socket = match &self.settings.agent {
            Agent::None => return Ok(false),
            Agent::Environment if std::env::var_os("SSH_AUTH_SOCK").is_none() => return Ok(false),
            Agent::Environment => None,
            Agent::Socket(path) => Some(path),
        };
        let Ok(mut agent) = self.shared.session.agent() else { return Ok(false) };
        if let Some(path) = socket
            && let Err(error) = agent.set_identity_path(path)
        {
            self.tried.push(format!("agent at {}: {error}", path.display()));
            return Ok(false);
        }
        let identities = agent.connect().and_then(|()| agent.list_identities()).and_then(|()| agent.identities());
        let identities = match identities {
            Ok(identities) => identities,
            Err(error) => {
                self.tried.push(format!("agent: {error}"));
                return Ok(false);
            }
        };
        let wanted: Vec<Vec<u8>> = files.iter().filter_map(|path| public_key(path)).collect();
        for identity in identities {
            let blob = identity.blob().to_vec();
            let usable = key_type(&blob).is_some_and(|kind| !kind.starts_with("sk-") && !kind.contains("-cert-"));
            if !usable || self.agent_keys.contains(&blob) || !(all || wanted.contains(&blob)) {
                continue;
            }
            let user = self.settings.user.as_str();
            let result = self.shared.drive(self.deadline, || agent.userauth(user, &identity));
            if self.accepted(result, format!("key {} of the agent", identity.comment()))? {
                return Ok(true);
            }
            self.agent_keys.push(blob);
        }
        Ok(false)
    }

    fn file(&mut self, path: &Path) -> Result<bool, ConnectionError> {
        if let Err(error) = std::fs::File::open(path) {
            self.tried.push(format!("key {}: {error}", path.display()));
            return Ok(false);
        }
        let user = self.settings.user.as_str();
        let passphrase = self.target.private_key_passphrase.as_ref().map(|secret| secret.expose());
        let session = &self.shared.session;
        let result = self.shared.drive(self.deadline, || session.userauth_pubkey_file(user, None, path, passphrase));
        self.accepted(result, format!("key {}", path.display()))
    }

    fn password(&mut self, password: &str) -> Result<bool, ConnectionError> {
        let (session, user) = (&self.shared.session, self.settings.user.as_str());
        let result = self.shared.drive(self.deadline, || session.userauth_password(user, password));
        self.accepted(result, "password".to_owned())
    }

    fn questions(&mut self, password: &str) -> Result<bool, ConnectionError> {
        let (session, user) = (&self.shared.session, self.settings.user.as_str());
        let mut answers = PasswordAnswers(password);
        let result = self.shared.drive(self.deadline, || session.userauth_keyboard_interactive(user, &mut answers));
        self.accepted(result, "password (keyboard-interactive)".to_owned())
    }

    /// Notes a refusal and goes on; only a lost connection ends everything.
    fn accepted(&mut self, result: Result<(), ssh2::Error>, what: String) -> Result<bool, ConnectionError> {
        if self.shared.session.authenticated() {
            return Ok(true);
        }
        let Err(error) = result else { return Ok(false) };
        match error.code() {
            ErrorCode::Session(-9) => {
                Err(unreachable(&format!("{}: timed out while authenticating with {what}", self.settings.hostname)))
            }
            // The server hangs up after too many failures.
            ErrorCode::Session(-13 | -43 | -7) => {
                self.tried.push(what);
                let (host, tried) = (&self.settings.hostname, self.tried.join("; "));
                Err(unreachable(&format!("{host} closed the connection while authenticating. Tried: {tried}")))
            }
            ErrorCode::Session(-18 | -19) => {
                self.tried.push(format!("{what}: refused"));
                Ok(false)
            }
            _ => {
                let hint = if what.starts_with("key /") && self.target.private_key_passphrase.is_none() {
                    " (if it has a passphrase, add it to the agent)"
                } else {
                    ""
                };
                self.tried.push(format!("{what}: {error}{hint}"));
                Ok(false)
            }
        }
    }
}

/// Answers every question that is not echoed with the password.
struct PasswordAnswers<'a>(&'a str);

impl KeyboardInteractivePrompt for PasswordAnswers<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        prompts.iter().map(|prompt| if prompt.echo { String::new() } else { self.0.to_owned() }).collect()
    }
}

/// The public key beside a private one.
fn public_key(path: &Path) -> Option<Vec<u8>> {
    let text = std::fs::read_to_string(with_suffix(path, ".pub")).ok()?;
    BASE64.decode(text.split_whitespace().nth(1)?).ok()
}
