//! One task on one host: condition, arguments, the action itself, retries, and what its result means.

use super::RunMode;
use super::batch::Batch;
use super::machine::Machine;
use super::settings::{Resolver, Settings};
use super::task::NO_TIME;
use crate::actions::{self, ActionError, Effect, Reply};
use crate::connection::ConnectionError;
use crate::diagnostic::Span;
use crate::event::{Event, Status, TaskInfo};
use crate::module::{Diff, Mode};
use crate::playbook::{Spanned, Task};
use crate::template::{Condition, Templar, TemplateError};
use crate::value::{Key, Map, Value};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How a task ended on a host, with everything that follows from it.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) status: Status,
    /// What `register` gets.
    pub(super) result: Map,
    pub(super) diff: Vec<Diff>,
    pub(super) effects: Vec<Effect>,
    /// Why nothing of the result can be known before apply, if so.
    pub(super) unknown: Option<Arc<str>>,
    pub(super) no_log: bool,
    pub(super) elapsed: Duration,
    pub(super) delegated_to: Option<Arc<str>>,
    /// Host whose facts these are, where another than the task's.
    pub(super) facts_for: Option<Arc<str>>,
}

impl Ended {
    pub(super) fn new(status: Status, result: Map) -> Self {
        Self {
            status,
            result,
            diff: Vec::new(),
            effects: Vec::new(),
            unknown: None,
            no_log: false,
            elapsed: NO_TIME,
            delegated_to: None,
            facts_for: None,
        }
    }

    pub(super) fn failure(message: impl Into<String>) -> Self {
        let fields =
            [("changed", Value::Bool(false)), ("failed", Value::Bool(true)), ("msg", Value::from(message.into()))];
        Self::new(Status::Failed, fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect())
    }

    pub(super) fn from_error(error: &TemplateError, place: Option<&Span>) -> Self {
        let diagnostic = error.to_diagnostic();
        let diagnostic = place.map_or(diagnostic.clone(), |place| diagnostic.at(place));
        Self::failure(diagnostic.to_string())
    }

    pub(super) fn skipped(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let fixed = [("changed", Value::Bool(false)), ("skipped", Value::Bool(true))];
        let result = fixed.into_iter().chain(fields).map(|(name, value)| (Key::from(name), value)).collect();
        Self::new(Status::Skipped, result)
    }

    /// Only apply will know.
    pub(super) fn unknown(reason: &str) -> Self {
        let message = Value::from(format!("decided at apply: {reason}"));
        let ended = Self::new(Status::Unknown, Map::from_iter([(Key::from("msg"), message)]));
        Self { unknown: Some(reason.into()), ..ended }
    }

    /// What `register` gets.
    pub(super) fn value(&self) -> Value {
        match &self.unknown {
            Some(reason) => Value::Unknown(Arc::clone(reason)),
            None => Value::Map(Arc::new(self.result.clone())),
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        self.result.get("changed").and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn may_have_changed(&self) -> bool {
        matches!(self.status, Status::Changed | Status::Unknown)
    }

    pub(super) fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        self.result.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
    }
}

/// A task on a host.
pub(super) struct HostTask<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) task: &'a Arc<Task>,
    pub(super) info: &'a Arc<TaskInfo>,
    pub(super) host: &'a Arc<str>,
}

impl HostTask<'_> {
    /// Runs it, with its loop if it has one.
    pub(super) fn run(&self) -> Ended {
        let started = Instant::now();
        let templar = self.batch.templar(self.host, &self.task.scope);
        let mut ended = match &self.task.loop_ {
            None => self.once(&templar),
            Some(loop_) => self.looped(&templar, loop_),
        };
        ended.elapsed = started.elapsed();
        ended
    }

    /// Runs it once, with whatever item `templar` knows.
    pub(super) fn once(&self, templar: &Templar) -> Ended {
        match self.when(templar) {
            Ok(None) => {}
            Ok(Some(ended)) => return ended,
            Err(ended) => return *ended,
        }
        let prepared = self.prepare(templar);
        let (settings, args, delegate) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Ended::from_error(&error, self.task.span.as_ref()),
        };
        let mut ended = match args.values().find_map(first_unknown) {
            Some(reason) if !self.accepts_unknown() => Ended::unknown(&reason),
            _ => self.until(templar, &settings, &args),
        };
        ended.no_log |= settings.no_log;
        ended.delegated_to = delegate;
        if self.task.scope.find(|keywords| &keywords.delegate_facts).and_then(|facts| facts.value.as_bool())
            == Some(true)
        {
            ended.facts_for = ended.delegated_to.clone();
        }
        match ended.status {
            Status::Failed if settings.ignore_errors => ended.status = Status::Ignored,
            Status::Unreachable if settings.ignore_unreachable => {
                ended.status = Status::Ignored;
                ended.result.insert(Key::from("unreachable"), Value::Bool(true));
            }
            _ => {}
        }
        ended
    }

    /// All conditions, outermost first. `Some`: it ends here.
    pub(super) fn when(&self, templar: &Templar) -> Result<Option<Ended>, Box<Ended>> {
        let mut levels: Vec<_> = self.task.scope.levels().collect();
        levels.reverse();
        for condition in levels.into_iter().flat_map(|level| &level.keywords.when) {
            match templar.condition(condition) {
                Ok(Condition::True) => {}
                Ok(Condition::False) => {
                    return Ok(Some(Ended::skipped([
                        ("skip_reason", Value::from("Conditional result was False")),
                        ("false_condition", Value::from(Templar::text_of(&source(&condition.value)))),
                    ])));
                }
                Ok(Condition::Unknown(reason)) => return Ok(Some(Ended::unknown(&reason))),
                Err(error) => {
                    return Err(Box::new(Ended::from_error(
                        &error,
                        condition.span.as_ref().or(self.task.span.as_ref()),
                    )));
                }
            }
        }
        Ok(None)
    }

    /// Closes the connection, so that the next task opens a new one.
    pub(super) fn reset_connection(&self) {
        let templar = self.batch.templar(self.host, &self.task.scope);
        if let Ok((settings, ..)) = self.prepare(&templar) {
            self.batch.engine.pool.reset(&settings.target);
        }
    }

    fn accepts_unknown(&self) -> bool {
        self.batch.engine.parts.actions.get(&self.task.action).is_some_and(crate::actions::DynAction::accepts_unknown)
    }

    /// Settings, arguments, and the host that will do it if it is another one.
    fn prepare(&self, templar: &Templar) -> Result<(Settings, Map, Option<Arc<str>>), TemplateError> {
        let engine = self.batch.engine;
        let written = self.task.scope.find(|keywords| &keywords.delegate_to);
        let delegate: Option<Arc<str>> = match written {
            Some(written) => match templar.resolve(&written.value)? {
                Value::Null | Value::Omit => None,
                value => Some(Templar::text_of(&value)).filter(|name| !name.is_empty()).map(Arc::from),
            },
            None => None,
        };
        let reached = delegate.as_ref().unwrap_or(self.host);
        let connection = match &delegate {
            Some(name) => self.batch.templar(name, &self.task.scope),
            None => templar.clone(),
        };
        let known = engine.store.inventory(|inventory| inventory.host(reached).is_some());
        let resolver = Resolver {
            options: &engine.options,
            scope: &self.task.scope,
            templar,
            connection: &connection,
            host: reached,
            implicit_local: !known && LOCAL_NAMES.contains(&&**reached),
        };
        let settings = resolver.settings()?;
        for secret in [&settings.target.password, &settings.target.private_key_passphrase] {
            secret.iter().for_each(|secret| engine.parts.redactor.add(secret.expose()));
        }
        if let Some(password) = settings.become_.as_ref().and_then(|become_| become_.password.as_ref()) {
            engine.parts.redactor.add(password.expose());
        }
        let args = self.args(templar)?;
        Ok((settings, args, delegate))
    }

    /// The arguments, evaluated, over the defaults that `module_defaults` gives.
    pub(super) fn args(&self, templar: &Templar) -> Result<Map, TemplateError> {
        let mut args = Map::new();
        let mut levels: Vec<_> = self.task.scope.levels().collect();
        levels.reverse();
        for written in levels.iter().filter_map(|level| level.keywords.module_defaults.as_ref()) {
            let defaults = match templar.resolve(&written.value)? {
                Value::List(items) => items.to_vec(),
                other => vec![other],
            };
            for defaults in
                defaults.iter().filter_map(|defaults| defaults.get(&self.task.action)).filter_map(Value::as_map)
            {
                args.extend(defaults.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        if let Some(whole) = self.task.args.get("_variable_params") {
            match templar.resolve(whole)? {
                Value::Map(whole) => args.extend(whole.iter().map(|(key, value)| (key.clone(), value.clone()))),
                other => {
                    let message =
                        format!("failed to evaluate `args`: it must give a mapping, not {}", other.type_name());
                    return Err(TemplateError::new(message, None));
                }
            }
        }
        let action = self.batch.engine.parts.actions.get(&self.task.action);
        for (key, value) in self.task.args.iter().filter(|(key, _)| key.as_str() != Some("_variable_params")) {
            // An action that evaluates a parameter itself (`that`, `var`) gets it as written.
            let raw = key.as_str().is_some_and(|key| action.is_some_and(|action| action.raw_args().contains(&key)));
            let value = if raw { value.clone() } else { templar.resolve(value)? };
            if value == Value::Omit {
                args.shift_remove(key);
            } else {
                args.insert(key.clone(), value);
            }
        }
        Ok(args)
    }

    /// Tries until the conditions hold or the tries are used up.
    fn until(&self, templar: &Templar, settings: &Settings, args: &Map) -> Ended {
        let looping = !self.task.until.is_empty() || self.task.retries.is_some();
        let number = |written: &Option<Spanned<Value>>, default: f64| {
            let value = written.as_ref().and_then(|written| templar.resolve(&written.value).ok());
            value.and_then(|value| Templar::text_of(&value).trim().parse().ok()).unwrap_or(default)
        };
        let retries = if looping { number(&self.task.retries, 3.0).max(0.0) as u32 } else { 0 };
        let delay = number(&self.task.delay, 5.0).max(0.0);
        for attempt in 1.. {
            let mut ended = self.attempt(templar, settings, args);
            if ended.status == Status::Unreachable {
                return ended;
            }
            if looping {
                ended.result.insert(Key::from("attempts"), Value::Int(i64::from(attempt)));
            }
            let locals = self.with_result(templar, &ended);
            match self.judge(&locals, ended) {
                Ok(judged) => ended = judged,
                Err(ended) => return *ended,
            }
            if !looping || ended.status == Status::Unknown {
                return ended;
            }
            match self.is_done(&self.with_result(templar, &ended), &ended) {
                Ok(true) => return ended,
                Ok(false) => {}
                Err(failed) => return *failed,
            }
            // In a plan nothing is waited for: what is not so now may be so after the changes.
            if self.is_simulated() {
                return Ended::unknown("waits for what earlier tasks change");
            }
            if attempt > retries || self.batch.engine.cancel.is_requested() {
                let left = if ended.status == Status::Failed { ended } else { retries_exhausted(ended) };
                return left;
            }
            self.batch.engine.emit(&Event::Retrying {
                task: Arc::clone(self.info),
                host: Arc::clone(self.host),
                left: retries + 1 - attempt,
            });
            self.pause(Duration::from_secs_f64(delay));
        }
        Ended::failure("failed to count the tries")
    }

    /// Sleeps, unless the run is asked to stop.
    fn pause(&self, duration: Duration) {
        let until = Instant::now() + duration;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.batch.engine.cancel.is_requested() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }

    fn is_done(&self, templar: &Templar, ended: &Ended) -> Result<bool, Box<Ended>> {
        if self.task.until.is_empty() {
            return Ok(ended.status != Status::Failed);
        }
        for condition in &self.task.until {
            match templar.condition(condition) {
                Ok(Condition::True) => {}
                Ok(_) => return Ok(false),
                Err(error) => return Err(Box::new(Ended::from_error(&error, condition.span.as_ref()))),
            }
        }
        Ok(true)
    }

    /// A templar that knows the result under its `register` name.
    fn with_result(&self, templar: &Templar, ended: &Ended) -> Templar {
        match &self.task.register {
            Some(name) => templar.with_locals(Map::from_iter([(Key::Str(Arc::clone(name)), ended.value())])),
            None => templar.clone(),
        }
    }

    /// `changed_when` and `failed_when`.
    fn judge(&self, templar: &Templar, mut ended: Ended) -> Result<Ended, Box<Ended>> {
        if ended.status == Status::Skipped {
            return Ok(ended);
        }
        let verdict = |conditions: &[Spanned<Value>]| -> Result<Option<Condition>, Box<Ended>> {
            let mut verdict = None;
            for condition in conditions {
                let one = templar.condition(condition).map_err(|error| {
                    let mut failed = Ended::from_error(&error, condition.span.as_ref().or(self.task.span.as_ref()));
                    failed.result = ended
                        .result
                        .iter()
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .chain(failed.result)
                        .collect();
                    Box::new(failed)
                })?;
                match one {
                    Condition::True => verdict = Some(Condition::True),
                    other => return Ok(Some(other)),
                }
            }
            Ok(verdict)
        };
        let changed = verdict(&self.task.changed_when)?;
        let failed = verdict(&self.task.failed_when)?;
        if ended.status == Status::Unknown {
            // Known in advance after all: a task that says it never changes anything is no change in a plan either.
            if matches!(changed, Some(Condition::False)) {
                ended.status = Status::Ok;
                ended.result.insert(Key::from("changed"), Value::Bool(false));
            }
            return Ok(ended);
        }
        if let Some(changed) = changed {
            ended.result.insert(Key::from("changed"), Value::Bool(matches!(changed, Condition::True)));
        }
        match failed {
            Some(Condition::True) => {
                ended.result.insert(Key::from("failed"), Value::Bool(true));
                ended.result.insert(Key::from("failed_when_result"), Value::Bool(true));
                ended.status = Status::Failed;
            }
            Some(_) => {
                ended.result.insert(Key::from("failed"), Value::Bool(false));
                ended.result.insert(Key::from("failed_when_result"), Value::Bool(false));
                ended.status = Status::Ok;
            }
            None => {}
        }
        if ended.status != Status::Failed {
            ended.status = if ended.is_changed() { Status::Changed } else { Status::Ok };
        }
        Ok(ended)
    }

    /// One try.
    fn attempt(&self, templar: &Templar, settings: &Settings, args: &Map) -> Ended {
        let engine = self.batch.engine;
        let machine = Machine { task: self, settings };
        let context = actions::Context {
            templar,
            host: self.host,
            task: self.task,
            mode: settings.mode,
            diff: settings.diff,
            verbosity: engine.options.verbosity,
            search: self.batch.search(&self.task.scope),
            playbook_dir: &self.batch.play.dir,
            machine: &machine,
            vault: &engine.parts.vault,
            redactor: &engine.parts.redactor,
            prompter: engine.parts.prompter.as_deref(),
            cancel: &engine.cancel,
        };
        let reply = match engine.parts.actions.get(&self.task.action) {
            Some(action) => action.run(&context, args.clone()),
            None => context.module(&self.task.action, args),
        };
        match reply {
            Ok(reply) => self.ended(reply, settings),
            Err(ActionError::Failed(message)) => Ended::failure(message),
            Err(ActionError::Template(error)) => Ended::from_error(&error, self.task.span.as_ref()),
            Err(ActionError::Connection(ConnectionError::Failed(message))) => Ended::failure(message),
            Err(ActionError::Connection(ConnectionError::Unreachable(message))) => {
                let fields = [
                    ("changed", Value::Bool(false)),
                    ("msg", Value::from(message)),
                    ("unreachable", Value::Bool(true)),
                ];
                let result = fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect();
                Ended::new(Status::Unreachable, result)
            }
        }
    }

    /// What a reply means.
    fn ended(&self, reply: Reply, settings: &Settings) -> Ended {
        if reply.failed && reply.from_host && self.is_simulated() {
            // What it needs may be what earlier tasks make: that is decided when they have.
            let message = reply.output.get("msg").map(Templar::text_of).unwrap_or_default();
            return Ended::unknown(&message);
        }
        if reply.unknown && !reply.failed {
            let message = reply.output.get("msg").map(Templar::text_of);
            let reason = message.unwrap_or_else(|| "it depends on what earlier tasks change".to_owned());
            return Ended { diff: reply.diff, effects: reply.effects, ..Ended::unknown(&reason) };
        }
        let status = match () {
            () if reply.failed => Status::Failed,
            () if reply.skipped => Status::Skipped,
            () if reply.changed => Status::Changed,
            () => Status::Ok,
        };
        if reply.changed && settings.mode == Mode::Simulate {
            let mut simulated = self.batch.engine.simulated.lock().unwrap_or_else(PoisonError::into_inner);
            simulated.insert(Arc::clone(self.host));
        }
        let mut result = reply.output;
        result.insert(Key::from("changed"), Value::Bool(reply.changed));
        result.insert(Key::from("failed"), Value::Bool(reply.failed));
        if reply.skipped {
            result.insert(Key::from("skipped"), Value::Bool(true));
        }
        if settings.diff && !reply.diff.is_empty() {
            let diff = || Value::from(serde_json::to_value(&reply.diff).unwrap_or_default());
            result.entry(Key::from("diff")).or_insert_with(diff);
        }
        Ended { diff: reply.diff, effects: reply.effects, ..Ended::new(status, result) }
    }

    /// Whether a plan has simulated changes on this host.
    fn is_simulated(&self) -> bool {
        let engine = self.batch.engine;
        engine.options.mode == RunMode::Plan
            && engine.simulated.lock().unwrap_or_else(PoisonError::into_inner).contains(self.host)
    }
}

/// Names that mean this machine where no inventory has them.
const LOCAL_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

fn retries_exhausted(mut ended: Ended) -> Ended {
    ended.result.insert(Key::from("failed"), Value::Bool(true));
    ended
        .result
        .entry(Key::from("msg"))
        .or_insert_with(|| Value::from("the until conditions did not hold within the retries"));
    ended.status = Status::Failed;
    ended
}

/// The reason of the first unknown value inside.
pub(super) fn first_unknown(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Unknown(reason) => Some(Arc::clone(reason)),
        Value::List(items) => items.iter().find_map(first_unknown),
        Value::Map(map) => map.values().find_map(first_unknown),
        _ => None,
    }
}

/// A condition as it was written.
fn source(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), Value::from)
}
