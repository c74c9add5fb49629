//! `ansible.builtin.apt_key`: a key that apt trusts, by the host's `apt-key` and `gpg`.

use super::support::tool;
use super::support::web;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A key that apt trusts.
pub struct AptKey;

/// Whether the key should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Id of the key, in any length; that of the key given if left out.
    pub id: Option<LooseString>,
    /// URL of the key.
    pub url: Option<LooseString>,
    /// Text of the key.
    pub data: Option<LooseString>,
    /// File of the key on the host.
    pub file: Option<PathArg>,
    /// File to keep it in, instead of apt's own.
    pub keyring: Option<PathArg>,
    /// Check the certificate of an `https` URL.
    #[serde(default = "LooseBool::yes")]
    pub validate_certs: LooseBool,
    /// Server to ask for the key `id`.
    pub keyserver: Option<LooseString>,
    /// Whether it should be there.
    #[serde(default)]
    pub state: State,
}

default_args!();

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Id as given, or found.
    id: String,
    /// Its last 8 digits.
    short_id: String,
    /// Its last 16 digits.
    fp: String,
    /// Without `0x`, in capitals.
    key_id: String,
    /// Keys before.
    before: Vec<String>,
    /// Keys after.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Vec<String>>,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    id: String,
    /// Content of the key in base64, unless a server or a file has it.
    content: Option<String>,
    before: Vec<String>,
}

/// Under this kind a simulation keeps keys.
const RESOURCE: &str = "apt_key";

/// The ids in the output of gpg with colons: whole ones where it tells them.
fn ids(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_key = false;
    for line in text.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.first() {
            Some(&"pub") => {
                found.extend(fields.get(4).map(|id| (*id).to_owned()));
                is_key = true;
            }
            Some(&"fpr") if is_key => {
                if let (Some(last), Some(whole)) = (found.last_mut(), fields.get(9)) {
                    (*whole).clone_into(last);
                }
                is_key = false;
            }
            _ => is_key = false,
        }
    }
    found
}

fn tail(id: &str, length: usize) -> String {
    id[id.len().saturating_sub(length)..].to_owned()
}

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let given = [self.data.is_some(), self.file.is_some(), self.keyserver.is_some(), self.url.is_some()];
        if given.into_iter().filter(|given| *given).count() > 1 {
            return Err(ModuleError::new("parameters are mutually exclusive: data|file|keyserver|url"));
        }
        if self.keyserver.is_some() && self.id.is_none() {
            return Err(ModuleError::new("Missing key_id, required with keyserver."));
        }
        Ok(())
    }

    fn command(&self, system: &dyn System, words: &[&str]) -> Result<Command, ModuleError> {
        let mut argv = vec!["apt-key".to_owned()];
        if let Some(keyring) = &self.keyring {
            argv.extend(["--keyring".to_owned(), keyring.path(system)?.to_string_lossy().into_owned()]);
        }
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        Ok(Command::new(argv).env("LC_ALL", "C").env("APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE", "1"))
    }

    fn keys(&self, system: &dyn System) -> Result<Vec<String>, ModuleError> {
        let command = self.command(system, &["adv", "--list-public-keys", "--with-colons", "--keyid-format=long"])?;
        Ok(ids(&tool::look(system, &command)?.stdout_text()))
    }

    /// The key itself, where it is not for `apt-key` to get.
    fn content(&self, system: &dyn System) -> Result<Option<Vec<u8>>, ModuleError> {
        if let Some(data) = &self.data {
            return Ok(Some(data.0.clone().into_bytes()));
        }
        if let Some(url) = &self.url {
            let got = web::download(system, url, *self.validate_certs);
            return got
                .map(Some)
                .map_err(|why| ModuleError::new(format!("Failed to download key at {}: {why}", url.0)));
        }
        match &self.file {
            Some(file) => Ok(Some(system.read(&file.path(system)?)?)),
            None => Ok(None),
        }
    }

    fn output(&self, id: &str, before: Vec<String>) -> Output {
        Output {
            id: self.id.as_ref().map_or_else(|| id.to_owned(), |id| id.0.clone()),
            short_id: tail(id, 8),
            fp: tail(id, 16),
            key_id: id.to_owned(),
            before,
            after: None,
        }
    }
}

/// An id without `0x` and blanks, in capitals.
fn normal(id: &str) -> Result<String, ModuleError> {
    let plain: String = id.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_uppercase();
    let plain = plain.strip_prefix("0X").unwrap_or(&plain).to_owned();
    if plain.len() < 8 || !plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ModuleError::new("Invalid key_id").field("id", id));
    }
    Ok(plain)
}

impl Module for AptKey {
    const NAME: &'static str = "ansible.builtin.apt_key";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.apt_key"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        args.validate()?;
        let mut content = None;
        let id = match &args.id {
            Some(id) => normal(id)?,
            None => {
                content = args.content(system)?;
                let Some(bytes) = content.clone() else {
                    return Err(ModuleError::new(
                        "Unable to continue as we could not extract a valid fingerprint to compare against existing keys.",
                    ));
                };
                let answer =
                    tool::ask(system, &Command::new(["gpg", "--with-colons", "-"]).env("LC_ALL", "C").stdin(bytes))?;
                match ids(&answer.stdout_text()).into_iter().next().filter(|_| answer.success()) {
                    Some(id) => normal(&id)?,
                    None => {
                        return Err(ModuleError::new("Unable to extract key from 'inline data'")
                            .field("stdout", answer.stdout_text())
                            .field("stderr", answer.stderr_text()));
                    }
                }
            }
        };
        let before = args.keys(system)?;
        let planned = system.resource(RESOURCE, &id).map(|there| there == json!(true));
        let there =
            planned.unwrap_or_else(|| before.iter().any(|key| key.ends_with(&id) || id.ends_with(key.as_str())));
        let output = args.output(&id, before.clone());
        if there == (args.state == State::Present) {
            return Ok(Checked::unchanged(output));
        }
        if args.state == State::Present && content.is_none() && args.keyserver.is_none() {
            content = args.content(system)?;
            if content.is_none() {
                return Err(ModuleError::new("No key to add: give data, file, keyserver or url").field("id", id));
            }
        }
        let content = content.map(|content| STANDARD.encode(content));
        Ok(Checked::changed(output, Change { id, content, before }))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let id = &change.id;
        let failed = |what: String| {
            move |error: ModuleError| ModuleError { msg: format!("{what}: {}", error.msg), fields: error.fields }
        };
        if args.state == State::Absent {
            let command = args.command(system, &["del", &tail(id, 8)])?;
            tool::run(system, &command).map_err(failed(format!("Unable to remove a key with id {id}")))?;
        } else if let Some(server) = &args.keyserver {
            let command = args.command(system, &["adv", "--no-tty", "--keyserver", server, "--recv", id])?;
            let what = format!("Error fetching key {id} from keyserver: {}", server.0);
            let mut tries = (0..5).map(|_| tool::run(system, &command));
            let last = tries.find(Result::is_ok).unwrap_or_else(|| Err(ModuleError::new("it was tried 5 times")));
            last.map_err(failed(what))?;
        } else {
            let content = STANDARD.decode(change.content.unwrap_or_default());
            let content = content.map_err(|error| ModuleError::new(error.to_string()))?;
            let command = args.command(system, &["add", "-"])?.stdin(content);
            tool::run(system, &command).map_err(failed("Unable to add a key from binary data".to_owned()))?;
        }
        let after = args.keys(system)?;
        let there = after.iter().any(|key| key.ends_with(id.as_str()) || id.ends_with(key.as_str()));
        if there != (args.state == State::Present) {
            let what = if there { "the key was not removed" } else { "failed to add the key" };
            let msg = format!(
                "apt-key did not return an error, but {what} (check that the id is correct and *not* a subkey)"
            );
            return Err(ModuleError::new(msg).field("id", id.clone()));
        }
        Ok(Output { after: Some(after), ..args.output(id, change.before) })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        system.set_resource(RESOURCE, &change.id, json!(args.state == State::Present));
        Ok(Simulated::with_unknown(args.output(&change.id, change.before), &["after"]))
    }

    fn made(change: &Change) -> Vec<Made> {
        let is_new = !change.before.iter().any(|key| key.ends_with(&change.id) || change.id.ends_with(key.as_str()));
        is_new.then_some(Made::Itself).into_iter().collect()
    }

    fn diff(change: &Change) -> Vec<Diff> {
        vec![Diff::prepared(format!("key {}\n", change.id))]
    }
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn ids_are_those_of_main_keys() {
        let text = "tru::1:1\npub:-:4096:1:AAAABBBBCCCCDDDD:1::\nfpr:::::::::1111AAAABBBBCCCCDDDD:\nuid:-::\nsub:-:4096:1:EEEE:\nfpr:::::::::9999:\npub:-:1:1:FFFF0000FFFF0000:\n";
        assert_eq!(ids(text), ["1111AAAABBBBCCCCDDDD", "FFFF0000FFFF0000"]);
    }
}
