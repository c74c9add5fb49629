//! `async` and `poll`: a task that goes on by itself on the host, and looking after it.

use super::ended::Ended;
use super::host_task::HostTask;
use super::settings::Settings;
use crate::event::{Event, Status};
use crate::module::Mode;
use crate::playbook::Spanned;
use crate::template::Templar;
use crate::value::{Key, Map, Value};
use crate::wire::Job;
use std::time::{Duration, Instant};

/// Where the states of jobs are, unless `ansible_async_dir` or the task's environment says so.
const DIRECTORY: &str = "~/.ansible_async";
const STATUS: &str = "ansible.builtin.async_status";

impl HostTask<'_> {
    /// One try, in the background where the task says `async`.
    pub(super) fn attempt_freely(&self, templar: &Templar, settings: &Settings, args: &Map) -> Ended {
        let number = |written: &Option<Spanned<Value>>| {
            let value = written.as_ref().and_then(|written| templar.resolve(&written.value).ok());
            value.and_then(|value| Templar::text_of(&value).trim().parse::<f64>().ok())
        };
        let limit = number(&self.task.async_).unwrap_or(0.0);
        let directory = || self.job_directory(templar, settings);
        if *self.task.action == *STATUS {
            let mut args = args.clone();
            args.entry(Key::from("_async_dir")).or_insert_with(|| Value::from(directory()));
            return self.call(&self.task.action, templar, settings, &args, None);
        }
        // A simulation is over before anybody could ask.
        if limit <= 0.0 || settings.mode == Mode::Simulate {
            return self.call(&self.task.action, templar, settings, args, None);
        }
        let parts = &self.batch.engine.parts;
        if parts.actions.get(&self.task.action).is_some() || parts.loader.action_plugin(&self.task.action).is_some() {
            let name = crate::module::short_name(&self.task.action);
            return Ended::failure(format!("This action ({name}) does not support async."));
        }
        let poll = number(&self.task.poll).unwrap_or(self.batch.engine.options.poll_interval);
        if parts.loader.custom_module(&self.task.action).is_some() {
            return self.waited_for(templar, settings, args, limit, poll);
        }
        let id = job_id();
        let job = Job { id: id.clone(), directory: directory(), limit };
        let started = self.call(&self.task.action, templar, settings, args, Some(job));
        if poll <= 0.0 || !started.is_changed() || started.result.get("ansible_job_id").is_none() {
            return started;
        }
        let ended = self.look_after(&id, Duration::from_secs_f64(poll), limit, templar, settings);
        let how = if ended.status == Status::Failed { "FAILED" } else { "OK" };
        self.tell(format!("ASYNC {how} on {}: jid={id}", self.host));
        ended
    }

    fn tell(&self, message: String) {
        self.batch.engine.emit(&Event::Background { message });
    }

    /// A module of one's own, which the helper knows nothing of: it is waited for as long as it may take.
    fn waited_for(&self, templar: &Templar, settings: &Settings, args: &Map, limit: f64, poll: f64) -> Ended {
        if poll <= 0.0 {
            let name = crate::module::short_name(&self.task.action);
            return Ended::failure(format!("the module {name} can be waited for only: give it a `poll` above 0"));
        }
        let settings = Settings { timeout: Some(limit), ..settings.clone() };
        let mut ended = self.call(&self.task.action, templar, &settings, args, None);
        let fields = [
            ("ansible_job_id", Value::from(job_id())),
            ("started", Value::Bool(true)),
            ("finished", Value::Bool(true)),
        ];
        ended.result.extend(fields.map(|(name, value)| (Key::from(name), value)));
        ended
    }

    /// Asks until the job has ended, then removes its state.
    fn look_after(&self, id: &str, poll: Duration, limit: f64, templar: &Templar, settings: &Settings) -> Ended {
        let directory = Value::from(self.job_directory(templar, settings));
        let mut args = Map::from_iter([(Key::from("jid"), Value::from(id)), (Key::from("_async_dir"), directory)]);
        let started = Instant::now();
        loop {
            self.pause(poll.min(Duration::from_secs_f64((limit - started.elapsed().as_secs_f64()).max(0.1))));
            let state = self.call(STATUS, templar, settings, &args, None);
            let finished = state.result.get("finished").and_then(Value::as_bool) == Some(true);
            if finished {
                args.insert(Key::from("mode"), Value::from("cleanup"));
                self.call(STATUS, templar, settings, &args, None);
            }
            let given_up = self.batch.engine.cancel.is_requested();
            if finished || given_up || state.result.get("unreachable").is_some() {
                return state;
            }
            let flag = |name| state.result.get(name).map(Templar::text_of).unwrap_or_default();
            let (started_there, finished_there) = (flag("started"), flag("finished"));
            let known = format!("jid={id} started={started_there} finished={finished_there}");
            self.tell(format!("ASYNC POLL on {}: {known}", self.host));
            // The host ends it at the limit itself; this is for one that does not.
            if started.elapsed().as_secs_f64() > limit + poll.as_secs_f64() + 10.0 {
                let mut late =
                    Ended::failure(format!("async task did not complete within the requested time - {limit}s"));
                late.result.insert(Key::from("async_result"), state.value());
                return late;
            }
        }
    }

    fn job_directory(&self, templar: &Templar, settings: &Settings) -> String {
        let variable = templar.variable("ansible_async_dir").ok().flatten().map(|dir| Templar::text_of(&dir));
        variable
            .or_else(|| settings.environment.get("ANSIBLE_ASYNC_DIR").cloned())
            .unwrap_or_else(|| DIRECTORY.to_owned())
    }
}

fn job_id() -> String {
    format!("j{}.{}", fastrand::u64(1..1_000_000_000_000), fastrand::u32(1000..100_000))
}
