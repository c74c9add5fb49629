//! Becoming another user: the command line around ours, and the password when it is asked for.

use super::{Become, ConnectionError};
use crate::secret::Secret;
use crate::text::nearest;

/// Programs that we know how to talk to.
const METHODS: [&str; 2] = ["sudo", "su"];

/// A way to become another user, and how far it got.
pub struct Elevation<'a> {
    method: &'a str,
    settings: &'a Become,
    prompt: String,
    answered: bool,
}

impl<'a> Elevation<'a> {
    /// `key` makes the prompt unlike anything else.
    ///
    /// # Errors
    /// For methods that we don't know.
    pub fn new(settings: &'a Become, key: &str) -> Result<Self, ConnectionError> {
        let method = if settings.method.is_empty() { "sudo" } else { settings.method.as_str() };
        let method = method.strip_prefix("ansible.builtin.").unwrap_or(method);
        if !METHODS.contains(&method) {
            let hint = nearest(method, METHODS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(ConnectionError::Failed(format!(
                "become method `{method}` is not supported{hint} (supported methods: {})",
                METHODS.join(", ")
            )));
        }
        Ok(Self { method, settings, prompt: format!("[sudo via hostler, key={key}] password:"), answered: false })
    }

    /// The line that runs `argv` as the other user. No secret is in it.
    pub fn command(&self, argv: &[&str]) -> String {
        let Become { user, flags, executable, .. } = self.settings;
        let user = if user.is_empty() { "root" } else { user };
        let executable = executable.as_deref().filter(|path| !path.is_empty()).unwrap_or(self.method);
        if self.method == "su" {
            let flags = flags.as_deref().unwrap_or_default();
            return format!("{executable} {flags} {} -c {}", quote(user), quote(&join(argv)));
        }
        let mut flags: Vec<&str> = flags.as_deref().unwrap_or("-H -S").split_whitespace().collect();
        let has = |flags: &[&str], letter| {
            flags.iter().any(|flag| !flag.starts_with("--") && flag.starts_with('-') && flag.contains(letter))
        };
        // Whoever has no password to give must not be asked: what follows on standard input is not for sudo.
        let prompt = if self.settings.password.is_some() {
            flags.retain(|flag| !matches!(*flag, "-n" | "--non-interactive"));
            if !has(&flags, 'S') && !flags.contains(&"--stdin") {
                flags.push("-S");
            }
            format!("-p {} ", quote(&self.prompt))
        } else {
            if !has(&flags, 'n') && !flags.contains(&"--non-interactive") {
                flags.push("-n");
            }
            String::new()
        };
        let place = self.settings.directory.as_ref().map(|directory| format!("cd {} && ", quote(directory)));
        let place = place.unwrap_or_default();
        format!("{place}{executable} {} {prompt}-u {} {}", flags.join(" "), quote(user), join(argv))
    }

    /// Looks for a prompt in what came on standard error and takes it out. Gives the password if it was asked for.
    ///
    /// # Errors
    /// When there is no password to give, or it was given already.
    pub fn answer(&mut self, stderr: &mut Vec<u8>) -> Result<Option<&'a Secret>, ConnectionError> {
        let asked = if self.method == "sudo" {
            find(stderr, self.prompt.as_bytes()).map(|start| stderr.drain(start..start + self.prompt.len()))
        } else {
            // `su` asks in the user's language: a last line that ends like a question.
            let start = stderr.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let line = String::from_utf8_lossy(&stderr[start..]);
            let is_prompt = matches!(line.trim_end().chars().last(), Some(':' | '：'));
            is_prompt.then(|| stderr.drain(start..))
        };
        if asked.map(drop).is_none() {
            return Ok(None);
        }
        if self.answered {
            return Err(self.incorrect());
        }
        self.answered = true;
        self.settings.password.as_ref().map(Some).ok_or_else(|| self.missing())
    }

    /// Why the program ended without running anything.
    pub fn refusal(&self, stderr: &str, code: Option<i32>) -> ConnectionError {
        if self.answered
            && ["try again", "incorrect password", "Authentication failure", "no password was provided"]
                .iter()
                .any(|text| stderr.contains(text))
        {
            return self.incorrect();
        }
        if self.settings.password.is_none()
            && ["a password is required", "a terminal is required"].iter().any(|text| stderr.contains(text))
        {
            return self.missing();
        }
        let (method, user) = (self.method, &self.settings.user);
        let code = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
        let reason = if stderr.is_empty() { "it said nothing" } else { stderr };
        ConnectionError::Failed(format!("failed to become {user} with {method}{code}: {reason}"))
    }

    fn incorrect(&self) -> ConnectionError {
        ConnectionError::Failed(format!("Incorrect {} password", self.method))
    }

    fn missing(&self) -> ConnectionError {
        ConnectionError::Failed(format!("Missing {} password", self.method))
    }
}

/// `words` as a command line.
pub fn join(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// `word` as one word for any shell.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(method: &str, flags: Option<&str>, password: Option<&str>) -> Become {
        Become {
            method: method.into(),
            user: "o'neil".into(),
            flags: flags.map(str::to_owned),
            executable: None,
            password: password.map(Secret::new),
            ..Become::default()
        }
    }

    #[test]
    fn lines_are_quoted_and_hold_no_secret() {
        let line = |settings: &Become| Elevation::new(settings, "K").unwrap().command(&["/bin/sh", "-c", "echo $x"]);
        let elsewhere = Become { directory: Some("/a b".into()), ..settings("sudo", Some("--stdin"), Some("pw!")) };
        assert_eq!(
            line(&elsewhere),
            r"cd '/a b' && sudo --stdin -p '[sudo via hostler, key=K] password:' -u 'o'\''neil' /bin/sh -c 'echo $x'"
        );
        assert_eq!(line(&settings("sudo", None, None)), r"sudo -H -S -n -u 'o'\''neil' /bin/sh -c 'echo $x'");
        assert_eq!(
            line(&settings("sudo", Some("-H -n -E"), Some("pw!"))),
            r"sudo -H -E -S -p '[sudo via hostler, key=K] password:' -u 'o'\''neil' /bin/sh -c 'echo $x'"
        );
        assert_eq!(
            line(&settings("su", Some("-l"), Some("pw!"))),
            r"su -l 'o'\''neil' -c '/bin/sh -c '\''echo $x'\'''"
        );
    }

    #[test]
    fn the_password_is_given_once_and_only_when_asked_for() {
        let settings = settings("sudo", None, Some("pw"));
        let mut elevation = Elevation::new(&settings, "K").unwrap();
        let mut stderr = b"lecture\n[sudo via hostler, key=K] passw".to_vec();
        assert_eq!(elevation.answer(&mut stderr).unwrap(), None);
        stderr.extend(b"ord:");
        assert_eq!(elevation.answer(&mut stderr).unwrap().unwrap().expose(), "pw");
        assert_eq!(stderr, b"lecture\n");
        stderr.extend(b"Sorry, try again.\n[sudo via hostler, key=K] password:");
        let error = elevation.answer(&mut stderr).unwrap_err();
        assert_eq!(error, ConnectionError::Failed("Incorrect sudo password".into()));
    }

    #[test]
    fn unknown_methods_are_refused_by_name() {
        let Err(error) = Elevation::new(&settings("sdo", None, None), "K").map(drop) else { panic!("accepted") };
        assert!(error.to_string().contains("`sdo` is not supported; did you mean `sudo`?"), "{error}");
    }
}
