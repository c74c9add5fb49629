//! A run: playbooks on an inventory, from the first play to the recap.

use super::book::Book;
use super::pool::Pool;
use super::stats::Stats;
use super::threads::Threads;
use super::{Cancel, Console, Prompter, RunMode, RunOptions};
use crate::actions::{Actions, Effect};
use crate::connection::Connector;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Reporter, RunStats};
use crate::inventory::Inventory;
use crate::module::Registry;
use crate::plan::Guard;
use crate::playbook::{ActionNames, Loader, LoaderOptions, Playbook};
use crate::plugins::Plugins;
use crate::secret::Redactor;
use crate::template::{TemplateOptions, Templates};
use crate::value::{Key, Map, Value};
use crate::vars::{Decrypt, Globals, Store, VaultSecrets};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Reads an inventory.
pub type Reload = Arc<dyn Fn() -> Result<Inventory, Diagnostic> + Send + Sync>;

/// What a run is made of.
#[derive(Clone)]
pub struct EngineParts {
    /// Modules by name.
    pub registry: Arc<Registry>,
    /// Tasks that run on the controller, by name.
    pub actions: Arc<Actions>,
    /// Opens connections.
    pub connector: Arc<dyn Connector>,
    /// Hears of everything.
    pub reporter: Arc<dyn Reporter>,
    /// Evaluates templates.
    pub templates: Arc<Templates>,
    /// Reads included files and roles.
    pub loader: Arc<Loader>,
    /// Opens vaults in files of variables.
    pub vault: Arc<dyn Decrypt>,
    /// Knows what must not be shown.
    pub redactor: Arc<Redactor>,
    /// Reads the inventory again (`meta: refresh_inventory`), where there is one to read.
    pub reload_inventory: Option<Reload>,
    /// Asks the user, where there is one.
    pub prompter: Option<Arc<dyn Prompter>>,
    /// Steers the run (`--step`, the debugger), where somebody may.
    pub console: Option<Arc<dyn Console>>,
}

impl EngineParts {
    /// The modules and actions that Hostler brings, no vaults, nobody to ask.
    pub fn new(connector: Arc<dyn Connector>, reporter: Arc<dyn Reporter>) -> Self {
        Self::with_registry(crate::modules::builtin(), connector, reporter)
    }

    /// The same with modules of one's own. The helper that `connector` starts on hosts must have them too.
    pub fn with_registry(registry: Registry, connector: Arc<dyn Connector>, reporter: Arc<dyn Reporter>) -> Self {
        let actions = Actions::builtin();
        let vault: Arc<dyn Decrypt> = Arc::new(VaultSecrets::default());
        let plugins = Arc::<Plugins>::default();
        let loader = Loader::new(LoaderOptions {
            roles_path: Vec::new(),
            plugins: Arc::clone(&plugins),
            library: Vec::new(),
            private_role_vars: None,
            vault: Arc::clone(&vault),
            actions: Arc::new(ActionNames::new(&registry, actions.names())),
            defer_unbuilt: false,
            lenient: false,
            duplicate_keys: Default::default(),
        });
        Self {
            registry: Arc::new(registry),
            actions: Arc::new(actions),
            connector,
            reporter,
            templates: Arc::new(Templates::new(TemplateOptions { plugins, ..TemplateOptions::default() })),
            loader: Arc::new(loader),
            vault,
            redactor: Arc::default(),
            reload_inventory: None,
            prompter: None,
            console: None,
        }
    }
}

/// Why a run could not begin or go on; hosts that failed are no such reason.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something in the user's files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Input(Vec<Diagnostic>),
    /// A file that was included while running cannot be understood.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Playbook(Vec<Diagnostic>),
}

impl From<Diagnostic> for RunError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Input(vec![diagnostic])
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Counts by host.
    pub stats: RunStats,
    /// It was asked to stop.
    pub cancelled: bool,
    /// Something was changed, or, in a plan, would or may be.
    pub changed: bool,
    /// Hosts that were lost and stayed so: `meta: clear_host_errors` forgives.
    pub lost: BTreeSet<Arc<str>>,
}

impl Summary {
    /// Whether a host failed.
    pub fn failed(&self) -> bool {
        self.stats.iter().any(|(host, stats)| stats.failed > 0 && self.lost.contains(host))
    }

    /// Whether a host could not be reached.
    pub fn unreachable(&self) -> bool {
        self.stats.iter().any(|(host, stats)| stats.unreachable > 0 && self.lost.contains(host))
    }
}

/// Runs playbooks. One engine is one run: facts, connections and failed hosts are kept between its plays.
pub struct Engine {
    pub(super) parts: EngineParts,
    pub(super) options: RunOptions,
    pub(super) store: Arc<Store>,
    pub(super) pool: Pool,
    pub(super) threads: Threads,
    pub(super) stats: Stats,
    pub(super) cancel: Cancel,
    /// Hosts that failed or could not be reached: out for the rest of the run.
    pub(super) out: Mutex<HashSet<Arc<str>>>,
    /// Hosts for which, and machines on which a plan has simulated a change, and whether one whose effects are not all known.
    pub(super) simulated: Mutex<HashMap<String, bool>>,
    pub(super) changed: AtomicBool,
    /// The plan that the run is held to.
    pub(super) guard: Option<Guard>,
    /// What the hosts' ledgers will be told.
    pub(super) book: Option<Book>,
    /// What tasks added to the inventory and for which host, in order: a refreshed one gets it again.
    pub(super) grown: Mutex<Vec<(Arc<str>, Effect)>>,
    /// `--start-at-task` has not come yet.
    pub(super) waiting_for_start: AtomicBool,
    /// The user wants to be asked before each task.
    pub(super) stepping: Mutex<bool>,
    /// Held while something is told, and while the user is asked: nothing else is told then.
    stage: Mutex<()>,
    next_task: AtomicU64,
}

impl Engine {
    /// Prepares a run. Nothing is connected yet.
    pub fn new(
        parts: EngineParts,
        inventory: Inventory,
        options: RunOptions,
        playbook_dir: Option<&Path>,
        cancel: Cancel,
    ) -> Self {
        let globals = Globals {
            extra: Arc::clone(&options.extra_vars),
            magic: Arc::new(magic(&options)),
            inject_facts: options.inject_facts,
            merge_hashes: options.merge_hashes,
            fact_cache: options.fact_cache.clone(),
            playbook_dir: playbook_dir.map(Path::to_owned),
            vars_root: options.vars_root,
        };
        Self {
            guard: options.held_to.as_deref().map(Guard::new),
            book: options.ledger.clone().map(Book::new),
            pool: Pool::new(Arc::clone(&parts.connector), options.mode == RunMode::Plan),
            store: Arc::new(Store::new(inventory, globals)),
            threads: Threads::new(options.forks),
            stats: Stats::default(),
            cancel,
            out: Mutex::default(),
            simulated: Mutex::default(),
            changed: AtomicBool::new(false),
            grown: Mutex::default(),
            stepping: Mutex::new(options.step),
            stage: Mutex::default(),
            waiting_for_start: AtomicBool::new(options.start_at_task.is_some()),
            next_task: AtomicU64::new(1),
            parts,
            options,
        }
    }

    /// The variables and the inventory of the run.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Runs every play of a playbook, in order.
    ///
    /// # Errors
    /// Errors in the user's input that stop the whole run.
    pub fn run(&self, playbook: &Playbook) -> Result<(), RunError> {
        self.run_in(playbook, None)
    }

    /// The same, with the `group_vars` of another directory than that of each play.
    pub(super) fn run_in(&self, playbook: &Playbook, dir: Option<&Path>) -> Result<(), RunError> {
        let path = playbook.path.display().to_string();
        self.emit(&Event::PlaybookStarted { path, plays: playbook.plays.len() });
        for play in &playbook.plays {
            // Relative ones are those of plays that were made in Rust: the engine was told where they belong.
            if let Some(dir) = dir.or(Some(&play.dir)).filter(|dir| dir.is_absolute()) {
                self.store.enter(dir);
            }
            if self.cancel.is_requested() || !self.play(play)? {
                self.cut_short();
                break;
            }
        }
        Ok(())
    }

    /// What comes after this is not looked at: for the hosts' ledgers the run is not whole.
    pub fn cut_short(&self) {
        if let Some(book) = &self.book {
            book.cut_short();
        }
    }

    /// Whether hosts failed for good or could not be reached so far.
    pub fn has_lost_hosts(&self) -> bool {
        !self.out.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Tells the counts so far.
    pub fn recap(&self) {
        self.emit(&Event::Finished { stats: self.stats.get(), custom: self.stats.custom() });
    }

    /// Ends the run: tells the counts.
    pub fn finish(&self) -> Summary {
        self.recap();
        let stats = self.stats.get();
        let lost = self.out.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        Summary { stats, cancelled: self.cancel.is_requested(), changed: self.changed.load(Ordering::Relaxed), lost }
    }

    pub(super) fn emit(&self, event: &Event) {
        let _told = self.quiet();
        self.parts.reporter.event(event);
    }

    /// Nothing is told while this is held.
    pub(super) fn quiet(&self) -> MutexGuard<'_, ()> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether tasks have to wait for each other, since the user may have a word between them.
    pub(super) fn is_steered(&self) -> bool {
        self.parts.console.is_some()
            && (self.options.debugger || *self.stepping.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn next_task_id(&self) -> u64 {
        self.next_task.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn warn(&self, message: impl Into<String>) {
        self.emit(&Event::Warning { message: self.parts.redactor.redact(&message.into()).into_owned() });
    }

    pub(super) fn is_out(&self, host: &str) -> bool {
        let unplanned = self.guard.as_ref().is_some_and(|guard| !guard.has(host));
        unplanned || self.out.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    pub(super) fn put_out(&self, host: &Arc<str>) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(host));
    }
}

impl Drop for Engine {
    /// Ends the helpers of all hosts at once: each takes a round trip.
    fn drop(&mut self) {
        let open = self.pool.take();
        let (count, open) = (open.len(), Mutex::new(open));
        self.threads.each(count, |_| {
            // The others take theirs while this one is closed.
            let one = open.lock().unwrap_or_else(PoisonError::into_inner).pop();
            drop(one);
        });
    }
}

/// Evaluates file and role names of static imports inside of what is included while running.
pub(super) struct EngineStatics<'a> {
    pub(super) batch: &'a super::batch::Batch<'a>,
    pub(super) host: &'a Arc<str>,
}

impl crate::playbook::Statics for EngineStatics<'_> {
    fn resolve(&self, value: &Value, scope: &Arc<crate::playbook::Scope>) -> Result<Value, Diagnostic> {
        self.batch.templar(self.host, scope).resolve(value).map_err(|error| error.to_diagnostic())
    }
}

/// Magic variables that are the same everywhere.
fn magic(options: &RunOptions) -> Map {
    let texts = |items: &[String]| Value::list(items.iter().map(|item| Value::from(item.as_str())));
    let version = Map::from_iter([
        (Key::from("full"), Value::from(ANSIBLE_VERSION)),
        (Key::from("string"), Value::from(ANSIBLE_VERSION)),
        (Key::from("major"), Value::Int(2)),
        (Key::from("minor"), Value::Int(19)),
        (Key::from("revision"), Value::Int(14)),
    ]);
    let run_tags = if options.tags.is_empty() { vec!["all".to_owned()] } else { options.tags.clone() };
    Map::from_iter([
        (Key::from("ansible_check_mode"), Value::Bool(options.mode != RunMode::Apply)),
        (Key::from("ansible_diff_mode"), Value::Bool(options.diff)),
        (Key::from("ansible_forks"), Value::Int(options.forks as i64)),
        (Key::from("ansible_inventory_sources"), texts(&options.inventory_sources)),
        (Key::from("ansible_limit"), options.limit.as_deref().map_or(Value::Null, Value::from)),
        (Key::from("ansible_run_tags"), texts(&run_tags)),
        (Key::from("ansible_skip_tags"), texts(&options.skip_tags)),
        (Key::from("ansible_verbosity"), Value::Int(i64::from(options.verbosity))),
        (Key::from("ansible_version"), version.into()),
        (Key::from("ansible_playbook_python"), Value::from("/usr/bin/python3")),
        (
            Key::from("ansible_config_file"),
            options.config_file.as_ref().map_or(Value::Null, |file| Value::from(file.to_string_lossy().into_owned())),
        ),
    ])
}

/// The version of Ansible whose language this is.
pub const ANSIBLE_VERSION: &str = "2.19.14";
