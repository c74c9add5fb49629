//! `include_tasks` and `include_role`: what runs is known only now, and may differ from host to host.

use super::RunError;
use super::batch::{After, Batch, Frame, Hosts};
use super::ended::Ended;
use super::task::censored;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Status, TaskInfo};
use crate::playbook::{Keywords, Node, Role, RoleSpec, Scope, Task};
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use std::sync::{Arc, PoisonError};

/// One thing to include, and for whom.
#[derive(Debug, Clone, PartialEq)]
struct Included {
    args: Map,
    /// Variables of the loop's item.
    locals: Map,
    hosts: Hosts,
}

impl Batch<'_> {
    /// Evaluates the include on every host, then runs each different one for its hosts, in order.
    pub(super) fn include(&self, task: &Arc<Task>, hosts: Hosts, frame: Frame) -> After {
        let info = self.begin(task, &hosts);
        let once = !self.free && self.task_flag(task, &hosts, |keywords| &keywords.run_once);
        // What is included once is for the host that included it; the others pass it over.
        let asked = if once { &hosts[..1] } else { &hosts };
        let evaluated = self.in_parallel(asked, |host| self.evaluate_include(task, host));
        let mut groups: Vec<Included> = Vec::new();
        let mut after = After::all(hosts[asked.len()..].to_vec());
        for (host, evaluated) in asked.iter().zip(evaluated) {
            let wanted = match evaluated {
                Ok(wanted) => wanted,
                Err(ended) => {
                    match self.absorb_include(task, &info, host, *ended, frame) {
                        Status::Failed => after.failed.push(Arc::clone(host)),
                        _ => after.alive.push(Arc::clone(host)),
                    }
                    continue;
                }
            };
            let result = if self.is_hidden(task) { censored(false) } else { self.told(task, &wanted) };
            self.engine.emit(&Event::IncludeFinished { task: Arc::clone(&info), host: Arc::clone(host), result });
            after.alive.push(Arc::clone(host));
            for (args, locals) in wanted {
                match groups
                    .iter_mut()
                    .find(|group| group.args == args && group.locals == locals && !group.hosts.contains(host))
                {
                    Some(group) => group.hosts.push(Arc::clone(host)),
                    None => groups.push(Included { args, locals, hosts: vec![Arc::clone(host)] }),
                }
            }
        }
        let loaded: Vec<_> = groups.iter().map(|group| self.load_for(task, &info, group, &mut after, frame)).collect();
        if after.alive.len() < hosts.len() {
            self.spread_failure(task, &hosts, &mut after, frame);
        }
        for (group, nodes) in groups.into_iter().zip(loaded) {
            self.run_included(group, &nodes.unwrap_or_default(), &mut after, frame);
        }
        After { alive: self.in_order(after.alive), failed: self.in_order(after.failed) }
    }

    /// Reads what a group of hosts includes, and tells of it. Where that fails the hosts fail.
    fn load_for(
        &self,
        task: &Arc<Task>,
        info: &Arc<TaskInfo>,
        group: &Included,
        after: &mut After,
        frame: Frame,
    ) -> Option<Vec<Node>> {
        match self.load_included(task, group, &group.hosts) {
            Ok((what, nodes)) => {
                let item = self.item_label(task, group);
                let (task, hosts) = (Arc::clone(info), group.hosts.clone());
                self.engine.emit(&Event::Included { task, what, hosts, item });
                for host in &group.hosts {
                    self.engine.stats.count(host, Status::Ok, false);
                }
                Some(nodes)
            }
            Err(diagnostics) if diagnostics.iter().any(|diagnostic| diagnostic.absent.is_none()) => {
                self.state().error.get_or_insert(RunError::Playbook(diagnostics));
                None
            }
            Err(diagnostics) => {
                for host in &group.hosts {
                    let ended = nothing_to_include(&diagnostics, &group.args);
                    if self.absorb_include(task, info, host, ended, frame) == Status::Failed {
                        after.alive.retain(|alive| alive != host);
                        after.failed.push(Arc::clone(host));
                    }
                }
                None
            }
        }
    }

    /// What an include asks for on a host, as Ansible has it for a result.
    fn told(&self, task: &Task, wishes: &[(Map, Map)]) -> serde_json::Map<String, serde_json::Value> {
        let told = |(args, locals): &(Map, Map)| {
            let (mut args, mut told) = (args.clone(), locals.clone());
            if &*task.action == "ansible.builtin.include_tasks" {
                let file = args.shift_remove("_raw_params").or_else(|| args.shift_remove("file"));
                told.insert(Key::from("include"), file.unwrap_or_default());
            }
            told.insert(Key::from("include_args"), args.into());
            told
        };
        let mut all = match wishes {
            [wish] if task.loop_.is_none() => told(wish),
            wishes => Map::from_iter([
                (Key::from("msg"), Value::from("All items completed")),
                (Key::from("results"), Value::list(wishes.iter().map(|wish| told(wish).into()))),
            ]),
        };
        all.insert(Key::from("changed"), Value::Bool(false));
        let mut all: serde_json::Map<_, _> =
            all.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect();
        all.values_mut().for_each(|value| self.engine.parts.redactor.redact_json(value));
        all
    }

    /// How the loop's item is shown.
    fn item_label(&self, task: &Task, group: &Included) -> Option<String> {
        let loop_ = task.loop_.as_ref()?;
        let label = match (&loop_.control.label, group.hosts.first()) {
            (Some(label), Some(host)) => {
                let templar = self.templar(host, &task.scope).with_locals(group.locals.clone());
                templar.resolve_text(&label.value).ok()?
            }
            _ => {
                let name = group.locals.get("ansible_loop_var")?;
                Templar::text_of(group.locals.get(Templar::text_of(name).as_str())?)
            }
        };
        Some(self.engine.parts.redactor.redact(&label).into_owned())
    }

    /// Takes in an include that brings nothing.
    fn absorb_include(
        &self,
        task: &Arc<Task>,
        info: &Arc<TaskInfo>,
        host: &Arc<str>,
        mut ended: Ended,
        frame: Frame,
    ) -> Status {
        let ignores = || self.task_flag(task, std::slice::from_ref(host), |keywords| &keywords.ignore_errors);
        if ended.status == Status::Failed && ignores() {
            ended.status = Status::Ignored;
        }
        self.hide_included(task, host);
        self.absorb(task, info, host, ended, frame)
    }

    /// What is not included may manage things nevertheless.
    fn hide_included(&self, task: &Task, host: &Arc<str>) {
        let Some(book) = &self.engine.book else { return };
        let own = task.scope.role().map(|role| role.name.to_string()).unwrap_or_default();
        match task.args.get("name").filter(|_| &*task.action == "ansible.builtin.include_role") {
            Some(name) if name.is_lazy() => book.leaves(host),
            Some(name) => book.hides(host, &Templar::text_of(name)),
            None => book.hides(host, &own),
        }
    }

    fn run_included(&self, group: Included, nodes: &[Node], after: &mut After, frame: Frame) {
        // Hosts that failed in an earlier one of these do not go on.
        let hosts: Hosts = group.hosts.into_iter().filter(|host| after.alive.contains(host)).collect();
        if hosts.is_empty() {
            return;
        }
        let ran = self.nodes(nodes, hosts.clone(), frame);
        after.alive.retain(|host| !hosts.contains(host));
        after.alive.extend(ran.alive);
        after.failed.extend(ran.failed);
    }

    /// What a host wants included: one each item, none where the condition is false.
    #[allow(clippy::type_complexity, reason = "pairs of arguments and item variables, used once")]
    fn evaluate_include(&self, task: &Arc<Task>, host: &Arc<str>) -> Result<Vec<(Map, Map)>, Box<Ended>> {
        let info = Arc::new(TaskInfo {
            id: 0,
            name: String::new(),
            action: task.action.to_string(),
            span: task.span.clone(),
            handler: task.handler,
            ..TaskInfo::default()
        });
        let host_task = super::host_task::HostTask { batch: self, task, info: &info, host, item: None };
        let templar = self.templar(host, &task.scope);
        host_task.include_wishes(&templar)
    }

    /// Reads the file or role.
    fn load_included(
        &self,
        task: &Arc<Task>,
        group: &Included,
        hosts: &[Arc<str>],
    ) -> Result<(String, Vec<Node>), Vec<Diagnostic>> {
        let scope = include_scope(task, &group.locals);
        let statics = super::run::EngineStatics { batch: self, host: &hosts[0] };
        if &*task.action == "ansible.builtin.include_role" {
            let spec = RoleSpec::from_args(&group.args).map_err(|error| vec![located(error, task)])?;
            let loaded = self.engine.parts.loader.include_role(&spec, &scope, &statics)?;
            loaded.dependencies.iter().chain([&loaded.role]).for_each(|role| self.show_role(role));
            return Ok((spec.name.to_string(), vec![loaded.block]));
        }
        let file = ["_raw_params", "file"].iter().find_map(|name| group.args.get(*name));
        let Some(file) = file.map(Templar::text_of) else {
            return Err(vec![located(Diagnostic::error("include_tasks needs a file"), task)]);
        };
        let loader = &self.engine.parts.loader;
        let path = loader.find_tasks(&file, &task.scope, task.handler).map_err(|error| vec![located(error, task)])?;
        let loaded = loader.include_tasks(&path, &scope, task.handler, &statics)?;
        loaded.roles.iter().for_each(|role| self.show_role(role));
        Ok((path.display().to_string(), loaded.nodes))
    }

    /// A role that came in now: its handlers, and, where it is public, its variables, for the whole play.
    fn show_role(&self, role: &Arc<Role>) {
        // A role that the play knows already has its handlers there.
        let known = |other: &Arc<Role>| other.path == role.path && other.params == role.params;
        if !self.play.static_roles.iter().any(known) {
            let mut state = self.state();
            if !state.late_roles.iter().any(known) {
                state.late_roles.push(Arc::clone(role));
            }
        }
        if role.public {
            for (all, new) in [(&self.variables.role_defaults, &role.defaults), (&self.variables.role_vars, &role.vars)]
            {
                let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
                Arc::make_mut(&mut all).extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
    }
}

impl super::host_task::HostTask<'_> {
    /// Evaluates loop, condition and arguments of an include.
    #[allow(clippy::type_complexity, reason = "pairs of arguments and item variables, used once")]
    fn include_wishes(&self, templar: &Templar) -> Result<Vec<(Map, Map)>, Box<Ended>> {
        let Some(loop_) = &self.task.loop_ else {
            return Ok(self.include_wish(templar)?.map(|args| (args, Map::default())).into_iter().collect());
        };
        let items = self.loop_locals(templar, loop_)?;
        let reason = if items.is_empty() { "No items in the list" } else { "All items skipped" };
        let mut wishes = Vec::new();
        for locals in items {
            if let Some(args) = self.include_wish(&templar.with_locals(locals.clone()))? {
                wishes.push((args, locals));
            }
        }
        if wishes.is_empty() {
            return Err(Box::new(Ended::skipped([("skipped_reason", Value::from(reason))])));
        }
        Ok(wishes)
    }

    fn include_wish(&self, templar: &Templar) -> Result<Option<Map>, Box<Ended>> {
        // `when` of an include decides about the include itself, and is inherited by what it brings.
        if let Some(ended) = self.when(templar)? {
            return if self.task.loop_.is_some() { Ok(None) } else { Err(Box::new(ended)) };
        }
        let failed = |(error, doing): (_, String)| Box::new(Ended::from_error(&error, self.task.span.as_ref(), &doing));
        let args = self.args(templar).map_err(failed)?;
        match args.values().find_map(Value::first_unknown) {
            Some(reason) => Err(Box::new(Ended::unknown(&reason))),
            None => Ok(Some(args)),
        }
    }
}

/// The failure of an include whose file is not there, as Ansible tells it.
fn nothing_to_include(diagnostics: &[Diagnostic], args: &Map) -> Ended {
    let reasons = diagnostics.iter().map(|diagnostic| match (&diagnostic.absent, args.contains_key("_raw_params")) {
        (Some(path), true) => {
            let missing = format!("Could not find or access '{}' on the Ansible Controller", path.display());
            format!("{missing}: Unable to retrieve file contents.\n{missing}.\n{diagnostic}")
        }
        _ => diagnostic.to_string(),
    });
    let reason = reasons.collect::<Vec<_>>().join("\n");
    let mut ended = Ended::failure(reason.clone());
    ended.result.insert(Key::from("reason"), Value::from(reason));
    match args.get("_raw_params") {
        Some(file) => drop(ended.result.insert(Key::from("include"), file.clone())),
        // Of a role only the reason is told.
        None => drop(ended.result.shift_remove("msg")),
    }
    ended
}

/// The level that everything included is inside of, with the variables of the loop's item.
fn include_scope(task: &Task, locals: &Map) -> Arc<Scope> {
    let scope = task.included_scope();
    if locals.is_empty() {
        return scope;
    }
    let mut vars = Map::clone(&scope.keywords.vars);
    vars.extend(locals.iter().map(|(key, value)| (key.clone(), value.clone())));
    let keywords = Keywords { vars: Arc::new(vars), ..scope.keywords.clone() };
    Arc::new(Scope { keywords, ..Scope::clone(&scope) })
}

pub(super) fn located(diagnostic: Diagnostic, task: &Task) -> Diagnostic {
    task.span.as_ref().map_or(diagnostic.clone(), |span| diagnostic.at(span))
}
