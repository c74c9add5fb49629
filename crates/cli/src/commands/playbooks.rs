//! What `plan` and `apply` share: read, check, list or run playbooks.

use super::session::Session;
use crate::args::{Format, RunArgs};
use crate::ask;
use crate::exit::{Failure, tell};
use crate::report::{JsonLines, Plain, Plan, Screen, Terminal, View};
use crate::setup::{Base, ExtraVars, Overrides, RunParts, is_dumb};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::{RunOptions, Summary};
use hostler_core::event::Reporter;
use hostler_core::inventory::Inventory;
use hostler_core::playbook::{Listing, Playbook};
use hostler_core::template::Templar;
use hostler_core::value::Value;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Runs playbooks, or only plans them. `None` if they were only to be listed or checked.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &RunArgs, plan: bool) -> Result<Option<Summary>, Failure> {
    let base = Base::new(&args.run.sources, args.run.no_color)?;
    let listing = args.list_hosts || args.list_tasks || args.list_tags;
    let overrides = Overrides {
        plan,
        tags: &args.tags,
        skip_tags: &args.skip_tags,
        start_at_task: args.start_at_task.as_deref(),
        force_handlers: args.force_handlers,
        offline: listing || args.syntax_check,
    };
    let options = base.options(&args.run, overrides)?;
    let inventory = base.inventory()?;
    let parts = base.run_parts();
    let playbooks = load(&base, &parts, &args.playbooks)?;
    if listing {
        list(args, &base, &parts, &options, &inventory, &playbooks)?;
        return Ok(None);
    }
    check_limit(&inventory, options.limit.as_deref())?;
    if base.config.file.is_none() && inventory.hosts().is_empty() && !args.syntax_check {
        tell(&[Diagnostic::warning("the inventory has no hosts: only localhost can be reached")], base.error_palette);
    }
    let dir = directory(&playbooks)?;
    let reporting = reporting(args, &base, &options, plan && !args.syntax_check);
    let session = Session::new(&base, &parts, inventory, options, Some(&dir), reporting)?;
    session.validate(&playbooks)?;
    if args.syntax_check {
        print(
            &playbooks.iter().map(|playbook| format!("\nplaybook: {}\n", playbook.path.display())).collect::<String>(),
        )?;
        return Ok(None);
    }
    session.run(&base, &playbooks).map(Some)
}

/// Reads all playbooks; mistakes of all of them are told together.
fn load(base: &Base, parts: &RunParts, paths: &[PathBuf]) -> Result<Vec<Playbook>, Failure> {
    let statics = ExtraVars { templates: Arc::clone(&parts.templates), extra: Arc::clone(&base.extra_vars) };
    let (mut playbooks, mut found) = (Vec::new(), Vec::new());
    for path in paths {
        match parts.loader.playbook(path, &statics) {
            Ok(playbook) => playbooks.push(playbook),
            Err(diagnostics) => found.extend(diagnostics),
        }
    }
    tell(&parts.loader.take_warnings(), base.error_palette);
    if found.is_empty() { Ok(playbooks) } else { Err(Failure::Input(found)) }
}

/// The directory whose `group_vars` and `host_vars` count.
fn directory(playbooks: &[Playbook]) -> Result<PathBuf, Failure> {
    let dir_of = |playbook: &Playbook| -> anyhow::Result<PathBuf> {
        let path = std::path::absolute(&playbook.path).context("find the working directory")?;
        Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
    };
    let (first, others) = playbooks.split_first().context("find a playbook")?;
    let dir = dir_of(first)?;
    for other in others {
        if dir_of(other)? != dir {
            let (first, other) = (first.path.display(), other.path.display());
            let message = format!("{first} and {other} are in different directories: run them one after the other");
            return Err(Failure::Usage(message));
        }
    }
    Ok(dir)
}

/// `--limit` that leaves nobody is a mistake.
pub(super) fn check_limit(inventory: &Inventory, limit: Option<&str>) -> Result<(), Failure> {
    let Some(limit) = limit else { return Ok(()) };
    if inventory.select("all", Some(limit))?.is_empty() && !inventory.hosts().is_empty() {
        return Err(Diagnostic::error(format!("no host of the inventory matches the limit `{limit}`")).into());
    }
    Ok(())
}

type Reporting = (Box<dyn Reporter>, Option<ask::Terminal>);

fn reporting(args: &RunArgs, base: &Base, options: &RunOptions, plan: bool) -> Reporting {
    let view = View { palette: base.palette, verbosity: base.verbosity, diff: options.diff };
    if args.run.output == Format::Json {
        return (Box::new(JsonLines::new(Box::new(std::io::stdout()))), None);
    }
    let live = std::io::stdout().is_terminal() && !is_dumb();
    let out = Box::new(std::io::stdout());
    let screen = Arc::new(if live { Screen::live(out, view) } else { Screen::plain(out) });
    let prompter = ask::Terminal::on(&screen);
    let reporter: Box<dyn Reporter> = match () {
        () if plan => Box::new(Plan::new(view, screen)),
        () if live => Box::new(Terminal::new(view, screen)),
        () => Box::new(Plain::new(view, Box::new(std::io::stdout()), Box::new(std::io::stderr()))),
    };
    (reporter, prompter)
}

/// `--list-hosts`, `--list-tasks`, `--list-tags`.
fn list(
    args: &RunArgs,
    base: &Base,
    parts: &RunParts,
    options: &RunOptions,
    inventory: &Inventory,
    playbooks: &[Playbook],
) -> Result<(), Failure> {
    let statics = ExtraVars { templates: Arc::clone(&parts.templates), extra: Arc::clone(&base.extra_vars) };
    let mut text = String::new();
    for playbook in playbooks {
        if args.list_hosts {
            text.push_str(&list_hosts(base, parts, options, inventory, playbook)?);
        }
        if args.list_tasks || args.list_tags {
            let (only, skip) = (options.tags.clone(), options.skip_tags.clone());
            text.push_str(&Listing { tasks: args.list_tasks, tags: args.list_tags, only, skip }.of(playbook, &statics));
        }
    }
    tell(&inventory.take_warnings(), base.error_palette);
    Ok(print(&text)?)
}

fn list_hosts(
    base: &Base,
    parts: &RunParts,
    options: &RunOptions,
    inventory: &Inventory,
    playbook: &Playbook,
) -> Result<String, Failure> {
    let templar = Templar::new(Arc::clone(&parts.templates), Arc::clone(&base.extra_vars) as _);
    let mut text = format!("\nplaybook: {}\n", playbook.path.display());
    for (index, play) in playbook.plays.iter().enumerate() {
        let mut patterns = Vec::new();
        for host in &play.hosts {
            let value = templar.resolve(&host.value).map_err(|error| error.to_diagnostic())?;
            patterns.push(Templar::text_of(&value));
        }
        let pattern = patterns.join(",");
        let hosts = inventory.select(&pattern, options.limit.as_deref())?;
        let name = play.name.as_ref().and_then(|name| name.value.as_str()).filter(|name| !name.is_empty());
        let tags: Vec<&str> = play.scope.keywords.tags.iter().filter_map(Value::as_str).collect();
        let (name, tags, quoted) = (name.unwrap_or(&pattern), tags.join(","), quoted(&patterns));
        text.push_str(&format!("\n  play #{} ({pattern}): {name}\tTAGS: [{tags}]\n", index + 1));
        text.push_str(&format!("    pattern: [{quoted}]\n    hosts ({}):\n", hosts.len()));
        hosts.iter().for_each(|host| text.push_str(&format!("      {host}\n")));
    }
    Ok(text)
}

fn quoted(patterns: &[String]) -> String {
    patterns.iter().map(|pattern| format!("'{pattern}'")).collect::<Vec<_>>().join(", ")
}

/// Prints what was asked for.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("print")
}
