//! The command as its users run it: exit codes, output, files. This machine stands for the hosts; no root, no network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod inventory;
mod playbooks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with an inventory of this machine, in which commands run.
struct Place(tempfile::TempDir);

/// How a command ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("hosts", "[web]\nh1 ansible_connection=local\nh2 ansible_connection=local\n");
        place.write("ansible.cfg", "[defaults]\ninventory = hosts\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text.replace("DIR", self.0.path().to_str().unwrap())).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn run(&self, line: &[&str]) -> Ended {
        self.run_with(line, &[])
    }

    fn run_with(&self, line: &[&str], env: &[(&str, &str)]) -> Ended {
        self.command(line, env).stdin(std::process::Stdio::null()).output().unwrap().into()
    }

    /// With lines that are typed, as from a pipe.
    fn typed(&self, line: &[&str], lines: &str) -> Ended {
        self.write("typed", lines);
        let typed = std::fs::File::open(self.path("typed")).unwrap();
        self.command(line, &[]).stdin(typed).output().unwrap().into()
    }

    fn command(&self, line: &[&str], env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hostler"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("ANSIBLE_") || name.starts_with("HOSTLER_") {
                command.env_remove(name);
            }
        }
        command
            .args(line)
            .current_dir(self.0.path())
            .env("HOME", self.0.path())
            .env("HOSTLER_STATE", self.0.path().join("state"))
            .envs(env.iter().copied());
        command
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn says(&self, part: &str) {
        let all = format!("stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        assert!(all.contains(part), "{part:?} is missing in\n{all}");
    }
}

/// Whether nothing is at a path.
fn is_gone(path: &Path) -> bool {
    !path.exists()
}
