//! What `ssh -G` answered in an earlier run, for as long as all that its answer follows from is the same: asking takes
//! longer than reading most playbooks.

use super::config::expand_home;
use super::effective::Question;
use crate::system::local_files::{self, Stamp, stamp};
use crate::system::os::find_program;
use crate::text::hex;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// An answer, and where it is kept.
pub struct Kept {
    path: PathBuf,
    /// All that the answer follows from, on one line.
    from: String,
}

#[derive(Serialize)]
struct From<'a> {
    program: (PathBuf, Stamp),
    arguments: &'a [String],
    own: &'a [String],
    home: Option<PathBuf>,
    user: u32,
    files: Vec<(&'a Path, Option<Stamp>)>,
}

impl Kept {
    /// The place for the answer to a question that is about all hosts and follows from these files. None where nothing
    /// can be kept.
    pub fn of(question: &Question, files: &[PathBuf]) -> Option<Self> {
        let path = std::env::var("PATH").unwrap_or_default();
        let program = find_program(&question.executable.to_string_lossy(), &path, Path::new(""))?;
        let stamped = stamp(&program).ok()?;
        let from = From {
            program: (program, stamped),
            arguments: &question.arguments,
            own: &question.own,
            home: std::env::home_dir(),
            user: rustix::process::getuid().as_raw(),
            files: files.iter().map(|file| (&**file, stamp(file).ok())).collect(),
        };
        let asked = serde_json::to_vec(&(&from.program.0, from.arguments, from.own)).ok()?;
        let name = hex(&Sha256::digest(asked)[..16]);
        let folder = match std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
            Some(folder) => folder,
            None => expand_home("~/.cache"),
        };
        Some(Self { path: folder.join("hostler/ssh").join(name), from: serde_json::to_string(&from).ok()? })
    }

    /// The answer, if there is one that still counts.
    pub fn load(&self) -> Option<String> {
        let text = local_files::read_to_string(&self.path).ok()?;
        let (from, answer) = text.split_once('\n')?;
        (from == self.from).then(|| answer.to_owned())
    }

    /// Keeps an answer. Where that cannot be, it is asked for again.
    pub fn save(&self, answer: &str) {
        let _asked_again = local_files::write_private(&self.path, &format!("{}\n{answer}", self.from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_until_a_file_or_the_program_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (ssh, config) = (folder.path().join("ssh"), folder.path().join("config"));
        std::fs::write(&ssh, "").unwrap();
        let question =
            Question { executable: ssh.clone(), arguments: Vec::new(), own: vec!["-o".to_owned()], port: None };
        let kept = || {
            let mut kept = Kept::of(&question, std::slice::from_ref(&config)).unwrap();
            kept.path = folder.path().join(kept.path.file_name().unwrap());
            kept
        };
        assert_eq!(kept().load(), None);
        kept().save("user me\nport 22\n");
        assert_eq!(kept().load().as_deref(), Some("user me\nport 22\n"));
        std::fs::write(&config, "User me\n").unwrap();
        assert_eq!(kept().load(), None);
        kept().save("user me\n");
        assert_eq!(kept().load().as_deref(), Some("user me\n"));
        std::fs::write(&ssh, "other").unwrap();
        assert_eq!(kept().load(), None);
    }
}
