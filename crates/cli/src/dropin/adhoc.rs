//! `ansible`: one task on hosts, `hostler exec` in Ansible's words.

use super::{args, without_meaning};
use crate::ask;
use crate::commands::{self, OneTask};
use crate::commands::{Reporting, Session};
use crate::exit::{Exit, Failure, tell};
use crate::report::ansible::{Callback, Look, Output, Tree};
use crate::report::{FanOut, Screen};
use crate::setup::{Base, Manner, Overrides};
use anyhow::Context;
use hostler_core::diagnostic::Diagnostic;
use hostler_core::event::Reporter;
use hostler_core::playbook::parse_key_values;
use hostler_core::plugins::Plugins;
use hostler_core::template::Templar;
use hostler_core::value;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;

/// Seconds between looks at what runs in the background.
const POLL: u64 = 15;
/// Modules that do nothing without arguments.
const NEED_ARGUMENTS: [&str; 6] = ["command", "win_command", "shell", "win_shell", "raw", "script"];

/// Runs one task.
///
/// # Errors
/// What is wrong with the input.
pub fn run(args: &args::AdHoc) -> Result<Exit, Failure> {
    let run = args.shared.run.clone();
    let mut base = Base::new(&run.sources, Manner { ansible: true, ..Manner::default() })?;
    base.module_path = args.shared.module_path();
    commands::tell_config(&base)?;
    tell(&without_meaning(&args.shared.without_meaning()), base.voice);
    let configured = base.config.module_name.get().map_or("command", String::as_str);
    let module = args.module_name.as_deref().unwrap_or(configured);
    let text = args.args.as_ref().or(base.config.module_args.get()).map_or("", String::as_str);
    let overrides = Overrides { offline: args.shared.list_hosts, ..Overrides::default() };
    let mut options = base.options(&run, overrides)?;
    if let Some(seconds) = args.task_timeout {
        options.task_timeout = Some(seconds as f64).filter(|seconds| *seconds > 0.0);
    }
    let inventory = base.inventory()?;
    commands::warn_of_empty(&base, &inventory, &args.pattern);
    let hosts = inventory.select(&args.pattern, options.limit.as_deref())?;
    tell(&inventory.take_warnings(), base.voice);
    if hosts.is_empty() && !inventory.hosts().is_empty() && options.limit.is_some() {
        return Err(Diagnostic::error(commands::NO_HOSTS).into());
    }
    if hosts.is_empty() {
        tell(&[Diagnostic::warning("No hosts matched, nothing to do")], base.voice);
    }
    if args.shared.list_hosts {
        let lines: String = hosts.iter().map(|host| format!("    {host}\n")).collect();
        commands::print(&format!("  hosts ({}):\n{lines}", hosts.len()))?;
        return Ok(Exit::Done);
    }
    let short = module.strip_prefix("ansible.builtin.").unwrap_or(module);
    if NEED_ARGUMENTS.contains(&short) && text.trim().is_empty() {
        let hint = if args.pattern.ends_with(".yml") { " (did you mean to run ansible-playbook?)" } else { "" };
        return Err(Failure::Usage(format!("No argument passed to {module} module{hint}")));
    }
    if short == "import_playbook" {
        return Err(Failure::Usage(format!("'{module}' is not a valid action for ad-hoc commands")));
    }
    if hosts.is_empty() {
        return Ok(Exit::Done);
    }
    let parts = base.run_parts();
    let keywords = Keywords { background: args.background, poll: args.poll }.of_task();
    let dir = match args.playbook_dir.as_ref().or(base.config.playbook_dir.get()) {
        Some(dir) => std::path::absolute(dir).context("find the playbook directory")?,
        None => std::env::current_dir().context("find the working directory")?,
    };
    let (pattern, arguments) = (&*args.pattern, arguments(text));
    let task = OneTask { name: "Ansible Ad-Hoc", pattern, module, arguments, keywords, dir: &dir };
    let playbook = task.playbook(&base, &parts)?;
    let look = Look::new(&base.config, base.palette.is_on(), base.verbosity, run.check);
    let screen = Arc::new(Screen::plain(Box::new(std::io::stdout())));
    let reporter = reporter(args, &base, look, origin(args, module, text), (parts.loader.plugins(), &dir))?;
    let prompter = ask::Terminal::on(&screen);
    let callbacks = base.config.bin_ansible_callbacks.or(false);
    let reporting = Reporting { reporter, prompter, screen: Some(screen), callbacks };
    let session = Session::new(&base, &parts, inventory, options, Some(&dir), reporting)?;
    let playbooks = [playbook];
    session.run(&base, &playbooks).map(commands::exit_of)
}

/// `async` and `poll`, where they are asked for.
struct Keywords {
    background: Option<u64>,
    poll: Option<u64>,
}

impl Keywords {
    fn of_task(&self) -> Map<String, Value> {
        let mut keywords = Map::new();
        if let Some(seconds) = self.background.filter(|seconds| *seconds > 0) {
            keywords.insert("async".into(), json!(seconds));
            keywords.insert("poll".into(), json!(self.poll.unwrap_or(POLL)));
        }
        keywords
    }
}

/// JSON where it is some, else `k=v` or a command.
fn arguments(text: &str) -> Value {
    let text = text.trim();
    if text.starts_with('{')
        && text.ends_with('}')
        && let Ok(value) = serde_json::from_str(text)
    {
        return value;
    }
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

/// What errors call the task: itself, as Python shows it.
fn origin(args: &args::AdHoc, module: &str, text: &str) -> String {
    let given = match arguments(text) {
        Value::Object(given) => Value::Object(given),
        _ => {
            let parsed = parse_key_values(text, NEED_ARGUMENTS.contains(&module)).unwrap_or_default();
            let options = parsed.options.into_iter().map(|(key, value)| (key.to_string(), Value::from(value)));
            let raw = parsed.raw.map(|raw| ("_raw_params".to_owned(), Value::from(raw)));
            Value::Object(options.chain(raw).collect())
        }
    };
    let task = json!({
        "action": module,
        "args": given,
        "timeout": args.task_timeout.unwrap_or(0),
        "async_val": args.background.unwrap_or(0),
        "poll": args.poll.unwrap_or(POLL),
    });
    format!("Origin: <adhoc '{module}' task>\n\n{}", Templar::text_of(&value::Value::from(task)))
}

/// `minimal`, unless the command line or the settings ask for another form; with `--tree`, files besides.
fn reporter(
    args: &args::AdHoc,
    base: &Base,
    look: Look,
    origin: String,
    (plugins, dir): (&Plugins, &Path),
) -> Result<Box<dyn Reporter>, Failure> {
    // Another form has to be allowed for single tasks.
    let configured = match base.config.bin_ansible_callbacks.or(false) {
        true => Output::of(&base.config, plugins)?,
        false => Output::Built(Callback::Default),
    };
    let output = match configured {
        _ if args.one_line => Output::Built(Callback::OneLine),
        Output::Built(Callback::Default) => Output::Built(Callback::Minimal),
        other => other,
    };
    let reporter = output.reporter(look, Some(origin), plugins, dir)?;
    let Some(directory) = &args.tree else { return Ok(reporter) };
    let tree = Tree::new(directory.clone(), look, Box::new(std::io::stderr()));
    Ok(Box::new(FanOut(vec![reporter, Box::new(tree)])))
}
