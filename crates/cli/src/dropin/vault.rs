//! `ansible-vault`: makes vaults, shows, changes and opens them.

use super::vault_files::{edit, files, read, write};
use crate::args::VaultArgs;
use crate::ask;
use crate::exit::{Exit, Failure, Voice};
use crate::setup::{Asking, Ground, Manner, vaults};
use clap::{Args, Parser, Subcommand};
use hostler_core::config::Config;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::secret::Redactor;
use hostler_core::vars::VaultSecrets;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Encrypts and decrypts files and values
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct Vault {
    #[command(subcommand)]
    action: Action,
    /// Print the version
    #[arg(long)]
    version: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a new vault in an editor
    Create(Create),
    /// Decrypt files, or the standard input
    Decrypt(Written),
    /// Change vaults in an editor
    Edit(Sealed),
    /// Show vaults
    View(Common),
    /// Encrypt files, or the standard input
    Encrypt(Encrypt),
    /// Encrypt values for YAML files
    #[command(name = "encrypt_string")]
    EncryptString(EncryptString),
    /// Give vaults another password
    Rekey(Rekey),
}

#[derive(Debug, Args)]
struct Common {
    /// Files
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    vault: VaultArgs,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Args)]
struct Create {
    #[command(flatten)]
    sealed: Sealed,
    /// Open the editor without a terminal too
    #[arg(long)]
    skip_tty_check: bool,
}

#[derive(Debug, Args)]
struct Sealed {
    #[command(flatten)]
    common: Common,
    /// Vault id to encrypt with, where there are several
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
}

#[derive(Debug, Args)]
struct Written {
    #[command(flatten)]
    common: Common,
    /// Where to write it; `-` is the standard output
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Encrypt {
    #[command(flatten)]
    sealed: Sealed,
    /// Where to write it; `-` is the standard output
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct EncryptString {
    /// Values; `-` is the standard input
    #[arg(value_name = "TEXT")]
    texts: Vec<String>,
    #[command(flatten)]
    vault: VaultArgs,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Vault id to encrypt with, where there are several
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
    /// Where to write it; `-` is the standard output
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    output: Option<PathBuf>,
    /// Ask for the value
    #[arg(short, long)]
    prompt: bool,
    /// Show what is typed
    #[arg(long)]
    show_input: bool,
    /// Name of the variable, one for each value (repeatable)
    #[arg(short, long, value_name = "NAME")]
    name: Vec<String>,
    /// Name of the variable whose value is read from the standard input
    #[arg(long, value_name = "NAME")]
    stdin_name: Option<String>,
}

#[derive(Debug, Args)]
struct Rekey {
    #[command(flatten)]
    sealed: Sealed,
    /// File or script with the new password
    #[arg(long, value_name = "FILE", conflicts_with = "new_vault_id")]
    new_vault_password_file: Option<PathBuf>,
    /// Vault id of the new password
    #[arg(long, value_name = "ID")]
    new_vault_id: Option<String>,
}

/// What all actions need.
struct Desk {
    ground: Ground,
    redactor: Arc<Redactor>,
}

/// Does what is asked for.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &Vault) -> Result<Exit, Failure> {
    let ground = Ground::new(Manner { ansible: true, ..Manner::default() }, None)?;
    let desk = Desk { ground, redactor: Arc::default() };
    match &args.action {
        Action::Create(args) => desk.create(args),
        Action::Decrypt(args) => desk.decrypt(args),
        Action::Edit(args) => desk.edit(args),
        Action::View(args) => desk.view(args),
        Action::Encrypt(args) => desk.encrypt(args),
        Action::EncryptString(args) => desk.encrypt_string(args),
        Action::Rekey(args) => desk.rekey(args),
    }?;
    Ok(Exit::Done)
}

impl Desk {
    fn config(&self) -> &Config {
        &self.ground.config
    }

    fn voice(&self) -> Voice {
        self.ground.voice
    }

    fn to_open(&self, args: &VaultArgs) -> Result<VaultSecrets, Failure> {
        self.secrets(args, Asking::IfNone)
    }

    fn secrets(&self, args: &VaultArgs, asking: Asking) -> Result<VaultSecrets, Failure> {
        if let Some(id) = args.vault_id.iter().find(|id| id.contains(';')) {
            let message = format!("'{id}' is not a valid vault id. The character ';' is not allowed in vault ids");
            return Err(Failure::Usage(message));
        }
        vaults(args, self.config(), self.voice(), asking, &self.redactor)
    }

    /// Passwords to encrypt with, and the id of the one that counts.
    fn to_seal(&self, args: &VaultArgs, id: Option<&String>) -> Result<(VaultSecrets, Option<String>), Failure> {
        let secrets = self.secrets(args, Asking::New)?;
        let id = id.or(self.config().vault_encrypt_identity.get()).cloned();
        let known = secrets.ids();
        if known.len() > 1 && id.is_none() {
            let message = format!(
                "The vault-ids {} are available to encrypt. Specify the vault-id to encrypt with --encrypt-vault-id",
                known.join(",")
            );
            return Err(Failure::Usage(message));
        }
        Ok((secrets, id))
    }

    fn encrypt(&self, args: &Encrypt) -> Result<(), Failure> {
        let common = &args.sealed.common;
        one_output(args.output.as_ref(), &common.files)?;
        let (secrets, id) = self.to_seal(&common.vault, args.sealed.encrypt_vault_id.as_ref())?;
        for file in files(&common.files, "plaintext")? {
            let sealed = secrets.encrypt(&read(&file)?, id.as_deref()).map_err(said)?;
            write(args.output.as_ref().unwrap_or(&file), sealed.as_bytes())?;
        }
        succeeded("Encryption")
    }

    fn decrypt(&self, args: &Written) -> Result<(), Failure> {
        one_output(args.output.as_ref(), &args.common.files)?;
        let secrets = self.to_open(&args.common.vault)?;
        for file in files(&args.common.files, "ciphertext")? {
            let plain = open(&secrets, &file)?;
            write(args.output.as_ref().unwrap_or(&file), &plain)?;
        }
        succeeded("Decryption")
    }

    fn view(&self, args: &Common) -> Result<(), Failure> {
        let secrets = self.to_open(&args.vault)?;
        for file in &args.files {
            let plain = open(&secrets, file)?;
            super::pager::show(&String::from_utf8_lossy(&plain), self.config())?;
        }
        Ok(())
    }

    fn create(&self, args: &Create) -> Result<(), Failure> {
        let common = &args.sealed.common;
        let (secrets, id) = self.to_seal(&common.vault, args.sealed.encrypt_vault_id.as_ref())?;
        let [file] = common.files.as_slice() else {
            return Err(Failure::Usage("ansible-vault create can take only one filename argument".to_owned()));
        };
        if !args.skip_tty_check && !std::io::stdout().is_terminal() {
            return Err(Failure::Usage("not a tty, editor cannot be opened".to_owned()));
        }
        if file.is_file() {
            let message = format!("{} exists, please use 'edit' instead", file.display());
            return Err(Diagnostic::error(message).into());
        }
        let plain = edit(b"", file, self.config())?;
        let sealed = secrets.encrypt(&plain, id.as_deref()).map_err(said)?;
        write(file, sealed.as_bytes())
    }

    fn edit(&self, args: &Sealed) -> Result<(), Failure> {
        let secrets = self.to_open(&args.common.vault)?;
        for file in &args.common.files {
            let sealed = String::from_utf8_lossy(&read(file)?).into_owned();
            let (plain, sealer) = secrets.open_to_edit(&sealed).map_err(|error| of_file(error, file))?;
            let changed = edit(&plain, file, self.config())?;
            if changed != plain {
                super::vault_files::replace(file, sealer.seal(&changed).map_err(said)?.as_bytes())?;
            }
        }
        Ok(())
    }

    fn rekey(&self, args: &Rekey) -> Result<(), Failure> {
        let common = &args.sealed.common;
        let secrets = self.to_open(&common.vault)?;
        let id = args.sealed.encrypt_vault_id.as_ref().or(self.config().vault_encrypt_identity.get());
        let new = VaultArgs {
            vault_id: args.new_vault_id.iter().cloned().collect(),
            vault_password_file: args.new_vault_password_file.iter().cloned().collect(),
            ask_vault_password: common.vault.ask_vault_password,
        };
        let new = self.secrets(&new, if id.is_some() { Asking::New } else { Asking::Replacing })?;
        for file in &common.files {
            let plain = open(&secrets, file)?;
            let id = id.map(String::as_str).or_else(|| new.ids().first().copied());
            let sealed = new.encrypt(&plain, id).map_err(said)?;
            super::vault_files::replace(file, sealed.as_bytes())?;
        }
        if std::io::stdout().is_terminal() {
            say("Rekey successful")?;
        }
        Ok(())
    }

    fn encrypt_string(&self, args: &EncryptString) -> Result<(), Failure> {
        one_output(args.output.as_ref(), &args.texts)?;
        let dash = args.texts.iter().any(|text| text == "-");
        let from_stdin = dash || args.stdin_name.is_some() || (args.texts.is_empty() && !args.prompt);
        if args.prompt && from_stdin {
            let message = "The --prompt option is not supported if also reading input from stdin";
            return Err(Failure::Usage(message.to_owned()));
        }
        let (secrets, id) = self.to_seal(&args.vault, args.encrypt_vault_id.as_ref())?;
        let mut values = Vec::new();
        if args.prompt {
            values.push(prompted(args.show_input)?);
        }
        if from_stdin {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Diagnostic::error(format!("failed to read the standard input: {error}")))?;
            values.push(Plain { name: args.stdin_name.clone(), text, source: "stdin" });
        }
        let texts: Vec<&String> = args.texts.iter().filter(|text| *text != "-").collect();
        if let Some(last) = args.name.last().filter(|_| texts.len() > args.name.len()) {
            say("The number of --name options do not match the number of args.")?;
            say(&format!("The last named variable will be \"{last}\". The rest will not have names."))?;
        }
        for (index, text) in texts.into_iter().enumerate() {
            let (name, text) = (args.name.get(index).cloned(), text.clone());
            values.push(Plain { name, text, source: "the command line args" });
        }
        let several = values.len() > 1;
        let mut out = String::new();
        for (index, value) in values.iter().enumerate() {
            if value.text.is_empty() {
                let message = match value.source {
                    "stdin" => "stdin was empty, not encrypting".to_owned(),
                    source => format!("The plaintext provided from {source} was empty, not encrypting"),
                };
                return Err(Failure::Usage(message));
            }
            if several {
                say(&value.comment(index + 1))?;
            }
            let sealed = secrets.encrypt(value.text.as_bytes(), id.as_deref()).map_err(said)?;
            out.push_str(&value.yaml(&sealed));
        }
        match &args.output {
            Some(file) => write(file, out.as_bytes())?,
            None => write(&PathBuf::from("-"), out.as_bytes())?,
        }
        succeeded("Encryption")
    }
}

/// A value to encrypt.
struct Plain {
    name: Option<String>,
    text: String,
    source: &'static str,
}

impl Plain {
    fn comment(&self, number: usize) -> String {
        match &self.name {
            Some(name) => {
                format!("# The encrypted version of variable (\"{name}\", the string #{number} from {}).", self.source)
            }
            None => format!("# The encrypted version of the string #{number} from {}.)", self.source),
        }
    }

    fn yaml(&self, sealed: &str) -> String {
        let name = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let lines: String = sealed.lines().map(|line| format!("          {line}\n")).collect();
        format!("{name}!vault |\n{lines}")
    }
}

fn prompted(show: bool) -> Result<Plain, Failure> {
    let doing = |error: std::io::Error| Diagnostic::error(format!("failed to ask: {error}"));
    let line = |prompt: &str| -> Result<String, Failure> {
        let mut out = std::io::stdout();
        write!(out, "{prompt}").and_then(|()| out.flush()).map_err(doing)?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(doing)?;
        Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
    };
    let name = Some(line("Variable name (enter for no name): ")?).filter(|name| !name.is_empty());
    let text = match show {
        true => line("String to encrypt:")?,
        false => ask::password("String to encrypt (hidden): ")?.expose().to_owned(),
    };
    Ok(Plain { name, text, source: "the interactive prompt" })
}

fn open(secrets: &VaultSecrets, file: &Path) -> Result<Vec<u8>, Failure> {
    let sealed = String::from_utf8_lossy(&read(file)?).into_owned();
    secrets.open(&sealed).map_err(|error| of_file(error, file))
}

fn of_file(error: hostler_core::vars::vault::VaultError, file: &Path) -> Failure {
    Diagnostic::error(format!("{error} for {}", file.display())).into()
}

fn said(error: hostler_core::vars::vault::VaultError) -> Failure {
    Diagnostic::error(error.to_string()).into()
}

fn one_output<T>(output: Option<&PathBuf>, inputs: &[T]) -> Result<(), Failure> {
    match output {
        Some(_) if inputs.len() > 1 => {
            Err(Failure::Usage("At most one input file may be used with the --output option".to_owned()))
        }
        _ => Ok(()),
    }
}

/// On a terminal, that all went well.
fn succeeded(what: &str) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        say(&format!("{what} successful"))?;
    }
    Ok(())
}

/// Says it on the standard error.
fn say(text: &str) -> Result<(), Failure> {
    let said = writeln!(std::io::stderr(), "{text}");
    said.map_err(|error| Diagnostic::error(format!("failed to print: {error}")).into())
}
