//! `ansible-doc`: the reference of modules, from the pages that are generated from the code.
//!
//! Other kinds of plug-ins have no pages: asking for theirs is an error that says so.

use super::doc_page::Page;
use crate::commands::doc::{page, pages, rendered, summary};
use crate::exit::{Exit, Failure, tell};
use crate::report;
use crate::setup::{Ground, Manner};
use clap::Parser;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::module::short_name;
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Shows the documentation of modules
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
#[allow(clippy::struct_excessive_bools, reason = "one for each of Ansible's options")]
pub struct Doc {
    /// Modules, or beginnings of names for a list
    #[arg(value_name = "MODULE")]
    names: Vec<String>,
    /// Kind of plug-in
    #[arg(short = 't', long = "type", default_value = "module", value_name = "KIND")]
    kind: String,
    /// List the modules
    #[arg(short, long, conflicts_with_all = ["snippet", "list_files", "metadata_dump"])]
    list: bool,
    /// List the modules with their files, which they do not have
    #[arg(short = 'F', long = "list_files", conflicts_with_all = ["snippet", "metadata_dump"])]
    list_files: bool,
    /// Show a task to begin with
    #[arg(short, long, conflicts_with = "metadata_dump")]
    snippet: bool,
    /// As JSON
    #[arg(short, long)]
    json: bool,
    /// Everything there is as JSON
    #[arg(long)]
    metadata_dump: bool,
    /// Go on where something cannot be documented
    #[arg(long)]
    no_fail_on_errors: bool,
    /// Entry point of a role
    #[arg(short, long, value_name = "NAME")]
    entry_point: Option<String>,
    /// Directories with roles
    #[arg(short, long, value_name = "PATH")]
    roles_path: Vec<PathBuf>,
    /// Directories with modules
    #[arg(short = 'M', long, value_name = "PATH")]
    module_path: Vec<PathBuf>,
    /// Directory that stands for a playbook's
    #[arg(long, value_name = "DIR")]
    playbook_dir: Option<PathBuf>,
    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
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
    if args.list_files {
        return Err(Failure::Usage("modules are built in: there are no files to list".to_owned()));
    }
    let text = match () {
        () if args.list => list(args),
        () if args.metadata_dump => dump(args),
        () if args.names.is_empty() => {
            return Err(Failure::Usage("Incorrect options passed".to_owned()));
        }
        () => documented(args, &ground)?,
    };
    super::pager::show(&text, &ground.config)?;
    Ok(Exit::Done)
}

fn list(args: &Doc) -> String {
    let wanted =
        |name: &str| args.names.is_empty() || args.names.iter().any(|prefix| name.starts_with(prefix.as_str()));
    let all: Vec<_> = pages().filter(|(name, _)| wanted(name)).collect();
    if args.json {
        let all: Map<String, Value> =
            all.iter().map(|(name, page)| ((*name).to_owned(), Value::from(summary(page)))).collect();
        return report::pretty(&Value::Object(all));
    }
    let width = all.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    all.iter().map(|(name, page)| format!("{name:<width$} {}\n", summary(page))).collect()
}

fn dump(args: &Doc) -> String {
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|known| known == name);
    let all = pages().filter(|(name, _)| wanted(name));
    let modules: Map<String, Value> =
        all.map(|(name, text)| (name.to_owned(), Page::parse(name, text).to_json())).collect();
    report::pretty(&serde_json::json!({"all": {"module": modules}}))
}

fn documented(args: &Doc, ground: &Ground) -> Result<String, Failure> {
    let mut text = String::new();
    let mut all = Map::new();
    for wanted in &args.names {
        let Ok((name, found)) = page(wanted) else {
            // Said, and no failure: Ansible goes on too.
            tell(&[Diagnostic::warning(format!("{wanted} was not found"))], ground.voice);
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
    Ok(if args.json { report::pretty(&Value::Object(all)) } else { text })
}
