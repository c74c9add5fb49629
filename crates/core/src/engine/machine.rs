//! The host of a task, as its action sees it: a connection with the task's settings.

use super::book::Noted;
use super::host_task::HostTask;
use super::settings::Settings;
use crate::actions;
use crate::connection::{BlobSource, Call, Connection, ConnectionError, RawOutput, Target};
use crate::event::Event;
use crate::module::{Mode, Outcome};
use crate::template::{Templar, TemplateError};
use crate::value::Map;
use crate::wire::{Job, Progress, Request};
use std::sync::Arc;
use std::time::Duration;

/// The module that shows whole files.
const COPY: &str = "ansible.builtin.copy";
/// The module that has a shell.
const SHELL: &str = "ansible.builtin.shell";

/// The host as actions see it.
pub(super) struct Machine<'a> {
    pub(super) task: &'a HostTask<'a>,
    pub(super) settings: &'a Settings,
    /// Modules are started in the background.
    pub(super) job: Option<Job>,
}

impl Machine<'_> {
    fn with<T>(
        &self,
        work: impl FnOnce(&mut dyn Connection, Call<'_>) -> Result<T, ConnectionError>,
        blobs: &dyn BlobSource,
    ) -> Result<T, ConnectionError> {
        let pool = &self.task.batch.engine.pool;
        pool.with(&self.settings.target, |connection| self.on(connection, blobs, work))
    }

    /// Works on a connection as this task.
    pub(super) fn on<T>(
        &self,
        connection: &mut dyn Connection,
        blobs: &dyn BlobSource,
        work: impl FnOnce(&mut dyn Connection, Call<'_>) -> Result<T, ConnectionError>,
    ) -> Result<T, ConnectionError> {
        let engine = self.task.batch.engine;
        let mut progress = |news: Progress| match news {
            Progress::Output(line) if !self.settings.no_log => engine.emit(&Event::HostOutput {
                task: Arc::clone(self.task.info),
                host: Arc::clone(self.task.host),
                line: engine.parts.redactor.redact(&line).into_owned(),
            }),
            Progress::Output(_) => {}
        };
        let cancelled = || engine.cancel.is_immediate();
        let journal = self.settings.mode.is_simulated().then(|| engine.pool.journal(&self.settings.target));
        let call = Call {
            become_: self.settings.become_.as_ref(),
            blobs,
            progress: &mut progress,
            cancelled: &cancelled,
            journal: journal.as_deref(),
        };
        work(connection, call)
    }
}

impl Machine<'_> {
    /// A module call as this task's settings make it, and what the ledger will hear of it.
    pub(super) fn request(
        &self,
        module: &str,
        mut args: serde_json::Value,
        blobs: &dyn BlobSource,
    ) -> (Request, Option<Noted>) {
        let book = self.task.batch.engine.book.as_ref();
        let noted = book.and_then(|book| book.record(self, module, &args, blobs));
        let record = noted.as_ref().filter(|_| self.settings.mode == Mode::Apply).map(Noted::line);
        self.add_settings(module, &mut args);
        let request = Request {
            id: self.task.info.id,
            module: module.to_owned(),
            args,
            mode: self.settings.mode,
            diff: self.settings.diff,
            environment: self.settings.environment.clone(),
            timeout: self.settings.timeout,
            job: self.job.clone(),
            simulated: Vec::new(),
            record,
        };
        (request, noted)
    }

    /// Parameters that settings of the run stand for. They are not of what is managed: ledgers do not hear of them.
    fn add_settings(&self, module: &str, args: &mut serde_json::Value) {
        let limit = self.task.batch.engine.options.max_diff_size;
        match (module, limit, &self.settings.target.shell) {
            (COPY, Some(size), _) => args["_max_diff_size"] = size.into(),
            (SHELL, _, Some(shell)) if args["executable"].is_null() => args["executable"] = shell.as_str().into(),
            _ => {}
        }
    }

    /// Takes in what came of a call for the ledger.
    pub(super) fn note(&self, noted: Option<Noted>, outcome: &Outcome) {
        let engine = self.task.batch.engine;
        let error = engine.book.as_ref().and_then(|book| book.note(self.settings, noted, outcome));
        if let Some(error) = error {
            engine.warn(format!("{}: {error}", self.task.host));
        }
    }
}

impl actions::Machine for Machine<'_> {
    fn call(&self, module: &str, args: serde_json::Value, blobs: &dyn BlobSource) -> Result<Outcome, ConnectionError> {
        let (request, noted) = self.request(module, args, blobs);
        let outcome = self.with(|connection, call| connection.call(&request, call), blobs)?;
        self.note(noted, &outcome);
        Ok(outcome)
    }

    fn raw(&self, command: &str, stdin: &[u8]) -> Result<RawOutput, ConnectionError> {
        let timeout = self.settings.timeout.map(Duration::from_secs_f64);
        self.with(|connection, call| connection.raw(command, stdin, timeout, call), &crate::connection::NoBlobs)
    }

    fn environment(&self) -> &std::collections::BTreeMap<String, String> {
        &self.settings.environment
    }

    fn defaults(&self, templar: &Templar, module: &str) -> Result<Map, TemplateError> {
        self.task.defaults(templar, module)
    }

    fn reset(&self) {
        self.task.batch.engine.pool.reset(&self.settings.target);
    }

    fn reach(&self, timeout: Duration) -> Result<(), ConnectionError> {
        self.reset();
        let engine = self.task.batch.engine;
        let target = Target { timeout: Some(timeout), retries: 0, ..self.settings.target.clone() };
        let cancelled = || engine.cancel.is_immediate();
        let reached = engine.pool.with(&target, |connection| {
            let args = serde_json::Value::Object(serde_json::Map::new());
            let request = Request { id: self.task.info.id, ..Request::looking("ansible.builtin.ping", args) };
            let become_ = self.settings.become_.as_ref();
            let call = Call {
                become_,
                blobs: &crate::connection::NoBlobs,
                progress: &mut |_| {},
                cancelled: &cancelled,
                journal: None,
            };
            connection.call(&request, call)
        });
        // Not the one that other tasks use.
        engine.pool.reset(&target);
        let outcome = reached?;
        if outcome.failed { Err(ConnectionError::Failed("ping test failed".to_owned())) } else { Ok(()) }
    }
}
