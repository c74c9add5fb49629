//! One task on all hosts that are still there.

use super::RunMode;
use super::batch::{After, Batch, Frame, Hosts};
use super::ended::Ended;
use super::host_task::HostTask;
use super::include::located;
use super::settings::truthy;
use super::stats::RUN_STATS;
use crate::actions::Effect;
use crate::diagnostic::{Diagnostic, Span};
use crate::event::{Event, Status, TaskInfo, TaskResult, Work};
use crate::inventory::Inventory;
use crate::plan::fingerprint;
use crate::playbook::{Keywords, Spanned, Task};
use crate::plugins::Notice;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Actions that by their nature run once for all hosts.
const ONCE: &[&str] = &["ansible.builtin.add_host", "ansible.builtin.pause"];

impl Batch<'_> {
    /// Runs a task, or what it stands for: an include, a `meta` action.
    pub(super) fn task(&self, task: &Arc<Task>, hosts: Hosts, frame: Frame) -> After {
        if (!frame.gathering && self.is_before_start(task, &hosts)) || !self.is_selected(task, &hosts, frame) {
            return After::all(hosts);
        }
        let (left, hosts) = self.split_left_role(task, hosts);
        let mut after = match &*task.action {
            _ if hosts.is_empty() => After::default(),
            "ansible.builtin.meta" => self.meta(task, hosts, frame),
            _ if !self.takes_step(task, &hosts) => After::all(hosts),
            "ansible.builtin.include_tasks" | "ansible.builtin.include_role" => self.include(task, hosts, frame),
            _ => self.ordinary(task, hosts, frame),
        };
        after.alive.extend(left);
        after.alive = self.in_order(after.alive);
        after
    }

    /// `--start-at-task`: everything before it is passed over.
    fn is_before_start(&self, task: &Task, hosts: &[Arc<str>]) -> bool {
        let engine = self.engine;
        let Some(start) = &engine.options.start_at_task else { return false };
        if !engine.waiting_for_start.load(Ordering::Relaxed) {
            return false;
        }
        let name = self.task_name(task, hosts);
        let plain = name.rsplit_once(" : ").map_or(name.as_str(), |(_, name)| name);
        let matcher = glob::Pattern::new(start);
        let matches = |name: &str| name == start || matcher.as_ref().is_ok_and(|pattern| pattern.matches(name));
        if matches(&name) || matches(plain) {
            engine.waiting_for_start.store(false, Ordering::Relaxed);
            return false;
        }
        true
    }

    fn split_left_role(&self, task: &Task, hosts: Hosts) -> (Hosts, Hosts) {
        hosts.into_iter().partition(|host| self.has_left_role(task, host))
    }

    /// Whether a host left the task's role early (`meta: end_role`).
    pub(super) fn has_left_role(&self, task: &Task, host: &Arc<str>) -> bool {
        // What it notified before runs all the same.
        let role = task.scope.role().filter(|_| !task.handler).map(|role| Arc::as_ptr(role) as usize);
        role.is_some_and(|role| self.state().roles_left.contains(&(Arc::clone(host), role)))
    }

    /// Runs an ordinary task on every host, or once.
    fn ordinary(&self, task: &Arc<Task>, hosts: Hosts, frame: Frame) -> After {
        let info = self.begin(task, &hosts);
        let bypasses = ONCE.contains(&&*task.action) || self.engine.parts.loader.bypasses_hosts(&task.action);
        let once = self.task_flag(task, &hosts, |keywords| &keywords.run_once);
        if self.free && once {
            self.tell_once("Using run_once with the free strategy is not currently supported. This task will still be executed for every host in the inventory list.");
        }
        if bypasses || (once && !self.free) {
            let Some(first) = hosts.first() else { return After::default() };
            let ended = self.on_host(task, &info, first);
            return self.absorb_once(task, &info, hosts, ended, frame);
        }
        let throttle = match self.throttle(task, &hosts) {
            Ok(throttle) => throttle,
            Err(why) => {
                let message = format!("Failed to convert the throttle value to an integer: {why}");
                self.state().error.get_or_insert(located(Diagnostic::error(message), task).into());
                return After::default();
            }
        };
        let results = self.in_parallel(&hosts, |host| {
            self.throttled(task, throttle, || {
                let ended = self.on_host(task, &info, host);
                self.absorb(task, &info, host, ended, frame)
            })
        });
        self.sort_out(task, hosts, results, frame)
    }

    /// Calls `work` for each host at once, as far as the forks allow; results are in the hosts' order.
    pub(super) fn in_parallel<T: Send>(&self, hosts: &[Arc<str>], work: impl Fn(&Arc<str>) -> T + Sync) -> Vec<T> {
        self.engine.threads.each(hosts.len(), |index| work(&hosts[index]))
    }

    /// Tells that a task begins, on its only host.
    pub(super) fn announce(&self, info: &Arc<TaskInfo>, host: &Arc<str>) {
        self.engine.emit(&Event::TaskStarted { task: Arc::clone(info) });
        self.engine.emit(&Event::HostStarted { task: Arc::clone(info), host: Arc::clone(host) });
    }

    pub(super) fn on_host(&self, task: &Arc<Task>, info: &Arc<TaskInfo>, host: &Arc<str>) -> Ended {
        self.engine.emit(&Event::HostStarted { task: Arc::clone(info), host: Arc::clone(host) });
        let ended = HostTask { batch: self, task, info, host, item: None }.run();
        self.debugged(task, info, host, ended)
    }

    /// Tells that a task begins.
    pub(super) fn begin(&self, task: &Arc<Task>, hosts: &[Arc<str>]) -> Arc<TaskInfo> {
        let info = self.info(task, hosts);
        self.engine.emit(&Event::TaskStarted { task: Arc::clone(&info) });
        info
    }

    /// The task as it is told of. In a free strategy hosts come to a task one by one: it is the same for all of them.
    pub(super) fn info(&self, task: &Arc<Task>, hosts: &[Arc<str>]) -> Arc<TaskInfo> {
        let id = Arc::as_ptr(task) as usize;
        if let Some((_, known)) = self.state().begun.get(&id) {
            return Arc::clone(known);
        }
        let info = Arc::new(TaskInfo {
            id: self.engine.next_task_id(),
            name: self.task_name(task, hosts),
            action: task.action.to_string(),
            written: task.written.to_string(),
            role: task.scope.role().map(|role| role.name.to_string()),
            number: task.id.0,
            span: task.span.clone(),
            handler: task.handler,
            looped: task.loop_.is_some(),
            check_mode: self.only_looks(task, hosts),
            args: self.shown_args(task),
        });
        if self.free {
            self.state().begun.insert(id, (Arc::clone(task), Arc::clone(&info)));
        }
        info
    }

    /// Whether the task, or else the run, only looks.
    fn only_looks(&self, task: &Task, hosts: &[Arc<str>]) -> bool {
        let written = self.task_value(task, hosts, |keywords| &keywords.check_mode);
        written.map_or(self.engine.options.mode != RunMode::Apply, |value| truthy(&value))
    }

    /// Whether nothing of the task may be shown, as far as that is known before it runs.
    pub(super) fn is_hidden(&self, task: &Task) -> bool {
        let written = task.scope.find(|keywords| &keywords.no_log);
        written.map_or(self.engine.options.no_log, |no_log| no_log.value != Value::Bool(false))
    }

    /// The arguments as they are written, unless nothing of the task may be shown.
    fn shown_args(&self, task: &Task) -> Vec<(String, String)> {
        if self.is_hidden(task) {
            return Vec::new();
        }
        let shown = |value: &Value| self.engine.parts.redactor.redact(&Templar::text_of(value)).into_owned();
        task.args.iter().map(|(key, value)| (key.to_string(), shown(value))).collect()
    }

    /// `role : name`, with what can be evaluated evaluated.
    pub(super) fn task_name(&self, task: &Task, hosts: &[Arc<str>]) -> String {
        let named = task.name.as_ref().map(|name| match hosts.first() {
            Some(host) if name.value.is_lazy() => {
                let templar = self.templar(host, &task.scope);
                templar.resolve_text(&name.value).unwrap_or_else(|_| Templar::text_of(&name.value))
            }
            _ => Templar::text_of(&name.value),
        });
        let name = named.filter(|name| !name.is_empty()).unwrap_or_else(|| match task.args.get("name") {
            Some(role) if &*task.action == "ansible.builtin.include_role" => {
                format!("{} : {}", task.written, Templar::text_of(role))
            }
            _ => task.written.to_string(),
        });
        task.title(&self.engine.parts.redactor.redact(&name))
    }

    pub(super) fn task_value(
        &self,
        task: &Task,
        hosts: &[Arc<str>],
        keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>,
    ) -> Option<Value> {
        let written = task.scope.find(keyword)?;
        if !written.value.is_lazy() {
            return Some(written.value.clone());
        }
        self.templar(hosts.first()?, &task.scope).resolve(&written.value).ok()
    }

    pub(super) fn task_flag(
        &self,
        task: &Task,
        hosts: &[Arc<str>],
        keyword: impl Fn(&Keywords) -> &Option<Spanned<Value>>,
    ) -> bool {
        self.task_value(task, hosts, keyword).is_some_and(|value| truthy(&value))
    }

    /// How many hosts may be in the task at once; else why that is no number.
    fn throttle(&self, task: &Task, hosts: &[Arc<str>]) -> Result<Option<i64>, String> {
        let Some(written) = task.scope.find(|keywords| &keywords.throttle) else { return Ok(None) };
        let Some(first) = hosts.first() else { return Ok(None) };
        match self.templar(first, &task.scope).resolve(&written.value).map_err(|error| error.message)? {
            Value::Int(number) => Ok(Some(number)),
            Value::Str(text) => match text.trim().parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("invalid literal for int() with base 10: '{text}'")),
            },
            _ => Ok(None),
        }
    }

    /// One host's result counts for all of them.
    fn absorb_once(&self, task: &Arc<Task>, info: &Arc<TaskInfo>, hosts: Hosts, ended: Ended, frame: Frame) -> After {
        let Some((first, others)) = hosts.split_first() else { return After::default() };
        let status = self.absorb(task, info, first, ended.clone(), frame);
        // Also those that do not come to the task.
        for host in self.hosts.iter().filter(|host| *host != first) {
            self.remember(task, host, &mut ended.clone());
        }
        let results = hosts.iter().map(|_| status).collect();
        if status == Status::Failed && !frame.rescuable {
            others.iter().for_each(|host| self.lose(host));
        }
        self.sort_out(task, hosts, results, frame)
    }

    /// Variables and facts that a result brings.
    fn remember(&self, task: &Task, host: &Arc<str>, ended: &mut Ended) {
        self.change_inventory(task, host, ended);
        for effect in &ended.effects {
            self.apply_effect(host, ended, effect);
        }
        if let Some(name) = &task.register {
            self.engine.store.set(host, [(Key::Str(Arc::clone(name)), ended.value())]);
        }
    }

    /// Carries out what a result says of the inventory, each item's before the next: what is there already is no change.
    pub(super) fn change_inventory(&self, task: &Task, host: &Arc<str>, ended: &mut Ended) {
        for effect in std::mem::take(&mut ended.effects) {
            if !matches!(effect, Effect::AddHost { .. } | Effect::GroupBy { .. }) {
                ended.effects.push(effect);
                continue;
            }
            if let Some(changed) = self.apply_effect(host, ended, &effect)
                && task.changed_when.is_empty()
            {
                ended.result.insert(Key::from("changed"), Value::Bool(changed));
                ended.status = if changed { Status::Changed } else { Status::Ok };
            }
        }
    }

    /// Says whether the inventory was changed, for effects that are about it.
    fn apply_effect(&self, host: &Arc<str>, ended: &Ended, effect: &Effect) -> Option<bool> {
        let store = &self.engine.store;
        let owner = ended.facts_for.as_ref().unwrap_or(host);
        let changed = match effect {
            Effect::Facts(facts) => {
                store.keep_facts(owner, facts).unwrap_or_else(|error| self.engine.warn(error));
                return None;
            }
            Effect::SetFacts { variables, cacheable } => {
                store.set(owner, variables.iter().map(|(key, value)| (key.clone(), value.clone())));
                if *cacheable {
                    store.keep_facts(owner, variables).unwrap_or_else(|error| self.engine.warn(error));
                }
                return None;
            }
            Effect::IncludeVars(variables) => {
                store.include(owner, variables.iter().map(|(key, value)| (key.clone(), value.clone())));
                return None;
            }
            Effect::Stats { data, per_host, aggregate } => {
                let owner = if *per_host { host } else { &Arc::from(RUN_STATS) };
                self.engine.stats.add(owner, data, *aggregate);
                return None;
            }
            Effect::AddHost { .. } | Effect::GroupBy { .. } => {
                let mut grown = self.engine.grown.lock().unwrap_or_else(PoisonError::into_inner);
                grown.push((Arc::clone(host), effect.clone()));
                store.change_inventory(|inventory| grow(inventory, host, effect))?
            }
        };
        changed.map_err(|error| self.engine.warn(error.to_string())).ok()
    }

    /// Takes in a result: variables, notifications, counts, events.
    pub(super) fn absorb(
        &self,
        task: &Arc<Task>,
        info: &Arc<TaskInfo>,
        host: &Arc<str>,
        mut ended: Ended,
        frame: Frame,
    ) -> Status {
        self.tell_of_plugins(&mut ended);
        self.remember(task, host, &mut ended);
        let engine = self.engine;
        let mut notifies = Vec::new();
        if ended.may_have_changed() {
            engine.changed.fetch_or(!ended.only_checked, Ordering::Relaxed);
            notifies = self.notify(task, host, &ended);
        }
        engine.stats.count(host, ended.status, frame.rescuable);
        if ended.status == Status::Ignored && ended.is_changed() {
            engine.stats.count_changed(host);
        }
        if ended.status == Status::Failed && frame.rescuable {
            // Without the role, which only the task's heading has.
            let role = task.scope.role().map(|role| format!("{} : ", role.name)).unwrap_or_default();
            let name = info.name.strip_prefix(&role).unwrap_or(&info.name);
            let name = if task.name.is_some() { name } else { "" };
            let failed_task = Map::from_iter([
                (Key::from("name"), Value::from(name)),
                (Key::from("action"), Value::str(Arc::clone(&task.written))),
            ]);
            let result = Value::Map(Arc::new(ended.result.clone()));
            engine.store.set(
                host,
                [(Key::from("ansible_failed_task"), failed_task.into()), (Key::from("ansible_failed_result"), result)],
            );
        }
        for warning in engine.parts.templates.take_warnings() {
            engine.warn(warning);
        }
        if !matches!(ended.status, Status::Skipped | Status::Unreachable)
            && ended.result.get("unreachable") != Some(&Value::Bool(true))
            && let Some(role) = task.scope.role()
        {
            self.state().roles_begun.insert((Arc::clone(host), Arc::clone(&role.identity)));
        }
        let lost = ended.status == Status::Unreachable || (ended.status == Status::Failed && !frame.rescuable);
        let status = ended.status;
        if !ended.told {
            let result = self.shown(&ended, task.span.as_ref(), notifies);
            engine.emit(&Event::HostFinished { task: Arc::clone(info), host: Arc::clone(host), result });
        }
        if let Some(guard) = &engine.guard {
            guard.ended(info, host);
        }
        if let Some(book) = &engine.book {
            book.ended(info, host, status, frame.rescuable);
        }
        if lost {
            self.lose(host);
        }
        if status == Status::Unreachable {
            self.state().unreachable.insert(Arc::clone(host));
        }
        status
    }

    /// What was found on the way to plug-ins: deprecations become the result's.
    fn tell_of_plugins(&self, ended: &mut Ended) {
        let (mut deprecations, parts) = (Vec::new(), &self.engine.parts);
        for notice in parts.loader.plugins().take_notices() {
            match notice {
                Notice::Redirected(message) => self.engine.emit(&Event::Detail { message, verbosity: 2 }),
                Notice::Deprecated(message) if parts.templates.warns_of_deprecated() => {
                    deprecations.push(Value::from(Map::from_iter([(Key::from("msg"), Value::from(message))])));
                }
                Notice::Deprecated(_) => {}
            }
        }
        if !deprecations.is_empty() {
            let known = ended.result.get("deprecations").and_then(Value::as_list).map(<[Value]>::to_vec);
            let all: Vec<Value> = known.unwrap_or_default().into_iter().chain(deprecations).collect();
            ended.result.insert(Key::from("deprecations"), Value::from(all));
        }
    }

    /// A result without secrets.
    pub(super) fn shown(&self, ended: &Ended, place: Option<&Span>, notifies: Vec<String>) -> TaskResult {
        let redactor = &self.engine.parts.redactor;
        let mut result = if ended.no_log { censored(ended.is_changed()) } else { ended.to_json() };
        if let Some(invocation) = ended.invocation.as_ref().filter(|_| !ended.no_log) {
            result.insert("invocation".to_owned(), invocation.to_json());
        }
        let mut diff = if ended.no_log { Vec::new() } else { ended.diff.clone() };
        result.values_mut().for_each(|value| redactor.redact_json(value));
        for diff in &mut diff {
            for text in [&mut diff.before, &mut diff.after, &mut diff.prepared] {
                *text = redactor.redact(text).into_owned();
            }
        }
        let plans = self.engine.options.mode == RunMode::Plan;
        TaskResult {
            work: (plans && ended.acts).then(|| self.work(ended, place, notifies)),
            status: ended.status,
            only_checked: ended.only_checked,
            result,
            diff,
            elapsed: ended.elapsed,
            delegated_to: ended.delegated_to.clone(),
            delegated_address: ended.delegated_address.clone(),
        }
    }

    /// What a plan keeps of a task.
    fn work(&self, ended: &Ended, place: Option<&Span>, notifies: Vec<String>) -> Work {
        let redactor = &self.engine.parts.redactor;
        let mut change = ended.change.clone().filter(|_| !ended.no_log);
        change.iter_mut().for_each(|change| redactor.redact_json(change));
        let fingerprint = if self.engine.options.fingerprints && ended.unknown.is_none() {
            let clear = serde_json::json!({"change": ended.change, "diff": ended.diff}).to_string();
            let is_secret = ended.no_log || redactor.redact(&clear) != clear;
            fingerprint(&clear, &place.map(Span::to_string).unwrap_or_default(), is_secret)
        } else {
            String::new()
        };
        Work { change, fingerprint, notifies }
    }

    /// Who goes on after a task.
    pub(super) fn sort_out(&self, task: &Task, hosts: Hosts, results: Vec<Status>, frame: Frame) -> After {
        let mut after = After::default();
        for (host, status) in hosts.iter().zip(results) {
            match status {
                Status::Failed => after.failed.push(Arc::clone(host)),
                Status::Unreachable => {}
                _ => after.alive.push(Arc::clone(host)),
            }
        }
        if after.alive.len() < hosts.len() {
            self.spread_failure(task, &hosts, &mut after, frame);
        }
        after
    }

    /// What the failure of some hosts means for the others (`any_errors_fatal`, `max_fail_percentage`).
    pub(super) fn spread_failure(&self, task: &Task, hosts: &[Arc<str>], after: &mut After, frame: Frame) {
        let fatal = match self.task_value(task, hosts, |keywords| &keywords.any_errors_fatal) {
            Some(fatal) => truthy(&fatal),
            None => self.engine.options.any_errors_fatal,
        };
        if !fatal {
            return self.limit_failures(&mut after.alive, &mut after.failed, frame);
        }
        if self.free {
            return self.tell_once("Using any_errors_fatal with the free strategy is not supported, as tasks are executed independently on each host");
        }
        if !frame.rescuable {
            after.alive.iter().for_each(|host| self.lose(host));
        }
        after.failed.append(&mut after.alive);
        // Hosts that are elsewhere in the play fail when they come on.
        let elsewhere = self.hosts.iter().filter(|host| !hosts.contains(host) && !self.engine.is_out(host));
        let elsewhere: Vec<_> = elsewhere.cloned().collect();
        self.state().doomed.extend(elsewhere);
    }

    /// Ends the play for all if more hosts failed than `max_fail_percentage` allows.
    pub(super) fn limit_failures(&self, alive: &mut Hosts, failed: &mut Hosts, frame: Frame) {
        if !self.free && !frame.has_always && self.too_many_failed() {
            self.state().broken = true;
            failed.append(alive);
        }
    }

    /// More than `max_fail_percentage`.
    fn too_many_failed(&self) -> bool {
        let limit = self.engine.play_keyword(self.play, &self.variables, &self.play.max_fail_percentage).ok().flatten();
        let Some(limit) = limit.and_then(|limit| Templar::text_of(&limit).trim().parse::<f64>().ok()) else {
            return false;
        };
        let failed = self.state().failed.len();
        failed as f64 / self.hosts.len().max(1) as f64 * 100.0 > limit
    }
}

/// What is shown of a result that must not be.
pub(super) fn censored(changed: bool) -> serde_json::Map<String, serde_json::Value> {
    let message = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
    let mut shown = serde_json::Map::new();
    shown.insert("censored".into(), message.into());
    shown.insert("changed".into(), changed.into());
    shown
}

/// What elapsed means for tasks that never ran.
pub(super) const NO_TIME: Duration = Duration::ZERO;

/// Adds what `add_host` or `group_by` on `host` adds; says whether that is new. `None` for anything else.
pub(super) fn grow(inventory: &mut Inventory, host: &Arc<str>, effect: &Effect) -> Option<Result<bool, Diagnostic>> {
    let names = |names: &'_ [Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<String>>();
    match effect {
        Effect::AddHost { name, groups, variables } => {
            let groups = names(groups);
            Some(inventory.add_host(name, &groups.iter().map(String::as_str).collect::<Vec<_>>(), variables))
        }
        Effect::GroupBy { group, parents } => {
            let parents = names(parents);
            Some(inventory.add_group(group, &parents.iter().map(String::as_str).collect::<Vec<_>>(), Some(host)))
        }
        _ => None,
    }
}
