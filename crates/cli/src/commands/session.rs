//! From parts to a running engine: reporters, signals, prompts.

use crate::ask;
use crate::exit::{Exit, Failure, tell};
use crate::report::ansible::Look;
use crate::report::callbacks::{Enabled, own, refuse_removed, without_callback};
use crate::report::{self, FanOut, JsonLines, OnScreen, Palette, Plain, Screen, Sink, View, log_file};
use crate::setup::{Base, RunParts};
use crate::signals;
use anyhow::Context;
use hostler_core::engine::{Cancel, Console, Engine, EngineParts, Prompter, RunError, RunMode, RunOptions, Summary};
use hostler_core::event::Reporter;
use hostler_core::inventory::Inventory;
use hostler_core::playbook::Playbook;
use std::path::Path;
use std::sync::Arc;

/// Names a file that gets the events of every run, as JSON lines.
const EVENTS: &str = "HOSTLER_EVENTS";

/// Who hears of a run, and who is asked.
pub struct Reporting {
    /// Shows it.
    pub reporter: Box<dyn Reporter>,
    /// Asks, where there is somebody.
    pub prompter: Option<ask::Terminal>,
    /// Where those print who are not part of the output itself, and where the run is steered.
    pub screen: Option<Arc<Screen>>,
    /// The callbacks that the settings enable are to hear of it.
    pub callbacks: bool,
}

/// A run that is ready to begin.
pub struct Session {
    engine: Engine,
    cancel: Cancel,
}

/// How a run looks.
fn look(base: &Base, colours: bool, options: &RunOptions) -> Look {
    Look::new(&base.config, colours, base.verbosity, options.mode != RunMode::Apply)
}

impl Session {
    /// Puts everything together.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn new(
        base: &Base,
        parts: &RunParts,
        inventory: Inventory,
        options: RunOptions,
        playbook_dir: Option<&Path>,
        reporting: Reporting,
    ) -> Result<Self, Failure> {
        let mut reporters = vec![reporting.reporter];
        reporters.extend(events_file()?);
        reporters.extend(log(base, &options)?);
        if let Some(screen) = reporting.screen.as_ref().filter(|_| reporting.callbacks) {
            let plugins = parts.loader.plugins();
            refuse_removed(&base.config, plugins)?;
            tell(&without_callback(&base.config, plugins), base.voice);
            let look = look(base, base.palette.is_on(), &options);
            // In the file that `log_path` names too, which was opened above.
            let log = || log_file::sinks(base.config.log_path.get()?).ok().map(|(out, _)| out);
            let out = || -> Sink { Box::new(OnScreen { screen: Arc::clone(screen), log: log() }) };
            reporters.extend(Enabled::reporters(&base.config, base.home.as_deref(), &look, &out)?);
            let dir = playbook_dir.unwrap_or(Path::new("."));
            let (own, warnings) = own(&base.config, plugins, dir, &look, &out);
            tell(&warnings, base.voice);
            reporters.extend(own);
        }
        let reporting = Reporting { reporter: Box::new(FanOut(reporters)), ..reporting };
        Self::rehearsal(base, parts, inventory, options, playbook_dir, reporting)
    }

    /// The same for a run that nobody else hears of.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn rehearsal(
        base: &Base,
        parts: &RunParts,
        inventory: Inventory,
        options: RunOptions,
        playbook_dir: Option<&Path>,
        reporting: Reporting,
    ) -> Result<Self, Failure> {
        let parts = EngineParts {
            registry: Arc::clone(&parts.registry),
            actions: Arc::clone(&parts.actions),
            connector: Arc::clone(&parts.connector) as _,
            reporter: Arc::from(reporting.reporter),
            templates: Arc::clone(&parts.templates),
            loader: Arc::clone(&parts.loader),
            vault: Arc::clone(&base.vaults),
            redactor: Arc::clone(&base.redactor),
            reload_inventory: Some(base.reload()),
            prompter: reporting.prompter.map(|prompter| Arc::new(prompter) as Arc<dyn Prompter>),
            // Nobody steers a plan.
            console: reporting.screen.filter(|_| options.mode != RunMode::Plan).map(|screen| {
                Arc::new(ask::AtConsole { screen, look: look(base, base.palette.is_on(), &options) })
                    as Arc<dyn Console>
            }),
        };
        let cancel = Cancel::default();
        let engine = Engine::new(parts, inventory, options, playbook_dir, cancel.clone());
        Ok(Self { engine, cancel })
    }

    /// Checks what can be checked without a connection.
    ///
    /// # Errors
    /// All mistakes.
    pub fn validate(&self, playbooks: &[Playbook]) -> Result<(), Failure> {
        let found: Vec<_> =
            playbooks.iter().filter_map(|playbook| self.engine.validate(playbook).err()).flatten().collect();
        if found.is_empty() { Ok(()) } else { Err(Failure::Playbook(found)) }
    }

    /// Runs playbooks, and gives the engine with all that it has reached.
    ///
    /// # Errors
    /// Mistakes that show only while running.
    pub fn reach(self, playbooks: &[Playbook]) -> Result<Engine, Failure> {
        signals::listen(&self.cancel)?;
        for playbook in playbooks {
            self.engine.run(playbook)?;
        }
        Ok(self.engine)
    }

    /// Runs playbooks until one of them loses a host.
    ///
    /// # Errors
    /// Mistakes that show only while running.
    pub fn run(self, base: &Base, playbooks: &[Playbook]) -> Result<Summary, Failure> {
        signals::listen(&self.cancel)?;
        let mut result: Result<(), RunError> = Ok(());
        for (number, playbook) in playbooks.iter().enumerate() {
            if number > 0 && base.voice.ansible {
                self.engine.recap();
            }
            result = self.engine.run(playbook);
            if result.is_err() || self.engine.has_lost_hosts() || self.cancel.is_requested() {
                // Hosts that were not lost came to the end of the last one.
                if result.is_err() || number + 1 < playbooks.len() {
                    self.engine.cut_short();
                }
                break;
            }
        }
        if result.is_ok() && !self.cancel.is_requested() {
            result = self.engine.settle();
        }
        let warnings = self.engine.store().inventory(Inventory::take_warnings);
        let summary = self.engine.finish();
        tell(&warnings, base.voice);
        result?;
        Ok(summary)
    }
}

/// What a run's end means to the caller.
pub fn exit_of(summary: Summary) -> Exit {
    match () {
        () if summary.cancelled => Exit::Interrupted,
        () if summary.unreachable() => Exit::Unreachable,
        () if summary.failed() => Exit::Failed,
        () => Exit::Done,
    }
}

/// The same words as on the screen, for the file that `log_path` names.
fn log(base: &Base, options: &RunOptions) -> Result<Option<Box<dyn Reporter>>, Failure> {
    let Some(path) = base.config.log_path.get() else { return Ok(None) };
    let (out, err) = log_file::sinks(path)?;
    if base.voice.ansible {
        let look = look(base, false, options);
        return Ok(Some(Box::new(report::ansible::Default::new(look, out, err))));
    }
    let check = options.mode != RunMode::Apply;
    let view = View::new(&base.config, Palette::default(), base.verbosity, options.diff, check);
    Ok(Some(Box::new(Plain::new(view, out, err))))
}

fn events_file() -> Result<Option<Box<dyn Reporter>>, Failure> {
    let Some(path) = std::env::var_os(EVENTS).filter(|path| !path.is_empty()) else { return Ok(None) };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("open {}, named by {EVENTS}", Path::new(&path).display()))?;
    let sink: Sink = Box::new(file);
    Ok(Some(Box::new(JsonLines::new(sink))))
}
