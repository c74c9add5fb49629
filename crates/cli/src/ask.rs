//! Questions to the person at the terminal.

use crate::report::Screen;
use crate::report::ansible::Look;
use anyhow::{Context, anyhow};
use hostler_core::engine::{Console, Prompter, Typed, Wait};
use hostler_core::secret::Secret;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Asks for a password, which is not seen. Without a terminal it is read from the standard input.
///
/// # Errors
/// If there is nothing to read.
pub fn password(prompt: &str) -> anyhow::Result<Secret> {
    let doing = || format!("ask for {:?}", prompt.trim());
    if std::fs::File::open("/dev/tty").is_ok() {
        return rpassword::prompt_password(prompt).map(Secret::new).with_context(doing);
    }
    let mut err = std::io::stderr();
    write!(err, "{prompt}").and_then(|()| err.flush()).with_context(doing)?;
    let mut answer = String::new();
    if std::io::stdin().read_line(&mut answer).with_context(doing)? == 0 {
        return Err(anyhow!("there is no terminal, and nothing to read").context(doing()));
    }
    Ok(Secret::new(answer.trim_end_matches(['\r', '\n'])))
}

/// Asks while a run is shown on `screen`.
pub struct Terminal {
    screen: Arc<Screen>,
}

impl Terminal {
    /// `None` if nobody is there to answer.
    pub fn on(screen: &Arc<Screen>) -> Option<Self> {
        // In the background, reading would stop the program.
        let in_front = || rustix::termios::tcgetpgrp(stdin()).is_ok_and(|group| group == rustix::process::getpgrp());
        (std::io::stdin().is_terminal() && in_front()).then(|| Self { screen: Arc::clone(screen) })
    }
}

/// How long a look for a key takes, at most.
const LOOK: Duration = Duration::from_millis(100);

/// A terminal that hands over each key as it is pressed, Ctrl-C too; as it was before when this is dropped.
struct KeyByKey(Termios);

impl KeyByKey {
    fn new() -> rustix::io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        // What was typed before the question is no answer to it.
        tcsetattr(stdin(), OptionalActions::Flush, &now)?;
        Ok(Self(before))
    }

    /// The next key, if one is pressed soon; `None` at the end of all input.
    fn next(&self) -> rustix::io::Result<Option<Vec<u8>>> {
        let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
        let limit = Timespec::try_from(LOOK).map_err(|_| rustix::io::Errno::INVAL)?;
        if poll(&mut fds, Some(&limit))? == 0 {
            return Ok(Some(Vec::new()));
        }
        let mut bytes = [0; 64];
        let count = rustix::io::read(stdin(), &mut bytes)?;
        Ok((count > 0).then(|| bytes[..count].to_vec()))
    }
}

impl Drop for KeyByKey {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &self.0);
    }
}

/// What is typed in a wait, and how it looks.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Takes a byte in; gives what the terminal shows of it.
    fn take(&mut self, byte: u8) -> &'static [u8] {
        if !matches!(byte, 0x7f | 0x08) {
            self.0.push(byte);
            return b"";
        }
        // A character is its first byte and those that continue it.
        while let Some(last) = self.0.pop() {
            if last & 0xc0 != 0x80 {
                return b"\x08 \x08";
            }
        }
        b""
    }
}

fn key_by_key(wait: &Wait<'_>) -> Result<Typed, String> {
    let told = |error: rustix::io::Errno| error.to_string();
    let keys = KeyByKey::new().map_err(told)?;
    let end = wait.limit.map(|limit| Instant::now() + limit);
    let mut line = Line::default();
    let mut out = std::io::stdout();
    while end.is_none_or(|end| Instant::now() < end) {
        if wait.stop.is_requested() {
            return Err("the run was asked to stop".to_owned());
        }
        let Some(bytes) = keys.next().map_err(told)? else { break };
        for byte in bytes {
            let key = char::from(byte);
            let ends = if wait.interrupts.contains(key) {
                Some(Typed::Interrupted)
            } else {
                wait.completes.contains(key).then(|| Typed::Text(String::from_utf8_lossy(&line.0).into_owned()))
            };
            if let Some(ended) = ends {
                let _ = out.write_all(b"\n").and_then(|()| out.flush());
                return Ok(ended);
            }
            let shown = line.take(byte);
            if wait.echo {
                let shown =
                    if shown.is_empty() && byte >= b' ' && byte != 0x7f { std::slice::from_ref(&byte) } else { shown };
                let _ = out.write_all(shown).and_then(|()| out.flush());
            }
        }
    }
    Ok(Typed::Text(String::from_utf8_lossy(&line.0).into_owned()))
}

impl Prompter for Terminal {
    fn ask(&self, prompt: &str, echo: bool) -> Result<String, String> {
        self.screen.suspend(|| {
            if !echo {
                return rpassword::prompt_password(prompt).map_err(|error| error.to_string());
            }
            let mut out = std::io::stderr();
            write!(out, "{prompt}").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).map_err(|error| error.to_string())?;
            Ok(answer.trim_end_matches(['\r', '\n']).to_owned())
        })
    }

    fn wait(&self, prompt: &str, wait: &Wait<'_>) -> Result<Typed, String> {
        self.screen.print(&format!("{prompt}\n"));
        self.screen.suspend(|| key_by_key(wait))
    }
}

/// Steers a run, by a person or by lines from a pipe.
pub struct AtConsole {
    /// Where it is shown.
    pub screen: Arc<Screen>,
    /// How headings look.
    pub look: Look,
}

impl Console for AtConsole {
    fn line(&self, prompt: &str) -> Option<String> {
        self.screen.print(prompt);
        let mut answer = String::new();
        let read = self.screen.suspend(|| std::io::stdin().read_line(&mut answer));
        // What cannot be read is no answer either.
        read.ok().filter(|count| *count > 0).map(|_| answer.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn print(&self, text: &str) {
        self.screen.print(&format!("{text}\n"));
    }

    fn heading(&self, title: &str) {
        self.screen.print(&self.look.banner(title));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_be_edited() {
        let mut line = Line::default();
        let mut type_all = |text: &str| text.bytes().map(|byte| line.take(byte)).collect::<Vec<_>>().concat();
        assert_eq!(type_all("hello there"), b"");
        assert_eq!(type_all("\x7f\x7f\x7f\x7f"), b"\x08 \x08".repeat(4));
        type_all("ommy b\u{f6}\x7foy");
        assert_eq!(String::from_utf8_lossy(&line.0), "hello tommy boy");
    }
}
