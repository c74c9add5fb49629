//! Starting the helper on a host by one command: the script finds it in its cache or asks for it, and becomes it.

use super::elevate::Elevation;
use super::helper::{Helper, Helpers, NATIVE};
use super::pipe::Stream;
use super::transport::Transport;
use super::{Become, ConnectionError};
use crate::wire::client::Client;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time for a shell, and `sudo` around it, to answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The slowest line that a helper is sent over, in bytes a second.
const SLOWEST: u64 = 20_000;
/// More that is not ours than this before the first answer is refused.
const NOISE: usize = 1 << 20;

/// Starts helpers on one host.
pub struct Bootstrap {
    helpers: Arc<Helpers>,
    directory: Option<String>,
    architecture: String,
}

impl Bootstrap {
    /// `directory` is where the helper goes if possible.
    pub fn new(helpers: Arc<Helpers>, directory: Option<String>) -> Self {
        Self { helpers, directory, architecture: NATIVE.to_owned() }
    }

    /// A running helper of `become_` (or of the login user).
    ///
    /// # Errors
    /// When the host is lost, or cannot run one: says why.
    pub fn start(
        &mut self,
        transport: &mut dyn Transport,
        become_: Option<&Become>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Client<Stream>, ConnectionError> {
        let mut places = Vec::new();
        let mut placed = false;
        let mut damaged = false;
        // Once as it is, once for another architecture, once anew, and once a place that SFTP can reach.
        for _ in 0..8 {
            let helper = self.helpers.get(&self.architecture)?;
            let whole = |client: &Client<Stream>| client.hello().size == Some(helper.bytes().len() as u64);
            let mut attempt = Attempt::begin(transport, become_, cancelled, &self.arguments(&helper, damaged))?;
            let answer = attempt.answer(ANSWER)?;
            match answer.word.as_str() {
                "RUN" => match attempt.open() {
                    Ok(client) if placed || whole(&client) => return Ok(client),
                    Err(ConnectionError::Unreachable(reason)) => return Err(ConnectionError::Unreachable(reason)),
                    Err(error) if damaged || placed => return Err(error),
                    Ok(_) if damaged => return Err(failed("the host runs another program than it was sent")),
                    // What is cached is not whole: the machine may have crashed while it was written.
                    _ => damaged = true,
                },
                "NEED" => {
                    attempt.send(&helper)?;
                    let answer = attempt.answer(ANSWER)?;
                    if answer.word != "RUN" {
                        return Err(failed(&answer.rest));
                    }
                    let client = attempt.open()?;
                    return if whole(&client) { Ok(client) } else { Err(failed("it did not arrive whole")) };
                }
                "ARCH" if answer.rest != self.architecture => self.architecture = answer.rest,
                "PUT" if become_.is_none() => {
                    if !placed {
                        places = self.places(&answer.rest);
                        placed = true;
                    }
                    drop(attempt);
                    place(transport, &mut places, &helper)?;
                    damaged = false;
                }
                "PUT" => {
                    return Err(failed(
                        "the host lacks mkdir, chmod, mv, rm or head, which another user's helper needs",
                    ));
                }
                _ => return Err(failed(&answer.rest)),
            }
        }
        Err(failed("the host cannot start the helper where it was put"))
    }

    /// `anew`: whatever is cached is not to be used.
    fn arguments(&self, helper: &Helper, anew: bool) -> [String; 5] {
        [
            helper.sha256().to_owned(),
            helper.bytes().len().to_string(),
            self.architecture.clone(),
            self.directory.clone().unwrap_or_default(),
            if anew { "new".to_owned() } else { String::new() },
        ]
    }

    /// Directories to try by SFTP, the last one first. `rest` is the user's number and home.
    fn places(&self, rest: &str) -> Vec<String> {
        let (uid, home) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut places: Vec<String> =
            ["/dev/shm", "/tmp", "/var/tmp"].iter().map(|base| format!("{base}/hostler-{uid}")).collect();
        if !home.is_empty() {
            places.push(format!("{home}/.cache/hostler"));
        }
        places.extend(self.directory.clone());
        places
    }
}

/// Puts the helper into the first of `places` that takes it.
fn place(transport: &mut dyn Transport, places: &mut Vec<String>, helper: &Helper) -> Result<(), ConnectionError> {
    let mut reasons = Vec::new();
    while let Some(directory) = places.pop() {
        match transport.put(&directory, &format!("helper-{}", helper.sha256()), helper.bytes()) {
            Ok(()) => return Ok(()),
            Err(ConnectionError::Failed(reason)) => reasons.push(reason),
            Err(lost) => return Err(lost),
        }
    }
    Err(failed(&format!("the host has no tools to receive a file, and SFTP failed: {}", reasons.join("; "))))
}

/// One try: the script is running.
struct Attempt<'a> {
    transport: &'a mut dyn Transport,
    stream: Stream,
    marker: String,
    elevation: Option<Elevation<'a>>,
    cancelled: &'a dyn Fn() -> bool,
}

/// A line of the script.
struct Answer {
    word: String,
    rest: String,
}

impl<'a> Attempt<'a> {
    fn begin(
        transport: &'a mut dyn Transport,
        become_: Option<&'a Become>,
        cancelled: &'a dyn Fn() -> bool,
        arguments: &[String],
    ) -> Result<Self, ConnectionError> {
        let script = script();
        run(transport, become_, cancelled, &script, arguments)
    }

    fn answer(&mut self, limit: Duration) -> Result<Answer, ConnectionError> {
        let deadline = Instant::now() + limit;
        let mut noise = 0;
        loop {
            if let Some(line) = take_line(&mut self.stream) {
                if let Some((_, answer)) = line.split_once(&self.marker) {
                    let (word, rest) = answer.trim().split_once(' ').unwrap_or((answer.trim(), ""));
                    return Ok(Answer { word: word.to_owned(), rest: rest.trim().to_owned() });
                }
                noise += line.len();
                continue;
            }
            if noise + self.stream.stdout().len() > NOISE {
                return Err(failed("the login shell writes without end; it must be quiet for commands"));
            }
            if let Some(elevation) = &mut self.elevation
                && let Some(password) = elevation.answer(self.stream.stderr())?
            {
                let line = format!("{}\n", password.expose());
                let written = self.stream.write_until(line.as_bytes(), &mut || Instant::now() >= deadline);
                written.map_err(|error| self.transport.lost(&mut self.stream, &error))?;
            }
            if self.stream.ended() {
                return Err(self.refused());
            }
            if (self.cancelled)() {
                return Err(ConnectionError::Failed("cancelled".into()));
            }
            if Instant::now() >= deadline {
                let stderr = self.stream.stderr_text();
                return Err(failed(&format!("no answer within {} s {stderr}", limit.as_secs())));
            }
            let filled = self.stream.fill(Duration::from_millis(200));
            filled.map_err(|error| self.transport.lost(&mut self.stream, &error))?;
        }
    }

    /// The command ended before it said anything.
    fn refused(&mut self) -> ConnectionError {
        let code = self.stream.exit_code(Duration::from_secs(2)).ok().flatten();
        let stderr = self.stream.stderr_text();
        if self.transport.means_lost(code, &stderr) {
            return self.transport.lost(&mut self.stream, &io::ErrorKind::UnexpectedEof.into());
        }
        match &self.elevation {
            Some(elevation) => elevation.refusal(&stderr, code),
            None => {
                let code = code.map(|code| format!("exit code {code}")).unwrap_or_else(|| "no exit code".into());
                failed(&format!("the shell ended ({code}): {stderr}"))
            }
        }
    }

    fn send(&mut self, helper: &Helper) -> Result<(), ConnectionError> {
        let bytes = helper.bytes();
        let deadline = Instant::now() + ANSWER + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let cancelled = self.cancelled;
        let sent = self.stream.write_until(bytes, &mut || cancelled() || Instant::now() >= deadline);
        match sent {
            Ok(true) => Ok(()),
            // It may have said why it does not read on: the next answer tells.
            Ok(false) if self.stream.ended() => Ok(()),
            Ok(false) if cancelled() => Err(ConnectionError::Failed("cancelled".into())),
            Ok(false) => Err(failed("the host takes its bytes too slowly")),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(self.transport.lost(&mut self.stream, &error)),
        }
    }

    fn open(mut self) -> Result<Client<Stream>, ConnectionError> {
        self.stream.stderr().clear();
        Client::open(self.stream, &[], ANSWER).map_err(|(mut stream, error)| {
            let code = stream.exit_code(Duration::from_secs(1)).ok().flatten();
            if self.transport.means_lost(code, &stream.stderr_text()) {
                return self.transport.lost(&mut stream, &io::ErrorKind::UnexpectedEof.into());
            }
            let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            failed(&format!("{error}{code} {}", stream.stderr_text()))
        })
    }
}

/// Starts `script` under `/bin/sh`, as `become_`; its first argument is a marker for its answers.
fn run<'a>(
    transport: &'a mut dyn Transport,
    become_: Option<&'a Become>,
    cancelled: &'a dyn Fn() -> bool,
    script: &str,
    arguments: &[String],
) -> Result<Attempt<'a>, ConnectionError> {
    let key = key();
    let marker = format!("HOSTLER-{key}");
    let mut argv = vec!["/bin/sh", "-c", script, "hostler", &marker];
    argv.extend(arguments.iter().map(String::as_str));
    let elevation = become_.map(|settings| Elevation::new(settings, &key)).transpose()?;
    let line = match &elevation {
        Some(elevation) => elevation.command(&argv),
        None => format!("exec {}", super::elevate::join(&argv)),
    };
    let stream = Stream::new(transport.exec(&line)?);
    Ok(Attempt { transport, stream, marker, elevation, cancelled })
}

/// Runs `command` by a shell as another user, up to where the command itself begins.
///
/// # Errors
/// When the host is lost or the user cannot be become.
pub fn become_and_run(
    transport: &mut dyn Transport,
    become_: &Become,
    cancelled: &dyn Fn() -> bool,
    command: &str,
) -> Result<Stream, ConnectionError> {
    // The command gets its own shell, so that its syntax cannot touch ours.
    let script = r#"echo "$1 RUN"; exec /bin/sh -c "$2""#;
    let mut attempt = run(transport, Some(become_), cancelled, script, &[command.to_owned()])?;
    attempt.answer(ANSWER)?;
    attempt.stream.stderr().clear();
    Ok(attempt.stream)
}

fn failed(reason: &str) -> ConnectionError {
    ConnectionError::Failed(format!("failed to start the helper: {}", reason.trim()))
}

fn take_line(stream: &mut Stream) -> Option<String> {
    let stdout = stream.stdout();
    let end = stdout.iter().position(|byte| *byte == b'\n')?;
    let line: Vec<u8> = stdout.drain(..=end).collect();
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// The script in one line.
fn script() -> String {
    let lines = include_str!("bootstrap.sh").lines().filter(|line| !line.starts_with('#'));
    lines.collect::<Vec<_>>().join(" ")
}

/// Something that nothing else on the host says.
fn key() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_script_passes_through_any_shell() {
        let script = super::script();
        assert!(!script.contains(['\'', '!', '\\', '\n']), "{script}");
        assert!(script.len() < 4096);
    }
}
