//! `ansible.builtin.cron`: jobs and variables of a user's crontab, or of a file in `/etc/cron.d`.
//!
//! Jobs are found again by a comment `#Ansible: NAME` above them.

use super::support::replace::temporary_path;
use super::support::tool;
use crate::module::types::{LooseBool, LooseString, PathArg};
use crate::module::{Checked, Diff, Made, Module, ModuleError, Simulated, default_args};
use crate::system::{Command, System, WriteFile, users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Jobs that run at given times.
pub struct Cron;

/// Whether the job or variable should be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It should.
    #[default]
    Present,
    /// It should not.
    Absent,
}

/// A time that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "cron's own names")]
pub enum SpecialTime {
    Annually,
    Daily,
    Hourly,
    Monthly,
    Reboot,
    Weekly,
    Yearly,
}

impl SpecialTime {
    fn name(self) -> &'static str {
        match self {
            Self::Annually => "annually",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Monthly => "monthly",
            Self::Reboot => "reboot",
            Self::Weekly => "weekly",
            Self::Yearly => "yearly",
        }
    }
}

/// Parameters.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// Name of the job, or of the variable with `env`.
    pub name: LooseString,
    /// Whose crontab; that of the current user if not given. In a file: who runs the job.
    pub user: Option<LooseString>,
    /// The command, or the value of the variable.
    #[serde(alias = "value")]
    pub job: Option<LooseString>,
    /// Whether it should be there.
    #[serde(default)]
    pub state: State,
    /// File instead of a user's crontab; a relative one is in `/etc/cron.d`.
    pub cron_file: Option<PathArg>,
    /// Keep a copy of the crontab.
    #[serde(default)]
    pub backup: LooseBool,
    /// Minute.
    #[serde(default = "any")]
    pub minute: LooseString,
    /// Hour.
    #[serde(default = "any")]
    pub hour: LooseString,
    /// Day of the month.
    #[serde(default = "any", alias = "dom")]
    pub day: LooseString,
    /// Month.
    #[serde(default = "any")]
    pub month: LooseString,
    /// Day of the week.
    #[serde(default = "any", alias = "dow")]
    pub weekday: LooseString,
    /// A time by its name, instead of the parts above.
    pub special_time: Option<SpecialTime>,
    /// Have the job as a comment.
    #[serde(default)]
    pub disabled: LooseBool,
    /// Manage a variable, not a job.
    #[serde(default)]
    pub env: LooseBool,
    /// Variable that a new one comes after.
    pub insertafter: Option<LooseString>,
    /// Variable that a new one comes before.
    pub insertbefore: Option<LooseString>,
}

default_args!(name);

fn any() -> LooseString {
    "*".into()
}

/// Result.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Output {
    /// Names of jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Vec<String>>,
    /// Names of variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    envs: Option<Vec<String>>,
    /// The file, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    cron_file: Option<String>,
    /// `absent` where the file was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// Copy of the old crontab.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_file: Option<PathBuf>,
    /// What looks wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// What will be done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    before: String,
    /// Nothing if the file is to be removed.
    after: Option<String>,
    table: Table,
}

/// Where jobs are.
#[derive(Debug, Serialize, Deserialize)]
enum Table {
    File(PathBuf),
    /// Of this user, or of the current one.
    User(Option<String>),
}

/// Under this kind a simulation keeps users' crontabs.
const RESOURCE: &str = "crontab";

const MARK: &str = "#Ansible: ";

impl Table {
    fn of(args: &Args, system: &dyn System) -> Result<Self, ModuleError> {
        if let Some(file) = &args.cron_file {
            let text = file.text(system)?;
            if text == "/etc/crontab" {
                return Err(ModuleError::new("Will not manage /etc/crontab via cron_file, see documentation."));
            }
            return Ok(Self::File(Path::new("/etc/cron.d").join(text)));
        }
        let own = users::user_by_uid(system, system.effective_uid())?.map(|user| user.name);
        Ok(Self::User(args.user.as_ref().map(|user| user.0.clone()).filter(|user| Some(user) != own.as_ref())))
    }

    fn command(user: Option<&String>, last: &str) -> Command {
        let mut argv = vec!["crontab".to_owned()];
        argv.extend(user.iter().flat_map(|user| ["-u".to_owned(), (*user).clone()]));
        argv.push(last.to_owned());
        Command::new(argv)
    }

    /// Its text, without the header that some crontabs add when they list it.
    fn read(&self, system: &dyn System) -> Result<String, ModuleError> {
        let user = match self {
            Self::File(path) => return Ok(if system.exists(path)? { system.read_text(path)? } else { String::new() }),
            Self::User(user) => user,
        };
        if let Some(Value::String(text)) = system.resource(RESOURCE, user.as_deref().unwrap_or_default()) {
            return Ok(text);
        }
        let answer = tool::ask(system, &Self::command(user.as_ref(), "-l"))?;
        if !matches!(answer.rc, 0 | 1) {
            return Err(ModuleError::new("Unable to read crontab")
                .field("rc", answer.rc)
                .field("stderr", answer.stderr_text()));
        }
        let is_header = |line: &str| {
            line.starts_with("# DO NOT EDIT THIS FILE - edit the master and reinstall.")
                || line.starts_with("# (/tmp/") && line.contains("installed on")
                || line.starts_with("# (") && line.contains("version")
        };
        let text = answer.stdout_text();
        let lines = text.split_inclusive('\n').enumerate();
        Ok(lines.filter(|(index, line)| *index > 2 || !is_header(line)).map(|(_, line)| line).collect())
    }

    fn header(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::User(Some(user)) => format!("crontab for user \"{user}\""),
            Self::User(None) => "crontab".to_owned(),
        }
    }
}

/// Lines of a crontab.
struct Lines(Vec<String>);

impl Lines {
    fn names(&self, name: impl Fn(&str) -> Option<&str>) -> Vec<String> {
        self.0.iter().filter_map(|line| name(line)).map(str::to_owned).collect()
    }

    fn jobs(&self) -> Vec<String> {
        self.names(|line| line.strip_prefix(MARK))
    }

    fn variables(&self) -> Vec<String> {
        self.names(|line| {
            line.split_once('=')
                .map(|(name, _)| name)
                .filter(|name| !name.is_empty() && !name.contains(char::is_whitespace))
        })
    }

    fn variable(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    }

    /// Where the line of the job called `name` is.
    fn job(&self, name: &str) -> Option<usize> {
        let mut comment = None;
        for (index, line) in self.0.iter().enumerate() {
            match comment.take() {
                Some(found) if found == name => return Some(index),
                Some(_) => {}
                None => comment = line.strip_prefix(MARK),
            }
        }
        None
    }

    fn text(&self) -> String {
        let text = self.0.join("\n");
        let text = text.trim_end_matches(['\r', '\n']);
        if self.0.iter().all(String::is_empty) { String::new() } else { format!("{text}\n") }
    }

    /// Sets or adds a variable; whether that is a change.
    fn set_variable(&mut self, args: &Args, line: String) -> Result<bool, ModuleError> {
        if let Some(index) = self.variable(&args.name) {
            if self.0[index] == line {
                return Ok(false);
            }
            let name = format!("{}=", args.name.0);
            for old in self.0.iter_mut().filter(|old| old.starts_with(&name)) {
                old.clone_from(&line);
            }
            return Ok(true);
        }
        let at = match args
            .insertafter
            .as_ref()
            .map(|name| (name, 1))
            .or(args.insertbefore.as_ref().map(|name| (name, 0)))
        {
            None => 0,
            Some((other, after)) => match self.variable(other) {
                Some(index) => index + after,
                None => return Err(ModuleError::new(format!("Variable named '{}' not found.", other.0))),
            },
        };
        self.0.insert(at, line);
        Ok(true)
    }

    /// Sets or adds a job; whether that is a change.
    fn set_job(&mut self, name: &str, job: &str) -> bool {
        let comment = format!("{MARK}{name}");
        if let Some(index) = self.job(name) {
            if self.0[index] == job {
                return false;
            }
            self.0[index] = job.to_owned();
            return true;
        }
        // The same job without a name, or with an empty one, gets it.
        if let Some(index) = self.0.iter().position(|line| line == job) {
            let above = index.checked_sub(1).map(|above| self.0[above].clone()).unwrap_or_default();
            if !above.starts_with(MARK) {
                self.0.insert(index, comment);
                return true;
            }
            if above == format!("{MARK}None") {
                self.0[index - 1] = comment;
                return true;
            }
        }
        self.0.extend([comment, job.to_owned()]);
        true
    }

    /// Removes a job with its comment; whether there was one.
    fn remove_job(&mut self, name: &str) -> bool {
        if self.job(name).is_none() {
            return false;
        }
        let comment = format!("{MARK}{name}");
        let mut skip = false;
        self.0.retain(|line| {
            let keep = !skip && *line != comment;
            skip = !skip && *line == comment;
            keep
        });
        true
    }
}

impl Args {
    fn validate(&self) -> Result<(), ModuleError> {
        let times = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        let problem = if self.insertafter.is_some() && self.insertbefore.is_some() {
            "parameters are mutually exclusive: insertafter|insertbefore"
        } else if self.special_time.is_some() && times.into_iter().any(|time| &**time != "*") {
            "You cannot combine special_time with any of the time or day/date parameters."
        } else if *self.env && self.name.contains(' ') {
            "Invalid name for environment variable"
        } else if self.state == State::Absent {
            return Ok(());
        } else if self.cron_file.is_some() && self.user.is_none() {
            "To use cron_file=... parameter you must specify user=... as well"
        } else if self.job.is_none() {
            "You must specify 'job' to install a new cron job or variable"
        } else if (self.insertafter.is_some() || self.insertbefore.is_some()) && !*self.env {
            "Insertafter and insertbefore parameters are valid only with env=yes"
        } else {
            return Ok(());
        };
        Err(ModuleError::new(problem))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let name = self.cron_file.as_ref().map(|file| file.raw().rsplit('/').next().unwrap_or_default().to_owned());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if let Some(name) = name.filter(|name| name.is_empty() || !name.chars().all(is_plain)) {
            warnings.push(format!(
                "Filename portion of cron_file (\"{name}\") should consist solely of upper- and lower-case letters, digits, \
                 underscores, and hyphens"
            ));
        }
        let job = self.job.as_deref().unwrap_or_default().trim_matches(['\r', '\n']);
        if self.state == State::Present && !*self.env && job.contains(['\r', '\n']) {
            warnings.push("Job should not contain line breaks".to_owned());
        }
        warnings
    }

    fn job_line(&self) -> String {
        let job = self.job.as_deref().unwrap_or_default().trim_matches(['\r', '\n']);
        let user = match (&self.cron_file, &self.user) {
            (Some(_), Some(user)) => format!("{} ", user.0),
            _ => String::new(),
        };
        let disabled = if *self.disabled { "#" } else { "" };
        match self.special_time {
            Some(time) => format!("{disabled}@{} {user}{job}", time.name()),
            None => {
                let times = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday].map(|time| &**time);
                format!("{disabled}{} {user}{job}", times.join(" "))
            }
        }
    }
}

impl Module for Cron {
    const NAME: &'static str = "ansible.builtin.cron";
    const ALIASES: &'static [&'static str] = &["ansible.legacy.cron"];
    type Args = Args;
    type Output = Output;
    type Change = Change;

    fn check(args: &Args, system: &dyn System) -> Result<Checked<Self>, ModuleError> {
        let table = Table::of(args, system)?;
        args.validate()?;
        let before = table.read(system)?;
        let mut lines = Lines(before.lines().map(str::to_owned).collect());
        let changed = match (*args.env, args.state) {
            (true, State::Present) => {
                let value = args.job.as_deref().unwrap_or_default();
                lines.set_variable(args, format!("{}=\"{value}\"", args.name.0))?
            }
            (true, State::Absent) => {
                let found = lines.variable(&args.name).is_some();
                let name = format!("{}=", args.name.0);
                lines.0.retain(|line| !line.starts_with(&name));
                found
            }
            (false, State::Present) => lines.set_job(&args.name, &args.job_line()),
            (false, State::Absent) => lines.remove_job(&args.name),
        };
        let cron_file = args.cron_file.as_ref().map(|file| file.raw().to_owned());
        let is_empty = lines.0.iter().all(|line| line.trim().is_empty());
        if changed && is_empty && args.state == State::Absent && !*args.env && matches!(table, Table::File(_)) {
            let output = Output { cron_file, state: Some(State::Absent), ..Output::default() };
            return Ok(Checked::changed(output, Change { before, after: None, table }));
        }
        let output = Output {
            jobs: Some(lines.jobs()),
            envs: Some(lines.variables()),
            cron_file,
            warnings: args.warnings(),
            ..Output::default()
        };
        // The last line of a crontab counts only if it has an end.
        let unfinished = !before.is_empty() && !before.ends_with(['\r', '\n']);
        if changed || unfinished {
            let after = Some(lines.text());
            return Ok(Checked::changed(output, Change { before, after, table }));
        }
        Ok(Checked::unchanged(output))
    }

    fn apply(args: &Args, change: Change, system: &mut dyn System) -> Result<Output, ModuleError> {
        let mut backup_file = None;
        if *args.backup && change.after.is_some() {
            let path = temporary_path(system, Some("crontab"));
            system.write(&path, &WriteFile { mode: Some(0o600), ..WriteFile::new(change.before.clone()) })?;
            backup_file = Some(path);
        }
        match (&change.table, &change.after) {
            (Table::File(_), _) => write_file(&change, system)?,
            (Table::User(user), after) => {
                let text = after.clone().unwrap_or_default();
                let command = Table::command(user.as_ref(), "-").stdin(text);
                tool::run(system, &command).map_err(|error| {
                    let msg = format!("Failed to install new cronfile: {}", error.msg);
                    ModuleError { msg, fields: error.fields }
                })?;
            }
        }
        Ok(Output { backup_file, ..output(args, &change) })
    }

    fn simulate(args: &Args, change: Change, system: &mut dyn System) -> Result<Simulated<Output>, ModuleError> {
        match &change.table {
            Table::File(_) => write_file(&change, system)?,
            Table::User(user) => {
                let text = change.after.clone().unwrap_or_default();
                system.set_resource(RESOURCE, user.as_deref().unwrap_or_default(), Value::String(text));
            }
        }
        Ok(Simulated::known(output(args, &change)))
    }

    fn made(change: &Change) -> Vec<Made> {
        let after = change.after.as_deref().unwrap_or_default();
        let mut made = Made::of_text(Path::new(""), Some(&change.before), after);
        if let (Table::File(path), true) = (&change.table, change.before.is_empty()) {
            made.push(Made::File(path.clone()));
        }
        made
    }

    fn diff(change: &Change) -> Vec<Diff> {
        let mut diff =
            Diff::texts(change.table.header(), change.before.clone(), change.after.clone().unwrap_or_default());
        if change.after.is_none() {
            diff.after_header = "/dev/null".to_owned();
        }
        vec![diff]
    }
}

fn write_file(change: &Change, system: &mut dyn System) -> Result<(), ModuleError> {
    let Table::File(path) = &change.table else { return Ok(()) };
    match &change.after {
        None => system.remove(path)?,
        Some(text) => {
            let mode = if system.exists(path)? { None } else { Some(0o644) };
            system.write(path, &WriteFile { mode, ..WriteFile::new(text.clone()) })?;
        }
    }
    Ok(())
}

fn output(args: &Args, change: &Change) -> Output {
    let cron_file = args.cron_file.as_ref().map(|file| file.raw().to_owned());
    let Some(after) = &change.after else {
        return Output { cron_file, state: Some(State::Absent), ..Output::default() };
    };
    let lines = Lines(after.lines().map(str::to_owned).collect());
    Output {
        jobs: Some(lines.jobs()),
        envs: Some(lines.variables()),
        cron_file,
        warnings: args.warnings(),
        ..Output::default()
    }
}
