//! The hosts of one batch of a play, and what is known of each while it runs.

use super::{Engine, RunError};
use crate::event::{PlayInfo, TaskInfo};
use crate::module::short_name;
use crate::playbook::{Block, Node, Play, Role, Scope, Task};
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use crate::vars::PlayVariables;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Hosts, in the play's order.
pub(super) type Hosts = Vec<Arc<str>>;

/// Which hosts came through, and which failed on the way. Those in neither left without failing.
#[derive(Debug, Default)]
pub(super) struct After {
    pub(super) alive: Hosts,
    pub(super) failed: Hosts,
}

impl After {
    pub(super) fn all(alive: Hosts) -> Self {
        Self { alive, failed: Hosts::new() }
    }
}

/// What tasks know of what is around them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    /// A failure here will be rescued.
    pub(super) rescuable: bool,
    /// Something will be done here after a failure before the host counts as failed.
    pub(super) has_always: bool,
    /// These are handlers: tags do not select among them.
    pub(super) handlers: bool,
    /// The play's own gathering of facts: no `--start-at-task` passes it over.
    pub(super) gathering: bool,
}

/// One batch of a play.
pub(super) struct Batch<'a> {
    pub(super) engine: &'a Engine,
    pub(super) play: &'a Arc<Play>,
    pub(super) told: Arc<PlayInfo>,
    pub(super) variables: Arc<PlayVariables>,
    pub(super) hosts: Hosts,
    /// Each host goes its own way (`free`, `host_pinned`).
    pub(super) free: bool,
    /// What fails is looked at in the debugger (strategy `debug`).
    pub(super) debugs: bool,
    state: Mutex<State>,
    /// How many hosts run a throttled task now, by the task's address.
    throttled: Mutex<HashMap<usize, usize>>,
    released: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    /// Roles that came in while running, whose handlers can be notified from then on.
    pub(super) late_roles: Vec<Arc<Role>>,
    /// Names that hosts notified since handlers were last run.
    pub(super) notifications: Vec<(String, Arc<str>)>,
    /// Hosts that notified a handler, by the handler's address.
    pub(super) notified: HashMap<usize, HashSet<Arc<str>>>,
    /// A mistake that ends the whole run.
    pub(super) error: Option<RunError>,
    /// Hosts that could not be reached in this batch.
    pub(super) unreachable: HashSet<Arc<str>>,
    /// Hosts whose failures `meta: clear_host_errors` forgave.
    pub(super) forgiven: HashSet<Arc<str>>,
    /// Roles of which a host has run a task, rather than skipped all.
    pub(super) roles_begun: HashSet<(Arc<str>, Arc<str>)>,
    /// Roles that a host has been through.
    pub(super) roles_done: HashSet<(Arc<str>, Arc<str>)>,
    /// Roles that a host left early (`meta: end_role`).
    pub(super) roles_left: HashSet<(Arc<str>, usize)>,
    /// Hosts that failed in this batch, without those that were rescued.
    pub(super) failed: HashSet<Arc<str>>,
    /// `meta: end_play` or `end_batch`.
    pub(super) ended: bool,
    /// `meta: end_play`: no batch comes after this one.
    pub(super) play_ended: bool,
    /// Too many failures.
    pub(super) broken: bool,
    /// Hosts that fail at their next task because another host's failure is fatal to all (`any_errors_fatal`).
    pub(super) doomed: HashSet<Arc<str>>,
    /// What the user was told already.
    pub(super) told: HashSet<&'static str>,
    /// Tasks of a free strategy, by address: one task has one number, however many hosts come to it.
    pub(super) begun: HashMap<usize, (Arc<Task>, Arc<TaskInfo>)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        play: &'a Arc<Play>,
        variables: Arc<PlayVariables>,
        told: &Arc<PlayInfo>,
        everyone: &[Arc<str>],
        hosts: Hosts,
    ) -> Self {
        let strategy = engine.play_keyword(play, &variables, &play.strategy).ok().flatten();
        let strategy = strategy.map(|name| Templar::text_of(&name)).or_else(|| engine.options.strategy.clone());
        let batch = Self {
            engine,
            play,
            told: Arc::clone(told),
            variables,
            hosts,
            debugs: strategy.as_deref().map(short_name) == Some("debug"),
            free: strategy.as_deref().map(short_name).is_some_and(|name| matches!(name, "free" | "host_pinned")),
            state: Mutex::default(),
            throttled: Mutex::default(),
            released: Condvar::new(),
        };
        batch.tell_hosts(everyone);
        batch
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing more is to be run in this batch.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().ended || self.is_cut_off()
    }

    /// Not even handlers are to be run.
    pub(super) fn is_cut_off(&self) -> bool {
        let state = self.state();
        state.broken || state.error.is_some() || self.engine.cancel.is_requested()
    }

    /// The whole run ends after this batch: everybody failed, or one failure was enough.
    pub(super) fn is_broken(&self) -> bool {
        self.state().broken || self.hosts.iter().all(|host| self.engine.is_out(host))
    }

    /// Sets the magic variables that list hosts.
    fn tell_hosts(&self, everyone: &[Arc<str>]) {
        let list = |hosts: &[Arc<str>]| Value::list(hosts.iter().cloned().map(Value::str));
        let active: Hosts = everyone.iter().filter(|host| !self.engine.is_out(host)).cloned().collect();
        let magic = Map::from_iter([
            (Key::from("ansible_play_hosts_all"), list(everyone)),
            (Key::from("ansible_play_hosts"), list(&active)),
            (Key::from("play_hosts"), list(&self.hosts)),
            (Key::from("ansible_play_batch"), list(&self.hosts)),
            (Key::from("ansible_play_name"), Value::from(self.told.name.as_str())),
        ]);
        let magic = magic.into_iter().chain(self.role_names()).collect::<Map>();
        *self.variables.magic.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(magic);
    }

    /// The names of the roles of `roles:` and of those that they depend on.
    fn role_names(&self) -> [(Key, Value); 4] {
        let is_direct = |role: &&Arc<Role>| {
            let direct = |node: &Node| matches!(node, Node::Block(block) if block.scope.role.as_ref().is_some_and(|used| used.identity == role.identity));
            self.play.roles.iter().any(direct)
        };
        let (direct, dependent): (Vec<_>, Vec<_>) = self.play.static_roles.iter().partition(is_direct);
        let list = |roles: Vec<&Arc<Role>>| {
            let mut names: Vec<_> = roles.iter().map(|role| &role.name).collect();
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(Arc::clone(name)));
            Value::list(names.into_iter().map(|name| Value::str(Arc::clone(name))))
        };
        let direct_names = list(direct.clone());
        [
            (Key::from("role_names"), direct_names.clone()),
            (Key::from("ansible_play_role_names"), direct_names),
            (Key::from("ansible_dependent_role_names"), list(dependent.clone())),
            (Key::from("ansible_role_names"), list(dependent.into_iter().chain(direct).collect())),
        ]
    }

    /// Takes a lost host out of `ansible_play_hosts` and `ansible_play_batch`.
    pub(super) fn forget_host(&self, host: &str) {
        let mut magic = self.variables.magic.write().unwrap_or_else(PoisonError::into_inner);
        let magic = Arc::make_mut(&mut magic);
        for name in ["ansible_play_hosts", "play_hosts", "ansible_play_batch"] {
            if let Some(Value::List(hosts)) = magic.get_mut(name) {
                Arc::make_mut(hosts).retain(|known| known.as_str() != Some(host));
            }
        }
    }

    /// What a task in `scope` can evaluate on `host`.
    pub(super) fn templar(&self, host: &Arc<str>, scope: &Arc<Scope>) -> Templar {
        let view = self.engine.store.of_task(host, &self.variables, scope);
        let (scope, play) = (Arc::clone(scope), Arc::clone(self.play));
        let search = move || search(&scope, &play);
        Templar::new(Arc::clone(&self.engine.parts.templates), view).with_search(search)
    }

    /// Runs tasks and blocks in order. Hosts that fail stay behind.
    pub(super) fn nodes(&self, nodes: &[Node], hosts: Hosts, frame: Frame) -> After {
        let mut after = After::all(hosts);
        let mut rest = nodes;
        while let Some((node, others)) = rest.split_first() {
            if after.alive.is_empty() || self.is_stopped() {
                break;
            }
            let (hosts, doomed) = self.split_doomed(std::mem::take(&mut after.alive), frame);
            after.failed.extend(doomed);
            let ahead = self.ahead(rest, &hosts, frame);
            rest = others;
            let step = match (ahead, node) {
                (Some((step, count)), _) => {
                    rest = &nodes[nodes.len() - others.len() - 1 + count..];
                    step
                }
                (None, Node::Task(task)) => self.task(task, hosts, frame),
                (None, Node::Block(block)) => self.block(block, hosts, frame),
            };
            after.alive = step.alive;
            after.failed.extend(step.failed);
        }
        after
    }

    /// Splits off the hosts that another one's failure takes down here.
    fn split_doomed(&self, hosts: Hosts, frame: Frame) -> (Hosts, Hosts) {
        if self.state().doomed.is_empty() {
            return (hosts, Hosts::new());
        }
        let (doomed, alive): (Hosts, Hosts) = hosts.into_iter().partition(|host| self.state().doomed.remove(host));
        if !frame.rescuable {
            doomed.iter().for_each(|host| self.lose(host));
        }
        (alive, doomed)
    }

    /// A host failed for good.
    pub(super) fn lose(&self, host: &Arc<str>) {
        self.state().failed.insert(Arc::clone(host));
        self.engine.put_out(host);
        self.forget_host(host);
    }

    /// Runs `work` while at most `limit` hosts are in this task.
    pub(super) fn throttled<T>(&self, task: &Task, limit: Option<i64>, work: impl FnOnce() -> T) -> T {
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0) else {
            return work();
        };
        let id = std::ptr::from_ref(task) as usize;
        let mut running = self.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        while running.get(&id).is_some_and(|running| *running >= limit) {
            running = self.released.wait(running).unwrap_or_else(PoisonError::into_inner);
        }
        *running.entry(id).or_default() += 1;
        drop(running);
        let _slot = Slot { batch: self, id };
        work()
    }

    /// Tells the user once what this strategy does not do.
    pub(super) fn tell_once(&self, message: &'static str) {
        if self.state().told.insert(message) {
            self.engine.warn(message);
        }
    }

    /// Puts hosts back into the batch's order.
    pub(super) fn in_order(&self, mut hosts: Hosts) -> Hosts {
        let place: HashMap<&str, usize> = self.hosts.iter().enumerate().map(|(index, host)| (&**host, index)).collect();
        hosts.sort_by_key(|host| place.get(&**host).copied().unwrap_or(usize::MAX));
        hosts.dedup();
        hosts
    }

    /// Whether `--tags` and `--skip-tags` let a task run.
    pub(super) fn is_selected(&self, task: &Task, hosts: &[Arc<str>], frame: Frame) -> bool {
        let options = &self.engine.options;
        if frame.handlers {
            return true;
        }
        let tags = task.scope.tags();
        if tags.is_empty() && options.tags.is_empty() {
            return true;
        }
        let templar = hosts.first().map(|host| self.templar(host, &task.scope));
        let mut names = Vec::new();
        for tag in tags {
            let value = match &templar {
                Some(templar) if tag.is_lazy() => templar.resolve(tag).unwrap_or_else(|_| tag.clone()),
                _ => tag.clone(),
            };
            match value {
                Value::List(items) => names.extend(items.iter().map(Templar::text_of)),
                other => names.extend(Templar::text_of(&other).split(',').map(|name| name.trim().to_owned())),
            }
        }
        crate::playbook::tags_selected(&names, &options.tags, &options.skip_tags)
    }

    pub(super) fn role_key(block: &Block) -> Option<(Arc<str>, bool)> {
        let role = block.scope.role.as_ref()?;
        Some((Arc::clone(&role.identity), role.allow_duplicates))
    }
}

/// A place in a throttled task, given back however the work ends.
struct Slot<'a> {
    batch: &'a Batch<'a>,
    id: usize,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut running = self.batch.throttled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = running.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.id);
            }
        }
        self.batch.released.notify_all();
    }
}

/// Where files are looked for; the playbook's directory is the last.
fn search(scope: &Scope, play: &Play) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = scope.search_path().into_iter().map(Path::to_path_buf).collect();
    if !dirs.contains(&play.dir) {
        dirs.push(play.dir.clone());
    }
    dirs
}
