//! `ansible-doc`: the reference of modules, from the pages that are generated from the code.
//!
//! What has no page is for Ansible's library to tell of, where the controller has it; without, asking is an error that says so.

use super::doc_library::Library;
use super::doc_page::Page;
use crate::commands::doc::{page, pages, rendered, summary};
use crate::exit::{Exit, Failure, tell};
use crate::report;
use crate::setup::{Ground, Manner};
use clap::Parser;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::module::short_name;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Shows the documentation of modules
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
#[allow(clippy::struct_excessive_bools, reason = "one for each of Ansible's options")]
pub struct Doc {
    /// Modules, or beginnings of names for a list
    #[arg(value_name = "MODULE")]
    pub(super) names: Vec<String>,
    /// Kind of plug-in
    #[arg(short = 't', long = "type", default_value = "module", value_name = "KIND")]
    pub(super) kind: String,
    /// List the modules
    #[arg(short, long, conflicts_with_all = ["snippet", "list_files", "metadata_dump"])]
    pub(super) list: bool,
    /// List the modules with their files, which they do not have
    #[arg(short = 'F', long = "list_files", conflicts_with_all = ["snippet", "metadata_dump"])]
    pub(super) list_files: bool,
    /// Show a task to begin with
    #[arg(short, long, conflicts_with = "metadata_dump")]
    pub(super) snippet: bool,
    /// As JSON
    #[arg(short, long)]
    pub(super) json: bool,
    /// Everything there is as JSON
    #[arg(long)]
    pub(super) metadata_dump: bool,
    /// Go on where something cannot be documented
    #[arg(long)]
    pub(super) no_fail_on_errors: bool,
    /// Entry point of a role
    #[arg(short, long, value_name = "NAME")]
    pub(super) entry_point: Option<String>,
    /// Directories with roles
    #[arg(short, long, value_name = "PATH")]
    pub(super) roles_path: Vec<PathBuf>,
    /// Directories with modules
    #[arg(short = 'M', long, value_name = "PATH")]
    pub(super) module_path: Vec<PathBuf>,
    /// Directory that stands for a playbook's
    #[arg(long, value_name = "DIR")]
    pub(super) playbook_dir: Option<PathBuf>,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Print the version
    #[arg(long)]
    version: bool,
}

/// Shows what is asked for.
///
/// # Errors
/// If there is nothing about it.
pub fn run(args: &Doc) -> Result<Exit, Failure> {
    let ground = Ground::new(Manner { ansible: true, ..Manner::default() }, None)?;
    let is_about_modules = args.kind == "module" && !args.list_files;
    let foreign: Vec<&String> = match args.list || !is_about_modules {
        true => args.names.iter().collect(),
        false => args.names.iter().filter(|name| page(name).is_err()).collect(),
    };
    let library =
        if args.list || !is_about_modules || !foreign.is_empty() { Library::new(args, &foreign) } else { None };
    if library.is_none() {
        refuse(args, &ground)?;
    }
    let text = match () {
        () if !is_about_modules => String::new(),
        () if args.list => return listed(args, library, &ground),
        () if args.metadata_dump => dump(args),
        () if args.names.is_empty() => {
            return Err(Failure::Usage("Incorrect options passed".to_owned()));
        }
        () => return documented(args, library, &ground),
    };
    match library {
        Some(library) => library.show(args),
        None => shown(&text, &ground),
    }
}

fn shown(text: &str, ground: &Ground) -> Result<Exit, Failure> {
    super::pager::show(text, &ground.config)?;
    Ok(Exit::Done)
}

/// What cannot be without Ansible's library.
fn refuse(args: &Doc, ground: &Ground) -> Result<(), Failure> {
    let ignored = [
        ("--roles-path", !args.roles_path.is_empty()),
        ("--module-path", !args.module_path.is_empty()),
        ("--playbook-dir", args.playbook_dir.is_some()),
        ("--no-fail-on-errors", args.no_fail_on_errors),
        ("--entry-point", args.entry_point.is_some()),
    ];
    tell(&super::without_meaning(&ignored), ground.voice);
    if args.kind != "module" {
        let message = format!("there are pages of modules only, none of the kind {}", args.kind);
        return Err(Failure::Usage(message));
    }
    match args.list_files {
        true => Err(Failure::Usage("modules are built in: there are no files to list".to_owned())),
        false => Ok(()),
    }
}

/// The modules of here, and those that Ansible's library knows besides.
fn listed(args: &Doc, library: Option<Library>, ground: &Ground) -> Result<Exit, Failure> {
    let wanted =
        |name: &str| args.names.is_empty() || args.names.iter().any(|prefix| name.starts_with(prefix.as_str()));
    let own = pages().filter(|(name, _)| wanted(name)).map(|(name, page)| (name.to_owned(), summary(page).to_owned()));
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    if let Some(library) = library {
        all.extend(
            library.json()?.into_iter().map(|(name, about)| (name, about.as_str().unwrap_or_default().to_owned())),
        );
    }
    all.extend(own);
    if args.json {
        let all: Map<String, Value> = all.into_iter().map(|(name, about)| (name, Value::from(about))).collect();
        return shown(&report::pretty(&Value::Object(all)), ground);
    }
    let width = all.keys().map(String::len).max().unwrap_or_default();
    shown(&all.iter().map(|(name, about)| format!("{name:<width$} {about}\n")).collect::<String>(), ground)
}

fn dump(args: &Doc) -> String {
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|known| known == name);
    let all = pages().filter(|(name, _)| wanted(name));
    let modules: Map<String, Value> =
        all.map(|(name, text)| (name.to_owned(), Page::parse(name, text).to_json())).collect();
    report::pretty(&serde_json::json!({"all": {"module": modules}}))
}

/// Pages of here first, then what Ansible's library says of the others.
fn documented(args: &Doc, library: Option<Library>, ground: &Ground) -> Result<Exit, Failure> {
    let mut text = String::new();
    let mut all = Map::new();
    for wanted in &args.names {
        let Ok((name, found)) = page(wanted) else {
            if library.is_none() {
                // Said, and no failure: Ansible goes on too.
                tell(&[Diagnostic::warning(format!("{wanted} was not found"))], ground.voice);
            }
            continue;
        };
        let parsed = Page::parse(name, found);
        match () {
            () if args.json => {
                all.insert(wanted.clone(), parsed.to_json());
            }
            () if args.snippet => text.push_str(&parsed.snippet(short_name(name))),
            () => {
                let title = report::bold(ground.palette, name);
                let body = rendered(found.split_once('\n').map_or(found, |(_, body)| body), ground.palette);
                text.push_str(&format!("> MODULE {title}\n{body}\n"));
            }
        }
    }
    match library {
        Some(library) if all.is_empty() && text.is_empty() => library.show(args),
        Some(library) if args.json => {
            all.extend(library.json()?);
            shown(&report::pretty(&Value::Object(all)), ground)
        }
        Some(library) => {
            super::pager::show(&text, &ground.config)?;
            library.show(args)
        }
        None if args.json => shown(&report::pretty(&Value::Object(all)), ground),
        None => shown(&text, ground),
    }
}
