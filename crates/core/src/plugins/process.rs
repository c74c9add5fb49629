//! The process of Python that runs plug-ins, and its lines of JSON (see `program.py`).

use crate::connection::{Stream, start_program};
use crate::system::local_files;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::time::Duration;

const PROGRAM: &str = include_str!("program.py");
/// How often it is looked whether somebody wants an end.
const LOOK: Duration = Duration::from_millis(100);

/// What a plug-in wants to know, or done, before it goes on.
#[derive(Debug, Deserialize)]
#[serde(tag = "want", rename_all = "lowercase")]
pub(crate) enum Want {
    /// A variable's value: a list of one, or empty.
    Variable { name: String },
    /// The names of all variables.
    Names,
    /// A module on the host: its result.
    Module { name: String, args: Json },
    /// A command line on the host, with standard input in base64: exit code and outputs.
    Raw { command: String, stdin: String },
}

/// Why a want is not answered.
pub(crate) enum Refusal {
    /// The plug-in sees an exception.
    Error(String),
    /// It is to stop at once.
    Lost(String),
}

/// Answers what a plug-in wants.
pub(crate) trait Asked {
    /// # Errors
    /// Why not.
    fn answer(&mut self, want: Want) -> Result<Json, Refusal>;
}

/// What a plug-in gave.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub value: Json,
    /// What it printed meanwhile.
    pub out: String,
    /// What it printed as errors and warnings.
    pub err: String,
}

impl Answer {
    /// What it printed, on one line.
    pub fn said(&self) -> String {
        let said = format!("{} {}", self.out, self.err);
        let words: Vec<&str> = said.split_whitespace().filter(|word| *word != "[WARNING]:").collect();
        words.join(" ")
    }
}

/// The last line of a call.
#[derive(Deserialize)]
struct Ended {
    #[serde(default)]
    value: Json,
    error: Option<String>,
    #[serde(default)]
    out: String,
    #[serde(default)]
    err: String,
}

pub(super) struct Process {
    stream: Stream,
    python: String,
}

impl Process {
    pub fn start() -> Result<Self, String> {
        let (python, library) = local_files::python().ok_or("there is no Python 3 on this machine")?;
        let shown = python.display().to_string();
        // No files of its own beside the users'.
        let mut args = vec!["-B".to_owned(), "-c".to_owned(), PROGRAM.to_owned()];
        args.extend(library.map(|library| library.display().to_string()));
        let stream = start_program(&python, &args).map_err(|error| format!("failed to start {shown}: {error}"))?;
        Ok(Self { stream, python: shown })
    }

    /// Has a request answered; the outer error means that the process is of no use any more.
    pub fn call(
        &mut self,
        request: &Json,
        asked: &mut dyn Asked,
        stop: &dyn Fn() -> bool,
    ) -> Result<Result<Answer, String>, String> {
        self.send(request, stop)?;
        loop {
            let line = self.line(stop)?;
            let message: Json = serde_json::from_slice(&line)
                .map_err(|error| format!("{} gave what is no data: {error}", self.python))?;
            if message.get("want").is_none() {
                let ended: Ended =
                    serde_json::from_value(message).map_err(|error| format!("{}: {error}", self.python))?;
                return Ok(match ended.error {
                    Some(error) => Err(error),
                    None => Ok(Answer { value: ended.value, out: ended.out, err: ended.err }),
                });
            }
            let answer = match serde_json::from_value(message).map(|want| asked.answer(want)) {
                Ok(Ok(value)) => json!({"value": value}),
                Ok(Err(Refusal::Lost(reason))) => json!({"lost": reason}),
                Ok(Err(Refusal::Error(error))) => json!({"error": error}),
                Err(error) => json!({"error": error.to_string()}),
            };
            self.send(&answer, stop)?;
        }
    }

    fn send(&mut self, message: &Json, stop: &dyn Fn() -> bool) -> Result<(), String> {
        let line = format!("{message}\n");
        match self.stream.write_until(line.as_bytes(), &mut || stop()) {
            Ok(true) => Ok(()),
            _ => Err(self.gone()),
        }
    }

    fn line(&mut self, stop: &dyn Fn() -> bool) -> Result<Vec<u8>, String> {
        let mut seen = 0;
        loop {
            let stdout = self.stream.stdout();
            if let Some(end) = stdout.iter().skip(seen).position(|byte| *byte == b'\n') {
                return Ok(stdout.drain(..=seen + end).collect());
            }
            seen = stdout.len();
            if self.stream.ended() {
                return Err(self.gone());
            }
            if stop() {
                return Err("cancelled".to_owned());
            }
            self.stream.fill(LOOK).map_err(|error| format!("{}: {error}", self.python))?;
        }
    }

    fn gone(&self) -> String {
        format!("{} ended: {}", self.python, self.stream.stderr_text())
    }
}
