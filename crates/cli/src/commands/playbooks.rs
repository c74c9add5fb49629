//! What `plan` and `apply` share: read, check, list or run playbooks.

use super::saved;
use super::session::{Reporting, Session};
use crate::args::{Format, LedgerArgs, RunArgs};
use crate::ask;
use crate::exit::{Failure, tell};
use crate::report::ansible::{Callback, Look, Output};
use crate::report::{self, FanOut, JsonLines, Plain, Plan, Screen, Terminal, View};
use crate::setup::{Base, ExtraVars, Manner, Overrides, RunParts, is_dumb};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::engine::{LedgerOptions, RunMode, RunOptions, Summary};
use hostler_core::event::Reporter;
use hostler_core::inventory::Inventory;
use hostler_core::plan;
use hostler_core::playbook::{Listing, Playbook};
use hostler_core::template::Templar;
use hostler_core::text::hex;
use hostler_core::value::Value;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What Ansible says where `--limit` leaves nobody.
pub const NO_HOSTS: &str = "Specified inventory, host pattern and/or --limit leaves us with no hosts to target.";

/// Whose words a run is told in.
pub enum Face {
    /// Our own.
    Own {
        /// It is a plan.
        plan: bool,
    },
    /// Those of `ansible-playbook`.
    Ansible {
        /// To be told first.
        warnings: Vec<Diagnostic>,
        /// Where modules are looked for first.
        module_path: Vec<PathBuf>,
        /// `--step`.
        step: bool,
    },
}

/// Playbooks that were read and checked, with all that a run of them needs.
pub struct Ready {
    /// Settings, passwords, variables.
    pub base: Base,
    parts: RunParts,
    options: RunOptions,
    playbooks: Vec<Playbook>,
    /// As it was read to look at it, for the first run.
    inventory: Cell<Option<Inventory>>,
    dir: PathBuf,
    /// What was asked for.
    pub args: RunArgs,
    /// Whether that was a plan.
    plan: bool,
}

impl Ready {
    /// Runs them.
    ///
    /// # Errors
    /// Mistakes that show only while running.
    pub fn run(&self) -> Result<Summary, Failure> {
        self.session(self.options.clone(), self.reporting(self.plan)?, true)?.run(&self.base, &self.playbooks)
    }

    /// Only plans them. The plan is shown if `shown`; `comparable` says whether it will be compared with another.
    ///
    /// # Errors
    /// Mistakes that show only while running.
    pub fn plan(&self, shown: bool, comparable: bool) -> Result<(Summary, plan::Plan), Failure> {
        let options = RunOptions { mode: RunMode::Plan, diff: true, fingerprints: comparable, ..self.options.clone() };
        let recorder = Arc::new(plan::Recorder::default());
        let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Arc::clone(&recorder))];
        let mut reporting = if shown { self.reporting(true)? } else { silence() };
        reporters.push(reporting.reporter);
        reporting.reporter = Box::new(FanOut(reporters));
        let summary = self.session(options, reporting, self.plan)?.run(&self.base, &self.playbooks)?;
        Ok((summary, recorder.plan()))
    }

    /// Applies them as far as `plan` says, and only to its hosts.
    ///
    /// # Errors
    /// Mistakes that show only while running.
    pub fn apply(&self, plan: plan::Plan) -> Result<Summary, Failure> {
        let options = RunOptions { held_to: Some(Arc::new(plan)), ..self.options.clone() };
        self.session(options, self.reporting(false)?, true)?.run(&self.base, &self.playbooks)
    }

    /// The playbooks, as they were named.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.playbooks.iter().map(|playbook| playbook.path.display().to_string()).collect();
        names.join(", ")
    }

    /// Hash of every file that was named: playbooks and inventories, with all that is in their directories.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn inputs(&self) -> anyhow::Result<BTreeMap<PathBuf, String>> {
        let playbooks = self.playbooks.iter().map(|playbook| playbook.path.clone());
        let sources = self.base.sources().iter().map(PathBuf::from).filter(|path| path.exists());
        let mut found = BTreeMap::new();
        for path in playbooks.chain(sources) {
            saved::hash(&path, &mut found)?;
        }
        Ok(found)
    }

    fn reporting(&self, plan: bool) -> Result<Reporting, Failure> {
        reporting(self, plan)
    }

    /// Checks first what can be checked without a connection. `told` says whether the run's events are for others too.
    fn session(&self, options: RunOptions, reporting: Reporting, told: bool) -> Result<Session, Failure> {
        // A run changes its inventory: every one begins with its own.
        let inventory = self.inventory.take().map_or_else(|| self.base.reload()(), Ok)?;
        let dir = Some(self.dir.as_path());
        let session = match told {
            true => Session::new(&self.base, &self.parts, inventory, options, dir, reporting),
            false => Session::rehearsal(&self.base, &self.parts, inventory, options, dir, reporting),
        }?;
        // Ansible leaves mistakes in a task to the task.
        if !self.base.voice.ansible {
            session.validate(&self.playbooks)?;
        }
        Ok(session)
    }
}

/// Runs playbooks, or only plans them. `None` if they were only to be listed or checked.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &RunArgs, face: &Face) -> Result<Option<Summary>, Failure> {
    prepare(args, face)?.map(|ready| ready.run()).transpose()
}

/// Reads and checks playbooks. `None` if they were only to be listed or checked.
///
/// # Errors
/// What is wrong with the input.
pub fn prepare(args: &RunArgs, face: &Face) -> Result<Option<Ready>, Failure> {
    let plan = matches!(face, Face::Own { plan: true });
    let ansible = matches!(face, Face::Ansible { .. });
    let mut base = Base::new(&args.run.sources, Manner { no_color: args.own.no_color, ansible, quiet: false })?;
    if let Face::Ansible { warnings, module_path, .. } = face {
        base.module_path.clone_from(module_path);
        tell_config(&base)?;
        tell(warnings, base.voice);
    }
    if !plan && matches!(args.own.output, Format::Html | Format::Markdown) {
        return Err(Failure::Usage("only a plan can be told as HTML or Markdown".to_owned()));
    }
    let parts = base.run_parts();
    let args = &RunArgs { playbooks: found(&parts, &args.playbooks)?, ..args.clone() };
    let listing = args.list_hosts || args.list_tasks || args.list_tags;
    let overrides = Overrides {
        plan,
        tags: &args.tags,
        skip_tags: &args.skip_tags,
        start_at_task: args.start_at_task.as_deref(),
        step: matches!(face, Face::Ansible { step: true, .. }),
        force_handlers: args.force_handlers,
        accept_new: args.own.accept_new,
        offline: listing || args.syntax_check,
    };
    let mut options = base.options(&args.run, overrides)?;
    if !ansible {
        options.ledger = Some(ledger_options(args, &base, &options)?);
    }
    let inventory = base.inventory()?;
    if ansible {
        warn_of_empty(&base, &inventory, "all");
        check_limit(&base, &inventory, options.limit.as_deref())?;
    }
    let playbooks = load(&base, &parts, &args.playbooks)?;
    if ansible {
        Output::of(&base.config, parts.loader.plugins())?;
    }
    if listing {
        list(args, &base, &parts, &options, &inventory, &playbooks)?;
        return Ok(None);
    }
    check_limit(&base, &inventory, options.limit.as_deref())?;
    if !ansible && base.config.file.is_none() && inventory.hosts().is_empty() && !args.syntax_check {
        tell(&[Diagnostic::warning("the inventory has no hosts: only localhost can be reached")], base.voice);
    }
    let dir = directory(&playbooks)?;
    let inventory = Cell::new(Some(inventory));
    let ready = Ready { base, parts, options, playbooks, inventory, dir, args: args.clone(), plan };
    if args.syntax_check {
        ready.session(ready.options.clone(), silence(), false)?;
        print(
            &ready
                .playbooks
                .iter()
                .map(|playbook| format!("\nplaybook: {}\n", playbook.path.display()))
                .collect::<String>(),
        )?;
        return Ok(None);
    }
    Ok(Some(ready))
}

/// The files of playbooks, some of which may be named as those of collections.
fn found(parts: &RunParts, names: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for name in names {
        if name.is_dir() {
            let message = format!("the playbook: {} does not appear to be a file", name.display());
            return Err(Diagnostic::error(message).into());
        }
        let of_collection = || parts.loader.plugins().playbook(name.to_str()?);
        match if name.exists() { Some(name.clone()) } else { of_collection() } {
            Some(path) => paths.push(path),
            None => {
                let message = format!("the playbook: {} could not be found", name.display());
                return Err(Diagnostic::error(message).into());
            }
        }
    }
    Ok(paths)
}

/// What the hosts' ledgers are told of a run.
fn ledger_options(args: &RunArgs, base: &Base, options: &RunOptions) -> Result<LedgerOptions, Failure> {
    let LedgerArgs { prune, force, resume } = args.ledger;
    let names: Vec<_> = args.playbooks.iter().map(|path| path.display().to_string()).collect();
    let whole = options.tags.is_empty() && options.skip_tags.is_empty() && options.start_at_task.is_none();
    if prune && !whole {
        let message = "`--prune` needs to see every task: leave out `--tags`, `--skip-tags` and `--start-at-task`";
        return Err(Failure::Usage(message.to_owned()));
    }
    let playbook = identity(&args.playbooks, base)?;
    Ok(LedgerOptions { playbook, name: names.join(", "), whole, prune, force, resume })
}

/// What tells a playbook with an inventory from all others: where they are.
pub(super) fn identity(playbooks: &[PathBuf], base: &Base) -> Result<String, Failure> {
    let absolute = |path: &Path| std::path::absolute(path).context("find the working directory");
    let mut parts = Vec::new();
    for path in playbooks {
        parts.push(absolute(path)?.to_string_lossy().into_owned());
    }
    for source in base.sources() {
        let path = Path::new(source);
        parts.push(if path.exists() { absolute(path)?.to_string_lossy().into_owned() } else { source.clone() });
    }
    Ok(hex(&Sha256::digest(parts.join("\n"))[..8]))
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
    tell(&parts.loader.take_warnings(), base.voice);
    if found.is_empty() { Ok(playbooks) } else { Err(Failure::Playbook(found)) }
}

/// The first playbook's directory.
fn directory(playbooks: &[Playbook]) -> Result<PathBuf, Failure> {
    let first = playbooks.first().context("find a playbook")?;
    let path = std::path::absolute(&first.path).context("find the working directory")?;
    Ok(path.parent().unwrap_or(Path::new("/")).to_owned())
}

/// `--limit` that leaves nobody is a mistake.
pub(super) fn check_limit(base: &Base, inventory: &Inventory, limit: Option<&str>) -> Result<(), Failure> {
    let Some(limit) = limit else { return Ok(()) };
    if inventory.select("all", Some(limit))?.is_empty() && !inventory.hosts().is_empty() {
        if base.voice.ansible {
            tell(&inventory.take_warnings(), base.voice);
            return Err(Diagnostic::error(NO_HOSTS).into());
        }
        return Err(Diagnostic::error(format!("no host of the inventory matches the limit `{limit}`")).into());
    }
    Ok(())
}

/// With `-v`, which configuration counts.
///
/// # Errors
/// If nobody reads it.
pub fn tell_config(base: &Base) -> anyhow::Result<()> {
    if base.verbosity == 0 {
        return Ok(());
    }
    let text = match &base.config.file {
        Some(file) => format!("Using {} as config file", file.display()),
        None => "No config file found; using defaults".to_owned(),
    };
    print(&format!("{}\n", report::ansible::verbose(&text, base.palette.is_on())))
}

/// Ansible's warnings of an inventory without hosts.
pub fn warn_of_empty(base: &Base, inventory: &Inventory, pattern: &str) {
    if !inventory.hosts().is_empty() {
        return;
    }
    let warn = |message: &str| tell(&[Diagnostic::warning(message)], base.voice);
    if base.config.inventory_unparsed_warning.or(true) && !(base.has_sources() && inventory.is_parsed()) {
        warn("No inventory was parsed, only implicit localhost is available");
    }
    if base.config.localhost_warning.or(true) && !["localhost", "127.0.0.1", "::1"].contains(&pattern) {
        warn(
            "provided hosts list is empty, only localhost is available. Note that the implicit localhost does not match 'all'",
        );
    }
}

/// Nobody hears but callbacks, which keep off what programs read.
fn silence() -> Reporting {
    let screen = Screen::plain(Box::new(std::io::stderr()));
    Reporting {
        reporter: Box::new(FanOut(Vec::new())),
        prompter: None,
        screen: Some(Arc::new(screen)),
        callbacks: true,
    }
}

fn reporting(ready: &Ready, plan: bool) -> Result<Reporting, Failure> {
    let Ready { args, base, options, parts, dir, .. } = ready;
    let plugins = parts.loader.plugins();
    let view = View::new(&base.config, base.palette, base.verbosity, options.diff, plan || args.run.check);
    // One that is not built was refused or warned of before.
    let output = Output::of(&base.config, plugins).unwrap_or(Output::Built(Callback::Default));
    let is_own = matches!(&output, Output::Built(callback) if callback.is_default());
    let own = !base.voice.ansible && (plan || is_own || args.own.output == Format::Json);
    if !own {
        let look = Look::new(&base.config, base.palette.is_on(), base.verbosity, args.run.check);
        let screen = Arc::new(Screen::plain(Box::new(std::io::stdout())));
        let (reporter, prompter) = (output.reporter(look, None, plugins, dir)?, ask::Terminal::on(&screen));
        return Ok(Reporting { reporter, prompter, screen: Some(screen), callbacks: true });
    }
    if args.own.output == Format::Json {
        return Ok(Reporting { reporter: Box::new(JsonLines::new(Box::new(std::io::stdout()))), ..silence() });
    }
    let live = std::io::stdout().is_terminal() && !is_dumb();
    let out = Box::new(std::io::stdout());
    let screen = Arc::new(if live { Screen::live(out, view.palette) } else { Screen::plain(out) });
    let prompter = ask::Terminal::on(&screen);
    let reporter: Box<dyn Reporter> = match () {
        () if plan => Box::new(Plan::new(view, Arc::clone(&screen))),
        () if live => Box::new(Terminal::new(view, Arc::clone(&screen))),
        () => Box::new(Plain::new(view, Box::new(std::io::stdout()), Box::new(std::io::stderr()))),
    };
    Ok(Reporting { reporter, prompter, screen: Some(screen), callbacks: true })
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
    tell(&inventory.take_warnings(), base.voice);
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
///
/// # Errors
/// If nobody reads it.
pub fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("print")
}
