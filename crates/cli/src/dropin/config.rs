//! `ansible-config`: the settings that have an effect here, what they are and where they are set.

use super::config_text::{Form, dumped, listed, sample};
use super::pager;
use crate::exit::{Exit, Failure, tell};
use crate::setup::{Ground, Manner};
use clap::{Args, Parser, Subcommand, ValueEnum};
use hostler_core::config::{Entry, is_variable};
use hostler_core::diagnostic::Diagnostic;
use std::path::PathBuf;

/// Shows the configuration
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
    /// Print the version
    #[arg(long)]
    version: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print all settings
    List(List),
    /// Print what is set
    Dump(Dump),
    /// Print the configuration file
    View(Which),
    /// Print a file to begin with
    Init(Init),
    /// Check the configuration file and the environment
    Validate(Validate),
}

#[derive(Debug, Args)]
struct Which {
    /// Configuration file (default: the first that is found)
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only settings of this kind
    #[arg(short = 't', long = "type", value_enum, default_value_t)]
    kind: Kind,
    /// Only these plug-ins; their kind has to be named
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    which: Which,
    /// Form of the list
    #[arg(short, long, value_enum, default_value_t = ListForm::Yaml)]
    format: ListForm,
}

#[derive(Debug, Args)]
struct Dump {
    #[command(flatten)]
    which: Which,
    /// Only what differs from the defaults
    #[arg(long, alias = "changed-only")]
    only_changed: bool,
    /// Form of the list
    #[arg(short, long, value_enum, default_value_t = Form::Display)]
    format: Form,
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    which: Which,
    /// Form of the file
    #[arg(short, long, value_enum, default_value_t = InitForm::Ini)]
    format: InitForm,
    /// Everything as a comment
    #[arg(long)]
    disabled: bool,
}

#[derive(Debug, Args)]
struct Validate {
    #[command(flatten)]
    which: Which,
    /// What to check
    #[arg(short, long, value_enum, default_value_t = ValidateForm::Ini)]
    format: ValidateForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListForm {
    Json,
    Yaml,
}

/// Form of a file to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InitForm {
    /// `ansible.cfg`.
    Ini,
    /// Variables of the environment.
    Env,
    /// Ansible's variables; no setting here has one of its own.
    Vars,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ValidateForm {
    Ini,
    Env,
}

/// Ansible's kinds of settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    All,
    #[default]
    Base,
    Become,
    Cache,
    Callback,
    Cliconf,
    Connection,
    Httpapi,
    Inventory,
    Lookup,
    Netconf,
    Shell,
    Vars,
}

impl Which {
    fn ground(&self) -> Result<Ground, Failure> {
        Ground::new(Manner { ansible: true, quiet: true, no_color: false }, self.config.as_deref())
    }

    /// Whether a setting is asked for.
    fn has(&self, entry: &Entry<'_>) -> bool {
        let kind = self.kind.to_possible_value();
        match entry.plugin() {
            None => matches!(self.kind, Kind::All | Kind::Base) && self.plugins.is_empty(),
            Some((of, plugin, _)) => {
                let meant = self.kind == Kind::All || kind.is_some_and(|kind| kind.get_name() == of);
                meant && (self.plugins.is_empty() || self.plugins.iter().any(|named| named == plugin))
            }
        }
    }

    fn check(&self) -> Result<(), Failure> {
        match self.kind {
            Kind::All | Kind::Base if !self.plugins.is_empty() => {
                Err(Failure::Usage("Specific plugins can only be selected with a plugin type: add -t".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Shows what is asked for.
///
/// # Errors
/// What is wrong with the configuration.
pub fn run(args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.action {
        Action::List(args) => list(args),
        Action::Dump(args) => dump(args),
        Action::View(args) => view(args),
        Action::Init(args) => init(args),
        Action::Validate(args) => validate(args),
    }
}

fn list(args: &List) -> Result<Exit, Failure> {
    args.which.check()?;
    let ground = args.which.ground()?;
    let entries: Vec<_> = ground.config.entries().into_iter().filter(|entry| args.which.has(entry)).collect();
    pager::show(&listed(&entries, args.format == ListForm::Json), &ground.config)?;
    Ok(Exit::Done)
}

fn dump(args: &Dump) -> Result<Exit, Failure> {
    args.which.check()?;
    let ground = args.which.ground()?;
    let mut entries: Vec<_> = ground.config.entries().into_iter().filter(|entry| args.which.has(entry)).collect();
    entries.retain(|entry| !args.only_changed || entry.value.is_some());
    let base = matches!(args.which.kind, Kind::All | Kind::Base);
    let file = base.then_some(ground.config.file.as_deref());
    let text = dumped(&entries, file, args.which.kind == Kind::All, args.format, ground.palette.is_on());
    pager::show(&text, &ground.config)?;
    Ok(Exit::Done)
}

fn view(args: &Which) -> Result<Exit, Failure> {
    let ground = args.ground()?;
    let Some(file) = &ground.config.file else { return Err(no_file()) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Diagnostic::error(format!("failed to read {}: {error}", file.display())))?;
    pager::show(&text, &ground.config)?;
    Ok(Exit::Done)
}

fn init(args: &Init) -> Result<Exit, Failure> {
    args.which.check()?;
    let ground = args.which.ground()?;
    let entries: Vec<_> = ground.config.entries().into_iter().filter(|entry| args.which.has(entry)).collect();
    pager::show(&sample(&entries, args.format, args.disabled), &ground.config)?;
    Ok(Exit::Done)
}

fn validate(args: &Validate) -> Result<Exit, Failure> {
    let ground = args.which.ground()?;
    let found: Vec<Diagnostic> = match args.format {
        ValidateForm::Ini => {
            let Some(file) = &ground.config.file else { return Err(no_file()) };
            let told = |name: &String| {
                let (section, key) = name.split_once('.').unwrap_or(("", name));
                let place = file.display();
                Diagnostic::error(format!("Found unknown key '{key}' in section '{section}' in '{place}."))
            };
            ground.config.unknown.iter().map(told).collect()
        }
        ValidateForm::Env => {
            let entries = ground.config.entries();
            let known = |name: &str| is_variable(name) || entries.iter().any(|entry| entry.in_env.contains(&name));
            let mut names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
            names.retain(|name| name.starts_with("ANSIBLE_") && !known(name));
            names.sort_unstable();
            let told = |name: String| Diagnostic::error(format!("Found unknown environment variable '{name}'."));
            names.into_iter().map(told).collect()
        }
    };
    if found.is_empty() {
        pager::show("All configurations seem valid!", &ground.config)?;
        return Ok(Exit::Done);
    }
    tell(&found, ground.voice);
    Ok(Exit::Input)
}

fn no_file() -> Failure {
    Diagnostic::error("Invalid or no config file was supplied").into()
}
