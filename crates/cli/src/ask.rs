//! Questions to the person at the terminal.

use crate::report::Screen;
use crate::report::ansible::Look;
use anyhow::{Context, anyhow};
use hostler_core::engine::{Console, Prompter};
use hostler_core::secret::Secret;
use std::io::{IsTerminal, Write};
use std::sync::Arc;

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
        std::io::stdin().is_terminal().then(|| Self { screen: Arc::clone(screen) })
    }
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
