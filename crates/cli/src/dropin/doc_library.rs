//! `ansible-doc` for what there is no page of here: other kinds of plug-ins, and modules of users, collections and Ansible that
//! are run with Ansible's library. Where the controller has that library, it tells of them itself.

use super::doc::Doc;
use crate::exit::{Exit, Failure};
use anyhow::Context;
use hostler_core::actions::has_python_library;
use hostler_core::system::local_files;
use serde_json::{Map, Value};
use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Starts the library's own `ansible-doc`; its folder is the first argument.
const PROGRAM: &str = "import sys; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'ansible-doc'
from ansible.cli.doc import main
main()";

/// Ansible's library, asked for documentation.
pub struct Library(Command);

impl Library {
    /// With the options of `args` but those for JSON and for more words, and these names; `None` where there is no library.
    pub fn new(args: &Doc, names: &[&String]) -> Option<Self> {
        let (python, library) = local_files::python().filter(|_| has_python_library())?;
        let mut command = Command::new(python);
        command.args(["-B", "-c", PROGRAM]).arg(library?).args(["--type", &args.kind]);
        for (option, dirs) in [
            ("--module-path", args.module_path.as_slice()),
            ("--playbook-dir", args.playbook_dir.as_slice()),
            ("--roles-path", args.roles_path.as_slice()),
        ] {
            command.args(dirs.iter().flat_map(|dir| [OsStr::new(option), dir.as_os_str()]));
        }
        if let Some(entry_point) = &args.entry_point {
            command.args(["--entry-point", entry_point]);
        }
        let flags = [
            ("--list", args.list),
            ("--snippet", args.snippet),
            ("--list_files", args.list_files),
            ("--metadata-dump", args.metadata_dump),
            ("--no-fail-on-errors", args.no_fail_on_errors),
        ];
        command.args(flags.iter().filter(|(_, given)| *given).map(|(flag, _)| flag));
        command.args(names);
        Some(Self(command))
    }

    /// Has it print.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn show(mut self, args: &Doc) -> Result<Exit, Failure> {
        self.0.args(args.json.then_some("--json")).args((0..args.verbose).map(|_| "-v"));
        let status = self.0.status().context("run Ansible's own ansible-doc")?;
        Ok(match status.code() {
            Some(0) => Exit::Done,
            Some(4) => Exit::Unreachable,
            Some(5) => Exit::Usage,
            Some(99) => Exit::Interrupted,
            Some(250) => Exit::Unexpected,
            Some(1) => Exit::Input,
            _ => Exit::Failed,
        })
    }

    /// What it says, by name; empty where it fails, which it says itself.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn json(mut self) -> Result<Map<String, Value>, Failure> {
        self.0.arg("--json").stderr(Stdio::inherit());
        let output = self.0.output().context("run Ansible's own ansible-doc")?;
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }
}
