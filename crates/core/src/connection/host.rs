//! An open connection: one helper for each user that is needed, over any transport.

use super::bootstrap::{Bootstrap, become_and_run};
use super::pipe::Stream;
use super::transport::Transport;
use super::{Become, Call, Connection, ConnectionError, Journal, RawOutput};
use crate::module::Outcome;
use crate::wire::Request;
use crate::wire::client::{Client, ClientError, Handlers};
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

/// How often cancellation is looked at.
const TICK: Duration = Duration::from_millis(200);

/// A host that was reached.
pub struct Host {
    /// Before the transport, so that helpers are told to end while their connection still stands.
    helpers: HashMap<Option<Become>, Helper>,
    /// Whose helpers owe an outcome for a request that was sent ahead, the oldest first.
    sent: VecDeque<Option<Become>>,
    transport: Box<dyn Transport>,
    bootstrap: Bootstrap,
}

/// The helper of one user.
struct Helper {
    client: Client<Stream>,
    /// How much of the plan's journal it knows.
    known: usize,
}

impl Host {
    /// Over `transport`.
    pub fn new(transport: Box<dyn Transport>, bootstrap: Bootstrap) -> Self {
        Self { helpers: HashMap::new(), sent: VecDeque::new(), transport, bootstrap }
    }

    /// A user's helper, taken out: it is put back unless its pipe breaks.
    fn helper(&mut self, key: &Option<Become>, call: &Call<'_>) -> Result<Helper, ConnectionError> {
        if let Some(helper) = self.helpers.remove(key) {
            return Ok(helper);
        }
        let client = self.bootstrap.start(&mut *self.transport, call.become_, call.cancelled)?;
        Ok(Helper { client, known: 0 })
    }
}

impl Connection for Host {
    fn call(&mut self, request: &Request, mut call: Call<'_>) -> Result<Outcome, ConnectionError> {
        call.become_ = wanted(&*self.transport, call.become_);
        let key = call.become_.cloned();
        let mut helper = self.helper(&key, &call)?;
        let mut request = Cow::Borrowed(request);
        let mut journal = call.journal.map(Journal::open);
        if let Some(journal) = &journal {
            request.to_mut().simulated = journal.since(helper.known);
        }
        let blobs = |sha256: &str| call.blobs.open(sha256);
        let handlers = Handlers { blobs: &blobs, progress: call.progress, cancelled: call.cancelled };
        match helper.client.call(&request, handlers) {
            Ok(mut outcome) => {
                if let Some(journal) = &mut journal {
                    helper.known = journal.add(outcome.simulated.take());
                }
                self.helpers.insert(key, helper);
                Ok(outcome)
            }
            Err(error) => Err(explain(&*self.transport, helper.client.link(), error)),
        }
    }

    fn send(&mut self, request: &Request, mut call: Call<'_>) -> Result<bool, ConnectionError> {
        call.become_ = wanted(&*self.transport, call.become_);
        // Two users' helpers would not wait for each other; a simulation is told of changes before each call.
        if call.journal.is_some() || self.sent.iter().any(|become_| become_.as_ref() != call.become_) {
            return Ok(false);
        }
        let key = call.become_.cloned();
        let mut helper = self.helper(&key, &call)?;
        if let Err(error) = helper.client.send(request) {
            return Err(explain(&*self.transport, helper.client.link(), error));
        }
        self.helpers.insert(key.clone(), helper);
        self.sent.push_back(key);
        Ok(true)
    }

    fn receive(&mut self, call: Call<'_>) -> Result<Outcome, ConnectionError> {
        let nothing = || ConnectionError::Failed("nothing was sent".to_owned());
        let key = self.sent.pop_front().ok_or_else(nothing)?;
        let mut helper = self.helpers.remove(&key).ok_or_else(nothing)?;
        let blobs = |sha256: &str| call.blobs.open(sha256);
        let handlers = Handlers { blobs: &blobs, progress: call.progress, cancelled: call.cancelled };
        match helper.client.receive(handlers) {
            Ok(outcome) => {
                self.helpers.insert(key, helper);
                Ok(outcome)
            }
            Err(error) => {
                self.sent.clear();
                Err(explain(&*self.transport, helper.client.link(), error))
            }
        }
    }

    fn raw(
        &mut self,
        command: &str,
        stdin: &[u8],
        timeout: Option<Duration>,
        call: Call<'_>,
    ) -> Result<RawOutput, ConnectionError> {
        let mut stream = match wanted(&*self.transport, call.become_) {
            Some(become_) => become_and_run(&mut *self.transport, become_, call.cancelled, command)?,
            None => Stream::new(self.transport.exec(command)?),
        };
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let over = || (call.cancelled)() || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let finished = finish(&mut stream, stdin, &over);
        let error = match finished {
            Ok(Some(code)) if !self.transport.means_lost(code, &stream.stderr_text()) => {
                return Ok(RawOutput {
                    rc: code.unwrap_or(-1),
                    stdout: stream.stdout().drain(..).collect(),
                    stderr: std::mem::take(stream.stderr()),
                });
            }
            Ok(Some(_)) => io::ErrorKind::UnexpectedEof.into(),
            Ok(None) => {
                stream.pipe().kill();
                let seconds = timeout.unwrap_or_default().as_secs_f64();
                return Err(ConnectionError::Failed(if (call.cancelled)() {
                    "cancelled".to_owned()
                } else {
                    format!("Timed out after {seconds} second(s).")
                }));
            }
            Err(error) => error,
        };
        Err(self.transport.lost(&mut stream, &error))
    }
}

/// Whom to become; nobody, as for Ansible, where commands run as that user anyway: the program may not even be there.
fn wanted<'a>(transport: &dyn Transport, become_: Option<&'a Become>) -> Option<&'a Become> {
    become_.filter(|become_| become_.even_same_user || transport.user() != Some(&become_.user))
}

/// Feeds `stdin`, reads to the end. `None` if it was `over` before.
fn finish(stream: &mut Stream, stdin: &[u8], over: &dyn Fn() -> bool) -> io::Result<Option<Option<i32>>> {
    match stream.write_until(stdin, &mut || over()) {
        // A command that does not read all of its input is none of our business.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    stream.pipe().close_input()?;
    while !stream.ended() {
        if over() {
            return Ok(None);
        }
        stream.fill(TICK)?;
    }
    loop {
        if let Some(code) = stream.exit_code(TICK)? {
            return Ok(Some(Some(code)));
        }
        if over() {
            return Ok(None);
        }
    }
}

/// What a call's failure means for the host.
fn explain(transport: &dyn Transport, stream: &mut Stream, error: ClientError) -> ConnectionError {
    match error {
        ClientError::Cancelled => ConnectionError::Failed("cancelled".to_owned()),
        ClientError::TimedOut(_) => ConnectionError::Failed(error.to_string()),
        ClientError::Protocol(_) => ConnectionError::Failed(format!("{error} {}", stream.stderr_text())),
        ClientError::Lost(source) => {
            let ended = matches!(source.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe);
            if !ended {
                return transport.lost(stream, &source);
            }
            match stream.exit_code(Duration::from_secs(2)) {
                Ok(code) if transport.means_lost(code, &stream.stderr_text()) => transport.lost(stream, &source),
                Ok(code) => {
                    let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
                    let text = format!("the helper ended unexpectedly{code}: {}", stream.stderr_text());
                    ConnectionError::Failed(text)
                }
                Err(error) => transport.lost(stream, &error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::pipe::Pipe;

    struct LoggedIn(Option<&'static str>);

    impl Transport for LoggedIn {
        fn user(&self) -> Option<&str> {
            self.0
        }

        fn exec(&mut self, _: &str) -> Result<Box<dyn Pipe>, ConnectionError> {
            unreachable!()
        }

        fn put(&mut self, _: &str, _: &str, _: &[u8]) -> Result<(), ConnectionError> {
            unreachable!()
        }

        fn means_lost(&self, _: Option<i32>, _: &str) -> bool {
            unreachable!()
        }

        fn lost(&self, _: &mut Stream, _: &io::Error) -> ConnectionError {
            unreachable!()
        }
    }

    #[test]
    fn nobody_becomes_the_user_they_are() {
        let become_ =
            |user: &str, even_same_user| Become { user: user.to_owned(), even_same_user, ..Become::default() };
        let wanted = |logged_in, become_: &Become| wanted(&LoggedIn(logged_in), Some(become_)).is_some();
        assert!(!wanted(Some("root"), &become_("root", false)));
        assert!(wanted(Some("root"), &become_("root", true)));
        assert!(wanted(Some("root"), &become_("app", false)));
        assert!(wanted(None, &become_("root", false)));
    }
}
