//! `hostler exec`: one module on hosts, without a playbook.

use super::playbooks::{check_limit, print};
use super::session::{Reporting, Session, exit_of};
use crate::args::{ExecArgs, Format};
use crate::ask;
use crate::exit::{Exit, Failure, tell};
use crate::report::{AdHoc, JsonLines, Screen, View};
use crate::setup::{Base, ExtraVars, Manner, Overrides, RunParts, is_dumb};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::Reporter;
use hostler_core::playbook::Playbook;
use serde_json::{Map, Value, json};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

/// What messages call the play that the command line describes.
const PLAY: &str = "<command line>";

/// Runs a module.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &ExecArgs) -> Result<Exit, Failure> {
    let base = Base::new(&args.run.sources, Manner { no_color: args.own.no_color, ..Manner::default() })?;
    let overrides = Overrides { offline: args.list_hosts, accept_new: args.own.accept_new, ..Overrides::default() };
    let options = base.options(&args.run, overrides)?;
    let inventory = base.inventory()?;
    check_limit(&base, &inventory, options.limit.as_deref())?;
    let hosts = inventory.select(&args.pattern, options.limit.as_deref())?;
    tell(&inventory.take_warnings(), base.voice);
    if hosts.is_empty() {
        return Err(Diagnostic::error(format!("no host matches `{}`", args.pattern)).into());
    }
    if args.list_hosts {
        let lines: String = hosts.iter().map(|host| format!("    {host}\n")).collect();
        print(&format!("  hosts ({}):\n{lines}", hosts.len()))?;
        return Ok(Exit::Done);
    }
    let parts = base.run_parts();
    let configured = base.config.module_name.get().map_or("ansible.builtin.command", String::as_str);
    let module = args.module.as_deref().unwrap_or(configured);
    let configured = base.config.module_args.get().filter(|_| args.args.is_empty());
    let given = configured.unwrap_or(&args.args);
    let (pattern, arguments) = (&*args.pattern, arguments(given)?);
    let dir = std::env::current_dir().context("find the working directory")?;
    let task = OneTask { name: "exec", pattern, module, arguments, keywords: Map::new(), dir: &dir };
    let playbook = task.playbook(&base, &parts)?;
    let view = View::new(&base.config, base.palette, base.verbosity, options.diff, args.run.check);
    let live = std::io::stdout().is_terminal() && !is_dumb();
    let (reporter, prompter, screen): (Box<dyn Reporter>, _, _) = if args.own.output == Format::Json {
        let screen = Arc::new(Screen::plain(Box::new(std::io::stderr())));
        (Box::new(JsonLines::new(Box::new(std::io::stdout()))), None, screen)
    } else {
        let out = Box::new(std::io::stdout());
        let screen = Arc::new(if live { Screen::live(out, view.palette) } else { Screen::plain(out) });
        let prompter = ask::Terminal::on(&screen);
        (Box::new(AdHoc::new(view, Arc::clone(&screen), Box::new(std::io::stderr()))), prompter, screen)
    };
    let callbacks = base.config.bin_ansible_callbacks.or(false);
    let reporting = Reporting { reporter, prompter, screen: Some(screen), callbacks };
    let session = Session::new(&base, &parts, inventory, options, Some(&dir), reporting)?;
    let playbooks = [playbook];
    session.validate(&playbooks)?;
    let summary = session.run(&base, &playbooks)?;
    Ok(exit_of(summary))
}

/// As for a task in a file, a mapping is taken as it is; everything else is `k=v` or a command.
fn arguments(text: &str) -> Result<Value, Failure> {
    match text.trim() {
        "" => Ok(Value::Null),
        text if text.starts_with('{') && !text.starts_with("{{") => {
            serde_json::from_str(text).map_err(|error| Failure::Usage(format!("`--args {text}` is no JSON: {error}")))
        }
        text => Ok(Value::from(text)),
    }
}

/// A task that the command line describes.
pub struct OneTask<'a> {
    /// Name of its play.
    pub name: &'a str,
    /// Hosts to run on.
    pub pattern: &'a str,
    /// What to run.
    pub module: &'a str,
    /// With what.
    pub arguments: Value,
    /// Further keywords of the task.
    pub keywords: Map<String, Value>,
    /// Directory whose `group_vars`, `host_vars` and roles count.
    pub dir: &'a Path,
}

impl OneTask<'_> {
    /// A play with this task, read by the loader like any other.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn playbook(self, base: &Base, parts: &RunParts) -> Result<Playbook, Failure> {
        let mut task = self.keywords;
        task.insert(self.module.to_owned(), self.arguments);
        let play = json!([{ "name": self.name, "hosts": self.pattern, "gather_facts": false, "tasks": [task] }]);
        // In this directory, which says what the task can call.
        let path = &self.dir.join(PLAY);
        parts.loader.provide(path, &play.to_string())?;
        let statics = ExtraVars { templates: Arc::clone(&parts.templates), extra: Arc::clone(&base.extra_vars) };
        let playbook = parts.loader.playbook(path, &statics).map_err(Failure::Playbook)?;
        tell(&parts.loader.take_warnings(), base.voice);
        Ok(playbook)
    }
}
