//! What `apt-get --simulate` says it would do.

use serde::{Deserialize, Serialize};

/// What happens to one package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is installed, or replaced by another version.
    Install,
    /// It is removed.
    Remove,
    /// It is removed with its configuration.
    Purge,
}

/// One package to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What happens.
    pub action: Action,
    /// Package.
    pub name: String,
    /// Version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// Version after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

impl Step {
    /// Something that is known to happen to `name`, whatever its version.
    pub fn unversioned(action: Action, name: &str) -> Self {
        Self { action, name: name.to_owned(), old: None, new: None }
    }
}

impl std::fmt::Display for Step {
    /// In the words of `apt-get --simulate`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.action {
            Action::Install => "Inst",
            Action::Remove => "Remv",
            Action::Purge => "Purg",
        };
        write!(f, "{word} {}", self.name)?;
        if let Some(old) = &self.old {
            write!(f, " [{old}]")?;
        }
        self.new.as_ref().map_or(Ok(()), |new| write!(f, " ({new})"))
    }
}

/// The steps in the output of `apt-get --simulate`.
pub fn parse_simulation(output: &str) -> Vec<Step> {
    output.lines().filter_map(step).collect()
}

/// `Inst name [old] (new Release [arch])`, `Remv name [old]`, `Purg name [old]`.
fn step(line: &str) -> Option<Step> {
    let (word, rest) = line.split_once(' ')?;
    let action = match word {
        "Inst" => Action::Install,
        "Remv" => Action::Remove,
        "Purg" => Action::Purge,
        _ => return None,
    };
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let between = |open: char, close: char| rest.split_once(open).and_then(|(_, rest)| rest.split_once(close));
    // An architecture in brackets stands inside the parentheses.
    let old = rest.starts_with('[').then(|| between('[', ']')).flatten().map(|(old, _)| old.to_owned());
    let new = between('(', ')').and_then(|(inside, _)| inside.split(' ').next()).map(str::to_owned);
    Some(Step { action, name: name.to_owned(), old, new })
}

/// Why apt cannot install what it was asked for, in Ansible's words, if its errors say that.
pub fn unavailable(errors: &str) -> Option<String> {
    errors.lines().filter_map(|line| line.strip_prefix("E: ")).find_map(|error| {
        if let Some(name) = error.strip_prefix("Unable to locate package ") {
            return Some(format!("No package matching '{name}' is available"));
        }
        let quoted: Vec<&str> = error.split('\'').skip(1).step_by(2).collect();
        match quoted.as_slice() {
            [version, name] if error.starts_with("Version ") && error.ends_with("was not found") => {
                Some(format!("no available installation candidate for {name}={version}"))
            }
            [release, name] if error.starts_with("Release ") && error.ends_with("was not found") => {
                Some(format!("no available installation candidate for {name}/{release}"))
            }
            [name] if error.ends_with("has no installation candidate") => {
                Some(format!("no available installation candidate for {name}"))
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_steps() {
        let steps = parse_simulation(
            "NOTE: This is only a simulation!\nRemv old [1]\nPurg older [2] []\nInst a [1.0] (1.1 Debian:12/stable [amd64])\n\
             Inst b (2:3-1 Debian:12/stable, Debian-Security:12 [all]) [x ]\nConf a (1.1 Debian:12/stable [amd64])\n",
        );
        let shown: Vec<String> = steps.iter().map(Step::to_string).collect();
        assert_eq!(shown, ["Remv old [1]", "Purg older [2]", "Inst a [1.0] (1.1)", "Inst b (2:3-1)"]);
    }

    #[test]
    fn explains_what_is_missing() {
        let say = |error| unavailable(error).unwrap();
        assert_eq!(say("E: Unable to locate package nginxx\n"), "No package matching 'nginxx' is available");
        assert_eq!(say("E: Version '9' for 'a' was not found"), "no available installation candidate for a=9");
        assert_eq!(say("E: Package 'a' has no installation candidate"), "no available installation candidate for a");
        assert_eq!(unavailable("E: Could not get lock"), None);
    }
}
