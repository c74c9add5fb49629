//! Requests sent ahead: where no host waits for another and no task for what an earlier one found, the next tasks'
//! requests follow at once, and a far host costs one round trip for many tasks instead of one for each.
//!
//! Each task is evaluated once, in order, and its request sent; outcomes are taken in in the same order, with all that
//! follows from them. The helper runs nothing behind a failure, so what is told is what was done.

use super::RunMode;
use super::batch::{After, Batch, Frame};
use super::book::Noted;
use super::ended::Ended;
use super::host_task::HostTask;
use super::machine::Machine;
use super::settings::Settings;
use crate::actions::{self, ActionError, Reply};
use crate::connection::{BlobSource, Call, Connection, ConnectionError, ConnectionKind, RawOutput};
use crate::event::{Status, TaskInfo};
use crate::module::Outcome;
use crate::playbook::{Keyword, Keywords, Node, Task};
use crate::template::{Templar, TemplateError};
use crate::value::{Map, Value, has_jinja};
use crate::wire::Request;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most so many tasks are on their way to one host.
const WINDOW: usize = 32;
/// Actions whose work here comes before their one call.
const ACTIONS: &[&str] = &["ansible.builtin.copy", "ansible.builtin.template"];

impl Batch<'_> {
    /// Runs as many of `nodes`, from the first, as can be sent ahead to the only host. Returns who goes on, and how many
    /// these were; `None` where there is nothing to gain.
    pub(super) fn ahead(&self, nodes: &[Node], hosts: &[Arc<str>], frame: Frame) -> Option<(After, usize)> {
        let [host] = hosts else { return None };
        let engine = self.engine;
        // What is sent ahead does not keep its arguments, which `-vvv` shows.
        if engine.options.mode == RunMode::Plan
            || engine.options.verbosity > 2
            || engine.guard.is_some()
            || engine.book.as_ref().is_some_and(|book| book.options.resume)
            || engine.waiting_for_start.load(Ordering::Relaxed)
            || engine.is_steered()
            || self.debugs
        {
            return None;
        }
        let plain = nodes.iter().map_while(|node| match node {
            Node::Task(task) if self.is_plain(task) => Some(task),
            _ => None,
        });
        let tasks: Vec<_> = plain.take(4 * WINDOW).collect();
        if tasks.len() < 2 {
            return None;
        }
        let (waiting, after) = (VecDeque::new(), After::all(hosts.to_vec()));
        let mut line = Line { batch: self, host, frame, tasks: tasks.into_iter(), waiting, done: 0, after };
        line.run();
        (line.done > 0).then_some((line.after, line.done))
    }

    /// Whether nobody could notice that a task was sent before the answer to the one before came.
    fn is_plain(&self, task: &Task) -> bool {
        let parts = &self.engine.parts;
        // Of the actions only those that call once, with nothing to do when the answer comes.
        let is_call = match parts.actions.get(&task.action) {
            Some(_) => ACTIONS.contains(&&*task.action),
            None => {
                let module = parts.registry.get(&task.action);
                module.is_some_and(|module| !module.brings_facts())
                    && parts.loader.custom_module(&task.action).is_none()
                    && parts.loader.action_plugin(&task.action).is_none()
            }
        };
        let is_judged = !task.until.is_empty()
            || task.retries.is_some()
            || !task.failed_when.is_empty()
            || task.changed_when.iter().any(|condition| !matches!(condition.value, Value::Bool(_)));
        let unusual: [fn(&Keywords) -> &Keyword; 6] = [
            |keywords| &keywords.delegate_to,
            |keywords| &keywords.run_once,
            |keywords| &keywords.throttle,
            |keywords| &keywords.ignore_errors,
            |keywords| &keywords.ignore_unreachable,
            |keywords| &keywords.debugger,
        ];
        is_call
            && !has_jinja(&task.action)
            && task.loop_.is_none()
            && task.register.is_none()
            && task.async_.is_none()
            && !is_judged
            && unusual.iter().all(|keyword| task.scope.find(keyword).is_none())
            && !looks_up(task)
    }
}

/// Whether a task is written with a lookup: it may find here what an earlier task changes.
fn looks_up(task: &Task) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::List(items) => items.iter().any(within),
            Value::Map(map) => map.values().any(within),
            other => ["lookup(", "query(", "q("].iter().any(|call| Templar::text_of(other).contains(call)),
        }
    }
    let conditions = task.scope.levels().flat_map(|level| &level.keywords.when);
    task.args.values().any(within) || conditions.map(|condition| &condition.value).any(within)
}

/// A task whose call is known.
struct Asked<'a> {
    task: &'a Arc<Task>,
    info: Arc<TaskInfo>,
    templar: Templar,
    settings: Settings,
    request: Request,
    noted: Option<Noted>,
    blobs: Box<dyn BlobSource>,
}

/// What evaluating a task came to.
enum Step<'a> {
    /// It is not for this host.
    Passed,
    /// It needs no host: skipped, or failed already.
    Ended(&'a Arc<Task>, Arc<TaskInfo>, Box<Ended>),
    /// It needs one call.
    Asked(Box<Asked<'a>>),
}

/// Tasks on their way to one host.
struct Line<'a> {
    batch: &'a Batch<'a>,
    host: &'a Arc<str>,
    frame: Frame,
    tasks: std::vec::IntoIter<&'a Arc<Task>>,
    /// Evaluated and, where they need it, sent; the oldest first.
    waiting: VecDeque<Step<'a>>,
    /// How many tasks are done with.
    done: usize,
    after: After,
}

impl<'a> Line<'a> {
    fn run(&mut self) {
        let mut next = self.evaluate();
        let target = match &next {
            Some(Step::Asked(asked)) if asked.settings.target.kind != ConnectionKind::Local => {
                asked.settings.target.clone()
            }
            _ => return self.alone(next),
        };
        let result = self.batch.engine.pool.with(&target, |connection| self.carry(connection, &mut next));
        match (next, result) {
            // There is no connection, or no helper.
            (Some(Step::Asked(asked)), Err(error)) => {
                let started = self.begin(&asked.info);
                self.finish(&asked, Err(error), started);
            }
            (next, Ok(())) if !self.batch.is_stopped() => self.alone(next),
            _ => {}
        }
    }

    /// Sends and takes in until nothing is left that can go this way. What was evaluated and cannot stays in `next`.
    fn carry(&mut self, connection: &mut dyn Connection, next: &mut Option<Step<'a>>) -> Result<(), ConnectionError> {
        let first = match next {
            Some(Step::Asked(asked)) => (asked.settings.target.clone(), asked.settings.become_.clone()),
            _ => return Ok(()),
        };
        let same = |settings: &Settings| settings.target == first.0 && settings.become_ == first.1;
        loop {
            self.send(connection, next, &same)?;
            match self.waiting.pop_front() {
                Some(Step::Asked(asked)) => {
                    let started = self.begin(&asked.info);
                    let outcome = self.on(&asked, connection, |connection, call| connection.receive(call));
                    let failure = outcome.as_ref().err().cloned();
                    self.finish(&asked, outcome, started);
                    if let Some(error) = failure {
                        (*next, self.waiting) = (None, VecDeque::new());
                        return Err(error);
                    }
                }
                Some(step) => self.alone(Some(step)),
                None => return Ok(()),
            }
            if self.after.alive.is_empty() {
                *next = None;
                return self.drop_the_rest(connection);
            }
        }
    }

    /// Sends as many as may be on their way.
    fn send(
        &mut self,
        connection: &mut dyn Connection,
        next: &mut Option<Step<'a>>,
        same: &dyn Fn(&Settings) -> bool,
    ) -> Result<(), ConnectionError> {
        while self.waiting.len() < WINDOW && !self.batch.is_stopped() {
            // Nothing comes behind a failure.
            if matches!(self.waiting.back(), Some(Step::Ended(_, _, ended)) if ended.status == Status::Failed) {
                return Ok(());
            }
            if next.is_none() {
                *next = self.evaluate();
            }
            match next {
                Some(Step::Asked(asked)) if same(&asked.settings) => {
                    match self.on(asked, connection, |connection, call| connection.send(&asked.request, call)) {
                        Ok(true) => {}
                        Ok(false) => return Ok(()),
                        Err(error) => return self.lost(next, error),
                    }
                }
                Some(Step::Passed | Step::Ended(..)) => {}
                _ => return Ok(()),
            }
            self.waiting.extend(next.take());
        }
        Ok(())
    }

    /// The connection broke while something was sent: that is the result of the oldest task that is on its way.
    fn lost(&mut self, next: &mut Option<Step<'a>>, error: ConnectionError) -> Result<(), ConnectionError> {
        while let Some(step) = self.waiting.pop_front() {
            match step {
                Step::Asked(asked) => {
                    let started = self.begin(&asked.info);
                    self.finish(&asked, Err(error.clone()), started);
                    (*next, self.waiting) = (None, VecDeque::new());
                }
                step => self.alone(Some(step)),
            }
        }
        Err(error)
    }

    /// Takes what was sent behind a failure off the connection: the helper has not run it.
    fn drop_the_rest(&mut self, connection: &mut dyn Connection) -> Result<(), ConnectionError> {
        for step in std::mem::take(&mut self.waiting) {
            if let Step::Asked(asked) = step {
                self.on(&asked, connection, |connection, call| connection.receive(call))?;
            }
        }
        Ok(())
    }

    /// Ends a task by itself, with nothing else on its way.
    fn alone(&mut self, step: Option<Step<'a>>) {
        match step {
            None => {}
            Some(Step::Passed) => self.done += 1,
            Some(Step::Ended(task, info, ended)) => {
                self.begin(&info);
                self.absorb(task, &info, *ended);
            }
            Some(Step::Asked(asked)) => {
                let started = self.begin(&asked.info);
                let pool = &self.batch.engine.pool;
                let outcome = pool.with(&asked.settings.target, |connection| {
                    self.on(&asked, connection, |connection, call| connection.call(&asked.request, call))
                });
                self.finish(&asked, outcome, started);
            }
        }
    }

    fn begin(&self, info: &Arc<TaskInfo>) -> Instant {
        self.batch.announce(info, self.host);
        Instant::now()
    }

    /// Works on a connection as a task.
    fn on<T>(
        &self,
        asked: &Asked<'_>,
        connection: &mut dyn Connection,
        work: impl FnOnce(&mut dyn Connection, Call<'_>) -> Result<T, ConnectionError>,
    ) -> Result<T, ConnectionError> {
        let task = HostTask { batch: self.batch, task: asked.task, info: &asked.info, host: self.host, item: None };
        Machine { task: &task, settings: &asked.settings, job: None }.on(connection, &*asked.blobs, work)
    }

    fn finish(&mut self, asked: &Asked<'a>, outcome: Result<Outcome, ConnectionError>, started: Instant) {
        let task = HostTask { batch: self.batch, task: asked.task, info: &asked.info, host: self.host, item: None };
        if let Ok(outcome) = &outcome {
            Machine { task: &task, settings: &asked.settings, job: None }.note(asked.noted.clone(), outcome);
        }
        let reply = outcome.map(Reply::from).map_err(ActionError::from);
        let mut ended = task.conclude(&asked.templar, &asked.settings, reply);
        ended.elapsed = started.elapsed();
        self.absorb(asked.task, &asked.info, ended);
    }

    fn absorb(&mut self, task: &Arc<Task>, info: &Arc<TaskInfo>, ended: Ended) {
        let status = self.batch.absorb(task, info, self.host, ended, self.frame);
        let after = self.batch.sort_out(task, vec![Arc::clone(self.host)], vec![status], self.frame);
        self.after.alive = after.alive;
        self.after.failed.extend(after.failed);
        self.done += 1;
    }

    /// The next task, with everything in it evaluated.
    fn evaluate(&mut self) -> Option<Step<'a>> {
        let task = self.tasks.next()?;
        let (batch, hosts) = (self.batch, [Arc::clone(self.host)]);
        if !batch.is_selected(task, &hosts, self.frame) || batch.has_left_role(task, self.host) {
            return Some(Step::Passed);
        }
        let info = batch.info(task, &hosts);
        let templar = batch.templar(self.host, &task.scope);
        let on_host = HostTask { batch, task, info: &info, host: self.host, item: None };
        let mut ended = match on_host.when(&templar) {
            Ok(None) => match on_host.prepare(&templar) {
                Ok((settings, args, _)) => {
                    let recorder = Recorder { settings: &settings, recorded: Mutex::default() };
                    let reply = on_host.act(&task.action, &templar, &settings, &args, &recorder);
                    match recorder.recorded.into_inner().unwrap_or_else(PoisonError::into_inner) {
                        Some((module, args, blobs)) => {
                            let machine = Machine { task: &on_host, settings: &settings, job: None };
                            let (request, noted) = machine.request(&module, args, &*blobs);
                            return Some(Step::Asked(Box::new(Asked {
                                task,
                                info,
                                templar,
                                settings,
                                request,
                                noted,
                                blobs,
                            })));
                        }
                        None => on_host.conclude(&templar, &settings, reply),
                    }
                }
                Err((error, doing)) => Ended::from_error(&error, task.span.as_ref(), &doing),
            },
            Ok(Some(ended)) => ended,
            Err(ended) => *ended,
        };
        on_host.hide(&templar, &mut ended);
        Some(Step::Ended(task, info, Box::new(ended)))
    }
}

/// A module, its parameters, and the contents that it may ask for.
type Recorded = (String, serde_json::Value, Box<dyn BlobSource>);

/// A host that only writes down which call is asked of it.
struct Recorder<'a> {
    settings: &'a Settings,
    recorded: Mutex<Option<Recorded>>,
}

impl Recorder<'_> {
    fn later<T>() -> Result<T, ConnectionError> {
        Err(ConnectionError::Failed("the host was not asked yet".to_owned()))
    }
}

impl actions::Machine for Recorder<'_> {
    // None of the actions that are sent ahead calls a module under another name.
    fn defaults(&self, _: &Templar, _: &str) -> Result<Map, TemplateError> {
        Ok(Map::default())
    }

    fn call(&self, module: &str, args: serde_json::Value, blobs: &dyn BlobSource) -> Result<Outcome, ConnectionError> {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        *recorded = Some((module.to_owned(), args, blobs.keep()));
        Self::later()
    }

    fn raw(&self, _: &str, _: &[u8]) -> Result<RawOutput, ConnectionError> {
        Self::later()
    }

    fn environment(&self) -> &BTreeMap<String, String> {
        &self.settings.environment
    }

    fn reset(&self) {}

    fn reach(&self, _: Duration) -> Result<(), ConnectionError> {
        Self::later()
    }
}
