//! One task on one host: condition, arguments, the action itself, retries, and what its result means.

use super::arguments::shown_arguments;
use super::batch::Batch;
use super::ended::{Ended, tell_timeout};
use super::machine::Machine;
use super::planned::EXACT;
use super::settings::{Resolver, Settings, truthy};
use crate::actions::{self, ActionError, ENGINE_ACTIONS, Reply};
use crate::connection::ConnectionError;
use crate::event::{Event, Status, TaskInfo};
use crate::module::Mode;
use crate::plan::Verdict;
use crate::playbook::{Spanned, Task, is_whole_template, parse_key_values};
use crate::template::{Condition, Templar, TemplateError};
use crate::value::{Key, Map, Value, has_jinja};
use crate::vars::LOCAL_NAMES;
use crate::wire::Job;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A task on a host.
pub(super) struct HostTask<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) task: &'a Arc<Task>,
    pub(super) info: &'a Arc<TaskInfo>,
    pub(super) host: &'a Arc<str>,
    /// Number of the loop's item.
    pub(super) item: Option<usize>,
}

impl HostTask<'_> {
    /// Runs it, with its loop if it has one.
    pub(super) fn run(&self) -> Ended {
        self.run_with(Map::default())
    }

    /// The same with variables that win over all others.
    pub(super) fn run_with(&self, set: Map) -> Ended {
        let started = Instant::now();
        let templar = self.batch.templar(self.host, &self.task.scope).with_locals(set);
        let mut ended = match &self.task.loop_ {
            None => self.once(&templar),
            Some(loop_) => self.looped(&templar, loop_),
        };
        ended.elapsed = started.elapsed();
        if ended.status == Status::Unknown {
            self.simulated(None, true);
        }
        ended
    }

    /// Runs it once, with whatever item `templar` knows.
    pub(super) fn once(&self, templar: &Templar) -> Ended {
        let mut ended = self.begun(templar);
        self.hide(templar, &mut ended);
        ended
    }

    /// What ends before its settings are known is no less secret: skipped, or failed.
    pub(super) fn hide(&self, templar: &Templar, ended: &mut Ended) {
        ended.no_log |= match self.task.scope.find(|keywords| &keywords.no_log) {
            None => self.batch.engine.options.no_log,
            Some(written) => templar.resolve(&written.value).map_or(true, |value| truthy(&value)),
        };
    }

    fn begun(&self, templar: &Templar) -> Ended {
        let delegating;
        let templar = match self.delegated_vars(templar) {
            Ok(Some(vars)) => {
                delegating = templar.with_locals(vars);
                &delegating
            }
            Ok(None) => templar,
            Err(message) => return self.before(Ended::failure(message)),
        };
        match self.when(templar) {
            Ok(None) => {}
            Ok(Some(ended)) => return ended.but_only_looks(self.only_looks()),
            Err(ended) => return self.before(*ended),
        }
        if has_jinja(&self.task.action) {
            return match self.named_action(templar) {
                Ok(task) => HostTask { task: &task, ..*self }.perform(templar),
                Err(error) => self.before(Ended::from_error(&error, self.task.span.as_ref(), "")),
            };
        }
        self.perform(templar)
    }

    /// A failure before the task began, which the playbook may ignore as any other.
    pub(super) fn before(&self, mut ended: Ended) -> Ended {
        let ignores =
            self.batch.task_flag(self.task, std::slice::from_ref(self.host), |keywords| &keywords.ignore_errors);
        if ended.status == Status::Failed && ignores {
            ended.status = Status::Ignored;
        }
        ended
    }

    /// The task with the action that `action: "{{ name }}"` comes to.
    fn named_action(&self, templar: &Templar) -> Result<Arc<Task>, TemplateError> {
        let name = templar.resolve_text(&Value::trusted(&*self.task.action, self.task.span.clone()))?;
        let loader = &self.batch.engine.parts.loader;
        let Some(action) = loader.named(name.trim()).filter(|action| !ENGINE_ACTIONS.contains(&&**action)) else {
            let message = format!("The module {name} was not found or cannot be named by a template");
            return Err(TemplateError::new(message, self.task.span.as_ref()));
        };
        let mut task = Task::clone(self.task);
        if let Some(text) =
            task.args.get("_raw_params").and_then(Value::as_str).filter(|_| !loader.is_free_form(&action))
            && let Some(parsed) = parse_key_values(text, false)
        {
            let args = Arc::make_mut(&mut task.args);
            args.shift_remove("_raw_params");
            args.extend(parsed.options.into_iter().map(|(name, text)| (Key::from(name), Value::trusted(text, None))));
            if let Some(raw) = parsed.raw {
                let name = if is_whole_template(&raw) { "_variable_params" } else { "_raw_params" };
                args.insert(Key::from(name), Value::trusted(raw, None));
            }
        }
        task.action = action;
        Ok(Arc::new(task))
    }

    /// Runs it once its condition is known to hold.
    fn perform(&self, templar: &Templar) -> Ended {
        if self.batch.engine.refuses_text(self.task) {
            let message = format!("Task failed: Action '{}' does not support raw params.", self.task.action);
            return self.before(Ended::failure(message));
        }
        let (settings, args, delegate) = match self.prepare(templar) {
            Ok(prepared) => prepared,
            Err((error, doing)) => return self.before(Ended::from_error(&error, self.task.span.as_ref(), &doing)),
        };
        if self.batch.engine.book.as_ref().is_some_and(|book| book.passes(self, &settings)) {
            return Ended::skipped([("skip_reason", Value::from("done before the run was cut off"))]);
        }
        let args = self.without_unseen(args);
        let mut ended = match args.values().find_map(Value::first_unknown) {
            Some(reason) if !self.accepts_unknown() => {
                let ended = Ended::unknown(&reason).but_only_looks(self.only_looks());
                self.judge(&self.with_result(templar, &ended), ended).unwrap_or_else(|ended| *ended)
            }
            _ if self.may_be_refused(&settings, &args) => {
                let looks = Settings { mode: Mode::Foresee, ..settings.clone() };
                self.left_open(&settings, self.until(templar, &looks, &args))
            }
            _ => self.until(templar, &settings, &args),
        };
        let parts = &self.batch.engine.parts;
        if self.batch.engine.options.verbosity > 2
            && ended.status != Status::Unreachable
            && parts.registry.get(&self.task.action).is_some()
            && parts.actions.get(&self.task.action).is_none()
        {
            ended.invocation.get_or_insert_with(|| shown_arguments(&args));
        }
        self.settled(ended, &settings, delegate)
    }

    /// What a reply comes to where there is no condition to wait for.
    pub(super) fn conclude(&self, templar: &Templar, settings: &Settings, reply: Result<Reply, ActionError>) -> Ended {
        let ended = self.replied(reply, settings);
        let ended = match ended.status {
            Status::Unreachable => ended,
            _ => self.judge(templar, ended).unwrap_or_else(|ended| *ended),
        };
        self.settled(ended, settings, None)
    }

    /// What the task's keywords make of its end.
    fn settled(&self, mut ended: Ended, settings: &Settings, delegate: Option<Arc<str>>) -> Ended {
        ended.no_log |= settings.no_log;
        ended.only_checked = settings.only_checks;
        if settings.mode == Mode::Foresee {
            ended = ended.but_only_looks(true);
            ended.acts = false;
        }
        let address = &settings.target.address;
        ended.delegated_address =
            delegate.as_ref().filter(|name| ***name != **address).map(|_| Arc::from(address.as_str()));
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
        if matches!(ended.status, Status::Failed | Status::Ignored) && !ended.result.contains_key("unreachable") {
            let trace = || Value::from("(traceback unavailable)");
            ended.result.entry(Key::from("exception")).or_insert_with(trace);
        }
        ended
    }

    /// All conditions, outermost first. `Some`: it ends here.
    pub(super) fn when(&self, templar: &Templar) -> Result<Option<Ended>, Box<Ended>> {
        let mut levels: Vec<_> = self.task.scope.levels().collect();
        levels.reverse();
        // What a plan does not know may be of no account: another condition may be false.
        let mut unknown = None;
        for condition in levels.into_iter().flat_map(|level| &level.keywords.when) {
            match templar.condition(condition) {
                Ok(Condition::True) => {}
                Ok(Condition::Unknown(reason)) => drop(unknown.get_or_insert(reason)),
                Err(_) if unknown.is_some() => {}
                Ok(Condition::False) => {
                    return Ok(Some(Ended::skipped([
                        ("skip_reason", Value::from("Conditional result was False")),
                        ("false_condition", source(&condition.value)),
                    ])));
                }
                Err(error) => {
                    let place = condition.span.as_ref().or(self.task.span.as_ref());
                    return Err(Box::new(Ended::from_error(&error, place, "")));
                }
            }
        }
        Ok(unknown.map(|reason| Ended::unknown(&reason)))
    }

    /// Closes the connection, so that the next task opens a new one.
    pub(super) fn reset_connection(&self) {
        let templar = self.batch.templar(self.host, &self.task.scope);
        if let Ok((settings, ..)) = self.prepare(&templar) {
            self.batch.engine.pool.reset(&settings.target);
        }
    }

    /// Settings, arguments, and the host that will do it if it is another one.
    #[allow(clippy::type_complexity, reason = "used by two callers here")]
    pub(super) fn prepare(
        &self,
        templar: &Templar,
    ) -> Result<(Settings, Map, Option<Arc<str>>), (TemplateError, String)> {
        let plainly = |error| (error, String::new());
        let engine = self.batch.engine;
        let written = self.task.scope.find(|keywords| &keywords.delegate_to);
        let delegate: Option<Arc<str>> = match written {
            Some(written) => match templar.resolve(&written.value).map_err(plainly)? {
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
            plugins: engine.parts.loader.plugins(),
            options: &engine.options,
            scope: &self.task.scope,
            templar,
            connection: &connection,
            directory: &self.batch.play.dir,
            host: reached,
            gathers: matches!(&*self.task.action, "ansible.builtin.setup" | "ansible.builtin.gather_facts"),
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
            if !looping || ended.status == Status::Unknown || ended.unknown.is_some() {
                return ended;
            }
            match self.is_done(&self.with_result(templar, &ended), &ended) {
                Ok(true) => return ended,
                Ok(false) => {}
                Err(failed) => return *failed,
            }
            // In a plan nothing is waited for: what is not so now may be so after the changes.
            if self.is_simulated(settings) {
                return Ended::unknown("waits for what earlier tasks change").but_only_looks(!ended.acts);
            }
            if attempt > retries || self.batch.engine.cancel.is_requested() {
                return ended.exhausted(retries);
            }
            self.batch.engine.emit(&Event::Retrying {
                task: Arc::clone(self.info),
                host: Arc::clone(self.host),
                attempt,
                left: retries + 1 - attempt,
            });
            self.pause(Duration::from_secs_f64(delay));
        }
        Ended::failure("failed to count the tries")
    }

    /// Sleeps, unless the run is asked to stop.
    pub(super) fn pause(&self, duration: Duration) {
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
                // What a plan cannot know does not keep the task from being done.
                Ok(Condition::Unknown(_)) => return Ok(true),
                Ok(Condition::False) => return Ok(false),
                Err(error) => return Err(Box::new(Ended::from_error(&error, condition.span.as_ref(), ""))),
            }
        }
        Ok(true)
    }

    /// A templar that knows the result under its `register` name.
    pub(super) fn with_result(&self, templar: &Templar, ended: &Ended) -> Templar {
        match &self.task.register {
            Some(name) => templar.with_locals(Map::from_iter([(Key::Str(Arc::clone(name)), ended.value())])),
            None => templar.clone(),
        }
    }

    /// One try, as far as the plan that the run is held to allows.
    fn attempt(&self, templar: &Templar, settings: &Settings, args: &Map) -> Ended {
        let guard = self.batch.engine.guard.as_ref().filter(|_| !settings.only_checks);
        let Some(guard) = guard else { return self.attempt_freely(templar, settings, args) };
        match guard.verdict(self.info, self.host, self.item) {
            Verdict::Act => self.attempt_freely(templar, settings, args),
            // It may have to wait for what it looks at, which a check does not.
            Verdict::Look if self.only_looks() => self.attempt_freely(templar, settings, args),
            Verdict::Refuse => Ended::failure("the plan does not have this task: nothing was done"),
            Verdict::Look => {
                let settings = Settings { mode: Mode::Check, ..settings.clone() };
                let ended = self.attempt_freely(templar, &settings, args);
                if !ended.acts {
                    return ended;
                }
                Ended {
                    diff: ended.diff,
                    ..Ended::failure("the plan says that nothing changes here: nothing was done")
                }
            }
        }
    }

    /// Calls an action or module; a job where there is one.
    pub(super) fn call(
        &self,
        name: &str,
        templar: &Templar,
        settings: &Settings,
        args: &Map,
        job: Option<Job>,
    ) -> Ended {
        let machine = Machine { task: self, settings, job };
        self.replied(self.act(name, templar, settings, args, &machine), settings)
    }

    /// Lets an action or module do its work on `machine`.
    ///
    /// # Errors
    /// Why it did not come to a result.
    pub(super) fn act(
        &self,
        name: &str,
        templar: &Templar,
        settings: &Settings,
        args: &Map,
        machine: &dyn actions::Machine,
    ) -> Result<Reply, ActionError> {
        let engine = self.batch.engine;
        let context = actions::Context {
            templar,
            host: self.host,
            task: self.task,
            mode: settings.mode,
            diff: settings.diff,
            verbosity: engine.options.verbosity,
            playbook_dir: &self.batch.play.dir,
            loader: &engine.parts.loader,
            facts_modules: &engine.options.facts_modules,
            machine,
            vault: &engine.parts.vault,
            redactor: &engine.parts.redactor,
            prompter: engine.parts.prompter.as_deref(),
            cancel: &engine.cancel,
        };
        // A user that is removed must not be kept by our own helper.
        if &*self.task.action == "ansible.builtin.user" && args.get("state").and_then(Value::as_str) == Some("absent") {
            engine.pool.reset(&settings.target);
        }
        let loader = &engine.parts.loader;
        if let Some(action) = engine.parts.actions.get(name) {
            return action.run(&context, args.clone());
        }
        match (loader.action_plugin(name), loader.custom_module(name)) {
            (Some(plugin), _) => actions::plugin::run(&context, &plugin, args),
            (None, Some(path)) => actions::custom::run(&context, name, &path, args),
            (None, None) => context.module(name, args),
        }
    }

    /// What an action gave back, or why it did not.
    fn replied(&self, reply: Result<Reply, ActionError>, settings: &Settings) -> Ended {
        match reply {
            Ok(reply) => self.ended(reply, settings),
            Err(ActionError::Failed(message)) => Ended::failure(message),
            Err(ActionError::Template(error)) => Ended::from_error(&error, self.task.span.as_ref(), ""),
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
        let unsure = if settings.mode == Mode::Apply { self.is_simulated(settings) } else { self.is_unsure(settings) };
        if reply.failed && reply.from_host && unsure {
            // What it needs may be what earlier tasks make: that is decided when they have.
            let message = reply.output.get("msg").map(Templar::text_of).unwrap_or_default();
            return Ended::unknown(&message).but_only_looks(reply.only_looks);
        }
        if reply.unknown && !reply.failed {
            let message = reply.output.get("msg").map(Templar::text_of);
            let reason = message.unwrap_or_else(|| "it depends on what earlier tasks change".to_owned());
            let ended = Ended { diff: reply.diff, effects: reply.effects, ..Ended::unknown(&reason) };
            let mut ended = ended.but_only_looks(reply.only_looks || self.only_looks());
            // What is done is known, and that it counts as no change: only the answer is not.
            if ended.acts && reply.change.is_some() && !reply.changed {
                ended.status = Status::Ok;
                ended.change = reply.change;
            }
            return ended;
        }
        let status = match () {
            () if reply.failed => Status::Failed,
            () if reply.skipped => Status::Skipped,
            () if reply.changed => Status::Changed,
            () => Status::Ok,
        };
        if reply.changed && settings.mode == Mode::Simulate {
            self.simulated(Some(settings), !EXACT.contains(&&*self.task.action));
        }
        let mut result = reply.output;
        let invocation = result.shift_remove("invocation");
        tell_timeout(&mut result);
        for (text, lines) in [("stdout", "stdout_lines"), ("stderr", "stderr_lines")] {
            if let Some(Value::Str(text)) = result.get(text).cloned()
                && !result.contains_key(lines)
            {
                result.insert(Key::from(lines), Value::list(text.lines().map(Value::from)));
            }
        }
        result.insert(Key::from("changed"), Value::Bool(reply.changed));
        result.insert(Key::from("failed"), Value::Bool(reply.failed));
        if reply.skipped {
            result.insert(Key::from("skipped"), Value::Bool(true));
        }
        if !settings.diff && &*self.task.action == "ansible.builtin.file" {
            // It alone tells its diff only where one is asked for.
            result.shift_remove("diff");
        } else if settings.diff && !reply.diff.is_empty() {
            let diff = || Value::list(reply.diff.iter().map(|diff| Value::from(diff.to_result())));
            result.entry(Key::from("diff")).or_insert_with(diff);
        }
        let ended = Ended::new(status, result);
        Ended {
            diff: reply.diff,
            acts: reply.changed,
            change: reply.change,
            effects: reply.effects,
            no_log: reply.no_log,
            invocation,
            ..ended
        }
    }
}

/// A condition as it was written.
fn source(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), Value::from)
}
